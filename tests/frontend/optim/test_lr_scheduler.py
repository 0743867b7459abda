"""Schedules of learning rates, against their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import brasa
from brasa.optim import SGD, Adagrad, Adam, lr_scheduler


def optimizer(*rates: float) -> SGD:
    """An optimiser with a group for each learning rate."""
    groups = [{"params": [brasa.nn.Parameter(brasa.zeros(1))], "lr": rate} for rate in rates or (0.8,)]
    return SGD(groups, momentum=0.9)


def rates_of(schedule: lr_scheduler.LRScheduler, epochs: int) -> list[float]:
    """The first group's learning rate in each epoch."""
    rates = []
    for _ in range(epochs):
        rates.append(schedule.optimizer.param_groups[0]["lr"])
        assert schedule.get_last_lr()[0] == rates[-1]
        schedule.step()
    return rates


def cosine(part: float) -> float:
    """From 1 down to 0."""
    return (1 + math.cos(math.pi * part)) / 2


def saw(epoch: int) -> float:
    """Up in 2 steps, down in 3."""
    return min(epoch % 5 / 2, (5 - epoch % 5) / 3)


SCHEDULES: dict[str, tuple[Callable[[SGD], lr_scheduler.LRScheduler], Callable[[int], float]]] = {
    "StepLR": (lambda o: lr_scheduler.StepLR(o, 3, 0.5), lambda epoch: 0.8 * 0.5 ** (epoch // 3)),
    "LambdaLR": (lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)), lambda epoch: 0.8 / (1 + epoch)),
    "CosineAnnealingLR": (
        lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.1),
        lambda epoch: 0.1 + 0.7 * (1 + math.cos(math.pi * epoch / 5)) / 2,
    ),
    "MultiplicativeLR": (lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.9), lambda epoch: 0.8 * 0.9**epoch),
    "MultiStepLR": (
        lambda o: lr_scheduler.MultiStepLR(o, [3, 5, 5], 0.5),
        lambda epoch: 0.8 * 0.5 ** ((epoch >= 3) + 2 * (epoch >= 5)),
    ),
    "ExponentialLR": (lambda o: lr_scheduler.ExponentialLR(o, 0.9), lambda epoch: 0.8 * 0.9**epoch),
    "ConstantLR": (lambda o: lr_scheduler.ConstantLR(o, 0.5, 6), lambda epoch: 0.4 if epoch < 6 else 0.8),
    "LinearLR": (lambda o: lr_scheduler.LinearLR(o, 0.2, 0.9, 7), lambda epoch: 0.8 * (0.2 + 0.1 * min(epoch, 7))),
    "PolynomialLR": (lambda o: lr_scheduler.PolynomialLR(o, 7, 2.0), lambda epoch: 0.8 * max(0.0, 1 - epoch / 7) ** 2),
    "CosineAnnealingWarmRestarts": (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2, 0.1),
        lambda epoch: (
            0.1 + 0.7 * cosine(epoch / 3 if epoch < 3 else (epoch - 3) / 6 if epoch < 9 else (epoch - 9) / 12)
        ),
    ),
    "CyclicLR": (
        lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.6, 2, 3, mode="triangular2"),
        lambda epoch: 0.1 + 0.5 * saw(epoch) * 0.5 ** (epoch // 5),
    ),
    "CyclicLR by steps": (
        lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.6, 2, 3, mode="exp_range", gamma=0.9),
        lambda epoch: 0.1 + 0.5 * saw(epoch) * 0.9**epoch,
    ),
    "OneCycleLR": (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=21, pct_start=5 / 21),
        lambda epoch: 1 - 0.96 * cosine(epoch / 4) if epoch <= 4 else 4e-6 + (1 - 4e-6) * cosine((epoch - 4) / 16),
    ),
    "OneCycleLR in three phases": (
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, epochs=3, steps_per_epoch=7, pct_start=5 / 21, anneal_strategy="linear", three_phase=True
        ),
        lambda epoch: 0.04 + 0.96 * (1 - abs(epoch - 4) / 4) if epoch <= 8 else 0.04 + (4e-6 - 0.04) * (epoch - 8) / 12,
    ),
    "SequentialLR": (
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, 0.25, 1.0, 3),
                lr_scheduler.CosineAnnealingLR(o, 6),
                lr_scheduler.ExponentialLR(o, 0.5),
            ],
            [3, 9],
        ),
        lambda epoch: (
            0.8 * (0.25 + 0.25 * epoch if epoch < 3 else cosine((epoch - 3) / 6) if epoch < 9 else 0.5 ** (epoch - 9))
        ),
    ),
    "ChainedScheduler": (
        lambda o: lr_scheduler.ChainedScheduler(
            [lr_scheduler.ConstantLR(o, 0.1, 3), lr_scheduler.ExponentialLR(o, 0.9)]
        ),
        lambda epoch: 0.8 * (0.1 if epoch < 3 else 1) * 0.9**epoch,
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_formulas(name: str) -> None:
    make, formula = SCHEDULES[name]
    assert rates_of(make(optimizer()), 17) == pytest.approx([formula(epoch) for epoch in range(17)], rel=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_state_continues(name: str) -> None:
    make, formula = SCHEDULES[name]
    schedule = make(optimizer())
    rates_of(schedule, 4)
    other = make(optimizer())
    other.optimizer.load_state_dict(schedule.optimizer.state_dict())
    other.load_state_dict(schedule.state_dict())
    assert rates_of(other, 8) == pytest.approx([formula(epoch) for epoch in range(4, 12)], rel=1e-9)


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


def test_fractions_of_epochs() -> None:
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(optimizer(), 3, 2)
    for epoch, part in ((1.5, 0.5), (2.25, 0.75), (3.0, 0.0), (6.0, 0.5), (10.2, 0.1), (0.75, 0.25)):
        schedule.step(epoch)
        assert schedule.get_last_lr() == pytest.approx([0.8 * cosine(part)])
        assert schedule.last_epoch == int(epoch)


def test_momentum_goes_the_other_way() -> None:
    one = optimizer()
    schedule = lr_scheduler.CyclicLR(one, 0.1, 0.5, 2, base_momentum=0.7, max_momentum=0.9)
    found = []
    for _ in range(5):
        found.append(one.param_groups[0]["momentum"])
        schedule.step()
    assert found == pytest.approx([0.9, 0.8, 0.7, 0.8, 0.9])
    adam = Adam([brasa.nn.Parameter(brasa.zeros(1))], lr=0.1)
    lr_scheduler.OneCycleLR(adam, 1.0, total_steps=10)
    assert adam.param_groups[0]["betas"] == (0.95, 0.999)
    lr_scheduler.OneCycleLR(Adagrad([brasa.nn.Parameter(brasa.zeros(1))]), 1.0, total_steps=10, cycle_momentum=False)


def test_plateaus() -> None:
    one = optimizer(0.8, 0.2)
    schedule = lr_scheduler.ReduceLROnPlateau(one, factor=0.5, patience=1, cooldown=1, min_lr=[0.1, 0.15])
    found = []
    for metric in (3.0, 2.0, 2.5, 2.0, 2.0, 2.0, brasa.tensor(2.0), 1.0, 0.99999, 0.5):
        schedule.step(metric)
        found.append(schedule.get_last_lr()[0])
    assert found == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2]
    assert schedule.get_last_lr() == [0.2, 0.15]
    highest = lr_scheduler.ReduceLROnPlateau(optimizer(), mode="max", patience=0, threshold=0.1, threshold_mode="abs")
    for metric, rate in ((1.0, 0.8), (1.05, 0.08), (1.2, 0.08)):
        highest.step(metric)
        assert highest.get_last_lr() == pytest.approx([rate])


ERRORS: dict[str, Callable[[], object]] = {
    "ConstantLR: factor must be in 0..1, found 2": lambda: lr_scheduler.ConstantLR(optimizer(), 2),
    "LinearLR: factors must be in 0..1, the first above 0, found 0 and 1.0":
        lambda: lr_scheduler.LinearLR(optimizer(), 0),
    "CosineAnnealingWarmRestarts: T_0 and T_mult must be positive ints, found 0 and 1":
        lambda: lr_scheduler.CosineAnnealingWarmRestarts(optimizer(), 0),
    "CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', not 'square'":
        lambda: lr_scheduler.CyclicLR(optimizer(), 0.1, 1, mode="square"),
    "2 values of max_lr for 1 groups": lambda: lr_scheduler.CyclicLR(optimizer(), 0.1, [1, 2]),
    "OneCycleLR: needs a positive total_steps, or epochs and steps_per_epoch":
        lambda: lr_scheduler.OneCycleLR(optimizer(), 1.0),
    "OneCycleLR: Adagrad has no momentum to change\n  hint: pass cycle_momentum=False":
        lambda: lr_scheduler.OneCycleLR(Adagrad([brasa.nn.Parameter(brasa.zeros(1))]), 1.0, total_steps=3),
    "ChainedScheduler: expects at least one schedule": lambda: lr_scheduler.ChainedScheduler([]),
    "SequentialLR: 1 schedules need 0 milestones, found 1":
        lambda: lr_scheduler.SequentialLR(o := optimizer(), [lr_scheduler.StepLR(o, 1)], [3]),
    "SequentialLR: schedule 0 belongs to another optimiser":
        lambda: lr_scheduler.SequentialLR(optimizer(), [lr_scheduler.StepLR(optimizer(), 1)], []),
    "ChainedScheduler: schedule 0 needs a metric in each step":
        lambda: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(optimizer())]),
    "ReduceLROnPlateau: factor must be below 1, found 1.0":
        lambda: lr_scheduler.ReduceLROnPlateau(optimizer(), factor=1.0),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_messages(message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message


def test_errors() -> None:
    with pytest.raises(brasa.BrasaError, match="StepLR: expected an optimiser, found int"):
        lr_scheduler.StepLR(1, 2)
    with pytest.raises(brasa.BrasaError, match="group 0 has no 'initial_lr' to continue from"):
        lr_scheduler.StepLR(optimizer(), 2, last_epoch=3)
    with pytest.raises(brasa.BrasaError, match="2 values of lr_lambda for 1 groups"):
        lr_scheduler.LambdaLR(optimizer(), [abs, abs])
