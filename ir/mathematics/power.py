"""power: of floats by a logarithm in twice the precision of the result, of integers by squaring."""

from __future__ import annotations

import math

from brasa.ir.dtype import float32, float64
from brasa.ir.kernel import Expr, cast, const, eq, fma, ne, select, unary
from brasa.ir.mathematics.exponential import exp_of_sum
from brasa.ir.mathematics.floating import (
    INFINITY,
    LN2,
    LN2_LOW,
    magnitude,
    mantissa_and_exponent,
    no_less,
    no_more,
    polynomial,
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
    """x**y with IEEE's special cases: 1 where x is 1 or y is 0, NaN for negative x and fractional y.

    Integers wrap; their negative powers are 0 but for those of 1 and -1.
    """
    if x.dtype.kind != "float":
        return _integer_power(x, y)
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


def _integer_power(x: Expr, y: Expr) -> Expr:
    total, square = const(1, x.dtype), x
    for bit in range(x.dtype.bits):
        total = select(eq((y >> bit) & 1, 0), total, total * square)
        square = square * square
    if x.dtype.kind == "uint":
        return total
    return select((y < 0) & ne(x, 1) & ne(x, -1), const(0, x.dtype), total)


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
