"""Fourier transforms against NumPy's: sizes, axes, norms, gradients; short-time transforms against their definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from tests.frontend.functions.harness import Case, check, check_values

RNG = np.random.default_rng(12)


def reals(*shape: int) -> Any:
    return RNG.normal(size=shape)


def numbers(*shape: int) -> Any:
    return reals(*shape) + 1j * reals(*shape)


COMPLEX, REAL, HALF = numbers(3, 4, 5), reals(3, 4, 5), numbers(3, 4, 3)
ONE: dict[str, Any] = {"fft": COMPLEX, "ifft": COMPLEX, "rfft": REAL, "irfft": HALF, "hfft": HALF, "ihfft": REAL}


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", ONE)
def test_along_one_axis(name: str, norm: str | None) -> None:
    n = {None: None, "ortho": 6, "forward": 3}[norm]
    ours, theirs = getattr(brasa.fft, name), getattr(np.fft, name)
    axis = -2 if norm == "ortho" else -1
    compiled = norm != "forward"
    check(Case(lambda x: ours(x, n, axis, norm), lambda x: theirs(x, n, axis, norm), [ONE[name]], compiled=compiled))


SEVERAL: dict[str, tuple[Any, Callable[..., Any]]] = {
    "fft2": (REAL, np.fft.fft2), "ifft2": (COMPLEX, np.fft.ifft2), "fftn": (COMPLEX, np.fft.fftn),
    "ifftn": (REAL, np.fft.ifftn), "rfft2": (REAL, np.fft.rfft2), "rfftn": (REAL, np.fft.rfftn),
    "irfft2": (HALF, np.fft.irfft2), "irfftn": (HALF, np.fft.irfftn),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_along_several_axes(name: str) -> None:
    array, theirs = SEVERAL[name]
    ours = getattr(brasa.fft, name)
    check(Case(ours, theirs, [array]))
    sizes, axes = (2, 6), (2, 0)
    check(Case(
        lambda x: ours(x, sizes, axes, "ortho"), lambda x: theirs(x, sizes, axes, "ortho"), [array], compiled=False
    ))  # fmt: skip


@pytest.mark.parametrize("end", ["2", "n"])
def test_hermitian_along_several_axes(end: str) -> None:
    """hfft of the conjugate is the unscaled irfft; the other axes are transformed forwards."""

    def theirs(x: Any) -> Any:
        return np.fft.hfft(np.fft.fftn(x, axes=(1,) if end == "2" else (0, 1)))

    def back(x: Any) -> Any:
        return np.fft.ifftn(np.fft.ihfft(x), axes=(1,) if end == "2" else (0, 1))

    check(Case(getattr(brasa.fft, f"hfft{end}"), theirs, [HALF]))
    check(Case(getattr(brasa.fft, f"ihfft{end}"), back, [REAL]))


@settings(max_examples=12)
@given(st.integers(1, 9), st.integers(1, 12), st.booleans())
def test_there_and_back(n: int, wanted: int, real: bool) -> None:
    x = brasa.tensor(reals(2, n))
    there, back = (brasa.fft.rfft, brasa.fft.irfft) if real else (brasa.fft.fft, brasa.fft.ifft)
    again = back(there(x, wanted), wanted).numpy()
    cut = np.zeros((2, wanted))
    cut[:, : min(n, wanted)] = x.numpy()[:, : min(n, wanted)]
    np.testing.assert_allclose(again, cut, atol=1e-12)


def test_dtypes() -> None:
    for dtype in (np.float32, np.int64, np.bool_, np.complex64):
        made = brasa.fft.fft(brasa.tensor(np.array([1, 0, 1, 1], dtype)))
        assert made.dtype is brasa.complex64
        np.testing.assert_allclose(made.numpy(), [3, 1j, 1, -1j], atol=1e-6)
    assert brasa.fft.irfft(brasa.tensor([1.0, 2.0])).dtype is brasa.float32
    assert brasa.fft.rfft(brasa.ones(3, dtype=brasa.float64)).dtype is brasa.complex128


def test_views_empty_batches_and_out() -> None:
    x = brasa.tensor(COMPLEX)
    np.testing.assert_allclose(
        brasa.fft.fft(x.permute(2, 0, 1)[::2]).numpy(), np.fft.fft(COMPLEX.transpose(2, 0, 1)[::2]), atol=1e-12
    )
    assert brasa.fft.fft(brasa.zeros(0, 3)).shape == (0, 3)
    assert brasa.fft.fftn(brasa.tensor(2.0)).item() == 2
    out = brasa.empty(3, dtype=brasa.complex64)
    assert brasa.fft.fft(brasa.ones(3), out=out) is out
    np.testing.assert_allclose(out.numpy(), [3, 0, 0], atol=1e-6)


def test_a_new_batch_size_needs_no_new_program() -> None:
    from tests.compiling import assert_compiles

    with assert_compiles(1):
        transform = brasa.compile(lambda x: brasa.fft.rfft(x).abs(), fullgraph=True)
        for count in (2, 3, 5):
            x = reals(count, 6)
            np.testing.assert_allclose(transform(brasa.tensor(x)).numpy(), np.abs(np.fft.rfft(x)), atol=1e-12)


def test_shifts_and_frequencies() -> None:
    for dim in (None, 1, (0, 2)):
        check(Case(lambda x, d=dim: brasa.fft.fftshift(x, d), lambda x, d=dim: np.fft.fftshift(x, d), [REAL]))
        check_values(
            Case(lambda x, d=dim: brasa.fft.ifftshift(x, d), lambda x, d=dim: np.fft.ifftshift(x, d), [COMPLEX])
        )
    for n in (1, 4, 5):
        np.testing.assert_allclose(brasa.fft.fftfreq(n, 0.5).numpy(), np.fft.fftfreq(n, 0.5), rtol=1e-6)
        np.testing.assert_allclose(brasa.fft.rfftfreq(n, 0.5).numpy(), np.fft.rfftfreq(n, 0.5), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: brasa.fft.fft(brasa.ones(3), 0), "fft: cannot transform 0 elements"),
        (lambda: brasa.fft.fft(brasa.ones(0)), "fft: cannot transform 0 elements"),
        (lambda: brasa.fft.fft(brasa.ones(3), dim=1), "fft: dim 1 is outside -1..0"),
        (lambda: brasa.fft.fft(brasa.tensor(1.0)), "fft: dim 0 of a zero-dim tensor"),
        (lambda: brasa.fft.rfft(brasa.tensor([1j])), "rfft: takes a real tensor, this one is c64"),
        (lambda: brasa.fft.irfft(brasa.ones(1)), "irfft: cannot transform to 0 elements"),
        (lambda: brasa.fft.fftn(brasa.ones(3, 3), dim=(0, 0)), "fftn: a dim appears twice"),
        (lambda: brasa.fft.fftn(brasa.ones(3, 3), s=(2,), dim=(0, 1)), "fftn: 1 sizes for 2 dims"),
        (lambda: brasa.fft.fftn(brasa.ones(3), s=(2, 2)), "fftn: 2 sizes are more than the 1 axes"),
        (lambda: brasa.fft.fft(brasa.ones(3), norm="big"), 'fft: norm is "big"'),
        (lambda: brasa.fft.fft(brasa.ones(3, dtype=brasa.bfloat16)), "fft: is not defined for bf16"),
        (lambda: brasa.stft(brasa.ones(9), 4), "stft: return_complex must be given"),
        (lambda: brasa.stft(brasa.ones(9), 4, hop_length=0, return_complex=True), "stft: hop_length must be positive"),
        (lambda: brasa.stft(brasa.ones(9), 4, window=brasa.ones(3), return_complex=True), r"shape \[3\], not \[4\]"),
        (lambda: brasa.stft(brasa.ones(9), 12, center=False, return_complex=True), "n_fft 12 is outside 1..9"),
        (lambda: brasa.istft(brasa.ones(3, 2), 4), "istft: takes complex numbers"),
        (lambda: brasa.istft(brasa.ones(4, 2, dtype=brasa.complex64), 9), "4 frequencies do not fit n_fft 9"),
    ],
)
def test_errors(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(brasa.BrasaError, match=message):
        call()


def frames(x: Any, window: Any, hop: int, center: bool, mode: str) -> Any:
    """The transforms of windowed pieces, as their definition says."""
    n = len(window)
    padded = np.pad(x, [(0, 0), (n // 2, n // 2)], mode=mode) if center else x
    starts = range(0, padded.shape[-1] - n + 1, hop)
    return np.stack([padded[:, s : s + n] * window for s in starts], 1)


WINDOW = np.hanning(10)[1:9]


@pytest.mark.parametrize(
    ("center", "mode", "normalized", "onesided"),
    [(True, "reflect", False, True), (False, "reflect", True, False), (True, "constant", False, False)],
)
def test_stft(center: bool, mode: str, normalized: bool, onesided: bool) -> None:
    def ours(x: Any, window: Any) -> Any:
        return brasa.stft(x, 8, 3, window=window, center=center, pad_mode=mode, normalized=normalized,
                          onesided=onesided, return_complex=True)  # fmt: skip

    def theirs(x: Any, window: Any) -> Any:
        transform = np.fft.rfft if onesided else np.fft.fft
        made = transform(frames(x, window, 3, center, mode), norm="ortho" if normalized else None)
        return made.transpose(0, 2, 1)

    check(Case(ours, theirs, [reals(2, 20), WINDOW]))


def test_istft_gives_the_signal_back() -> None:
    x, window = brasa.tensor(reals(2, 21)), brasa.tensor(WINDOW)
    for options in ({}, {"normalized": True}, {"onesided": False}):
        made = brasa.stft(x, 8, 2, window=window, return_complex=True, **options)
        again = brasa.istft(made, 8, 2, window=window, length=21, **options)
        np.testing.assert_allclose(again.numpy()[:, :20], x.numpy()[:, :20], atol=1e-12)
    short = brasa.stft(x[0], 8, 2, 6, return_complex=True)
    assert short.shape == (5, 11)
    np.testing.assert_allclose(brasa.istft(short, 8, 2, 6).numpy(), x.numpy()[0, :20], atol=1e-12)
    with pytest.raises(brasa.BrasaError, match="do not overlap everywhere"):
        brasa.istft(brasa.ones(3, 3, dtype=brasa.complex64), 4, 4, window=brasa.tensor([0.0, 1.0, 1.0, 0.0]))
