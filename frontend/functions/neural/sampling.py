"""Images seen at any places, which a grid names, and grids of affine maps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.neural.interpolation import cubic_weights
from brasa.functions.neural.precision import wide
from brasa.functions.neural.spatial import counted
from brasa.ir.dim import Size, largest, product
from brasa.ir.dtype import DType, bool_, int64
from brasa.ir.errors import DTypeError, NotImplementedError, ShapeError, ValueError
from brasa.ir.ops import move
from brasa.ir.ops.index import gather
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, carrier, cast, constant, expand, reshape, type_of

__all__ = ["affine_grid_generator", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d"]

_MODES = ("bilinear", "nearest", "bicubic")
_BORDERS = ("zeros", "border", "reflection")


class _Tap(NamedTuple):
    """One element that counts for a place: its index, whether it is inside the image, and its weight (None: 1)."""

    index: Tensor
    inside: Tensor
    weight: Tensor | None


class _Axis(NamedTuple):
    """A spatial axis of the images. corners: -1 and 1 are the centers of its end elements, not their outer edges."""

    size: Size
    dtype: DType
    border: str
    corners: bool

    def place(self, grid: Tensor) -> Tensor:
        """From -1..1 to places of elements."""
        shifted = pointwise.add(grid, 1.0)
        if self.corners:
            return pointwise.mul(pointwise.div(shifted, 2.0), constant(self.size - 1, self.dtype))
        return pointwise.div(pointwise.sub(pointwise.mul(shifted, constant(self.size, self.dtype)), 1.0), 2.0)

    def bordered(self, place: Tensor) -> Tensor:
        """The place that shows what is beyond the border; one that is no number becomes one outside."""
        if self.border == "reflection":
            place = self._reflected(place)
        if self.border != "zeros":
            low = constant(0, self.dtype)
            place = pointwise.clamp(place, low, constant(self.size - 1, self.dtype))
        known = pointwise.lt(pointwise.abs(place), float(1 << 31))
        return pointwise.where(known, place, -100.0)

    def _reflected(self, place: Tensor) -> Tensor:
        low = constant(0.0 if self.corners else -0.5, self.dtype)
        count = self.size - 1 if self.corners else self.size
        span = constant(largest(count, 1), self.dtype)
        far = pointwise.abs(pointwise.sub(place, low))
        flips = pointwise.floor(pointwise.div(far, span))
        extra = pointwise.sub(far, pointwise.mul(flips, span))
        odd = pointwise.sub(flips, pointwise.mul(pointwise.floor(pointwise.div(flips, 2.0)), 2.0))
        inner = pointwise.add(pointwise.where(pointwise.eq(odd, 0.0), extra, pointwise.sub(span, extra)), low)
        return pointwise.where(pointwise.eq(constant(count, int64), 0), 0.0, inner)

    def tap(self, place: Tensor, weight: Tensor | None) -> _Tap:
        """The element at a whole place."""
        index = cast(place, int64)
        last = constant(self.size - 1, int64)
        inside = pointwise.logical_and(pointwise.ge(index, 0), pointwise.le(index, last))
        return _Tap(pointwise.minimum(pointwise.maximum(index, constant(0, int64)), last), inside, weight)

    def taps(self, grid: Tensor, mode: str) -> list[_Tap]:
        """The elements along this axis that count."""
        place = self.place(grid)
        if mode == "nearest":
            return [self.tap(pointwise.round(self.bordered(place)), None)]
        if mode == "bilinear":
            place = self.bordered(place)
            first = pointwise.floor(place)
            rest = pointwise.sub(place, first)
            return [self.tap(first, pointwise.sub(1.0, rest)), self.tap(pointwise.add(first, 1.0), rest)]
        first = pointwise.floor(place)
        weights = cubic_weights(pointwise.sub(place, first))
        shifts = zip((-1.0, 0.0, 1.0, 2.0), weights, strict=True)
        return [self.tap(self.bordered(pointwise.add(first, shift)), weight) for shift, weight in shifts]


def _together(taps: Sequence[_Tap], axes: Sequence[_Axis]) -> _Tap:
    """One element of an image from one along each axis."""
    index, inside, weight = taps[0]
    for axis, tap in zip(axes[1:], taps[1:], strict=True):
        index = pointwise.add(pointwise.mul(index, constant(axis.size, int64)), tap.index)
        inside = pointwise.logical_and(inside, tap.inside)
        weight = tap.weight if weight is None or tap.weight is None else pointwise.mul(weight, tap.weight)
    return _Tap(index, inside, weight)


@function
def _sampled(input: Tensor, grid: Tensor, mode: str, border: str, corners: bool) -> Tensor:
    kind = type_of(input).dtype
    dtype = wide(kind)
    samples, channels, *spatial = type_of(input).shape
    _, *counts, rank = type_of(grid).shape
    axes = [_Axis(size, dtype, border, corners) for size in spatial]
    total = product(counts)
    flat = cast(reshape(grid, (samples, 1, total, rank)), dtype)
    taps = [
        axis.taps(reshape(_column(flat, len(spatial) - 1 - number), (samples, 1, total)), mode)
        for number, axis in enumerate(axes)
    ]
    images = cast(reshape(input, (samples, channels, product(spatial))), dtype)
    chosen = [_together(combination, axes) for combination in itertools.product(*taps)]
    terms = [_term(images, tap, (samples, channels, total)) for tap in chosen]
    result = terms[0]
    for term in terms[1:]:
        result = pointwise.add(result, term)
    return cast(reshape(result, (samples, channels, *counts)), kind)


def _column(grid: Tensor, number: int) -> Tensor:
    samples, _, total, _ = type_of(grid).shape
    return apply(move.slice_, grid, starts=(0, 0, 0, number), sizes=(samples, 1, total, 1), steps=(1, 1, 1, 1))


def _term(images: Tensor, tap: _Tap, shape: Sequence[Size]) -> Tensor:
    value = apply(gather, images, expand(tap.index, shape), axis=2)
    if tap.weight is not None:
        value = pointwise.mul(value, expand(tap.weight, shape))
    return pointwise.where(expand(tap.inside, shape), value, 0.0)


def _sample(op: str, rank: int | None, input: Any, grid: Any, mode: str, border: str, corners: Any) -> Tensor:
    require_tensors(op, input=input, grid=grid)
    if rank is None:
        rank = input.ndim - 2
        if rank not in (2, 3):
            raise ShapeError(f"input must have 4 or 5 axes, it has {input.ndim}", op=op)
    if input.ndim != rank + 2 or grid.ndim != rank + 2:
        raise ShapeError(f"input and grid must have {rank + 2} axes, they have {input.ndim} and {grid.ndim}", op=op)
    if input.shape[0] != grid.shape[0] or grid.shape[-1] != rank:
        raise ShapeError(f"grid must be [{input.shape[0]}, *sizes, {rank}], its shape is {list(grid.shape)}", op=op)
    if any(n == 0 for n in input.shape[2:]):
        raise ShapeError(f"images must not be empty, input has the shape {list(input.shape)}", op=op)
    if input.dtype is not grid.dtype or input.dtype.kind != "float":
        raise DTypeError(f"input and grid must have one floating dtype, they have {input.dtype.name} and "
                         f"{grid.dtype.name}", op=op)  # fmt: skip
    if mode == "bicubic" and rank == 3:
        raise NotImplementedError("bicubic sampling is for images, not for volumes", op=op)
    return _sampled(input, grid, mode, border, bool(corners))  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:  # fmt: skip
    """Images input[n, c, h, w] (or volumes) at the places that grid[n, *sizes, 2] (or 3) names: [n, c, *sizes].

    A place holds x, y (and z) from -1, one end of the images, to 1; align_corners: those are the centers of the end
    elements. mode: "bilinear" (of volumes trilinear), "nearest", "bicubic". padding_mode: what is beyond the ends,
    "zeros", "border" or "reflection". ShapeError where the shapes do not fit, ValueError for other modes.
    """
    if mode not in _MODES:
        raise ValueError(f"mode must be one of {', '.join(_MODES)}, not '{mode}'", op="grid_sample")
    if padding_mode not in _BORDERS:
        raise ValueError(f"padding_mode must be one of {', '.join(_BORDERS)}, not '{padding_mode}'", op="grid_sample")
    return _sample("grid_sample", None, input, grid, mode, padding_mode, align_corners)


def _named(op: str, mode: int, border: int) -> tuple[str, str]:
    if not (0 <= mode < len(_MODES) and 0 <= border < len(_BORDERS)):
        raise ValueError(f"modes {mode} and {border} do not exist", op=op)
    return _MODES[mode], _BORDERS[border]


@operator()
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:  # fmt: skip
    """grid_sample with its modes by number, in the order in which grid_sample names them."""
    return _sample("grid_sampler", None, input, grid, *_named("grid_sampler", interpolation_mode, padding_mode),
                   align_corners)  # fmt: skip


@operator()
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:  # fmt: skip
    """grid_sampler of images."""
    return _sample("grid_sampler_2d", 2, input, grid, *_named("grid_sampler_2d", interpolation_mode, padding_mode),
                   align_corners)  # fmt: skip


@operator()
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:  # fmt: skip
    """grid_sampler of volumes."""
    return _sample("grid_sampler_3d", 3, input, grid, *_named("grid_sampler_3d", interpolation_mode, padding_mode),
                   align_corners)  # fmt: skip


@function
def _affine_grid(theta: Tensor, like: Tensor, corners: bool) -> Tensor:
    """like: a tensor of the image sizes of the grid."""
    dtype, counts = type_of(theta).dtype, type_of(like).shape
    samples, rank = type_of(theta).shape[0], len(counts)
    shape = (samples, *counts, rank)
    rows = reshape(theta, (samples, *[1] * rank, rank, rank + 1))

    def column(number: int) -> Tensor:
        starts = (0,) * (rank + 2) + (number,)
        sizes = (samples, *[1] * rank, rank, 1)
        part = apply(move.slice_, rows, starts=starts, sizes=sizes, steps=(1,) * (rank + 3))
        return expand(reshape(part, (samples, *[1] * rank, rank)), shape)

    total: Tensor = column(rank)
    for number, count in enumerate(reversed(counts)):
        at = cast(counted(shape, rank - number), dtype)
        inner = constant(count - 1, dtype)
        if corners:
            place = pointwise.div(pointwise.sub(pointwise.mul(at, 2.0), inner), constant(largest(count - 1, 1), dtype))
        else:
            place = pointwise.div(pointwise.sub(pointwise.mul(at, 2.0), inner), constant(count, dtype))
        total = pointwise.add(total, pointwise.mul(column(number), place))
    return total


@operator(namespace="nn.functional")
def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid for grid_sample that shows images of a size (n, c, h, w) under affine maps theta[n, 2, 3].

    Of volumes, size (n, c, d, h, w), theta is [n, 3, 4]. Its rows give x, y (and z) from those of the result and 1.
    """
    require_tensors("affine_grid", theta=theta)
    if theta.dtype.kind != "float":
        raise ValueError(f"theta must have a floating dtype, not {theta.dtype.name}", op="affine_grid")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(f"size must hold 4 or 5 sizes, it holds {len(size)}", op="affine_grid")
    if tuple(theta.shape) != (size[0], rank, rank + 1):
        raise ValueError(f"theta must be [{size[0]}, {rank}, {rank + 1}], its shape is {list(theta.shape)}",
                         op="affine_grid")  # fmt: skip
    if not all(n >= 1 for n in size):
        raise ValueError(f"sizes must be positive, they are {list(size)}", op="affine_grid")
    return _affine_grid(theta, carrier(size[2:], bool_), bool(align_corners))  # type: ignore[no-any-return]


@operator()
def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """The same as nn.functional.affine_grid."""
    return affine_grid(theta, size, align_corners)
