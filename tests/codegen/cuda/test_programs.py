"""Whole programs for a GPU, run on the CPU: random graphs and their gradients, with the bits of the CPU's kernels."""

from __future__ import annotations

import sys

import pytest

from brasa.codegen.cuda import emit_cuda
from brasa.codegen.llvm import host_target
from brasa.codegen.schedules.cuda import lower_for_gpu
from brasa.ir.errors import DeviceError, GradientError
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.sizes import graph_symbols
from brasa.passes import PIPELINE, run
from brasa.runtime.cuda import CudaExecutable
from tests.codegen.cuda.host import HostModule, cupy_on_host, needs_compiler, same_bits
from tests.codegen.schedules.running import Machine
from tests.fuzz.graphs import random_graph
from tests.passes.checks import random_arrays


def test_what_has_no_schedule() -> None:
    graph = run(
        parse("graph g(x: f32[n]) {\n  %0: f32[n] = cumsum(x, axis=0, reverse=false)\n  return %0\n}", OPS), PIPELINE
    )
    with pytest.raises(DeviceError, match="cumulate: has no schedule for a GPU"):
        lower_for_gpu(graph)


@needs_compiler
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 60))])
def test_same_bits_as_on_the_cpu(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host())
    try:
        graph = run(random_graph(seed, differentiate=seed % 3 == 0, ordered=False), PIPELINE)
    except GradientError:
        pytest.skip("no gradient")
    program = lower_for_gpu(graph)
    executable, machine = CudaExecutable(program, emit_cuda(program)), Machine(graph, host_target())
    for size in (2, 40):
        sizes = {name: size + j for j, name in enumerate(graph_symbols(graph))}
        ours, theirs = (random_arrays(graph, sizes, seed, special=seed % 2 == 0) for _ in range(2))
        monkeypatch.setattr(HostModule, "reverse", size == 2)
        results = zip(executable(ours), machine.run(*theirs).outputs, strict=True)
        for actual, expected in (*results, *zip(ours, theirs, strict=True)):
            same_bits(actual, expected)
