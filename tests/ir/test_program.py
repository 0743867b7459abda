"""Programs: what a caller must know, as data that is kept on disk; and where the arena's parts begin."""

from __future__ import annotations

import json

import pytest

from brasa.ir.dim import symbol
from brasa.ir.dtype import bool_, float32
from brasa.ir.errors import ParseError
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
    signature_from_json,
    signature_to_json,
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
    text = json.dumps(signature_to_json(SIGNATURE))
    assert signature_from_json(json.loads(text)) == SIGNATURE
    empty = Signature("nothing", (), ())
    assert signature_from_json(json.loads(json.dumps(signature_to_json(empty)))) == empty


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"outputs": ["f32[2"]}, ParseError),
        ({"sizes": ["n*"]}, ParseError),
        ({"inputs": 3}, TypeError),
        ({"slots": None}, TypeError),
    ],
)
def test_data_that_is_no_signature(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        signature_from_json(signature_to_json(SIGNATURE) | change)


def test_missing_data() -> None:
    data = signature_to_json(SIGNATURE)
    del data["checks"]
    with pytest.raises(KeyError, match="checks"):
        signature_from_json(data)


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
