"""Calling machine code: arguments, arenas, failures and float state, by the native and by the portable entry."""

from __future__ import annotations

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from brasa.ir.errors import OutOfMemoryError
from brasa.runtime import Executable, allocate
from brasa.runtime.cpu_object import link
from tests.runtime import programs
from tests.runtime.programs import program, run, zeros

pytestmark = pytest.mark.usefixtures("each_entry")
FLUSH = 0x8040  # denormal results and operands become zero
TOWARD_ZERO = 0x6000


def multiply() -> Executable:
    """The product of two vectors."""
    return program(programs.MULTIPLY, ("f32[n]", "f32[n]"), ("f32[n]",), sizes=("n",))


def test_numbers() -> None:
    given = program(programs.NUMBERS, ("f64[]", "i64[]"), ("f64[]", "i64[]", "i64[]"), slots=("8",), numbers=(0, 1))
    frame, x, k, arena = given.prepare(((), ())), np.zeros(()), zeros(), zeros()
    for real, whole in ((2.5, 7), (-1.0, -1), (float("inf"), -(2**63)), (-0.0, 2**63 - 1), (3, True)):
        assert run(frame, real, whole, x, k, arena) is None
        assert (x[()], np.signbit(x), k[()]) == (real, np.signbit(real), whole)
        assert arena[()] % 64 == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, 1), TypeError, "takes 3 addresses and numbers, 2 were given"),
        ((), TypeError, "takes 3 addresses and numbers, 0 were given"),
        ((1.0, 1, "address"), TypeError, "an integer is required"),
        ((1.0, 1, None), TypeError, "an integer is required"),
        ((1.0, 1, 0.5), TypeError, "an integer is required"),
        ((1.0, 1, 1 << 70), OverflowError, "too big|too large"),
        (("one", 1, 1), TypeError, "must be real number, not str"),
        ((1.0, 1.5, 1), TypeError, "integer"),
        ((1.0, 1 << 63, 1), OverflowError, "too big|too large"),
    ],
)
def test_wrong_arguments(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    given = program("define i64 @entry(ptr %c, ptr %p, ptr %s, ptr %a) { ret i64 0 }", ("f64[]", "i64[]", "f32[n]"),
                    slots=("n",), numbers=(0, 1))  # fmt: skip
    for n in (4, 1 << 20):  # an arena on the stack, and one that is leased and must come back
        frame = given.prepare(((), (), (n,)))
        with pytest.raises(error, match=message):
            frame.call(*arguments)
        assert run(frame, 1.0, 1, zeros(4)) is None


def test_keywords_are_refused() -> None:
    call = program(programs.FAIL, ("i64[]",), checks=3).prepare(((),)).call
    with pytest.raises(TypeError):
        call(position=1)


def test_failed_checks() -> None:
    executable = program(programs.FAIL, ("i64[]",), checks=3)
    frame = executable.prepare(((),))
    assert run(frame, np.array(-1)) is None
    for position in (0, 1, 65535, 1 << 46):
        status = run(frame, np.array(position))
        assert status is not None
        note, found = executable.describe_failure(status)
        assert (note.op, note.where, found) == ("op2", "model.py:2", position)


def fill_arena(n: int, mark: int, repeats: int = 1) -> tuple[int, int]:
    """How many cells of an arena were overwritten during the call, and where it lay."""
    executable = program(
        programs.FILL_ARENA, ("i64[]", "i64[]", "i64[]", "i8[n]", "i8[r]"), sizes=("n", "r"), slots=("n*8",)
    )
    mismatches, where = zeros(), zeros()
    frame = executable.prepare(((), (), (), (n,), (repeats,)))
    assert run(frame, np.array(mark), mismatches, where, 1, 1) is None
    return int(mismatches), int(where)


@pytest.mark.parametrize("n", [1, 2000, 2048, 100_000, 1_000_000])
def test_arenas_are_aligned(n: int) -> None:
    mismatches, where = fill_arena(n, 5)
    assert (mismatches, where % 64) == (0, 0)


def test_arenas_are_used_again() -> None:
    fill_arena(100_000, 1)
    assert len({fill_arena(n, 1)[1] for n in (100_000, 99_999, 90_000, 100_000)}) <= 2


def test_concurrent_calls_have_arenas_of_their_own() -> None:
    with ThreadPoolExecutor(6) as threads:
        sizes = [20_000, 30_000, 25_000] * 10
        assert [wrong for wrong, _ in threads.map(fill_arena, sizes, range(30), [20] * 30)] == [0] * 30


@pytest.mark.parametrize("n", [100, 100_000])
def test_calls_may_recurse(n: int) -> None:
    executable, kept = program(programs.CALL_BACK, ("i64[]", "i64[]", "i8[n]"), slots=("n",)), zeros()

    @ctypes.CFUNCTYPE(None)
    def run_another() -> None:
        assert fill_arena(n, 99)[0] == 0

    function = ctypes.cast(run_another, ctypes.c_void_p).value
    assert run(executable.prepare(((), (), (n,))), function, kept, 1) is None
    assert kept == 41


def test_out_of_memory() -> None:
    executable = program(programs.FAIL, ("i64[]", "i8[n]"), slots=("n*1024",))
    with pytest.raises(OutOfMemoryError, match="cannot be allocated"):
        run(executable.prepare(((), (1 << 40,))), np.array(-1), 1)
    assert run(executable.prepare(((), (4096,))), np.array(-1), 1) is None


def test_float_state_is_set_and_restored() -> None:
    code = link([programs.object_code(programs.FLOAT_STATE)], ("read_state", "write_state"))
    read = ctypes.CFUNCTYPE(ctypes.c_uint32)(code.addresses["read_state"])
    write = ctypes.CFUNCTYPE(None, ctypes.c_uint32)(code.addresses["write_state"])
    frame = multiply().prepare(((1000,), (1000,)))
    x, y = np.full(1000, 1.1754944e-38, np.float32), np.linspace(0.1, 0.9, 1000, dtype=np.float32)
    z = np.zeros(1000, np.float32)
    expected = (x.astype(np.float64) * y).astype(np.float32)
    assert 0 < expected.max() < 1.1754944e-38
    before = read()
    try:
        write(before | FLUSH | TOWARD_ZERO)
        status = run(frame, x, y, z)
        after = read()
    finally:
        write(before)
    assert (status, after) == (None, before | FLUSH | TOWARD_ZERO)
    assert (z == expected).all()


def test_code_lives_as_long_as_the_call() -> None:
    frame = program(programs.FAIL, ("i64[]",), checks=3).prepare(((),))
    for _ in range(50):  # the executable is gone; if its code were too, others would take its place
        multiply()
    assert run(frame, np.array(5)) == 5 << 16 | 3


def test_the_interpreter_lock_is_released_for_long_work() -> None:
    flag, executable = zeros(), program(programs.WAIT, ("i64[]", "i8[n]"), sizes=("n",))
    threading.Timer(0.05, lambda: flag.__setitem__((), 1)).start()  # runs only if other threads can
    assert run(executable.prepare(((), (1 << 20,))), flag, 1) is None
    assert flag == 1 + (1 << 20)


def test_buffers_as_arguments() -> None:
    buffers = [allocate(4 * 1000) for _ in range(3)]
    x, y, z = (np.frombuffer((ctypes.c_char * 4000).from_address(each.ptr), np.float32) for each in buffers)
    x[:], y[:] = 3, np.arange(1000)
    assert run(multiply().prepare(((1000,), (1000,))), *(each.ptr for each in buffers)) is None
    assert (z == np.arange(1000) * 3).all()
