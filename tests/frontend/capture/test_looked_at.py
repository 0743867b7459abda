"""Gradients that are asked for after a program has looked at values which they go through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn


def loss_looked_at(x: Any) -> None:
    loss = ((0.5 * x) ** 2).sum()
    assert loss.item() > 0
    loss.backward()


def middle_looked_at(x: Any) -> None:
    y = (0.5 * x).exp()
    z = (y * x).sin()
    assert bool((y > 0).all()) and z.numel() == len(z.tolist())
    (z * y).sum().backward()


def kept_graph(x: Any) -> None:
    y = (x * x).sum()
    y.backward(retain_graph=True)
    assert y.item() > 0
    y.backward()


def second_order(x: Any) -> None:
    y = (x**3).sum()
    assert y.item() > 0
    (slope,) = brasa.autograd.grad(y, x, create_graph=True)
    assert slope.sum().item() > 0
    (slope * slope).sum().backward()


def by_what_was_looked_at(x: Any) -> None:
    y = x * 3
    y.tolist()
    z = (y * y).sum()
    z.item()
    (slope,) = brasa.autograd.grad(z, y)
    x.grad = slope


def part_detached(x: Any) -> None:
    y = x.exp()
    z = y.detach() * x
    assert bool((z > 0).all())
    (z * y).sum().backward()


def noise(x: Any) -> None:
    y = x * brasa.rand(3)
    y.tolist()
    (y * brasa.rand(3)).sum().backward()


PROGRAMS = [
    loss_looked_at, middle_looked_at, kept_graph, second_order, by_what_was_looked_at, part_detached, noise,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_gradients(program: Callable[[Any], None]) -> None:
    compiled = brasa.compile(program)
    found = []
    for run in (program, *(compiled,) * 4):
        x = brasa.tensor([0.5, 1.0, 1.5], requires_grad=True)
        brasa.manual_seed(3)
        run(x)
        found.append(x.grad.tolist())
    assert all(each == found[0] for each in found) and any(found[0])


def test_training_that_reports_losses() -> None:
    """The loss is printed before it goes backward, and a norm of gradients before the step."""

    def trained(wrap: Callable[[Any], Any]) -> Any:
        brasa.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 1))
        optimizer = brasa.optim.Adam(model.parameters(), 0.05)

        def step(x: Any, y: Any) -> float:
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            value = loss.item()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5).item()
            optimizer.step()
            return value

        run = wrap(step)
        losses = [run(brasa.randn(6, 4), brasa.ones(6, 1)) for _ in range(6)]
        return losses, [value.tolist() for value in model.state_dict().values()]

    assert trained(lambda step: step) == trained(brasa.compile)
