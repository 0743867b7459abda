"""Sums, products, quotients, powers, and what is made of them."""

from __future__ import annotations

from brasa.functions.bits import copysign
from brasa.functions.elementwise import binary, computing_dtype, filled, in_floats, require_a_tensor, unary, widened
from brasa.functions.rounding import trunc
from brasa.ir import dim
from brasa.ir.dtype import bool_, complex128, float64, int64
from brasa.ir.errors import BrasaError, DTypeError
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import special
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    apply,
    cast,
    common_dtype,
    common_shape,
    constant,
    elementwise_op,
    floating,
    required,
    together,
    type_of,
)

__all__ = [
    "abs", "absolute", "add", "addcdiv", "addcmul", "div", "divide", "float_power", "floor_divide", "fmod", "hypot",
    "lerp", "mul", "multiply", "neg", "negative", "positive", "pow", "reciprocal", "remainder", "rsqrt", "rsub", "sgn",
    "sign", "sqrt", "square", "sub", "subtract", "true_divide",
]  # fmt: skip

sqrt = unary(ops.sqrt, real=True, doc="The square root of each element.")
hypot = binary(special.hypot, numbers="none", doc="sqrt(input**2 + other**2) without overflow in between.")


@operator(method=True, in_place=True, out=True, aliases=("negative",))
@function(inline=True)
def neg(input: Tensor) -> Tensor:
    """-input, elementwise; DTypeError for bool."""
    if type_of(input).dtype is bool_:
        raise DTypeError("negation is not defined for bool", op="neg", hint="use ~ or logical_not")
    return elementwise_op(ops.neg, input)


negative = neg


@operator(method=True)
def positive(input: Tensor) -> Tensor:
    """The input itself; DTypeError for bool."""
    if input.dtype is bool_:
        raise DTypeError("is not defined for bool", op="positive")
    return input


@function(inline=True)
def _add(input: Number, other: Number) -> Tensor:
    dtype = common_dtype(input, other)
    return elementwise_op(ops.or_ if dtype is bool_ else ops.add, input, other)


@function(inline=True)
def _add_scaled(input: Number, other: Number, alpha: Number) -> Tensor:
    dtype = common_dtype(input, other)
    _check_alpha(alpha, dtype.kind, "add")
    wide = computing_dtype(dtype)
    scaled, factor = together(other, alpha, dtype=wide)
    if dtype is bool_:
        return elementwise_op(ops.or_, input, apply(ops.and_, scaled, factor))
    result = elementwise_op(ops.add, input, apply(ops.mul, scaled, factor), dtype=wide)
    return result if wide is dtype else cast(result, dtype)


def _check_alpha(alpha: Number, kind: str, op: str) -> None:
    alpha_kind = common_dtype(alpha).kind
    if kind in ("int", "uint", "bool") and alpha_kind in ("float", "complex"):
        raise BrasaError(f"alpha is {alpha_kind}, but the result is {kind}", op=op)
    if alpha_kind == "bool" and kind != "bool":
        raise BrasaError(f"alpha is bool, but the result is {kind}", op=op)


@operator(method=True, in_place=True, out=True, plainly=_add)
def add(input: Number, other: Number, *, alpha: Number = 1) -> Tensor:
    """input + alpha * other; for bool, whether either holds."""
    return _add(input, other) if type(alpha) is int and alpha == 1 else _add_scaled(input, other, alpha)


@function(inline=True)
def _sub(input: Number, other: Number) -> Tensor:
    _check_no_bool(input, other, "sub")
    return elementwise_op(ops.sub, input, other)


def _check_no_bool(input: Number, other: Number, op: str) -> None:
    if any(common_dtype(operand) is bool_ for operand in (input, other)):
        raise DTypeError("subtraction is not defined for bool", op=op, hint="use ^ or logical_xor")


@function(inline=True)
def _sub_scaled(input: Number, other: Number, alpha: Number) -> Tensor:
    _check_no_bool(input, other, "sub")
    dtype = common_dtype(input, other)
    _check_alpha(alpha, dtype.kind, "sub")
    wide = computing_dtype(dtype)
    scaled = apply(ops.mul, *together(other, alpha, dtype=wide))
    result = elementwise_op(ops.sub, input, scaled, dtype=wide)
    return result if wide is dtype else cast(result, dtype)


@operator(method=True, in_place=True, out=True, aliases=("subtract",), plainly=_sub)
def sub(input: Number, other: Number, *, alpha: Number = 1) -> Tensor:
    """input - alpha * other; DTypeError for bool."""
    return _sub(input, other) if type(alpha) is int and alpha == 1 else _sub_scaled(input, other, alpha)


subtract = sub


@operator()
def rsub(input: Number, other: Number, *, alpha: Number = 1) -> Tensor:
    """other - alpha * input."""
    require_tensors("rsub", input=input)
    return sub(other, input, alpha=alpha)


@operator(method=True, in_place=True, out=True, aliases=("multiply",))
@function(inline=True)
def mul(input: Number, other: Number) -> Tensor:
    """input * other; for bool, whether both hold."""
    dtype = common_dtype(input, other)
    return elementwise_op(ops.and_ if dtype is bool_ else ops.mul, input, other)


multiply = mul


@function(inline=True)
def _true_divide(input: Number, other: Number) -> Tensor:
    return elementwise_op(ops.div, input, other, dtype=floating(input, other))


def _divided(input: Number, other: Number) -> list[Tensor]:
    """Both operands in one dtype; where that is an integer's, to divide by 0 is an error when the program runs."""
    dtype = common_dtype(input, other)
    if dtype.kind not in ("int", "uint") or (isinstance(other, int) and other != 0):
        return together(input, other)
    divisor = together(other, dtype=dtype)[0]
    nothing = elementwise_op(ops.eq, constant(dim.product(common_shape(input, other)), int64), 0)
    sound = elementwise_op(ops.or_, elementwise_op(ops.ne, divisor, 0), nothing)
    flags = required(sound, "division by zero")
    return together(input, apply(ops.select, flags, divisor, filled(divisor, 1)), dtype=dtype)


@function
def _trunc_divide(input: Number, other: Number) -> Tensor:
    dtype = common_dtype(input, other)
    if dtype.kind == "float":
        return trunc(elementwise_op(ops.div, input, other))
    lhs, rhs = _divided(input, other)
    down = apply(ops.floor_divide, lhs, rhs)
    inexact = apply(ops.ne, apply(ops.mul, down, rhs), lhs)
    negative = apply(ops.lt, down, apply(ops.sub, down, down))
    return add(down, cast(apply(ops.and_, inexact, negative), dtype))


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def floor_divide(input: Number, other: Number) -> Tensor:
    """The quotient rounded down; BrasaError where an integer is divided by 0."""
    return elementwise_op(ops.floor_divide, *_divided(input, other))


@operator(method=True, in_place=True, out=True, aliases=("divide",), plainly=_true_divide)
def div(input: Number, other: Number, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounding_mode "trunc" or "floor" rounds the quotient."""
    if rounding_mode is None:
        return _true_divide(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise BrasaError(f"rounding_mode must be None, 'trunc' or 'floor', not {rounding_mode!r}", op="div")
    return _trunc_divide(input, other) if rounding_mode == "trunc" else floor_divide(input, other)


divide = div


@operator(method=True, in_place=True, out=True)
def true_divide(input: Number, other: Number) -> Tensor:
    """input / other, in floats."""
    return _true_divide(input, other)


@function(inline=True)
def _remainder(input: Number, other: Number) -> Tensor:
    return elementwise_op(ops.remainder, *_divided(input, other))


@operator(method=True, in_place=True, out=True)
def remainder(input: Number, other: Number) -> Tensor:
    """What division rounded down leaves: it has the divisor's sign, as Python's %."""
    require_a_tensor("remainder", input, other)
    return _remainder(input, other)


@operator(method=True, in_place=True, out=True)
@function
def fmod(input: Tensor, other: Number) -> Tensor:
    """What division rounded toward zero leaves: it has the dividend's sign, as C's fmod, and is exact."""
    x, y = _divided(input, other)
    if type_of(x).dtype.kind == "float":
        rest = apply(ops.remainder, apply(ops.abs_, x), apply(ops.abs_, y))
        return copysign(rest, x)
    rest = apply(ops.remainder, x, y)
    unlike = elementwise_op(ops.lt, apply(ops.xor, rest, x), 0)
    return apply(ops.select, apply(ops.and_, unlike, elementwise_op(ops.ne, rest, 0)), apply(ops.sub, rest, y), rest)


@function(inline=True)
def _pow(input: Number, exponent: Number) -> Tensor:
    return elementwise_op(ops.pow_, input, exponent)


@operator(method=True, in_place=True, out=True)
@function
def square(input: Tensor) -> Tensor:
    """input * input; of bool, as int64."""
    x = cast(input, int64) if type_of(input).dtype is bool_ else input
    return mul(x, x)


@operator(method=True, in_place=True, out=True)
def pow(input: Number, exponent: Number) -> Tensor:
    """input to the power of exponent; small constant exponents become products and roots."""
    require_a_tensor("pow", input, exponent)
    if isinstance(input, Tensor) and isinstance(exponent, int | float) and not isinstance(exponent, bool):
        if isinstance(exponent, int) and exponent < 0 and input.dtype.kind in ("bool", "int", "uint"):
            raise BrasaError(f"an integer has no integer power {exponent}", op="pow", hint="use float_power")
        exact = isinstance(exponent, int) or input.dtype.kind in ("float", "complex")
        if exact and exponent == 2:
            return square(input)
        if exact and exponent == 3:
            return mul(square(input), input)
        if exponent == 0.5 and input.dtype.kind == "float":
            return sqrt(input)
    return _pow(input, exponent)


@function(inline=True)
def _float_power(input: Number, exponent: Number) -> Tensor:
    wide = complex128 if common_dtype(input, exponent).is_complex else float64
    return elementwise_op(ops.pow_, input, exponent, dtype=wide)


@operator(method=True, in_place=True, out=True)
def float_power(input: Number, exponent: Number) -> Tensor:
    """input to the power of exponent, in float64 or complex128."""
    require_a_tensor("float_power", input, exponent)
    return _float_power(input, exponent)


@operator(method=True, in_place=True, out=True, aliases=("absolute",))
@function(inline=True)
def abs(input: Tensor) -> Tensor:
    """The absolute value of each element."""
    return elementwise_op(ops.abs_, input)


absolute = abs


@operator(method=True, in_place=True, out=True)
@function(inline=True)
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1 for each element; of NaN 0. For bool, the input."""
    if type_of(input).dtype is bool_:
        return cast(input, bool_)
    return elementwise_op(ops.sign, input)


@operator(method=True, in_place=True, out=True)
def sgn(input: Tensor) -> Tensor:
    """-1, 0 or 1 for each element, as `sign`."""
    return sign(input)


@operator(method=True, in_place=True, out=True)
@function
def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return _true_divide(1, input)


@operator(method=True, in_place=True, out=True)
@function
@in_floats
def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""
    return _true_divide(1, sqrt(input))


@function
@widened
def _addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Number) -> Tensor:
    return add(input, mul(mul(tensor1, tensor2), value))


@operator(method=True, in_place=True, out=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return _addcmul(input, tensor1, tensor2, value)


@function
@widened
def _addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Number) -> Tensor:
    if common_dtype(tensor1, tensor2).kind not in ("float", "complex"):
        raise BrasaError("integers are not divided", op="addcdiv", hint="use a float dtype")
    return add(input, mul(_true_divide(tensor1, tensor2), value))


@operator(method=True, in_place=True, out=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 / tensor2; BrasaError for integers."""
    return _addcdiv(input, tensor1, tensor2, value)


@operator(method=True, in_place=True, out=True)
@function
@widened
def lerp(input: Tensor, end: Tensor, weight: Number) -> Tensor:
    """input + weight * (end - input), from the nearer end, so that weights 0 and 1 give the ends themselves."""
    start, stop, share = together(input, end, weight)
    gap = apply(ops.sub, stop, start)
    from_start = apply(ops.add, start, apply(ops.mul, share, gap))
    from_end = apply(ops.sub, stop, apply(ops.mul, gap, apply(ops.sub, filled(share, 1), share)))
    return apply(ops.select, apply(ops.lt, share, filled(share, 0.5)), from_start, from_end)
