"""Covariances, and derivatives by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.functions.linalg.matrices import adjoint, built
from brasa.functions.matrix import matmul
from brasa.functions.reduction import sum as sum_of
from brasa.functions.strided import diagonal
from brasa.ir.dtype import DType, bool_, real_dtype
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops import matrices, move
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, constant, floating, required, reshape, type_of

__all__ = ["corrcoef", "cov", "gradient"]


def _positive(weights: Tensor, dtype: DType) -> Tensor:
    """The weights in a dtype; an error when the program runs if one is negative."""
    flags = required(pointwise.ge(weights, 0), "a weight is negative")
    return pointwise.where(flags, cast(weights, dtype), 0)


@function
def _cov(input: Tensor, correction: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor:
    """Deviations from the (weighted) mean, multiplied with one another, over the weights less the correction."""
    shape = type_of(input).shape
    dtype = floating(input)
    x = cast(reshape(input, (1, *shape)) if len(shape) == 1 else input, dtype)
    real = real_dtype(dtype)
    weights = [_positive(each, real) for each in (fweights, aweights) if each is not None]
    weight = pointwise.mul(*weights) if len(weights) == 2 else weights[0] if weights else None
    count = constant(type_of(x).shape[1], real)
    total = count if weight is None else sum_of(weight)
    scaled = x if weight is None else pointwise.mul(x, weight)
    mean = pointwise.true_divide(sum_of(scaled, 1, True), total)
    gap = pointwise.sub(x, mean)
    if aweights is None or weight is None:
        over = pointwise.sub(total, correction)
    else:
        squares = sum_of(pointwise.mul(weight, weights[-1]))
        over = pointwise.sub(total, pointwise.mul(pointwise.true_divide(squares, total), correction))
    over = pointwise.clamp(over, min=0)
    weighted = gap if weight is None else pointwise.mul(gap, weight)
    return pointwise.true_divide(matmul(weighted, adjoint(gap)), over)


@operator(method=True)
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:  # fmt: skip
    """The covariances of variables (rows) over observations (columns), weighted by frequency and by importance."""
    require_tensors("cov", input=input)
    if input.ndim > 2:
        raise ShapeError(f"expects at most two axes, found {type_text(input)}", op="cov")
    if input.dtype is bool_:
        raise DTypeError("is not defined for bool", op="cov")
    for name, weights, kinds in (("fweights", fweights, ("int", "uint")), ("aweights", aweights, ("float",))):
        if weights is None:
            continue
        require_tensors("cov", **{name: weights})
        if weights.ndim > 1:
            raise ShapeError(f"{name} must have at most one axis, it is {type_text(weights)}", op="cov")
        if weights.dtype.kind not in kinds:
            raise DTypeError(f"{name} must be {kinds[0]}, it is {weights.dtype.name}", op="cov")
        if weights.numel() != (input.shape[-1] if input.ndim else 1):
            raise ShapeError(f"{name} is {type_text(weights)}, input is {type_text(input)}: not one for each "
                             "observation", op="cov")  # fmt: skip
    matrix = input if input.ndim else input.reshape(1)  # type: ignore[attr-defined]
    result = _cov(matrix, correction, fweights, aweights)
    return result.reshape(()) if matrix.ndim == 1 or matrix.shape[0] == 1 else result  # type: ignore[attr-defined, no-any-return]


@function
def _normalized(c: Tensor) -> Tensor:
    deviation = pointwise.sqrt(pointwise.real(diagonal(c)) if type_of(c).dtype.is_complex else diagonal(c))
    size = type_of(c).shape[0]
    made = pointwise.true_divide(pointwise.true_divide(c, reshape(deviation, (size, 1))), deviation)
    return made if type_of(c).dtype.is_complex else pointwise.clamp(made, -1, 1)


@operator(method=True)
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables (rows) over observations (columns)."""
    require_tensors("corrcoef", input=input)
    if input.ndim > 2:
        raise ShapeError(f"expects at most two axes, found {type_text(input)}", op="corrcoef")
    c = cov(input)
    return _normalized(c) if c.ndim else pointwise.true_divide(c, c)


# gradient


def _piece(x: Tensor, axis: int, start: Any, stop: Any) -> Tensor:
    return built(matrices.part, x, axis=axis - len(type_of(x).shape), start=start, stop=stop)


def _along(values: Tensor, axis: int, rank: int) -> Tensor:
    """A vector along an axis of so many."""
    return reshape(values, [type_of(values).shape[0] if each == axis else 1 for each in range(rank)])


@function
def _derivative(input: Tensor, spacing: Number | Tensor, axis: int, edge_order: int) -> Tensor:
    """Differences of neighbours inside, of second order for any spacing; one-sided ones at the ends."""
    shape = type_of(input).shape
    rank, count = len(shape), shape[axis]
    x = cast(input, floating(input))
    if isinstance(spacing, Tensor) and spacing.ndim == 1:
        steps = pointwise.sub(_piece(spacing, 0, 1, count), _piece(spacing, 0, 0, count - 1))
    else:
        number = spacing if isinstance(spacing, Tensor) else constant(spacing, type_of(x).dtype)
        steps = pointwise.mul(constant(1, type_of(x).dtype, (count - 1,)), number)
    steps = cast(steps, real_dtype(type_of(x).dtype))
    before, after = (_along(_piece(steps, 0, *ends), axis, rank) for ends in ((0, count - 2), (1, count - 1)))
    low, here, high = (_piece(x, axis, *ends) for ends in ((0, count - 2), (1, count - 1), (2, count)))
    both = pointwise.add(before, after)
    inside = pointwise.add(
        pointwise.add(
            pointwise.mul(low, pointwise.neg(pointwise.true_divide(after, pointwise.mul(before, both)))),
            pointwise.mul(here, pointwise.true_divide(pointwise.sub(after, before), pointwise.mul(before, after))),
        ),
        pointwise.mul(high, pointwise.true_divide(before, pointwise.mul(after, both))),
    )
    ends = [_end(x, steps, axis, at_start, edge_order) for at_start in (True, False)]
    return apply(move.concat, ends[0], inside, ends[1], axis=axis)


def _end(x: Tensor, steps: Tensor, axis: int, at_start: bool, edge_order: int) -> Tensor:
    count, rank = type_of(x).shape[axis], len(type_of(x).shape)

    def value(place: int) -> Tensor:
        at = place if at_start else count - 1 - place
        return _piece(x, axis, at, at + 1)

    def step(place: int) -> Tensor:
        at = place if at_start else count - 2 - place
        return _along(_piece(steps, 0, at, at + 1), axis, rank)

    first = pointwise.true_divide(pointwise.sub(value(1), value(0)), step(0))
    if edge_order == 2:
        second = pointwise.true_divide(pointwise.sub(value(2), value(1)), step(1))
        bend = pointwise.true_divide(pointwise.sub(second, first), pointwise.add(step(0), step(1)))
        first = pointwise.sub(first, pointwise.mul(bend, step(0)))
    return first if at_start else pointwise.neg(first)


@operator(method=False)
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:  # fmt: skip
    """Derivatives along dims, by default all, from differences of neighbours.

    spacing: between samples, one for all dims or one each: numbers, or vectors of coordinates. edge_order: 1 or 2, of
    the differences at the ends (Quarteroni et al., "Numerical mathematics", chapter 10).
    """
    require_tensors("gradient", input=input)
    given = range(input.ndim) if dim is None else dim if isinstance(dim, list | tuple) else (dim,)
    axes = [axis_of(each, input.ndim, "gradient") for each in given]
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order must be 1 or 2, it is {edge_order}", op="gradient")
    if len(set(axes)) != len(axes):
        raise ShapeError(f"a dim appears twice in {tuple(given)}", op="gradient")
    spacing = 1 if spacing is None else spacing
    several = isinstance(spacing, list | tuple)
    spacings: Sequence[Any] = spacing if several else [spacing] * len(axes)
    if len(spacings) != len(axes):
        raise ShapeError(f"{len(spacings)} spacings were given for {len(axes)} dims", op="gradient")
    for axis, each in zip(axes, spacings, strict=True):
        if input.shape[axis] < edge_order + 1:
            raise ShapeError(f"axis {axis} of {type_text(input)} is too short for edge_order {edge_order}",
                             op="gradient")  # fmt: skip
        if isinstance(each, Tensor) and (each.ndim > 1 or (each.ndim and each.shape[0] != input.shape[axis])):
            raise ShapeError(f"coordinates {type_text(each)} do not fit axis {axis} of {type_text(input)}",
                             op="gradient")  # fmt: skip
        if not isinstance(each, Tensor | int | float):
            raise ArgumentError(f"a spacing must be a number or a tensor, not {type(each).__name__}", op="gradient")
    pairs = zip(axes, spacings, strict=True)
    return tuple(_derivative(input, each if isinstance(each, Tensor) else float(each), axis, edge_order)
                 for axis, each in pairs)  # fmt: skip
