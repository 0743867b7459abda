"""Images in other sizes: the nearest element, or a weighted sum of near ones, along one axis after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.neural.adaptive_pooling import adaptive_means
from brasa.functions.neural.precision import wide
from brasa.functions.neural.spatial import along, counted
from brasa.functions.neural.taps import picked, picked_taps, weighted_sum
from brasa.ir.dim import Size, divide_exactly, floor_divide, largest, product, smallest
from brasa.ir.dtype import DType, float32, int64
from brasa.ir.errors import ArgumentError, DTypeError, NotImplementedError, ShapeError, ValueError
from brasa.ir.ops import reduce
from brasa.ir.ops.index import gather
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, carrier, cast, constant, expand, reshape, type_of
from brasa.tracing.sizes import SymbolicSize

# How many spatial axes each mode is for.
_RANKS = {
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3), "linear": (1,), "bilinear": (2,),
    "bicubic": (2,), "trilinear": (3,),
}  # fmt: skip


class _Axis(NamedTuple):
    """One axis that is resized. step: elements of the input per element of the result, None for the sizes' ratio."""

    size: Size
    count: Size
    step: Tensor | None
    corners: bool
    dtype: DType

    def number(self) -> Tensor:
        """The places of the result, in the working dtype."""
        return cast(counted((self.count,), 0), self.dtype)

    def ratio(self) -> Tensor:
        """How far apart neighbours of the result are in the input. corners: the ends of both lie upon each other."""
        if self.corners:
            inner = (self.size - 1) * smallest(self.count - 1, 1)
            return _ratio(inner, largest(self.count - 1, 1), self.dtype)
        return _ratio(self.size, self.count, self.dtype) if self.step is None else cast(self.step, self.dtype)

    def place(self) -> Tensor:
        """Where the centers (or with corners the ends) of the result's elements are in the input."""
        if self.corners:
            return pointwise.mul(self.number(), self.ratio())
        return pointwise.sub(pointwise.mul(pointwise.add(self.number(), 0.5), self.ratio()), 0.5)


def _ratio(numerator: Size, denominator: Size, dtype: DType) -> Tensor:
    return pointwise.true_divide(constant(numerator, dtype), constant(denominator, dtype))


def _clamped(place: Tensor, size: Size) -> Tensor:
    return pointwise.minimum(pointwise.maximum(place, constant(0, int64)), constant(size - 1, int64))


def _nearest(input: Tensor, axes: Sequence[_Axis], exact: bool) -> Tensor:
    """The element whose cell holds the place: of all axes at once, in flat images."""
    lead, counts = type_of(input).shape[: -len(axes)], tuple(axis.count for axis in axes)
    times = [divide_exactly(axis.count, axis.size) if axis.step is None else None for axis in axes]
    if all(isinstance(n, int) and n & (n - 1) == 0 and n > 0 for n in times):  # exactly what rounding below gives
        return _repeated(input, lead, axes, times)
    places: Tensor = constant(0, int64, counts)
    for number, axis in enumerate(axes):
        shift = pointwise.add(axis.number(), 0.5) if exact else axis.number()
        place = cast(pointwise.floor(pointwise.mul(shift, axis.ratio())), int64)
        row = along(_clamped(place, axis.size), number, counts)
        places = pointwise.add(pointwise.mul(places, constant(axis.size, int64)), row)
    images = reshape(input, (*lead, product(axis.size for axis in axes)))
    total = product(counts)
    everywhere = expand(reshape(places, (*[1] * len(lead), total)), (*lead, total))
    return reshape(apply(gather, images, everywhere, axis=len(lead)), (*lead, *counts))


def _repeated(input: Tensor, lead: Any, axes: Sequence[_Axis], times: Sequence[Any]) -> Tensor:
    split = [part for axis in axes for part in (axis.size, 1)]
    wanted = [part for axis, n in zip(axes, times, strict=True) for part in (axis.size, n)]
    wide_images = expand(reshape(input, (*lead, *split)), (*lead, *wanted))
    return reshape(wide_images, (*lead, *(axis.count for axis in axes)))


def _linear(input: Tensor, number: int, axis: _Axis) -> Tensor:
    """Two neighbours, weighted by how near they are."""
    same = pointwise.eq(constant(axis.size, int64), constant(axis.count, int64))
    place = pointwise.where(same, axis.number(), pointwise.clamp(axis.place(), min=0))
    first = pointwise.minimum(cast(place, int64), constant(axis.size - 1, int64))
    second = pointwise.minimum(pointwise.add(first, 1), constant(axis.size - 1, int64))
    rest = pointwise.clamp(pointwise.sub(place, cast(first, axis.dtype)), 0.0, 1.0)
    return _sum_of_taps(input, number, [first, second], [pointwise.sub(1.0, rest), rest])


def _cubic(input: Tensor, number: int, axis: _Axis) -> Tensor:
    """Four neighbours, weighted by cubic convolution."""
    place = axis.place()
    first = pointwise.minimum(cast(pointwise.floor(place), int64), constant(axis.size - 1, int64))
    rest = pointwise.clamp(pointwise.sub(place, cast(first, axis.dtype)), 0.0, 1.0)
    places = [_clamped(pointwise.add(first, shift), axis.size) for shift in (-1, 0, 1, 2)]
    return _sum_of_taps(input, number, places, cubic_weights(rest))


def cubic_weights(rest: Tensor, a: float = -0.75) -> list[Tensor]:
    """Weights of the four elements around a place that is `rest` behind the second one.

    Keys, "Cubic convolution interpolation for digital image processing" (1981).
    """
    other = pointwise.sub(1.0, rest)
    return [_far(pointwise.add(rest, 1.0), a), _near(rest, a), _near(other, a), _far(pointwise.add(other, 1.0), a)]


def _near(x: Tensor, a: float) -> Tensor:
    """The kernel of cubic convolution for distances up to 1."""
    inner = pointwise.sub(pointwise.mul(x, a + 2), a + 3)
    return pointwise.add(pointwise.mul(pointwise.mul(inner, x), x), 1.0)


def _far(x: Tensor, a: float) -> Tensor:
    """The kernel of cubic convolution for distances from 1 to 2."""
    inner = pointwise.add(pointwise.mul(pointwise.sub(pointwise.mul(x, a), 5 * a), x), 8 * a)
    return pointwise.sub(pointwise.mul(inner, x), 4 * a)


def _sum_of_taps(input: Tensor, number: int, places: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    total: Tensor | None = None
    for place, weight in zip(places, weights, strict=True):
        tap = picked(input, number, place)
        term = pointwise.mul(tap, along(weight, number, type_of(tap).shape))
        total = term if total is None else pointwise.add(total, term)
    assert total is not None
    return total


def _antialiased(input: Tensor, number: int, axis: _Axis, cubic: bool, most: int | None) -> Tensor:
    """All elements under the kernel, which is as wide as the result's elements where those are wider than the input's.

    most: how many there are at most; None where sizes tell.
    """
    radius = 2 if cubic else 1
    if most is None:
        size, count = (axis.size - 1, largest(axis.count - 1, 1)) if axis.corners else (axis.size, axis.count)
        taps: Size = largest(floor_divide(2 * radius * size, count), 2 * radius) + 2
    else:
        taps = most
    shape = (axis.count, taps)
    ratio = axis.ratio()
    stretch = pointwise.clamp(ratio, min=1.0)
    support = pointwise.mul(stretch, float(radius))
    center = pointwise.mul(pointwise.add(cast(counted(shape, 0), axis.dtype), 0.5), ratio)

    def edge(place: Tensor) -> Tensor:
        return _limited(cast(pointwise.add(place, 0.5), int64), axis.size)

    first, end = edge(pointwise.sub(center, support)), edge(pointwise.add(center, support))
    place = pointwise.add(first, counted(shape, 1))
    gap = pointwise.add(pointwise.sub(cast(place, axis.dtype), center), 0.5)
    distance = pointwise.abs(pointwise.div(gap, stretch))
    inside = pointwise.lt(place, end)
    weights = pointwise.where(inside, _kernel(distance, cubic), 0.0)
    total = expand(reshape(apply(reduce.sum_, weights, axes=(1,)), (axis.count, 1)), shape)
    share = pointwise.where(pointwise.eq(total, 0.0), weights, pointwise.div(weights, total))
    return weighted_sum(picked_taps(input, number, _clamped(place, axis.size)), number, share)


def _limited(place: Tensor, size: Size) -> Tensor:
    return pointwise.minimum(pointwise.maximum(place, constant(0, int64)), constant(size, int64))


def _kernel(distance: Tensor, cubic: bool) -> Tensor:
    if not cubic:
        return pointwise.clamp(pointwise.sub(1.0, distance), min=0.0)
    outer = pointwise.where(pointwise.lt(distance, 2.0), _far(distance, -0.5), 0.0)
    return pointwise.where(pointwise.lt(distance, 1.0), _near(distance, -0.5), outer)


@function
def _resized(
    input: Tensor, like: Tensor, mode: str, corners: bool, first: Number | None, second: Number | None,
    third: Number | None, antialias: bool, most: Any,
) -> Tensor:  # fmt: skip
    """like: a tensor of the result's image sizes; first, second, third: the steps of its axes."""
    kind, rank = type_of(input).dtype, like.ndim
    lead = input.ndim - rank
    dtype = wide(kind) if kind.kind == "float" else float32
    steps = (first, second, third)[:rank]
    sizes = zip(type_of(input).shape[lead:], type_of(like).shape, steps, strict=True)
    axes = [_Axis(size, count, step, corners, dtype) for size, count, step in sizes]  # type: ignore[arg-type]
    if mode.startswith("nearest"):
        return _nearest(input, axes, mode == "nearest-exact")
    result = cast(input, dtype)
    for i in reversed(range(rank)):
        if antialias:
            result = _antialiased(result, lead + i, axes[i], mode == "bicubic", None if most is None else most[i])
        else:
            result = (_cubic if mode == "bicubic" else _linear)(result, lead + i, axes[i])
    return cast(result, kind)


@function
def _area(input: Tensor, like: Tensor) -> Tensor:
    return adaptive_means(input, type_of(like).shape)


def _scaled(size: Any, factor: float) -> Any:
    """size * factor, rounded down; for simple fractions an open size stays open."""
    if isinstance(size, SymbolicSize):
        numerator, denominator = float(factor).as_integer_ratio()
        if denominator <= 1 << 10:
            return size * numerator // denominator
    return math.floor(int(size) * factor)


def _listed(value: Any, rank: int, name: str) -> list[Any]:
    values = list(value) if isinstance(value, tuple | list) else [value] * rank
    if len(values) != rank:
        raise ValueError(f"{name} must be one number or {rank}, not {value}", op="interpolate")
    return values


def _check(input: Tensor, size: Any, factor: Any, mode: str, corners: bool | None, again: Any, antialias: bool) -> None:
    require_tensors("interpolate", input=input)
    rank = input.ndim - 2
    if mode not in _RANKS:
        raise NotImplementedError(f"mode must be one of {', '.join(_RANKS)}, not '{mode}'", op="interpolate")
    if corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"align_corners has no meaning for mode '{mode}'", op="interpolate")
    if (size is None) == (factor is None):
        raise ValueError("needs either size or scale_factor", op="interpolate")
    if again and size is not None:
        raise ValueError("recompute_scale_factor has no meaning with size", op="interpolate")
    if rank not in _RANKS[mode]:
        raise NotImplementedError(f"mode '{mode}' is not for an input of {input.ndim} axes", op="interpolate")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError("antialias is for the modes 'bilinear' and 'bicubic'", op="interpolate")
    if not mode.startswith("nearest") and input.dtype.kind != "float":
        raise DTypeError(f"mode '{mode}' is not defined for {input.dtype.name}", op="interpolate")
    if any(n == 0 for n in input.shape[1:]):
        raise ShapeError(f"only the batch may be empty, input has the shape {list(input.shape)}", op="interpolate")


@operator(namespace="nn.functional")
def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Images input[n, c, *sizes] in another size, or scaled by a factor.

    mode: "nearest" (with its known shift), "nearest-exact", "linear", "bilinear", "trilinear", "bicubic" (Keys, 1981),
    "area" (means). align_corners: the first and last elements of both lie upon each other, instead of the images' ends.
    recompute_scale_factor: places follow from the sizes and not from the factor. antialias: all elements that an
    element of a smaller result covers count. ValueError for options that do not fit together.
    """
    _check(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    rank = input.ndim - 2
    factors: list[Any] = [None] * rank
    if size is not None:
        sizes = _listed(size, rank, "size")
    else:
        given = [float(factor) for factor in _listed(scale_factor, rank, "scale_factor")]
        sizes = [_scaled(n, factor) for n, factor in zip(input.shape[2:], given, strict=True)]
        told = mode == "area" or align_corners or all(factor.is_integer() for factor in given)  # the sizes tell all
        factors = factors if recompute_scale_factor or told else given
    for n in sizes:
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise ArgumentError(f"a size must be an int, not {n}", op="interpolate")
        if not n >= 1:
            raise ShapeError(f"sizes must be positive, they would be {sizes}", op="interpolate")
    like = carrier(sizes, input.dtype)
    if mode == "area":
        return _area(input, like)  # type: ignore[no-any-return]
    radius = 2 if mode == "bicubic" else 1
    most = tuple(math.ceil(radius * max(1 / f, 1)) * 2 + 1 for f in factors) if factors[0] and antialias else None
    steps = [None if factor is None else 1 / factor for factor in factors] + [None] * (3 - rank)
    return _resized(input, like, mode, bool(align_corners), *steps, antialias, most)  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:  # fmt: skip
    """The same as interpolate."""
    return interpolate(input, size, scale_factor, mode, align_corners)


@operator(namespace="nn.functional")
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate with mode "nearest"."""
    return interpolate(input, size, scale_factor, "nearest")


@operator(namespace="nn.functional")
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate with mode "bilinear" and the corners aligned."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
