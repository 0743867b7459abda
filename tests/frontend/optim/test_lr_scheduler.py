"""Schedules of learning rates, against their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import brasa
from brasa.optim import SGD, lr_scheduler


def optimizer(*rates: float) -> SGD:
    """An optimiser with a group for each learning rate."""
    return SGD([{"params": [brasa.nn.Parameter(brasa.zeros(1))], "lr": rate} for rate in rates or (0.8,)])


def rates_of(schedule: lr_scheduler.LRScheduler, epochs: int) -> list[float]:
    """The first group's learning rate in each epoch."""
    rates = []
    for _ in range(epochs):
        rates.append(schedule.optimizer.param_groups[0]["lr"])
        assert schedule.get_last_lr()[0] == rates[-1]
        schedule.step()
    return rates


SCHEDULES: dict[str, tuple[Callable[[SGD], lr_scheduler.LRScheduler], Callable[[int], float]]] = {
    "StepLR": (lambda o: lr_scheduler.StepLR(o, 3, 0.5), lambda epoch: 0.8 * 0.5 ** (epoch // 3)),
    "LambdaLR": (lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)), lambda epoch: 0.8 / (1 + epoch)),
    "CosineAnnealingLR": (
        lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.1),
        lambda epoch: 0.1 + 0.7 * (1 + math.cos(math.pi * epoch / 5)) / 2,
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_formulas(name: str) -> None:
    make, formula = SCHEDULES[name]
    assert rates_of(make(optimizer()), 17) == pytest.approx([formula(epoch) for epoch in range(17)], rel=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_state_continues(name: str) -> None:
    make, formula = SCHEDULES[name]
    schedule = make(optimizer())
    rates_of(schedule, 4)
    other = make(optimizer())
    other.optimizer.load_state_dict(schedule.optimizer.state_dict())
    other.load_state_dict(schedule.state_dict())
    assert rates_of(other, 8) == pytest.approx([formula(epoch) for epoch in range(4, 12)], rel=1e-12)


def test_every_group_has_its_own_rate() -> None:
    schedule = lr_scheduler.LambdaLR(optimizer(1.0, 2.0), [lambda epoch: epoch, lambda epoch: 10 * epoch])
    schedule.step()
    assert schedule.get_last_lr() == [1.0, 20.0]
    assert schedule.base_lrs == [1.0, 2.0]


def test_callable_objects_are_saved() -> None:
    class Scale:
        def __init__(self) -> None:
            self.factor = 0.5

        def __call__(self, epoch: int) -> float:
            return self.factor

    schedule = lr_scheduler.LambdaLR(optimizer(), Scale())
    state = schedule.state_dict()
    assert state["lr_lambdas"] == [{"factor": 0.5}]
    other = lr_scheduler.LambdaLR(optimizer(), Scale())
    other.load_state_dict({**state, "lr_lambdas": [{"factor": 0.25}]})
    other.step()
    assert other.get_last_lr() == [0.2]


def test_errors() -> None:
    with pytest.raises(brasa.BrasaError, match="StepLR: expected an optimiser, found int"):
        lr_scheduler.StepLR(1, 2)
    with pytest.raises(brasa.BrasaError, match="group 0 has no 'initial_lr' to continue from"):
        lr_scheduler.StepLR(optimizer(), 2, last_epoch=3)
    with pytest.raises(brasa.BrasaError, match="LambdaLR: 2 functions for 1 groups"):
        lr_scheduler.LambdaLR(optimizer(), [abs, abs])
