"""Packed sequences, whose lengths are data: where their rows lie among those of padded moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from brasa.functions.comparison import ge, where
from brasa.functions.control_flow import grouped_scan
from brasa.functions.extrema import clamp_min
from brasa.functions.gathering import index_select
from brasa.functions.joining import cat
from brasa.ir import dim
from brasa.ir.ops import move
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.primitive import Number, apply, cast, reshape, type_of

States = tuple[Tensor, ...]

# Moments are padded in so many groups, each to the most rows that go on in it: then one program is for all lengths,
# and rows of lengths that are evenly spread are padded by a quarter.
_GROUPS = 4


def padded_places(batch_sizes: Sequence[int]) -> tuple[list[Tensor], Tensor]:
    """How packed rows lie in groups of padded moments: places[time, row] of each group, and places of the rows.

    The first say which row of the data stands there, -1 where the sequence has ended; the second, where it stands
    among all moments of all groups. Equally many sequences end in each group.
    """
    sizes = np.asarray(batch_sizes)
    first = np.concatenate(([0], np.cumsum(sizes)))
    ends = [0, *(int((sizes > sizes[0] * group // _GROUPS).sum()) for group in reversed(range(_GROUPS)))]
    groups, order, start, rows = list[Any](), list[Any](), 0, int(sizes[0])
    for begin, end in pairwise(ends):
        rows = int(sizes[begin]) if begin < end else rows
        row = np.arange(rows)
        goes_on = row < sizes[begin:end, None]
        groups.append(np.where(goes_on, first[begin:end, None] + row, -1))
        order.append(start + np.flatnonzero(goes_on))
        start += goes_on.size
    return [tensor(each) for each in groups], tensor(np.concatenate(order))


def open_size(number: int) -> Any:
    """A number as a size, which a captured program takes as it comes."""
    return tensor(np.zeros(number, bool)).shape[0]


def rows_at(data: Tensor, places: Tensor) -> Tensor:
    """The rows of traced data at these places, in any shape; the first one where a place is -1."""
    size, shape = type_of(places).size, type_of(places).shape
    found = index_select(data, 0, reshape(clamp_min(places, 0), (size,)))
    return reshape(found, (*shape, *type_of(data).shape[1:]))


@function
def padded(data: Tensor, places: Tensor, value: Number) -> Tensor:
    """The rows of data at these places, in the shape of them; one value where a place is -1."""
    dtype, rows = type_of(data).dtype, rows_at(data, places)
    inside = reshape(ge(places, 0), (*type_of(places).shape, *(1,) * (data.ndim - 1)))
    return where(inside, rows, cast(value, dtype) if isinstance(value, Tensor) else value)


def scanned(
    step: Callable[[States, Tensor], tuple[States, States]], initial: States, sums: Tensor, groups: Sequence[Tensor],
    order: Tensor | None, backwards: bool,
) -> States:  # fmt: skip
    """The hidden states of all moments, and the states that each sequence ends in."""
    if order is None:
        states, (seen, _) = grouped_scan(step, initial, sums, reverse=backwards)
        return seen, *states

    def masked(states: States, given: tuple[Tensor, Tensor]) -> tuple[States, States]:
        after, made = step(states, given[0])
        return tuple(where(given[1], new, old) for new, old in zip(after, states, strict=True)), made

    shapes = [type_of(group).shape for group in groups]
    moments = rows_at(
        sums, cat([reshape(group, (dim.product(shape),)) for group, shape in zip(groups, shapes, strict=True)])
    )
    pieces, start = list[tuple[Tensor, Tensor]](), 0
    for group, (times, rows) in zip(groups, shapes, strict=True):
        (part,) = _rows((moments,), start, start + times * rows)
        pieces.append((reshape(part, (times, rows, type_of(sums).shape[1])), reshape(ge(group, 0), (times, rows, 1))))
        start = start + times * rows
    states, present, ended, hidden = initial, 0, list[States](), list[Tensor]()
    for piece, (times, rows) in list(zip(pieces, shapes, strict=True))[:: -1 if backwards else 1]:
        if backwards:
            states = _joined((*([states] if hidden else []), _rows(initial, present, rows)))
        else:
            ended = [_rows(states, rows, present), *ended] if hidden else []
            states = _rows(states, 0, rows)
        states, (seen, _) = grouped_scan(masked, states, piece, reverse=backwards)
        hidden.append(reshape(seen, (times * rows, type_of(seen).shape[2])))
        present = rows
    return index_select(cat(hidden[::-1] if backwards else hidden), 0, order), *_joined((states, *ended))


def _rows(tensors: States, start: Any, end: Any) -> States:
    return tuple(
        apply(move.slice_, tensor, starts=(start, 0), sizes=(end - start, *type_of(tensor).shape[1:]), steps=(1, 1))
        for tensor in tensors
    )


def _joined(parts: Sequence[States]) -> States:
    """Rows of states below one another."""
    return tuple(each[0] if len(each) == 1 else cat(each) for each in zip(*parts, strict=True))
