"""Executables and frames: what entry is told about sizes, strides and the arena, and what callers learn."""

from __future__ import annotations

import pytest

from brasa.ir import dim
from brasa.ir.dim import Size, symbol
from brasa.ir.errors import GraphError
from brasa.ir.parsing import parse_type
from brasa.ir.program import Input, Signature, Stride
from brasa.runtime import Executable, executable, load
from tests.runtime import programs
from tests.runtime.programs import object_code, program, run, zeros

H, N = symbol("h"), symbol("n")
SIZES: tuple[Size, ...] = (
    N, N * 4, N * H + 3, (H - 4) // 2, -(H // 2), 7 - (H + 1) % 3, dim.smallest(N, H) * 2, dim.largest(N * 2, H - 1),
    N * N * H, (N * H) // (H + 1) * N, -N - 5, dim.ceil_divide(H, N), 0, 123,
)  # fmt: skip


def copying(sizes: tuple[Size | Stride, ...], slots: tuple[Size, ...] = ()) -> Executable:
    """A program with input f32[n,h,4] that returns the sizes that it is given, their number first."""
    count = 1 + len(sizes) + len(slots)
    inputs = (Input("x", parse_type("f32[n,h,4]"), ("s", "s", "1")),)
    signature = Signature("copy", inputs, (parse_type("i64[100]"),), sizes=(count, *sizes), slots=slots)
    return load(signature, [object_code(programs.SIZES)])


def sizes_given(made: Executable, n: int, h: int, strides: tuple[int, ...] = (0, 0, 0)) -> list[int]:
    """What a program from `copying` finds in its sizes."""
    result = zeros(100)
    frame = made.prepare(((n, h, 4),), (strides,))
    assert run(frame, 1, result) is None
    return result.tolist()[1 : result[0]]


@pytest.mark.parametrize(("n", "h"), [(1, 1), (3, 9), (64, 7), (2, 1000)])
def test_sizes(n: int, h: int) -> None:
    values = {"n": n, "h": h}
    assert sizes_given(copying(SIZES), n, h) == [dim.evaluate(size, values) for size in SIZES]


def test_strides() -> None:
    made = copying((Stride(0, 1), N, Stride(0, 0)))
    assert sizes_given(made, 5, 6, (1000, 40, 1)) == [40, 5, 1000]
    assert sizes_given(made, 5, 6, (-24, 4, 1)) == [4, 5, -24]


def test_slots_lie_behind_one_another() -> None:
    made = copying((N,), (N, 100, H * 8, 4))
    assert sizes_given(made, 70, 3) == [70, 0, 128, 256, 320]
    assert made.prepare(((70, 3, 4),), ((0, 0, 0),)).arena_bytes == 324


def test_frames_tell_what_to_allocate() -> None:
    made = program(programs.FAIL, ("i64[n]", "f32[n,h]"), ("f32[n,h+1]", "i64[]", "bool[h//2]"))
    frame = made.prepare(((3,), (3, 9)))
    assert frame.shapes == ((3, 10), (), (4,))
    assert frame.nbytes == (120, 8, 4)
    assert frame.arena_bytes == 0


def test_frames_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executable, "_FRAMES", 3)
    made = program(programs.FAIL, ("i64[n]",))
    first = made.prepare(((1,),))
    assert made.prepare(((1,),)) is first
    for n in range(2, 20):
        assert made.prepare(((n,),)) is made.prepare(((n,),))
    assert len(made._frames) <= 3
    assert made.prepare(((1,),)) is not first


def test_signatures_that_do_not_fit() -> None:
    made = program(programs.FAIL, ("f32[n,4]", "f32[n]"))
    for shapes in (((3, 4), (2,)), ((3, 5), (3,)), ((3, 4, 1), (3,)), ((3, 4), (3,), (3,))):
        with pytest.raises(GraphError, match=r"^test: inputs of shapes"):
            made.prepare(shapes)
    with pytest.raises(GraphError, match="no axis of an input is the size 'm'"):
        program(programs.FAIL, ("f32[n,m*2]",), ("f32[m]",))
    with pytest.raises(GraphError, match="only f64\\[\\] and i64\\[\\]"):
        program(programs.FAIL, ("f32[]",), numbers=(0,))
