"""Elements picked along an axis, several for each place of the result: what resizing and adaptive pooling share."""

from __future__ import annotations

from brasa.functions import pointwise
from brasa.functions.neural.spatial import along
from brasa.ir.ops import reduce
from brasa.ir.ops.index import gather
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import apply, expand, reshape, type_of


def picked(input: Tensor, axis: int, places: Tensor) -> Tensor:
    """The elements of one axis that a vector of places names."""
    shape = type_of(input).shape
    count = type_of(places).shape[0]
    wanted = (*shape[:axis], count, *shape[axis + 1 :])
    return apply(gather, input, along(places, axis, wanted), axis=axis)


def picked_taps(input: Tensor, axis: int, places: Tensor) -> Tensor:
    """The elements of one axis that places[count, taps] names: the axis becomes two."""
    shape = type_of(input).shape
    count, taps = type_of(places).shape
    flat = picked(input, axis, reshape(places, (type_of(places).size,)))
    return reshape(flat, (*shape[:axis], count, taps, *shape[axis + 1 :]))


def weighted_sum(taps: Tensor, axis: int, weights: Tensor) -> Tensor:
    """Taps [..., count, taps, ...], whose count stands at `axis`, times weights[count, taps], summed."""
    shape = type_of(taps).shape
    rank = len(shape)
    table = reshape(weights, [shape[a] if a in (axis, axis + 1) else 1 for a in range(rank)])
    return apply(reduce.sum_, pointwise.mul(taps, expand(table, shape)), axes=(axis + 1,))
