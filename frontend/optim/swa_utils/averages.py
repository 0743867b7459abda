"""Averages of a model's weights over its training (Izmailov et al., "Averaging weights leads to wider optima", 2018),
and what goes with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any

from brasa.autograd import no_grad
from brasa.functions.pointwise import where
from brasa.ir.dtype import int64
from brasa.ir.errors import ArgumentError, ValueError
from brasa.nn.batch_normalization import BatchNorm
from brasa.nn.module import Module
from brasa.optim.lr_scheduler.base import LRScheduler, for_groups
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor

Average = Callable[[Tensor, Tensor, Any], Tensor]
ListAverage = Callable[[list[Tensor], list[Tensor], Any], None]


def get_swa_avg_fn() -> Average:
    """The plain average, of one tensor: f(average, new value, number of values so far)."""

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return averaged + (current - averaged) / (count + 1)

    return no_grad(average)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponential moving average, of one tensor."""
    _check_decay(decay)

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return averaged * decay + current * (1 - decay)

    return no_grad(average)


def get_swa_multi_avg_fn() -> ListAverage:
    """The plain average of many tensors, in place."""
    return _of_many(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> ListAverage:
    """The exponential moving average of many tensors, in place."""
    return _of_many(get_ema_avg_fn(decay))


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"decay must be in 0..1, not {decay}", op="get_ema_avg_fn")


def _of_many(average: Average) -> ListAverage:
    def update(averaged: list[Tensor], current: list[Tensor], count: Any) -> None:
        for old, new in zip(averaged, current, strict=True):
            old.copy_(average(old, new, count) if old.is_floating_point() else new)

    return no_grad(update)


class AveragedModel(Module):
    """A copy of a model that holds the average of its parameters; `update_parameters` takes the present ones in.

    avg_fn(average, value, count) or multi_avg_fn(averages, values, count) say how; the plain average is usual.
    use_buffers: average buffers, too, instead of copying them.
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Average | None = None,
        multi_avg_fn: ListAverage | None = None, use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("takes avg_fn or multi_avg_fn, not both", op="AveragedModel")
        self.module = deepcopy(model) if device is None else deepcopy(model).to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def _averaged(self, model: Module) -> list[Tensor]:
        return [*model.parameters(), *(model.buffers() if self.use_buffers else ())]

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters into the average; the first ones are copied."""
        pairs = list(zip(self._averaged(self.module), self._averaged(model), strict=True))
        averages = [own.detach() for own, _ in pairs]
        values = [other.detach().to(own.device) for own, other in pairs]
        if self.multi_avg_fn is not None and bool(self.n_averaged > 0):
            self.multi_avg_fn(averages, values, self.n_averaged)
        elif self.multi_avg_fn is not None:
            for own, value in zip(averages, values, strict=True):
                own.copy_(value)
        else:
            average, first = self.avg_fn or get_swa_avg_fn(), self.n_averaged == 0
            for own, value in zip(averages, values, strict=True):
                own.copy_(where(first, value, average(own, value, self.n_averaged).to(own.dtype)))
        if not self.use_buffers:
            for own, value in zip(self.module.buffers(), model.buffers(), strict=True):
                own.detach().copy_(value.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's normalisations anew, from a pass over data.

    The loader gives inputs, or tuples and lists that start with one. Statistics are plain averages over the batches.
    """
    layers = [(layer, layer.momentum) for layer in _normalizations(model)]
    if not layers:
        return
    for layer, _ in layers:
        layer.reset_running_stats()
        layer.momentum = None
    mode = model.training
    model.train()
    for item in loader:
        batch = item[0] if isinstance(item, list | tuple) else item
        model(batch if device is None else batch.to(device))
    for layer, momentum in layers:
        layer.momentum = momentum
    model.train(mode)


def _normalizations(model: Module) -> Iterator[Any]:
    return (layer for layer in model.modules() if isinstance(layer, BatchNorm))


class SWALR(LRScheduler):
    """Goes from the present learning rate to swa_lr in anneal_epochs, by a cosine or a line, and stays there."""

    def __init__(
        self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}", op="SWALR")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be a number that is not negative, not {anneal_epochs!r}", op="SWALR")
        for group, rate in zip(optimizer.param_groups, for_groups("swa_lr", swa_lr, optimizer), strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How much of the way is done."""
        way = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * way)) / 2 if self.anneal_strategy == "cos" else way

    def get_lr(self) -> list[float]:
        epoch = self._step_count - 1 if self.anneal_epochs else max(1, self._step_count - 1)
        before, now = self._share(epoch - 1), self._share(epoch)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            start = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates
