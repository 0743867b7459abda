"""New tensors: from data, filled, counted."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa._state import DEFAULTS, STATE
from brasa.devices import device_name
from brasa.function import function
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, DTypeError, ValueError
from brasa.ir.ops import elementwise
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.primitive import Number, carrier, cast, constant, current, elementwise_op, expand, type_of
from brasa.sizes import flatten_sizes
from brasa.spec import spec_of
from brasa.tensor import Tensor, copied, empty_of, over_array


def _finished(tensor: Tensor, requires_grad: bool) -> Tensor:
    return tensor.requires_grad_() if requires_grad else tensor


def tensor(data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with its own copy of the data: numbers, nested lists, NumPy arrays or a tensor.

    Without a dtype, Python floats become the default dtype, ints int64; arrays keep theirs.
    """
    device_name(device)
    if isinstance(data, Tensor):
        data = data.detach().numpy()  # type: ignore[attr-defined]
    return _finished(copied(_as_array(data, dtype)), requires_grad)


def _as_array(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    if isinstance(data, list | tuple):
        data = _plain(data)
    try:
        array = np.asarray(data)
    except (TypeError, OverflowError, builtins.ValueError) as error:
        raise ValueError(f"the data is not a regular array: {error}", op="tensor") from None
    if dtype is None:
        from_python = not isinstance(data, np.ndarray | np.generic)
        if from_python and array.dtype.kind in "fc":
            dtype = DEFAULTS.dtype if array.dtype.kind == "f" else dtypes.complex64
        elif from_python and array.size == 0:
            dtype = DEFAULTS.dtype
    if dtype is not None:
        if array.dtype.kind not in "biufcV":
            raise DTypeError(f"cannot make a tensor of {array.dtype}", op="tensor")
        return array.astype(dtype.numpy)
    try:
        dtypes.from_numpy(array.dtype)
    except KeyError:
        raise DTypeError(f"cannot make a tensor of {array.dtype}", op="tensor") from None
    return array


def _plain(data: Any) -> Any:
    """Nested lists with the tensors in them turned into arrays."""
    if isinstance(data, list | tuple):
        return [_plain(item) for item in data]
    return data.detach().numpy() if isinstance(data, Tensor) else data  # type: ignore[attr-defined]


def as_tensor(data: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor, without a copy where that is possible."""
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype is dtype else data.to(dtype)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray) and dtype is None:
        return from_numpy(data)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array."""
    if not isinstance(array, np.ndarray):
        raise ArgumentError(f"expected a NumPy array, found {type(array).__name__}", op="from_numpy")
    return over_array(array)


@function(inline=True)
def _filled(like: Tensor, value: Number) -> Tensor:
    type = type_of(like)
    if not isinstance(value, Tensor):
        return constant(value, type.dtype, type.shape)
    return expand(cast(value, type.dtype), type.shape)


def sizes_of(sizes: Sequence[Any], op: str) -> tuple[Any, ...]:
    """Sizes of a new tensor, given as several arguments or one sequence; none may be negative."""
    shape = flatten_sizes(sizes, op)
    for size in shape:
        if not size >= 0:
            raise ValueError(f"a size must not be negative, found {size}", op=op)
    return shape


def full(
    size: Any, fill_value: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of one value; without a dtype, that of the value."""
    if dtype is None:
        dtype = {bool: dtypes.bool_, int: dtypes.int64}.get(type(fill_value), DEFAULTS.dtype)
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    shape = sizes_of((size,), "full")
    return _finished(_filled(carrier(shape, dtype, device_name(device)), value), requires_grad)


def _filler(name: str, value: int) -> Any:
    def fill(*size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        like = carrier(sizes_of(size, name), dtype or DEFAULTS.dtype, device_name(device))
        return _finished(_filled(like, value), requires_grad)

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = f"A tensor of {name}."
    return fill


zeros = _filler("zeros", 0)
ones = _filler("ones", 1)


def empty(*size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor that holds anything: for memory that is written before it is read."""
    shape = sizes_of(size, "empty")
    if STATE.trace is not None:
        return zeros(*shape, dtype=dtype, device=device, requires_grad=requires_grad)
    made = empty_of(spec_of(dtype or DEFAULTS.dtype, tuple(map(int, shape)), None, device_name(device)))
    return _finished(made, requires_grad)


def _like(maker: Any, name: str) -> Any:
    def make_like(
        input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        where = input.device if device is None else device
        return maker(*input.shape, dtype=dtype or input.dtype, device=where, requires_grad=requires_grad)

    make_like.__name__ = make_like.__qualname__ = name
    make_like.__doc__ = f"{name.removesuffix('_like')}(...) with the shape, dtype and device of another tensor."
    return make_like


zeros_like, ones_like, empty_like = _like(zeros, "zeros_like"), _like(ones, "ones_like"), _like(empty, "empty_like")


def full_like(input: Tensor, fill_value: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """full(...) with the shape, dtype and device of another tensor."""
    return full(tuple(input.shape), fill_value, dtype=dtype or input.dtype, device=device or input.device)


@function
def _counted(like: Tensor, start: Number, step: Number) -> Tensor:
    type = type_of(like)
    places = current().fresh(current().apply(iota, axis=0, type=TensorType(type.shape, dtypes.int64, type.device)))
    wide = dtypes.int64 if type.dtype.kind != "float" else dtypes.float64
    steps = elementwise_op(elementwise.mul, places, step, dtype=wide)
    return cast(elementwise_op(elementwise.add, steps, start, dtype=wide), type.dtype)


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... below end; arange(end) counts from 0."""
    start, end = (0, start) if end is None else (start, end)
    if dtype is None:
        dtype = DEFAULTS.dtype if any(isinstance(x, float) for x in (start, end, step)) else dtypes.int64
    if step == 0:
        raise ValueError("step must not be 0", op="arange")
    count = max(0, math.ceil((end - start) / step)) if isinstance(end, int | float) else (end - start) // step
    return _finished(_counted(carrier((count,), dtype, device_name(device)), start, step), requires_grad)


def linspace(start: float, end: float, steps: int, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """`steps` values from start to end, evenly spaced, both included."""
    like = carrier((steps,), dtype or DEFAULTS.dtype, device_name(device))
    return _counted(like, float(start), (end - start) / max(1, steps - 1))


def eye(n: int, m: int | None = None, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    rows, columns = arange(n, device=device), arange(n if m is None else m, device=device)
    same = rows.unsqueeze(1) == columns.unsqueeze(0)  # type: ignore[attr-defined]
    return same.to(dtype or DEFAULTS.dtype)  # type: ignore[no-any-return, attr-defined]
