"""The larger and the smaller of two, and values kept between bounds."""

from __future__ import annotations

from brasa.functions.elementwise import binary
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Op
from brasa.ir.ops import elementwise as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, common_dtype, elementwise_op, together

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum", "relu"]

maximum = binary(ops.maximum, doc="The larger of two elements; NaN wins.")
minimum = binary(ops.minimum, doc="The smaller of two elements; NaN wins.")


def _number_wins(wins: Op, input: Number, other: Number) -> Tensor:
    x, y = together(input, other)
    first = apply(ops.or_, apply(wins, x, y), apply(ops.ne, y, y))
    return apply(ops.select, first, x, y)


@operator(method=True, out=True)
@function
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; a number wins over NaN."""
    return _number_wins(ops.ge, input, other)


@operator(method=True, out=True)
@function
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; a number wins over NaN."""
    return _number_wins(ops.le, input, other)


@function
def _clamp(input: Tensor, min: Number | None, max: Number | None) -> Tensor:
    """Elements below min become min, above max max; NaN stays. Inside, bounds included, the gradient passes."""
    bounds = [bound for bound in (min, max) if bound is not None]
    dtype = common_dtype(input, *bounds)
    result = input
    for bound, outside in ((min, ops.lt), (max, ops.gt)):
        if bound is not None:
            value, limit = together(result, bound, dtype=dtype)
            result = apply(ops.select, apply(outside, value, limit), limit, value)
            if isinstance(bound, Tensor) and not bound._weak:  # a bound that is NaN makes NaN
                result = apply(ops.select, apply(ops.ne, limit, limit), limit, result)
    return result


@operator(method=True, in_place=True, out=True, aliases=("clip",))
def clamp(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
    """Every element moved into [min, max]; max where min is above it."""
    if min is None and max is None:
        raise BrasaError("needs min or max", op="clamp")
    return _clamp(input, min, max)


clip = clamp


@operator(method=True, in_place=True, out=True)
def clamp_min(input: Tensor, min: Number) -> Tensor:
    """Every element, or min where that is larger."""
    return _clamp(input, min, None)


@operator(method=True, in_place=True, out=True)
def clamp_max(input: Tensor, max: Number) -> Tensor:
    """Every element, or max where that is smaller."""
    return _clamp(input, None, max)


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def relu(input: Tensor) -> Tensor:
    """max(input, 0), with gradient 0 at 0; NaN stays."""
    return elementwise_op(ops.relu, input)
