"""Elementwise functions: arithmetic, comparisons, logic, transcendental functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from brasa.function import function
from brasa.ir.dtype import bool_
from brasa.ir.errors import DTypeError
from brasa.ir.graph import Op
from brasa.ir.ops import elementwise as ops
from brasa.operators import operator
from brasa.primitive import (
    Number,
    apply,
    broadcast_shapes,
    cast,
    common_dtype,
    constant,
    elementwise_op,
    expand,
    floating,
    resolved,
    together,
    truth,
    type_of,
)
from brasa.tensor import Tensor

__all__ = [
    "abs", "add", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "ceil", "clamp", "cos", "div", "eq", "erf", "exp", "expm1", "floor", "floor_divide", "ge", "gt",
    "isfinite", "isinf", "isnan", "le", "log", "log1p", "logical_and", "logical_not", "logical_or", "logical_xor",
    "lt", "maximum", "minimum", "mul", "ne", "neg", "negative", "pow", "reciprocal", "relu", "remainder", "round",
    "rsqrt", "sigmoid", "sign", "sin", "sqrt", "square", "sub", "tanh", "true_divide", "trunc", "where",
]  # fmt: skip


def _unary(
    op: Op, *, real: bool = False, name: str = "", doc: str = "", aliases: Sequence[str] = ()
) -> Callable[[Tensor], Tensor]:
    """A function of one tensor; `real`: integers are turned into floats first."""

    def build(input: Tensor) -> Tensor:
        return elementwise_op(op, input, dtype=floating(input) if real else None)

    return _named(build, name or op.name, doc, aliases)


def _binary(op: Op, *, name: str = "", doc: str = "") -> Callable[[Number, Number], Tensor]:
    def build(input: Number, other: Number) -> Tensor:
        return elementwise_op(op, input, other)

    return _named(build, name or op.name, doc)


def _named(build: Callable[..., Tensor], name: str, doc: str, aliases: Sequence[str] = ()) -> Any:
    build.__name__ = build.__qualname__ = name
    build.__doc__ = doc
    return operator(method=True, in_place=True, out=True, aliases=aliases)(function(build, inline=True))


neg = negative = _unary(ops.neg, doc="-input, elementwise.", aliases=("negative",))
exp = _unary(ops.exp, real=True, doc="e to the power of each element.")
expm1 = _unary(ops.expm1, real=True, doc="exp(input) - 1, precise near 0.")
log = _unary(ops.log, real=True, doc="The natural logarithm of each element.")
log1p = _unary(ops.log1p, real=True, doc="log(1 + input), precise near 0.")
sqrt = _unary(ops.sqrt, real=True, doc="The square root of each element.")
tanh = _unary(ops.tanh, real=True, doc="The hyperbolic tangent of each element.")
sin = _unary(ops.sin, real=True, doc="The sine of each element, in radians.")
cos = _unary(ops.cos, real=True, doc="The cosine of each element, in radians.")
erf = _unary(ops.erf, real=True, doc="The error function of each element.")


def _rounding(op: Op, doc: str) -> Callable[[Tensor], Tensor]:
    def build(input: Tensor) -> Tensor:
        integer = common_dtype(input).kind in ("int", "uint")
        return apply(ops.cast, input, dtype=common_dtype(input)) if integer else elementwise_op(op, input)

    return _named(build, op.name, doc)


floor = _rounding(ops.floor, "The largest integer not above each element.")
ceil = _rounding(ops.ceil, "The smallest integer not below each element.")
trunc = _rounding(ops.trunc, "Each element without its fraction.")
round = _rounding(ops.round_, "The nearest integer, halves to even.")

maximum = _binary(ops.maximum, doc="The larger of two elements; NaN wins.")
minimum = _binary(ops.minimum, doc="The smaller of two elements; NaN wins.")
eq = _binary(ops.eq, doc="Whether elements are equal.")
ne = _binary(ops.ne, doc="Whether elements differ.")
lt = _binary(ops.lt, doc="Whether input < other.")
le = _binary(ops.le, doc="Whether input <= other.")
gt = _binary(ops.gt, doc="Whether input > other.")
ge = _binary(ops.ge, doc="Whether input >= other.")
bitwise_and = _binary(ops.and_, name="bitwise_and", doc="The bits that both have.")
bitwise_or = _binary(ops.or_, name="bitwise_or", doc="The bits that either has.")
bitwise_xor = _binary(ops.xor, name="bitwise_xor", doc="The bits that one alone has.")
bitwise_not = _unary(ops.not_, name="bitwise_not", doc="All bits turned over.")
bitwise_left_shift = _binary(ops.shift_left, name="bitwise_left_shift", doc="Bits moved up.")
bitwise_right_shift = _binary(ops.shift_right, name="bitwise_right_shift", doc="Bits moved down, the sign kept.")


@function(inline=True)
def _add(input: Number, other: Number) -> Tensor:
    dtype = common_dtype(input, other)
    return elementwise_op(ops.or_ if dtype is bool_ else ops.add, input, other)


@function(inline=True)
def _add_scaled(input: Number, other: Number, alpha: Number) -> Tensor:
    dtype = common_dtype(input, other)
    product = apply(ops.mul, *together(other, alpha, dtype=dtype))
    return elementwise_op(ops.add, input, product, dtype=dtype)


@operator(method=True, in_place=True, out=True)
def add(input: Number, other: Number, *, alpha: Number = 1) -> Tensor:
    """input + alpha * other."""
    return _add(input, other) if type(alpha) is int and alpha == 1 else _add_scaled(input, other, alpha)


@function(inline=True)
def _sub(input: Number, other: Number) -> Tensor:
    if common_dtype(input, other) is bool_:
        raise DTypeError("subtraction is not defined for bool", op="sub", hint="use ^ or logical_xor")
    return elementwise_op(ops.sub, input, other)


@operator(method=True, in_place=True, out=True)
def sub(input: Number, other: Number, *, alpha: Number = 1) -> Tensor:
    """input - alpha * other."""
    return _sub(input, other) if type(alpha) is int and alpha == 1 else _sub(input, mul(other, alpha))


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def mul(input: Number, other: Number) -> Tensor:
    """input * other; for bool, whether both hold."""
    dtype = common_dtype(input, other)
    return elementwise_op(ops.and_ if dtype is bool_ else ops.mul, input, other)


@function(inline=True)
def _true_divide(input: Number, other: Number) -> Tensor:
    return elementwise_op(ops.div, input, other, dtype=floating(input, other))


@function
def _trunc_divide(input: Number, other: Number) -> Tensor:
    dtype = common_dtype(input, other)
    if dtype.kind == "float":
        return apply(ops.trunc, elementwise_op(ops.div, input, other))
    lhs, rhs = together(input, other)
    down = apply(ops.floor_divide, lhs, rhs)
    inexact = apply(ops.ne, apply(ops.mul, down, rhs), lhs)
    negative = apply(ops.lt, down, apply(ops.sub, down, down))
    return add(down, cast(apply(ops.and_, inexact, negative), dtype))


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def floor_divide(input: Number, other: Number) -> Tensor:
    """The quotient rounded down."""
    return elementwise_op(ops.floor_divide, input, other)


@operator(method=True, in_place=True, out=True, aliases=("true_divide",))
def div(input: Number, other: Number, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounding_mode "trunc" or "floor" rounds the quotient."""
    if rounding_mode is None:
        return _true_divide(input, other)
    return _trunc_divide(input, other) if rounding_mode == "trunc" else floor_divide(input, other)


true_divide = div


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def remainder(input: Number, other: Number) -> Tensor:
    """What division rounded down leaves: it has the divisor's sign, as Python's %."""
    return elementwise_op(ops.remainder, input, other)


@function(inline=True)
def _pow(input: Number, exponent: Number) -> Tensor:
    return elementwise_op(ops.pow_, input, exponent)


@operator(method=True, in_place=True, out=True)
@function
def square(input: Tensor) -> Tensor:
    """input * input."""
    return mul(input, input)


@operator(method=True, in_place=True, out=True)
def pow(input: Number, exponent: Number) -> Tensor:
    """input to the power of exponent; small constant exponents become products and roots."""
    if isinstance(input, Tensor) and isinstance(exponent, int | float) and not isinstance(exponent, bool):
        if exponent == 2:
            return square(input)
        if exponent == 3:
            return mul(square(input), input)
        if exponent == 0.5 and input.dtype.kind == "float":
            return sqrt(input)
    return _pow(input, exponent)


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def abs(input: Tensor) -> Tensor:
    """The absolute value of each element."""
    return elementwise_op(ops.abs_, input)


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1 for each element."""
    return elementwise_op(ops.sign, input)


@operator(method=True, in_place=True, out=True)
@function
def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return _true_divide(1, input)


@operator(method=True, in_place=True, out=True)
@function
def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""
    return _true_divide(1, sqrt(input))


@operator(method=True, out=True)
@function
def where(condition: Tensor, input: Number, other: Number) -> Tensor:
    """input where the condition holds, else other."""
    dtype = common_dtype(input, other)
    flags, yes, no = _broadcast(truth(condition), input, other)
    return apply(ops.select, flags, cast(yes, dtype), cast(no, dtype))


def _broadcast(condition: Tensor, input: Number, other: Number) -> list[Tensor]:
    dtype = common_dtype(input, other)
    tensors = [o if isinstance(o, Tensor) else constant(o, dtype) for o in (condition, input, other)]
    shape = resolved(broadcast_shapes([type_of(tensor).shape for tensor in tensors]))
    return [expand(tensor, shape) for tensor in tensors]


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
    return result


@operator(method=True, in_place=True, out=True)
def clamp(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
    """Every element moved into [min, max]."""
    return _clamp(input, min, max)


@operator(method=True, in_place=True, out=True)
@function
def logical_not(input: Tensor) -> Tensor:
    """Whether each element is zero."""
    return apply(ops.not_, truth(input))


def _logical(op: Op, name: str, doc: str) -> Callable[[Number, Number], Tensor]:
    def build(input: Number, other: Number) -> Tensor:
        return elementwise_op(op, truth(input), truth(other))

    return _named(build, name, doc)


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
    """Whether each element is neither infinite nor NaN."""
    return elementwise_op(ops.lt, abs(input), math.inf) if common_dtype(input).kind == "float" else eq(input, input)


@operator(method=True)
@function
def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite."""
    return elementwise_op(ops.eq, abs(input), math.inf) if common_dtype(input).kind == "float" else ne(input, input)


# activations


relu = _unary(ops.relu, doc="max(input, 0), with gradient 0 at 0; NaN stays.")


@operator(method=True, in_place=True, out=True)
@function
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    return _true_divide(1, add(exp(neg(cast(input, floating(input)))), 1))


@operator(namespace="nn.functional")
@function
def silu(input: Tensor) -> Tensor:
    """input * sigmoid(input)."""
    return mul(input, sigmoid(input))


@operator(namespace="nn.functional")
@function
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input times the normal distribution function of input; approximate="tanh" for the usual approximation."""
    if approximate == "tanh":
        inner = mul(add(input, mul(mul(mul(input, input), input), 0.044715)), math.sqrt(2 / math.pi))
        return mul(mul(input, 0.5), add(tanh(inner), 1))
    return mul(mul(input, 0.5), add(erf(mul(input, math.sqrt(0.5))), 1))


@operator(namespace="nn.functional")
@function
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """input where it is positive, else negative_slope * input."""
    return where(gt(input, 0), input, mul(input, negative_slope))


@operator(namespace="nn.functional")
@function
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, the input itself where beta * input exceeds the threshold."""
    scaled = mul(input, beta)
    return where(gt(scaled, threshold), input, _true_divide(log1p(exp(scaled)), beta))
