"""Distinct elements or slices. How many there are is a value: compiled programs run up to there first."""

from __future__ import annotations

from typing import Any

from brasa.functions.axes import movedim
from brasa.functions.nonzero import positions
from brasa.ir.dtype import bool_, int64
from brasa.ir.errors import ShapeError
from brasa.ir.ops import cumulate, move
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops.index import gather, scatter
from brasa.ir.ops.order import argsort
from brasa.ir.ops.reduce import sum_
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape as reshape_tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axis_of, cast, constant, expand, reshape, type_of

__all__ = ["unique", "unique_consecutive"]


@function
def _ordered(rows: Tensor, columns: int) -> Tensor:
    """The order of a matrix's rows by their elements, the first column first: sorted by each, the last one first."""
    count = type_of(rows).shape[0]
    order: Tensor | None = None
    for column in reversed(range(columns)):
        keys = apply(move.slice_, rows, starts=(0, column), sizes=(count, 1), steps=(1, 1))
        keys = reshape(keys, (count,))
        if order is not None:
            keys = apply(gather, keys, order, axis=0)
        finer = apply(argsort, keys, axis=0, descending=False)
        order = finer if order is None else apply(gather, order, finer, axis=0)
    assert order is not None
    return order


@function
def _is_new(rows: Tensor) -> Tensor:
    """Whether each row of a matrix differs from the one before it."""
    count, width = type_of(rows).shape
    sizes = (count - 1, width)
    ahead, behind = (apply(move.slice_, rows, starts=(start, 0), sizes=sizes, steps=(1, 1)) for start in (1, 0))
    changes = apply(sum_, cast(apply(ops.ne, ahead, behind), int64), axes=(1,))
    return apply(move.concat, constant(True, bool_, (1,)), cast(changes, bool_), axis=0)


@function
def _groups(is_new: Tensor) -> Tensor:
    """The number of the group of each row, where groups begin with what is new."""
    ones = constant(1, int64, type_of(is_new).shape)
    return apply(ops.sub, apply(cumulate.cumsum, cast(is_new, int64), axis=0, reverse=False), ones)


@function
def _at(rows: Tensor, places: Tensor) -> Tensor:
    shape = (type_of(places).shape[0], type_of(rows).shape[1])
    return apply(gather, rows, expand(reshape(places, (shape[0], 1)), shape), axis=0)


@function
def _sent(values: Tensor, places: Tensor) -> Tensor:
    """Each value in the place that stands beside it."""
    return apply(scatter, constant(0, int64, type_of(values).shape), places, values, axis=0)


@function
def _lengths(starts: Tensor, like: Tensor) -> Tensor:
    """The lengths of groups that begin at these places of what has `like`'s elements."""
    count = type_of(starts).shape[0]
    end = constant(type_of(like).shape[0], int64, (1,))
    after = apply(move.slice_, apply(move.concat, starts, end, axis=0), starts=(1,), sizes=(count,), steps=(1,))
    return apply(ops.sub, after, starts)


def _distinct(rows: Tensor, sort: bool) -> tuple[Tensor, Tensor, Tensor]:
    """(distinct rows of a matrix, the number among them of each row, how often each occurs)."""
    order = _ordered(rows, int(rows.shape[1])) if sort else None
    kept = rows if order is None else _at(rows, order)
    is_new = _is_new(kept)
    starts, groups = positions(is_new), _groups(is_new)
    return _at(kept, starts), groups if order is None else _sent(groups, order), _lengths(starts, groups)


def _unique(input: Tensor, dim: int | None, sort: bool, inverse: bool, counts: bool, name: str) -> Any:
    axis = None if dim is None else axis_of(dim, input.ndim, name)
    moved = reshape_tensor(input, (-1,)) if axis is None or input.ndim == 0 else movedim(input, axis, 0)
    shape = tuple(moved.shape)
    if shape[0] == 0 or moved.numel() == 0:
        if shape[0] != 0:
            raise ShapeError("slices without elements cannot be told apart", op=name)
        nothing = input.new_empty((0,), dtype=int64)  # type: ignore[attr-defined]
        found = input.clone() if axis is not None else moved.clone()  # type: ignore[attr-defined]
        results = (found, nothing.reshape(input.shape if axis is None else (0,)), nothing)
    else:
        made, groups, often = _distinct(reshape_tensor(moved, (shape[0], -1)), sort)
        made = reshape_tensor(made, (made.shape[0], *shape[1:]))
        back = movedim(made, 0, axis) if axis and input.ndim else made
        results = (back, reshape_tensor(groups, tuple(input.shape)) if axis is None else groups, often)
    wanted = (results[0], *([results[1]] if inverse else []), *([results[2]] if counts else []))
    return wanted if len(wanted) > 1 else wanted[0]


@operator(method=True)
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """The distinct elements, or slices of an axis, in ascending order; every NaN is distinct.

    return_inverse: also the place among them of each. return_counts: also how often each occurs.
    """
    return _unique(input, dim, True, return_inverse, return_counts, "unique")


@operator(method=True)
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """As unique, but in the order of the input, and only neighbours count as the same."""
    return _unique(input, dim, False, return_inverse, return_counts, "unique_consecutive")
