"""Half precision inside composites: computed in float32, rounded once at the end."""

from __future__ import annotations

from brasa.ir.dtype import DType, float32
from brasa.primitive import cast, common_dtype, type_of
from brasa.tensor import Tensor


def wide(dtype: DType) -> DType:
    """The dtype that composites compute in: float32 for half precision, else the dtype itself."""
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


def widened(*tensors: Tensor | None) -> list[Tensor]:
    """The tensors with those of half precision as float32; None stays None."""
    return [t if t is None else cast(t, wide(type_of(t).dtype)) for t in tensors]  # type: ignore[misc]


def rounded(result: Tensor, *operands: Tensor | None) -> Tensor:
    """The result in the dtype that the operands promote to: where float32 inside ends."""
    return cast(result, common_dtype(*[operand for operand in operands if operand is not None]))
