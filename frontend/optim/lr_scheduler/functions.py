"""Learning rates that follow a user's function of the epoch."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brasa.optim.lr_scheduler.base import LRScheduler, for_groups
from brasa.optim.optimizer import Optimizer


class LambdaLR(LRScheduler):
    """The first learning rate times a function of the epoch: one function for all groups, or one for each."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.lr_lambdas: list[Callable[[int], float]] = for_groups("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * scale(self.last_epoch) for base, scale in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """As every schedule's; of the functions only what callable objects hold."""
        held = [None if isinstance(each, types.FunctionType) else dict(vars(each)) for each in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": held}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state; the functions stay, callable objects take what was saved of them."""
        state = dict(state_dict)
        for function, held in zip(self.lr_lambdas, state.pop("lr_lambdas"), strict=True):
            if held is not None:
                vars(function).update(held)
        super().load_state_dict(state)


class MultiplicativeLR(LambdaLR):
    """The learning rate times a function of the epoch, in every epoch after the first."""

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        return [rate * scale(self.last_epoch) for rate, scale in zip(self._rates(), self.lr_lambdas, strict=True)]
