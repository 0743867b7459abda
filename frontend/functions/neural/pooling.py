"""Windows that slide over the trailing axes."""

from __future__ import annotations

from typing import Any, NamedTuple

from brasa.arguments import require_tensors
from brasa.function import function
from brasa.functions.neural.spatial import fix_plane, is_small, per_axis
from brasa.ir.dim import Size, floor_divide
from brasa.ir.errors import ValueError
from brasa.ir.ops import window
from brasa.operators import operator
from brasa.primitive import apply, type_of
from brasa.tensor import Tensor


class _Pooling(NamedTuple):
    window: tuple[int, ...]
    positions: tuple[Size, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


def _pooling(input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> _Pooling:
    spatial = type_of(input).shape[-2:]
    positions: list[Size] = []
    for size, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        span = size + 2 * p - d * (k - 1) - 1
        count = floor_divide(span + (s - 1 if ceil_mode else 0), s) + 1
        positions.append(count)
    return _Pooling(kernel, tuple(positions), stride, padding, dilation)


@function
def _max_pool2d(
    input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, small: bool
) -> Tensor:
    fix_plane(input, small)
    return apply(window.window_max, input, **_pooling(input, kernel, stride, padding, dilation, ceil_mode)._asdict())


@function
def _max_pool2d_places(
    input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, small: bool
) -> tuple[Tensor, Tensor]:
    fix_plane(input, small)
    options = _pooling(input, kernel, stride, padding, dilation, ceil_mode)._asdict()
    return apply(window.window_max, input, **options), apply(window.window_argmax, input, **options)


@operator(namespace="nn.functional")
def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of the last two axes; padding counts as -inf."""
    require_tensors("max_pool2d", input=input)
    kernel = per_axis(kernel_size, 2, "kernel_size")
    step = kernel if stride is None or stride == () else per_axis(stride, 2, "stride")
    border, spread = per_axis(padding, 2, "padding"), per_axis(dilation, 2, "dilation")
    if any(2 * p > k for p, k in zip(border, kernel, strict=True)):
        raise ValueError(f"padding {border} is more than half of the window {kernel}", op="max_pool2d")
    build = _max_pool2d_places if return_indices else _max_pool2d
    return build(input, kernel, step, border, spread, ceil_mode, is_small(input))
