"""`entry`: where it takes addresses and sizes from, in which order it runs kernels, and how it stops."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest

from brasa.codegen.llvm import Compilation, Modules, host_target
from brasa.codegen.llvm.compile import unlocked
from brasa.ir import dim
from brasa.ir.dim import Size, symbol
from brasa.ir.dtype import float32, int64
from brasa.ir.kernel import Kernel
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.program import CheckNote, Input, Launch, Place, Program, Signature, Stride
from brasa.ir.types import TensorType
from tests.codegen.llvm.native import Native

N = symbol("n")
VECTOR = TensorType((N,), float32)


def scaled(by: float, name: str = "scaled") -> Kernel:
    """out[i] = x[i] * by."""
    builder = KernelBuilder(name)
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    with builder.loop("i", builder.size("n"), "vector") as i:
        builder.store(out, i, x.load(i) * by)
    return builder.finish()


def pointers(*arrays: np.ndarray) -> ctypes.Array[ctypes.c_void_p]:
    """The addresses of the arrays."""
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def sizes(*values: int) -> ctypes.Array[ctypes.c_int64]:
    """The sizes as entry takes them."""
    return (ctypes.c_int64 * len(values))(*values)


def test_temporaries_lie_in_their_slots() -> None:
    """x -> t0 -> t1 -> out, where t0 and t1 are temporaries in slots 1 and 0 behind two sizes."""
    places = [Place("input", 0), Place("temporary", 0), Place("temporary", 1), Place("output", 0)]
    launches = tuple(
        Launch(scaled(by), pair, (N,))
        for by, pair in zip((2.0, 3.0, 5.0), zip(places, places[1:], strict=False), strict=True)
    )
    signature = Signature("chain", (Input("x", VECTOR),), (VECTOR,), sizes=(symbol("m"), N), slots=(N * 4, N * 4))
    program = Native(Program(signature, launches, (N * 4, N * 4), (1, 0)))
    x, out, arena = np.arange(20, dtype=np.float32), np.zeros(20, np.float32), np.zeros(64, np.float32)
    assert program.call(pointers(x, out), sizes(99, 20, 0, 128), arena.ctypes.data) == 0
    np.testing.assert_array_equal(out, x * 30)
    np.testing.assert_array_equal(arena[32:52], x * 2)
    np.testing.assert_array_equal(arena[:20], x * 6)


def test_kernels_of_the_same_text_are_written_once() -> None:
    launches = tuple(Launch(scaled(by, name), (Place("input", 0), Place("output", 0)), (N,))
                     for by, name in ((2.0, "first"), (2.0, "second"), (3.0, "first")))  # fmt: skip
    signature = Signature("same", (Input("x", VECTOR),), (VECTOR,), sizes=(N,))
    text = Native(Program(signature, launches)).text
    assert text.count("define internal") == 2
    assert text.count('call void @"first"(') == 2
    assert text.count('call void @"first.2"(') == 1


def report(values: list[Size | Stride], given: tuple[Size | Stride, ...], numbers: list[int]) -> list[int]:
    """What a kernel is passed for these sizes, when entry is given those."""
    builder = KernelBuilder("report")
    out = builder.buffer("out", int64, "out")
    for place, number in enumerate(range(len(values))):
        builder.store(out, place, builder.size(f"size{number}"))
    launch = Launch(builder.finish(), (Place("output", 0),), tuple(values))
    result = np.zeros(len(values), np.int64)
    signature = Signature("report", (), (TensorType((len(values),), int64),), sizes=given)
    assert Native(Program(signature, (launch,))).call(pointers(result), sizes(*numbers)) == 0
    return result.tolist()


def test_sizes_are_passed_on() -> None:
    stride = Stride(0, 1)
    assert report([7, stride, N * 4, N], (N, stride, N * 4), [3, 11, 12]) == [7, 11, 12, 3]


def test_other_sizes_are_computed() -> None:
    m = symbol("m")
    wanted: list[Size | Stride] = [
        N * m * 3 - 7,
        (N - 9) // 2,
        (N - 9) % 4,
        dim.smallest(N, m) * N,
        dim.largest(N - m, 2),
        N * N // m,
    ]
    for n_value, m_value in ((5, 3), (4, 9), (12, 12)):
        expected = [dim.evaluate(each, {"n": n_value, "m": m_value}) for each in wanted if not isinstance(each, Stride)]
        assert report(wanted, (N, m), [n_value, m_value]) == expected


def chain(kernels: list[Kernel], checks: int = 0) -> Program:
    """Each kernel on what the one before it has left, by turns in two outputs."""
    places = [Place("input", 0), *(Place("output", number % 2) for number in range(len(kernels)))]
    launches = tuple(
        Launch(kernel, pair, (N,), tuple(range(number * checks, (number + 1) * checks)))
        for number, (kernel, pair) in enumerate(zip(kernels, zip(places, places[1:], strict=False), strict=True))
    )
    notes = tuple(CheckNote("check", "", N) for _ in range(checks * len(kernels)))
    return Program(Signature("chain", (Input("x", VECTOR),), (VECTOR, VECTOR), sizes=(N,), checks=notes), launches)


def test_many_launches_are_several_functions() -> None:
    """They run in order, and none after one that fails, wherever it stands."""
    program = Native(chain([scaled(2.0), *[scaled(-1.0)] * 149]))
    assert program.text.count("@entry.part") == 2 * 3
    x, even, odd = np.arange(20, dtype=np.float32), *np.zeros((2, 20), np.float32)
    assert program.call(pointers(x, even, odd), sizes(20)) == 0
    np.testing.assert_array_equal(odd, x * -2)
    np.testing.assert_array_equal(even, x * 2)
    program = Native(chain([*[guarded(30.0)] * 99, guarded(10.0), *[guarded(30.0)] * 50], checks=1))
    assert program.call(pointers(x, even, odd), sizes(20)) == 1 + 99
    assert program.context.failed == 10


def test_llvmlite_has_what_is_called_without_its_lock() -> None:
    assert unlocked() is not None


@pytest.mark.parametrize("locked", [False, True])
def test_modules_are_linked_to_one_program(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal kernels are written once in all of them, and called from the last."""
    if locked:
        monkeypatch.setattr("brasa.codegen.llvm.compile.unlocked", lambda: None)
    program = chain([scaled(2.0, "one"), guarded(99.0), scaled(3.0, "one"), scaled(2.0, "other")], checks=1)
    modules = Modules(host_target(), 10)
    texts = [text for kernel in program.kernels if (text := modules.add(kernel)) is not None]
    texts += modules.finish(program)
    assert [text.count("define hidden") for text in texts] == [1, 1, 1, 0]
    with Compilation(host_target(), 0) as compilation:
        for text in texts[:-1]:
            compilation.add(text)
        files = compilation.finish(texts[-1], 0)
    assert len(files) == 4
    native = Native(program, files=files)
    x, even, odd = np.arange(20, dtype=np.float32), *np.zeros((2, 20), np.float32)
    assert native.call(pointers(x, even, odd), sizes(20)) == 0
    np.testing.assert_array_equal(odd, x * 12)


def test_a_long_entry_has_a_module_of_its_own() -> None:
    """Of many launches; and while modules are compiled on threads, Python's lock changes hands soon."""
    program, usual = chain([scaled(1.0), *[guarded(99.0)] * 99], checks=1), sys.getswitchinterval()
    modules = Modules(host_target(), 1000)
    assert all(modules.add(kernel) is None for kernel in program.kernels)
    kernels, entry = modules.finish(program)
    assert (kernels.count("define hidden"), kernels.count("@entry")) == (2, 0)
    assert (entry.count("declare hidden"), entry.count("define i64 @entry(")) == (2, 1)
    with Compilation(host_target(), 3) as compilation:
        compilation.add(kernels)
        assert sys.getswitchinterval() < usual
        files = compilation.finish(entry, 0)
    assert sys.getswitchinterval() == usual
    native = Native(program, files=files)
    x, even, odd = np.arange(20, dtype=np.float32), *np.zeros((2, 20), np.float32)
    assert native.call(pointers(x, even, odd), sizes(20)) == 0
    np.testing.assert_array_equal(odd, x)


def test_an_error_ends_a_compilation() -> None:
    def compile_one_that_fails() -> None:
        with Compilation(host_target(), 0) as compilation:
            compilation.add("define nonsense")
            compilation.finish("define nonsense too", 0)

    with pytest.raises(RuntimeError, match="nonsense"):
        compile_one_that_fails()


def guarded(limit: float) -> Kernel:
    """out[i] = x[i], with check 0 that x[i] < limit."""
    builder = KernelBuilder("guarded")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    with builder.loop("i", builder.size("n"), "vector") as i:
        builder.check(x.load(i) < limit, i, 0)
        builder.store(out, i, x.load(i))
    return builder.finish()


def test_nothing_runs_after_a_failed_check() -> None:
    """The first launch that fails ends the run, with the program's number of the check and its position."""
    notes = tuple(CheckNote("check", "", N) for _ in range(3))
    signature = Signature("stop", (Input("x", VECTOR),), (VECTOR, VECTOR), sizes=(N,), checks=notes)
    launches = (
        Launch(guarded(30.0), (Place("input", 0), Place("output", 0)), (N,), (2,)),
        Launch(guarded(20.0), (Place("input", 0), Place("output", 0)), (N,), (1,)),
        Launch(scaled(1.0), (Place("input", 0), Place("output", 1)), (N,)),
    )
    program = Native(Program(signature, launches))
    for count, status, position, ran in ((20, 0, -1, True), (25, 2, 20, False), (40, 3, 30, False)):
        x, first, second = np.arange(count, dtype=np.float32), *np.zeros((2, count), np.float32)
        program.context.failed = -1
        assert program.call(pointers(x, first, second), sizes(count)) == status
        assert program.context.failed == position
        assert bool(second.any()) is ran
