"""How many elements fall between edges, in one dim or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.reduction import amax, amin, reduced
from brasa.ir.dim import product
from brasa.ir.dtype import DType, bool_, int64
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops.index import scatter_add
from brasa.ir.ops.order import searchsorted
from brasa.ir.ops.reduce import sum_
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, constant, current, reshape, type_of

__all__ = ["histc", "histogram", "histogramdd"]


@returned_by("histogram")
class Histogram(NamedTuple):
    """How much falls into each bin, and the edges of the bins; of several dims a tuple of them."""

    hist: Tensor
    bin_edges: Any


def _bounds(values: Tensor, low: Number | None, high: Number | None, margin: float) -> tuple[Tensor, Tensor]:
    """The outer edges: those given or the data's, moved apart where they are equal; of no data 0 and 1, or -1 and 1."""
    kind = type_of(values).dtype
    if low is None or high is None:
        is_empty = 0 in values.shape
        first, last = (constant(n, kind) for n in (0, 2 - 2 * margin)) if is_empty else (amin(values), amax(values))
    else:
        first, last = (cast(n, kind) if isinstance(n, Tensor) else constant(n, kind) for n in (low, high))
    equal = pointwise.eq(first, last)
    begin = pointwise.where(equal, pointwise.sub(first, margin), first)
    return begin, pointwise.where(equal, pointwise.add(last, margin), last)


@function
def _edges(values: Tensor, bins: int, low: Number | None, high: Number | None) -> Tensor:
    """bins + 1 edges at equal distances, counted from the nearer end."""
    first, last = _bounds(values, low, high, 0.5)
    kind, trace = type_of(values).dtype, current()
    place = trace.fresh(trace.record(iota(axis=0, type=TensorType((bins + 1,), int64))))
    step = pointwise.true_divide(pointwise.sub(last, first), bins)
    up = pointwise.add(first, pointwise.mul(step, cast(place, kind)))
    down = pointwise.sub(last, pointwise.mul(step, cast(pointwise.sub(bins, place), kind)))
    return pointwise.where(pointwise.lt(place, (bins + 1) // 2), up, down)


def _added(places: Tensor, inside: Tensor, weight: Tensor | None, bins: Any, dtype: DType) -> Tensor:
    """The weights, or the numbers, of the values in each bin."""
    one = constant(1, dtype) if weight is None else weight
    parts = pointwise.where(inside, one, constant(0, dtype))
    return apply(scatter_add, constant(0, dtype, (bins,)), pointwise.where(inside, places, 0), parts, axis=0)


@function
def _histogram(points: Tensor, edges: Sequence[Tensor], weight: Tensor | None, density: bool) -> Tensor:
    """points: [m, n]; one row of edges for each of the n dims."""
    kind, count = type_of(points).dtype, type_of(points).shape[0]
    shape = [type_of(each).shape[0] - 1 for each in edges]
    flat, inside = constant(0, int64, (count,)), constant(True, bool_, (count,))
    for number, (each, bins) in enumerate(zip(edges, shape, strict=True)):
        values, first, last = points[:, number], each[0], each[-1]
        place = pointwise.sub(apply(searchsorted, each, values, right=True), 1)
        place = pointwise.where(pointwise.eq(values, last), constant(bins - 1, int64), place)
        flat = pointwise.add(pointwise.mul(flat, constant(bins, int64)), place)
        within = pointwise.logical_and(pointwise.ge(values, first), pointwise.le(values, last))
        inside = pointwise.logical_and(inside, within)
    hist = reshape(_added(flat, inside, weight, product(shape), kind), shape)
    return _density(hist, edges) if density else hist


def _density(hist: Tensor, edges: Sequence[Tensor]) -> Tensor:
    """Over the sum of all and the size of each bin."""
    result = pointwise.true_divide(hist, reduced(sum_, hist, tuple(range(hist.ndim)), False))
    for axis, each in enumerate(edges):
        widths = pointwise.sub(each[1:], each[:-1])
        shape = [type_of(widths).shape[0] if a == axis else 1 for a in range(hist.ndim)]
        result = pointwise.true_divide(result, reshape(widths, shape))
    return result


@function
def _histc(input: Tensor, bins: int, low: Number | None, high: Number | None) -> Tensor:
    kind, size = type_of(input).dtype, type_of(input).size
    values = reshape(input, (size,))
    first, last = _bounds(values, low, high, 1)
    scaled = pointwise.mul(pointwise.sub(values, first), bins)
    place = cast(pointwise.true_divide(scaled, pointwise.sub(last, first)), int64)
    place = pointwise.where(pointwise.eq(place, bins), bins - 1, place)
    inside = pointwise.logical_and(pointwise.ge(values, first), pointwise.le(values, last))
    return _added(place, inside, None, bins, kind)


def _check(input: Tensor, bins: int, low: float, high: float, name: str) -> None:
    if input.dtype.kind != "float":
        raise DTypeError(f"is not defined for {input.dtype.name}", op=name)
    if bins < 1:
        raise ValueError(f"there must be a bin or more, found {bins}", op=name)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"the range [{low}, {high}] is not finite and ascending", op=name)


@operator(method=True, out=True)
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of equal bins between min and max, or between the data's extremes if both are 0.

    Elements outside and NaN count nowhere.
    """
    _check(input, bins, min, max, "histc")
    low, high = (None, None) if min == max else (float(min), float(max))
    return _histc(input, bins, low, high)  # type: ignore[no-any-return]


def _one_row(input: Tensor, bins: Any, range: Any, name: str) -> Tensor:
    """The edges of one dim."""
    if isinstance(bins, Tensor):
        if bins.ndim != 1 or bins.dtype is not input.dtype:
            raise ShapeError(f"the edges must be one row of {input.dtype.name}, found {list(bins.shape)} of "
                             f"{bins.dtype.name}", op=name)  # fmt: skip
        return bins
    low, high = (0.0, 0.0) if range is None else range
    _check(input, bins, low, high, name)
    return _edges(input, bins, *((None, None) if range is None else (float(low), float(high))))  # type: ignore[no-any-return]


def _weights(input: Tensor, weight: Tensor | None, shape: tuple[Any, ...], name: str) -> Tensor | None:
    if weight is None:
        return None
    if tuple(weight.shape) != shape or weight.dtype is not input.dtype:
        raise ShapeError(f"weight must be {input.dtype.name}{list(shape)}, found {weight.dtype.name}"
                         f"{list(weight.shape)}", op=name)  # fmt: skip
    return weight.reshape(-1)  # type: ignore[attr-defined, no-any-return]


@operator(method=True, out=True)
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Histogram:
    """(hist, bin_edges): what falls between edges, given as a tensor or as a number of equal bins in a range.

    The last bin holds its right edge; density: over the sum of all and the width of each bin.
    """
    flat = input.detach().reshape(-1)  # type: ignore[attr-defined]
    edges = _one_row(flat, bins, range, "histogram")
    own = _weights(input, weight, tuple(input.shape), "histogram")
    return Histogram(_histogram(flat.reshape(-1, 1), [edges], own, density), edges)


@operator()
def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Histogram:
    """As histogram for points, the last dim of the input; bin_edges is a tuple."""
    if input.ndim < 2:
        raise ShapeError(f"points lie along a second dim, there is none in {list(input.shape)}", op="histogramdd")
    count = int(input.shape[-1])
    each = list(bins) if isinstance(bins, tuple | list) else [bins] * count
    if len(each) != count or (range is not None and len(range) != 2 * count):
        raise ArgumentError(f"points have {count} coordinates; bins and range are for others", op="histogramdd")
    points = input.detach().reshape(-1, count)  # type: ignore[attr-defined]
    edges = [
        _one_row(points[:, i], bins_, None if range is None else range[2 * i : 2 * i + 2], "histogramdd")
        for i, bins_ in enumerate(each)
    ]
    own = _weights(input, weight, tuple(input.shape)[:-1], "histogramdd")
    return Histogram(_histogram(points, edges, own, density), tuple(edges))
