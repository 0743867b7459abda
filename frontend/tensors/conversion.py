"""Tensors in another dtype or on another device, and new ones in the likeness of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DTYPES, DType
from brasa.ir.errors import ArgumentError, ValueError
from brasa.tensors import creation
from brasa.tensors.copies import clone
from brasa.tensors.devices import device_name, moved_to
from brasa.tensors.formats import as_dtype, memory_format
from brasa.tensors.spec import Device
from brasa.tensors.strided_memory import empty_strided
from brasa.tensors.tensor import Tensor
from brasa.tracing.casting import cast

_TYPE_NAMES = {
    "f32": "Float", "f64": "Double", "f16": "Half", "bf16": "BFloat16", "u8": "Byte", "i8": "Char", "i16": "Short",
    "i32": "Int", "i64": "Long", "bool": "Bool", "c64": "ComplexFloat", "c128": "ComplexDouble", "u16": "UInt16",
    "u32": "UInt32", "u64": "UInt64",
}  # fmt: skip


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype or on another device: to(dtype), to(device), to(device, dtype), to(other)."""
    dtype, device, copy = kwargs.get("dtype"), kwargs.get("device"), bool(kwargs.get("copy"))
    other = kwargs.get("other")
    flags: list[bool] = []
    for argument in args:
        if isinstance(argument, DType | type):
            dtype = argument
        elif isinstance(argument, str | Device):
            device = argument
        elif isinstance(argument, Tensor):
            other = argument
        elif isinstance(argument, bool):
            flags.append(argument)
        elif argument is not None and not isinstance(argument, memory_format):
            raise ArgumentError(f"expected a dtype, a device or a tensor, found {type(argument).__name__}", op="to")
    if other is not None:
        dtype, device = other.dtype, other.device
    copy = copy or (len(flags) > 1 and flags[1])
    away = device is not None and device_name(device) != str(self.device)
    moved = moved_to(self, device) if away else self
    result = moved if dtype is None else cast(moved, as_dtype(dtype))
    return clone(result) if copy and result is self else result


def _caster(dtype: DType) -> Callable[..., Tensor]:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return cast(self, dtype)

    convert.__doc__ = f"The values as {dtype.long_name}; the tensor itself if they are that already."
    return convert


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor in another dtype, given as such or by the name of a type; without one, the name of its type."""
    if dtype is None:
        return f"brasa.{_TYPE_NAMES[self.dtype.name]}Tensor"
    if isinstance(dtype, str):
        short = dtype.rpartition(".")[2].removesuffix("Tensor")
        found = [each for each in DTYPES if _TYPE_NAMES[each.name] == short]
        if not found:
            raise ValueError(f"there is no type {dtype!r}", op="type")
        dtype = found[0]
    return cast(self, as_dtype(dtype))


def _type_as(self: Tensor, other: Tensor) -> Tensor:
    """The values in another tensor's dtype."""
    return cast(self, other.dtype)


def _new(maker: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def make_new(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        kind, where = kwargs.pop("dtype", None), kwargs.pop("device", None)
        device = self.device if where is None else where
        return maker(*args, dtype=self.dtype if kind is None else kind, device=device, **kwargs)

    make_new.__name__ = make_new.__qualname__ = name
    make_new.__doc__ = f"{name.removeprefix('new_')}(...) with this tensor's dtype and device."
    return make_new


def _cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor on the CPU."""
    return _to(self, "cpu")


CONVERSIONS: dict[str, Any] = {
    "to": _to, "type": _type, "type_as": _type_as, "cpu": _cpu,
    "float": _caster(dtypes.float32), "double": _caster(dtypes.float64), "half": _caster(dtypes.float16),
    "bfloat16": _caster(dtypes.bfloat16), "int": _caster(dtypes.int32), "long": _caster(dtypes.int64),
    "short": _caster(dtypes.int16), "char": _caster(dtypes.int8), "byte": _caster(dtypes.uint8),
    "bool": _caster(dtypes.bool_), "cfloat": _caster(dtypes.complex64), "cdouble": _caster(dtypes.complex128),
    "new_zeros": _new(creation.zeros, "new_zeros"), "new_ones": _new(creation.ones, "new_ones"),
    "new_empty": _new(creation.empty, "new_empty"), "new_full": _new(creation.full, "new_full"),
    "new_tensor": _new(creation.tensor, "new_tensor"),
    "new_empty_strided": _new(empty_strided, "new_empty_strided"),
}  # fmt: skip
