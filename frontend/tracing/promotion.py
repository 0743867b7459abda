"""PyTorch's type promotion: categories first, then the dtypes within the highest one.

Tensors with axes outrank zero-dim tensors, which outrank Python numbers: a lower rank only counts when its category
(bool < integer < float < complex) is higher.
"""

from __future__ import annotations

from collections.abc import Iterable

from brasa._state import DEFAULTS
from brasa.ir.dtype import (
    DType,
    bool_,
    complex64,
    complex128,
    complex_dtype,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
)  # fmt: skip
from brasa.ir.errors import ArgumentError

_INTEGERS = (int8, int16, int32, int64)


def _category(dtype: DType) -> int:
    return {"bool": 0, "int": 1, "uint": 1, "float": 2, "complex": 3}[dtype.kind]


def promote_types(first: DType, second: DType) -> DType:
    """The smallest dtype that both can be turned into, as `torch.promote_types`."""
    if first is second:
        return first
    if _category(first) > _category(second):
        first, second = second, first
    if _category(first) < _category(second):
        wide = second is complex64 and first is float64
        return complex128 if wide else second
    if first.kind == "complex":
        return complex128
    if first.kind == "float":
        return float32 if first.bits == second.bits else max(first, second, key=lambda dtype: dtype.bits)
    if first.kind == second.kind:
        return max(first, second, key=lambda dtype: dtype.bits)
    unsigned, signed = (first, second) if first.kind == "uint" else (second, first)
    if signed.bits > unsigned.bits:
        return signed
    return next((dtype for dtype in _INTEGERS if dtype.bits > unsigned.bits), float32)


def number_dtype(kind: type) -> DType:
    """The dtype that a Python number counts as."""
    known = {bool: bool_, int: int64, float: DEFAULTS.dtype, complex: complex_dtype(DEFAULTS.dtype)}
    if kind not in known:
        raise ArgumentError(f"expected a tensor or a number, found {kind.__name__}")
    return known[kind]


def result_dtype(operands: Iterable[tuple[DType, int]]) -> DType:
    """The common dtype of operands given as (dtype, rank): 2 tensor with axes, 1 zero-dim tensor, 0 Python number."""
    best: dict[int, DType] = {}
    for dtype, rank in operands:
        best[rank] = promote_types(best[rank], dtype) if rank in best else dtype
    result: DType | None = None
    for rank in sorted(best):
        result = best[rank] if result is None else _outrank(best[rank], result)
    assert result is not None
    return result


def _outrank(higher: DType, lower: DType) -> DType:
    if _category(higher) >= _category(lower):
        return higher
    if lower.kind == "complex" and higher.kind == "float":
        return complex_dtype(higher)
    return promote_types(higher, lower)
