"""Learning rates that fall when a metric has stopped improving."""

from __future__ import annotations

import math
from typing import Any

from brasa.ir.errors import ArgumentError, ValueError
from brasa.optim.lr_scheduler.base import LRScheduler, for_groups
from brasa.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """The learning rate times factor when the metric given to `step` has not improved in more than patience epochs.

    An improvement is one by threshold, relative to the best metric so far or, with threshold_mode="abs", absolute.
    After a reduction, cooldown epochs are not counted. No rate goes below min_lr, and none changes by less than eps.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0, min_lr: Any = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"expected an optimiser, found {type(optimizer).__name__}", op="ReduceLROnPlateau")
        if factor >= 1.0:
            raise ValueError(f"factor must be below 1, found {factor}", op="ReduceLROnPlateau")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(f"mode is 'min' or 'max' and threshold_mode 'rel' or 'abs', found {mode!r} and "
                             f"{threshold_mode!r}", op="ReduceLROnPlateau")  # fmt: skip
        self.optimizer = optimizer
        self.mode, self.factor, self.patience, self.cooldown, self.eps = mode, factor, patience, cooldown, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.min_lrs = for_groups("min_lr", min_lr, optimizer)
        self.last_epoch = 0
        self._last_lr = self._rates()
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0

    def is_better(self, metric: float, best: float) -> bool:
        """Whether a metric is an improvement."""
        sign = 1 if self.mode == "max" else -1
        margin = self.threshold if self.threshold_mode == "abs" else abs(self.threshold * best)
        return metric > best + margin if sign == 1 else metric < best - margin

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted now."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Go to the next epoch, with the metric of the last one."""
        metric = float(metrics)
        self.last_epoch += 1
        if self.best in (math.inf, -math.inf) or self.is_better(metric, self.best):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lower = max(group["lr"] * self.factor, least)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower
