"""Integers bit by bit, and floats as the bits that they are made of."""

from __future__ import annotations

import math
from typing import NamedTuple

from brasa.functions.elementwise import binary, computing_dtype, filled, unary
from brasa.ir.dtype import DType, bfloat16, float16, float32, float64, int16, int32, int64
from brasa.ir.errors import BrasaError
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import view
from brasa.ir.ops.control import stop_gradient
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, elementwise_op, floating, together, type_of

__all__ = [
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "copysign",
    "frexp", "ldexp", "nextafter", "signbit",
]  # fmt: skip

bitwise_and = binary(ops.and_, name="bitwise_and", numbers="either", doc="The bits that both have.")
bitwise_or = binary(ops.or_, name="bitwise_or", numbers="either", doc="The bits that either has.")
bitwise_xor = binary(ops.xor, name="bitwise_xor", numbers="either", doc="The bits that one alone has.")
bitwise_not = unary(ops.not_, name="bitwise_not", doc="All bits turned over.")
bitwise_left_shift = binary(ops.shift_left, name="bitwise_left_shift", numbers="either", doc="Bits moved up.")
bitwise_right_shift = binary(
    ops.shift_right, name="bitwise_right_shift", numbers="either", doc="Bits moved down, the sign kept."
)

_INTEGERS: dict[DType, DType] = {float16: int16, bfloat16: int16, float32: int32, float64: int64}
_FRACTION_BITS: dict[DType, int] = {float32: 23, float64: 52}


def _bits(input: Tensor) -> Tensor:
    """The bits of floats, as integers of the same width."""
    return apply(view.bitcast, input, dtype=_INTEGERS[type_of(input).dtype])


def _is_negative(input: Tensor) -> Tensor:
    """Whether the sign is set; unsigned and bool values have none."""
    kind = type_of(input).dtype.kind
    if kind in ("bool", "uint"):
        return apply(ops.ne, input, input)
    return elementwise_op(ops.lt, _bits(input) if kind == "float" else input, 0)


@operator(method=True, out=True)
@function
def signbit(input: Tensor) -> Tensor:
    """Whether the sign is set, that of zeros and NaN included."""
    return _is_negative(input)


@operator(method=True, in_place=True, out=True)
@function
def copysign(input: Tensor, other: Number) -> Tensor:
    """input with the sign of other. At 0 there is no gradient."""
    x, y = together(input, other, dtype=floating(input, other))
    turned = elementwise_op(ops.ne, _is_negative(x), _is_negative(y))
    result = apply(ops.select, turned, apply(ops.neg, x), x)
    at_zero = apply(ops.select, _is_negative(y), filled(x, -0.0), filled(x, 0.0))  # where PyTorch has no gradient
    return apply(ops.select, elementwise_op(ops.eq, x, 0), at_zero, result)


@operator(method=True, in_place=True, out=True)
@function
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The number after input on the way to other, in steps of the format."""
    x, y = together(input, other)
    dtype = type_of(x).dtype
    if dtype.kind != "float":
        raise BrasaError(f"is not defined for {dtype.name}", op="nextafter")
    bits = _bits(x)
    one = filled(bits, 1)
    away = elementwise_op(ops.eq, elementwise_op(ops.lt, x, y), elementwise_op(ops.gt, x, 0))
    step = apply(ops.select, away, one, apply(ops.neg, one))
    least = apply(view.bitcast, one, dtype=dtype)
    from_zero = apply(ops.select, elementwise_op(ops.gt, y, 0), least, apply(ops.neg, least))
    moved = apply(view.bitcast, apply(ops.add, bits, step), dtype=dtype)
    following = apply(ops.select, elementwise_op(ops.eq, x, 0), from_zero, moved)
    step = apply(stop_gradient, apply(ops.sub, following, x))  # exact, so that the gradient can be that of x
    endless = elementwise_op(ops.eq, apply(ops.abs_, x), math.inf)
    result = apply(ops.select, endless, following, apply(ops.add, x, step))
    result = apply(ops.select, apply(ops.eq, x, y), y, result)
    undefined = apply(ops.or_, apply(ops.ne, x, x), apply(ops.ne, y, y))
    return apply(ops.select, undefined, apply(ops.add, x, y), result)


@returned_by("frexp")
class frexp_result(NamedTuple):
    mantissa: Tensor
    exponent: Tensor


@function
def _frexp(input: Tensor) -> tuple[Tensor, Tensor]:
    dtype = type_of(input).dtype
    if dtype.kind != "float":
        raise BrasaError(f"is not defined for {dtype.name}", op="frexp")
    x = cast(input, computing_dtype(dtype))
    kind = type_of(x).dtype
    fraction, bias = _FRACTION_BITS[kind], (1 << (kind.bits - _FRACTION_BITS[kind] - 2)) - 1
    subnormal = elementwise_op(ops.lt, apply(ops.abs_, x), 2.0 ** (1 - bias))
    raised = apply(ops.select, subnormal, elementwise_op(ops.mul, x, 2.0**fraction), x)
    field = elementwise_op(ops.and_, elementwise_op(ops.shift_right, _bits(raised), fraction), 2 * bias + 1)
    offset = elementwise_op(ops.mul, cast(subnormal, type_of(field).dtype), fraction)
    exponent = elementwise_op(ops.sub, elementwise_op(ops.sub, field, offset), bias - 1)
    plain = apply(ops.and_, elementwise_op(ops.ne, x, 0), elementwise_op(ops.ne, field, 2 * bias + 1))
    exponent = apply(ops.select, plain, exponent, filled(exponent, 0))
    down = apply(ops.neg, exponent)
    half = elementwise_op(ops.shift_right, down, 1)
    scaled = apply(ops.mul, x, _power_of_two(half, kind))
    mantissa = apply(ops.mul, scaled, _power_of_two(apply(ops.sub, down, half), kind))
    return cast(mantissa, dtype), cast(exponent, int32)


def _power_of_two(exponent: Tensor, dtype: DType) -> Tensor:
    fraction = _FRACTION_BITS[dtype]
    bias = (1 << (dtype.bits - fraction - 2)) - 1
    field = elementwise_op(ops.shift_left, elementwise_op(ops.add, exponent, bias), fraction)
    return apply(view.bitcast, field, dtype=dtype)


@operator(method=True, out=True)
def frexp(input: Tensor) -> frexp_result:
    """(mantissa, exponent) with input = mantissa * 2**exponent and 0.5 <= |mantissa| < 1; exponent is int32."""
    return frexp_result(*_frexp(input))


@operator(method=True, in_place=True, out=True)
@function
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2**other, in floats."""
    dtype = floating(input, other)
    x, exponent = together(input, other, dtype=dtype)
    return apply(ops.mul, x, apply(ops.pow_, filled(exponent, 2.0), exponent))
