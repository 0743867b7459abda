"""Window functions: `brasa.signal.windows`, and the older ones beside `stft`. Computed in float64, rounded once.

A symmetric window of M points samples its shape at both ends; a periodic one leaves out the last of M + 1 points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from brasa._state import DEFAULTS
from brasa.functions import reduction
from brasa.functions.pointwise import abs, cos, exp, mul, sin, sqrt
from brasa.ir.dtype import DType, float32, float64, int64
from brasa.ir.errors import ArgumentError, ValueError
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.creation import finished, ones, tensor
from brasa.tensors.devices import device_name
from brasa.tensors.formats import require_strided
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import carrier, cast, current, reshape, type_of

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _points(like: TensorType, start: Tensor, step: Tensor) -> Tensor:
    """start, start + step, ... in float64."""
    places = TensorType(like.shape, int64, like.device)
    number = cast(current().fresh(current().apply(iota, axis=0, type=places)), float64)
    return number * cast(step, float64) + cast(start, float64)


@function
def _cosine_sum(like: Tensor, step: float, weights: Tensor) -> Tensor:
    """The sum of (-1)**i weights[i] cos(i x); the signs are in the weights."""
    type, terms = type_of(like), type_of(weights)
    zero = cast(step, float64) * 0.0
    x = reshape(_points(type, zero, cast(step, float64)), (1, type.shape[0]))
    order = TensorType((*terms.shape, 1), int64, type.device)
    multiple = cast(current().fresh(current().apply(iota, axis=0, type=order)), float64)
    waves = mul(cos(x * multiple), reshape(weights, (*terms.shape, 1)))
    return cast(reduction.sum(waves, 0), type.dtype)


@function
def _sine(like: Tensor, start: float, step: float) -> Tensor:
    return cast(sin(_points(type_of(like), start, step)), type_of(like).dtype)


@function
def _bell(like: Tensor, start: float, step: float) -> Tensor:
    x = _points(type_of(like), start, step)
    return cast(exp(-(x * x)), type_of(like).dtype)


@function
def _decay(like: Tensor, start: float, step: float) -> Tensor:
    return cast(exp(-abs(_points(type_of(like), start, step))), type_of(like).dtype)


@function
def _triangle(like: Tensor, start: float, step: float) -> Tensor:
    return cast(1.0 - abs(_points(type_of(like), start, step)), type_of(like).dtype)


@function
def _kaiser(like: Tensor, start: float, step: float, beta: float, waves: Tensor) -> Tensor:
    """I0(y) is the mean of exp(y cos t) over a period. waves: the cosines, at enough points for all digits."""
    type, count = type_of(like), type_of(waves).shape
    x, wide, waves = _points(type, start, step), cast(beta, float64), reshape(waves, (*count, 1))
    inner = wide * wide - x * x
    y = reshape(sqrt((inner + abs(inner)) * 0.5), (1, *type.shape))
    above, below = (reduction.sum(exp(mul(each, waves) - wide), 0) for each in (y, wide))
    return cast(above / below, type.dtype)


def _like(M: int, dtype: DType | None, layout: Any, device: Any, op: str) -> Tensor:
    """What a window looks like, after checks that are common to all."""
    require_strided(layout, op)
    if not isinstance(M, int):
        raise ArgumentError(f"the number of points must be an int, not {type(M).__name__}", op=op)
    if M < 0:
        raise ValueError(f"the number of points must not be negative, found {M}", op=op)
    kind = dtype or DEFAULTS.dtype
    if kind not in (float32, float64):
        raise ValueError(f"windows are float32 or float64, not {kind.long_name}", op=op)
    return carrier((M,), kind, device_name(device))


def _gaps(M: int, sym: bool) -> int:
    """The number of steps in one period of a window; at least 1."""
    return max(1, M - 1 if sym else M)


def _middle(M: int, sym: bool) -> float:
    return (M if not sym and M > 1 else M - 1) / 2


@operator(namespace="signal.windows")
def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: DType | None = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau)."""
    like = _like(M, dtype, layout, device, "exponential")
    if tau <= 0:
        raise ValueError(f"tau must be positive, found {tau}", op="exponential")
    if sym and center is not None:
        raise ValueError("a symmetric window has its center in the middle", op="exponential")
    middle = _middle(M, sym) if center is None else center
    return finished(_decay(like, -middle / tau, 1 / tau), requires_grad)


@operator(namespace="signal.windows")
def cosine(
    M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """sin(pi (n + 1/2) / M): half a wave."""
    like = _like(M, dtype, layout, device, "cosine")
    step = math.pi / max(1, M + 1 if not sym and M > 1 else M)
    return finished(_sine(like, 0.5 * step, step), requires_grad)


@operator(namespace="signal.windows")
def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-((n - middle) / std)**2 / 2)."""
    like = _like(M, dtype, layout, device, "gaussian")
    if std <= 0:
        raise ValueError(f"std must be positive, found {std}", op="gaussian")
    step = 1 / (std * math.sqrt(2))
    return finished(_bell(like, -_middle(M, sym) * step, step), requires_grad)


@operator(namespace="signal.windows")
def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """I0(beta sqrt(1 - x**2)) / I0(beta) for x from -1 to 1, I0 the modified Bessel function."""
    like = _like(M, dtype, layout, device, "kaiser")
    if beta < 0:
        raise ValueError(f"beta must not be negative, found {beta}", op="kaiser")
    if M == 1:
        return ones(1, dtype=like.dtype, device=device, requires_grad=requires_grad)
    points = 32 + int(9 * math.sqrt(beta))
    waves = tensor([math.cos(2 * math.pi * i / points) for i in range(points)], dtype=float64)
    return finished(_kaiser(like, -float(beta), 2 * beta / _gaps(M, sym), float(beta), waves), requires_grad)


@operator(namespace="signal.windows")
def bartlett(
    M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """1 - |x| for x from -1 to 1."""
    like = _like(M, dtype, layout, device, "bartlett")
    if M == 1:
        return ones(1, dtype=like.dtype, device=device, requires_grad=requires_grad)
    return finished(_triangle(like, -1.0, 2 / _gaps(M, sym)), requires_grad)


@operator(namespace="signal.windows")
def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The sum of (-1)**i a[i] cos(2 pi i n / (M - 1))."""
    like = _like(M, dtype, layout, device, "general_cosine")
    if not isinstance(a, Iterable):
        raise ArgumentError("a must be a list of weights", op="general_cosine")
    weights = [-w if i % 2 else w for i, w in enumerate(a)]
    if not weights:
        raise ValueError("a must hold at least one weight", op="general_cosine")
    if M == 1:
        return ones(1, dtype=like.dtype, device=device, requires_grad=requires_grad)
    step = 2 * math.pi / _gaps(M, sym)
    return finished(_cosine_sum(like, step, tensor(weights, dtype=float64)), requires_grad)


@operator(namespace="signal.windows")
def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    return general_cosine(M, a=(alpha, 1.0 - alpha), sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)  # fmt: skip


def _named(name: str, weights: tuple[float, ...], text: str) -> Any:
    def window(
        M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        return general_cosine(M, a=weights, sym=sym, dtype=dtype, layout=layout, device=device,
                              requires_grad=requires_grad)  # fmt: skip

    window.__name__ = window.__qualname__ = name
    window.__doc__ = text
    return operator(namespace="signal.windows")(window)


hann = _named("hann", (0.5, 0.5), "A raised cosine: 1/2 - 1/2 cos(2 pi n / (M - 1)).")
hamming = _named("hamming", (0.54, 0.46), "0.54 - 0.46 cos(2 pi n / (M - 1)).")
blackman = _named("blackman", (0.42, 0.5, 0.08), "The sum of three cosines with the weights 0.42, 0.5 and 0.08.")
nuttall = _named("nuttall", (0.3635819, 0.4891775, 0.1365995, 0.0106411), "The minimal four-term sum of cosines.")


# the older functions, periodic unless told otherwise


@operator()
def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A Hann window, periodic by default."""
    return hann(window_length, sym=not periodic, **_plain(options))


@operator()
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Tensor:
    """alpha - beta cos(2 pi n / N), periodic by default."""
    return general_cosine(window_length, a=(alpha, beta), sym=not periodic, **_plain(options))


@operator()
def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A Blackman window, periodic by default."""
    return blackman(window_length, sym=not periodic, **_plain(options))


@operator()
def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A triangle, periodic by default."""
    return bartlett(window_length, sym=not periodic, **_plain(options))


@operator()
def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any) -> Tensor:
    """A Kaiser window, periodic by default."""
    return kaiser(window_length, beta=beta, sym=not periodic, **_plain(options))


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """dtype, layout, device and requires_grad; pin_memory says nothing on a CPU."""
    return {key: value for key, value in options.items() if key != "pin_memory"}
