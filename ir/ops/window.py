"""Sliding windows over the trailing axes: the largest element of each, where it is, their sum, and the ways back.

body(dtype) -> Combiner: of ops that combine the elements of a window, in row-major order; padding gives nothing. The
others go back from windows to elements and have no body.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import DType, from_numpy, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.elementwise import le, select
from brasa.ir.ops.index import gather
from brasa.ir.ops.reduce import argmax, check_ordered, lowest, max_, sum_
from brasa.ir.ops.source import full_like
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType


def _window_type(
    x: TensorType, dtype: DType, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any
) -> TensorType:
    check_ordered(x)
    if not 1 <= len(window) <= min(x.rank, 3):
        raise ShapeError(f"windows slide along 1 to 3 of the last axes of {x}, not along {len(window)}")
    if not len(window) == len(positions) == len(stride) == len(padding) == len(dilation):
        raise ShapeError(
            f"positions, stride, padding and dilation must have one entry per axis, as window {list(window)} has"
        )
    if min(*window, *stride, *dilation) < 1 or min(padding) < 0:
        raise ShapeError(
            f"window {list(window)}, stride {list(stride)} and dilation {list(dilation)} must be positive, "
            f"padding {list(padding)} not negative"
        )
    return TensorType((*x.shape[: x.rank - len(window)], *positions), dtype, x.device)


def _max_type(x: TensorType, *, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> TensorType:
    return _window_type(x, x.dtype, window, positions, stride, padding, dilation)


def _argmax_type(x: TensorType, *, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> TensorType:
    return _window_type(x, int64, window, positions, stride, padding, dilation)


def _places(spatial: Any, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """[*positions, taps] of flat places among the windowed axes; -1 for taps outside."""
    rank = len(window)
    flat, inside = np.zeros((), np.int64), np.ones((), np.bool_)
    for axis, (size, k, n, s, p, d) in enumerate(
        zip(spatial, window, positions, stride, padding, dilation, strict=True)
    ):
        along = np.arange(n)[:, None] * s + np.arange(k) * d - p
        along = along.reshape([n if a == axis else k if a == rank + axis else 1 for a in range(2 * rank)])
        inside = inside & (along >= 0) & (along < size)
        flat = flat * size + along
    return np.where(inside, flat, -1).reshape(*positions, math.prod(window))


def _taps(x: Any, window: Any, **options: Any) -> tuple[Any, Any]:
    """[..., *positions, taps] of elements, the lowest value for taps outside, and the places of the taps."""
    lead, spatial = x.shape[: x.ndim - len(window)], x.shape[x.ndim - len(window) :]
    places = _places(spatial, window, **options)
    outside = np.full((*lead, 1), lowest(from_numpy(x.dtype)), x.dtype)
    return np.concatenate([x.reshape(*lead, math.prod(spatial)), outside], axis=-1)[..., places], places


def _max_value(x: Any, **options: Any) -> Any:
    return np.max(_taps(np.asarray(x), **options)[0], axis=-1)


def _argmax_value(x: Any, **options: Any) -> Any:
    values, places = _taps(np.asarray(x), **options)
    best = np.max(values, axis=-1, keepdims=True)
    hit = (places >= 0) & ((values == best) | np.isnan(values))
    return np.take_along_axis(np.broadcast_to(places, hit.shape), np.argmax(hit, axis=-1)[..., None], axis=-1)[..., 0]


def _sum_type(x: TensorType, *, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> TensorType:
    if x.dtype.kind == "bool":
        raise DTypeError("is not defined for bool")
    return _window_type(x, x.dtype, window, positions, stride, padding, dilation)


def _sum_value(x: Any, **options: Any) -> Any:
    values, places = _taps(np.asarray(x), **options)
    narrow = values.dtype.itemsize == 2 and values.dtype.kind not in "iu"
    total = np.sum(np.where(places >= 0, values, 0), axis=-1, dtype=np.float32 if narrow else values.dtype)
    return total.astype(values.dtype)


def _options(node: Node) -> dict[str, Any]:
    return {key: node.attrs[key] for key in ("window", "positions", "stride", "padding", "dilation")}


def _max_vjp(node: Node, g: Node) -> tuple[Node]:
    x, options = node.operands[0], _options(node)
    spatial = x.tensor.shape[x.tensor.rank - len(options["window"]) :]
    options.pop("positions")
    return (window_scatter(g, window_argmax(x, **_options(node)), spatial=spatial, **options),)


# The largest element of each window; padding counts as -inf. `positions`: how many windows along each axis.
window_max = Op("window_max", Kind.WINDOW, ("x",), _max_type, _max_value, _max_vjp, body=max_.body)

# The flat place (among the windowed axes of x) of the largest element: the first of equal ones, NaN above all; -1 where
# a window holds no element.
window_argmax = Op("window_argmax", Kind.WINDOW, ("x",), _argmax_type, _argmax_value,
                   no_vjp="a place has no gradient", body=argmax.body)  # fmt: skip


def _sum_vjp(node: Node, g: Node) -> tuple[Node]:
    x, options = node.operands[0], _options(node)
    options.pop("positions")
    return (window_spread(g, spatial=x.tensor.shape[x.tensor.rank - len(options["window"]) :], **options),)


# The sum of the elements of each window.
window_sum = Op("window_sum", Kind.WINDOW, ("x",), _sum_type, _sum_value, _sum_vjp, body=sum_.body)


def _spread_type(g: TensorType, *, spatial: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> TensorType:
    if g.rank < len(spatial):
        raise ShapeError(f"g {g} has fewer axes than spatial {list(spatial)}")
    return TensorType((*g.shape[: g.rank - len(spatial)], *spatial), g.dtype, g.device)


def _scatter_type(g: TensorType, place: TensorType, **options: Any) -> TensorType:
    if place.dtype is not int64:
        raise DTypeError(f"places are i64, not {place.dtype.name}")
    type = _spread_type(g, **options)
    if g.rank != place.rank or not all(map(dim.equal, g.shape, place.shape)):
        raise ShapeError(f"g {g} and place {place} differ in shape")
    return type


def _scatter_value(g: Any, place: Any, *, spatial: Any, **_: Any) -> Any:
    lead = g.shape[: g.ndim - len(spatial)]
    return _added(g, place.reshape(math.prod(lead), math.prod(g.shape[len(lead) :])), lead, spatial)


def _added(g: Any, places: Any, lead: Any, spatial: Any) -> Any:
    """Zeros [*lead, *spatial] with g added at the places [rows, count], where those are not -1."""
    rows = math.prod(lead)
    flat = np.zeros((rows, math.prod(spatial) + 1), dtype=g.dtype)
    np.add.at(flat, (np.arange(rows)[:, None], places), g.reshape(places.shape))
    return flat[:, :-1].reshape(*lead, *spatial)


def _scatter_vjp(node: Node, g: Node) -> tuple[Node, None]:
    """A window without an element, whose place is -1, has gradient 0."""
    place = node.operands[1]
    rank = len(node.attrs["spatial"])
    lead = g.tensor.shape[: g.tensor.rank - rank]
    flat = reshape(g, shape=(*lead, dim.product(node.attrs["spatial"])))
    places = reshape(place, shape=(*lead, dim.product(place.tensor.shape[place.tensor.rank - rank :])))
    zero = full_like(places, 0)
    real = le(zero, places)
    found = gather(flat, select(real, places, zero), axis=len(lead))
    return reshape(select(real, found, full_like(found, 0)), shape=place.tensor.shape), None


# Each window's g added at its place, if it has one, windows in ascending order: the gradient of window_max.
window_scatter = Op("window_scatter", Kind.WINDOW, ("g", "place"), _scatter_type, _scatter_value, _scatter_vjp)


def _spread_value(g: Any, *, spatial: Any, **options: Any) -> Any:
    rank = len(spatial)
    lead, positions = g.shape[: g.ndim - rank], g.shape[g.ndim - rank :]
    places = _places(spatial, positions=positions, **options)
    repeated = np.broadcast_to(g[..., None], (*lead, *places.shape))
    flat = np.broadcast_to(places.reshape(1, -1), (math.prod(lead), places.size))
    return _added(repeated, flat, lead, spatial)


def _spread_vjp(node: Node, g: Node) -> tuple[Node]:
    source = node.operands[0].tensor
    rank = len(node.attrs["spatial"])
    options = {key: value for key, value in node.attrs.items() if key != "spatial"}
    return (window_sum(g, positions=source.shape[source.rank - rank :], **options),)


# Each window's g added to all its elements, windows in ascending order: the gradient of window_sum.
window_spread = Op("window_spread", Kind.WINDOW, ("g",), _spread_type, _spread_value, _spread_vjp)
