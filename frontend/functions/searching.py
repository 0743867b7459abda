"""Places of values among sorted elements, and how many elements fall between edges."""

from __future__ import annotations

from typing import Any

from brasa.ir.dtype import int32, int64
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops.index import gather
from brasa.ir.ops.order import searchsorted as search
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, common_dtype, constant, reshape, type_of

__all__ = ["bucketize", "searchsorted"]


@function
def _search(sequence: Tensor, values: Number, sorter: Tensor | None, right: bool, out_int32: bool) -> Tensor:
    sorted_ = sequence if sorter is None else apply(gather, sequence, cast(sorter, int64), axis=sequence.ndim - 1)
    kind = common_dtype(sequence, values)
    sought = cast(values, kind) if isinstance(values, Tensor) else constant(values, kind)
    shape = type_of(sought).shape
    if sequence.ndim == 1:
        sought = reshape(sought, (type_of(sought).size,))
    found = apply(search, cast(sorted_, kind), sought, right=right)
    return cast(reshape(found, shape), int32 if out_int32 else int64)


def places(
    sequence: Tensor, values: Any, right: bool, name: str, sorter: Tensor | None = None, out_int32: bool = False
) -> Tensor:
    """The places of values in sorted rows, checked as PyTorch does."""
    if isinstance(values, Tensor):
        if values.dtype is not sequence.dtype:
            raise DTypeError(f"the values are {values.dtype.name}, the sorted ones {sequence.dtype.name}", op=name)
        lead = tuple(sequence.shape)[:-1]
        if sequence.ndim != 1 and (values.ndim != sequence.ndim or tuple(values.shape)[:-1] != lead):
            raise ShapeError(f"rows of {list(sequence.shape)} do not match values of {list(values.shape)}", op=name)
    elif sequence.ndim != 1:
        raise ShapeError(f"a number is sought in one row, not in {list(sequence.shape)}", op=name)
    return _search(sequence, values, sorter, right, out_int32)  # type: ignore[no-any-return]


@operator(out=True)
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The places where values could be inserted in sorted rows; right: after equal elements.

    sorter: places that sort the rows. The place of NaN is behind all.
    """
    if side is not None:
        if side not in ("left", "right"):
            raise ValueError(f"side is 'left' or 'right', not {side!r}", op="searchsorted")
        if right and side == "left":
            raise ArgumentError("side='left' contradicts right=True", op="searchsorted")
        right = side == "right"
    if sorted_sequence.ndim == 0:
        raise ShapeError("a zero-dim tensor has no rows", op="searchsorted")
    if sorter is not None:
        if tuple(sorter.shape) != tuple(sorted_sequence.shape):
            raise ShapeError(f"sorter has shape {list(sorter.shape)}, the rows {list(sorted_sequence.shape)}",
                             op="searchsorted")  # fmt: skip
        if sorter.dtype is not int64:
            raise DTypeError(f"sorter is {sorter.dtype.name}, not i64", op="searchsorted")
    return places(sorted_sequence, input, right, "searchsorted", sorter, out_int32)


@operator(out=True)
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Between which of the sorted boundaries each value lies; right: a value on a boundary lies after it."""
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries have {boundaries.ndim} axes, not 1", op="bucketize")
    return places(boundaries, input, right, "bucketize", None, out_int32)
