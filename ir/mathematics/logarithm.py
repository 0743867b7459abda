"""log and log1p: x = m 2**e, and a polynomial in m - 1."""

from __future__ import annotations

from brasa.ir.dtype import float32, float64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, select
from brasa.ir.mathematics.floating import (
    INFINITY,
    LN2,
    LN2_LOW,
    exponent_from,
    format_of,
    logarithm_domain,
    mantissa_and_exponent,
    polynomial,
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
