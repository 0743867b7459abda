"""Where values lie in an arena: those that are alive together lie apart, and there are few holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

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
    offsets: list[int] = []
    placed = np.zeros((4, len(sizes) + 1), np.int64)  # sorted by where they begin; the first ends at 0, always alive
    begins, ends, firsts, lasts = placed
    firsts[0], lasts[0] = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    for count, (size, (first, last)) in enumerate(zip(sizes, lives, strict=True), 1):
        (alive,) = ((firsts[:count] <= last) & (lasts[:count] >= first)).nonzero()
        room, behind = -(-size // ALIGNMENT) * ALIGNMENT, np.maximum.accumulate(ends[alive])
        fits = begins[alive[1:]] - behind[:-1] >= room
        gap = int(fits.argmax()) if len(fits) else 0
        offset = int(behind[gap if len(fits) and fits[gap] else -1])
        place = int(begins[:count].searchsorted(offset, "right"))
        placed[:, place + 1 : count + 1] = placed[:, place:count]
        placed[:, place] = offset, offset + room, first, last
        offsets.append(offset)
    return Packing(offsets, max(offset + size for offset, size in zip(offsets, sizes, strict=True)))
