"""Where a tensor is not 0. How many places that are is a value: compiled programs run up to there first."""

from __future__ import annotations

from typing import Any

from brasa._state import STATE
from brasa.functions import pointwise, reduction
from brasa.functions.comparison import where
from brasa.ir.dim import product
from brasa.ir.dtype import int64
from brasa.ir.errors import ArgumentError, ValueError
from brasa.ir.ops import cumulate, move
from brasa.ir.ops.elementwise import floor_divide, ge, minimum, remainder, select, sub
from brasa.ir.ops.index import scatter
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, carrier, cast, constant, current, expand, reshape, truth, type_of
from brasa.tracing.sizes import flatten_sizes
from brasa.tracing.trace import tracing

__all__ = ["argwhere", "nonzero", "nonzero_static", "unravel_index"]


@function
def _first_places(input: Tensor, like: Tensor) -> Tensor:
    """As many flat places of what is not 0 as `like` has elements, in order; then -1.

    A running count tells each element its place in the result; those that are 0 or too late go to one place more.
    """
    wanted = type_of(like).shape[0]
    count = product(type_of(input).shape)
    holds = truth(reshape(input, (count,)))
    before = apply(sub, apply(cumulate.cumsum, cast(holds, int64), axis=0, reverse=False), constant(1, int64, (count,)))
    spare = constant(wanted, int64, (count,))
    slot = apply(select, holds, apply(minimum, before, spare), spare)
    numbers = current().fresh(current().apply(iota, axis=0, type=TensorType((count,), int64)))
    made = apply(scatter, constant(-1, int64, (wanted + 1,)), slot, numbers, axis=0)
    return apply(move.slice_, made, starts=(0,), sizes=(wanted,), steps=(1,))


@function
def _coordinates(places: Tensor, like: Tensor) -> Tensor:
    """The index in the shape of `like` of each flat place, a row for each; negative places stay as they are."""
    count, shape = type_of(places).shape[0], type_of(like).shape
    if not shape:
        return constant(0, int64, (count, 0))
    columns = []
    for axis, size in enumerate(shape):
        stride = product(shape[axis + 1 :])
        rest = apply(floor_divide, places, constant(stride, int64, (count,)))
        columns.append(reshape(apply(remainder, rest, constant(size, int64, (count,))), (count, 1)))
    return apply(move.concat, *columns, axis=1)


def positions(input: Tensor) -> Tensor:
    """The flat places of what is not 0, in order."""
    trace = STATE.trace
    known = input._settled()
    with tracing(None):
        count = int(reduction.count_nonzero(known).item())
        found = _first_places(known, carrier((count,), int64))
    if trace is not None:
        trace.symbolic.add(id(found))
    return found


@operator(method=True, out=True)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of what is not 0, in row-major order: a row for each, or with as_tuple a tensor for each axis."""
    if not as_tuple:
        return _coordinates(positions(input), carrier(input.shape, input.dtype))
    if input.ndim == 0:
        return (positions(input),)
    found = nonzero(input)
    return tuple(found[:, axis] for axis in range(input.ndim))  # type: ignore[index]


@operator(method=True)
def argwhere(input: Tensor) -> Tensor:
    """The indices of what is not 0, a row for each."""
    return nonzero(input)


@operator(method=True, out=True)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` rows of nonzero(input), and rows of fill_value where there are fewer."""
    if not isinstance(size, int) or size < 0:
        raise ArgumentError(f"size must be a natural number, found {size}", op="nonzero_static")
    return _static_rows(input, carrier((size,), int64), fill_value)


@function
def _static_rows(input: Tensor, like: Tensor, fill_value: Number) -> Tensor:
    places = _first_places(input, like)
    rows = _coordinates(places, input)
    shape = type_of(rows).shape
    found = reshape(apply(ge, places, constant(0, int64, (shape[0],))), (shape[0], 1))
    return where(expand(found, shape), rows, fill_value)


@operator()
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The places by axes, a tensor for each, of places in the flattened tensor of a shape."""
    sizes = flatten_sizes((shape,), "unravel_index")
    if indices.dtype.kind not in ("int", "uint"):
        raise ValueError(f"indices must be integers, they are {indices.dtype.name}", op="unravel_index")
    found, rest = [], indices
    for size in reversed(sizes):
        found.append(pointwise.remainder(rest, size))
        rest = pointwise.floor_divide(rest, size)
    return tuple(reversed(found))
