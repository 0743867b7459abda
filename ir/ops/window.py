"""Sliding windows over the trailing axes: the largest element of each, where it is, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import DType, from_numpy, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.contract import _patches
from brasa.ir.ops.index import gather
from brasa.ir.ops.reduce import lowest
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType


def _window_type(x: TensorType, dtype: DType, window: Any, positions: Any, stride: Any, padding: Any) -> TensorType:
    if x.rank < len(window) or not len(window) == len(positions) == len(stride) == len(padding):
        raise ShapeError(f"{x} has no {len(window)} axes to slide along, or options of different lengths")
    return TensorType((*x.shape[: x.rank - len(window)], *positions), dtype, x.device)


def _max_type(x: TensorType, *, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> TensorType:
    return _window_type(x, x.dtype, window, positions, stride, padding)


def _argmax_type(x: TensorType, *, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> TensorType:
    return _window_type(x, int64, window, positions, stride, padding)


def _taps(x: Any, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> tuple[Any, Any]:
    """[..., *positions, taps] of elements and of their flat places; places outside are -1."""
    rank = len(window)
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    place = np.arange(int(np.prod(spatial))).reshape(1, 1, *spatial) + 1
    need = [
        max(0, (n - 1) * s + d * (k - 1) + 1 - size - 2 * p)
        for n, s, d, k, size, p in zip(positions, stride, dilation, window, spatial, padding, strict=True)
    ]
    extra = [(0, 0), (0, 0), *((0, n) for n in need)]
    keep = (slice(None), slice(None), *(slice(0, n) for n in positions))
    values = np.pad(
        x.reshape(1, -1, *spatial),
        [(0, 0), (0, 0), *((p, p + n) for p, n in zip(padding, need, strict=True))],
        constant_values=0,
    )
    inner = _patches(values, window, stride, (0,) * rank, dilation)[keep]
    places = _patches(np.pad(place, extra), window, stride, padding, dilation)[keep]
    return inner.reshape(*lead, *positions, -1), np.broadcast_to(places, (1, 1, *places.shape[2:])).reshape(
        *positions, -1
    ) - 1


def _max_value(x: Any, **options: Any) -> Any:
    values, places = _taps(np.asarray(x), **options)
    return np.max(np.where(places >= 0, values, _lowest(values.dtype)), axis=-1)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return np.asarray(lowest(from_numpy(dtype)), dtype)


def _argmax_value(x: Any, **options: Any) -> Any:
    values, places = _taps(np.asarray(x), **options)
    best = np.argmax(np.where(places >= 0, values, _lowest(values.dtype)), axis=-1)
    return np.take_along_axis(np.broadcast_to(places, values.shape), best[..., None], axis=-1)[..., 0]


def _options(node: Node) -> dict[str, Any]:
    return {key: node.attrs[key] for key in ("window", "positions", "stride", "padding", "dilation")}


def _max_vjp(node: Node, g: Node) -> tuple[Node]:
    x, options = node.operands[0], _options(node)
    spatial = x.tensor.shape[x.tensor.rank - len(options["window"]) :]
    options.pop("positions")
    return (window_scatter(g, window_argmax(x, **_options(node)), spatial=spatial, **options),)


# The largest element of each window; padding counts as -inf. `positions`: how many windows along each axis.
window_max = Op("window_max", Kind.WINDOW, ("x",), _max_type, _max_value, _max_vjp)

# The flat place (among the windowed axes of x) of the largest element: the first of equal ones, NaN above all.
window_argmax = Op("window_argmax", Kind.WINDOW, ("x",), _argmax_type, _argmax_value,
                   no_vjp="a place has no gradient")  # fmt: skip


def _scatter_type(
    g: TensorType, place: TensorType, *, spatial: Any, window: Any, stride: Any, padding: Any, dilation: Any
) -> TensorType:
    if place.dtype is not int64:
        raise DTypeError(f"places are i64, not {place.dtype.name}")
    if g.rank != place.rank or not all(map(dim.equal, g.shape, place.shape)):
        raise ShapeError(f"g {g} and place {place} differ in shape")
    return TensorType((*g.shape[: g.rank - len(spatial)], *spatial), g.dtype, g.device)


def _scatter_value(g: Any, place: Any, *, spatial: Any, **_: Any) -> Any:
    rank = len(spatial)
    lead = g.shape[: g.ndim - rank]
    flat = np.zeros((int(np.prod(lead)), int(np.prod(spatial))), dtype=g.dtype)
    rows = np.arange(flat.shape[0])[:, None]
    np.add.at(flat, (rows, place.reshape(flat.shape[0], -1)), g.reshape(flat.shape[0], -1))
    return flat.reshape(*lead, *spatial)


def _scatter_vjp(node: Node, g: Node) -> tuple[Node, None]:
    place = node.operands[1]
    rank = len(node.attrs["spatial"])
    lead = g.tensor.shape[: g.tensor.rank - rank]
    flat = reshape(g, shape=(*lead, dim.product(node.attrs["spatial"])))
    places = reshape(place, shape=(*lead, dim.product(place.tensor.shape[place.tensor.rank - rank :])))
    return reshape(gather(flat, places, axis=len(lead)), shape=place.tensor.shape), None


# Each window's g added at its place, windows in ascending order: the gradient of window_max.
window_scatter = Op("window_scatter", Kind.WINDOW, ("g", "place"), _scatter_type, _scatter_value, _scatter_vjp)
