"""The order of elements: sorting, and searching in what is sorted.

body of a SORT op: (element, **attrs) -> an unsigned integer; the element with the least one comes first.
body of a SEARCH op: (element, value, **attrs) -> whether the value's place is after the element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim, kernel
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, float32, int32, int64, uint32, uint64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Op
from brasa.ir.kernel import Expr
from brasa.ir.ops.reduce import check_ordered
from brasa.ir.types import TensorType


def _argsort_type(x: TensorType, *, axis: int, descending: bool, count: Size | None = None) -> TensorType:
    check_ordered(x)
    if not 0 <= axis < x.rank:
        raise ShapeError(f"axis {axis} of {x} does not exist")
    count = x.shape[axis] if count is None else count
    if not (dim.at_most(0, count) and dim.at_most(count, x.shape[axis])):
        raise ShapeError(f"axis {axis} of {x} has no {count} elements")
    return TensorType((*x.shape[:axis], count, *x.shape[axis + 1 :]), int64, x.device)


def _argsort_value(x: Any, *, axis: int, descending: bool, count: int | None = None) -> Any:
    x = np.asarray(x)
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x
    if descending:
        back = np.argsort(np.flip(wide, axis), axis=axis, kind="stable")
        places = x.shape[axis] - 1 - np.flip(back, axis)
    else:
        places = np.argsort(wide, axis=axis, kind="stable")
    return places if count is None else np.take(places, np.arange(count), axis)


def key_dtype(dtype: DType) -> DType:
    """The dtype of the keys of elements of a dtype."""
    return uint64 if dtype.bits == 64 else uint32


def ascending_key(x: Expr) -> Expr:
    """An unsigned integer that is greater for greater elements.

    For floats it is made of their bits, those of negative ones turned over; both zeros are alike, NaN has the greatest.
    """
    return _float_key(x) if x.dtype.kind == "float" else _integer_key(x)


def _sort_key(x: Expr, *, axis: int, descending: bool, count: Size | None = None) -> Expr:
    key = ascending_key(x)
    return ~key if descending else key


def _float_key(x: Expr) -> Expr:
    word = key_dtype(x.dtype)
    if x.dtype.bits < 32:
        x = kernel.cast(x, float32)
    sign = 1 << (word.bits - 1)
    bits = kernel.bitcast(kernel.select(kernel.eq(x, 0.0), 0.0, x), word)
    ordered = kernel.select(bits < sign, bits | sign, ~bits)
    return kernel.select(kernel.ne(x, x), (1 << word.bits) - 1, ordered)


def _integer_key(x: Expr) -> Expr:
    if x.dtype.kind != "int":
        return x if x.dtype.bits >= 32 else kernel.cast(x, uint32)
    word = key_dtype(x.dtype)
    if x.dtype.bits < 32:
        return kernel.cast(kernel.cast(x, int32) + (1 << (x.dtype.bits - 1)), word)
    return kernel.cast(x, word) ^ (1 << (word.bits - 1))


# The places of the elements in ascending or descending order; equal ones stay in their order, NaN counts as largest.
# count: of so many elements only, the first in that order.
argsort = Op("argsort", Kind.SORT, ("x",), _argsort_type, _argsort_value, no_vjp="a place has no gradient",
             body=_sort_key)  # fmt: skip


def _search_type(sequence: TensorType, values: TensorType, *, right: bool) -> TensorType:
    check_ordered(sequence)
    if sequence.dtype is not values.dtype:
        raise DTypeError(f"sequence is {sequence.dtype.name}, values are {values.dtype.name}")
    lead = zip(sequence.shape[:-1], values.shape[:-1], strict=False)
    if not sequence.rank or sequence.rank != values.rank or not all(dim.equal(n, m) for n, m in lead):
        raise ShapeError(f"sequence {sequence} and values {values} may differ along the last axis only")
    return TensorType(values.shape, int64, values.device)


def _search_value(sequence: Any, values: Any, *, right: bool) -> Any:
    """By bisection, step by step, so that rows that are not sorted, for NaN is in them, have a meaning too."""
    sequence, values = map(np.asarray, (sequence, values))
    result = np.zeros(values.shape, np.int64)
    for at in np.ndindex(values.shape):
        row, value = sequence[at[:-1]], values[at]
        low, high = 0, len(row)
        while low < high:
            middle = (low + high) // 2
            if (value < row[middle]) if right else (value <= row[middle]):
                high = middle
            else:
                low = middle + 1
        result[at] = low
    return result


def _is_before(element: Expr, value: Expr, *, right: bool) -> Expr:
    """Written so that the place of NaN is behind all elements."""
    return ~(value < element if right else value <= element)


# The places where values could be inserted in rows that are sorted: before elements equal to them or, right, after.
searchsorted = Op("searchsorted", Kind.SEARCH, ("sequence", "values"), _search_type, _search_value,
                  no_vjp="a place has no gradient", body=_is_before)  # fmt: skip
