"""Pooling to given sizes: the windows divide each axis as evenly as whole elements allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.neural.precision import wide
from brasa.functions.neural.spatial import check_rank, counted
from brasa.functions.neural.taps import picked_taps
from brasa.ir.dim import Size, floor_divide, product
from brasa.ir.dtype import int64
from brasa.ir.errors import ArgumentError, DTypeError, ValueError
from brasa.ir.ops import reduce
from brasa.ir.ops.index import gather
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, constant, expand, reshape, type_of

__all__ = ["adaptive_avg_pool1d", "adaptive_max_pool1d"]


class _Bounds(NamedTuple):
    """places[count, taps]: the elements of each window, the last one again where it has fewer; lengths like them."""

    places: Tensor
    inside: Tensor
    lengths: Tensor


def _bounds(size: Size, count: Size, taps: int = 1) -> _Bounds:
    """Window i is from floor(i * size / count) to ceil((i + 1) * size / count). taps: which axis they have."""
    shape = (count, floor_divide(size - 2, count) + 2)[:: 2 * taps - 1]
    number, tap = counted(shape, 1 - taps), counted(shape, taps)
    extent = constant(size, int64)
    parts = constant(count, int64)
    first = pointwise.floor_divide(pointwise.mul(number, extent), parts)
    reached = pointwise.add(pointwise.mul(pointwise.add(number, 1), extent), constant(count - 1, int64))
    end = pointwise.floor_divide(reached, parts)
    place = pointwise.add(first, tap)
    return _Bounds(pointwise.minimum(place, pointwise.sub(end, 1)), pointwise.lt(place, end), pointwise.sub(end, first))


def _averaged(input: Tensor, axis: int, count: Size) -> Tensor:
    """One axis; windows are boxes, so their means are means of means.

    The windows of the last axis lie next to each other, so that several are summed at once.
    """
    tap = 0 if axis == input.ndim - 1 else 1
    bounds = _bounds(type_of(input).shape[axis], count, tap)
    taps = picked_taps(input, axis, bounds.places)
    shape = type_of(taps).shape
    table = [n if a in (axis, axis + 1) else 1 for a, n in enumerate(shape)]

    def spread(values: Tensor) -> Tensor:
        return expand(reshape(values, table), shape)

    total = apply(reduce.sum_, pointwise.where(spread(bounds.inside), taps, 0), axes=(axis + tap,))
    lengths = apply(reduce.max_, bounds.lengths, axes=(tap,))
    column = reshape(lengths, [count if a == axis else 1 for a in range(input.ndim)])
    return pointwise.true_divide(total, cast(column, type_of(total).dtype))


@function
def _adaptive_mean(input: Tensor, sizes: Any) -> Tensor:
    return adaptive_means(input, sizes)


def adaptive_means(input: Tensor, sizes: Sequence[Size | None]) -> Tensor:
    """The means of windows that divide the last axes of a traced tensor into so many parts."""
    kind = type_of(input).dtype
    result = cast(input, wide(kind))
    lead = input.ndim - len(sizes)
    single = tuple(lead + i for i, count in enumerate(sizes) if count == 1)
    if single:
        shape = type_of(result).shape
        number = constant(product(shape[axis] for axis in single), type_of(result).dtype)
        mean = pointwise.true_divide(apply(reduce.sum_, result, axes=single), number)
        result = reshape(mean, [1 if a in single else n for a, n in enumerate(shape)])
    for i, count in enumerate(sizes):
        if count is not None and count != 1:
            result = _averaged(result, lead + i, count)
    return cast(result, kind)


@function
def _adaptive_max(input: Tensor, sizes: Any) -> tuple[Tensor, Tensor]:
    """The places of all elements of each window among those of its image, in their order, and the best of them."""
    rank, lead = len(sizes), input.ndim - len(sizes)
    shape = type_of(input).shape
    spatial, outer = shape[lead:], shape[:lead]
    bounds = [_bounds(n, n if count is None else count).places for n, count in zip(spatial, sizes, strict=True)]
    result = tuple(type_of(places).shape[0] for places in bounds)
    table = (*result, *(type_of(places).shape[1] for places in bounds))
    places: Tensor = constant(0, int64, table)
    for axis, (axis_places, size) in enumerate(zip(bounds, spatial, strict=True)):
        column = reshape(axis_places, [n if a % rank == axis else 1 for a, n in enumerate(table)])
        places = pointwise.add(pointwise.mul(places, constant(size, int64)), expand(column, table))
    count, taps = product(result), product(table[rank:])
    images = reshape(input, (*outer, product(spatial)))
    everywhere = expand(reshape(places, (*[1] * lead, count * taps)), (*outer, count * taps))
    found = reshape(apply(gather, images, everywhere, axis=lead), (*outer, count, taps))
    best = apply(reduce.argmax, found, axes=(lead + 1,))
    rows = expand(reshape(places, (*[1] * lead, count, taps)), (*outer, count, taps))
    chosen = apply(gather, rows, reshape(best, (*outer, count, 1)), axis=lead + 1)
    where = reshape(chosen, (*outer, count))
    return (
        reshape(apply(gather, images, where, axis=lead), (*outer, *result)),
        reshape(where, (*outer, *result)),
    )


def _sizes(op: str, input: Tensor, rank: int, output_size: Any) -> tuple[int | None, ...]:
    """How many windows each axis gets; None for as many as elements."""
    check_rank(op, input, rank)
    listed = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * rank
    if len(listed) == 1:
        listed = listed * rank
    if len(listed) != rank or not all(size is None or hasattr(size, "__index__") for size in listed):
        raise ArgumentError(f"output_size must be an int or {rank} of them, not {output_size}", op=op)
    sizes = tuple(None if size is None else int(size) for size in listed)
    if any(size is not None and size < 0 for size in sizes):
        raise ValueError(f"output_size must not be negative, it is {output_size}", op=op)
    return sizes


def _means(op: str, rank: int, input: Tensor, output_size: Any) -> Tensor:
    sizes = _sizes(op, input, rank, output_size)
    if input.dtype.kind != "float":
        raise DTypeError(f"the mean of {input.dtype.name} is not defined", op=op)
    return _adaptive_mean(input, sizes)  # type: ignore[no-any-return]


def _largest(op: str, rank: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    values, places = _adaptive_max(input, _sizes(op, input, rank, output_size))
    return (values, places) if return_indices else values


@operator(namespace="nn.functional")
@operator()
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of output_size windows of the last axis: from floor(i * l / size) to ceil((i + 1) * l / size).

    ShapeError for other inputs than [n, c, l] and [c, l]. None instead of a size keeps the axis.
    """
    return _means("adaptive_avg_pool1d", 1, input, output_size)


@operator(namespace="nn.functional")
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows that divide the last two axes into output_size parts; see adaptive_avg_pool1d."""
    return _means("adaptive_avg_pool2d", 2, input, output_size)


@operator(namespace="nn.functional")
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows that divide the last three axes into output_size parts; see adaptive_avg_pool1d."""
    return _means("adaptive_avg_pool3d", 3, input, output_size)


@operator(namespace="nn.functional")
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of output_size windows of the last axis, and with return_indices where they are.

    Windows are those of adaptive_avg_pool1d; the first of equal elements gets the gradient, NaN is above all.
    """
    return _largest("adaptive_max_pool1d", 1, input, output_size, return_indices)


@operator(namespace="nn.functional")
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide the last two axes into output_size parts; see above."""
    return _largest("adaptive_max_pool2d", 2, input, output_size, return_indices)


@operator(namespace="nn.functional")
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide the last three axes into output_size parts; see above."""
    return _largest("adaptive_max_pool3d", 3, input, output_size, return_indices)


@operator(namespace="nn.functional")
def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """adaptive_max_pool1d with indices, whatever return_indices says."""
    return adaptive_max_pool1d(input, output_size, True)


@operator(namespace="nn.functional")
def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """adaptive_max_pool2d with indices, whatever return_indices says."""
    return adaptive_max_pool2d(input, output_size, True)


@operator(namespace="nn.functional")
def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """adaptive_max_pool3d with indices, whatever return_indices says."""
    return adaptive_max_pool3d(input, output_size, True)
