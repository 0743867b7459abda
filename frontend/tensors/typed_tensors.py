"""Tensors of one dtype by PyTorch's oldest names: LongTensor([1, 2]), FloatTensor(2, 3)."""

from __future__ import annotations

from typing import Any

from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.tensors.creation import empty, tensor
from brasa.tensors.tensor import Tensor
from brasa.tracing.sizes import SymbolicSize

_KINDS = {
    "BFloat16": dtypes.bfloat16, "Bool": dtypes.bool_, "Byte": dtypes.uint8, "Char": dtypes.int8,
    "Double": dtypes.float64, "Float": dtypes.float32, "Half": dtypes.float16, "Int": dtypes.int32,
    "Long": dtypes.int64, "Short": dtypes.int16,
}  # fmt: skip
__all__ = [f"{kind}Tensor" for kind in _KINDS]


def of_data_or_sizes(dtype: DType, data: tuple[Any, ...]) -> Tensor:
    """A copy of the one argument; of sizes, or of nothing, a tensor that holds anything."""
    sizes = all(isinstance(each, int | SymbolicSize) for each in data)
    return empty(*(data or (0,)), dtype=dtype) if sizes else tensor(*data, dtype=dtype)


class _OfDtype(type):
    """The type of these names: calling one makes a Tensor, and the tensors of its dtype are its instances."""

    dtype: DType

    def __call__(cls, *data: Any) -> Tensor:  # type: ignore[override]
        return of_data_or_sizes(cls.dtype, data)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


def _named(name: str, dtype: DType) -> _OfDtype:
    doc = f"A tensor of {dtype.long_name}, of data or of sizes; `isinstance` knows tensors of that dtype by it."
    return _OfDtype(name, (), {"dtype": dtype, "__doc__": doc, "__module__": __name__})


globals().update({f"{kind}Tensor": _named(f"{kind}Tensor", dtype) for kind, dtype in _KINDS.items()})
