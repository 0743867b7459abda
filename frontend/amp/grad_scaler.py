"""GradScaler: losses scaled up, so that small gradients survive in half precision, and gradients scaled back."""

from __future__ import annotations

import itertools
from typing import Any

from brasa.autograd import no_grad
from brasa.functions import pointwise, reduction
from brasa.functions.joining import stack
from brasa.ir.dtype import float16, float32, float64, int32
from brasa.ir.errors import ArgumentError, BrasaError, ValueError
from brasa.tensors.creation import full, zeros
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.primitive import cast, type_of
from brasa.tracing.trace import tracing


@function
def _worst(found: Tensor, grad: Tensor) -> Tensor:
    """1 where an element of the gradient is not finite, else what was found so far."""
    bad = cast(pointwise.logical_not(reduction.all(pointwise.isfinite(grad))), float32)
    return pointwise.maximum(found, bad)


@function
def _unscaled(grad: Tensor, scale: Tensor) -> Tensor:
    """grad / scale, with 1 / scale rounded to float32 first."""
    inverse = cast(pointwise.reciprocal(cast(scale, float64)), float32)
    return pointwise.mul(grad, cast(inverse, type_of(grad).dtype))


@function
def _next(
    scale: Tensor, tracker: Tensor, found: Tensor, growth: float, backoff: float, interval: float
) -> tuple[Tensor, Tensor]:
    """(scale, steps since it changed): less after a step that was skipped, more after enough that were not."""
    skipped, steps = pointwise.ne(found, 0), pointwise.add(tracker, 1)
    due, grown = pointwise.ge(steps, interval), pointwise.mul(scale, growth)
    kept = pointwise.where(pointwise.logical_and(due, pointwise.isfinite(grown)), grown, scale)
    steps = pointwise.where(pointwise.logical_or(due, skipped), pointwise.mul(steps, 0), steps)
    return pointwise.where(skipped, pointwise.mul(scale, backoff), kept), steps


class GradScaler:
    """Scales losses, and takes the scale out of gradients before an optimiser's step (Micikevicius et al. 2017).

        scaler.scale(loss).backward()
        scaler.step(optimizer)  # not done where a gradient is inf or nan
        scaler.update()

    The scale is multiplied by backoff_factor after a step that was not done, by growth_factor after growth_interval
    steps in a row that were. enabled=False makes all of it do nothing but step.
    """

    def __init__(
        self, device: str = "cpu", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        if growth_factor <= 1 or not 0 <= backoff_factor < 1:
            raise ValueError(f"growth_factor must be above 1 and backoff_factor below it, they are {growth_factor} and "
                             f"{backoff_factor}", op="GradScaler")  # fmt: skip
        self.device, self._enabled = device, enabled
        self._growth_factor, self._backoff_factor = float(growth_factor), float(backoff_factor)
        self._growth_interval, self._init_scale, self._init_tracker = growth_interval, float(init_scale), 0
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._found: dict[int, Tensor] = {}  # by the id of an optimiser whose gradients have been unscaled
        self._stepped: set[int] = set()

    def _state(self) -> tuple[Tensor, Tensor]:
        """The scale, and how many steps have been done since it changed."""
        if self._scale is None or self._growth_tracker is None:
            with tracing(None):  # a captured step finds real tensors
                self._scale = full((), self._init_scale, dtype=float32)
                self._growth_tracker = full((), self._init_tracker, dtype=int32)
        return self._scale, self._growth_tracker

    def scale(self, outputs: Any) -> Any:
        """The tensor, or the tensors of a list or tuple, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return pointwise.mul(outputs, self._state()[0])
        if isinstance(outputs, list | tuple):
            return type(outputs)(map(self.scale, outputs))
        raise ArgumentError(f"expected tensors, found {type(outputs).__name__}", op="GradScaler.scale")

    @no_grad()
    def unscale_(self, optimizer: Any) -> None:
        """Take the scale out of the optimiser's gradients, as before clipping them; step() does it if nobody has."""
        if not self._enabled:
            return
        key = id(optimizer)
        if key in self._found:
            fact = "step() has" if key in self._stepped else "unscale_() has already"
            raise BrasaError(f"{fact} been called for this optimizer since the last update()", op="unscale_")
        scale, _ = self._state()
        found = zeros(())
        groups = optimizer.param_groups
        for parameter in itertools.chain.from_iterable(group["params"] for group in groups):
            grad = parameter.grad
            if grad is None:
                continue
            if grad.dtype is float16:
                raise ValueError("a gradient is float16, too narrow to be unscaled", op="unscale_",
                                 hint="keep parameters in float32, and compute under autocast")  # fmt: skip
            found = _worst(found, grad)
            grad.copy_(_unscaled(grad, scale))
        self._found[key] = found

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(), unless a gradient is inf or nan; what it returned, or None."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise ArgumentError("a closure cannot be used with a scaler", op="GradScaler.step")
        key = id(optimizer)
        if key in self._stepped:
            raise BrasaError("step() has already been called for this optimizer since the last update()",
                             op="GradScaler.step")  # fmt: skip
        if key not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(key)
        return None if self._found[key] else optimizer.step(*args, **kwargs)

    @no_grad()
    def update(self, new_scale: Any = None) -> None:
        """Choose the next scale by what has been found in gradients, or take a new one; once after all steps."""
        if not self._enabled:
            return
        scale, tracker = self._state()
        if new_scale is not None:
            scale.copy_(new_scale) if isinstance(new_scale, Tensor) else scale.fill_(float(new_scale))
        elif not self._found:
            raise BrasaError("no gradients have been unscaled since the last update()", op="GradScaler.update")
        else:
            found = list(self._found.values())
            worst = found[0] if len(found) == 1 else reduction.amax(stack(found))
            changed = _next(scale, tracker, worst, self._growth_factor, self._backoff_factor, self._growth_interval)
            scale.copy_(changed[0])
            tracker.copy_(changed[1])
        self._found.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The scale as a number; 1 where scaling is not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale)

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by when it grows."""
        self._growth_factor = float(new_factor)

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after a step that was not done."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after a step that was not done."""
        self._backoff_factor = float(new_factor)

    def get_growth_interval(self) -> int:
        """After how many steps in a row the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps in a row the scale grows."""
        self._growth_interval = new_interval

    def state_dict(self) -> dict[str, Any]:
        """The scale and what it follows from; empty where scaling is not enabled."""
        if not self._enabled:
            return {}
        tracker = self._init_tracker if self._growth_tracker is None else int(self._growth_tracker)
        return {
            "scale": self.get_scale(), "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval, "_growth_tracker": tracker,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state that state_dict() gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise BrasaError("the state is empty, of a scaler that was not enabled", op="load_state_dict")
        self._init_scale, self._init_tracker = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._scale = self._growth_tracker = None
