"""Loops and branches in programs: their text, where values lie while they run, and that they run."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.codegen.schedules import lower
from brasa.codegen.schedules.cuda import lower_for_gpu
from brasa.ir.errors import DeviceError
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.program_text import print_program
from brasa.passes import PIPELINE, plan_memory, run
from brasa.passes.plan_memory import lifetimes
from tests.codegen.schedules.running import Machine

CELL = """
graph cell(h: f32[k], x: f32[k], w: f32[k,k]) {
  %0: f32[1,k] = reshape(h, shape=[1, k])
  %1: f32[1,k] = matmul(%0, w, order="chain")
  %2: f32[k] = reshape(%1, shape=[k])
  %3: f32[k] = add(%2, x)
  return %3, %3
}
"""
LOOP = f"""{CELL}
graph loop(h: f32[n], xs: f32[t,n], w: f32[n,n]) {{
  %0: f32[n,n] = neg(w)
  %1: (f32[n], f32[t,n]) = scan(h, xs, %0, graph=@cell, carries=1, sequences=1, length=t, reverse=true)
  %2: f32[n] = item(%1, index=0)
  %3: f32[t,n] = item(%1, index=1)
  return %2, %3
}}"""
NEWTON = """
graph step(go: bool[], r: f64[], a: f64[]) {
  %0: f64[] = div(a, r)
  %1: f64[] = add(r, %0)
  %2: f64[] = constant(value=0.5)
  %3: f64[] = mul(%1, %2)
  %4: bool[] = ne(%3, r)
  return %4, %3
}
graph same(r: f64[]) {
  return r
}
graph rough(r: f64[]) {
  %0: f64[] = neg(r)
  return %0
}
graph newton(a: f64[], exact: bool[]) {
  %0: f64[] = while(exact, a, a, graph=@step, carries=2)
  %1: f64[] = cond(exact, %0, then=@same, otherwise=@rough)
  return %1
}"""


def test_a_loop_reads_as_one() -> None:
    fused = run(parse(LOOP, OPS), PIPELINE, check=True)
    assert str(parse(str(fused), OPS)) == str(fused)
    program = plan_memory(lower(fused, host_target()))
    text = [line.split("#")[0].rstrip() for line in print_program(program).splitlines()]
    begin = next(i for i, line in enumerate(text) if line.startswith("  loop"))
    assert [line.split(";")[0] for line in text[begin : begin + 7]] == [
        "  loop t times {",
        "    part0 = xs at bytes n*t*4-n*4 + iteration * (-n*4)",
        "    part1 = result1 at bytes n*t*4-n*4 + iteration * (-n*4)",
        "    matmul_add(in t1, in t0, in part0, out t2",
        "    copy(in t2, out part1",
        "    swap t1 and t2",
        "  }",
    ]


def test_what_a_loop_touches_lives_as_long_as_it_runs() -> None:
    program = lower(run(parse(LOOP, OPS), PIPELINE), host_target())
    lives = lifetimes(program)
    assert lives[0] == (0, 3)  # the weights: made before, read by every step
    assert lives[1] == lives[2] == (1, 4)  # both places of the carry, from its copy in to its copy out


@pytest.mark.parametrize("steps", [0, 1, 4, 5])
def test_a_loop_runs(steps: int) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-3, 4, shape).astype(np.float32) for shape in ((3,), (steps, 3), (3, 3))]
    graph = parse(LOOP, OPS)
    made = Machine(run(graph, PIPELINE), host_target()).run(*arrays)
    for got, wanted in zip(made.outputs, interpret(graph, arrays), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("exact", [False, True])
def test_while_and_branch_run(exact: bool) -> None:
    graph = parse(NEWTON, OPS)
    arrays = [np.asarray(2.0), np.asarray(exact)]
    program = plan_memory(lower(run(graph, PIPELINE), host_target()))
    assert "  loop while t" in print_program(program) and "  if exact {" in print_program(program)
    (got,) = Machine(run(graph, PIPELINE), host_target()).run(*arrays).outputs
    np.testing.assert_array_equal(got, interpret(graph, arrays)[0])
    assert abs(got - (np.sqrt(2.0) if exact else -2.0)) < 1e-15


def test_there_is_no_schedule_for_a_gpu_yet() -> None:
    with pytest.raises(DeviceError, match="scan: has no schedule for a GPU yet"):
        lower_for_gpu(run(parse(LOOP, OPS), PIPELINE))
