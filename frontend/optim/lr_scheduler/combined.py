"""Schedules made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from brasa.ir.errors import ValueError
from brasa.optim.lr_scheduler.base import LRScheduler
from brasa.optim.lr_scheduler.plateau import ReduceLROnPlateau
from brasa.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """Several schedules of one optimiser."""

    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError("expects at least one schedule", op=name)
        self.optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        for number, schedule in enumerate(schedulers):
            if isinstance(schedule, ReduceLROnPlateau):
                raise ValueError(f"schedule {number} needs a metric in each step", op=name)
            if schedule.optimizer is not self.optimizer:
                raise ValueError(f"schedule {number} belongs to another optimiser", op=name)
        self._schedulers = list(schedulers)

    def state_dict(self) -> dict[str, Any]:
        """As every schedule's, with those of its parts."""
        parts = [schedule.state_dict() for schedule in self._schedulers]
        return {**super().state_dict(), "_schedulers": parts}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        state = dict(state_dict)
        for schedule, part in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            schedule.load_state_dict(part)
        super().load_state_dict(state)


class SequentialLR(_Combined):
    """Schedules one after the other: at each milestone the next one starts, from the first learning rates."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(self._schedulers) - 1:
            raise ValueError(f"{len(self._schedulers)} schedules need {len(self._schedulers) - 1} milestones, "
                             f"found {len(milestones)}", op="SequentialLR")  # fmt: skip
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first.restart()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        place = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[place]
        if place and self._milestones[place - 1] == self.last_epoch:
            schedule.restart()
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


class ChainedScheduler(_Combined):
    """Schedules that all step in every epoch, each on what the one before has left."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        super().__init__(optimizer, schedulers)
        self._last_lr = self._rates()

    def step(self) -> None:
        """Go to the next epoch."""
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = self._rates()
