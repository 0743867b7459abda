"""New tensors: from data, or filled with one value, or with memory that holds anything."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from brasa._state import DEFAULTS, STATE
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType, complex_dtype
from brasa.ir.errors import ArgumentError, BrasaError, DTypeError, ValueError
from brasa.ir.ops import elementwise
from brasa.tensors.devices import device_name
from brasa.tensors.formats import require_strided
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, copied, empty_of, over_array, zero_filled
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, carrier, constant, expand, type_of
from brasa.tracing.promotion import number_dtype, promote_types
from brasa.tracing.sizes import NOTHING_GIVEN, SymbolicSize, flatten_sizes

__all__ = [
    "as_tensor", "empty", "empty_like", "from_numpy", "full", "full_like", "ones", "ones_like", "scalar_tensor",
    "tensor", "zeros", "zeros_like",
]  # fmt: skip


def finished(tensor: Tensor, requires_grad: bool) -> Tensor:
    """A new tensor, marked as one that wants gradients if it was asked for."""
    return tensor.requires_grad_() if requires_grad else tensor


@operator()
def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor with its own copy of the data: numbers, nested lists, NumPy arrays or a tensor.

    Without a dtype, Python floats become the default dtype, ints int64; arrays keep theirs. Tensors of one element in
    lists count as numbers, of their dtypes.
    """
    if isinstance(data, Tensor):
        data = data.detach().numpy()  # type: ignore[attr-defined]
    made = copied(as_array(data, dtype))
    name = device_name(device)
    made = finished(made if name == "cpu" else made.to(name), requires_grad)  # type: ignore[attr-defined]
    if STATE.trace is not None and made._cell is None:
        STATE.trace.open(made)
    return made


def as_array(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """Data in any form as an array of a dtype that brasa has."""
    if isinstance(data, list | tuple | SymbolicSize):
        found: set[DType] = set()
        data = _plain(data, found)
        if found and dtype is None:
            dtype = reduce(promote_types, found | _number_dtypes(data))
    try:
        array = np.asarray(data)
    except (TypeError, OverflowError, builtins.ValueError) as error:
        raise ValueError(f"the data is not a regular array: {error}", op="tensor") from None
    if array.dtype.kind in "USTO":
        raise (DTypeError if array.dtype.kind != "O" else _wrong_kind(data))(
            f"cannot make a tensor of {type(data).__name__} data like {_sample(data)!r}", op="tensor"
        )
    if dtype is None:
        dtype = _inferred(data, array)
    if dtype is not None:
        if array.dtype.kind not in "biufcV":
            raise DTypeError(f"cannot make a tensor of {array.dtype}", op="tensor")
        if not isinstance(data, np.ndarray | np.generic):
            _check_range(array, dtype)
        return array.astype(dtype.numpy)
    try:
        dtypes.from_numpy(array.dtype)
    except KeyError:
        raise DTypeError(f"cannot make a tensor of {array.dtype}", op="tensor") from None
    return array


def _sample(data: Any) -> Any:
    """A number or what else the data holds first."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return data


def _wrong_kind(data: Any) -> type[BrasaError]:
    return BrasaError if data is None else DTypeError


def _inferred(data: Any, array: np.ndarray[Any, Any]) -> DType | None:
    """The dtype of data that come from Python; None where the array has its own."""
    if isinstance(data, np.ndarray | np.generic) or isinstance(_sample(data), np.ndarray | np.generic):
        return None
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        raise ValueError(f"{array.max()} does not fit int64", op="tensor")
    if array.dtype.kind in "fc":
        return DEFAULTS.dtype if array.dtype.kind == "f" else complex_dtype(DEFAULTS.dtype)
    return DEFAULTS.dtype if array.size == 0 else None


def _check_range(array: np.ndarray[Any, Any], dtype: DType) -> None:
    """Whole numbers must fit; negative ones may stand for the large ones of an unsigned dtype."""
    if dtype.kind not in ("int", "uint") or array.dtype.kind not in "iu" or array.size == 0:
        return
    bounds = np.iinfo(dtype.numpy)
    low = bounds.min if dtype.kind == "int" else -int(bounds.max)
    if int(array.min()) < low or int(array.max()) > bounds.max:
        worst = int(array.max()) if int(array.max()) > bounds.max else int(array.min())
        raise ValueError(f"{worst} does not fit {dtype.long_name}", op="tensor")


def _plain(data: Any, found: set[DType]) -> Any:
    """Nested lists with the tensors in them, whose dtypes are gathered, turned into elements, sizes into numbers."""
    if isinstance(data, list | tuple):
        return [_plain(item, found) for item in data]
    if isinstance(data, SymbolicSize):
        return data.now()
    if not isinstance(data, Tensor):
        return data
    if data.numel() != 1:
        raise ValueError(f"a list holds a tensor of shape {list(data.shape)}; only those of one element are numbers",
                         op="tensor", hint="brasa.stack makes one of several")  # fmt: skip
    found.add(data.dtype)
    return data.detach().numpy().reshape(())  # type: ignore[attr-defined]


def _number_dtypes(data: Any) -> set[DType]:
    """The dtypes that Python's numbers in nested lists count as."""
    if isinstance(data, list):
        return set().union(*map(_number_dtypes, data))
    return set() if isinstance(data, np.ndarray | np.generic) else {number_dtype(type(data))}


@operator()
def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor, without a copy where that is possible."""
    if isinstance(data, np.ndarray):
        data = from_numpy(data) if all(stride >= 0 for stride in data.strides) else tensor(data)
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined, no-any-return]
    return tensor(data, dtype=dtype, device=device)


@operator()
def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentError(f"expected a NumPy array, found {type(ndarray).__name__}", op="from_numpy")
    if not ndarray.flags.c_contiguous and any(stride < 0 for stride in ndarray.strides):
        raise ValueError("a stride of the array is negative", op="from_numpy", hint="copy it first")
    return over_array(ndarray)


@operator()
def scalar_tensor(
    s: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A zero-dim tensor of one number, of the default dtype unless another is named."""
    require_strided(layout, "scalar_tensor")
    return full((), s, dtype=dtype or DEFAULTS.dtype, device=device, requires_grad=requires_grad)


@function
def filled(like: Tensor, value: Number) -> Tensor:
    """A tensor of one value in the shape and dtype of another."""
    type = type_of(like)
    if not isinstance(value, Tensor):
        return constant(value, type.dtype, type.shape)
    return expand(apply(elementwise.cast, value, dtype=type.dtype), type.shape)  # never the number itself


def sizes_of(
    sizes: Sequence[Any], op: str, given: Mapping[str, Any] = NOTHING_GIVEN, name: str = ""
) -> tuple[Any, ...]:
    """Sizes of a new tensor, in any form that flatten_sizes takes; none may be negative."""
    shape = flatten_sizes(sizes, op, given, name)
    for size in shape:
        if not size >= 0:
            raise ValueError(f"a size must not be negative, found {size}", op=op)
    return shape


def _dtype_of(value: Any) -> DType:
    """The dtype of a tensor that is full of a number."""
    if isinstance(value, Tensor):
        kind = value.dtype.kind
        dtype = {"bool": dtypes.bool_, "int": dtypes.int64, "uint": dtypes.int64, "complex": value.dtype}.get(kind)
        return dtype or DEFAULTS.dtype
    if isinstance(value, complex | np.complexfloating):
        return complex_dtype(DEFAULTS.dtype)
    if isinstance(value, bool | np.bool_):
        return dtypes.bool_
    return dtypes.int64 if isinstance(value, int | np.integer | SymbolicSize) else DEFAULTS.dtype


@operator(out=True, creates=True)
def full(
    size: Any, fill_value: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of one value, a number or a tensor with one element; without a dtype, of the value's kind."""
    require_strided(layout, "full")
    shape = sizes_of((size,), "full")
    return _full(shape, fill_value, dtype or _dtype_of(fill_value), device_name(device), requires_grad)


_FEW = 1 << 16  # bytes that one thread fills before several have begun


def _is_zero(value: Any) -> bool:
    """Whether all bytes of a number are 0, in every dtype."""
    return value.__class__ in (int, bool, float) and value == 0 and math.copysign(1, value) > 0


def _full(shape: tuple[Any, ...], fill_value: Any, dtype: DType, device: str, requires_grad: bool) -> Tensor:
    if _is_zero(fill_value) and device == "cpu" and STATE.trace is None:
        spec = spec_of(dtype, tuple(map(int, shape)))
        if spec.nbytes <= _FEW:
            return finished(zero_filled(spec), requires_grad)
    like = carrier(shape, dtype, device)
    if isinstance(fill_value, Tensor):
        if fill_value.ndim != 0:
            raise ValueError(f"expects a number or a zero-dim tensor, found {list(fill_value.shape)}", op="full")
        fill_value = fill_value.detach()  # type: ignore[attr-defined]
    elif isinstance(fill_value, complex | np.complexfloating):
        fill_value = tensor(fill_value, dtype=dtypes.complex128)
    return finished(filled(like, fill_value), requires_grad)


def _filler(name: str, value: int) -> Callable[..., Tensor]:
    def fill(
        *size: Any, dtype: DType | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
        pin_memory: bool = False, **given: Any,
    ) -> Tensor:  # fmt: skip
        require_strided(layout, name)
        shape = sizes_of(size, name, given, "size")
        return _full(shape, value, dtype or DEFAULTS.dtype, device_name(device), requires_grad)

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = f"A tensor of {name}."
    return operator(out=True, creates=True)(fill)


zeros = _filler("zeros", 0)
ones = _filler("ones", 1)


@operator(out=True, creates=True)
def empty(
    *size: Any, dtype: DType | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None, **given: Any,
) -> Tensor:  # fmt: skip
    """A tensor that holds anything: for memory that is written before it is read. While traced, it holds zeros."""
    require_strided(layout, "empty")
    shape = sizes_of(size, "empty", given, "size")
    if STATE.trace is not None:
        return zeros(*shape, dtype=dtype, device=device, requires_grad=requires_grad)
    made = empty_of(spec_of(dtype or DEFAULTS.dtype, tuple(map(int, shape)), None, device_name(device)))
    return finished(made, requires_grad)


def _like(maker: Any, name: str) -> Callable[..., Tensor]:
    def make_like(
        input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        where = input.device if device is None else device
        return maker(input.shape, dtype=dtype or input.dtype, layout=layout, device=where, requires_grad=requires_grad)

    make_like.__name__ = make_like.__qualname__ = name
    make_like.__doc__ = f"{name.removesuffix('_like')}(...) with the shape, dtype and device of another tensor."
    return operator()(make_like)


zeros_like, ones_like, empty_like = _like(zeros, "zeros_like"), _like(ones, "ones_like"), _like(empty, "empty_like")


@operator()
def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """full(...) with the shape, dtype and device of another tensor."""
    where = input.device if device is None else device
    return full(input.shape, fill_value, dtype=dtype or input.dtype, layout=layout, device=where,
                requires_grad=requires_grad)  # fmt: skip
