"""The memory plan: what lives at one time lies apart."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brasa.ir import dim
from brasa.ir.dim import Size, symbol
from brasa.ir.dtype import float32
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.program import Input, Launch, Place, Program, Signature, place_slots
from brasa.ir.types import TensorType
from brasa.passes import plan_memory, report_memory

N, M = symbol("n"), symbol("m")
TYPE = TensorType((N,), float32)


def test_equal_values_of_one_launch_lie_apart() -> None:
    builder = KernelBuilder("two")
    buffers = [builder.buffer(name, float32, access) for name, access in (("x", "in"), ("y", "out"), ("z", "out"))]
    two = builder.finish()
    assert two.arguments == tuple(buffers)
    launches = (
        Launch(two, (Place("input", 0), Place("temporary", 0), Place("temporary", 1)), ()),
        Launch(two, (Place("temporary", 0), Place("output", 0), Place("temporary", 2)), ()),
        Launch(two, (Place("temporary", 1), Place("output", 1), Place("temporary", 3)), ()),
    )
    signature = Signature("f", (Input("x", TYPE),), (TYPE, TYPE))
    planned = plan_memory(Program(signature, launches, (N * 4, N * 4, N * 4, N * 4)))
    for n in (1, 16, 100):
        first, second, third, fourth = spans(planned, {"n": n})
        assert len({first, second, third}) == 3
        assert second != fourth
        assert place_slots(planned.signature, {"n": n}).nbytes <= 3 * (n * 4 + 63)


def program(lives: Sequence[tuple[int, int]], sizes: Sequence[Size]) -> Program:
    """A program whose temporaries live between these launches and take these bytes."""
    kernels = []
    for time in range(max(last for _, last in lives) + 1):
        touched = [i for i, (first, last) in enumerate(lives) if time in (first, last)]
        builder = KernelBuilder(f"k{time}")
        for i in touched:
            builder.buffer(f"b{i}", float32, "inout")
        kernels.append(
            Launch(builder.finish(), tuple(Place("temporary", i) for i in touched), (), (), f"net.py:{time}")
        )
    return Program(Signature("f", (), ()), tuple(kernels), tuple(sizes))


def spans(planned: Program, sizes: dict[str, int]) -> list[tuple[int, int]]:
    """The bytes of the arena that each temporary takes, from and to."""
    offsets, _ = place_slots(planned.signature, sizes)
    return [
        (offsets[slot], offsets[slot] + dim.evaluate(size, sizes))
        for slot, size in zip(planned.slots, planned.temporaries, strict=True)
    ]


SIZES = st.sampled_from([4, 64, 4096, 10000, N * 4, N * 64, N * M * 4, N * M * 8, (N + 1) * 4, M * 400 + 16])
LIVES = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda life: (min(life), max(life)))


@given(st.lists(st.tuples(LIVES, SIZES), min_size=1, max_size=24), st.integers(0, 99), st.integers(0, 99))
def test_values_that_live_together_never_overlap(values: list[tuple[tuple[int, int], Size]], n: int, m: int) -> None:
    lives, sizes = zip(*values, strict=True)
    planned = plan_memory(program(lives, sizes))
    places = spans(planned, {"n": n, "m": m})
    _, total = place_slots(planned.signature, {"n": n, "m": m})
    for i, (first, last) in enumerate(lives):
        assert places[i][1] <= total
        for j in range(i):
            if lives[j][0] <= last and first <= lives[j][1]:
                assert places[i][1] <= places[j][0] or places[j][1] <= places[i][0], f"{i} and {j}"


@given(st.lists(st.tuples(LIVES, st.sampled_from([64, 128, 4096, 8192])), min_size=1, max_size=24))
def test_constant_sizes_take_little_more_than_lives_at_once(values: list[tuple[tuple[int, int], int]]) -> None:
    lives, sizes = zip(*values, strict=True)
    planned = plan_memory(program(lives, sizes))
    at_once = [sum(n for n, (a, b) in zip(sizes, lives, strict=True) if a <= t <= b) for t in range(13)]
    assert place_slots(planned.signature, {}).nbytes <= 2 * max(at_once)


@pytest.mark.parametrize("n", [0, 1, 16, 1000])
def test_a_chain_of_equal_values_takes_room_for_two(n: int) -> None:
    planned = plan_memory(program([(i, i + 1) for i in range(20)], [N * 4] * 20))
    assert place_slots(planned.signature, {"n": n}).nbytes == -(-n * 4 // 64) * 64 + n * 4


@pytest.mark.parametrize(("n", "m"), [(16, 160), (160, 16), (16, 16)])
def test_places_are_found_for_the_sizes_that_there_are(n: int, m: int) -> None:
    """Two values that follow one another share memory, whichever is the larger; and two fit into the place of one."""
    planned = plan_memory(program([(0, 1), (2, 3)], [N * 4, M * 4]))
    assert place_slots(planned.signature, {"n": n, "m": m}).nbytes == 4 * max(n, m)
    halves = plan_memory(program([(0, 1), (2, 4), (3, 4)], [N * 128, M * 64, M * 64]))
    assert place_slots(halves.signature, {"n": n, "m": m}).nbytes == max(n * 128, m * 128)


def test_report_names_the_largest_values() -> None:
    planned = plan_memory(program([(0, 1), (1, 2), (2, 3)], [N * 4, N * 8, N * 4]))
    assert report_memory(planned, {"n": 1000}, 2) == "\n".join([
        "planned           12,000 bytes",
        "all               16,000 bytes in 3 values",
        "at once           12,000 bytes at most",
        "           8,000 bytes at 0            launches 1 to 2  k1.b1  net.py:1",
        "           4,000 bytes at 8,000        launches 0 to 1  k0.b0  net.py:0",
    ])  # fmt: skip
