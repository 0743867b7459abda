"""brasa.special against mpmath, and gradients by finite differences; edges of functions made of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import brasa
from brasa import special
from brasa.ir.errors import ArgumentError
from tests.frontend.functions.harness import Array, Case, check, check_values

RNG = np.random.default_rng(8)
X = RNG.normal(size=(2, 4)) * 1.5
UNIT = RNG.uniform(0.05, 0.95, (2, 4))
POSITIVE = RNG.uniform(0.3, 6, (2, 4))


def exact(function: Callable[..., Any]) -> Callable[..., Array]:
    """A function of numbers as one of arrays."""
    return np.vectorize(lambda *numbers: float(mpmath.re(function(*map(float, numbers)))), otypes=[float])


CASES: dict[str, Case] = {
    "erfc": Case(brasa.erfc, exact(mpmath.erfc), [X]),
    "erfcx": Case(special.erfcx, exact(lambda x: mpmath.exp(x * x) * mpmath.erfc(x)), [X]),
    "erfinv": Case(brasa.erfinv, exact(mpmath.erfinv), [UNIT]),
    "ndtr": Case(special.ndtr, exact(mpmath.ncdf), [X]),
    "ndtri": Case(special.ndtri, exact(lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)), [UNIT]),
    "log_ndtr": Case(special.log_ndtr, exact(lambda x: mpmath.log(mpmath.ncdf(x))), [X * 3]),
    "lgamma": Case(brasa.lgamma, exact(mpmath.loggamma), [POSITIVE]),
    "digamma": Case(special.psi, exact(mpmath.digamma), [POSITIVE]),
    "polygamma": Case(lambda x: brasa.polygamma(2, x), exact(lambda x: mpmath.polygamma(2, x)), [POSITIVE]),
    "mvlgamma": Case(lambda x: brasa.mvlgamma(x, 3), exact(
        lambda x: 1.5 * mpmath.log(mpmath.pi) + sum(mpmath.loggamma(x - k / 2) for k in range(3))), [POSITIVE + 1]),
    "zeta": Case(lambda q: special.zeta(2.5, q), exact(lambda q: mpmath.zeta(2.5, q)), [POSITIVE]),
    "gammainc": Case(lambda x: special.gammainc(brasa.full_like(x.detach(), 2.5), x),
                     exact(lambda x: mpmath.gammainc(2.5, 0, x, regularized=True)), [POSITIVE]),
    "gammaincc": Case(lambda x: special.gammaincc(brasa.full_like(x.detach(), 2.5), x),
                      exact(lambda x: mpmath.gammainc(2.5, x, regularized=True)), [POSITIVE]),
    "entr": Case(special.entr, exact(lambda x: -x * mpmath.log(x)), [POSITIVE]),
    "xlog1py": Case(special.xlog1py, exact(lambda x, y: x * mpmath.log(1 + y)), [X, UNIT]),
    "i0": Case(special.i0, exact(lambda x: mpmath.besseli(0, x)), [X]),
    "i1": Case(special.i1, exact(lambda x: mpmath.besseli(1, x)), [X]),
    "i0e": Case(special.i0e, exact(lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x))), [X]),
    "i1e": Case(special.i1e, exact(lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x))), [X]),
    "bessel_j0": Case(special.bessel_j0, exact(lambda x: mpmath.besselj(0, x)), [X * 5]),
    "bessel_j1": Case(special.bessel_j1, exact(lambda x: mpmath.besselj(1, x)), [X * 5]),
    "bessel_y0": Case(special.bessel_y0, exact(lambda x: mpmath.bessely(0, x)), [POSITIVE * 3]),
    "bessel_y1": Case(special.bessel_y1, exact(lambda x: mpmath.bessely(1, x)), [POSITIVE * 3]),
    "k0": Case(special.modified_bessel_k0, exact(lambda x: mpmath.besselk(0, x)), [POSITIVE]),
    "k1e": Case(special.scaled_modified_bessel_k1, exact(lambda x: mpmath.besselk(1, x) * mpmath.exp(x)), [POSITIVE]),
    "airy_ai": Case(special.airy_ai, exact(mpmath.airyai), [X * 3], gradient=False),
    "spherical_bessel_j0": Case(special.spherical_bessel_j0, exact(lambda x: mpmath.sin(x) / x), [X]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    check(CASES[name])


POLYNOMIALS: dict[str, Callable[..., Any]] = {
    "chebyshev_polynomial_t": lambda x, n: mpmath.chebyt(n, x),
    "chebyshev_polynomial_u": lambda x, n: mpmath.chebyu(n, x),
    "chebyshev_polynomial_v": lambda x, n: mpmath.chebyu(n, x) - mpmath.chebyu(n - 1, x),
    "chebyshev_polynomial_w": lambda x, n: mpmath.chebyu(n, x) + mpmath.chebyu(n - 1, x),
    "shifted_chebyshev_polynomial_t": lambda x, n: mpmath.chebyt(n, 2 * x - 1),
    "hermite_polynomial_h": lambda x, n: mpmath.hermite(n, x),
    "hermite_polynomial_he": lambda x, n: mpmath.hermite(n, x / mpmath.sqrt(2)) * 2 ** (-n / 2),
    "laguerre_polynomial_l": lambda x, n: mpmath.laguerre(n, 0, x),
    "legendre_polynomial_p": lambda x, n: mpmath.legendre(n, x),
}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name: str) -> None:
    degrees = np.array([0, 1, 4, 9])
    check_values(Case(getattr(special, name), exact(POLYNOMIALS[name]), [UNIT * 0.9 + 0.03, degrees], tolerance=1e-12))


def test_edges() -> None:
    zero = brasa.tensor([0.0, -0.0, -1.0, math.nan])
    assert special.entr(zero).tolist()[:3] == [0.0, 0.0, -math.inf]
    assert brasa.lgamma(zero).tolist()[:3] == [math.inf] * 3
    assert brasa.digamma(zero).tolist()[:2] == [-math.inf, math.inf]
    assert special.log_ndtr(brasa.tensor([-40.0, 40.0])).tolist() == pytest.approx([-804.608442, 0.0], rel=1e-6)
    assert brasa.xlogy(brasa.tensor([0.0, 0.0]), brasa.tensor([0.0, math.inf])).tolist() == [0.0, 0.0]
    assert brasa.erfinv(brasa.tensor([1.0, -1.0])).tolist() == [math.inf, -math.inf]
    with pytest.raises(ArgumentError, match="must be a tensor"):
        brasa.igamma(2.0, brasa.tensor([1.0]))
