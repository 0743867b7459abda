"""Convolutions, borders, folding and shuffles against NumPy, in all their forms; what they say of mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from brasa.nn import functional
from tests.frontend.functions.harness import Case, check, check_values

Array = Any
rng = np.random.default_rng(23)


def normal(*shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def convolved(
    x: Array, w: Array, b: Array | None = None, *, stride: Sequence[int], borders: Sequence[tuple[int, int]],
    dilation: Sequence[int], groups: int = 1,
) -> Array:  # fmt: skip
    """Tap by tap, each a product of channels."""
    x = np.pad(x, [(0, 0), (0, 0), *borders])
    n, c = x.shape[:2]
    o, window = w.shape[0], w.shape[2:]
    counts = [(s - d * (k - 1) - 1) // t + 1 for s, k, t, d in zip(x.shape[2:], window, stride, dilation, strict=True)]
    result = np.zeros((n, groups, o // groups, *counts))
    for tap in np.ndindex(*window):
        cut = tuple(slice(i * d, i * d + t * (m - 1) + 1, t)
                    for i, d, t, m in zip(tap, dilation, stride, counts, strict=True))  # fmt: skip
        seen = x[(slice(None), slice(None), *cut)].reshape(n, groups, c // groups, *counts)
        weights = w[(..., *tap)].reshape(groups, o // groups, c // groups)
        result += np.einsum("ngc...,goc->ngo...", seen, weights)
    result = result.reshape(n, o, *counts)
    return result if b is None else result + b.reshape(1, o, *[1] * len(window))


def transposed(
    x: Array, w: Array, b: Array | None = None, *, stride: Sequence[int], padding: Sequence[int],
    extra: Sequence[int], dilation: Sequence[int], groups: int = 1,
) -> Array:  # fmt: skip
    """Each element adds its multiple of the window."""
    n, c = x.shape[:2]
    window, outputs = w.shape[2:], w.shape[1] * groups
    options = zip(x.shape[2:], stride, dilation, window, extra, strict=True)
    sizes = [(m - 1) * s + d * (k - 1) + 1 + e for m, s, d, k, e in options]
    full = np.zeros((n, groups, w.shape[1], *sizes))
    grouped = x.reshape(n, groups, c // groups, *x.shape[2:])
    for tap in np.ndindex(*window):
        cut = tuple(slice(i * d, i * d + s * (m - 1) + 1, s)
                    for i, d, s, m in zip(tap, dilation, stride, x.shape[2:], strict=True))  # fmt: skip
        weights = w[(..., *tap)].reshape(groups, c // groups, w.shape[1])
        full[(..., *cut)] += np.einsum("ngc...,gco->ngo...", grouped, weights)
    full = full.reshape(n, outputs, *sizes)
    result = full[(..., *(slice(p, s - p) for p, s in zip(padding, sizes, strict=True)))]
    return result if b is None else result + b.reshape(1, outputs, *[1] * len(window))


# function, input, weight, bias, options, what they mean to NumPy, whether to check gradients
CONVOLUTIONS: dict[str, tuple[str, Array, Array, Array | None, dict[str, Any], dict[str, Any], bool]] = {
    "1d": ("conv1d", normal(2, 4, 9), normal(6, 2, 3), normal(6), {"stride": 2, "padding": 1, "groups": 2},
           {"stride": (2,), "borders": [(1, 1)], "dilation": (1,), "groups": 2}, True),
    "1d-same-even": ("conv1d", normal(1, 2, 6), normal(3, 2, 4), None, {"padding": "same"},
                     {"stride": (1,), "borders": [(1, 2)], "dilation": (1,)}, True),
    "2d": ("conv2d", normal(2, 3, 6, 5), normal(4, 3, 3, 2), normal(4), {"padding": (2, 1), "dilation": (2, 1)},
           {"stride": (1, 1), "borders": [(2, 2), (1, 1)], "dilation": (2, 1)}, True),
    "2d-row": ("conv2d", normal(1, 4, 5, 5), normal(1, 4, 2, 3), normal(1),
               {"stride": 2, "padding": 1, "dilation": (2, 3)},
               {"stride": (2, 2), "borders": [(1, 1)] * 2, "dilation": (2, 3)}, False),
    "2d-same": ("conv2d", normal(1, 2, 5, 4), normal(2, 1, 2, 3), normal(2),
                {"padding": "same", "dilation": (3, 2), "groups": 2},
                {"stride": (1, 1), "borders": [(1, 2), (2, 2)], "dilation": (3, 2), "groups": 2}, False),
    "2d-point": ("conv2d", normal(3, 5, 1, 1), normal(2, 5, 1, 1), None, {"padding": "valid"},
                 {"stride": (1, 1), "borders": [(0, 0)] * 2, "dilation": (1, 1)}, False),
    "2d-whole": ("conv2d", normal(2, 1, 4, 5), normal(3, 1, 4, 5), normal(3), {},
                 {"stride": (1, 1), "borders": [(0, 0)] * 2, "dilation": (1, 1)}, False),
    "3d": ("conv3d", normal(1, 2, 4, 3, 4), normal(2, 2, 2, 3, 2), normal(2),
           {"stride": (2, 1, 1), "padding": (1, 1, 0)},
           {"stride": (2, 1, 1), "borders": [(1, 1), (1, 1), (0, 0)], "dilation": (1, 1, 1)}, True),
}  # fmt: skip
TRANSPOSED: dict[str, tuple[str, Array, Array, Array | None, dict[str, Any], dict[str, Any], bool]] = {
    "1d": ("conv_transpose1d", normal(2, 4, 5), normal(4, 3, 3), normal(6),
           {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
           {"stride": (2,), "padding": (1,), "extra": (1,), "dilation": (1,), "groups": 2}, True),
    "1d-wide": ("conv_transpose1d", normal(1, 2, 4), normal(2, 3, 2), None,
                {"padding": 1, "output_padding": 2, "dilation": 3},
                {"stride": (1,), "padding": (1,), "extra": (2,), "dilation": (3,)}, True),
    "2d": ("conv_transpose2d", normal(2, 3, 4, 3), normal(3, 2, 2, 3), normal(2), {"stride": (2, 1), "padding": (0, 1)},
           {"stride": (2, 1), "padding": (0, 1), "extra": (0, 0), "dilation": (1, 1)}, True),
    "3d": ("conv_transpose3d", normal(1, 2, 2, 3, 2), normal(2, 1, 2, 2, 2), normal(1),
           {"stride": 2, "dilation": (1, 2, 1)},
           {"stride": (2,) * 3, "padding": (0,) * 3, "extra": (0,) * 3, "dilation": (1, 2, 1)}, False),
}  # fmt: skip


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *(f"transposed-{name}" for name in TRANSPOSED)])
def test_convolutions(name: str) -> None:
    back = name.startswith("transposed-")
    row = TRANSPOSED[name.removeprefix("transposed-")] if back else CONVOLUTIONS[name]
    function, *arrays, options, meaning, gradient = row
    given_arrays = [array for array in arrays if array is not None]
    call = getattr(functional, function)
    judge = transposed if back else convolved
    check(
        Case(lambda *tensors: call(*tensors, **options), lambda *each: judge(*each, **meaning), given_arrays, gradient)
    )


def test_single_images_empty_batches_and_whole_numbers() -> None:
    x, w = normal(3, 5, 5), normal(2, 3, 3, 3)
    plain = {"stride": (1, 1), "borders": [(0, 0)] * 2, "dilation": (1, 1)}
    check_values(Case(functional.conv2d, lambda x, w: convolved(x[None], w, **plain)[0], [x, w]))
    one = functional.conv_transpose2d(brasa.tensor(x), brasa.tensor(w.swapaxes(0, 1).copy()))
    assert tuple(one.shape) == (2, 7, 7)
    none = functional.conv2d(brasa.ones(0, 3, 5, 5), brasa.tensor(w), padding=1)
    assert tuple(none.shape) == (0, 2, 5, 5)
    none = functional.conv_transpose1d(brasa.ones(0, 3, 1), brasa.ones(3, 2, 2), padding=1)
    assert tuple(none.shape) == (0, 2, 0)
    counts = rng.integers(-9, 9, (1, 3, 5, 5)), rng.integers(-9, 9, (2, 3, 2, 2))
    got = functional.conv2d(*map(brasa.tensor, counts))
    np.testing.assert_array_equal(got.numpy(), convolved(*counts, **plain))
    row, weight = brasa.tensor(x[:, 0]), brasa.tensor(w[:, :, 0])
    for turned, call in ((False, functional.conv1d), (True, functional.conv_transpose1d)):
        operands = row, weight.swapaxes(0, 1) if turned else weight
        line = brasa.convolution(*operands, None, 1, 0, 1, turned, 0, 1)
        np.testing.assert_array_equal(line.numpy(), call(*operands).numpy())


def test_half_precision_rounds_once() -> None:
    x, w, b = (normal(*shape).astype(np.float16) for shape in ((1, 8, 5, 5), (2, 8, 3, 3), (2,)))
    exact = convolved(*(a.astype(np.float64) for a in (x, w, b)), stride=(1, 1), borders=[(0, 0)] * 2, dilation=(1, 1))
    got = functional.conv2d(*map(brasa.tensor, (x, w, b)))
    assert got.dtype is brasa.float16
    np.testing.assert_allclose(got.numpy().astype(np.float64), exact, 2.0**-11 * 1.01, 2.0**-14)


@given(size=st.integers(5, 14), samples=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_sizes_stay_open(size: int, samples: int) -> None:
    x, w, b = normal(samples, 2, size), normal(3, 2, 3), normal(3)
    got = OPEN(*map(brasa.tensor, (x, w, b)))
    want = convolved(x, w, b, stride=(2,), borders=[(1, 1)], dilation=(2,))
    np.testing.assert_allclose(got.numpy(), want, 1e-5, 1e-5)


OPEN = brasa.compile(lambda x, w, b: functional.conv1d(x, w, b, 2, 1, 2), fullgraph=True)


def test_second_derivatives() -> None:
    """The gradient of a squared convolution by x is linear in x."""
    x, w = (brasa.tensor(normal(*shape).astype(np.float64), requires_grad=True) for shape in ((2, 2, 5), (3, 2, 3)))
    result = functional.conv1d(x, w, stride=2, padding=1)
    (gradient,) = brasa.autograd.grad((result**2).sum(), x, create_graph=True)
    twice = brasa.autograd.grad((gradient * x).sum(), [x, w])
    np.testing.assert_allclose(twice[0].numpy(), 2 * gradient.detach().numpy(), 1e-12, 1e-12)
    np.testing.assert_allclose((twice[1] * w).sum().item(), 4 * (result**2).sum().item(), 1e-12)


MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", MODES)
def test_borders(mode: str) -> None:
    plane = normal(2, 2, 4, 5)
    check(Case(lambda x: functional.pad(x, (2, 1, 0, 3), mode), lambda x: bordered(x, ((0, 3), (2, 1)), mode), [plane]))
    check_values(Case(lambda x: functional.pad(x, (4, 0), mode), lambda x: bordered(x, ((4, 0),), mode), [plane[0]]))
    check_values(Case(lambda x: functional.pad(x, [1, 1, 1, 1, 1, 1], mode),
                      lambda x: bordered(x, ((1, 1),) * 3, mode), [normal(1, 2, 2, 3, 2)]))  # fmt: skip


def bordered(x: Array, pairs: Any, mode: str) -> Array:
    return np.pad(x, [(0, 0)] * (x.ndim - len(pairs)) + list(pairs), MODES[mode])


def test_borders_that_crop_and_values() -> None:
    x = normal(2, 3, 6)
    wanted = {
        "constant": np.pad(x[..., 1:], [(0, 0), (0, 0), (0, 2)], constant_values=7),
        "reflect": np.pad(x, [(0, 0), (0, 0), (0, 2)], "reflect")[..., 1:],
        "replicate": np.pad(x, [(0, 0), (0, 0), (0, 2)], "edge")[..., 1:],
        "circular": np.pad(x[..., 1:], [(0, 0), (0, 0), (0, 2)], "wrap"),
    }
    for mode, want in wanted.items():
        got = functional.pad(brasa.tensor(x), (-1, 2), mode, 7 if mode == "constant" else None)
        np.testing.assert_array_equal(got.numpy(), want)
    flags = brasa.constant_pad_nd(brasa.tensor([[True, False]]), (1, -1, 0, 1), True)
    assert flags.tolist() == [[True, True], [True, True]]
    assert functional.pad(brasa.tensor(x), (-3, -3)).shape[-1] == 0
    same = brasa.tensor(x)
    functional.pad(same, (0, 0)).zero_()
    np.testing.assert_array_equal(same.numpy(), x)


def columns(x: Array, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Array:
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)]
    result = np.zeros((*x.shape[:2], *kernel, *counts))
    for i, j in np.ndindex(*kernel):
        rows, cells = (
            np.arange(counts[0]) * stride[0] + i * dilation[0],
            np.arange(counts[1]) * stride[1] + j * dilation[1],
        )
        result[:, :, i, j] = x[:, :, rows[:, None], cells]
    return result.reshape(x.shape[0], -1, counts[0] * counts[1])


def test_blocks_as_columns_and_back() -> None:
    options = ((2, 3), (2, 1), (1, 0), (1, 2))
    kernel, stride, padding, dilation = options
    x = normal(2, 2, 5, 6)
    check(Case(lambda x: functional.unfold(x, kernel, dilation, padding, stride), lambda x: columns(x, *options), [x]))
    blocks = columns(x, *options)
    weights = normal(*blocks.shape)
    back = functional.fold(brasa.tensor(weights), (5, 6), kernel, dilation, padding, stride)
    np.testing.assert_allclose((back.numpy() * x).sum(), (weights * blocks).sum(), 1e-4)  # the transpose
    check(
        Case(lambda y: functional.fold(y, (5, 6), kernel, dilation, padding, stride), lambda y: back.numpy(), [weights])
    )
    single = functional.unfold(brasa.tensor(x[0]), 2)
    np.testing.assert_allclose(single.numpy(), columns(x[:1], (2, 2), (1, 1), (0, 0), (1, 1))[0], 1e-6)
    np.testing.assert_allclose(functional.fold(single, (5, 6), 2).numpy()[:, 0, 0], x[0, :, 0, 0], 1e-6)


def test_shuffles() -> None:
    x = normal(2, 8, 3, 2)
    check(Case(lambda x: functional.pixel_shuffle(x, 2),
               lambda x: x.reshape(2, 2, 2, 2, 3, 2).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 6, 4), [x]))  # fmt: skip
    up = brasa.pixel_shuffle(brasa.tensor(x), 2)
    np.testing.assert_array_equal(brasa.pixel_unshuffle(up, 2).numpy(), x)
    check(Case(lambda x: brasa.channel_shuffle(x, 4),
               lambda x: x.reshape(2, 4, 2, 3, 2).swapaxes(1, 2).reshape(x.shape), [x], gradient=False))  # fmt: skip
    np.testing.assert_array_equal(
        brasa.native_channel_shuffle(brasa.tensor(x), 2).numpy(), brasa.channel_shuffle(brasa.tensor(x), 2).numpy()
    )


X, W = brasa.ones(2, 4, 5, 5), brasa.ones(6, 4, 3, 3)
MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "input": (lambda: functional.conv2d(X[0, 0], W), ValueError, "input must have 3 or 4 axes, it has 2"),
    "weight": (lambda: functional.conv1d(X[0], W), ValueError, "weight must have 3 axes, it has 4"),
    "dtype": (lambda: functional.conv2d(X, W.double()), TypeError, "must have one dtype, they have f32, f64"),
    "bias": (lambda: functional.conv2d(X, W, brasa.ones(5)), ValueError, r"bias must have the shape \[6\]"),
    "groups": (lambda: functional.conv2d(X, W, groups=0), ValueError, "groups must be a positive int, not 0"),
    "channels": (lambda: functional.conv2d(X[:, :3], W), ValueError, "x has 3 channels, w takes 4"),
    "stride": (lambda: functional.conv2d(X, W, stride=0), ValueError, "stride must be positive"),
    "strides": (lambda: functional.conv2d(X, W, stride=(1, 2, 3)), TypeError, "stride must be an int or 2 ints"),
    "padding": (lambda: functional.conv2d(X, W, padding=-1), ValueError, "padding must not be negative"),
    "padding-name": (lambda: functional.conv2d(X, W, padding="full"), ValueError, "'same', 'valid' or ints"),
    "same": (lambda: functional.conv2d(X, W, padding="same", stride=2), ValueError, "needs stride 1"),
    "window": (lambda: functional.conv2d(X, brasa.ones(6, 4, 7, 3)), ValueError, "the window spans 7 along"),
    "output_padding": (lambda: functional.conv_transpose2d(X, W[:4], output_padding=1), ValueError, "must be below"),
    "result": (lambda: functional.conv_transpose2d(X, W[:4], padding=4), ValueError, "the result would have the sizes"),
    "rank": (lambda: brasa.convolution(X, brasa.ones(3, 3), None, 1, 0, 1, False, 0, 1), ValueError, "3 to 5 axes"),
    "mode": (lambda: functional.pad(X, (1, 1), "mirror"), ValueError, "mode must be 'constant', 'reflect'"),
    "odd": (lambda: functional.pad(X, (1, 1, 1)), ValueError, "two numbers for each of at most 4 axes, it holds 3"),
    "axes": (lambda: functional.pad(X, (1, 1), "reflect"), ValueError, "goes around the last 1, 2 or 3 axes"),
    "value": (lambda: functional.pad(X, (1, 1, 1, 1), "reflect", 2.0), ValueError, "takes no value"),
    "reflect": (lambda: functional.pad(X, (5, 0, 0, 0), "reflect"), ValueError, "too short for a reflect border of 5"),
    "circular": (lambda: functional.pad(X, (6, 0, 0, 0), "circular"), ValueError, "too short for a circular border"),
    "crop": (lambda: functional.pad(X, (-3, -3)), ValueError, "takes more than there is"),
    "unfold": (lambda: functional.unfold(X, 6), ValueError, "do not fit into images"),
    "unfold-rank": (lambda: functional.unfold(X[0, 0], 2), ValueError, "input must be images"),
    "fold": (lambda: functional.fold(brasa.ones(1, 8, 9), (5, 5), 2), ValueError, "9 columns were given, "),
    "fold-rows": (lambda: functional.fold(brasa.ones(1, 7, 16), (5, 5), 2), ValueError, "the 7 rows of a column"),
    "fold-negative": (lambda: functional.fold(brasa.ones(1, 8, 16), (5, 5), 2, padding=-1), ValueError, "negative"),
    "fold-rank": (lambda: functional.fold(brasa.ones(8), (5, 5), 2), ValueError, "input must be columns"),
    "shuffle": (lambda: functional.pixel_shuffle(X, 3), ValueError, "4 channels do not divide into 3 x 3"),
    "shuffle-rank": (lambda: functional.pixel_shuffle(X[0, 0], 2), ValueError, "3 axes or more, it has 2"),
    "shuffle-factor": (lambda: functional.pixel_unshuffle(X, 0), ValueError, "downscale_factor must be a positive int"),
    "unshuffle": (lambda: functional.pixel_unshuffle(X, 2), ValueError, "images of 5 x 5 do not divide into 2 x 2"),
    "channel": (lambda: functional.channel_shuffle(X, 3), ValueError, "4 channels do not divide into 3 groups"),
    "channel-groups": (lambda: functional.channel_shuffle(X, 0), ValueError, "groups must be a positive int"),
    "channel-rank": (lambda: functional.channel_shuffle(X[0, 0], 1), ValueError, "3 axes or more, it has 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    call, kind, text = MISTAKES[name]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert isinstance(caught.value, brasa.BrasaError)
