"""Philox4x32-10, the counter-based generator behind every random number, on NumPy arrays and as kernel expressions.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir.dtype import uint32, uint64
from brasa.ir.kernel import Expr, cast, const

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = 0xFFFFFFFF

Words = tuple[Any, Any, Any, Any]


def philox_numpy(seed: int, element: np.ndarray[Any, Any], call: int, draw: int) -> Words:
    """The four u32 words for each element number (u64)."""
    low, half = np.uint64(_LOW), np.uint64(32)
    counter: list[Any] = [element & low, element >> half, np.uint64(call & _LOW), np.uint64(draw)]
    key = [seed & _LOW, (seed >> 32) & _LOW]
    for _ in range(_ROUNDS):
        first, second = np.uint64(_MULTIPLIERS[0]) * counter[0], np.uint64(_MULTIPLIERS[1]) * counter[2]
        counter = [
            (second >> half) ^ counter[1] ^ np.uint64(key[0]), second & low,
            (first >> half) ^ counter[3] ^ np.uint64(key[1]), first & low,
        ]  # fmt: skip
        key = [(key[0] + _WEYL[0]) & _LOW, (key[1] + _WEYL[1]) & _LOW]
    return tuple(np.broadcast_to(word, element.shape).astype(np.uint32) for word in counter)  # type: ignore[return-value]


def philox_expr(seed: Expr, call: Expr, element: Expr, *, word: int, draw: int) -> Expr:
    """One of the four words, as a kernel expression over i64 seed, call number and element number."""
    wide = cast(element, uint64)
    counter = [cast(wide, uint32), cast(wide >> 32, uint32), cast(call, uint32), const(draw, uint32)]
    key = [cast(seed, uint32), cast(cast(seed, uint64) >> 32, uint32)]
    for _ in range(_ROUNDS):
        first = cast(counter[0], uint64) * _MULTIPLIERS[0]
        second = cast(counter[2], uint64) * _MULTIPLIERS[1]
        counter = [
            cast(second >> 32, uint32) ^ counter[1] ^ key[0], cast(second, uint32),
            cast(first >> 32, uint32) ^ counter[3] ^ key[1], cast(first, uint32),
        ]  # fmt: skip
        key = [key[0] + _WEYL[0], key[1] + _WEYL[1]]
    return counter[word]
