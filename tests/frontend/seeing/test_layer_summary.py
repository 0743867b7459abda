"""summary: shapes, parameters, FLOPs by closed formulas, bytes, and how it prints."""

from __future__ import annotations

from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.nn import functional as F


class Net(nn.Module):
    """A convolution, a layer that is called twice, and a product that belongs to no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(4, 6, (3, 2), stride=2, groups=2), nn.BatchNorm2d(6), nn.ReLU())
        self.mix = nn.Linear(6, 6, bias=False)
        self.spare = nn.Linear(1, 1)
        self.mix.weight.requires_grad_(False)

    def forward(self, x: brasa.Tensor, y: brasa.Tensor) -> tuple[brasa.Tensor, dict[str, brasa.Tensor]]:
        """Two results."""
        h = self.mix(self.mix(self.features(x).mean((2, 3))))
        return h, {"scores": h @ y}


def test_numbers() -> None:
    model = Net()
    model.features[1].eval()
    shown = brasa.summary(model, [(3, 4, 9, 9), (6, 5)])
    by_name = {layer.name: layer for layer in shown.layers}
    conv = 2 * (3 * 6 * 4 * 4) * (2 * 3 * 2)  # twice results times products for each
    mix, scores = 2 * (3 * 6 * 6), 2 * (3 * 6 * 5)
    assert {name: layer.flops for name, layer in by_name.items()} == {
        "": conv + 2 * mix + scores, "features": conv, "features.0": conv, "features.1": 0, "features.2": 0,
        "mix": 2 * mix, "spare": 0,
    }  # fmt: skip
    assert by_name[""].outputs == ((3, 6), (3, 5))
    assert by_name["features.0"].outputs == ((3, 6, 4, 4),)
    assert (by_name["mix"].calls, by_name["spare"].calls, by_name["spare"].outputs) == (2, 0, ())
    assert by_name["mix"].output_bytes == 2 * 3 * 6 * 4
    weights = 6 * 2 * 3 * 2 + 6
    assert by_name["features.0"].parameters == weights
    assert by_name[""].parameters == weights + 12 + 36 + 2
    assert by_name[""].trainable == weights + 12 + 2
    assert by_name["features.1"].nbytes == 4 * (6 + 6 + 6 + 6) + 8  # and the number of batches, an int64
    assert [layer.depth for layer in shown.layers] == [0, 1, 2, 2, 2, 1, 1]
    assert model.training and not model.features[1].training
    assert not model._forward_hooks and not model.mix._forward_pre_hooks


def test_it_prints() -> None:
    model = nn.Sequential(nn.Linear(300, 10), nn.Sequential(nn.ReLU(), nn.Linear(10, 2)))
    shown = brasa.summary(model, brasa.zeros(8, 300))
    assert (
        str(shown)
        == """\
layer            output   parameters   FLOPs   bytes
----------------------------------------------------
Sequential       [8, 2]        3,032  48,320  12,128
  0: Linear      [8, 10]       3,010  48,000  12,040
  1: Sequential  [8, 2]           22     320      88
    0: ReLU      [8, 10]           0       0       0
    1: Linear    [8, 2]           22     320      88
----------------------------------------------------
parameters: 3,032, of which 3,032 are trained
FLOPs: 48,320
bytes: 11.84 KiB of parameters and buffers, 704 bytes of results"""
    )
    html = shown._repr_html_()
    assert html.count("<tr>") == 6 and "  0: Linear</td>" in html and "704 bytes of results</p>" in html
    assert "(not called)" in str(brasa.summary(Net(), [(3, 4, 9, 9), (6, 5)]))


def test_lists_of_layers() -> None:
    model = nn.Module()
    model.layers = nn.ModuleList(nn.Linear(3, 3, bias=False) for _ in range(2))
    model.forward = lambda x: model.layers[1](model.layers[0](x))  # type: ignore[method-assign]
    assert [layer.flops for layer in brasa.summary(model, (5, 3)).layers] == [180, 180, 90, 90]


def forward_of(function: Any) -> nn.Module:
    """A module that computes a function."""
    model = nn.Module()
    model.forward = function  # type: ignore[method-assign]
    return model


FLOPS: dict[str, tuple[Any, list[tuple[int, ...]], int]] = {
    "a batch of products": (brasa.matmul, [(2, 3, 4, 5), (5, 6)], 2 * 2 * 3 * 4 * 5 * 6),
    "einsum": (lambda x, y: brasa.einsum("bij,bkj->bik", x, y), [(2, 3, 4), (2, 5, 4)], 2 * 2 * 3 * 4 * 5),
    "attention": (F.scaled_dot_product_attention, [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7)], 2 * 2 * 3 * 4 * 6 * 12),
    "a transposed convolution": (F.conv_transpose2d, [(2, 3, 4, 4), (3, 5, 2, 2)], 2 * 2 * 3 * 16 * 5 * 4),
    "a loop": (
        lambda x, w: brasa.scan(lambda h, x: (h @ w + x, h), brasa.zeros(2, 3), x),
        [(5, 2, 3), (3, 3)],
        5 * 2 * 2 * 3 * 3,
    ),
    "a choice": (lambda x: brasa.cond(x.sum() > 0, lambda x: x @ x, lambda x: x, (x,)), [(4, 4)], 2 * 4 * 4 * 4),
    "no product": (lambda x: brasa.softmax(x, 0), [(2, 3)], 0),
}


@pytest.mark.parametrize("name", FLOPS)
def test_flops(name: str) -> None:
    function, shapes, expected = FLOPS[name]
    assert brasa.summary(forward_of(function), shapes).layers[0].flops == expected


def test_inputs() -> None:
    embedding = nn.Embedding(5, 3)
    for given in (brasa.tensor([1, 2]), [brasa.tensor([1, 2])], (brasa.tensor([1, 2]),)):
        assert brasa.summary(embedding, given).layers[0].outputs == ((2, 3),)
    assert brasa.summary(nn.ReLU().double(), (2, 3)).layers[0].output_bytes == 24
    assert brasa.summary(nn.Linear(2, 3).double(), [2]).layers[0].output_bytes == 24


REFUSED: dict[str, tuple[Any, Any]] = {
    "summary: expects a module, found function": (lambda x: x, (1,)),
    "summary: an input must be a tensor or a shape, found ab": (nn.ReLU(), ["ab"]),
    "summary: an input must be a tensor or a shape, found -3": (nn.ReLU(), -3),
    "summary: an input must be a tensor or a shape, found [2, -3]": (nn.ReLU(), [2, -3]),
    "a value is needed while the program is traced": (forward_of(lambda x: x[: int(x.sum())]), (3,)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message: str) -> None:
    model, given = REFUSED[message]
    with pytest.raises(brasa.BrasaError) as caught:
        brasa.summary(model, given)
    assert str(caught.value).startswith(message)
    assert getattr(model, "training", True) is True
