"""The regularised incomplete gamma functions; f32 is computed in f64.

x**a e**-x / gamma(a + 1) is exp(-a D(x / a)) times Stirling's factor, with D(r) = r - 1 - log(r), so that large a and x
do not cancel. It multiplies a power series for the lower function where x < a + 1, and Legendre's continued fraction,
by Lentz's method, for the upper one elsewhere. Both take 300 rounds: errors grow from 1e-14 to 1e-10 up to a = 1e4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, Recurrence, cast, const, eq, fma, ne, select
from brasa.ir.mathematics.exponential import exp
from brasa.ir.mathematics.floating import INFINITY, magnitude, no_less
from brasa.ir.mathematics.gamma import lgamma, stirling_rest
from brasa.ir.mathematics.logarithm import log, log1p

_ROUNDS = 300


def igamma(a: Expr, x: Expr) -> Recurrence:
    """The lower function, from 0 at x = 0 to 1; NaN for negative operands."""
    return _incomplete(a, x, upper=False)


def igammac(a: Expr, x: Expr) -> Recurrence:
    """The upper function, from 1 at x = 0 to 0; NaN for negative operands."""
    return _incomplete(a, x, upper=True)


def _incomplete(a: Expr, x: Expr, *, upper: bool) -> Recurrence:
    dtype = a.dtype
    a, x = cast(a, float64), cast(x, float64)
    zero, one = const(0, float64), const(1, float64)
    usual = (a > 0) & (x > 0) & (a < INFINITY) & (x < INFINITY)
    shape, place = select(usual, a, one), select(usual, x, one)
    series = place < shape + 1
    start = place + 1 - shape
    tiny = const(1e-300, float64)
    first = select(series, one / shape, 1 / select(eq(start, 0), tiny, start))

    def step(number: Expr, state: Sequence[Expr], fixed: Sequence[Expr]) -> Sequence[Expr]:
        """Sum and term of the series, or value, c and d of the fraction."""
        total, c, d = state
        shape, place = fixed[:2]
        count = cast(number, float64) + 1
        series = place < shape + 1
        term = d * place / (shape + count)
        numerator = count * (shape - count)
        denominator = place + (count + count + 1) - shape
        low = fma(numerator, d, denominator)
        low = 1 / select(magnitude(low) < 1e-300, tiny, low)
        high = denominator + numerator / c
        high = select(magnitude(high) < 1e-300, tiny, high)
        return (
            select(series, total + term, total * (high * low)),
            select(series, c, high),
            select(series, term, low),
        )

    def result(state: Sequence[Expr], fixed: Sequence[Expr]) -> Expr:
        shape, place, a, x = fixed
        series = place < shape + 1
        part = state[0] * _weight(shape, place)
        value = select(series, 1 - part, part) if upper else select(series, part, 1 - part)
        at_zero, at_end = (one, zero) if upper else (zero, one)
        value = select(eq(x, 0), select(eq(a, 0), const(math.nan, float64), at_zero), value)
        value = select(eq(a, 0) & (x > 0), at_end, value)
        value = select(eq(a, INFINITY), select(eq(x, INFINITY), const(math.nan, float64), at_zero), value)
        value = select(eq(x, INFINITY) & (a < INFINITY), at_end, value)
        undefined = (a < 0) | (x < 0) | ne(a, a) | ne(x, x)
        return cast(select(undefined, const(math.nan, float64), value), dtype)

    state = (first, select(series, one, 1 / tiny), select(series, one / shape, first))
    return Recurrence(_ROUNDS, state, (shape, place, a, x), step, result)


def _weight(a: Expr, x: Expr) -> Expr:
    """x**a e**-x / gamma(a)."""
    large = no_less(a, 6.5)
    excess = (x - large) / large
    distance = select(magnitude(excess) < 0.5, excess - log1p(excess), excess - log(x / large))
    far = exp(-large * distance - stirling_rest(large) + 0.5 * log(large * (0.5 / math.pi)))
    near = exp(a * log(x) - x - lgamma(a))
    return select(a < 6.5, near, far)
