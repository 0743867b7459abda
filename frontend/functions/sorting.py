"""Sorting along a dim, and what is chosen by rank. NaN counts as larger than any number; sorting is always stable."""

from __future__ import annotations

from typing import Any

from brasa.functions.cumulative import part
from brasa.functions.extremes import ValuesAndIndices, copied, picked
from brasa.ir.dtype import int64
from brasa.ir.errors import IndexError, ShapeError
from brasa.ir.ops.order import argsort as argsort_op
from brasa.return_types import also_returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axis_of, constant, type_of

__all__ = ["argsort", "kthvalue", "msort", "sort", "topk"]


_Sort, _TopK, _KthValue = (also_returned_by(name, ValuesAndIndices) for name in ("sort", "topk", "kthvalue"))


def order(input: Tensor, axis: int, descending: bool = False, count: int | None = None) -> Tensor:
    """The places of a traced tensor's elements along an axis, in order: all, or only the first `count`."""
    if input.ndim == 0:
        return constant(0, int64)
    attrs = {} if count is None else {"count": count}
    return apply(argsort_op, input, axis=axis, descending=descending, **attrs)


@function
def _sort(input: Tensor, dim: int, descending: bool) -> ValuesAndIndices:
    axis = axis_of(dim, input.ndim, "sort")
    return picked(input, order(input, axis, descending), axis)


@operator(method=True, out=True)
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: Any = False) -> ValuesAndIndices:
    """(values, indices) along a dim in ascending order; equal elements stay in theirs."""
    return _Sort(*_sort(input, dim, bool(descending)))  # type: ignore[no-any-return]


@function
def _argsort(input: Tensor, dim: int, descending: bool) -> Tensor:
    return order(input, axis_of(dim, input.ndim, "argsort"), descending)


@operator(method=True, out=True)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: Any = False) -> Tensor:
    """The places of the elements along a dim in ascending order."""
    return _argsort(input, dim, bool(descending))  # type: ignore[no-any-return]


@operator(method=True, out=True)
def msort(input: Tensor) -> Tensor:
    """The elements in ascending order along the first dim."""
    return _sort(input, 0, False).values  # type: ignore[no-any-return]


def _outside(k: int, input: Tensor, dim: int) -> ShapeError:
    return ShapeError(f"k is {k}, which does not fit dim {dim} of {type_of(input)}")


@function
def _topk(input: Tensor, k: int, dim: int, largest: bool) -> ValuesAndIndices:
    axis = axis_of(dim, input.ndim, "topk")
    size = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise _outside(k, input, dim)
    if input.ndim == 0:
        if k == 0:
            raise ShapeError("k is 0, of a zero-dim tensor")
        return picked(input, input, axis)
    return picked(input, order(input, axis, largest, k), axis)


@operator(method=True, out=True)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """(values, indices) of the k largest or smallest elements along a dim, in order."""
    return _TopK(*_topk(input, int(k), dim, bool(largest)))  # type: ignore[no-any-return]


@function
def _kthvalue(input: Tensor, k: int, dim: int, keepdim: bool) -> ValuesAndIndices:
    axis = axis_of(dim, input.ndim, "kthvalue")
    size = input.shape[axis] if input.ndim else 1
    if size == 0:
        raise IndexError(f"there is no element to choose in {type_of(input)}")
    if not 1 <= k <= size:
        raise _outside(k, input, dim)
    if input.ndim == 0:
        return ValuesAndIndices(copied(input), constant(0, int64))
    return picked(input, part(order(input, axis, count=k), axis, k - 1, 1), axis, keepdim)


@operator(method=True, out=True)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """(values, indices) of the k-th smallest element along a dim, counted from 1."""
    return _KthValue(*_kthvalue(input, int(k), dim, keepdim))  # type: ignore[no-any-return]
