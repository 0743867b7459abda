"""Pooling and its way back against NumPy loops, in all their forms; their gradients; what they say of mistakes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from brasa.nn import functional
from tests.frontend.functions.harness import Case, check, check_values, same_bits

Array = Any
rng = np.random.default_rng(21)


def distinct(*shape: int, dtype: Any = np.float32) -> Array:
    """Numbers that are far enough from one another for finite differences of a maximum."""
    return (rng.permutation(math.prod(shape)).reshape(shape) / 8 - 2).astype(dtype)


def axes_of(
    x: Array, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> list[list[tuple[int, int, list[int]]]]:
    """Of each window along each axis: where it starts, where the border ends, and which elements it holds."""
    result = []
    for n, k, s, p, d in zip(x.shape[-len(kernel) :], kernel, stride, padding, dilation, strict=True):
        span = n + 2 * p - d * (k - 1) - 1
        count = (-(-span // s) if ceil_mode else span // s) + 1
        starts = [start for start in (i * s - p for i in range(count)) if not ceil_mode or start < n]
        result.append([(start, n + p, [i for i in range(start, start + d * (k - 1) + 1, d) if 0 <= i < n])
                       for start in starts])  # fmt: skip
    return result


def pooled(x: Array, windows: list[list[Any]], combine: Callable[[Array, Any], Any]) -> Array:
    """combine(elements [..., *window], windows) for each window."""
    counts = [len(axis) for axis in windows]
    rank = len(counts)
    result = np.zeros((*x.shape[:-rank], *counts))
    for at in np.ndindex(*counts):
        chosen = [axis[i] for axis, i in zip(windows, at, strict=True)]
        box = x[(..., *np.ix_(*(places for _, _, places in chosen)))]
        result[(..., *at)] = combine(box, chosen)
    return result


def largest(x: Array, windows: list[list[Any]]) -> tuple[Array, Array]:
    """The largest element of each window, and its flat place."""
    rank = len(windows)

    def flat(box: Array) -> Array:
        return box.reshape(*box.shape[:-rank], -1)

    def place(box: Array, chosen: Any) -> Array:
        grid = np.meshgrid(*(places for _, _, places in chosen), indexing="ij")
        return np.ravel_multi_index([g.ravel() for g in grid], x.shape[-rank:])[flat(box).argmax(-1)]

    return pooled(x, windows, lambda box, _: flat(box).max(-1)), pooled(x, windows, place).astype(np.int64)


def means(
    x: Array, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, with_border: bool, divisor: Any = None
) -> Array:
    def mean(box: Array, chosen: Any) -> Array:
        total = box.reshape(*box.shape[: -len(kernel)], -1).sum(-1)
        extents = [min(start + k, end) - start for (start, end, _), k in zip(chosen, kernel, strict=True)]
        count = math.prod(extents) if with_border else math.prod(len(places) for _, _, places in chosen)
        return total / (divisor or count)

    return pooled(x, axes_of(x, kernel, stride, padding, (1,) * len(kernel), ceil_mode), mean)


def adaptive(x: Array, counts: Sequence[int]) -> list[list[Any]]:
    return [
        [(0, n, list(range(i * n // count, -(-(i + 1) * n // count)))) for i in range(count)]
        for n, count in zip(x.shape[-len(counts) :], counts, strict=True)
    ]


def mean_of(box: Array, windows: Any) -> Array:
    return box.mean(tuple(range(-len(windows), 0)))


LINE, PLANE, CUBE = distinct(2, 2, 9), distinct(2, 2, 7, 6), distinct(1, 2, 4, 5, 4)
MAXIMA = {
    "1d": ("max_pool1d", LINE, ((3,), (2,), (1,), (2,), True)),
    "2d": ("max_pool2d", PLANE, ((2, 3), (2, 2), (0, 1), (1, 1), False)),
    "2d-ceil": ("max_pool2d", PLANE, ((3, 2), (3, 4), (1, 1), (2, 1), True)),
    "2d-image": ("max_pool2d", PLANE[0], ((7, 6), (1, 1), (0, 0), (1, 1), False)),
    "3d": ("max_pool3d", CUBE, ((2, 2, 3), (2, 1, 2), (1, 0, 1), (1, 2, 1), False)),
}


@pytest.mark.parametrize("name", MAXIMA)
def test_largest_elements_and_their_places(name: str) -> None:
    function, x, asked = MAXIMA[name]
    pool = getattr(functional, function)
    check(Case(lambda x: pool(x, *asked, return_indices=True), lambda x: largest(x, axes_of(x, *asked)), [x],
               gradient=name in ("2d-ceil", "3d")))  # fmt: skip


MEANS = {
    "1d": ("avg_pool1d", LINE, ((3,), (2,), (1,), True, True)),
    "2d": ("avg_pool2d", PLANE, ((3, 2), (2, 1), (1, 0), False, False)),
    "2d-ceil": ("avg_pool2d", PLANE, ((3, 3), (2, 2), (1, 1), True, False)),
    "2d-apart": ("avg_pool2d", PLANE, ((2, 2), (3, 3), (0, 0), False, True)),
    "2d-divisor": ("avg_pool2d", PLANE[1], ((2, 2), (2, 2), (1, 0), True, True, 3)),
    "3d": ("avg_pool3d", CUBE, ((2, 3, 2), (1, 2, 2), (1, 1, 0), False, True)),
}


@pytest.mark.parametrize("name", MEANS)
def test_means(name: str) -> None:
    function, x, asked = MEANS[name]
    pool = getattr(functional, function)
    check(Case(lambda x: pool(x, *asked), lambda x: means(x, *asked), [x], gradient=name in ("2d-ceil", "2d-apart")))


# kernel, stride, padding, dilation, ceil_mode, with_border
LINES = [(3, 2, 1, 1, True, False), (2, 3, 1, 2, True, True), (4, 1, 0, 1, False, True)]
COMPILED = [
    (brasa.compile(lambda x, k=k, s=s, p=p, d=d, c=c: functional.max_pool1d(x, k, s, p, d, c, True), fullgraph=True),
     brasa.compile(lambda x, k=k, s=s, p=p, c=c, w=w: functional.avg_pool1d(x, k, s, p, c, w), fullgraph=True))
    for k, s, p, d, c, w in LINES
]  # fmt: skip


@given(size=st.integers(4, 20), number=st.integers(0, len(LINES) - 1), samples=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_lines_of_any_length(size: int, number: int, samples: int) -> None:
    kernel, stride, padding, dilation, ceil_mode, with_border = LINES[number]
    x = distinct(samples, 1, size)
    maximum, average = COMPILED[number]
    asked = ((kernel,), (stride,), (padding,))
    wanted = largest(x, axes_of(x, *asked, (dilation,), ceil_mode))
    for got, each in zip(maximum(brasa.tensor(x)), wanted, strict=True):
        np.testing.assert_array_equal(got.numpy(), each)
    np.testing.assert_allclose(average(brasa.tensor(x)).numpy(), means(x, *asked, ceil_mode, with_border), 1e-6, 1e-6)


def test_no_images() -> None:
    none = brasa.ones(0, 2, 7, 6)
    assert [tuple(t.shape) for t in functional.max_pool2d(none, 2, return_indices=True)] == [(0, 2, 3, 3)] * 2
    assert tuple(functional.avg_pool2d(none, 3, 2, 1).shape) == (0, 2, 4, 3)


def test_means_of_other_dtypes() -> None:
    x = rng.integers(-20, 20, (1, 2, 5, 5))
    wanted = np.trunc(means(x, (2, 2), (2, 2), (0, 0), False, True)).astype(np.int64)
    np.testing.assert_array_equal(functional.avg_pool2d(brasa.tensor(x), 2).numpy(), wanted)
    asked = ((3, 3), (1, 1), (1, 1), False, True)
    half = (rng.standard_normal((1, 2, 5, 5)) * 8).astype(np.float16)
    once = means(half.astype(np.float32), *asked).astype(np.float16)
    np.testing.assert_array_equal(functional.avg_pool2d(brasa.tensor(half), *asked).numpy(), once)


def test_norms() -> None:
    x = rng.uniform(0.5, 2, (2, 2, 6, 5)).astype(np.float32)

    def norm(x: Array) -> Array:
        return pooled(
            x, axes_of(x, (2, 3), (2, 2), (0, 0), (1, 1), False), lambda box, _: (box**3).sum((-2, -1)) ** (1 / 3)
        )

    check(Case(lambda x: functional.lp_pool2d(x, 3, (2, 3), 2), norm, [x]))
    line = distinct(1, 2, 6)
    wanted = np.sqrt((line.reshape(1, 2, 3, 2) ** 2).sum(-1))
    np.testing.assert_allclose(functional.lp_pool1d(brasa.tensor(line), 2, 2).numpy(), wanted, 1e-5)
    cube = functional.lp_pool3d(brasa.tensor(CUBE), 1, 2)
    np.testing.assert_allclose(cube.numpy(), np.abs(means(CUBE, (2,) * 3, (2,) * 3, (0,) * 3, False, True)) * 8, 1e-5)


ADAPTIVE = {
    "1d": (LINE, (4,), 4), "1d-one": (LINE, (1,), 1), "2d": (PLANE, (3, 4), (3, 4)),
    "2d-kept": (PLANE, (7, 2), (None, 2)), "2d-larger": (PLANE[0], (1, 9), (1, 9)), "3d": (CUBE, (3, 2, 1), (3, 2, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", ADAPTIVE)
def test_adaptive(name: str) -> None:
    x, counts, asked = ADAPTIVE[name]
    average, maximum = (getattr(functional, f"adaptive_{kind}_pool{len(counts)}d") for kind in ("avg", "max"))
    gradient = name == "2d"
    check(Case(lambda x: average(x, asked), lambda x: pooled(x, adaptive(x, counts), mean_of), [x], gradient))
    check(Case(lambda x: maximum(x, asked, True), lambda x: largest(x, adaptive(x, counts)), [x], gradient))


def test_adaptive_sizes_stay_open_and_infinities_apart() -> None:
    pool = brasa.compile(lambda x: functional.adaptive_avg_pool2d(x, (2, 3)), fullgraph=True)
    for shape in ((2, 3, 5, 7), (1, 2, 8, 9), (3, 1, 4, 3)):
        x = distinct(*shape)
        x[..., 0, 0] = np.inf
        got = pool(brasa.tensor(x))
        np.testing.assert_allclose(got.numpy(), pooled(x, adaptive(x, (2, 3)), mean_of), 1e-5)
    empty = functional.adaptive_avg_pool2d(brasa.ones(0, 3, 4, 4), 2)
    assert tuple(empty.shape) == (0, 3, 2, 2)


def fractional(x: Array, samples: Array, kernel: Sequence[int], counts: Sequence[int]) -> tuple[Array, Array]:
    """With the windows that each image's samples give."""
    rank = len(counts)
    values, places = [], []
    for at in np.ndindex(*x.shape[:-rank]):
        windows = []
        for axis, (n, k, count) in enumerate(zip(x.shape[-rank:], kernel, counts, strict=True)):
            u = samples[(*at, rank - 1 - axis if rank == 2 else axis)]
            alpha = (n - k) / max(count - 1, 1)
            starts = [math.floor((i + u) * alpha) - math.floor(u * alpha) for i in range(count - 1)] + [n - k]
            windows.append([(0, 0, list(range(start, start + k))) for start in starts])
        value, place = largest(x[at], windows)
        values.append(value)
        places.append(place)
    shape = (*x.shape[:-rank], *counts)
    return np.reshape(values, shape), np.reshape(places, shape)


def test_fractional() -> None:
    plane, cube = rng.uniform(0, 1, (2, 2, 2)).astype(np.float32), rng.uniform(0, 1, (1, 2, 3)).astype(np.float32)
    in_plane, in_cube = functional.fractional_max_pool2d, functional.fractional_max_pool3d
    check(Case(lambda x: in_plane(x, (2, 3), (3, 2), None, True, brasa.tensor(plane).to(x.dtype)),
               lambda x: fractional(x, plane, (2, 3), (3, 2)), [PLANE]))  # fmt: skip
    check(Case(lambda x: in_cube(x, 2, (2, 3, 1), None, True, brasa.tensor(cube).to(x.dtype)),
               lambda x: fractional(x, cube, (2,) * 3, (2, 3, 1)), [CUBE], gradient=False))  # fmt: skip
    brasa.manual_seed(4)
    first = functional.fractional_max_pool2d(brasa.tensor(PLANE), 2, output_ratio=(0.5, 0.7))
    assert tuple(first.shape) == (2, 2, 3, 4)
    assert set(first.numpy().ravel()) <= set(PLANE.ravel())
    brasa.manual_seed(4)
    same_bits(first, functional.fractional_max_pool2d(brasa.tensor(PLANE), 2, output_ratio=(0.5, 0.7)))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_puts_values_back(rank: int) -> None:
    x = (LINE, PLANE, CUBE)[rank - 1]
    pool, unpool = (getattr(functional, f"max_{kind}{rank}d") for kind in ("pool", "unpool"))
    values, places = pool(brasa.tensor(x), 2, return_indices=True)
    sizes = x.shape[2:]

    def back(values: Array, places: Array) -> Array:
        result = np.zeros((*x.shape[:2], math.prod(sizes)))
        np.put_along_axis(result, places.reshape(*x.shape[:2], -1), values.reshape(*x.shape[:2], -1), -1)
        return result.reshape(x.shape)

    check(Case(lambda v, p: unpool(v, p, 2, output_size=sizes), back, [values.numpy(), places.numpy()], rank == 2))


def test_unpooled_values_that_meet() -> None:
    values = brasa.tensor([[[1.0, 2.0, np.inf]]], requires_grad=True)
    result = functional.max_unpool1d(values, brasa.tensor([[[3, 3, 0]]]), 2)
    assert result.tolist() == [[[np.inf, 0.0, 0.0, 2.0, 0.0, 0.0]]]
    (result * brasa.arange(6.0)).sum().backward()
    assert values.grad.tolist() == [[[3.0, 3.0, 0.0]]]
    with pytest.raises(brasa.BrasaError, match=r"index 6 is outside 0\.\.5"):
        functional.max_unpool1d(values.detach(), brasa.tensor([[[3, 6, 0]]]), 2)


def test_nan_wins_and_windows_without_elements() -> None:
    x = np.array([[[1.0, np.nan, 2.0, -np.inf]]], np.float32)
    values, places = functional.max_pool1d(brasa.tensor(x), 2, return_indices=True)
    np.testing.assert_array_equal(values.numpy(), [[[np.nan, 2.0]]])
    assert places.tolist() == [[[1, 2]]]
    single = brasa.tensor([[[5.0]]], requires_grad=True)
    widest = functional.max_pool1d(single, 2, 1, 1, dilation=2)  # its one window begins before and ends behind
    assert widest.tolist() == [[[-np.inf]]]
    (gradient,) = brasa.autograd.grad(widest.sum(), single, create_graph=True)
    assert gradient.tolist() == [[[0.0]]]
    gradient.sum().backward()
    values, places = functional.adaptive_max_pool1d(brasa.tensor(x), 2, True)
    np.testing.assert_array_equal(places.numpy(), [[[1, 2]]])


def test_second_derivatives() -> None:
    """The gradient of a mean's square is linear: its own gradient along a direction is that of the direction."""
    x = brasa.tensor(PLANE.astype(np.float64), requires_grad=True)
    for pool in (lambda x: functional.avg_pool2d(x, 3, 2, 1), lambda x: functional.max_pool2d(x, 3, 2, 1, 1, True)):
        (gradient,) = brasa.autograd.grad((pool(x) ** 2).sum(), x, create_graph=True)
        (twice,) = brasa.autograd.grad((gradient * x).sum(), x)
        np.testing.assert_allclose(twice.numpy(), 2 * gradient.detach().numpy(), 1e-12, 1e-12)


X, P = brasa.tensor(PLANE), brasa.zeros(2, 2, 3, 3)
MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "rank": (lambda: functional.max_pool2d(brasa.ones(3, 3), 2), ValueError, "input must have 3 or 4 axes, it has 2"),
    "empty": (lambda: functional.avg_pool2d(brasa.ones(1, 0, 3, 3), 2), ValueError, "only the batch may be empty"),
    "window": (lambda: functional.max_pool2d(X, 8), ValueError, r"the window \[8, 8\], its elements \[1, 1\] apart"),
    "kernel": (lambda: functional.max_pool2d(X, (2, 2, 2)), TypeError, "kernel_size must be an int or 2 ints"),
    "stride": (lambda: functional.avg_pool2d(X, 2, 0), ValueError, r"stride must be positive, not \[0, 0\]"),
    "negative": (lambda: functional.avg_pool2d(X, 2, 2, -1), ValueError, "padding must not be negative"),
    "padding": (lambda: functional.max_pool2d(X, 2, 2, 2), ValueError, r"padding \[2, 2\] is more than half"),
    "divisor": (lambda: functional.avg_pool2d(X, 2, divisor_override=0), ValueError, "must not be 0"),
    "bool": (lambda: functional.avg_pool2d(X > 0, 2), TypeError, "the mean of bool is not defined"),
    "adaptive": (lambda: functional.adaptive_avg_pool2d(X, (2, 2, 2)), TypeError, "output_size must be an int or 2"),
    "adaptive-negative": (lambda: functional.adaptive_max_pool2d(X, -1), ValueError, "must not be negative"),
    "adaptive-dtype": (lambda: functional.adaptive_avg_pool2d(X.long(), 2), TypeError, "the mean of i64"),
    "fractional": (lambda: functional.fractional_max_pool2d(X, 2), TypeError, "either output_size or output_ratio"),
    "fractional-size": (lambda: functional.fractional_max_pool2d(X, 3, 6), ValueError, "do not fit into"),
    "fractional-ratio": (lambda: functional.fractional_max_pool2d(X, 2, output_ratio=2), ValueError, "between 0 and 1"),
    "samples": (lambda: functional.fractional_max_pool2d(X, 2, 2, None, False, P), ValueError, "_random_samples"),
    "indices": (lambda: functional.max_unpool2d(P, P, 2), TypeError, "indices must be i64, not f32"),
    "indices-shape": (lambda: functional.max_unpool2d(P, P[:1].long(), 2), ValueError, "indices have the shape"),
    "unpooled": (lambda: functional.max_unpool2d(P, P.long(), 2, output_size=(9, 6)), ValueError, "less than a stride"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    call, kind, text = MISTAKES[name]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert isinstance(caught.value, brasa.BrasaError)


def test_forms_of_each_function() -> None:
    for rank, kind in itertools.product((1, 2, 3), ("max_pool", "adaptive_max_pool")):
        x = brasa.tensor((LINE, PLANE, CUBE)[rank - 1])
        plain, both = (getattr(functional, f"{kind}{rank}d{end}") for end in ("", "_with_indices"))
        for one, other in zip(plain(x, 2, return_indices=True), both(x, 2), strict=True):
            same_bits(one, other)
    check_values(Case(lambda x: brasa.adaptive_avg_pool1d(x, 3), lambda x: x.reshape(2, 2, 3, 3).mean(-1), [LINE]))
