"""Learning rates that fall along half a cosine."""

from __future__ import annotations

import math

from brasa.ir.errors import ValueError
from brasa.optim.lr_scheduler.base import LRScheduler
from brasa.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first learning rate down to eta_min in T_max epochs, and up again."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """From the rate before, so that it follows a rate that was changed by others."""
        if self._is_initial:
            return self._rates()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the lowest point: nothing to scale
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            pairs = zip(self.base_lrs, self._rates(), strict=True)
            return [rate + (base - self.eta_min) * rise for base, rate in pairs]
        ratio = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return [ratio * (rate - self.eta_min) + self.eta_min for rate in self._rates()]

    def _height(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * epoch / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to eta_min in T_0 epochs, then anew from the top, each time in T_mult times as many.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not (isinstance(T_0, int) and T_0 > 0 and isinstance(T_mult, int) and T_mult >= 1):
            raise ValueError(f"T_0 and T_mult must be positive ints, found {T_0} and {T_mult}",
                             op="CosineAnnealingWarmRestarts")  # fmt: skip
        self.T_0, self.T_i, self.T_mult, self.eta_min, self.T_cur = T_0, T_0, T_mult, eta_min, last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to a fraction of one, as epoch + batch / batches."""
        self._place(self.last_epoch + 1 if epoch is None else epoch, whole=epoch is None)
        super().step()

    def _place(self, epoch: float, whole: bool) -> None:
        """Find the period that the epoch is in, and how far."""
        if epoch < 0:
            raise ValueError(f"epoch must not be negative, found {epoch}", op="CosineAnnealingWarmRestarts")
        if whole:
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            self.T_cur, self.T_i = epoch, self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch) - 1

    def restart(self) -> None:
        """Go back to the first period."""
        self.T_cur, self.T_i = 0, self.T_0
        super().restart()
