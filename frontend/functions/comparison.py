"""Comparisons, tests of elements, and truth."""

from __future__ import annotations

import math
from collections.abc import Callable

from brasa.functions.arithmetic import abs, add, mul, sub
from brasa.functions.elementwise import binary, broadcast, named
from brasa.ir.dtype import DType, bfloat16, bool_, float16, float32, float64, int64
from brasa.ir.errors import BrasaError, DTypeError
from brasa.ir.graph import Op
from brasa.ir.ops import elementwise as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    apply,
    cast,
    common_dtype,
    elementwise_op,
    parts_of,
    together,
    truth,
    type_of,
)

__all__ = [
    "allclose", "eq", "equal", "ge", "greater", "greater_equal", "gt", "heaviside", "isclose", "isfinite", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "le", "less", "less_equal", "logical_and", "logical_not", "logical_or",
    "logical_xor", "lt", "nan_to_num", "ne", "not_equal", "where",
]  # fmt: skip

eq = binary(ops.eq, doc="Whether elements are equal.")
ne = not_equal = binary(ops.ne, doc="Whether elements differ.", aliases=("not_equal",))
lt = less = binary(ops.lt, doc="Whether input < other.", aliases=("less",))
le = less_equal = binary(ops.le, doc="Whether input <= other.", aliases=("less_equal",))
gt = greater = binary(ops.gt, doc="Whether input > other.", aliases=("greater",))
ge = greater_equal = binary(ops.ge, doc="Whether input >= other.", aliases=("greater_equal",))


@function
def where(condition: Tensor, input: Number, other: Number) -> Tensor:
    """input where the condition holds, else other: `brasa.where` for functions."""
    dtype = common_dtype(input, other)
    flags, yes, no = broadcast(truth(condition), input, other)
    return apply(ops.select, flags, cast(yes, dtype), cast(no, dtype))


@operator(method=True, in_place=True, out=True)
@function
def logical_not(input: Tensor) -> Tensor:
    """Whether each element is zero."""
    return apply(ops.not_, truth(input))


def _logical(op: Op, name: str, doc: str) -> Callable[[Number, Number], Tensor]:
    def build(input: Tensor, other: Number) -> Tensor:
        return elementwise_op(op, truth(input), truth(other))

    return named(build, name, doc)


logical_and = _logical(ops.and_, "logical_and", "Whether both are non-zero.")
logical_or = _logical(ops.or_, "logical_or", "Whether either is non-zero.")
logical_xor = _logical(ops.xor, "logical_xor", "Whether exactly one is non-zero.")


@operator(method=True)
@function
def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN."""
    return apply(ops.ne, input, input)


@operator(method=True)
@function
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN, nor a part of it."""
    if type_of(input).dtype.is_complex:
        return logical_and(*map(isfinite, parts_of(input)))
    return elementwise_op(ops.lt, abs(input), math.inf) if common_dtype(input).kind == "float" else eq(input, input)


@operator(method=True)
@function
def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite, or a part of it."""
    if type_of(input).dtype.is_complex:
        return logical_or(*map(isinf, parts_of(input)))
    return elementwise_op(ops.eq, abs(input), math.inf) if common_dtype(input).kind == "float" else ne(input, input)


@operator(method=True, out=True)
@function
def isposinf(input: Tensor) -> Tensor:
    """Whether each element is +infinity."""
    return eq(input, math.inf) if common_dtype(input).kind == "float" else ne(input, input)


@operator(method=True, out=True)
@function
def isneginf(input: Tensor) -> Tensor:
    """Whether each element is -infinity."""
    return eq(input, -math.inf) if common_dtype(input).kind == "float" else ne(input, input)


@operator(method=True)
@function
def isreal(input: Tensor) -> Tensor:
    """Whether each element is a real number: one without an imaginary part."""
    if type_of(input).dtype.is_complex:
        return eq(parts_of(input)[1], 0)
    return apply(ops.or_, apply(ops.eq, input, input), apply(ops.ne, input, input))


@function
def _isclose(input: Tensor, other: Tensor, rtol: float, atol: float, equal_nan: bool) -> Tensor:
    x, y = together(input, other)
    if type_of(x).dtype is bool_:
        x, y = cast(x, int64), cast(y, int64)
    close = apply(ops.eq, x, y)
    if equal_nan and type_of(x).dtype.kind == "float":
        close = logical_or(close, logical_and(isnan(x), isnan(y)))
    if type_of(x).dtype.kind not in ("float", "complex"):
        reach = add(abs(mul(y, rtol)), atol)
        gap = cast(abs(sub(x, y)), type_of(reach).dtype)
        return logical_or(close, le(gap, reach))
    gap, reach = abs(sub(x, y)), add(abs(mul(y, rtol)), atol)
    return logical_or(close, logical_and(isfinite(gap), le(gap, reach)))


@operator(method=True)
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| <= atol + rtol * |other|; equal infinities are close, NaN only with equal_nan."""
    if input.dtype is not other.dtype:
        raise BrasaError(f"dtypes differ, {input.dtype.name} and {other.dtype.name}", op="isclose")
    if rtol < 0 or atol < 0:
        raise BrasaError(f"rtol {rtol} and atol {atol} must not be negative", op="isclose")
    return _isclose(input, other, float(rtol), float(atol), equal_nan)


@operator(method=True)
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close, see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())  # type: ignore[attr-defined]


@operator(method=True)
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and equal elements; NaN equals nothing."""
    if tuple(input.shape) != tuple(other.shape):
        return False
    return bool(eq(input, other).all())  # type: ignore[attr-defined]


@operator(method=True, in_place=True, out=True)
@function
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below 0, 1 above, and `values` at 0; both must have one dtype."""
    if type_of(input).dtype is not type_of(values).dtype:
        raise BrasaError(f"dtypes differ, {type_of(input).dtype.name} and {type_of(values).dtype.name}", op="heaviside")
    x, at_zero = together(input, values)
    return where(elementwise_op(ops.eq, x, 0), at_zero, cast(elementwise_op(ops.gt, x, 0), type_of(x).dtype))


# The largest finite number of each format.
_LARGEST: dict[DType, float] = {
    float16: 65504.0, bfloat16: (2 - 2.0**-7) * 2.0**127, float32: (2 - 2.0**-23) * 2.0**127,
    float64: (2 - 2.0**-52) * 2.0**1023,
}  # fmt: skip


@function
def _nan_to_num(input: Tensor, nan: float, posinf: float, neginf: float) -> Tensor:
    kept = where(isnan(input), nan, input)
    kept = where(isposinf(input), posinf, kept)
    return cast(where(isneginf(input), neginf, kept), type_of(input).dtype)


@operator(method=True, in_place=True, out=True)
def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """The input with numbers for NaN and infinities: by default 0 and the dtype's own bounds."""
    if input.dtype.kind in ("bool", "int", "uint"):
        return input.clone()  # type: ignore[attr-defined, no-any-return]
    if input.dtype not in _LARGEST:
        raise DTypeError(f"is not defined for {input.dtype.name}", op="nan_to_num")
    top = _LARGEST[input.dtype]
    return _nan_to_num(
        input, 0.0 if nan is None else nan, top if posinf is None else posinf, -top if neginf is None else neginf
    )
