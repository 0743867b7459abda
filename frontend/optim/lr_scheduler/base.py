"""What all schedules of learning rates share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from brasa._state import STATE
from brasa.ir.errors import ArgumentError, NotImplementedError, ValueError
from brasa.optim.optimizer import Optimizer

_C = TypeVar("_C", bound=Callable[..., Any])


def _noted(make_step: _C) -> _C:
    """A step that captured programs know of, when it is given nothing and is not a schedule's first."""

    @functools.wraps(make_step)
    def step(self: LRScheduler, *args: Any, **kwargs: Any) -> Any:
        trace = STATE.trace
        if trace is None or args or kwargs or getattr(self, "_is_initial", False):
            return make_step(self, *args, **kwargs)
        return trace.schedule(self, functools.partial(make_step, self))

    return step  # type: ignore[return-value]


class LRScheduler:
    """The base of all schedules: `step()` counts an epoch and sets the learning rate of every group."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"expected an optimiser, found {type(optimizer).__name__}", op=type(self).__name__)
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(f"group {number} has no 'initial_lr' to continue from", op=type(self).__name__,
                                 hint="load the optimiser's state first")  # fmt: skip
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _noted(cls.step)  # type: ignore[method-assign]

    def get_lr(self) -> list[float]:
        """The learning rates of this epoch."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def get_last_lr(self) -> list[float]:
        """The learning rates in use."""
        return self._last_lr

    @_noted
    def step(self) -> None:
        """Go to the next epoch."""
        self._step_count += 1
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self._rates()

    def restart(self) -> None:
        """Go back to epoch 0 and the first learning rates: where a sequence of schedules comes to this one."""
        self.last_epoch, self._is_initial = 0, True
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._is_initial = False
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule needs to continue; not the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.__dict__.update(state_dict)


def for_groups(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """A value for each group, from one for all or a list of them."""
    count = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise ValueError(f"{len(values)} values of {name} for {count} groups")
    return values
