"""autocast: blocks in which products are computed in half precision; brasa.tracing.casting says which."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from brasa._state import STATE, set_autocast
from brasa.ir.dtype import DType, bfloat16, float16
from brasa.ir.errors import ValueError
from brasa.tracing.casting import converted

_C = TypeVar("_C", bound=Callable[..., Any])


class autocast:
    """A block, or a function that it decorates, in which functions of tensors choose their precision.

    Products (matmul, linear, convolutions, attention) take float operands in `dtype`, bfloat16 by default or float16;
    losses, norms, decompositions and transforms take them in float32; all others as they come. Parameters stay as
    they are, and their gradients have their dtype. float64 is never cast. enabled=False switches autocast off inside.

    cache_enabled: cast each parameter once in a block, instead of once for each use. The results have the same bits.

    Tensors lie on the CPU: for "cuda" a warning says that the block does nothing, as in PyTorch without a GPU.
    """

    def __init__(
        self, device_type: str, dtype: DType | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if device_type not in ("cpu", "cuda"):
            raise ValueError(f"device_type must be 'cpu' or 'cuda', not {device_type!r}", op="autocast")
        lower = get_autocast_dtype(device_type) if dtype is None else dtype
        if enabled and device_type == "cuda":
            warnings.warn("autocast on 'cuda' is off: tensors lie on the CPU", stacklevel=2)
            enabled = False
        if enabled and lower not in (bfloat16, float16):
            warnings.warn(f"autocast is off: its dtype must be bfloat16 or float16, not {lower}", stacklevel=2)
            enabled = False
        self.device, self.fast_dtype = device_type, lower
        self.enabled, self.cache_enabled = enabled, cache_enabled is not False
        self._outer: list[tuple[Any, Any]] = []

    def __enter__(self) -> autocast:
        self._outer.append((STATE.autocast, STATE.autocast_cache))
        if self.device == "cpu":
            set_autocast(self.fast_dtype if self.enabled else None)
            if not self.cache_enabled:
                STATE.autocast_cache = None
            elif self.enabled and STATE.autocast_cache is None:
                STATE.autocast_cache = {}
        return self

    def __exit__(self, *_: object) -> None:
        lower, STATE.autocast_cache = self._outer.pop()
        set_autocast(lower)

    def __call__(self, function: _C) -> _C:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast does something on this type of device."""
    return device_type == "cpu"


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Whether autocast is on for this type of device, on this thread."""
    return device_type == "cpu" and STATE.autocast is not None


def get_autocast_dtype(device_type: str = "cpu") -> DType:
    """The lower precision of the block on this type of device; outside, what a block has by default."""
    if device_type == "cuda":
        return float16
    return bfloat16 if STATE.autocast is None else STATE.autocast


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: DType | None = None) -> Any:
    """Decorate the forward of an autograd.Function, so that its backward runs under the same autocast.

    cast_inputs: where autocast is on, cast the tensors among the arguments to this dtype and run without autocast.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        on = is_autocast_enabled(device_type)
        ctx._dtype, ctx._fwd_used_autocast = get_autocast_dtype(device_type), on and cast_inputs is None
        if not on or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(ctx, *converted(args, cast_inputs), **converted(kwargs, cast_inputs))

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorate the backward of an autograd.Function whose forward has custom_fwd: it runs under the same autocast."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any) -> Any:
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args)

    return backward
