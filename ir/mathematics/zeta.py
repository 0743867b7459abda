"""Hurwitz's zeta function by the formula of Euler and Maclaurin; f32 is computed in f64."""

from __future__ import annotations

import math
from collections.abc import Sequence

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, Recurrence, cast, const, eq, fma, ne, select, unary
from brasa.ir.mathematics.exponential import exp
from brasa.ir.mathematics.floating import INFINITY, no_less
from brasa.ir.mathematics.logarithm import log

# Bernoulli's numbers B(2), B(4), ..., each over its factorial.
_BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000,
)  # fmt: skip
_TERMS = 12


def zeta(s: Expr, q: Expr) -> Recurrence:
    """The sum of (q + k)**-s over k = 0, 1, ...; NaN for s < 1, infinite for s = 1 and at poles q = 0, -1, ...

    For q < 0, where s must be whole, the terms before the first positive q + k are (-1)**s times those of the zeta
    function of the distances on the other side: zeta(s, f) - zeta(s, 1 - q), f the distance of the last one. All three
    sums are taken in one loop of 12 rounds. Errors: 20 units in the last place of f64 for s up to 10.
    """
    dtype = s.dtype
    s, q = cast(s, float64), cast(q, float64)
    negative = q < 0
    first = select(negative, q - unary("floor", q), q)  # the first positive term
    mirrored = 1 - first
    beyond = 1 - q
    zero = const(0, float64)

    def step(number: Expr, state: Sequence[Expr], fixed: Sequence[Expr]) -> Sequence[Expr]:
        power, count = fixed[0], cast(number, float64)
        return [total + _power(place + count, power) for total, place in zip(state, fixed[1:], strict=True)]

    def result(state: Sequence[Expr], fixed: Sequence[Expr]) -> Expr:
        power, start, _, last = fixed
        sums = [total + _rest(place + float(_TERMS), power) for total, place in zip(state, fixed[1:], strict=True)]
        half = power * 0.5
        even = eq(unary("floor", half), half)
        before = sums[1] - sums[2]
        below = last > 1
        value = select(below, sums[0] + select(even, before, -before), sums[0])
        whole = eq(unary("floor", power), power)
        value = select(below & ~whole, const(math.nan, float64), value)
        value = select(eq(start, 0), const(INFINITY, float64), value)
        value = select(eq(power, 1), const(INFINITY, float64), select(power > 1, value, const(math.nan, float64)))
        return cast(select(ne(start, start), start, value), dtype)

    return Recurrence(_TERMS, (zero, zero, zero), (s, first, mirrored, beyond), step, result)


def _power(x: Expr, s: Expr) -> Expr:
    """x**-s for x >= 0, infinite at 0."""
    return exp(-s * log(x))


def _rest(x: Expr, s: Expr) -> Expr:
    """The sum of (x + k)**-s over all k, for large x."""
    inverse = 1 / x
    square = inverse * inverse
    total, factor = const(0.5, float64), s * inverse
    for number, bernoulli in enumerate(_BERNOULLI):
        total = fma(factor, bernoulli, total)
        factor = factor * ((s + float(2 * number + 1)) * (s + float(2 * number + 2)) * square)
    return _power(x, s) * (total + x / no_less(s - 1, 2.0**-60))
