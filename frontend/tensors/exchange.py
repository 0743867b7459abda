"""Values of tensors outside of brasa: Python numbers and lists, NumPy arrays, and memory shared through DLPack."""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np

from brasa.ir.dtype import DType, bfloat16, bool_, float32, float64, int16, int32, int64
from brasa.ir.errors import ArgumentError, BrasaError, DTypeError, GradientError, ValueError
from brasa.tensors.creation import as_tensor, finished, tensor
from brasa.tensors.formats import as_dtype
from brasa.tensors.tensor import Tensor, array_of, over_array
from brasa.tensors.views import unbind_first, view
from brasa.tracing.operators import operator

__all__ = ["asarray", "from_dlpack", "frombuffer"]

_BFLOAT, _SIGNED = 4, 0  # DLPack's codes of kinds of numbers
_CPU = 1  # and of devices


_NUMBERS: dict[DType, Any] = {  # how one lies in memory, of most dtypes
    float32: ctypes.c_float.from_address, float64: ctypes.c_double.from_address, int64: ctypes.c_int64.from_address,
    int32: ctypes.c_int32.from_address, bool_: ctypes.c_bool.from_address,
}  # fmt: skip


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """A NumPy array over the same memory; with `force` also for a tensor that requires gradients."""
    if self._requires_grad and not force:
        raise GradientError("the array would be cut off from the graph", op="numpy",
                            hint="use .detach().numpy()")  # fmt: skip
    return array_of(self._settled())


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"{self.dtype.long_name} values cannot be seen as {dtype} without a copy", op="__array__")
        return array.astype(dtype)
    return array.copy() if copy else array


def item(self: Tensor) -> Any:
    """The only element as a Python number."""
    if self.numel() != 1:
        raise ValueError(f"a tensor with {self.numel()} elements is not one number", op="item")
    real = self._settled()
    at = _NUMBERS.get(real._spec.dtype)
    return array_of(real).item() if at is None else at(real._ptr).value


def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers."""
    return array_of(self._settled()).tolist()


def _float(self: Tensor) -> float:
    return float(item(self))


def _int(self: Tensor) -> int:
    return int(item(self))


def _index(self: Tensor) -> int:
    if self.dtype.kind not in ("int", "uint", "bool"):
        raise ArgumentError(f"only integer tensors can be an index, this one is {self.dtype.name}", op="index")
    if self.numel() != 1:
        raise ArgumentError(f"a tensor with {self.numel()} elements is not one index", op="index")
    return int(item(self))


def _complex(self: Tensor) -> complex:
    return complex(item(self))


def _bool(self: Tensor) -> bool:
    if self.numel() != 1:
        raise ValueError(f"the truth of a tensor with {self.numel()} elements is ambiguous", op="bool",
                         hint="use .any() or .all()")  # fmt: skip
    return bool(item(self))


def _len(self: Tensor) -> int:
    if self.ndim == 0:
        raise ArgumentError("a zero-dim tensor has no length", op="len")
    return int(self.shape[0])


def _iter(self: Tensor) -> Iterator[Tensor]:
    if self.ndim == 0:
        raise ArgumentError("a zero-dim tensor cannot be iterated over", op="iter")
    return iter(unbind_first(self))


def _contains(self: Tensor, element: Any) -> bool:
    if not isinstance(element, Tensor | int | float | complex):
        raise BrasaError(f"a tensor cannot hold a {type(element).__name__}", op="in")
    return bool((self == element).any())  # type: ignore[union-attr]


def _format(self: Tensor, spec: str) -> str:
    return format(item(self), spec) if self.ndim == 0 else object.__format__(self, spec)


# DLPack


def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """The tensor's memory as a DLPack capsule. NumPy makes it; bfloat16, which it does not know, goes as int16."""
    if self._requires_grad:
        raise GradientError("the other side would not see gradients", op="__dlpack__", hint="detach() it first")
    if self.dtype is not bfloat16:
        return array_of(self._settled()).__dlpack__()
    capsule = array_of(view(self, int16)._settled()).__dlpack__()
    _set_kind(capsule, _BFLOAT)
    return capsule


def _dlpack_device(self: Tensor) -> tuple[int, int]:
    return _CPU, 0


class _Struct(ctypes.Structure):
    """The first fields of a DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
    )  # fmt: skip


def _struct(capsule: Any) -> _Struct:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return _Struct.from_address(pointer(capsule, b"dltensor"))


def _set_kind(capsule: Any, code: int) -> None:
    _struct(capsule).code = code


class _Reread:
    """A capsule as NumPy wants to be given it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU, 0


@operator()
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor over the memory of another library's tensor, or of a DLPack capsule."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()  # type: ignore[attr-defined, no-any-return]
    if hasattr(ext_tensor, "__dlpack__"):
        if isinstance(ext_tensor, np.ndarray):  # NumPy gives away no memory that it must not write
            return over_array(ext_tensor)
        kind, _ = ext_tensor.__dlpack_device__()
        if kind != _CPU:
            raise DTypeError(f"the memory lies on a device of kind {int(kind)}, not on the CPU", op="from_dlpack")
        ext_tensor = ext_tensor.__dlpack__()
    if type(ext_tensor).__name__ != "PyCapsule":
        raise ArgumentError(f"expected a tensor or a DLPack capsule, found {type(ext_tensor).__name__}",
                            op="from_dlpack")  # fmt: skip
    struct = _struct(ext_tensor)
    half = struct.code == _BFLOAT and struct.bits == 16
    if half:
        struct.code = _SIGNED
    try:
        made = over_array(np.from_dlpack(_Reread(ext_tensor)))
    except (BufferError, RuntimeError) as error:
        raise DTypeError(str(error), op="from_dlpack") from None
    return view(made, bfloat16) if half else made


# other memory


@operator()
def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:  # fmt: skip
    """A vector over the memory of an object that has the buffer protocol."""
    kind = as_dtype(dtype)
    try:
        made = over_array(np.frombuffer(buffer, kind.numpy, count, offset))
    except builtins.ValueError as error:
        raise ValueError(str(error), op="frombuffer") from None
    return finished(made, requires_grad)


@operator()
def asarray(
    obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """Anything as a tensor: over the same memory where that is possible, unless a copy is asked for."""
    foreign = hasattr(obj, "__dlpack__") and not isinstance(obj, Tensor | np.ndarray)
    source = from_dlpack(obj) if foreign else obj
    if copy:
        made = source.clone() if isinstance(source, Tensor) else tensor(source, dtype=dtype, device=device)
        made = made.to(device=device, dtype=dtype)
    else:
        made = as_tensor(source, dtype=dtype, device=device)
        before = getattr(source, "data_ptr", lambda: getattr(source, "ctypes", None) and source.ctypes.data)()
        if copy is False and before != made.data_ptr():
            raise ValueError("the data cannot become a tensor without a copy", op="asarray")
    return finished(made, requires_grad)


VALUE_METHODS: dict[str, Any] = {
    "numpy": numpy, "__array__": _array, "__array_priority__": 1000, "item": item, "tolist": tolist,
    "__float__": _float, "__int__": _int, "__index__": _index, "__complex__": _complex, "__bool__": _bool,
    "__len__": _len, "__iter__": _iter, "__contains__": _contains, "__format__": _format, "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
}  # fmt: skip
