"""Packing: what is alive together lies apart, and there are few holes."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from brasa.ir.packing import ALIGNMENT, Life, pack

LIVES = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda life: (min(life), max(life)))


@given(st.lists(st.tuples(st.integers(0, 500), LIVES), max_size=30))
def test_what_is_alive_together_lies_apart(values: Sequence[tuple[int, Life]]) -> None:
    sizes, lives = [size for size, _ in values], [life for _, life in values]
    offsets, nbytes = pack(sizes, lives)
    assert nbytes == max((begin + size for begin, size in zip(offsets, sizes, strict=True)), default=0)
    assert all(begin >= 0 and begin % ALIGNMENT == 0 for begin in offsets)
    for i, (first, last) in enumerate(lives):
        for j in range(i):
            if lives[j][0] <= last and first <= lives[j][1]:
                assert offsets[j] + sizes[j] <= offsets[i] or offsets[i] + sizes[i] <= offsets[j]


def test_a_gap_is_used() -> None:
    """Of three values, the one in the middle dies, and two smaller ones take its place."""
    lives = [(0, 9), (0, 4), (0, 9), (5, 9), (5, 9)]
    assert pack([640, 640, 640, 320, 320], lives).offsets == [0, 640, 1280, 640, 960]
    assert pack([640, 640, 640, 384, 320], lives).offsets == [0, 640, 1280, 640, 1920]


def test_values_of_an_odd_size() -> None:
    assert pack([1, 65, 4], [(0, 1)] * 3) == ([0, 64, 192], 196)
    assert pack([7], [(0, 0)]) == ([0], 7)
    assert pack([], []) == ([], 0)
