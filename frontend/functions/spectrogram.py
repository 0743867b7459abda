"""Short-time Fourier transforms: of overlapping pieces of a signal, and back."""

from __future__ import annotations

from brasa._state import STATE
from brasa.functions.arithmetic import abs, mul, true_divide
from brasa.functions.complex import view_as_real
from brasa.functions.fourier import fft, ifft, irfft, rfft
from brasa.functions.neural.padding import pad
from brasa.functions.strided import unfold
from brasa.ir.dim import product
from brasa.ir.errors import BrasaError, ShapeError
from brasa.ir.ops.index import scatter_add
from brasa.tensors.creation import ones
from brasa.tensors.ranges import arange
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import narrow, reshape, transpose
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, constant, expand, type_of
from brasa.tracing.primitive import reshape as reshaped

__all__ = ["istft", "stft"]

_LEAST = 1e-11  # a sum of squared windows that counts as 0


def _checked_window(window: Tensor | None, n_fft: int, hop_length: int, win_length: int, op: str) -> Tensor | None:
    """The window with zeros on both sides up to n_fft elements."""
    if hop_length <= 0:
        raise BrasaError(f"hop_length must be positive, found {hop_length}", op=op)
    if not 0 < win_length <= n_fft:
        raise BrasaError(f"win_length {win_length} is outside 1..{n_fft}", op=op)
    if window is None and win_length < n_fft:
        window = ones(win_length)
    if window is None:
        return None
    if tuple(window.shape) != (win_length,):
        raise ShapeError(f"window has shape {list(window.shape)}, not [{win_length}]", op=op)
    left = (n_fft - win_length) // 2
    return pad(window, (left, n_fft - win_length - left)) if win_length < n_fft else window


def _check_signal(input: Tensor, n_fft: int, op: str) -> None:
    if input.dtype.kind not in ("float", "complex"):
        raise BrasaError(f"takes floats or complex numbers, not {input.dtype.name}", op=op)
    if not 1 <= input.ndim <= 2:
        raise ShapeError(f"takes one or two axes, found {input.ndim}", op=op)
    if not 0 < n_fft <= input.shape[-1]:
        raise BrasaError(f"n_fft {n_fft} is outside 1..{int(input.shape[-1])}", op=op)


@operator(method=True)
def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """The Fourier transforms of pieces of n_fft elements, hop_length apart: (..., frequencies, pieces).

    Without return_complex a last axis holds the two parts of each number.
    """
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None and not is_complex:
        raise BrasaError("return_complex must be given for real inputs", op="stft")
    if center and align_to_window is not None:
        raise BrasaError("align_to_window is for center=False", op="stft")
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    signal = input if input.ndim == 2 else reshape(input, (1, -1))
    if center:
        around = n_fft // 2
        signal = reshape(pad(reshape(signal, (1, *signal.shape)), (around, around), pad_mode), (signal.shape[0], -1))
    _check_signal(signal, n_fft, "stft")
    frame = _checked_window(window, n_fft, hop, length, "stft")
    if align_to_window and length < n_fft:
        left = (n_fft - length) // 2
        signal = pad(signal, (left, n_fft - length - left))
    pieces = unfold(signal, -1, n_fft, hop)
    pieces = pieces if frame is None else mul(pieces, frame)
    half = not is_complex if onesided is None else onesided
    if half and is_complex:
        raise BrasaError("onesided is for real signals", op="stft")
    made = transpose((rfft if half else fft)(pieces, norm="ortho" if normalized else None), -1, -2)
    made = made if input.ndim == 2 else reshape(made, tuple(made.shape[1:]))
    return made if return_complex or return_complex is None else view_as_real(made)


@function
def _overlapped(pieces: Tensor, places: Tensor, like: Tensor) -> Tensor:
    """Pieces (batch, pieces, elements) added up where they belong, (pieces, elements)."""
    type, (length,) = type_of(pieces), type_of(like).shape
    batch, flat = type.shape[0], product(type.shape[1:])
    index = expand(reshaped(places, (1, flat)), (batch, flat))
    return apply(scatter_add, constant(0, type.dtype, (batch, length)), index, reshaped(pieces, (batch, flat)), axis=1)


@operator(method=True)
def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
    length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal that has this short-time Fourier transform: the least-squares one (Griffin and Lim 1984)."""
    if not input.dtype.is_complex:
        raise BrasaError(f"takes complex numbers, not {input.dtype.name}", op="istft")
    if not 2 <= input.ndim <= 3 or input.numel() == 0:
        raise ShapeError(f"takes frequencies and pieces, and perhaps a batch, found {list(input.shape)}", op="istft")
    hop = n_fft // 4 if hop_length is None else hop_length
    frame = _checked_window(window, n_fft, hop, n_fft if win_length is None else win_length, "istft")
    spectra = transpose(input if input.ndim == 3 else reshape(input, (1, *input.shape)), -1, -2)
    half = int(spectra.shape[-1]) != n_fft if onesided is None else onesided
    wanted = n_fft // 2 + 1 if half else n_fft
    if int(spectra.shape[-1]) != wanted or (half and return_complex):
        raise ShapeError(f"{int(spectra.shape[-1])} frequencies do not fit n_fft {n_fft}", op="istft")
    norm = "ortho" if normalized else None
    if return_complex:
        pieces = ifft(spectra, n_fft, norm=norm)
    else:
        pieces = irfft(narrow(spectra, -1, 0, n_fft // 2 + 1), n_fft, norm=norm)
    weight = ones(n_fft, dtype=view_as_real(input).dtype) if frame is None else frame
    count = int(spectra.shape[1])
    whole = n_fft + hop * (count - 1)
    places = arange(count).unsqueeze(1) * hop + arange(n_fft)  # type: ignore[attr-defined]
    line = ones(1).expand(whole)  # type: ignore[attr-defined]
    signal = _overlapped(mul(pieces, weight), places, line)
    squares = mul(weight, weight).expand(1, count, n_fft)  # type: ignore[attr-defined]
    envelope = _overlapped(squares, places, line)
    start = n_fft // 2 if center else 0
    end = whole if length is not None else whole - start
    size = min(end - start, length) if length is not None else end - start
    signal, envelope = narrow(signal, 1, start, size), narrow(envelope, 1, start, size)
    if STATE.trace is None and bool((abs(envelope) < _LEAST).any()):
        raise BrasaError("the windows do not overlap everywhere: some of the signal is lost", op="istft")
    made = true_divide(signal, envelope)
    if length is not None and size < length:
        made = pad(made, (0, length - size))
    return made if input.ndim == 3 else reshape(made, (-1,))
