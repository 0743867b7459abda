"""Programs on a GPU, with NumPy and host-compiled kernels in the place of cupy."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from brasa.codegen.cuda import emit_cuda
from brasa.ir.dim import symbol
from brasa.ir.dtype import bool_, float32
from brasa.ir.errors import IndexError, ShapeError
from brasa.ir.kernel import Expr
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.program import CheckNote, Input, Launch, Place, Program, Signature, Stride
from brasa.ir.types import TensorType
from brasa.runtime.cuda import CudaExecutable
from tests.codegen.cuda.host import cupy_on_host, needs_compiler
from tests.codegen.cuda.kernels import elementwise, sums_of_rows

ROWS, COLUMNS = symbol("rows"), symbol("columns")


def strided_program(planned: bool) -> Program:
    """large = sum of squares of each row of x > 1; total += that sum; corner = the first column of a strided input."""
    builder = KernelBuilder("first_column")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    rows, stride = builder.size("rows"), builder.size("stride")
    with builder.loop("row", rows, "block") as row, builder.loop("thread", 1, "thread"):
        builder.store(out, row, x.load(row * stride))
    return Program(
        Signature(
            "strided",
            (
                Input("x", TensorType((ROWS, COLUMNS), float32)),
                Input("total", TensorType((ROWS,), float32)),
                Input("y", TensorType((ROWS, COLUMNS), float32), ("s", "1")),
            ),
            (TensorType((ROWS,), bool_), TensorType((ROWS,), float32), TensorType((ROWS,), float32)),
            updates=((1, 1),),
            slots=(ROWS * 4,) if planned else (),
            checks=(CheckNote("other", "", 3), CheckNote("gather", "model.py:7", ROWS)),
        ),
        (
            Launch(sums_of_rows(), (Place("input", 0), Place("temporary", 0), Place("output", 0)),
                   (ROWS, COLUMNS // 4), checks=(0, 1)),
            Launch(elementwise("accumulate", [float32, float32], Expr.__add__),
                   (Place("temporary", 0), Place("input", 1), Place("output", 1)), (ROWS,)),
            Launch(builder.finish(), (Place("input", 2), Place("output", 2)), (ROWS, Stride(2, 0))),
        ),
        temporaries=(ROWS * 4,),
        slots=(0,) if planned else (),
    )  # fmt: skip


@pytest.fixture(params=[False, True], ids=["unplanned", "planned"])
def executable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> CudaExecutable:
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host())
    program = strided_program(request.param)
    return CudaExecutable(program, emit_cuda(program))


@needs_compiler
def test_program(executable: CudaExecutable) -> None:
    x = np.abs(np.random.default_rng(0).normal(0, 0.4, (6, 8))).astype(np.float32)
    total, y = np.arange(6, dtype=np.float32), np.arange(96, dtype=np.float32).reshape(6, 16)[:, ::2][:, :8]
    total_before, y = total.copy(), np.lib.stride_tricks.as_strided(y, (6, 8), (64, 4))
    large, updated, corner = executable((x, total, y))
    sums = np.square(x).sum(1) * [1, -1, 1, -1, 1, -1]
    np.testing.assert_allclose(updated, total_before + sums, rtol=1e-6)
    assert updated is total
    assert large.tolist() == (sums > 1).tolist()
    assert corner.tolist() == y[:, 0].tolist()


@needs_compiler
def test_no_rows(executable: CudaExecutable) -> None:
    x = np.empty((0, 8), np.float32)
    assert [each.shape for each in executable((x, x[:, 0].copy(), x))] == [(0,)] * 3


@needs_compiler
def test_failed_check_stops_the_program(executable: CudaExecutable) -> None:
    x, total = np.ones((6, 8), np.float32), np.zeros(6, np.float32)
    x[4, 0] = x[3, 0] = -1
    with pytest.raises(IndexError, match=r"^gather: an index is outside 0\.\.5 \(at element 3\)$"):
        executable((x, total, x))
    assert not total.any()


@needs_compiler
def test_sizes_are_checked(executable: CudaExecutable) -> None:
    x = np.ones((6, 8), np.float32)
    with pytest.raises(ShapeError, match="6 is not 5"):
        executable((x, np.zeros(5, np.float32), x))
