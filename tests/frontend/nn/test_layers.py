"""Layers: values against NumPy in float64, gradients against finite differences, and how they print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from tests.frontend.nn import judges
from tests.frontend.nn.judges import Array, arrays_of, assert_gradients

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.standard_normal((3, 4, 7, 6))
ROWS = RANDOM.standard_normal((5, 6))

State = dict[str, Array]
Case = tuple[Callable[[], nn.Module], Array, Callable[[Array, State], Array]]

LAYERS: dict[str, Case] = {
    "Linear": (lambda: nn.Linear(6, 3), ROWS, lambda x, s: judges.linear(x, s["weight"], s["bias"])),
    "Linear without bias": (lambda: nn.Linear(6, 3, bias=False), ROWS, lambda x, s: judges.linear(x, s["weight"])),
    "Linear of 3 axes": (lambda: nn.Linear(6, 3), IMAGES, lambda x, s: judges.linear(x, s["weight"], s["bias"])),
    "Identity": (lambda: nn.Identity(1, a=2), ROWS, lambda x, s: x),
    "Conv2d": (lambda: nn.Conv2d(4, 5, 3, padding=1), IMAGES,
               lambda x, s: judges.conv2d(x, s["weight"], s["bias"], padding=(1, 1))),
    "Conv2d strided": (lambda: nn.Conv2d(4, 2, (3, 2), stride=(2, 1), bias=False), IMAGES,
                       lambda x, s: judges.conv2d(x, s["weight"], stride=(2, 1))),
    "Conv2d dilated": (lambda: nn.Conv2d(4, 2, 3, dilation=2, padding="same"), IMAGES,
                       lambda x, s: judges.conv2d(x, s["weight"], s["bias"], dilation=(2, 2), padding=(2, 2))),
    "Conv2d grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), IMAGES,
                       lambda x, s: judges.conv2d(x, s["weight"], s["bias"], groups=2)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), IMAGES, lambda x, s: judges.max_pool2d(x, 2, 2)),
    "MaxPool2d padded": (lambda: nn.MaxPool2d(3, stride=2, padding=1), IMAGES,
                         lambda x, s: judges.max_pool2d(x, 3, 2, 1)),
    "BatchNorm2d": (lambda: _spread(nn.BatchNorm2d(4)), IMAGES, lambda x, s: _channels(
        judges.normalize(x, (0, 2, 3)), s["weight"], s["bias"])),
    "BatchNorm2d evaluating": (lambda: _spread(nn.BatchNorm2d(4)).eval(), IMAGES, lambda x, s: _channels(
        _channels(x - s["running_mean"][:, None, None], 1 / np.sqrt(s["running_var"] + 1e-5), np.zeros(4)),
        s["weight"], s["bias"])),
    "BatchNorm2d plain": (lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False).eval(), IMAGES,
                          lambda x, s: judges.normalize(x, (0, 2, 3))),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(6, affine=False), ROWS, lambda x, s: judges.normalize(x, (0,))),
    "LayerNorm": (lambda: _spread(nn.LayerNorm(6)), ROWS,
                  lambda x, s: judges.normalize(x, (1,)) * s["weight"] + s["bias"]),
    "LayerNorm of 2 axes": (lambda: _spread(nn.LayerNorm([7, 6], bias=False)), IMAGES,
                            lambda x, s: judges.normalize(x, (2, 3)) * s["weight"]),
    "Flatten": (lambda: nn.Flatten(), IMAGES, lambda x, s: x.reshape(3, -1)),
    "Flatten part": (lambda: nn.Flatten(0, 1), IMAGES, lambda x, s: x.reshape(12, 7, 6)),
    "Dropout evaluating": (lambda: nn.Dropout(0.7).eval(), ROWS, lambda x, s: x),
    "ReLU": (lambda: nn.ReLU(), ROWS, lambda x, s: np.maximum(x, 0)),
    "SiLU": (lambda: nn.SiLU(), ROWS, lambda x, s: x / (1 + np.exp(-x))),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.2), ROWS, lambda x, s: np.where(x > 0, x, 0.2 * x)),
    "GELU": (lambda: nn.GELU(), ROWS, lambda x, s: x * 0.5 * (1 + judges.erf(x / np.sqrt(2)))),
    "GELU by tanh": (lambda: nn.GELU("tanh"), ROWS, lambda x, s: x * 0.5 * (
        1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    "Sigmoid": (lambda: nn.Sigmoid(), ROWS, lambda x, s: 1 / (1 + np.exp(-x))),
    "Tanh": (lambda: nn.Tanh(), ROWS, lambda x, s: np.tanh(x)),
    "Softmax": (lambda: nn.Softmax(1), ROWS, lambda x, s: np.exp(judges.log_softmax(x, 1))),
    "LogSoftmax": (lambda: nn.LogSoftmax(0), ROWS, lambda x, s: judges.log_softmax(x, 0)),
    "Sequential": (lambda: nn.Sequential(nn.Linear(6, 4), nn.Tanh()), ROWS, lambda x, s: np.tanh(
        judges.linear(x, s["0.weight"], s["0.bias"]))),
}  # fmt: skip


def _spread(module: nn.Module) -> nn.Module:
    """Give parameters and running statistics values that tell them apart."""
    for number, tensor in enumerate(module.state_dict().values()):
        if tensor.is_floating_point():
            brasa.nn.init.uniform_(tensor, 0.5 + number, 1.5 + number)
    return module


def _channels(x: Array, weight: Array, bias: Array) -> Array:
    return x * weight[:, None, None] + bias[:, None, None]


@pytest.mark.parametrize("name", LAYERS)
def test_values(name: str) -> None:
    make, point, meaning = LAYERS[name]
    brasa.manual_seed(1)
    module = make()
    state = arrays_of(module)
    result = module(brasa.tensor(point, dtype=brasa.float32))
    assert result.dtype is brasa.float32
    expected = meaning(point.astype(np.float32).astype(np.float64), state)
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name: str) -> None:
    make, point, _ = LAYERS[name]
    brasa.manual_seed(1)
    module = make().double()
    names = [name for name, _ in module.named_parameters()]
    values = [parameter.detach().numpy().copy() for parameter in module.parameters()]

    def run(x: brasa.Tensor, *parameters: brasa.Tensor) -> brasa.Tensor:
        for path, parameter in zip(names, parameters, strict=True):
            holder, _, own = path.rpartition(".")
            owner = module.get_submodule(holder)
            del owner._parameters[own]
            object.__setattr__(owner, own, parameter)
            owner._parameters[own] = None
        return module(x)

    assert_gradients(run, point, *values)


LOSSES: dict[str, tuple[nn.Module, Array, Array, Callable[[Array, Array], Array]]] = {
    "mse": (nn.MSELoss(), ROWS, ROWS[::-1], lambda x, t: ((x - t) ** 2).mean()),
    "mse summed": (nn.MSELoss(reduction="sum"), ROWS, ROWS[::-1], lambda x, t: ((x - t) ** 2).sum()),
    "l1": (nn.L1Loss(), ROWS, ROWS[::-1], lambda x, t: abs(x - t).mean()),
    "l1 of each": (nn.L1Loss(reduction="none"), ROWS, ROWS[::-1], lambda x, t: abs(x - t)),
    "l1 in the old words": (nn.L1Loss(size_average=False), ROWS, ROWS[::-1], lambda x, t: abs(x - t).sum()),
    "nll": (nn.NLLLoss(), ROWS, np.array([1, 0, 5, 2, 2]), lambda x, t: -x[range(5), t].mean()),
    "cross entropy": (nn.CrossEntropyLoss(), ROWS, np.array([1, 0, 5, 2, 2]), judges.cross_entropy),
    "cross entropy of each": (nn.CrossEntropyLoss(reduction="none"), ROWS, np.array([1, 0, 5, 2, 2]),
                              lambda x, t: judges.cross_entropy(x, t, reduction="none")),
    "cross entropy weighted": (
        nn.CrossEntropyLoss(brasa.arange(1.0, 7.0), ignore_index=2, label_smoothing=0.1), ROWS,
        np.array([1, 0, 5, 2, 2]),
        lambda x, t: judges.cross_entropy(x, t, np.arange(1.0, 7.0), ignore=2, smoothing=0.1)),
    "cross entropy smoothed sum": (
        nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.3), ROWS, np.array([1, 0, 5, 2, 2]),
        lambda x, t: judges.cross_entropy(x, t, reduction="sum", smoothing=0.3)),
    "cross entropy of probabilities": (
        nn.CrossEntropyLoss(), ROWS, np.exp(judges.log_softmax(ROWS[::-1], 1)),
        lambda x, t: -(judges.log_softmax(x, 1) * t).sum(1).mean()),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss, point, target, meaning = LOSSES[name]
    loss = loss.double()
    found = loss(brasa.tensor(point), brasa.tensor(target.copy()))
    np.testing.assert_allclose(found.numpy(), meaning(point, target), rtol=1e-12)
    assert_gradients(lambda x: loss(x, brasa.tensor(target.copy())), point)


def test_embedding() -> None:
    brasa.manual_seed(0)
    layer = nn.Embedding(7, 3, padding_idx=-2)
    table = layer.weight.detach().numpy().copy()
    assert (table[5] == 0).all()
    assert (table[:5] != 0).all()
    numbers = np.array([[1, 5, 5], [0, 1, 6]])
    result = layer(brasa.tensor(numbers))
    assert (result.detach().numpy() == table[numbers]).all()
    result.sum().backward()
    counts = np.bincount(numbers.ravel(), minlength=7).astype(np.float32)
    counts[5] = 0
    assert (layer.weight.grad.numpy() == counts[:, None] * np.ones(3)).all()


def test_embedding_over_a_table() -> None:
    table = brasa.arange(6.0).reshape(3, 2)
    frozen = nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad
    assert frozen(brasa.tensor([2])).tolist() == [[4.0, 5.0]]
    with pytest.raises(brasa.BrasaError, match=r"the weight has shape \[3, 2\], not \[3, 3\]"):
        nn.Embedding(3, 3, _weight=table)


def test_running_statistics() -> None:
    layer, average = nn.BatchNorm2d(4), nn.BatchNorm2d(4, momentum=None)
    mean, variance, means = np.zeros(4), np.ones(4), []
    for batch in (IMAGES, IMAGES * 2 + 1, IMAGES - 3):
        layer(brasa.tensor(batch, dtype=brasa.float32))
        average(brasa.tensor(batch, dtype=brasa.float32))
        mean = 0.9 * mean + 0.1 * batch.mean((0, 2, 3))
        variance = 0.9 * variance + 0.1 * batch.var((0, 2, 3), ddof=1)
        means.append(batch.mean((0, 2, 3)))
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.running_var.numpy(), variance, rtol=1e-5)
    np.testing.assert_allclose(average.running_mean.numpy(), np.mean(means, 0), rtol=1e-5, atol=1e-6)
    assert layer.num_batches_tracked.item() == 3
    layer.eval()
    layer(brasa.tensor(IMAGES, dtype=brasa.float32))
    assert layer.num_batches_tracked.item() == 3
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1.0] * 4


def test_dropout() -> None:
    brasa.manual_seed(3)
    layer = nn.Dropout(0.25)
    x = brasa.ones(100, 100, requires_grad=True)
    result = layer(x)
    values = result.detach().numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((values == 0).mean() - 0.25) < 0.02
    result.sum().backward()
    assert (x.grad.numpy() == values).all()
    assert not np.array_equal(layer(x).detach().numpy(), values)
    assert (nn.Dropout(1.0)(x).detach().numpy() == 0).all()


@pytest.mark.parametrize("make", [nn.ReLU, nn.SiLU, lambda inplace: nn.LeakyReLU(0.1, inplace)])
def test_in_place(make: Callable[..., nn.Module]) -> None:
    leaf = brasa.tensor(ROWS, requires_grad=True)
    other = brasa.tensor(ROWS, requires_grad=True)
    input = leaf * 2
    result = make(inplace=True)(input)
    assert result is input
    expected = make(inplace=False)(other * 2)
    assert result.tolist() == expected.tolist()
    result.sum().backward()
    expected.sum().backward()
    assert leaf.grad.tolist() == other.grad.tolist()


def test_places_of_maxima() -> None:
    values, places = nn.MaxPool2d(2, return_indices=True)(brasa.arange(16.0).reshape(1, 1, 4, 4))
    assert values.tolist() == [[[[5.0, 7.0], [13.0, 15.0]]]]
    assert places.tolist() == [[[[5, 7], [13, 15]]]]


REPRESENTATIONS = {
    "Linear(in_features=3, out_features=4, bias=True)": lambda: nn.Linear(3, 4),
    "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))": lambda: nn.Conv2d(1, 2, 3, padding=1),
    "Conv2d(4, 4, kernel_size=(3, 5), stride=(2, 2), padding=same, dilation=(2, 2), groups=2, bias=False)":
        lambda: nn.Conv2d(4, 4, (3, 5), 2, "same", 2, 2, bias=False),
    "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)":
        lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)":
        lambda: nn.BatchNorm2d(3),
    "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)":
        lambda: nn.BatchNorm1d(3, affine=False),
    "LayerNorm((3, 4), eps=1e-05, elementwise_affine=True, bias=False)": lambda: nn.LayerNorm((3, 4), bias=False),
    "Embedding(5, 3, padding_idx=1)": lambda: nn.Embedding(5, 3, padding_idx=1),
    "Dropout(p=0.5, inplace=False)": nn.Dropout,
    "Flatten(start_dim=1, end_dim=-1)": nn.Flatten,
    "Identity()": nn.Identity,
    "ReLU()": nn.ReLU,
    "ReLU(inplace=True)": lambda: nn.ReLU(True),
    "SiLU()": nn.SiLU,
    "GELU(approximate='none')": nn.GELU,
    "LeakyReLU(negative_slope=0.01)": nn.LeakyReLU,
    "Sigmoid()": nn.Sigmoid,
    "Softmax(dim=1)": lambda: nn.Softmax(1),
    "LogSoftmax(dim=-1)": lambda: nn.LogSoftmax(-1),
    "CrossEntropyLoss()": nn.CrossEntropyLoss,
    "Sequential()": nn.Sequential,
}  # fmt: skip


@pytest.mark.parametrize("text", REPRESENTATIONS)
def test_representations(text: str) -> None:
    assert repr(REPRESENTATIONS[text]()) == text


ERRORS: dict[str, Callable[[], Any]] = {
    "Conv2d: 3 input and 4 output channels do not divide into 2 groups": lambda: nn.Conv2d(3, 4, 1, groups=2),
    "Conv2d: padding must be a size, 'same' or 'valid', not 'full'": lambda: nn.Conv2d(1, 1, 1, padding="full"),
    "BatchNorm2d: input must have 4 axes, it has 2": lambda: nn.BatchNorm2d(3)(brasa.ones(2, 3)),
    "BatchNorm1d: input must have 2 or 3 axes, it has 4": lambda: nn.BatchNorm1d(3)(brasa.ones(2, 3, 4, 5)),
    "Dropout: p must be in 0..1, not 1.5": lambda: nn.Dropout(1.5),
    "Embedding: padding_idx 3 is outside the 3 rows": lambda: nn.Embedding(3, 2, padding_idx=3),
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message


def test_softmax_without_a_dim_warns() -> None:
    with pytest.warns(UserWarning, match="softmax without dim chooses one"):
        result = nn.Softmax()(brasa.zeros(2, 4))
    assert result.tolist() == [[0.25] * 4] * 2


def test_in_place_twice() -> None:
    leaf = brasa.tensor([0.5, -1.5], dtype=brasa.float64, requires_grad=True)
    value = leaf * 1
    value.exp_()
    nn.functional.silu(value, inplace=True)
    (first,) = brasa.autograd.grad(value.sum(), leaf, create_graph=True)
    (second,) = brasa.autograd.grad(first.sum(), leaf)

    def expected(x: brasa.Tensor) -> brasa.Tensor:
        return nn.functional.silu(x.exp())

    other = leaf.detach().requires_grad_()
    (plain,) = brasa.autograd.grad(expected(other).sum(), other, create_graph=True)
    assert first.tolist() == plain.tolist()
    assert second.tolist() == brasa.autograd.grad(plain.sum(), other)[0].tolist()
