"""New tensors that count: evenly spaced values, and the identity matrix."""

from __future__ import annotations

import math
from typing import Any

from brasa._state import DEFAULTS
from brasa.functions.pointwise import pow, where
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ValueError
from brasa.ir.ops import elementwise
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.creation import finished
from brasa.tensors.devices import device_name
from brasa.tensors.formats import require_strided
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, carrier, cast, constant, current, elementwise_op, expand, type_of

__all__ = ["arange", "eye", "linspace", "logspace", "range"]


def _places(like: TensorType, axis: int = 0) -> Tensor:
    type = TensorType(like.shape, dtypes.int64, like.device)
    return current().fresh(current().apply(iota, axis=axis, type=type))


@function
def _counted(like: Tensor, start: Number, step: Number) -> Tensor:
    type = type_of(like)
    wide = dtypes.int64 if type.dtype.kind != "float" else dtypes.float64
    steps = elementwise_op(elementwise.mul, _places(type), step, dtype=wide)
    return cast(elementwise_op(elementwise.add, steps, start, dtype=wide), type.dtype)


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value


@operator(out=True, creates=True)
def arange(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... below end; arange(end) counts from 0."""
    require_strided(layout, "arange")
    start, end, step = map(_number, (0, start, step) if end is None else (start, end, step))
    if dtype is None:
        dtype = DEFAULTS.dtype if any(isinstance(x, float) for x in (start, end, step)) else dtypes.int64
    if dtype.kind == "bool" or dtype.is_complex:
        raise ValueError(f"cannot count in {dtype.long_name}", op="arange")
    if dtype is dtypes.int64:
        start, end, step = (int(x) if isinstance(x, float) else x for x in (start, end, step))
    if step == 0:
        raise ValueError("step must not be 0", op="arange")
    if any(isinstance(x, float) and not math.isfinite(x) for x in (start, end)):
        raise ValueError(f"the range from {start} to {end} is not finite", op="arange")
    if (end < start) if step > 0 else (start < end):
        raise ValueError(f"steps of {step} do not lead from {start} to {end}", op="arange")
    gap = end - start
    count = math.ceil(gap / step) if isinstance(gap, float) or isinstance(step, float) else -(-gap // step)
    if dtype.kind != "float":
        start, step = (int(x) if isinstance(x, float) else x for x in (start, step))
    return finished(_counted(carrier((count,), dtype, device_name(device)), start, step), requires_grad)


@operator(out=True, creates=True)
def range(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... up to end, which is included; arange is what Python's range is."""
    require_strided(layout, "range")
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end < start if step > 0 else start < end):
        raise ValueError(f"steps of {step} do not lead from {start} to {end}", op="range")
    like = carrier((math.floor((end - start) / step) + 1,), dtype or DEFAULTS.dtype, device_name(device))
    return finished(_counted(like, start, step), requires_grad)


def _spaced(type: TensorType, start: Number, end: Number) -> Tensor:
    """Values in float64, from start on in the first half, back from end in the second: symmetric, both ends exact."""
    steps = type.shape[0]
    first, last = (
        expand(cast(cast(x, type.dtype) if type.dtype.kind in ("int", "uint") else x, dtypes.float64), type.shape)
        if isinstance(x, Tensor) else constant(x, dtypes.float64, type.shape) for x in (start, end)
    )  # fmt: skip
    place, count = _places(type), constant(steps, dtypes.int64, type.shape)
    rest = count - place - 1
    gaps = where(count > 1, count - 1, constant(1, dtypes.int64, type.shape))
    step = apply(elementwise.div, last - first, cast(gaps, dtypes.float64))
    far = where(count > 1, last - step * rest, first)
    return where(place < count // 2, first + step * place, far)


@function
def _linspace(like: Tensor, start: Number, end: Number) -> Tensor:
    return cast(_spaced(type_of(like), start, end), type_of(like).dtype)


@function
def _logspace(like: Tensor, start: Number, end: Number, base: Number) -> Tensor:
    type = type_of(like)
    power = _spaced(type, start, end)
    wide = cast(base, dtypes.float64) if isinstance(base, Tensor) else constant(base, dtypes.float64)
    return cast(pow(expand(wide, type.shape), power), type.dtype)


def _check_spaced(start: Any, end: Any, steps: int, op: str) -> None:
    for value in (start, end):
        if isinstance(value, Tensor) and value.ndim:
            raise ValueError(f"ends must be numbers or zero-dim tensors, found {list(value.shape)}", op=op)
    if not steps >= 0:
        raise ValueError(f"the number of steps must not be negative, found {steps}", op=op)


def _ends(start: Any, end: Any, dtype: DType) -> list[Any]:
    """The ends without their gradients, whole numbers where the result holds such."""
    ends = [x.detach() if isinstance(x, Tensor) else x for x in (start, end)]  # type: ignore[attr-defined]
    if dtype.kind in ("int", "uint"):
        return [int(x) if isinstance(x, float) else x for x in ends]
    return ends


@operator(out=True, creates=True)
def linspace(
    start: Any, end: Any, steps: int, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`steps` values from start to end, evenly spaced, both included."""
    require_strided(layout, "linspace")
    _check_spaced(start, end, steps, "linspace")
    kind = dtype or DEFAULTS.dtype
    return finished(_linspace(carrier((steps,), kind, device_name(device)), *_ends(start, end, kind)), requires_grad)


@operator(out=True, creates=True)
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """base raised to `steps` evenly spaced values from start to end."""
    require_strided(layout, "logspace")
    _check_spaced(start, end, steps, "logspace")
    kind = dtype or DEFAULTS.dtype
    like = carrier((steps,), kind, device_name(device))
    return finished(_logspace(like, *_ends(start, end, kind), float(base)), requires_grad)


@function
def _identity(like: Tensor) -> Tensor:
    type = type_of(like)
    return cast(_places(type, 0) == _places(type, 1), type.dtype)


@operator(out=True, creates=True)
def eye(
    n: int, m: int | None = None, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Ones on the diagonal, zeros elsewhere."""
    require_strided(layout, "eye")
    shape = (n, n if m is None else m)
    for size in shape:
        if not size >= 0:
            raise ValueError(f"a size must not be negative, found {size}", op="eye")
    return finished(_identity(carrier(shape, dtype or DEFAULTS.dtype, device_name(device))), requires_grad)
