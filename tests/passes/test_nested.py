"""Passes on loops and branches: text before and after, gradients against finite differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from brasa.ir.graph import Graph
from brasa.ir.interpret import interpret
from brasa.ir.verify import verify
from brasa.passes import PIPELINE, eliminate_dead, optimize_bodies, run, split, vjp_graph
from tests.passes.checks import assert_pass, graph, plain

CELL = """
graph cell(h: f64[k], c: f64[k], x: f64[k], w: f64[k]) {
  %0: f64[k] = mul(h, w)
  %1: f64[k] = tanh(%0)
  %2: f64[k] = add(%1, x)
  %3: f64[k] = mul(c, %2)
  return %2, %3, %3, h, c
}
"""
LOOP = (
    CELL
    + """
graph loop(h: f64[n], c: f64[n], xs: f64[t,n], w: f64[n]) {
  %0: (f64[n], f64[n], f64[t,n], f64[t,n], f64[t,n]) = scan(h, c, xs, w, graph=@cell, carries=2, sequences=1,
                                                            length=t, reverse=false)
  %1: f64[n] = item(%0, index=0)
  %2: f64[t,n] = item(%0, index=2)
  return %1, %2
}"""
)


def test_what_is_not_read_is_neither_carried_nor_stacked() -> None:
    before = LOOP.replace("return %1, %2\n}", "return %1\n}", 2)
    assert_pass(eliminate_dead, before, """
        graph cell(h: f64[k], x: f64[k], w: f64[k]) {
          %0: f64[k] = mul(h, w)
          %1: f64[k] = tanh(%0)
          %2: f64[k] = add(%1, x)
          return %2
        }
        graph loop(h: f64[n], c: f64[n], xs: f64[t,n], w: f64[n]) {
          %0: f64[n] = scan(h, xs, w, graph=@cell, carries=1, sequences=1, length=t, reverse=false)
          return %0
        }""")  # fmt: skip


def test_an_operand_that_tells_a_size_stays() -> None:
    text = """
        graph cell(h: f32[], x: f32[], like: f32[m]) {
          %0: f32[] = constant(value=m)
          %1: f32[] = add(h, %0)
          return %1, x
        }
        graph loop(h: f32[], xs: f32[t]) {
          %0: (f32[], f32[t]) = scan(h, xs, xs, graph=@cell, carries=1, sequences=1, length=t, reverse=false)
          %1: f32[] = item(%0, index=0)
          return %1
        }"""
    assert_pass(eliminate_dead, text, """
        graph cell(h: f32[], like: f32[m]) {
          %0: f32[] = constant(value=m)
          %1: f32[] = add(h, %0)
          return %1
        }
        graph loop(h: f32[], xs: f32[t]) {
          %0: f32[] = scan(h, xs, graph=@cell, carries=1, sequences=0, length=t, reverse=false)
          return %0
        }""")  # fmt: skip


def test_branches_and_while_keep_what_their_results_need() -> None:
    assert_pass(eliminate_dead, """
        graph one(a: f32[k], b: f32[k]) {
          %0: f32[k] = exp(b)
          return a, %0
        }
        graph other(a: f32[k], b: f32[k]) {
          %0: f32[k] = neg(a)
          return %0, b
        }
        graph body(go: bool[], i: f32[], j: f32[]) {
          %0: f32[] = exp(i)
          %1: f32[] = exp(j)
          return go, %0, %1
        }
        graph f(c: bool[], x: f32[n], y: f32[n], i: f32[], j: f32[]) {
          %0: (f32[n], f32[n]) = cond(c, x, y, then=@one, otherwise=@other)
          %1: f32[n] = item(%0, index=0)
          %2: (f32[], f32[]) = while(c, i, j, graph=@body, carries=3)
          %3: f32[] = item(%2, index=1)
          return %1, %3
        }""", """
        graph one(a: f32[k]) {
          return a
        }
        graph other(a: f32[k]) {
          %0: f32[k] = neg(a)
          return %0
        }
        graph body(go: bool[], j: f32[]) {
          %0: f32[] = exp(j)
          return go, %0
        }
        graph f(c: bool[], x: f32[n], y: f32[n], i: f32[], j: f32[]) {
          %0: f32[n] = cond(c, x, then=@one, otherwise=@other)
          %1: f32[] = while(c, j, graph=@body, carries=2)
          return %0, %1
        }""")  # fmt: skip


def test_bodies_speak_the_sizes_around_them() -> None:
    made = plain(optimize_bodies(eliminate_dead(graph(LOOP))))
    assert "graph cell(h: f64[n], c: f64[n], x: f64[n], w: f64[n]) {" in made
    assert "= fused(h, w, x, c, graph=@mul_tanh_add)" in made


def test_sizes_that_are_computed() -> None:
    before = graph("""
        graph step(h: f64[k], x: f64[k]) {
          %0: f64[k] = add(h, x)
          return %0, %0
        }
        graph loop(a: f64[n], xs: f64[t,n]) {
          %0: f64[n*2] = concat(a, a, axis=0)
          %1: f64[t,n*2] = concat(xs, xs, axis=1)
          %2: (f64[n*2], f64[t,n*2]) = scan(%0, %1, graph=@step, carries=1, sequences=1, length=t, reverse=false)
          %3: f64[t,n*2] = item(%2, index=1)
          return %3
        }""")  # fmt: skip
    arrays = [np.arange(2.0), np.arange(6.0).reshape(3, 2)]
    (made,) = interpret(run(before, PIPELINE, check=True), arrays)
    np.testing.assert_array_equal(made, np.tile(np.cumsum(arrays[1], 0) + arrays[0], 2))


def derivative(graph: Graph, arrays: Sequence[Any], seeds: Sequence[Any], ways: Sequence[Any]) -> float:
    """Of the outputs weighted by the seeds, along the ways, by differences."""

    def at(step: float) -> float:
        moved = [array + step * way for array, way in zip(arrays, ways, strict=True)]
        return sum(float((out * seed).sum()) for out, seed in zip(interpret(graph, moved), seeds, strict=True))

    return (at(1e-6) - at(-1e-6)) / 2e-6


BRANCH = """
graph one(a: f64[k], b: f64[k]) {
  %0: f64[k] = mul(a, b)
  %1: f64[k] = tanh(%0)
  return %1
}
graph other(a: f64[k], b: f64[k]) {
  %0: f64[k] = exp(a)
  return %0
}
graph branch(x: f64[n], y: f64[n]) {
  %0: f64[] = sum(x, axes=[0])
  %1: f64[] = constant(value=0.0)
  %2: bool[] = SIGN(%0, %1)
  %3: f64[n] = cond(%2, x, y, then=@one, otherwise=@other)
  return %3
}"""
ECHO = """
graph echo(h: f64[k], x: f64[k], w: f64[k]) {
  %0: f64[k] = mul(h, w)
  %1: f64[k] = tanh(%0)
  %2: f64[k] = mul(%1, x)
  return %2, %2
}
graph loop(h: f64[n], xs: f64[t,n], w: f64[n]) {
  %0: (f64[n], f64[t,n]) = scan(h, xs, w, graph=@echo, carries=1, sequences=1, length=t, reverse=WAY)
  %1: f64[t,n] = item(%0, index=1)
  return %1
}"""
TWICE = """
graph step(h: f64[k], w: f64[k]) {
  %0: f64[k] = mul(h, w)
  %1: f64[k] = tanh(%0)
  %2: f64[k] = sin(%1)
  return %1, %2, %2
}
graph loop(h: f64[n], w: f64[n]) {
  %0: (f64[n], f64[3,n], f64[3,n]) = scan(h, w, graph=@step, carries=1, sequences=0, length=3, reverse=false)
  %1: f64[3,n] = item(%0, index=1)
  %2: f64[3,n] = item(%0, index=2)
  %3: f64[3,n] = mul(%1, %2)
  return %3
}"""
NESTED = """
graph inner(h: f64[], x: f64[], w: f64[]) {
  %0: f64[] = mul(h, w)
  %1: f64[] = add(%0, x)
  %2: f64[] = sin(%1)
  return %2, %2, h
}
graph outer(h: f64[], xs: f64[m], w: f64[]) {
  %0: (f64[], f64[m], f64[m]) = scan(h, xs, w, graph=@inner, carries=1, sequences=1, length=m, reverse=true)
  %1: f64[] = item(%0, index=0)
  %2: f64[m] = item(%0, index=1)
  return %1, %2, h
}
graph twice(h: f64[], xs: f64[t,n], w: f64[]) {
  %0: (f64[], f64[t,n], f64[t]) = scan(h, xs, w, graph=@outer, carries=1, sequences=1, length=t, reverse=false)
  %1: f64[] = item(%0, index=0)
  %2: f64[t,n] = item(%0, index=1)
  return %1, %2
}"""


GROUPED = """
graph cell(h: f64[r,k], x: f64[r,k], w: f64[k,k], b: f64[k]) {
  %0: f64[k,k] = permute(w, axes=[1, 0])
  %1: f64[r,k] = matmul(h, %0, order="dot")
  %2: f64[r,k] = expand(b, shape=[r, k])
  %3: f64[r,k] = add(%1, %2)
  %4: f64[r,k] = add(%3, x)
  %5: f64[r,k] = tanh(%4)
  return %5, %5, %4, h
}
graph layer(h: f64[n,m], xs: f64[t,n,m], w: f64[m,m], b: f64[m]) {
  %0: (f64[n,m], f64[t,n,m], f64[t,n,m], f64[t,n,m]) = scan(h, xs, w, b, graph=@cell, carries=1, sequences=1,
                                                            length=t, reverse=false, grouped=true)
  %1: f64[n,m] = item(%0, index=0)
  %2: f64[t,n,m] = item(%0, index=1)
  return %1, %2
}"""


@pytest.mark.parametrize(("text", "shapes"), [
    (LOOP, [(3,), (3,), (4, 3), (3,)]),
    (ECHO.replace("WAY", "false"), [(3,), (4, 3), (3,)]),
    (ECHO.replace("WAY", "true"), [(3,), (4, 3), (3,)]),
    (TWICE, [(3,), (3,)]),
    (NESTED, [(), (3, 2), ()]),
    (GROUPED, [(3, 2), (4, 3, 2), (2, 2), (2,)]),
    (BRANCH.replace("SIGN", "lt"), [(3,), (3,)]),
    (BRANCH.replace("SIGN", "ge"), [(3,), (3,)]),
], ids=["scan", "forwards", "backwards", "twice", "scan in scan", "grouped scan", "then", "otherwise"])  # fmt: skip
def test_gradients_are_differences(text: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(1)
    first = graph(text)
    arrays = [rng.normal(size=shape) for shape in shapes]
    for _ in range(2):  # the gradient, and the gradient of the gradient
        seeds = [rng.normal(size=out.shape) for out in interpret(first, arrays)]
        ways = [rng.normal(size=array.shape) for array in arrays]
        back = verify(vjp_graph(first, (True,) * len(arrays)))
        found = interpret(back, [*arrays, *seeds])
        got = sum(float((each * way).sum()) for each, way in zip(found, ways, strict=True))
        wanted = derivative(first, arrays, seeds, ways)
        assert abs(got - wanted) < 1e-6 * max(1, abs(wanted))
        for small, whole in zip(interpret(run(back, PIPELINE, check=True), [*arrays, *seeds]), found, strict=True):
            np.testing.assert_array_equal(small, whole)
        first, arrays = back, [*arrays, *seeds]


def test_a_carry_that_is_a_result_is_not_stacked_twice() -> None:
    parts = split(graph(ECHO.replace("WAY", "false")), (True, True, True))
    assert [kept.role for kept in parts.kept] == ["input", "input", "input", "output"]


def test_backward_reads_what_the_forward_scan_gives() -> None:
    parts = split(graph(LOOP), (False, False, False, True))
    assert [node.op.name for node in parts.forward.nodes if node.op.name != "item"] == ["scan"]
    assert [node.op.name for node in parts.backward.nodes].count("scan") == 1
    assert [(kept.role) for kept in parts.kept] == ["input", "input", "extra", "extra"]


def test_a_grouped_scan_multiplies_for_shared_weights_once() -> None:
    back = eliminate_dead(vjp_graph(graph(GROUPED), (True,) * 4))
    (loop,) = [node for node in back.nodes if node.op.name == "scan" and node.attrs["reverse"]]
    assert [node.op.name for node in back.nodes].count("matmul") == 1  # over all steps; and the bias' sum
    assert [node.op.name for node in loop.attrs["graph"].nodes].count("matmul") == 1  # to the state before
    assert "sum" not in [node.op.name for node in loop.attrs["graph"].nodes]
    assert loop.attrs["carries"] == 1
