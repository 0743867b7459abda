"""Reading and writing several axes at once, at places that tensors of integers name together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from brasa.ir.dim import Size, product
from brasa.ir.dtype import bool_, float32, int64
from brasa.ir.ops import index as ops
from brasa.ir.ops.elementwise import add, mul
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.primitive import (
    apply,
    broadcast_shapes,
    cast,
    constant,
    expand,
    permute,
    reshape,
    resolved,
    type_of,
)


class Spot(NamedTuple):
    """What one tensor of integers names: a place among the elements of `count` neighbouring axes, from `axis` on."""

    axis: int
    count: int


class _Layout(NamedTuple):
    """How a tensor is seen as [before, named, after]. order: its axes; shape: that of what is read."""

    order: tuple[int, ...]
    blocks: tuple[Size, Size, Size]
    shape: tuple[Size, ...]


def _layout(input: Tensor, places: tuple[Size, ...], spots: Sequence[Spot], before: int) -> _Layout:
    sizes = type_of(input).shape
    named = [axis for first, count in spots for axis in range(first, first + count)]
    rest = [axis for axis in range(len(sizes)) if axis not in named]
    groups = rest[:before], named, rest[before:]
    lead, _, tail = (tuple(sizes[axis] for axis in group) for group in groups)
    blocks = tuple(product(sizes[axis] for axis in group) for group in groups)
    return _Layout((*rest[:before], *named, *rest[before:]), blocks, (*lead, *places, *tail))  # type: ignore[arg-type]


def _flat_place(input: Tensor, indices: Sequence[Tensor], spots: Sequence[Spot]) -> Tensor:
    """One place for what the indices name together; each is checked against its own axes."""
    sizes = type_of(input).shape
    shape = resolved(broadcast_shapes([type_of(index).shape for index in indices]))
    flat: Tensor | None = None
    for index, (first, count) in zip(indices, spots, strict=True):
        extent = product(sizes[first : first + count])
        place = expand(apply(ops.index_, cast(index, int64), bound=extent), shape)
        if flat is not None:
            place = apply(add, apply(mul, flat, constant(extent, int64, shape)), place)
        flat = place
    assert flat is not None
    return flat


def _in_blocks(input: Tensor, layout: _Layout) -> Tensor:
    return reshape(permute(input, layout.order), layout.blocks)


def _column(flat: Tensor, layout: _Layout) -> Tensor:
    lead, _, tail = layout.blocks
    count = product(type_of(flat).shape)
    return expand(reshape(flat, (1, count, 1)), (lead, count, tail))


@function
def read(input: Tensor, indices: Sequence[Tensor], spots: Any, before: int) -> Tensor:
    """The elements at the places that the indices, broadcast together, name.

    The indices' axes come after the first `before` of the axes that none names, of which the others follow.
    """
    return _read(input, indices, spots, before)


@function
def read_rows(input: Tensor, index: Tensor) -> Tensor:
    """`read` by one tensor along the first axis."""
    return _read(input, [index], (Spot(0, 1),), 0)


@function
def pick(input: Tensor, indices: Sequence[Tensor], spots: Any, before: int) -> Tensor:
    """`read` of one place: that is a view in eager mode, so what looks for these looks for this name."""
    return _read(input, indices, spots, before)


def _read(input: Tensor, indices: Sequence[Tensor], spots: Any, before: int) -> Tensor:
    spots = [Spot(*spot) for spot in spots]
    flat = _flat_place(input, indices, spots)
    layout = _layout(input, type_of(flat).shape, spots, before)
    return reshape(apply(ops.gather, _in_blocks(input, layout), _column(flat, layout), axis=1), layout.shape)


@function
def write(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, spots: Any, before: int, accumulate: bool
) -> Tensor:
    """The input with values, broadcast to what `read` gives, written there, or added to what is there."""
    spots = [Spot(*spot) for spot in spots]
    flat = _flat_place(input, indices, spots)
    layout = _layout(input, type_of(flat).shape, spots, before)
    places = _column(flat, layout)
    given = reshape(expand(cast(values, type_of(input).dtype), layout.shape), type_of(places).shape)
    put = added if accumulate else replaced
    result = put(_in_blocks(input, layout), places, given, 1)
    sizes = type_of(input).shape
    back = reshape(result, tuple(sizes[axis] for axis in layout.order))
    return permute(back, [layout.order.index(axis) for axis in range(len(sizes))])


def replaced(input: Tensor, places: Tensor, values: Tensor, axis: int) -> Tensor:
    """The input with values in their places along an axis."""
    return apply(ops.scatter, input, places, values, axis=axis)


def added(input: Tensor, places: Tensor, values: Tensor, axis: int) -> Tensor:
    """The input with values added in their places along an axis; halves are summed in float32, bools by or."""
    dtype = type_of(input).dtype
    if dtype is bool_:
        return apply(ops.scatter_max, input, places, values, axis=axis)
    wide = float32 if dtype.kind == "float" and dtype.bits < 32 else dtype
    return cast(apply(ops.scatter_add, cast(input, wide), places, cast(values, wide), axis=axis), dtype)
