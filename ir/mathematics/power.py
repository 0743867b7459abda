"""power: of floats by a logarithm in twice the precision of the result, of integers by squaring."""

from __future__ import annotations

import math

from brasa.ir.dtype import float32, float64
from brasa.ir.kernel import Expr, cast, const, eq, fma, ne, select, unary
from brasa.ir.mathematics.exponential import exp_of_sum
from brasa.ir.mathematics.floating import INFINITY, magnitude, no_less, no_more, split_product, with_sign_of
from brasa.ir.mathematics.logarithm import precise_log


def power(x: Expr, y: Expr) -> Expr:
    """x**y with IEEE's special cases: 1 where x is 1 or y is 0, NaN for negative x and fractional y.

    Integers wrap; their negative powers are 0 but for those of 1 and -1.
    """
    if x.dtype.kind != "float":
        return _integer_power(x, y)
    if x.dtype is float32:
        return cast(power(cast(x, float64), cast(y, float64)), float32)
    size = magnitude(x)
    high, low = precise_log(size)
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
