"""Programs: what a caller must know, as data that is kept on disk; and where the arena's parts begin."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from brasa.ir.dim import symbol
from brasa.ir.dtype import bool_, float32
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.packing import ALIGNMENT
from brasa.ir.program import (
    CheckNote,
    HostStep,
    Input,
    Launch,
    Program,
    Signature,
    Stride,
    place_slots,
)
from brasa.ir.types import TensorType

N, M = symbol("n"), symbol("m")
SIGNATURE = Signature(
    "step",
    (Input("x", TensorType((N, M), float32), ("s", "1")), Input("mask", TensorType((), bool_, "cuda:1"))),
    (TensorType((N * 2, (M - 3) // 2), float32),),
    updates=((0, 1),),
    sizes=(N, M, Stride(0, 0), N % 4),
    slots=(N * M * 4, 64),
    lives=((0, 2), (1, 1)),
    checks=(CheckNote("gather", "model.py:7", N + 1, 0), CheckNote("scatter_add", "", 5)),
    steps=(
        HostStep("resize", (TensorType((N, 2), float32),), (TensorType((M,), float32),), (("to", M), ("axes", (0, 1)))),
    ),
    sure=(0,),
)


def test_signatures_survive_the_disk() -> None:
    assert pickle.loads(pickle.dumps(SIGNATURE)) == SIGNATURE


def test_sizes_have_the_hashes_of_the_process_that_they_come_to() -> None:
    size = N * M // 3 % (N + 1)
    given = pickle.dumps({size: hash(size)})
    program = """
import pickle, sys
from brasa.ir.parsing import parse_size
((found, elsewhere),) = pickle.loads(sys.stdin.buffer.read()).items()
assert hash(found) == hash(parse_size(str(found))) != elsewhere
"""
    seeded = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program], input=given, env=seeded, check=True)


def test_slots_are_aligned_and_do_not_overlap() -> None:
    signature = Signature("f", (), (), slots=(N * 4, 1, N * M, 64))
    for n in (1, 16, 17, 100):
        offsets, end = place_slots(signature, {"n": n, "m": 3})
        needed = [n * 4, 1, n * 3, 64]
        assert all(offset % ALIGNMENT == 0 for offset in offsets)
        for begin, size, after in zip(offsets, needed, [*offsets[1:], end], strict=True):
            assert begin + size <= after < begin + size + ALIGNMENT
    assert place_slots(Signature("f", (), ()), {}) == ([], 0)


def test_each_kernel_is_listed_once() -> None:
    one, two = KernelBuilder("one").finish(), KernelBuilder("two").finish()
    launches = tuple(Launch(kernel, (), ()) for kernel in (one, two, one))
    assert Program(SIGNATURE, launches).kernels == (one, two)


def test_sizes_of_a_host_step() -> None:
    (step,) = SIGNATURE.steps
    assert step.sizes == (N, 2, M, M)
    assert [(buffer.name, buffer.access) for buffer in step.arguments] == [("x0", "in"), ("y0", "out")]


def test_strides_as_text() -> None:
    assert str(Stride(2, 0)) == "stride(2, 0)"
