"""Floating-point formats seen as bits, and the moves that the functions here share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brasa.ir.dtype import DType, float32, float64, int32, int64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, select, unary

INFINITY = math.inf
LN2 = math.log(2)
LN2_LOW = 2.3190468138462996e-17  # what LN2 is short of ln2


@dataclass(frozen=True)
class Format:
    """An IEEE format: the integers as wide as it, the bits of its fraction, and the bias of its exponent."""

    dtype: DType
    integer: DType
    fraction_bits: int
    bias: int

    @property
    def sign_bit(self) -> int:
        """The integer in which only the sign is set."""
        return -(1 << (self.integer.bits - 1))

    @property
    def fraction_mask(self) -> int:
        """The integer in which the whole fraction is set."""
        return (1 << self.fraction_bits) - 1

    @property
    def shifter(self) -> float:
        """1.5 times the power of two whose last place is 1: adding it rounds to an integer, held in the low bits."""
        return 1.5 * 2.0**self.fraction_bits

    @property
    def least_normal(self) -> float:
        """The smallest number that is not subnormal."""
        return float(2.0 ** (1 - self.bias))


_FORMATS = {float32: Format(float32, int32, 23, 127), float64: Format(float64, int64, 52, 1023)}


def format_of(x: Expr) -> Format:
    """The format of an f32 or f64 expression."""
    return _FORMATS[x.dtype]


def polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ..., by Horner's rule, one rounding per term."""
    total = const(coefficients[-1], x.dtype)
    for coefficient in reversed(coefficients[:-1]):
        total = fma(total, x, const(coefficient, x.dtype))
    return total


def no_more(x: Expr, bound: float) -> Expr:
    """The smaller of x and bound; NaN stays NaN."""
    return select(x > bound, const(bound, x.dtype), x)


def no_less(x: Expr, bound: float) -> Expr:
    """The larger of x and bound; NaN stays NaN."""
    return select(x < bound, const(bound, x.dtype), x)


def magnitude(x: Expr) -> Expr:
    """x without its sign."""
    return unary("abs", x)


def with_sign_of(x: Expr, result: Expr) -> Expr:
    """result, which has no sign, with the sign of x."""
    form = format_of(x)
    return bitcast(bitcast(result, form.integer) | (bitcast(x, form.integer) & form.sign_bit), x.dtype)


def turned_by(x: Expr, result: Expr) -> Expr:
    """result, negated where x has a sign."""
    form = format_of(x)
    return bitcast(bitcast(result, form.integer) ^ (bitcast(x, form.integer) & form.sign_bit), x.dtype)


def nearest_power(x: Expr, inverse_step: float, exponent_offset: int = 0) -> tuple[Expr, Expr]:
    """n, the integer nearest to x * inverse_step, and 2**(n + exponent_offset), which must be a normal number.

    Adding a large constant rounds to an integer in place, and leaves in the low bits what the exponent needs.
    """
    form = format_of(x)
    shifter = form.shifter + form.bias + exponent_offset
    shifted = fma(x, inverse_step, const(shifter, x.dtype))
    power = bitcast(bitcast(shifted, form.integer) << form.fraction_bits, x.dtype)
    return shifted - shifter, power


def in_double(function: Callable[..., Expr]) -> Callable[..., Expr]:
    """A function of f64, and of f32 by way of f64."""

    @functools.wraps(function)
    def compute(*operands: Expr) -> Expr:
        if operands[0].dtype is float64:
            return function(*operands)
        return cast(function(*(cast(operand, float64) for operand in operands)), operands[0].dtype)

    return compute


def split_product(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """x * y and what its rounding lost."""
    product = x * y
    return product, fma(x, y, -product)


def split_sum(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """x + y and what its rounding lost (Knuth's two-sum)."""
    total = x + y
    of_y = total - x
    return total, (x - (total - of_y)) + (y - of_y)


def power_of_two(exponent: Expr, form: Format) -> Expr:
    """2**exponent for an integer exponent of a normal number."""
    return bitcast((exponent + form.bias) << form.fraction_bits, form.dtype)


def logarithm_domain(x: Expr, result: Expr, pole: float) -> Expr:
    """result above the pole of a logarithm, -infinity at it, NaN below."""
    nan = const(math.nan, x.dtype)
    return select(x > pole, result, select(eq(x, pole), const(-INFINITY, x.dtype), nan))


def mantissa_and_exponent(x: Expr) -> tuple[Expr, Expr]:
    """m in sqrt(1/2)..sqrt(2) and the integer e, as a number, with x = m * 2**e, for positive finite x."""
    form = format_of(x)
    subnormal = x < form.least_normal
    raised = select(subnormal, x * 2.0**form.fraction_bits, x)
    bits = bitcast(raised, form.integer)
    exponent = exponent_from(bits, form)
    mantissa = bitcast(bits - (exponent << form.fraction_bits), x.dtype)
    lowered = select(subnormal, const(form.fraction_bits, x.dtype), const(0, x.dtype))
    return mantissa, cast(exponent, x.dtype) - lowered


def exponent_from(bits: Expr, form: Format) -> Expr:
    """The exponent, as an integer, that leaves a mantissa in sqrt(1/2)..sqrt(2)."""
    root = np.array(math.sqrt(0.5), form.dtype.numpy).view(form.integer.numpy)
    return (bits - int(root)) >> form.fraction_bits
