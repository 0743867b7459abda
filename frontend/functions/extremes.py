"""Where the extremes of a dim are, and what they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.reduction import amax, amin, check_not_empty, reduced
from brasa.ir.dtype import int64
from brasa.ir.graph import Op
from brasa.ir.ops import reduce as ops
from brasa.ir.ops.elementwise import cast as cast_op
from brasa.ir.ops.index import gather
from brasa.return_types import also_returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axes_of, axis_of, constant, reshape, type_of

__all__ = ["argmax", "argmin", "max", "min"]


class ValuesAndIndices(NamedTuple):
    """Elements that were chosen along a dim, and their places in it."""

    values: Tensor
    indices: Tensor


_Max, _Min = (also_returned_by(name, ValuesAndIndices) for name in ("max", "min"))


def copied(input: Tensor) -> Tensor:
    """The same values in memory of their own."""
    return apply(cast_op, input, dtype=type_of(input).dtype)


def picked(input: Tensor, place: Tensor, axis: int, keepdim: bool = True) -> ValuesAndIndices:
    """The elements of a traced tensor at one place or several of an axis, which goes if keepdim is not set."""
    if input.ndim == 0:
        return ValuesAndIndices(copied(input), constant(0, int64))
    values = apply(gather, input, place, axis=axis)
    if keepdim:
        return ValuesAndIndices(values, place)
    shape = [n for a, n in enumerate(type_of(input).shape) if a != axis]
    return ValuesAndIndices(reshape(values, shape), reshape(place, shape))


@operator(method=True, out=True)
@function
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The place of the largest element along a dim, or in the flattened tensor; the first of equal ones."""
    return _place(ops.argmax, input, dim, keepdim, "argmax")


@operator(method=True, out=True)
@function
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The place of the smallest element along a dim, or in the flattened tensor; the first of equal ones."""
    return _place(ops.argmin, input, dim, keepdim, "argmin")


def _place(op: Op, input: Tensor, dim: int | None, keepdim: bool, name: str) -> Tensor:
    axes = axes_of(dim, input.ndim, name)
    check_not_empty(input, axes, name)
    return reduced(op, input, axes, keepdim)


@function
def _max_along(input: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    return _chosen(ops.argmax, input, dim, keepdim, "max")


@function
def _min_along(input: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    return _chosen(ops.argmin, input, dim, keepdim, "min")


def _chosen(op: Op, input: Tensor, dim: int, keepdim: bool, name: str) -> ValuesAndIndices:
    axis = axis_of(dim, input.ndim, name)
    if input.ndim == 0:
        return picked(input, input, axis)
    check_not_empty(input, (axis,), name)
    return picked(input, reduced(op, input, (axis,), True), axis, keepdim)


@operator(method=True, out=True)
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The largest element; along a dim (values, indices); with another tensor the elementwise maximum."""
    if other is not None or isinstance(dim, Tensor):
        return pointwise.maximum(input, dim if other is None else other)
    return amax(input) if dim is None else _Max(*_max_along(input, dim, keepdim))


@operator(method=True, out=True)
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The smallest element; along a dim (values, indices); with another tensor the elementwise minimum."""
    if other is not None or isinstance(dim, Tensor):
        return pointwise.minimum(input, dim if other is None else other)
    return amin(input) if dim is None else _Min(*_min_along(input, dim, keepdim))
