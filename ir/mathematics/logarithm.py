"""Logarithms: x = m 2**e, and a polynomial in m - 1, or for twice the precision in (m - 1) / (m + 1)."""

from __future__ import annotations

from brasa.ir.dtype import float32, float64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, select
from brasa.ir.mathematics.floating import (
    INFINITY,
    LN2,
    LN2_LOW,
    exponent_from,
    format_of,
    in_double,
    logarithm_domain,
    mantissa_and_exponent,
    polynomial,
    split_product,
    split_sum,
)

# (log(1 + f) - f) / f^2 for 1 + f in sqrt(1/2)..sqrt(2); relative error of log(1 + f): 2^-25.0 and 2^-58.5.
_LOG = {
    float32: (-0.4999999, 0.3333395, -0.2500179, 0.1996205, -0.16569854, 0.14917703, -0.1431127, 0.0873947),
    float64: (
        -0.5, 0.33333333333333454, -0.24999999999998918, 0.199999999999458, -0.1666666666691519,
        0.14285714293873997, -0.12499999981959158, 0.11111110514373351, -0.10000000385313174, 0.09090933556596739,
        -0.08333345730025732, 0.07691713510876041, -0.07142000067411834, 0.06675159583887666,
        -0.06269807197327454, 0.058177009839966584, -0.05326700824637868, 0.05416260763458537,
        -0.06275429601296878, 0.0569646906370744, -0.024269956339209437,
    ),
}  # fmt: skip


def _log_of_product(f: Expr, exponent: Expr) -> Expr:
    """log((1 + f) * 2**exponent)."""
    of_f = polynomial(f, _LOG[f.dtype])
    if f.dtype is float64:  # ln2 as one f64 is 0.4 last places off where log1p cancels most
        return fma(exponent, LN2, f + fma(f * f, of_f, exponent * LN2_LOW))
    return fma(exponent, LN2, fma(f * f, of_f, f))


def log(x: Expr) -> Expr:
    """Natural logarithm."""
    mantissa, exponent = mantissa_and_exponent(x)
    result = _log_of_product(mantissa - 1, exponent)
    return logarithm_domain(x, select(x < INFINITY, result, x), pole=0)


def log1p(x: Expr) -> Expr:
    """log(1 + x), without cancellation near 0.

    1 + x only gives the exponent e; (1 + x) 2**-e - 1 is x 2**-e + (2**-e - 1), rounded once. 4 2**-e stands for 2**-e,
    which may be subnormal. (N. Juffa's arrangement.)
    """
    form = format_of(x)
    exponent = exponent_from(bitcast(x + 1, form.integer), form)
    shift = exponent << form.fraction_bits
    scaled = bitcast(bitcast(x, form.integer) - shift, x.dtype)
    four_scaled = bitcast(const((form.bias + 2) << form.fraction_bits, form.integer) - shift, x.dtype)
    f = scaled + fma(four_scaled, 0.25, const(-1, x.dtype))
    result = _log_of_product(f, cast(exponent, x.dtype))
    zero_or_infinite = eq(x + x, x)
    return logarithm_domain(x, select(zero_or_infinite, x, result), pole=-1)


# (2 atanh(s) - 2 s - 2/3 s^3) / s^5 in s^2 for |s| <= (sqrt(2) - 1) / (sqrt(2) + 1); error of the sum 2^-66.
_ATANH = (
    0.4000000000000226, 0.28571428570096913, 0.22222222520391852, 0.18181784326999112, 0.15386759132613664,
    0.1325677689186294, 0.1319669821444669,
)  # fmt: skip
_TWO_THIRDS, _TWO_THIRDS_LOW = 0.6666666666666666, 3.700743415417188e-17


def precise_log(x: Expr) -> tuple[Expr, Expr]:
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


_PER_LN2, _PER_LN2_LOW = 1.4426950408889634, 2.0355273740931033e-17
_PER_LN10, _PER_LN10_LOW = 0.4342944819032518, 1.098319650216765e-17


@in_double
def log2(x: Expr) -> Expr:
    """Logarithm to base 2; that of a power of two is exact."""
    return _in_base(x, _PER_LN2, _PER_LN2_LOW)


@in_double
def log10(x: Expr) -> Expr:
    """Logarithm to base 10."""
    return _in_base(x, _PER_LN10, _PER_LN10_LOW)


def _in_base(x: Expr, factor: float, factor_low: float) -> Expr:
    high, low = precise_log(x)
    product, lost = split_product(high, const(factor, float64))
    result = product + fma(high, factor_low, fma(low, factor, lost))
    return logarithm_domain(x, select(x < INFINITY, result, x), pole=0)
