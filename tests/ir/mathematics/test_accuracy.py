"""Scalar functions of one argument: at most 2 units in the last place off, everywhere."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import brasa
from brasa.ir.dtype import float32, float64
from tests.ir.mathematics.judge import (
    LIMIT,
    UNARY,
    Array,
    apply,
    error_exactly,
    errors_in_double,
    in_double,
    points,
    worst,
)

# Where the function has its finite, interesting values.
RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "exp": ((-1, 1), (-745, 710), (-105, 89)),
    "expm1": ((-0.6, 0.6), (-2, 2), (-40, 89)),
    "tanh": ((-0.7, 0.7), (-3, 3), (-20, 20)),
    "log": ((0.5, 1.5), (0.99, 1.01), (0, 1e6)),
    "log1p": ((-0.4, 0.6), (-1, 1), (-0.01, 0.01)),
    "sin": ((-4, 4), (-1000, 1000), (-1e9, 1e9)),
    "cos": ((-4, 4), (-1000, 1000), (-1e9, 1e9)),
    "erf": ((-1.3, 1.3), (0.9, 4), (-6, 6)),
    "exp2": ((-1, 1), (-1075, 1025), (-150, 129)),
    "log2": ((0.5, 1.5), (0.99, 1.01), (0, 1e6)),
    "log10": ((0.5, 1.5), (0.99, 1.01), (0, 1e6)),
    "tan": ((-4, 4), (-1000, 1000), (-1e9, 1e9)),
    "asin": ((-1, 1), (0.99, 1), (-0.6, 0.6)),
    "acos": ((-1, 1), (0.99, 1), (-0.6, 0.6)),
    "atan": ((-0.5, 0.5), (-3, 3), (-100, 100)),
    "sinh": ((-1.1, 1.1), (-3, 3), (-711, 711), (-90, 90)),
    "cosh": ((-1.1, 1.1), (-3, 3), (-711, 711), (-90, 90)),
    "asinh": ((-0.6, 0.6), (-4, 4), (-1e9, 1e9)),
    "acosh": ((1, 1.6), (1, 4), (1, 1e9)),
    "atanh": ((-0.6, 0.6), (-1, 1), (0.99, 1)),
}
# Beyond these, it is NaN.
DOMAINS = {
    "log": (0, np.inf), "log2": (0, np.inf), "log10": (0, np.inf), "log1p": (-1, np.inf), "asin": (-1, 1),
    "acos": (-1, 1), "acosh": (1, np.inf), "atanh": (-1, 1),
}  # fmt: skip
COUNT = 10_000


@pytest.mark.parametrize("name", UNARY)
def test_single(name: str) -> None:
    x = points(float32, COUNT, *RANGES[name])
    errors = errors_in_double(apply(name, float32, x), in_double(name, x))
    assert worst(errors) <= LIMIT, x[np.argmax(errors)]


@pytest.mark.parametrize("name", UNARY)
def test_double(name: str) -> None:
    x = points(float64, COUNT, *RANGES[name])
    results = apply(name, float64, x)
    with np.errstate(all="ignore"):
        low, high = DOMAINS.get(name, (-np.inf, np.inf))
        undefined = np.isnan(x) | (np.isinf(x) if name in ("sin", "cos", "tan") else (x < low) | (x > high))
    assert np.isnan(results[undefined]).all()
    finite = [(float(a), float(b)) for a, b in zip(x[~undefined], results[~undefined], strict=True) if math.isfinite(a)]
    errors = [error_exactly(name, got, each) for each, got in finite]
    assert worst(errors) <= LIMIT, finite[int(np.argmax(errors))]


def near_quarter_turns(bits: int, exponents: range) -> Array:
    """For each exponent e the integers m below 2**bits for which m * 2**e is nearest to a multiple of pi / 2.

    They are the denominators of the convergents of 2**e / (pi / 2).
    """
    found: list[float] = []
    with mpmath.workprec(2600):
        for exponent in exponents:
            rest = mpmath.mpf(2) ** exponent / (mpmath.pi / 2)
            older, newer = 1, 0
            while True:
                whole = int(mpmath.floor(rest))
                older, newer = newer, whole * newer + older
                if newer >= 2**bits:
                    break
                if newer:
                    found.append(math.ldexp(newer, exponent))
                rest = 1 / (rest - whole)
    return np.array(found)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_next_to_quarter_turns(name: str) -> None:
    single = near_quarter_turns(24, range(-20, 104, 4)).astype(np.float32)
    assert worst(errors_in_double(apply(name, float32, single), in_double(name, single))) <= LIMIT
    double = np.append(near_quarter_turns(53, range(-50, 970, 20)), 6381956970095103 * 2.0**797)
    results = apply(name, float64, double)
    assert worst([error_exactly(name, float(b), float(a)) for a, b in zip(double, results, strict=True)]) <= LIMIT


@pytest.mark.parametrize(
    "name", ["expm1", "tanh", "log1p", "sin", "erf", "tan", "asin", "atan", "sinh", "asinh", "atanh"]
)
def test_small_arguments_are_kept(name: str) -> None:
    """Where the function is x, signs of zeros and subnormal numbers included."""
    for dtype in (float32, float64):
        least = np.nextafter(dtype.numpy.type(0), dtype.numpy.type(1))
        x = np.array([0.0, -0.0, least, -least, 1000 * least], dtype.numpy)
        scale = 2 / math.sqrt(math.pi) if name == "erf" else 1
        np.testing.assert_array_equal(apply(name, dtype, x), (x * scale).astype(dtype.numpy))
        np.testing.assert_array_equal(np.signbit(apply(name, dtype, x)), np.signbit(x))


@pytest.mark.parametrize("name", ["tanh", "sin", "erf", "tan", "asin", "atan", "sinh", "asinh", "atanh"])
def test_odd(name: str) -> None:
    for dtype in (float32, float64):
        x = points(dtype, 2000, (0, 10))
        np.testing.assert_array_equal(apply(name, dtype, -x), -apply(name, dtype, x))


@pytest.mark.long
@pytest.mark.parametrize("name", UNARY)
def test_every_single(name: str) -> None:
    """All four thousand million arguments, by the compiled kernels."""
    step = 1 << 22
    for start in range(0, 1 << 32, step):
        x = np.arange(start, start + step, dtype=np.uint64).astype(np.uint32).view(np.float32)
        errors = errors_in_double(getattr(brasa, name)(brasa.from_numpy(x)).numpy(), in_double(name, x))
        assert worst(errors) <= LIMIT, x[np.argmax(errors)]
