"""Special functions of one number in plain arithmetic: integrals, series and the standard library. For tests only."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

_EULER = 0.5772156649015329


def of_arrays(function: Callable[..., float], knows_nan: bool = False) -> Callable[..., Any]:
    """The function of arrays, element by element, in double precision; overflow is infinite.

    NaN stays NaN; knows_nan: as the function says.
    """

    def one(*numbers: float) -> float:
        if not knows_nan and any(map(math.isnan, numbers)):
            return math.nan
        try:
            return function(*numbers)
        except OverflowError:
            return math.inf

    def evaluate(x: Any) -> Any:
        return np.vectorize(one, otypes=[np.float64])(np.asarray(x).astype(np.float64)).astype(np.asarray(x).dtype)

    def evaluate_two(x: Any, y: Any) -> Any:
        both = (np.asarray(each).astype(np.float64) for each in (x, y))
        return np.vectorize(one, otypes=[np.float64])(*both).astype(np.asarray(x).dtype)

    return evaluate if function.__code__.co_argcount == 1 else evaluate_two


def erfcx(x: float) -> float:
    """exp(x**2) * erfc(x)."""
    if x < -27:
        return math.inf
    if x > 25:
        inverse = 1 / x
        square = inverse * inverse
        series = 1 - square * (0.5 - square * (0.75 - square * (1.875 - 6.5625 * square)))
        return inverse * series / math.sqrt(math.pi)
    coarse = float(np.float32(x))  # whose square is exact
    return math.exp(coarse * coarse) * math.exp((x - coarse) * (x + coarse)) * math.erfc(x)


def erfinv(x: float) -> float:
    """The inverse of erf, by Newton's method."""
    if abs(x) >= 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    y = NormalDist().inv_cdf((1 + abs(x)) / 2) / math.sqrt(2) if abs(x) < 1 - 1e-15 else 5.8
    for _ in range(4):
        gap = math.erf(y) - abs(x) if abs(x) < 0.5 else (1 - abs(x)) - math.erfc(y)
        y -= gap / (2 / math.sqrt(math.pi) * math.exp(-y * y))
    return math.copysign(y, x)


def ndtri(p: float) -> float:
    """The normal distribution's quantile."""
    if not 0 < p < 1:
        return -math.inf if p == 0 else math.inf if p == 1 else math.nan
    return NormalDist().inv_cdf(p)


def lgamma(x: float) -> float:
    """log(|gamma(x)|)."""
    return math.inf if math.isinf(x) or (x <= 0 and x == math.floor(x)) else math.lgamma(x)


def digamma(x: float) -> float:
    """The derivative of lgamma: recurrence up to 20, then the asymptotic series."""
    if x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.copysign(math.inf, -math.copysign(1, x)) if x == 0 else math.nan
    if x < 0:
        return digamma(1 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    total = 0.0
    while x < 20:
        total, x = total - 1 / x, x + 1
    rest = 1 / 12 - (1 / 120 - (1 / 252 - 1 / 240 / x / x) / x / x) / x / x
    return total + math.log(x) - 0.5 / x - rest / x / x if x < 1e150 else total + math.log(x)


def zeta(s: float, q: float) -> float:
    """Hurwitz's zeta function: fifty terms, and the integral of the rest with its first corrections."""
    if s <= 1 or math.isinf(q):
        return math.inf if s == 1 else 0.0 if s > 1 else math.nan
    if q <= 0 and (q == math.floor(q) or s != math.floor(s)):
        return math.inf if q == math.floor(q) else math.nan
    total, x = 0.0, q
    while x < 50:
        total, x = total + (math.pow(x, -s) if x > 0 else (1 - 2 * (s % 2)) * math.pow(-x, -s)), x + 1
    tail = x / (s - 1) + 0.5 + s / 12 / x - s * (s + 1) * (s + 2) / 720 / x**3
    return total + (tail * math.pow(x, -s) if x < 1e100 else math.pow(x, 1 - s) / (s - 1))


def igamma(a: float, x: float) -> float:
    """The lower incomplete gamma function over gamma(a), by its power series."""
    if a < 0 or x < 0 or (a == 0 and x == 0):
        return math.nan
    if a == 0 or math.isinf(a) or math.isinf(x) or x == 0:
        return math.nan if math.isinf(a) and math.isinf(x) else float(a == 0 or (math.isinf(x) and not math.isinf(a)))
    term = math.exp(a * math.log(x) - x - math.lgamma(a + 1))
    if term == 0:  # 38 deviations or more from where the density is
        return float(x > a)
    total, count = term, 0
    while term > 1e-20 * total or count < x:
        count += 1
        term *= x / (a + count)
        total += term
    return min(total, 1.0)


def igammac(a: float, x: float) -> float:
    """The rest of igamma."""
    return 1 - igamma(a, x)


def _by_recurrence(n: float, first: float, following: Callable[[int, float, float], float]) -> float:
    """p(n) from p(0) = 1 of any number, p(1), and p(k + 1) = following(k, p(k), p(k - 1))."""
    if math.isnan(n):
        return n
    before, current, degree = 1.0, first, int(n)
    for k in range(1, degree):
        before, current = current, following(k, current, before)
    return 0.0 if degree < 0 else 1.0 if degree == 0 else current


def hermite_polynomial_h(x: float, n: float) -> float:
    """The physicist's polynomials of Hermite."""
    return _by_recurrence(n, 2 * x, lambda k, p, q: 2 * x * p - 2 * k * q)


def hermite_polynomial_he(x: float, n: float) -> float:
    """The probabilist's polynomials of Hermite."""
    return _by_recurrence(n, x, lambda k, p, q: x * p - k * q)


def laguerre_polynomial_l(x: float, n: float) -> float:
    """The polynomials of Laguerre."""
    return _by_recurrence(n, 1 - x, lambda k, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1))


def legendre_polynomial_p(x: float, n: float) -> float:
    """The polynomials of Legendre."""
    return _by_recurrence(n, x, lambda k, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))


def chebyshev_polynomial_t(x: float, n: float) -> float:
    """Chebyshev's polynomials of the first kind."""
    return _by_recurrence(n, x, lambda k, p, q: 2 * x * p - q)


def chebyshev_polynomial_u(x: float, n: float) -> float:
    """Chebyshev's polynomials of the second kind."""
    return _by_recurrence(n, 2 * x, lambda k, p, q: 2 * x * p - q)


def chebyshev_polynomial_v(x: float, n: float) -> float:
    """Chebyshev's polynomials of the third kind."""
    return _by_recurrence(n, 2 * x - 1, lambda k, p, q: 2 * x * p - q)


def chebyshev_polynomial_w(x: float, n: float) -> float:
    """Chebyshev's polynomials of the fourth kind."""
    return _by_recurrence(n, 2 * x + 1, lambda k, p, q: 2 * x * p - q)


def _first_kind(order: int, x: float) -> float:
    """Bessel's integral, by the trapezoidal rule, which is exact up to rounding; two terms for large x."""
    if math.isinf(x):
        return 0.0
    if abs(x) > 1000:
        phase, size = abs(x) - (2 * order + 1) * math.pi / 4, abs(x)
        cosine = math.sqrt(0.5) * (math.cos(x) + math.sin(size) if order == 0 else math.sin(size) - math.cos(x))
        value = math.sqrt(2 / math.pi / size) * (cosine - (4 * order**2 - 1) / 8 / size * math.sin(phase))
        return value if order == 0 else math.copysign(1, x) * value
    turn = np.arange(4096) * (2 * math.pi / 4096)
    return float(np.mean(np.cos(order * turn - x * np.sin(turn))))


def bessel_j0(x: float) -> float:
    """The Bessel function of the first kind of order 0."""
    return _first_kind(0, x)


def bessel_j1(x: float) -> float:
    """The Bessel function of the first kind of order 1."""
    return _first_kind(1, x) if abs(x) > 1e-6 else x / 2


def bessel_y0(x: float) -> float:
    """Of the second kind of order 0, by Neumann's series."""
    if x <= 0 or math.isinf(x):
        return 0.0 if x > 0 else -math.inf if x == 0 else math.nan
    series = sum((1 - 2 * (k % 2)) / k * _first_kind(2 * k, x) for k in range(1, 90))
    return 2 / math.pi * (math.log(x / 2) + _EULER) * _first_kind(0, x) - 4 / math.pi * series


def bessel_y1(x: float) -> float:
    """Of the second kind of order 1, by the Wronskian."""
    if x <= 0 or math.isinf(x):
        return 0.0 if x > 0 else -math.inf if x == 0 else math.nan
    return (bessel_j1(x) * bessel_y0(x) - 2 / math.pi / x) / bessel_j0(x)


def _modified(order: int, x: float) -> float:
    """exp(-|x|) I(|x|) by its integral; two terms for large x."""
    x = abs(x)
    if x > 1e5:
        return (1 - (4 * order**2 - 1) / 8 / x) / math.sqrt(2 * math.pi) / math.sqrt(x)
    if order == 1 and x < 1e-6:
        return x / 2 * math.exp(-x)
    turn = np.arange(4096) * (2 * math.pi / 4096)
    return float(np.mean(np.exp(x * (np.cos(turn) - 1)) * np.cos(order * turn)))


def i0e(x: float) -> float:
    """exp(-|x|) I0(x)."""
    return _modified(0, x)


def i1e(x: float) -> float:
    """exp(-|x|) I1(x)."""
    return math.copysign(_modified(1, x), x)


def i0(x: float) -> float:
    """The modified Bessel function of the first kind of order 0."""
    return _modified(0, x) * math.exp(abs(x)) if abs(x) < 700 else math.inf


def i1(x: float) -> float:
    """The modified Bessel function of the first kind of order 1."""
    return math.copysign(1, x) * (_modified(1, x) * math.exp(abs(x)) if abs(x) < 700 else math.inf)


def _second_modified(order: int, x: float) -> float:
    """exp(x) K(x) by its integral over exp(-x cosh t) cosh(order t)."""
    if x <= 0 or math.isinf(x):
        return 0.0 if x > 0 else math.inf if x == 0 else math.nan
    if x < 1e-8:
        return 1 / x if order else math.log(2) - math.log(x) - _EULER
    if x > 1e10:
        return math.sqrt(math.pi / 2) / math.sqrt(x)
    step = 1 / 64 / max(1.0, math.sqrt(x))
    t = np.arange(8192) * step
    values = np.exp(-2 * x * np.sinh(np.minimum(t, 300) / 2) ** 2) * np.cosh(order * np.minimum(t, 300))
    return float(step * (np.sum(values) - values[0] / 2))


def k0e(x: float) -> float:
    """exp(x) K0(x)."""
    return _second_modified(0, x)


def k1e(x: float) -> float:
    """exp(x) K1(x)."""
    return _second_modified(1, x)


def k0(x: float) -> float:
    """The modified Bessel function of the second kind of order 0."""
    return _second_modified(0, x) * math.exp(-x) if x >= 0 else math.nan


def k1(x: float) -> float:
    """The modified Bessel function of the second kind of order 1."""
    return _second_modified(1, x) * math.exp(-x) if x >= 0 else math.nan


def airy_ai(x: float) -> float:
    """The two power series, in whole numbers of 2**-4000; for |x| below 100."""
    bits = 4000
    one, cube = 1 << bits, int(x * 2.0**52) ** 3
    first, second = one, int(x * 2.0**52) << (bits - 52)
    sums, k = [first, second], 0
    while first or second:
        k += 3
        first = ((first * cube) >> 156) // (k * (k - 1)) if first else 0
        second = ((second * cube) >> 156) // (k * (k + 1)) if second else 0
        first, second = (0 if each == -1 else each for each in (first, second))
        sums = [sums[0] + first, sums[1] + second]
    at_zero = 35502805388781723926006318600418, 25881940379280679840518356018920  # Ai(0), -Ai'(0) times 10**32
    total = (sums[0] * at_zero[0] - sums[1] * at_zero[1]) // 10**32
    return total / one
