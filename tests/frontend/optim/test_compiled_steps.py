"""Whole training steps, compiled: the same bits as eagerly, with one program for all batch sizes and learning rates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import brasa
from brasa import nn, optim
from tests.compiling import assert_compiles

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda parameters: optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.1),
    "Nesterov": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda parameters: optim.Adam(parameters, lr=0.01, amsgrad=True),
    "AdamW": lambda parameters: optim.AdamW(parameters, lr=0.01),
    **{
        kind.__name__: partial(kind, lr=0.01)
        for kind in (
            optim.Adamax,
            optim.NAdam,
            optim.RAdam,
            optim.RMSprop,
            optim.Adagrad,
            optim.Adadelta,
            optim.Rprop,
            optim.ASGD,
            optim.Adafactor,
        )
    },
}


class Everything(nn.Module):
    """A model with one of each kind of layer."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.LeakyReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten()
        )
        self.row = nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6, momentum=None), nn.GELU(), nn.Dropout(0.3))
        self.hint = nn.Embedding(6, 6, padding_idx=0)
        self.norm = nn.LayerNorm(6)

    def forward(self, images: brasa.Tensor, labels: brasa.Tensor) -> brasa.Tensor:
        return self.norm(self.row(self.image(images)) + self.hint(labels))


def train(
    make: Callable[[Any], optim.Optimizer], compiled: bool, clip: bool
) -> tuple[list[float], dict[str, Any], list[Any]]:
    """The losses, the model's final state and the optimiser's, after steps at several batch sizes and rates."""
    brasa.manual_seed(3)
    model = Everything()
    optimizer = make(model.parameters())
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)

    def step(images: brasa.Tensor, labels: brasa.Tensor) -> brasa.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(images, labels), labels)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return loss

    run = brasa.compile(step, fullgraph=True) if compiled else step
    losses = []
    for number in range(10):
        size = 2 + number % 3
        losses.append(run(brasa.rand(size, 1, 4, 4), brasa.randint(0, 6, (size,))).item())
        schedule.step()
    states = [value.tolist() for state in optimizer.state.values() for value in state.values()]
    return losses, {name: tensor.tolist() for name, tensor in model.state_dict().items()}, states


@pytest.mark.parametrize(("name", "clip"), [*((name, False) for name in OPTIMIZERS), ("SGD", True)])
def test_compiled_steps(name: str, clip: bool) -> None:
    eager = train(OPTIMIZERS[name], compiled=False, clip=clip)
    with assert_compiles(1):
        compiled = train(OPTIMIZERS[name], compiled=True, clip=clip)
    assert compiled == eager
    assert len(set(eager[0])) == len(eager[0])


@pytest.mark.parametrize("name", ["Muon", "LBFGS", "strong Wolfe"])
@pytest.mark.filterwarnings("ignore::brasa.capture.compiled.CompileWarning")
def test_compiled_steps_of_matrices_and_closures(name: str) -> None:
    """A closure's loss is looked at, so a step of L-BFGS is several programs."""
    results = []
    for compiled in (False, True):
        brasa.manual_seed(2)
        layer = nn.Linear(4, 3, bias=False)
        optimizer: optim.Optimizer = (
            optim.Muon(layer.parameters(), lr=0.1) if name == "Muon"
            else optim.LBFGS(layer.parameters(), 0.5, 5, line_search_fn=None if name == "LBFGS" else "strong_wolfe")
        )  # fmt: skip

        def step(x: brasa.Tensor, layer: Any = layer, optimizer: Any = optimizer) -> None:
            def closure() -> brasa.Tensor:
                optimizer.zero_grad()
                loss = layer(x).square().mean()
                loss.backward()
                return loss

            optimizer.step(closure)

        run = brasa.compile(step, fullgraph=name == "Muon") if compiled else step
        for _ in range(3):
            run(brasa.randn(6, 4))
        results.append(layer.weight.tolist())
    assert results[0] == results[1]
