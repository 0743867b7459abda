"""A tile of a matrix product: its accumulators stay in registers."""

from __future__ import annotations

import re

import numpy as np
import pytest

from brasa.codegen.llvm import assembly, emit_program, host_target
from brasa.ir.dtype import float32
from brasa.ir.kernel import LANES, Kernel, fma, lane
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.llvm.kernels import assert_agrees
from tests.codegen.llvm.native import program_of


def product(rows: int, vectors: int) -> Kernel:
    """c = a @ b for row-major matrices of run-time sizes that are whole tiles."""
    builder = KernelBuilder("product")
    a, b = builder.buffer("a", float32, "in"), builder.buffer("b", float32, "in")
    c = builder.buffer("c", float32, "out")
    m, k, n = (builder.size(name) for name in "mkn")
    width = vectors * LANES
    with builder.loop("column", n // width) as column, builder.loop("row", m // rows) as row:
        tile = builder.local("tile", float32, 0.0, lanes=LANES, shape=(rows, vectors))
        unrolled = (builder.loop("i", rows, "unrolled"), builder.loop("j", vectors, "unrolled"))
        with builder.loop("p", k) as p, unrolled[0] as i, unrolled[1] as j:
            right = b.load(p * n + column * width + j * LANES + lane())
            builder.assign(tile, fma(a.load((row * rows + i) * k + p), right, tile[i, j]), (i, j))
        with builder.loop("i", rows, "unrolled") as i, builder.loop("j", vectors, "unrolled") as j:
            builder.store(c, (row * rows + i) * n + column * width + j * LANES + lane(), tile[i, j])
    return builder.finish()


@pytest.mark.parametrize(
    ("processor", "rows", "vectors", "multiplications"),
    (("x86-64-v4", 12, 2, 24), ("x86-64-v4", 8, 3, 24), ("x86-64-v3", 4, 1, 8), ("aarch64", 4, 1, 16)),
)
def test_accumulators_stay_in_registers(processor: str, rows: int, vectors: int, multiplications: int) -> None:
    """Each is the target of one multiplication, and none is written to the stack."""
    target = host_target(processor)
    made = assembly(emit_program(program_of(product(rows, vectors)), target), target)
    kernel = made.split("entry:")[0]
    assert len(re.findall(r"\b(vfmadd\d+ps|fmla)\b", kernel)) == multiplications
    assert not re.findall(r"[xyz]mm\d+, -?\d*\(%r[sb]p\)|str\s+q\d+, \[(?:sp|x29)", kernel)


def test_product() -> None:
    rng = np.random.default_rng(0)
    m, k, n = 8, 19, 64
    arrays = {"a": rng.normal(size=m * k), "b": rng.normal(size=k * n), "c": np.zeros(m * n)}
    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    assert_agrees(product(4, 2), single, m=m, k=k, n=n)
