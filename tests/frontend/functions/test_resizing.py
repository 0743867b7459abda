"""Interpolation and sampling against NumPy, element by element, in all their modes; what they say of mistakes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from brasa.nn import functional
from tests.frontend.functions.harness import Case, check, check_values, same_bits

Array = Any
rng = np.random.default_rng(29)
LINE = rng.standard_normal((2, 2, 7)).astype(np.float32)
PLANE = rng.standard_normal((1, 2, 5, 6)).astype(np.float32)
CUBE = rng.standard_normal((1, 2, 3, 4, 2)).astype(np.float32)


def near(distance: float, a: float) -> float:
    """The kernel of cubic convolution."""
    x = abs(distance)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def matrix(mode: str, size: int, count: int, corners: bool, factor: float | None = None) -> Array:
    """[count, size]: what each element of a line counts in each of the result."""
    result = np.zeros((count, size))
    ratio = 1 / factor if factor else size / count
    if corners:
        ratio = (size - 1) / (count - 1) if count > 1 else 0
    for i in range(count):
        place = i * ratio if corners else (i + 0.5) * ratio - 0.5
        if mode == "nearest":
            result[i, min(math.floor(i * ratio), size - 1)] = 1
        elif mode == "nearest-exact":
            result[i, min(math.floor((i + 0.5) * ratio), size - 1)] = 1
        elif mode == "area":
            low, high = i * size // count, -(-(i + 1) * size // count)
            result[i, low:high] = 1 / (high - low)
        elif mode == "bicubic":
            for j in range(math.floor(place) - 1, math.floor(place) + 3):
                result[i, min(max(j, 0), size - 1)] += near(place - j, -0.75)
        else:
            place = min(max(place, 0), size - 1)
            low = math.floor(place)
            result[i, low] += 1 - (place - low)
            result[i, min(low + 1, size - 1)] += place - low
    return result


def smooth(mode: str, size: int, count: int, corners: bool) -> Array:
    """As matrix, with kernels as wide as the result's elements."""
    result = np.zeros((count, size))
    ratio = ((size - 1) / (count - 1) if count > 1 else 0) if corners else size / count
    stretch, radius = max(ratio, 1), 2 if mode == "bicubic" else 1
    for i in range(count):
        center = ratio * (i + 0.5)
        low, high = (int(min(max(center + way * radius * stretch + 0.5, 0), size)) for way in (-1, 1))
        for j in range(low, high):
            x = (j - center + 0.5) / stretch
            result[i, j] = near(x, -0.5) if mode == "bicubic" else max(1 - abs(x), 0)
        result[i] /= result[i].sum() or 1
    return result


def resized(x: Array, tables: list[Array]) -> Array:
    for i, table in enumerate(reversed(tables)):
        x = np.moveaxis(np.moveaxis(x, -1 - i, -1) @ table.T, -1, -1 - i)
    return x


def of_size(mode: str, counts: tuple[int, ...], corners: bool) -> Callable[[Array], Array]:
    return lambda x: resized(x, [matrix(mode, n, m, corners) for n, m in zip(x.shape[2:], counts, strict=True)])


# mode, input, size, align_corners, whether to check gradients
SIZES = [
    ("nearest", LINE, (10,), None, True), ("nearest", PLANE, (3, 8), None, False),
    ("nearest", PLANE, (10, 12), None, True), ("nearest", CUBE, (2, 5, 3), None, False),
    ("nearest-exact", PLANE, (4, 9), None, False), ("nearest-exact", LINE, (28,), None, False),
    ("linear", LINE, (4,), False, False), ("linear", LINE, (11,), True, True),
    ("bilinear", PLANE, (3, 11), False, True), ("bilinear", PLANE, (5, 1), True, False),
    ("trilinear", CUBE, (4, 3, 5), False, False), ("bicubic", PLANE, (4, 9), False, True),
    ("bicubic", PLANE, (7, 3), True, False), ("area", PLANE, (3, 4), None, False), ("area", LINE, (9,), None, False),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_interpolation_to_a_size(number: int) -> None:
    mode, x, counts, corners, gradient = SIZES[number]
    check(Case(lambda x: functional.interpolate(x, counts, None, mode, corners),
               of_size(mode, counts, bool(corners)), [x], gradient))  # fmt: skip


@pytest.mark.parametrize(("mode", "factor"), [("nearest", 1.7), ("bilinear", 0.6), ("bicubic", 2.3)])
def test_interpolation_by_a_factor(mode: str, factor: float) -> None:
    counts = tuple(math.floor(n * factor) for n in PLANE.shape[2:])

    def by_factor(x: Array) -> Array:
        return resized(x, [matrix(mode, n, m, False, factor) for n, m in zip(x.shape[2:], counts, strict=True)])

    check_values(Case(lambda x: functional.interpolate(x, scale_factor=factor, mode=mode), by_factor, [PLANE]))
    again = functional.interpolate(brasa.tensor(PLANE), None, factor, mode, recompute_scale_factor=True)
    same_bits(again, functional.interpolate(brasa.tensor(PLANE), counts, None, mode))


@pytest.mark.parametrize(("mode", "corners"), list(itertools.product(("bilinear", "bicubic"), (False, True))))
def test_antialiasing(mode: str, corners: bool) -> None:
    def wanted(x: Array) -> Array:
        return resized(x, [smooth(mode, n, m, corners) for n, m in zip(x.shape[2:], (2, 9), strict=True)])

    def call(x: Any) -> Any:
        return functional.interpolate(x, (2, 9), None, mode, corners, antialias=True)

    check(Case(call, wanted, [PLANE], gradient=mode == "bicubic" and not corners))
    half = functional.interpolate(brasa.tensor(PLANE), scale_factor=0.5, mode=mode, antialias=True)
    np.testing.assert_allclose(half.numpy(), resized(PLANE, [
        smooth_by(mode, n, n // 2, 2.0) for n in PLANE.shape[2:]]), 1e-5, 1e-6)  # fmt: skip


def smooth_by(mode: str, size: int, count: int, ratio: float) -> Array:
    """As smooth, of a line so long that the ratio is as given."""
    wide = smooth(mode, int(count * ratio), count, False)
    result = np.zeros((count, size))
    radius = (2 if mode == "bicubic" else 1) * ratio
    for i in range(count):
        center = ratio * (i + 0.5)
        for j in range(int(max(center - radius + 0.5, 0)), int(min(center + radius + 0.5, size))):
            x = (j - center + 0.5) / ratio
            result[i, j] = near(x, -0.5) if mode == "bicubic" else max(1 - abs(x), 0)
        result[i] /= result[i].sum()
    return result if size != wide.shape[1] else wide


MODES = ("nearest", "nearest-exact", "linear", "area")
OPEN = [brasa.compile(lambda x, y, mode=mode: functional.interpolate(x, y.shape[2:], None, mode)) for mode in MODES]


@given(size=st.integers(1, 12), count=st.integers(1, 12), number=st.integers(0, len(MODES) - 1))
@settings(max_examples=40, deadline=None)
def test_sizes_of_another_tensor_stay_open(size: int, count: int, number: int) -> None:
    x = rng.standard_normal((2, 1, size)).astype(np.float32)
    got = OPEN[number](brasa.tensor(x), brasa.ones(1, 1, count))
    np.testing.assert_allclose(got.numpy(), of_size(MODES[number], (count,), False)(x), 1e-5, 1e-5)
    same_bits(got, functional.interpolate(brasa.tensor(x), count, None, MODES[number]))


def test_other_dtypes_and_names() -> None:
    x = brasa.tensor(PLANE)
    half = functional.interpolate(x.to(brasa.float16), (7, 4), None, "bilinear")
    exact = of_size("bilinear", (7, 4), False)(PLANE.astype(np.float16).astype(np.float64))
    np.testing.assert_allclose(half.numpy().astype(np.float64), exact, 2.0**-11 * 1.01, 2.0**-20)
    counts = brasa.arange(4).reshape(1, 1, 4)
    assert functional.interpolate(counts, scale_factor=2).tolist() == [[[0, 0, 1, 1, 2, 2, 3, 3]]]
    assert functional.interpolate(counts > 1, scale_factor=1.5).tolist() == [[[False, False, False, True, True, True]]]
    same_bits(functional.upsample(x, 4, None, "bicubic"), functional.interpolate(x, 4, None, "bicubic"))
    same_bits(functional.upsample_nearest(x, scale_factor=2), functional.interpolate(x, scale_factor=(2, 2)))
    same_bits(functional.upsample_bilinear(x, (3, 4)), functional.interpolate(x, (3, 4), None, "bilinear", True))
    assert tuple(functional.interpolate(brasa.ones(0, 2, 3, 3), 5, mode="bilinear").shape) == (0, 2, 5, 5)
    infinite = brasa.tensor([[[np.inf, 1.0, 2.0, 3.0]]])
    assert functional.interpolate(infinite, 2, mode="area").tolist() == [[[np.inf, 2.5]]]


def bordered(place: float, size: int, border: str, corners: bool) -> float:
    if border == "reflection":
        low, span = (0.0, size - 1) if corners else (-0.5, size)
        if span == 0:
            return 0.0
        flips, extra = divmod(abs(place - low), span)
        place = low + (span - extra if flips % 2 else extra)
    return place if border == "zeros" else min(max(place, 0), size - 1)


def weights_at(place: float, size: int, mode: str, border: str, corners: bool) -> list[tuple[int, float]]:
    """The elements of an axis that count at a place from -1 to 1, and how much."""
    at = (place + 1) / 2 * (size - 1) if corners else ((place + 1) * size - 1) / 2
    if mode == "bicubic":
        first = math.floor(at)
        found = [(int(bordered(j, size, border, corners)), near(at - j, -0.75)) for j in range(first - 1, first + 3)]
    else:
        at = bordered(at, size, border, corners)
        first = math.floor(at)
        found = [(round(at), 1.0)] if mode == "nearest" else [(first, 1 - (at - first)), (first + 1, at - first)]
    return [(j, w) for j, w in found if 0 <= j < size]


def sampled(x: Array, grid: Array, mode: str, border: str, corners: bool) -> Array:
    result = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for at in np.ndindex(*grid.shape[:-1]):
        axes = [
            weights_at(place, size, mode, border, corners)
            for place, size in zip(grid[at][::-1], x.shape[2:], strict=True)
        ]
        for taps in itertools.product(*axes):
            index = tuple(j for j, _ in taps)
            result[(at[0], slice(None), *at[1:])] += x[(at[0], slice(None), *index)] * math.prod(w for _, w in taps)
    return result


PLACES = rng.uniform(-1.6, 1.6, (1, 3, 4, 2)).astype(np.float32)
VOLUME_PLACES = rng.uniform(-1.4, 1.4, (1, 2, 3, 2, 3)).astype(np.float32)
# mode, padding_mode, align_corners, whether to check gradients
SAMPLED = [
    ("bilinear", "zeros", False, True), ("bilinear", "border", True, False), ("bilinear", "reflection", False, True),
    ("nearest", "zeros", True, False), ("nearest", "reflection", True, False), ("nearest", "border", False, False),
    ("bicubic", "zeros", False, True), ("bicubic", "border", True, False), ("bicubic", "reflection", True, False),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SAMPLED)))
def test_samples_of_images(number: int) -> None:
    mode, border, corners, gradient = SAMPLED[number]
    check(Case(lambda x, grid: functional.grid_sample(x, grid, mode, border, corners),
               lambda x, grid: sampled(x, grid, mode, border, corners), [PLANE, PLACES], gradient))  # fmt: skip


@pytest.mark.parametrize(("mode", "border"), [("bilinear", "zeros"), ("nearest", "border")])
def test_samples_of_volumes(mode: str, border: str) -> None:
    check(Case(lambda x, grid: functional.grid_sample(x, grid, mode, border, True),
               lambda x, grid: sampled(x, grid, mode, border, True), [CUBE, VOLUME_PLACES], False))  # fmt: skip


def test_places_that_are_no_numbers_and_numbered_modes() -> None:
    x, places = brasa.tensor(PLANE), brasa.tensor(PLACES)
    strange = brasa.tensor([[[[np.nan, 0.0], [np.inf, 0.0], [1e30, -1e30]]]])
    assert functional.grid_sample(x, strange, align_corners=True).abs().sum().item() == 0
    same_bits(
        brasa.grid_sampler_2d(x, places, 2, 1, True), functional.grid_sample(x, places, "bicubic", "border", True)
    )
    same_bits(brasa.grid_sampler(x, places, 0, 0, False), functional.grid_sample(x, places))
    volumes = brasa.tensor(CUBE), brasa.tensor(VOLUME_PLACES)
    same_bits(brasa.grid_sampler_3d(*volumes, 1, 1, True), functional.grid_sample(*volumes, "nearest", "border", True))


@pytest.mark.parametrize(("rank", "corners"), [(2, False), (2, True), (3, False)])
def test_grids_of_affine_maps(rank: int, corners: bool) -> None:
    theta = rng.standard_normal((2, rank, rank + 1)).astype(np.float32)
    sizes = (2, 3, 4, 1, 5)[: 2 + rank]

    def grid(theta: Array) -> Array:
        lines = [np.linspace(-1, 1, n) if corners else (2 * np.arange(n) + 1) / n - 1 for n in sizes[2:]]
        lines = [line if n > 1 else np.zeros(1) for line, n in zip(lines, sizes[2:], strict=True)]
        places = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(sizes[2:])], -1)
        return np.einsum("...j,nij->n...i", places, theta)

    check(Case(lambda theta: functional.affine_grid(theta, sizes, corners), grid, [theta], gradient=rank == 2))
    same_bits(brasa.affine_grid_generator(brasa.tensor(theta), sizes, corners),
              functional.affine_grid(brasa.tensor(theta), sizes, corners))  # fmt: skip


X, G = brasa.tensor(PLANE), brasa.tensor(PLACES)
MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "mode": (lambda: functional.interpolate(X, 3, mode="cubic"), NotImplementedError, "mode must be one of nearest"),
    "rank": (lambda: functional.interpolate(X, 3, mode="linear"), NotImplementedError, "not for an input of 4"),
    "corners": (lambda: functional.interpolate(X, 3, align_corners=True), ValueError, "no meaning for mode 'nearest'"),
    "neither": (lambda: functional.interpolate(X), ValueError, "either size or scale_factor"),
    "both": (lambda: functional.interpolate(X, 3, 2), ValueError, "either size or scale_factor"),
    "recompute": (lambda: functional.interpolate(X, 3, recompute_scale_factor=True), ValueError, "with size"),
    "antialias": (lambda: functional.interpolate(X, 3, antialias=True), ValueError, "for the modes 'bilinear' and"),
    "dtype": (lambda: functional.interpolate(X.long(), 3, mode="bilinear"), TypeError, "not defined for i64"),
    "sizes": (lambda: functional.interpolate(X, (3, 3, 3)), ValueError, "size must be one number or 2"),
    "size": (lambda: functional.interpolate(X, 2.5), TypeError, "a size must be an int, not 2.5"),
    "zero": (lambda: functional.interpolate(X, scale_factor=0.1), ValueError, "sizes must be positive"),
    "empty": (lambda: functional.interpolate(brasa.ones(1, 0, 3), 3), ValueError, "only the batch may be empty"),
    "sample-mode": (lambda: functional.grid_sample(X, G, "cubic"), ValueError, "mode must be one of bilinear"),
    "sample-border": (lambda: functional.grid_sample(X, G, "nearest", "wrap"), ValueError, "padding_mode must be"),
    "sample-rank": (lambda: functional.grid_sample(X[0], G), ValueError, "input must have 4 or 5 axes, it has 3"),
    "grid-rank": (lambda: functional.grid_sample(X, G[0]), ValueError, "must have 4 axes, they have 4 and 3"),
    "grid-shape": (lambda: functional.grid_sample(X, G[..., :1]), ValueError, r"grid must be \[1, \*sizes, 2\]"),
    "grid-dtype": (lambda: functional.grid_sample(X, G.double()), TypeError, "one floating dtype, they have f32"),
    "no-image": (lambda: functional.grid_sample(X[:, :, :0], G), ValueError, "images must not be empty"),
    "volumes": (lambda: functional.grid_sample(brasa.tensor(CUBE), brasa.tensor(VOLUME_PLACES), "bicubic"),
                NotImplementedError, "bicubic sampling is for images"),
    "numbers": (lambda: brasa.grid_sampler(X, G, 3, 0, False), ValueError, "modes 3 and 0 do not exist"),
    "theta": (lambda: functional.affine_grid(brasa.ones(1, 2, 2), (1, 1, 3, 3)), ValueError, "theta must be"),
    "theta-dtype": (lambda: functional.affine_grid(brasa.ones(1, 2, 3).long(), (1, 1, 3, 3)), ValueError, "floating"),
    "theta-rank": (lambda: functional.affine_grid(brasa.ones(1, 2, 3), (1, 3, 3)), NotImplementedError, "4 or 5 sizes"),
    "theta-size": (lambda: functional.affine_grid(brasa.ones(1, 2, 3), (1, 1, 0, 3)), ValueError, "must be positive"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    call, kind, text = MISTAKES[name]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert isinstance(caught.value, brasa.BrasaError)
