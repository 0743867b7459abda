"""remainder and floor_divide: the exact remainder of a division comes by modular exponentiation."""

from __future__ import annotations

import math

from brasa.ir.dtype import float64, int64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, ne, select, unary
from brasa.ir.mathematics.floating import (
    INFINITY,
    format_of,
    magnitude,
    power_of_two,
    split_product,
    with_sign_of,
)


def remainder(x: Expr, y: Expr) -> Expr:
    """x - y * floor(x / y) without rounding in between: exact but for one final addition, with the sign of y."""
    rest = _truncated_remainder(x, y)
    rest = select(_other_side(rest, y), rest + y, rest)
    return select(eq(rest, 0), with_sign_of(y, const(0, x.dtype)), rest)


def floor_divide(x: Expr, y: Expr) -> Expr:
    """The quotient that goes with remainder, as Python and NumPy define it: 1 // 0.1 is 9."""
    rest = _truncated_remainder(x, y)
    quotient = (x - rest) / y
    quotient = select(_other_side(rest, y), quotient - 1, quotient)
    below = unary("floor", quotient)
    whole = select(quotient - below > 0.5, below + 1, below)
    ratio = x / y
    whole = select(eq(quotient, 0), with_sign_of(ratio, const(0, x.dtype)), whole)
    return select(eq(y, 0), ratio, whole)


def _other_side(rest: Expr, y: Expr) -> Expr:
    """Whether a remainder lies on the other side of 0 than the divisor."""
    return ne(rest, 0) & ((rest < 0) ^ (y < 0))


def _truncated_remainder(x: Expr, y: Expr) -> Expr:
    """C's fmod, exactly."""
    rest = _remainder_of_magnitudes(cast(magnitude(x), float64), cast(magnitude(y), float64))
    return with_sign_of(x, cast(rest, x.dtype))


def _remainder_of_magnitudes(x: Expr, y: Expr) -> Expr:
    """As _truncated_remainder, for f64 without signs.

    x = k 2**a and y = m 2**b with integers k, m below 2**53; k 2**(a-b) mod m comes by squaring 2**((a-b) // 32) five
    times. Products are kept as two numbers, residues lie in -m..m, so every step is exact.
    """
    m, scale = _integer_and_exponent(y)
    k, exponent = _integer_and_exponent(x)
    distance = exponent - scale
    distance = select(distance < 0, const(0, int64), distance)
    form = format_of(x)

    def reduced(high: Expr, low: Expr) -> Expr:
        quotient = unary("round", high / m)
        return fma(-quotient, m, high) + low

    zero = const(0, float64)
    residue = reduced(power_of_two(distance >> 5, form), zero)
    for _ in range(5):
        residue = reduced(*split_product(residue, residue))
    residue = reduced(*split_product(residue, power_of_two(distance & 31, form)))
    residue = reduced(*split_product(residue, reduced(k, zero)))
    residue = select(residue < 0, residue + m, residue)
    residue = select(residue < m, residue, zero)
    half = scale >> 1
    result = residue * power_of_two(half, form) * power_of_two(scale - half, form)
    result = select(x < y, x, result)
    return select((x < INFINITY) & (y > 0), result, const(math.nan, float64))


def _integer_and_exponent(x: Expr) -> tuple[Expr, Expr]:
    """An integer in 2**52..2**53 and an exponent with x = integer * 2**exponent, for positive finite x."""
    form = format_of(x)
    subnormal = x < form.least_normal
    bits = bitcast(select(subnormal, x * 2.0**54, x), int64)
    offset = select(subnormal, const(form.bias + 52 + 54, int64), const(form.bias + 52, int64))
    integer = bitcast((bits & form.fraction_mask) | ((form.bias + 52) << 52), float64)
    return integer, (bits >> 52) - offset
