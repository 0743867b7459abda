"""power within 2 units in the last place, remainder and floor_divide exactly as NumPy's, integer powers exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brasa.ir.dtype import BY_NAME, DType, float32, float64
from tests.ir.mathematics.judge import (
    DTYPES,
    LIMIT,
    Array,
    apply,
    error_exactly,
    errors_in_double,
    in_double,
    points,
    worst,
)

COUNT = 10_000


def operands_of_power(dtype: DType) -> tuple[Array, Array]:
    """Bases of all sizes, exponents that take most of them to all finite results, whole ones for negative bases."""
    rng = np.random.default_rng(7)
    base = np.concatenate([np.exp(rng.uniform(-5, 5, COUNT // 4)), 1 + rng.normal(size=COUNT // 4) * 1e-3])
    reach = 88.0 if dtype is float32 else 709.0
    exponent = rng.uniform(-reach, reach, base.size) / np.abs(np.log(base))
    whole = rng.integers(-20, 20, COUNT // 4)
    wild = points(dtype, COUNT // 4, (0, 2))
    bases = [base.astype(dtype.numpy), rng.uniform(-9, 9, whole.size).astype(dtype.numpy), np.abs(wild)]
    exponents = [
        exponent.astype(dtype.numpy),
        whole.astype(dtype.numpy),
        rng.uniform(-2, 2, wild.size).astype(dtype.numpy),
    ]
    return np.concatenate(bases), np.concatenate(exponents)


def test_power_single() -> None:
    x, y = operands_of_power(float32)
    assert worst(errors_in_double(apply("power", float32, x, y), in_double("power", x, y))) <= LIMIT


def test_power_double() -> None:
    x, y = operands_of_power(float64)
    results = apply("power", float64, x, y)
    cases = [(float(c), float(a), float(b)) for a, b, c in zip(x, y, results, strict=True)]
    errors = [error_exactly("power", *case) for case in cases if all(map(math.isfinite, case[1:])) and case[1] != 0]
    assert worst(errors) <= LIMIT


def points_of_the_plane(dtype: DType) -> tuple[Array, Array]:
    """Of all sizes and in all directions, some of them next to the axes."""
    rng = np.random.default_rng(9)
    near = rng.normal(size=(2, COUNT // 4))
    far = np.exp(rng.uniform(-80, 80, (2, COUNT // 4))) * rng.choice([-1, 1], (2, COUNT // 4))
    return tuple(np.concatenate(each).astype(dtype.numpy) for each in zip(near, far, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["atan2", "hypot"])
def test_polar_coordinates(name: str) -> None:
    y, x = points_of_the_plane(float32)
    assert worst(errors_in_double(apply(name, float32, y, x), in_double(name, y, x))) <= LIMIT
    y, x = points_of_the_plane(float64)
    cases = [tuple(map(float, case)) for case in zip(apply(name, float64, y, x), y, x, strict=True)]
    assert worst([error_exactly(name, *case) for case in cases[:: COUNT // 1000]]) <= LIMIT


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
def test_divisions_are_exact(name: str, dtype: str) -> None:
    kind = DTYPES[dtype]
    wild = points(kind, COUNT, (-10, 10))
    other = np.random.default_rng(1).permutation(points(kind, COUNT, (-3, 3)))
    near = np.round(points(kind, COUNT, (-3e3, 3e3))[COUNT // 4 :])
    for x, y in ((wild, other), (other, wild), (near, np.roll(near, 1)), (wild, wild)):
        with np.errstate(all="ignore"):
            wanted = getattr(np, name)(x, y)
        got = apply(name, kind, x, y)
        np.testing.assert_array_equal(got, wanted)
        sure = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(got[sure]), np.signbit(wanted[sure]))


@pytest.mark.parametrize("dtype", ["i8", "i32", "i64", "u8", "u64"])
def test_integer_powers(dtype: str) -> None:
    """Against Python's integers: they wrap, and negative powers are 0 but for those of 1 and -1."""
    kind = BY_NAME[dtype]
    bounds = np.iinfo(kind.numpy)
    rng = np.random.default_rng(3)
    edges = np.array([[0, 0, 1, bounds.max, bounds.max], [0, 5, bounds.max, 2, bounds.max]], kind.numpy)
    x = np.append(rng.integers(-9 if kind.is_signed else 0, 10, 300).astype(kind.numpy), edges[0])
    y = np.append(rng.integers(-5 if kind.is_signed else 0, 70, 300).astype(kind.numpy), edges[1])
    got = apply("power", kind, x, y)
    low = bounds.min
    for base, exponent, result in zip(x.tolist(), y.tolist(), got.tolist(), strict=True):
        exact = (
            pow(base, exponent, 1 << kind.bits) if exponent >= 0 else {1: 1, -1: 1 - 2 * (exponent % 2)}.get(base, 0)
        )
        assert result == (exact - low) % (1 << kind.bits) + low, (base, exponent)
