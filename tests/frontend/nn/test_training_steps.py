"""One compiled training step for each family of layers: the bits of the eager one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn

ROWS, SIGNAL, IMAGE, VOLUME = (4, 6), (2, 4, 8), (2, 4, 6, 6), (2, 2, 4, 4, 4)
Family = tuple[Callable[[], nn.Module], tuple[int, ...]]


class Pair(nn.Module):
    """A layer that takes two inputs, here the same one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        return self.layer(x, x)


class First(nn.Module):
    """The first result of a layer that has several."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        return self.layer(x)[0]


class Indexed(nn.Module):
    """A layer of row numbers, made from the input."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        return self.layer((x.abs() * 3).long().clamp(0, 7)) * x.sum()


FAMILIES: dict[str, Family] = {
    "Linear": (lambda: nn.Linear(6, 3), ROWS),
    "Bilinear": (lambda: Pair(nn.Bilinear(6, 6, 2)), ROWS),
    "Conv1d": (lambda: nn.Conv1d(4, 2, 3, padding=1), SIGNAL),
    "Conv2d": (lambda: nn.Conv2d(4, 4, 3, 2, groups=2), IMAGE),
    "Conv3d": (lambda: nn.Conv3d(2, 2, 2), VOLUME),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 2, 3, 2, 1, 1), IMAGE),
    "BatchNorm": (lambda: nn.BatchNorm2d(4), IMAGE),
    "InstanceNorm": (lambda: nn.InstanceNorm1d(4, affine=True, track_running_stats=True), SIGNAL),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGE),
    "LayerNorm": (lambda: nn.LayerNorm(6), ROWS),
    "RMSNorm": (lambda: nn.RMSNorm(6), ROWS),
    "LocalResponseNorm": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.LocalResponseNorm(2)), IMAGE),
    "PReLU": (lambda: nn.PReLU(4), IMAGE),
    "activations": (lambda: nn.Sequential(nn.Linear(6, 6), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Mish()), ROWS),
    "softmax": (lambda: nn.Sequential(nn.Linear(6, 6), nn.LogSoftmax(-1)), ROWS),
    "dropout": (lambda: nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.4), nn.AlphaDropout(0.2)), ROWS),
    "pooling": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), nn.AvgPool2d(2, 1), nn.LPPool2d(2, 2, 1)),
                IMAGE),
    "adaptive pooling": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.AdaptiveMaxPool2d(4), nn.AdaptiveAvgPool2d(3)),
                         IMAGE),
    "padding": (lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.CircularPad2d(1), nn.Conv2d(4, 2, 3)), IMAGE),
    "upsampling": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Upsample(scale_factor=2, mode="bilinear")), IMAGE),
    "folds": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Unfold(2), nn.Fold((6, 6), 2)), IMAGE),
    "shapes": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.PixelShuffle(2), nn.Flatten(), nn.Linear(144, 2)), IMAGE),
    "Embedding": (lambda: Indexed(nn.Embedding(8, 3, padding_idx=1)), ROWS),
    "EmbeddingBag": (lambda: Indexed(nn.EmbeddingBag(8, 3)), ROWS),
    "RNN": (lambda: First(nn.RNN(8, 3)), SIGNAL),
    "LSTM": (lambda: First(nn.LSTM(8, 3, bidirectional=True)), SIGNAL),
    "GRUCell": (lambda: nn.GRUCell(6, 3), ROWS),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), SIGNAL),
    "weight_norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(6, 3)), ROWS),
    "spectral_norm": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3)), ROWS),
}  # fmt: skip


def train(family: Family, compiled: bool) -> list[Any]:
    """Losses, and the final state, of a few steps."""
    make, shape = family
    brasa.manual_seed(5)
    model = make()
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: brasa.Tensor) -> brasa.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    run = brasa.compile(step, fullgraph=True) if compiled else step
    losses = [run(brasa.randn(*shape)).item() for _ in range(4)]
    return [losses, {name: value.tolist() for name, value in model.state_dict().items()}]


@pytest.mark.parametrize("name", FAMILIES)
def test_compiled_steps_have_the_bits_of_eager_ones(name: str) -> None:
    eager = train(FAMILIES[name], compiled=False)
    assert train(FAMILIES[name], compiled=True) == eager
    assert len(set(eager[0])) == len(eager[0])
