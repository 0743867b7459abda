"""Tensors of one dtype by PyTorch's oldest names: LongTensor([1, 2]), FloatTensor(2, 3)."""

from __future__ import annotations

from collections.abc import Callable
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


def _maker(name: str, dtype: DType) -> Callable[..., Tensor]:
    def make(*data: Any) -> Tensor:
        return of_data_or_sizes(dtype, data)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A tensor of {dtype.long_name}, of data or of sizes."
    return make


globals().update({f"{kind}Tensor": _maker(f"{kind}Tensor", dtype) for kind, dtype in _KINDS.items()})
