"""sinh and cosh by exponentials, their inverses and that of tanh by logarithms, both in twice the precision.

f32 is computed in f64. Near 0, where sums would cancel, there are polynomials.
"""

from __future__ import annotations

import math

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, const, eq, fma, select, unary
from brasa.ir.mathematics.exponential import exp_parts
from brasa.ir.mathematics.floating import (
    INFINITY,
    LN2,
    LN2_LOW,
    in_double,
    magnitude,
    no_more,
    polynomial,
    split_product,
    split_sum,
    with_sign_of,
)
from brasa.ir.mathematics.logarithm import precise_log

# (f(x) / x - 1) / x^2 in x^2: of sinh for |x| <= 1, of asinh and atanh for |x| <= 1/2; relative errors of f 2^-63.3,
# 2^-60.4 and 2^-61.0. (acosh(1 + t) / sqrt(2 t) - 1) / t for t <= 1/2; relative error of acosh 2^-60.4.
_SINH = (
    0.16666666666666669, 0.008333333333333148, 0.00019841269841431653, 2.755731915713691e-06, 2.505212312721605e-08,
    1.6057260439001527e-10, 7.758730593249068e-13,
)  # fmt: skip
_ASINH = (
    -0.1666666666666661, 0.07499999999984433, -0.04464285712784289, 0.03038194371676809, -0.022372138365002778,
    0.017352387026551612, -0.013960232695907446, 0.011512985395275753, -0.009534142026996208, 0.007465582730763432,
    -0.0047474632269982175, 0.0017180363165494293,
)  # fmt: skip
_ATANH = (
    0.3333333333333328, 0.2000000000001817, 0.1428571428343454, 0.11111111255483823, 0.09090903680503877,
    0.07692438578059803, 0.06664514482484767, 0.0590714581411075, 0.05060081429767267, 0.059459141578188726,
    -0.004963633480905896, 0.17408979542005565, -0.19497611635003803, 0.24044444455717084,
)  # fmt: skip
_ACOSH = (
    -0.08333333333333305, 0.018749999999961083, -0.005580357140980361, 0.0018988714822980057,
    -0.0006991293239063368, 0.00027113104728986894, -0.00010906431793677692, 4.4972599200295924e-05,
    -1.8621371146477e-05, 7.290608135511203e-06, -2.318097278807753e-06, 4.1944246009508525e-07,
)  # fmt: skip


def _odd(x: Expr, coefficients: tuple[float, ...]) -> Expr:
    square = x * x
    return fma(x * square, polynomial(square, coefficients), x)


def _exponential_and_inverse(x: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """high, low, inverse, scale: e**x = (high + low) * scale**2, e**-x = inverse * scale**2, for x from 0 to 712."""
    high, low, scale = exp_parts(x)
    down = 1 / scale
    return high, low, (down * down) * (down * down) / high, scale


@in_double
def sinh(x: Expr) -> Expr:
    """Hyperbolic sine."""
    size = magnitude(x)
    high, low, inverse, scale = _exponential_and_inverse(no_more(size, 712.0))
    total = high - inverse
    rest = ((high - total) - inverse) + low
    large = (total + rest) * (scale * 0.5) * scale
    return with_sign_of(x, select(size < 1, _odd(size, _SINH), large))


@in_double
def cosh(x: Expr) -> Expr:
    """Hyperbolic cosine."""
    high, low, inverse, scale = _exponential_and_inverse(no_more(magnitude(x), 712.0))
    total = high + inverse
    rest = ((high - total) + inverse) + low
    return (total + rest) * (scale * 0.5) * scale


def _log_with_root(x: Expr, offset: float) -> Expr:
    """log(x + sqrt(x**2 + offset)) for x > 0 and an offset of 1 or -1."""
    large = x > 2.0**30
    bounded = select(large, const(1, float64), x)
    square, square_low = split_product(bounded, bounded)
    radicand, lost = split_sum(square, const(offset, float64))
    root = unary("sqrt", radicand)
    root_low = (fma(-root, root, radicand) + (lost + square_low)) / select(eq(root, 0), const(1, float64), root + root)
    total, total_low = split_sum(bounded, root)
    total_low = total_low + root_low
    argument = select(large, x, total)
    high, low = precise_log(argument)
    low = low + select(large, const(LN2_LOW, float64), total_low / total)
    high, lost = split_sum(high, select(large, const(LN2, float64), const(0, float64)))
    return select(x < INFINITY, high + (lost + low), x)


@in_double
def asinh(x: Expr) -> Expr:
    """The inverse of sinh."""
    size = magnitude(x)
    return with_sign_of(x, select(size < 0.5, _odd(size, _ASINH), _log_with_root(size, 1.0)))


@in_double
def acosh(x: Expr) -> Expr:
    """The inverse of cosh, NaN below 1."""
    beyond = x - 1
    root = unary("sqrt", beyond + beyond)
    small = fma(root * beyond, polynomial(beyond, _ACOSH), root)
    large = select(x < 1, const(math.nan, float64), _log_with_root(x, -1.0))
    return select((x >= 1) & (x < 1.5), small, large)


@in_double
def atanh(x: Expr) -> Expr:
    """The inverse of tanh: infinite at 1, NaN beyond."""
    size = magnitude(x)
    numerator, denominator = 1 + size, 1 - size
    numerator_low = size - (numerator - 1)
    quotient = numerator / denominator
    quotient_low = (fma(-quotient, denominator, numerator) + numerator_low) / denominator
    high, low = precise_log(quotient)
    large = (high + (low + quotient_low / quotient)) * 0.5
    large = select(eq(size, 1), const(INFINITY, float64), select(size < 1, large, const(math.nan, float64)))
    return with_sign_of(x, select(size < 0.5, _odd(size, _ATANH), large))
