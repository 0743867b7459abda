"""The memory plan: what lives at one time lies apart."""

from __future__ import annotations

from brasa.ir.dim import symbol
from brasa.ir.dtype import float32
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.program import Input, Launch, Place, Program, Signature
from brasa.ir.types import TensorType
from brasa.passes import plan_memory

N = symbol("n")
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
    first, second, third, fourth = planned.slots
    assert len({first, second, third}) == 3
    assert second != fourth
    assert len(planned.signature.slots) == 3
