"""Kernels as CUDA text: the text itself, what it computes on the CPU, and that NVIDIA's compilers take it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from brasa.codegen.cuda import emit_cuda
from brasa.ir.dtype import DType, bfloat16, float16, float32
from brasa.ir.errors import GraphError
from brasa.ir.kernel import Expr, Kernel, cast, fma, lane, maximum
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.cuda.host import HostModule, needs_compiler, run_kernel, same_bits
from tests.codegen.cuda.kernels import distances, elementwise, prefixes, reverse_tiles, sums_of_rows
from tests.codegen.cuda.nvidia import compile_for_gpu


def polynomial(x: Expr) -> Expr:
    """Long enough for several lines, and with one value that is used many times."""
    power, result = x, x
    for number in range(12):
        power = maximum(power * x, -2.5)
        result = fma(power, 1 / (number + 3), result)
    return result


KERNELS = (elementwise("polynomial", [float32], polynomial), reverse_tiles(), sums_of_rows(), prefixes(), distances())


def test_text(golden: Callable[[str, str], None]) -> None:
    golden("cuda/kernels.cu", emit_cuda(KERNELS))


def test_nvidia_compiles_it() -> None:
    compile_for_gpu(emit_cuda(KERNELS))


@pytest.mark.parametrize(("dtype", "header"), [(float16, "cuda_fp16.h"), (bfloat16, "cuda_bf16.h")])
def test_headers_are_included(dtype: DType, header: str) -> None:
    text = emit_cuda([elementwise("rounded", [float32], lambda x: cast(cast(x, dtype), float32))])
    assert text.startswith(f"#include <{header}>\n") and text.count("#include") == 1
    assert "#include" not in emit_cuda(KERNELS)


@pytest.fixture(scope="module")
def compiled() -> HostModule:
    return HostModule(emit_cuda(KERNELS))


@pytest.fixture(params=[False, True], ids=["ascending", "descending"])
def module(compiled: HostModule, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HostModule:
    monkeypatch.setattr(HostModule, "reverse", request.param)
    return compiled


@needs_compiler
@pytest.mark.parametrize("n", [0, 1, 64, 100])
def test_shared_memory(n: int, module: HostModule) -> None:
    x, out = np.arange(1, n + 1, dtype=np.float32), np.empty(n, np.float32)
    run_kernel(module, KERNELS[1], (x, out), (n,))
    tiles = np.pad(x, (0, -n % 64)).reshape(-1, 64)[:, ::-1].reshape(-1)
    same_bits(out, tiles[:n].copy())


@needs_compiler
def test_loops_and_checks(module: HostModule) -> None:
    x = np.random.default_rng(0).normal(0, 0.3, (5, 7, 4)).astype(np.float32)
    x[:, 0, 0] = [1, -1, 2, -3, 0]
    checks, sums, large = np.full(2, 1 << 62), np.empty(5, np.float32), np.empty(5, bool)
    run_kernel(module, KERNELS[2], (checks, x, sums, large), (5, 7))
    chains = np.zeros((5, 4))
    for k in range(7):
        chains = np.float32(x[:, k].astype(np.float64) ** 2 + chains).astype(np.float64)
    pairs = chains.astype(np.float32).reshape(5, 2, 2)
    total = (pairs[:, 0, 0] + pairs[:, 0, 1]) + (pairs[:, 1, 0] + pairs[:, 1, 1])
    same_bits(sums, total * np.array([1, -1, 1, -1, 1], np.float32))
    assert large.tolist() == (sums > 1).tolist()
    assert checks.tolist() == [1 << 62, 1]


@needs_compiler
def test_stack(module: HostModule) -> None:
    x, out = np.arange(8) * (1 << 60), np.empty((3, 8), np.int64)
    run_kernel(module, KERNELS[3], (x, out), (3,))
    assert (out == np.cumsum(x)).all()


@needs_compiler
def test_both_arms_of_an_if(module: HostModule) -> None:
    x, out = np.arange(10), np.empty(10, np.int64)
    run_kernel(module, KERNELS[4], (x, out), (10,))
    assert out.tolist() == [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]


@needs_compiler
def test_missing_barriers_show() -> None:
    text = emit_cuda([reverse_tiles()]).replace("__syncthreads();", "")
    x, out = np.ones(64, np.float32), np.empty(64, np.float32)
    run_kernel(HostModule(text), reverse_tiles(), (x, out), (64,))
    assert np.isnan(out).any()


@needs_compiler
def test_lonely_barriers_show() -> None:
    text = emit_cuda([reverse_tiles()]).replace("__syncthreads();", "if (place < 3) __syncthreads();")
    x, out = np.ones(64, np.float32), np.empty(64, np.float32)
    with pytest.raises(AssertionError, match="not all threads reach the barrier"):
        run_kernel(HostModule(text), reverse_tiles(), (x, out), (64,))


def _kernel(kinds: tuple[str, ...], extent: int | None = None) -> Kernel:
    builder = KernelBuilder("k")
    out, n = builder.buffer("out", float32, "out"), builder.size("n")
    for kind in kinds:
        with builder.loop(kind, n if extent is None or kind == "block" else extent, kind) as i:
            builder.store(out, i, 1)
    return builder.finish()


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (_kernel(("block", "block")), "has 2 nests of block loops"),
        (_kernel(("block",)), "0 of thread loops"),
        (_kernel(("block", "thread")), "the extent of a thread loop is not a constant"),
    ],
)
def test_grids_that_are_refused(kernel: Kernel, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        emit_cuda([kernel])


def test_lanes_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="lane of 16 lanes; a GPU has threads"):
        emit_cuda([elementwise("lanes", [float32], lambda x: lane() + 1)])


def test_vector_loops_are_refused() -> None:
    builder = KernelBuilder("k")
    out = builder.buffer("out", float32, "out")
    with builder.loop("block", 1, "block"), builder.loop("thread", 1, "thread"), builder.loop("i", 4, "parallel") as i:
        builder.store(out, i, 1)
    with pytest.raises(NotImplementedError, match="a GPU has no parallel loops"):
        emit_cuda([builder.finish()])
