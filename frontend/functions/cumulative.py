"""Cumulative functions: what each element makes together with all before it along a dim; and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.functions import pointwise
from brasa.functions.complex_products import complex_running_product
from brasa.functions.extremes import ValuesAndIndices, copied, picked
from brasa.functions.joining import cat
from brasa.functions.reduction import reduced, summed
from brasa.ir.dtype import DType, bool_
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.graph import Op
from brasa.ir.ops import cumulate as ops
from brasa.ir.ops.move import slice_
from brasa.ir.ops.reduce import sum_
from brasa.return_types import also_returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, floating, reshape, type_of

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "logcumsumexp", "trapezoid", "trapz",
]  # fmt: skip


def _cumulated(op: Op, input: Tensor, dim: int, name: str) -> Tensor:
    axis = axis_of(dim, input.ndim, name)
    return apply(op, input, axis=axis, reverse=False) if input.ndim else copied(input)


@operator(method=True, in_place=True, out=True)
@function
def cumsum(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """The sums of all elements up to each along a dim; integers and bools are summed as int64."""
    return _cumulated(ops.cumsum, summed(input, dtype), dim, "cumsum")


@operator(method=True, in_place=True, out=True)
@function
def cumprod(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """The products of all elements up to each along a dim; integers and bools are multiplied as int64."""
    value = summed(input, dtype)
    if type_of(value).dtype.is_complex:
        return complex_running_product(value, axis_of(dim, value.ndim, "cumprod"))
    return _cumulated(ops.cumprod, value, dim, "cumprod")


@operator(method=True, out=True)
@function
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(cumsum(exp(input))) along a dim."""
    return _cumulated(ops.logcumsumexp, cast(input, floating(input)), dim, "logcumsumexp")


def _running(op: Op, name: str, doc: str) -> Callable[..., Any]:
    kind = also_returned_by(name, ValuesAndIndices)

    def build(input: Tensor, dim: int) -> ValuesAndIndices:
        axis = axis_of(dim, input.ndim, name)
        place = apply(op, input, axis=axis, reverse=False) if input.ndim else input
        return kind(*picked(input, place, axis))  # type: ignore[no-any-return]

    build.__name__ = build.__qualname__ = name
    build.__doc__ = doc
    return operator(method=True, out=True)(function(build))


cummax = _running(ops.cumargmax, "cummax", "(values, indices) of the largest element up to each along a dim.")
cummin = _running(ops.cumargmin, "cummin", "(values, indices) of the smallest element up to each along a dim.")


def part(input: Tensor, axis: int, start: Any, length: Any) -> Tensor:
    """Neighbouring places of an axis."""
    shape = type_of(input).shape
    starts = tuple(start if a == axis else 0 for a in range(len(shape)))
    sizes = tuple(length if a == axis else n for a, n in enumerate(shape))
    return apply(slice_, input, starts=starts, sizes=sizes, steps=(1,) * len(shape))


def _neighbours(input: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """(all but the last, all but the first) along an axis."""
    count = type_of(input).shape[axis] - 1
    return part(input, axis, 0, count), part(input, axis, 1, count)


@function
def _diff(input: Tensor, n: int, dim: int) -> Tensor:
    value, axis = input, axis_of(dim, input.ndim, "diff")
    for _ in range(n):
        if value.shape[axis] == 0:
            break
        before, after = _neighbours(value, axis)
        differ = pointwise.logical_xor if type_of(value).dtype is bool_ else pointwise.sub
        value = differ(after, before)
    return value if n else copied(value)


@operator(method=True, out=True)
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The n-th differences of neighbours along a dim, to which elements may be added at either end first."""
    if input.ndim == 0:
        raise ShapeError("a zero-dim tensor has no neighbours", op="diff")
    if n < 0:
        raise ValueError(f"the order must not be negative, found {n}", op="diff")
    axis = axis_of(dim, input.ndim, "diff")
    given = (prepend, append) if n else (None, None)
    ends = [None if each is None else _with_shape_of(each, input, axis) for each in given]
    parts = [part for part in (ends[0], input, ends[1]) if part is not None]
    return _diff(cat(parts, axis) if len(parts) > 1 else input, n, dim)  # type: ignore[no-any-return]


def _with_shape_of(end: Tensor, input: Tensor, axis: int) -> Tensor:
    """A zero-dim end as one place along the axis."""
    if end.ndim:
        return end
    shape = [1 if a == axis else n for a, n in enumerate(input.shape)]
    return end.expand(shape)  # type: ignore[attr-defined, no-any-return]


def _areas(y: Tensor, x: Tensor | None, dx: Number | None, axis: int) -> Tensor:
    """The area below each pair of neighbours."""
    left, right = _neighbours(y, axis)
    height = pointwise.true_divide(pointwise.add(left, right), 2)
    if x is None:
        return pointwise.mul(height, 1 if dx is None else dx)
    rank = max(y.ndim, x.ndim)
    if x.ndim == 1 and y.ndim > 1:
        x = reshape(x, [type_of(x).shape[0] if a == axis else 1 for a in range(y.ndim)])
    before, after = _neighbours(x, axis - y.ndim + x.ndim)
    return pointwise.mul(reshape(height, (1,) * (rank - y.ndim) + type_of(height).shape), pointwise.sub(after, before))


@function
def _trapezoid(y: Tensor, x: Tensor | None, dx: Number | None, dim: int) -> Tensor:
    axis = axis_of(dim, y.ndim, "trapezoid")
    if y.shape[axis] == 0:
        return _nothing(y, axis)
    areas = _areas(y, x, dx, axis)
    return reduced(sum_, areas, (axis - y.ndim + areas.ndim,), False)


def _nothing(y: Tensor, axis: int) -> Tensor:
    value = cast(y, floating(y))
    return reduced(sum_, value, (axis,), False)


@function
def _cumulative_trapezoid(y: Tensor, x: Tensor | None, dx: Number | None, dim: int) -> Tensor:
    areas = _areas(y, x, dx, axis_of(dim, y.ndim, "cumulative_trapezoid"))
    return _cumulated(ops.cumsum, areas, axis_of(dim, y.ndim, "cumulative_trapezoid") - y.ndim, "cumulative_trapezoid")


def _check_steps(y: Tensor, x: Any, dx: Any, name: str) -> tuple[Tensor | None, Any]:
    """(x, dx), of which one may be given, x positionally as dx too."""
    if x is not None and not isinstance(x, Tensor):
        x, dx = None, x
    if x is not None and dx is not None:
        raise ArgumentError("takes x or dx, not both", op=name)
    if y.ndim == 0:
        raise ShapeError("a zero-dim tensor has no neighbours", op=name)
    return x, dx


@operator(aliases=("trapz",))
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area below y along a dim by the trapezoidal rule, at places x or dx (1) apart."""
    return _trapezoid(y, *_check_steps(y, x, dx, "trapezoid"), dim)  # type: ignore[no-any-return]


trapz = trapezoid


@operator()
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The areas below y up to each place but the first along a dim, as trapezoid."""
    return _cumulative_trapezoid(y, *_check_steps(y, x, dx, "cumulative_trapezoid"), dim)  # type: ignore[no-any-return]
