"""Orthogonal polynomials of a degree that is data, by their recurrences; f32 is computed in f64.

Every element runs the same rounds and keeps what it has once its degree is reached. The recurrences of Chebyshev's
polynomials have constant coefficients, so their degree is halved in each round: f(2 m) and f(2 m + 1) come from f(m)
and f(m + 1). Of the others degrees above 512 give NaN, of these degrees of 2**31 and more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from brasa.ir.dtype import float64, int64
from brasa.ir.kernel import Expr, Recurrence, cast, const, eq, ne, select, unary

LARGEST_DEGREE = 512
_DEGREE_BITS = 31

Next = Callable[[Expr, Expr, Expr, Expr], Expr]  # (k, x, p(k), p(k - 1)) -> p(k + 1)


def _by_recurrence(x: Expr, n: Expr, first: Callable[[Expr], Expr], following: Next) -> Recurrence:
    """p(n) from p(0) = 1, p(1) and the rule for the next; 0 below degree 0."""
    dtype, one = x.dtype, const(1, float64)
    x, degree = cast(x, float64), unary("trunc", cast(n, float64))

    def step(number: Expr, state: Sequence[Expr], fixed: Sequence[Expr]) -> Sequence[Expr]:
        current, before = state
        k = cast(number, float64) + 1
        running = k < fixed[1]
        return select(running, following(k, fixed[0], current, before), current), select(running, current, before)

    def result(state: Sequence[Expr], fixed: Sequence[Expr]) -> Expr:
        degree = fixed[1]
        value = select(degree >= 1, state[0], select(eq(degree, 0), one, const(0, float64)))
        return cast(select(degree <= float(LARGEST_DEGREE), value, const(math.nan, float64)), dtype)

    return Recurrence(LARGEST_DEGREE - 1, (first(x), one), (x, degree), step, result)


def hermite_polynomial_h(x: Expr, n: Expr) -> Recurrence:
    """The physicist's: H(k + 1) = 2 x H(k) - 2 k H(k - 1)."""
    return _by_recurrence(x, n, lambda x: x + x, lambda k, x, p, q: 2 * (x * p - k * q))


def hermite_polynomial_he(x: Expr, n: Expr) -> Recurrence:
    """The probabilist's: He(k + 1) = x He(k) - k He(k - 1)."""
    return _by_recurrence(x, n, lambda x: x, lambda k, x, p, q: x * p - k * q)


def laguerre_polynomial_l(x: Expr, n: Expr) -> Recurrence:
    """(k + 1) L(k + 1) = (2 k + 1 - x) L(k) - k L(k - 1)."""
    return _by_recurrence(x, n, lambda x: 1 - x, lambda k, x, p, q: ((k + k + 1 - x) * p - k * q) / (k + 1))


def legendre_polynomial_p(x: Expr, n: Expr) -> Recurrence:
    """(k + 1) P(k + 1) = (2 k + 1) x P(k) - k P(k - 1)."""
    return _by_recurrence(x, n, lambda x: x, lambda k, x, p, q: ((k + k + 1) * x * p - k * q) / (k + 1))


def _chebyshev(x: Expr, n: Expr, combine: Callable[[Expr, Expr, Expr], Expr]) -> Recurrence:
    """combine(x, U(n), U(n - 1)), of the polynomials of the second kind; 0 below degree 0, and 1 of anything at it.

    U(2 m) = U(m)**2 - U(m - 1)**2 and U(2 m - 1) = 2 U(m - 1) (U(m) - x U(m - 1)), from the degree's highest bit on.
    """
    dtype = x.dtype
    x, n = cast(x, float64), unary("trunc", cast(n, float64))
    one, zero, nan = const(1, float64), const(0, float64), const(math.nan, float64)

    def step(number: Expr, state: Sequence[Expr], fixed: Sequence[Expr]) -> Sequence[Expr]:
        (upper, lower), (x, degree, _) = state, fixed
        even, odd = upper * upper - lower * lower, 2 * lower * (upper - x * lower)
        next_odd = 2 * upper * (x * upper - lower)  # U(2 m + 1)
        is_odd = ne((degree >> (_DEGREE_BITS - 1 - number)) & 1, 0)
        return select(is_odd, next_odd, even), select(is_odd, even, odd)

    def result(state: Sequence[Expr], fixed: Sequence[Expr]) -> Expr:
        x, degree, n = fixed
        value = select(eq(degree, 0), one, combine(x, state[0], state[1]))
        value = select(degree < 1 << _DEGREE_BITS, value, nan)
        return cast(select(eq(n, n), select(degree < 0, zero, value), nan), dtype)

    return Recurrence(_DEGREE_BITS, (one, zero), (x, cast(n, int64), n), step, result)


def chebyshev_polynomial_t(x: Expr, n: Expr) -> Recurrence:
    """Of the first kind: T(n) = U(n) - x U(n - 1)."""
    return _chebyshev(x, n, lambda x, upper, lower: upper - x * lower)


def chebyshev_polynomial_u(x: Expr, n: Expr) -> Recurrence:
    """Of the second kind."""
    return _chebyshev(x, n, lambda x, upper, lower: upper)


def chebyshev_polynomial_v(x: Expr, n: Expr) -> Recurrence:
    """Of the third kind: V(n) = U(n) - U(n - 1)."""
    return _chebyshev(x, n, lambda x, upper, lower: upper - lower)


def chebyshev_polynomial_w(x: Expr, n: Expr) -> Recurrence:
    """Of the fourth kind: W(n) = U(n) + U(n - 1)."""
    return _chebyshev(x, n, lambda x, upper, lower: upper + lower)
