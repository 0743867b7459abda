"""Learning rates that rise and fall in cycles, and momenta that do the contrary."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brasa.ir.errors import ValueError
from brasa.optim.lr_scheduler.base import LRScheduler, for_groups
from brasa.optim.optimizer import Optimizer


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def _check_momentum(optimizer: Optimizer, name: str) -> None:
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(f"{type(optimizer).__name__} has no momentum to change", op=name,
                         hint="pass cycle_momentum=False")  # fmt: skip


class CyclicLR(LRScheduler):
    """Learning rates that go from base_lr up to max_lr and back, over and over; one step is one batch.

    Smith, "Cyclical learning rates for training neural networks", 2017. mode: "triangular", "triangular2" (each cycle
    half as high as the one before) or "exp_range" (each step gamma times as high); or scale_fn, a function of the
    cycle or, with scale_mode="iterations", of the step.
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: Any, max_lr: Any, step_size_up: int = 2000,
        step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle", cycle_momentum: bool = True,
        base_momentum: Any = 0.8, max_momentum: Any = 0.9, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"mode must be 'triangular', 'triangular2' or 'exp_range', not {mode!r}", op="CyclicLR")
        base_lrs = for_groups("base_lr", base_lr, optimizer)
        self.max_lrs = for_groups("max_lr", max_lr, optimizer)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                group["lr"] = group["initial_lr"] = lr
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = "iterations" if scale_fn is None and mode == "exp_range" else scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            _check_momentum(optimizer, "CyclicLR")
            self.base_momentums = for_groups("base_momentum", base_momentum, optimizer)
            self.max_momentums = for_groups("max_momentum", max_momentum, optimizer)
        super().__init__(optimizer, last_epoch)

    def _scale(self, cycle: int) -> float:
        place = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.scale_fn is not None:
            return self.scale_fn(place)
        return {"triangular": 1.0, "triangular2": 0.5 ** (place - 1), "exp_range": self.gamma**place}[self.mode]

    def get_lr(self) -> list[float]:
        """The rates; the momenta change with them."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        part = 1.0 + self.last_epoch / self.total_size - cycle
        height = part / self.step_ratio if part <= self.step_ratio else (part - 1) / (self.step_ratio - 1)
        height *= self._scale(cycle)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                _set_momentum(group, high - (high - low) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """As every schedule's, without scale_fn."""
        return {key: value for key, value in super().state_dict().items() if key != "scale_fn"}


class OneCycleLR(LRScheduler):
    """One cycle: up from max_lr / div_factor to max_lr, then down to far below where it began; one step is one batch.

    Smith and Topin, "Super-convergence", 2018. Its length is total_steps, or epochs * steps_per_epoch; the rise takes
    pct_start of it. three_phase: down as symmetrically as up, and then to the end.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: Any, total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
        cycle_momentum: bool = True, base_momentum: Any = 0.85, max_momentum: Any = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.total_steps = _length(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"pct_start must be in 0..1 and anneal_strategy 'cos' or 'linear', found {pct_start} and "
                             f"{anneal_strategy!r}", op="OneCycleLR")  # fmt: skip
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        rise, names = pct_start * self.total_steps - 1, ("initial_lr", "max_lr", "min_lr")
        self.phases = [(rise, *names[:2], "max_momentum", "base_momentum")]
        if three_phase:
            self.phases.append((2 * rise, names[1], names[0], "base_momentum", "max_momentum"))
        last = (names[0], names[2], "max_momentum", "max_momentum") if three_phase else (
            names[1], names[2], "base_momentum", "max_momentum")  # fmt: skip
        self.phases.append((self.total_steps - 1, *last))
        if cycle_momentum:
            _check_momentum(optimizer, "OneCycleLR")
        if last_epoch == -1:
            limits = [for_groups(name, value, optimizer) for name, value in (
                ("max_lr", max_lr), ("base_momentum", base_momentum), ("max_momentum", max_momentum))]  # fmt: skip
            for group, rate, low, high in zip(optimizer.param_groups, *limits, strict=True):
                group.update(initial_lr=rate / div_factor, max_lr=rate, min_lr=rate / div_factor / final_div_factor)
                if cycle_momentum:
                    group.update(base_momentum=low, max_momentum=high)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates; the momenta change with them."""
        if self.last_epoch > self.total_steps:
            raise ValueError(f"step {self.last_epoch} of {self.total_steps}", op="OneCycleLR")
        start, (end, *names) = 0.0, self.phases[0]
        for following, *others in self.phases[1:]:
            if self.last_epoch > end:
                start, end, names = end, following, others
        part = (self.last_epoch - start) / (end - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[names[0]], group[names[1]], part))
            if self.cycle_momentum:
                _set_momentum(group, self._between(group[names[2]], group[names[3]], part))
        return rates

    def _between(self, first: float, last: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return first + (last - first) * part
        return last + (first - last) / 2 * (1 + math.cos(math.pi * part))


def _length(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    steps = total_steps
    if steps is None and epochs is not None and steps_per_epoch is not None:
        steps = epochs * steps_per_epoch
    if not isinstance(steps, int) or steps <= 0:
        raise ValueError("needs a positive total_steps, or epochs and steps_per_epoch", op="OneCycleLR")
    return steps
