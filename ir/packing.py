"""Where values lie in an arena: those that are alive together lie apart, and there are few holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

ALIGNMENT = 64
Life: TypeAlias = tuple[int, int]  # the first and the last launch that touches a value


class Packing(NamedTuple):
    """The byte offset of each value, a multiple of ALIGNMENT, and the bytes from the first to the last of all."""

    offsets: list[int]
    nbytes: int


def pack(sizes: Sequence[int], lives: Sequence[Life]) -> Packing:
    """Place values of these bytes, in this order, each in the lowest gap between those that are alive with it."""
    if len(sizes) < 2:
        return Packing([0] * len(sizes), sum(sizes))
    room = -(-np.array(sizes, np.int64) // ALIGNMENT) * ALIGNMENT
    firsts, lasts = np.array(lives, np.int64).T
    begins, ends = np.zeros_like(room), room.copy()
    for value in range(1, len(room)):
        alive = (firsts[:value] <= lasts[value]) & (lasts[:value] >= firsts[value])
        begins[value] = _lowest_gap(begins[:value][alive], ends[:value][alive], room[value])
        ends[value] += begins[value]
    return Packing(begins.tolist(), int((begins + sizes).max()))


def _lowest_gap(begins: np.ndarray[Any, Any], ends: np.ndarray[Any, Any], size: int) -> int:
    """Where a value of that size may begin, when those that begin and end at these places are in the way."""
    if not len(begins):
        return 0
    along = begins.argsort()
    begins, behind = begins[along], np.maximum.accumulate(ends[along])
    if begins[0] >= size:
        return 0
    fits = np.flatnonzero(begins[1:] - behind[:-1] >= size)
    return int(behind[fits[0] if len(fits) else -1])
