"""Programs as text."""

from __future__ import annotations

from brasa.ir.dim import symbol
from brasa.ir.dtype import float32
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.program import Input, Launch, Place, Program, Signature, Stride
from brasa.ir.program_text import print_program
from brasa.ir.types import TensorType

N = symbol("n")
TYPE = TensorType((N, 4), float32)


def test_print_program() -> None:
    builder = KernelBuilder("twice")
    source, result = builder.buffer("x", float32, "in"), builder.buffer("y", float32, "out")
    builder.buffer("tile", float32, "stack", 16)
    with builder.loop("i", builder.size("n")) as i:
        builder.store(result, i, source.load(i) + source.load(i))
    kernel = builder.finish()
    inputs = (Input("x", TYPE, ("s", "1")), Input("state", TYPE))
    slots = (N * 16, 64)
    signature = Signature("step", inputs, (TYPE, TYPE), ((1, 1),), (N, Stride(0, 0)), slots)
    launches = (
        Launch(kernel, (Place("input", 0), Place("temporary", 0)), (N * 4, Stride(0, 0)), where="model.py:3"),
        Launch(kernel, (Place("temporary", 0), Place("output", 1)), (N * 4,)),
    )
    program = Program(signature, launches, (N * 16, 8, N * 8), (0, 1, 0))
    assert print_program(program) == (
        "program step(x: f32[n,4] strides(s,1), state: f32[n,4]) {\n"
        "  slot 0: n*16 bytes  # t0 (n*16 bytes), t2 (n*8 bytes)\n"
        "  slot 1: 64 bytes  # t1 (8 bytes)\n"
        "  twice(in x, out t0; n*4, stride(0, 0))                         # model.py:3\n"
        "  twice(in t0, out result1; n*4)\n"
        "  return result0: f32[n,4], result1: f32[n,4] into state\n"
        "}"
    )
