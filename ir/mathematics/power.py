"""power, by a logarithm in twice the precision of the result; and remainder, by modular exponentiation."""

from __future__ import annotations

import math

from brasa.ir.dtype import float32, float64, int64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, ne, select, unary
from brasa.ir.mathematics.exponential import exp_of_sum
from brasa.ir.mathematics.floating import (
    INFINITY,
    LN2,
    LN2_LOW,
    format_of,
    magnitude,
    mantissa_and_exponent,
    no_less,
    no_more,
    polynomial,
    power_of_two,
    split_product,
    split_sum,
    with_sign_of,
)

# (2 atanh(s) - 2 s - 2/3 s^3) / s^5 in s^2 for |s| <= (sqrt(2) - 1) / (sqrt(2) + 1); error of the sum 2^-66.
_ATANH = (
    0.4000000000000226, 0.28571428570096913, 0.22222222520391852, 0.18181784326999112, 0.15386759132613664,
    0.1325677689186294, 0.1319669821444669,
)  # fmt: skip
_TWO_THIRDS, _TWO_THIRDS_LOW = 0.6666666666666666, 3.700743415417188e-17


def power(x: Expr, y: Expr) -> Expr:
    """x**y with IEEE's special cases: 1 where x is 1 or y is 0, NaN for negative x and fractional y."""
    if x.dtype is float32:
        return cast(power(cast(x, float64), cast(y, float64)), float32)
    size = magnitude(x)
    high, low = _precise_log(size)
    bounded = no_less(no_more(y, 2.0**70), -(2.0**70))  # far beyond what overflows for any x but 1
    product, rest = split_product(bounded, high)
    in_range = no_less(no_more(product, 720.0), -750.0)
    result = exp_of_sum(in_range, select(eq(product, in_range), fma(bounded, low, rest), const(0, float64)))
    limit = select((y < 0) ^ (size < 1), const(0, float64), const(INFINITY, float64))
    result = select(eq(size, 0) | eq(size, INFINITY), select(eq(y, y), limit, y), result)
    whole = eq(unary("floor", y), y)
    odd = whole & ne(unary("floor", y * 0.5), y * 0.5)
    result = select(odd, with_sign_of(x, result), result)
    undefined = ne(x, x) | ((x < 0) & (x > -INFINITY) & ~whole)
    result = select(undefined, const(math.nan, float64), result)
    return select(eq(x, 1) | eq(y, 0), const(1, float64), result)


def _precise_log(x: Expr) -> tuple[Expr, Expr]:
    """log(x) for positive finite x as a sum of two numbers, to some 2^-65 of its size.

    log(m) = 2 atanh(s) with s = (m - 1) / (m + 1); s and the first two terms of the series are kept as sums.
    """
    mantissa, exponent = mantissa_and_exponent(x)
    numerator, denominator = mantissa - 1, mantissa + 1
    denominator_low = mantissa - (denominator - 1)
    s = numerator / denominator
    s_low = (fma(-s, denominator, numerator) - s * denominator_low) / denominator
    square, square_low = split_product(s, s)
    square_low = fma(s + s, s_low, square_low)
    third, third_low = split_product(square, const(_TWO_THIRDS, float64))
    third_low = fma(square, _TWO_THIRDS_LOW, fma(square_low, _TWO_THIRDS, third_low))
    third_low = fma(square * square, polynomial(square, _ATANH), third_low)
    cube, cube_low = split_product(s, third)
    cube_low = fma(s, third_low, fma(s_low, third, cube_low))
    high, high_low = split_product(exponent, const(LN2, float64))
    total, lost = split_sum(high, s + s)
    total, lost_too = split_sum(total, cube)
    low = (lost + lost_too) + (fma(exponent, LN2_LOW, high_low) + fma(s_low, 2.0, cube_low))
    return split_sum(total, low)


def remainder(x: Expr, y: Expr) -> Expr:
    """x - y * floor(x / y) without rounding in between: exact but for one final addition, with the sign of y."""
    wide_x, wide_y = cast(magnitude(x), float64), cast(magnitude(y), float64)
    rest = with_sign_of(x, cast(_truncated_remainder(wide_x, wide_y), x.dtype))
    rest = select(ne(rest, 0) & ((rest < 0) ^ (y < 0)), rest + y, rest)
    return select(eq(rest, 0), with_sign_of(y, const(0, x.dtype)), rest)


def _truncated_remainder(x: Expr, y: Expr) -> Expr:
    """C's fmod of two f64 without signs, exactly.

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
