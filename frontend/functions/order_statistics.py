"""Medians, quantiles and modes: what stands at a rank among the sorted elements of a dim."""

from __future__ import annotations

import math
from typing import Any

from brasa.functions import pointwise
from brasa.functions.extremes import ValuesAndIndices, picked
from brasa.functions.reduction import reduced
from brasa.functions.sorting import order
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, float32, float64, int64
from brasa.ir.errors import DTypeError, IndexError, ShapeError, ValueError
from brasa.ir.ops import reduce as ops
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.cumulate import cumargmax
from brasa.ir.ops.index import gather
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.return_types import also_returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, constant, current, expand, permute, reshape, type_of

__all__ = ["median", "mode", "nanmedian", "nanquantile", "quantile"]

_Median, _NanMedian, _Mode = (also_returned_by(name, ValuesAndIndices) for name in ("median", "nanmedian", "mode"))


def _numbers(input: Tensor, axis: int) -> Tensor:
    """How many elements along an axis are no NaN, as i64."""
    return reduced(ops.sum_, cast(pointwise.eq(input, input), int64), (axis,), True)


def _middle(input: Tensor, axis: int, ignore_nan: bool) -> Tensor:
    """The place of the median, the lower one of two: of the first NaN, if there is one that is not ignored."""
    count = _numbers(input, axis)
    size = constant(type_of(input).shape[axis], int64)
    lower = pointwise.clamp(pointwise.floor_divide(pointwise.sub(count, 1), 2), min=0)
    rank = lower if ignore_nan else pointwise.where(pointwise.eq(count, size), lower, count)
    return apply(gather, order(input, axis), rank, axis=axis)


@function
def _median_along(input: Tensor, dim: int, keepdim: bool, ignore_nan: bool) -> ValuesAndIndices:
    axis = axis_of(dim, input.ndim, "median")
    if input.ndim == 0:
        return picked(input, input, axis)
    if input.shape[axis] == 0:
        raise IndexError(f"there is no element to choose in {type_of(input)}")
    return picked(input, _middle(input, axis, ignore_nan), axis, keepdim)


@function
def _median_of_all(input: Tensor, ignore_nan: bool) -> Tensor:
    """Equal elements share the gradient, as PyTorch's do."""
    kind, size = type_of(input), type_of(input).size
    if 0 in input.shape:
        return constant(math.nan if kind.dtype.kind == "float" else 0, kind.dtype)
    flat = reshape(input, (size,))
    value = apply(gather, flat, _middle(flat, 0, ignore_nan), axis=0)
    if kind.dtype.kind != "float":
        return reshape(value, ())
    fixed = apply(stop_gradient, value)
    equal = pointwise.eq(flat, fixed)
    gaps = pointwise.where(equal, pointwise.sub(flat, apply(stop_gradient, flat)), 0)
    count = reduced(ops.sum_, cast(equal, kind.dtype), (0,), False)
    share = pointwise.true_divide(reduced(ops.sum_, gaps, (0,), False), count)
    finite = pointwise.isfinite(reshape(fixed, ()))
    return pointwise.where(finite, pointwise.add(reshape(fixed, ()), share), reshape(value, ()))


@operator(method=True, out=True)
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, the lower one of two; along a dim (values, indices). NaN if there is one."""
    return _median_of_all(input, False) if dim is None else _Median(*_median_along(input, dim, keepdim, False))


@operator(method=True, out=True)
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of the elements that are no NaN; along a dim (values, indices)."""
    return _median_of_all(input, True) if dim is None else _NanMedian(*_median_along(input, dim, keepdim, True))


@function
def _mode(input: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    """In sorted rows equal elements stand together: the last of each run knows how long it is."""
    axis = axis_of(dim, input.ndim, "mode")
    if input.ndim == 0:
        return picked(input, input, axis)
    shape = type_of(input).shape
    if input.shape[axis] == 0:
        raise IndexError(f"there is no element to choose in {type_of(input)}")
    places = order(input, axis)
    sorted_ = apply(gather, input, places, axis=axis)
    rank = _ranks(shape, axis)
    before = apply(gather, sorted_, pointwise.clamp(pointwise.sub(rank, 1), min=0), axis=axis)
    begins = pointwise.logical_or(pointwise.ne(sorted_, before), pointwise.eq(rank, 0))
    start = apply(cumargmax, pointwise.where(begins, rank, -1), axis=axis, reverse=False)
    last = reduced(ops.argmax, pointwise.sub(rank, start), (axis,), True)
    return picked(input, apply(gather, places, last, axis=axis), axis, keepdim)


def _ranks(shape: tuple[Size, ...], axis: int) -> Tensor:
    trace = current()
    return trace.fresh(trace.record(iota(axis=axis, type=TensorType(shape, int64))))


@operator(method=True, out=True)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """(values, indices) of the most frequent element along a dim, the smallest of several; its last place."""
    return _Mode(*_mode(input, dim, keepdim))  # type: ignore[no-any-return]


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@function
def _quantile(
    input: Tensor, q: Number, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool, name: str
) -> Tensor:
    """Sorted rows lie along a last axis, the ranks asked for too; these come first in the result."""
    rows, kept = _as_rows(input, dim, keepdim, name)
    kind = type_of(rows).dtype
    if rows.shape[-1] == 0:
        raise ShapeError(f"there is no element to choose in {type_of(input)}", op=name)
    last = rows.ndim - 1
    wanted = q if isinstance(q, Tensor) and not q._weak else constant_of(q, kind)
    ranks = _ranks_of(rows, reshape(wanted, (type_of(wanted).size,)), ignore_nan)
    values = apply(gather, rows, order(rows, last), axis=last)

    def at(rank: Tensor) -> Tensor:
        return apply(gather, values, cast(rank, int64), axis=last)

    result = _between(at, ranks, interpolation)
    result = permute(result, (last, *range(last)))
    lead = type_of(wanted).shape
    return reshape(result, (*lead, *kept))


def constant_of(q: Any, dtype: DType) -> Tensor:
    """A number as a scalar of a dtype."""
    return cast(q, dtype) if isinstance(q, Tensor) else constant(q, dtype)


def _as_rows(input: Tensor, dim: int | None, keepdim: bool, name: str) -> tuple[Tensor, tuple[Size, ...]]:
    """(input with the dim moved last, the result's shape without the quantiles)."""
    shape = type_of(input).shape
    if dim is None or input.ndim == 0:
        if dim is not None:
            axis_of(dim, 0, name)
        return reshape(input, (type_of(input).size,)), (1,) * len(shape) if keepdim else ()
    axis = axis_of(dim, input.ndim, name)
    rest = tuple(a for a in range(input.ndim) if a != axis)
    kept = tuple(1 if a == axis else n for a, n in enumerate(shape) if keepdim or a != axis)
    return permute(input, (*rest, axis)), kept


def _ranks_of(rows: Tensor, wanted: Tensor, ignore_nan: bool) -> Tensor:
    """The ranks, with fractions, of the quantiles in each row: the last one, a NaN, in rows that have one."""
    type, last = type_of(rows), rows.ndim - 1
    count = _numbers(rows, last)
    shape = (*type.shape[:-1], type_of(wanted).shape[0])
    size = constant(type.shape[-1], int64)
    most = pointwise.clamp(pointwise.sub(count, 1), min=0) if ignore_nan else pointwise.sub(size, 1)
    ranks = pointwise.mul(expand(wanted, shape), cast(expand(most, (*type.shape[:-1], 1)), type.dtype))
    if ignore_nan:
        return ranks
    whole = expand(pointwise.eq(count, size), shape)
    return pointwise.where(whole, ranks, cast(pointwise.sub(size, 1), type.dtype))


def _between(at: Any, ranks: Tensor, interpolation: str) -> Tensor:
    below = pointwise.floor(ranks)
    match interpolation:
        case "lower":
            return at(below)  # type: ignore[no-any-return]
        case "higher":
            return at(pointwise.ceil(ranks))  # type: ignore[no-any-return]
        case "nearest":
            return at(pointwise.round(ranks))  # type: ignore[no-any-return]
    low, high = at(below), at(pointwise.ceil(ranks))
    weight = 0.5 if interpolation == "midpoint" else pointwise.sub(ranks, below)
    gap = pointwise.sub(high, low)
    if interpolation == "midpoint":
        return pointwise.add(low, pointwise.mul(gap, weight))
    near = pointwise.add(low, pointwise.mul(gap, weight))
    far = pointwise.sub(high, pointwise.mul(gap, pointwise.sub(1, weight)))
    return pointwise.where(pointwise.lt(weight, 0.5), near, far)


def _check_quantile(input: Tensor, q: Any, interpolation: str, name: str) -> None:
    if input.dtype not in (float32, float64):
        raise DTypeError(f"is not defined for {input.dtype.name}", op=name)
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(f"interpolation is one of {', '.join(_INTERPOLATIONS)}, not {interpolation!r}", op=name)
    if isinstance(q, Tensor):
        if q.ndim > 1:
            raise ShapeError(f"q has {q.ndim} axes, not 0 or 1", op=name)
        if q.dtype is not input.dtype:
            raise DTypeError(f"q is {q.dtype.name}, the input is {input.dtype.name}", op=name)
    elif not 0 <= q <= 1:
        raise ValueError(f"q must be between 0 and 1, found {q}", op=name)


@operator(method=True, out=True)
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-th quantiles along a dim, by default of all elements; NaN where there is one. q comes first in the shape.

    IndexError when a tensor q holds what is not between 0 and 1.
    """
    _check_quantile(input, q, interpolation, "quantile")
    return _quantile(input, q, dim, keepdim, interpolation, False, "quantile")  # type: ignore[no-any-return]


@operator(method=True, out=True)
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """As quantile, of the elements that are no NaN."""
    _check_quantile(input, q, interpolation, "nanquantile")
    return _quantile(input, q, dim, keepdim, interpolation, True, "nanquantile")  # type: ignore[no-any-return]
