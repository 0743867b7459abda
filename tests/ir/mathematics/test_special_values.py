"""Scalar functions at infinities, NaN, zeros, poles and where they leave the range of numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.ir.mathematics.judge import DTYPES, apply

INF, NAN = math.inf, math.nan

SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (NAN, NAN), (1e300, INF), (-1e300, 0)],
    "expm1": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -1), (NAN, NAN), (1e300, INF), (-1e300, -1)],
    "tanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN), (1e300, 1), (-50, -1)],
    "log": [(1, 0), (0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1, NAN), (NAN, NAN), (-1e-45, NAN)],
    "log1p": [(0, 0), (-0.0, -0.0), (-1, -INF), (INF, INF), (-INF, NAN), (-1.5, NAN), (NAN, NAN)],
    "sin": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "exp2": [(0, 1), (3, 8), (-2, 0.25), (INF, INF), (-INF, 0), (NAN, NAN), (2000, INF), (-2000, 0)],
    "log2": [(1, 0), (8, 3), (0.25, -2), (0, -INF), (INF, INF), (-1, NAN), (NAN, NAN)],
    "log10": [(1, 0), (1000, 3), (0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (NAN, NAN)],
    "tan": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "asin": [(0, 0), (-0.0, -0.0), (1, math.pi / 2), (-1, -math.pi / 2), (1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "acos": [(1, 0), (0, math.pi / 2), (-1, math.pi), (1.5, NAN), (INF, NAN), (NAN, NAN)],
    "atan": [(0, 0), (-0.0, -0.0), (1, math.pi / 4), (INF, math.pi / 2), (-INF, -math.pi / 2), (NAN, NAN)],
    "sinh": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (1e4, INF), (-1e4, -INF)],
    "cosh": [(0, 1), (-0.0, 1), (INF, INF), (-INF, INF), (NAN, NAN), (-1e4, INF)],
    "asinh": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "acosh": [(1, 0), (0.5, NAN), (-INF, NAN), (INF, INF), (NAN, NAN)],
    "atanh": [(0, 0), (-0.0, -0.0), (1, INF), (-1, -INF), (1.5, NAN), (INF, NAN), (NAN, NAN)],
    "erf": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN), (1e300, 1), (-10, -1)],
}

# C's pow, annex F.
POWERS = [
    (0, 0, 1), (-0.0, 0, 1), (INF, 0, 1), (NAN, 0, 1), (NAN, -0.0, 1), (-3, 0, 1),
    (1, INF, 1), (1, NAN, 1), (1, -7, 1), (-1, INF, 1), (-1, -INF, 1), (-1, 3, -1), (-1, 1e30, 1),
    (0, 3, 0), (-0.0, 3, -0.0), (0, 2.5, 0), (-0.0, 2, 0), (-0.0, 2.5, 0),
    (0, -3, INF), (-0.0, -3, -INF), (-0.0, -2, INF), (0, -0.5, INF), (-0.0, -0.5, INF), (0, INF, 0), (0, -INF, INF),
    (INF, 2, INF), (INF, -2, 0), (INF, 0.5, INF), (-INF, 3, -INF), (-INF, 2, INF), (-INF, 0.5, INF), (-INF, -3, -0.0),
    (-INF, -2, 0), (-INF, -0.5, 0), (0.5, INF, 0), (0.5, -INF, INF), (2, INF, INF), (2, -INF, 0), (-0.5, INF, 0),
    (-2, INF, INF), (-2, -INF, 0), (-8, 0.5, NAN), (-8, -2.5, NAN), (NAN, 2, NAN), (2, NAN, NAN), (0, NAN, NAN),
    (2, 3, 8), (-2, 3, -8), (4, 0.5, 2), (2, 1e30, INF), (2, -1e30, 0), (0.5, 1e30, 0), (-3, 1e30, INF), (10, -2, 0.01),
]  # fmt: skip

# Python's % and //, which NumPy shares: x, y, x % y, x // y.
DIVISIONS = [
    (7, 3, 1, 2), (-7, 3, 2, -3), (7, -3, -2, -3), (-7, -3, -1, 2), (6, 3, 0, 2), (-6, 3, 0, -2), (6, -3, -0.0, -2),
    (0, 3, 0, 0), (-0.0, 3, 0, -0.0), (0, -3, -0.0, -0.0), (1, 0.1, math.fmod(1, 0.1), 9), (0.5, 1e30, 0.5, 0),
    (5, INF, 5, 0), (-5, INF, INF, -1), (5, -INF, -INF, -1), (-5, -INF, -5, 0), (0, INF, 0, 0),
    (INF, 2, NAN, NAN), (-INF, 2, NAN, NAN), (NAN, 2, NAN, NAN), (2, NAN, NAN, NAN),
    (1, 0, NAN, INF), (-1, 0, NAN, -INF),
    (0, 0, NAN, NAN), (1, -0.0, NAN, -INF),
]  # fmt: skip


def check(got: np.ndarray, wanted: list[float], what: object) -> None:
    """The same values, NaN and the signs of zeros included."""
    expected = np.array(wanted).astype(got.dtype)
    np.testing.assert_array_equal(got, expected, err_msg=str(what))
    kept = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[kept]), np.signbit(expected[kept]), err_msg=str(what))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECIAL)
def test_special(name: str, dtype: str) -> None:
    with np.errstate(over="ignore"):
        x = np.array([x for x, _ in SPECIAL[name]]).astype(DTYPES[dtype].numpy)
    check(apply(name, DTYPES[dtype], x), [value for _, value in SPECIAL[name]], SPECIAL[name])


@pytest.mark.parametrize("dtype", DTYPES)
def test_power(dtype: str) -> None:
    kind = DTYPES[dtype].numpy
    x, y, wanted = ([case[i] for case in POWERS] for i in range(3))
    got = apply("power", DTYPES[dtype], np.array(x).astype(kind), np.array(y).astype(kind))
    check(got, wanted, "power")


@pytest.mark.parametrize("dtype", DTYPES)
def test_divisions(dtype: str) -> None:
    kind = DTYPES[dtype].numpy
    x, y = (np.array([case[i] for case in DIVISIONS]).astype(kind) for i in range(2))
    with np.errstate(all="ignore"):
        check(apply("remainder", DTYPES[dtype], x, y), np.remainder(x, y).tolist(), "as NumPy")
        check(apply("floor_divide", DTYPES[dtype], x, y), np.floor_divide(x, y).tolist(), "as NumPy")
    if dtype == "f64":
        check(apply("remainder", DTYPES[dtype], x, y), [case[2] for case in DIVISIONS], "remainder")
        check(apply("floor_divide", DTYPES[dtype], x, y), [case[3] for case in DIVISIONS], "floor_divide")


def test_edges_of_the_range() -> None:
    """The last arguments with finite results, and the first with subnormal and with no ones."""
    for dtype, overflow, least in (
        (DTYPES["f32"], 88.72283, -103.97208),
        (DTYPES["f64"], 709.782712893384, -745.1332191019411),
    ):
        x = np.array(
            [overflow, np.nextafter(dtype.numpy.type(overflow), dtype.numpy.type(1e3)), least, least - 1e-2],
            dtype.numpy,
        )
        largest, beyond, smallest, none = apply("exp", dtype, x)
        assert np.isfinite(largest)
        assert np.isinf(beyond)
        assert smallest == np.nextafter(dtype.numpy.type(0), dtype.numpy.type(1)), smallest
        assert none == 0
