"""Special functions in f64 against mpmath: how far they are off, over the arguments that matter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

from brasa.ir.dtype import float32, float64
from brasa.ir.ops import OPS
from brasa.ir.ops.definitions import hermite_polynomial_h, igamma, igammac, laguerre_polynomial_l
from tests.ir.mathematics.judge import apply


class Bound(NamedTuple):
    """exact: the function by mpmath. ranges: where it is judged. last_places, absolute: either bound may hold."""

    exact: Callable[..., Any]
    ranges: tuple[tuple[float, float], ...]
    last_places: float
    absolute: float = 0.0


def scaled(function: Callable[..., Any], order: int, sign: int) -> Callable[..., Any]:
    return lambda x: function(order, x) * mpmath.exp(sign * abs(x))


BOUNDS: dict[str, Bound] = {
    "erfc": Bound(mpmath.erfc, ((-6, 27), (-1, 1)), 2.5),
    "erfcx": Bound(lambda x: mpmath.exp(x * x) * mpmath.erfc(x), ((-26, 100), (-1, 3)), 4.5),
    "erfinv": Bound(mpmath.erfinv, ((-1, 1), (0.999, 1)), 4.5),
    "ndtri": Bound(lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1), ((0, 1), (0, 0.01)), 5),
    "lgamma": Bound(lambda x: mpmath.re(mpmath.loggamma(x)), ((0.01, 3), (0, 100), (-9, 0)), 4, 2e-15),
    "digamma": Bound(mpmath.digamma, ((0.01, 3), (0, 50), (-9, 0)), 6, 1e-15),
    "bessel_j0": Bound(lambda x: mpmath.besselj(0, x), ((-9, 9), (0, 100)), 2, 1e-15),
    "bessel_j1": Bound(lambda x: mpmath.besselj(1, x), ((-9, 9), (0, 100)), 2, 1e-15),
    "bessel_y0": Bound(lambda x: mpmath.bessely(0, x), ((0.01, 9), (0, 100)), 4, 1e-15),
    "bessel_y1": Bound(lambda x: mpmath.bessely(1, x), ((0.01, 9), (0, 100)), 4, 1e-15),
    "i0": Bound(lambda x: mpmath.besseli(0, x), ((-9, 9), (-700, 700)), 8),
    "i1": Bound(lambda x: mpmath.besseli(1, x), ((-9, 9), (-700, 700)), 8),
    "i0e": Bound(scaled(mpmath.besseli, 0, -1), ((-9, 9), (-100, 100)), 6),
    "i1e": Bound(scaled(mpmath.besseli, 1, -1), ((-9, 9), (-100, 100)), 8),
    "k0": Bound(lambda x: mpmath.besselk(0, x), ((0, 3), (0, 600)), 30),
    "k1": Bound(lambda x: mpmath.besselk(1, x), ((0, 3), (0, 600)), 15),
    "k0e": Bound(scaled(mpmath.besselk, 0, 1), ((0, 3), (0, 100)), 30),
    "k1e": Bound(scaled(mpmath.besselk, 1, 1), ((0, 3), (0, 100)), 15),
    "airy_ai": Bound(mpmath.airyai, ((-20, 5), (0, 50)), 100, 5e-15),
}  # fmt: skip


def off(got: float, exact: Any) -> tuple[float, float]:
    """How far a result is off: in units in the last place, and absolutely."""
    gap = abs(mpmath.mpf(got) - exact) if math.isfinite(got) else mpmath.inf
    return float(gap / math.ulp(float(exact))), float(gap)


@pytest.mark.parametrize("name", BOUNDS)
def test_double(name: str) -> None:
    bound, rng = BOUNDS[name], np.random.default_rng(4)
    x = np.concatenate([rng.uniform(low, high, 60) for low, high in bound.ranges])
    with mpmath.workprec(160):
        for place, result in zip(x, apply(name, float64, x), strict=True):
            places, absolute = off(float(result), bound.exact(mpmath.mpf(float(place))))
            assert places <= bound.last_places or absolute <= bound.absolute, (place, result, places, absolute)


@pytest.mark.parametrize("name", BOUNDS)
def test_single_is_double_rounded(name: str) -> None:
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.uniform(low, high, 200) for low, high in BOUNDS[name].ranges]).astype(np.float32)
    with np.errstate(over="ignore"):
        wanted = apply(name, float64, x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(apply(name, float32, x), wanted)


def test_zeta() -> None:
    rng = np.random.default_rng(2)
    s = np.concatenate([rng.uniform(1.1, 10, 60), rng.integers(2, 8, 60)]).astype(np.float64)
    q = np.concatenate([rng.uniform(0.1, 30, 60), rng.uniform(-12, 0, 60)])
    with mpmath.workprec(120):
        for power, place, result in zip(s, q, apply("zeta", float64, s, q), strict=True):
            exact = mpmath.zeta(mpmath.mpf(float(power)), mpmath.mpf(float(place)))
            assert abs(mpmath.mpf(float(result)) - exact) <= 3e-14 * abs(exact), (power, place)


def test_incomplete_gamma() -> None:
    """Both relatively, the smaller of the two as well."""
    rng = np.random.default_rng(3)
    a = np.concatenate([rng.uniform(0.05, 8, 60), rng.uniform(5, 300, 40), [3000.0, 3000.0]])
    x = np.concatenate([a[:100] * rng.uniform(0.2, 2.2, 100), [2900.0, 3100.0]])
    lower, upper = apply("igamma", float64, a, x), apply("igammac", float64, a, x)
    with mpmath.workprec(120):
        for i in range(a.size):
            shape, place = mpmath.mpf(float(a[i])), mpmath.mpf(float(x[i]))
            below = mpmath.gammainc(shape, 0, place, regularized=True)
            above = mpmath.gammainc(shape, place, regularized=True)
            assert abs(lower[i] - below) <= 1e-11 * below, (a[i], x[i])
            assert abs(upper[i] - above) <= 1e-10 * above, (a[i], x[i])


def test_degrees() -> None:
    """Degrees may be high, not below 0, and are cut to whole numbers."""
    angle = np.linspace(0.1, 3.0, 50)
    for degree in (0, 1, 2, 5, 64, 1000):
        n = np.full(50, degree + 0.5)
        got = apply("chebyshev_polynomial_t", float64, np.cos(angle), n)
        np.testing.assert_allclose(got, np.cos(degree * angle), atol=4e-13 * (degree + 1))
        got = apply("chebyshev_polynomial_u", float64, np.cos(angle), n)
        np.testing.assert_allclose(got, np.sin((degree + 1) * angle) / np.sin(angle), atol=1e-11 * (degree + 1))
    x = np.linspace(-2, 2, 50)
    for name, reference in (
        ("hermite_polynomial_h", hermite_polynomial_h),
        ("laguerre_polynomial_l", laguerre_polynomial_l),
    ):
        for degree in (0, 1, 7, 100):
            wanted = [reference(float(each), degree) for each in x]
            np.testing.assert_allclose(
                apply(name, float64, x, np.full(50, float(degree))), wanted, rtol=1e-9, atol=1e-9
            )
        assert np.isnan(apply(name, float64, x, np.full(50, 513.0))).all()
        assert not apply(name, float64, x, np.full(50, -1.0)).any()
    legendre = np.polynomial.legendre.Legendre.basis(30)(np.cos(angle))
    np.testing.assert_allclose(
        apply("legendre_polynomial_p", float64, np.cos(angle), np.full(50, 30.0)), legendre, atol=1e-13
    )


POLYNOMIALS = [f"chebyshev_polynomial_{kind}" for kind in "tuvw"] + [
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
]  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_degree_zero_are_one_and_have_degrees_that_are_numbers(name: str) -> None:
    x, n = np.array([np.nan, np.inf, 0.5, 0.5, np.nan]), np.array([0.0, 0.5, np.nan, -1.0, -2.0])
    np.testing.assert_array_equal(apply(name, float64, x, n), [1, 1, np.nan, 0, 0])
    np.testing.assert_array_equal(OPS[name].evaluate(x, n), [1, 1, np.nan, 0, 0])


def test_the_incomplete_gamma_function_far_from_where_it_changes() -> None:
    assert [igamma(a, x) for a, x in ((1, 1000), (50, 1e9), (1000, 1), (1e6, 10))] == [1, 1, 0, 0]
    assert igammac(1, 1000) == 0
