"""Checkpointed regions: their values are computed again for gradients, and not before those are there."""

from __future__ import annotations

import numpy as np

from brasa.ir.graph import Graph
from brasa.ir.interpret import interpret
from brasa.ir.verify import verify
from brasa.passes import PIPELINE, Kept, autodiff, ends_of, fuse, run, split
from brasa.passes.recompute import without_gates
from tests.passes.checks import assert_pass, graph, plain

MARKED = """
    graph f(x: f32[n], w: f32[n], g: f32[n]) {
      %0: f32[n] = mul(x, w)
      %1: f32[n] = exp(%0)
      %2: f32[n] = tanh(%1)
      %3: f32[n] = again(%2, x, w)
      %4: f32[n] = mul(%3, x)
      %5: (f32[n], f32[n]) = gradient(%4, g, x, w, outputs=1)
      %6: f32[n] = item(%5, index=0)
      %7: f32[n] = item(%5, index=1)
      return %4, %6, %7
    }"""
UNMARKED = MARKED.replace("again(%2, x, w)", "stop_gradient(%2)").replace("mul(%3, x)", "mul(%2, x)")
REGION = """
    graph f(x: f32[n], w: f32[n]) {
      %0: f32[n] = mul(x, w)
      %1: f32[n] = exp(%0)
      %2: f32[n] = tanh(%1)
      %3: f32[n] = again(%2, x, w)
      return %3
    }"""


def test_a_region_has_twins_that_wait_for_the_gradient() -> None:
    assert_pass(
        autodiff,
        """
        graph f(x: f32[n], g: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = mul(%0, %0)
          %2: f32[n] = again(%1, x)
          %3: (f32[n]) = gradient(%2, g, x, outputs=1)
          %4: f32[n] = item(%3, index=0)
          return %2, %4
        }""",
        """
        graph f(x: f32[n], g: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = mul(%0, %0)
          %2: f32[n] = again(%1, x)
          %3: f32[n] = later(x, g)
          %4: f32[n] = exp(%3)
          %5: f32[n] = mul(g, %4)
          %6: f32[n] = mul(g, %4)
          %7: f32[n] = add(%5, %6)
          %8: f32[n] = mul(%7, %4)
          return %2, %8
        }""",
    )


def test_bits_are_those_without() -> None:
    arrays = [np.random.default_rng(i).normal(size=7).astype(np.float32) for i in range(3)]
    marked, unmarked = (run(verify(graph(text))) for text in (MARKED, UNMARKED))
    for left, right in zip(interpret(marked, arrays), interpret(unmarked, arrays), strict=True):
        assert np.array_equal(left, right)


def test_twins_are_computed_apart_from_what_they_repeat() -> None:
    """Without a region one kernel computes all; with one, a second kernel repeats what the first computes."""
    assert len(_regions(run(graph(UNMARKED)))) == 1
    first, second = _regions(run(graph(MARKED)))
    assert [node.op.name for node in first.nodes].count("exp") == [n.op.name for n in second.nodes].count("exp") == 1


def test_of_what_is_kept_for_a_backward_to_come_nothing_is_inside() -> None:
    cut = split(graph(REGION), (True, True))
    assert cut.kept == (Kept("input", 0), Kept("input", 1))
    assert "later" in str(cut.backward) and "later" not in str(fuse(cut.backward))


def test_gates_are_counted() -> None:
    before = graph("""
        graph f(x: f32[n], g: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = later(x, g)
          %2: f32[n] = exp(%1)
          %3: f32[n] = later(x, %2)
          %4: f32[n] = mul(%0, %3)
          return %4
        }""")
    after, numbers = without_gates(before)
    assert [(node.op.name, numbers.get(node, 0)) for node in after.nodes] == [("exp", 0), ("exp", 1), ("mul", 2)]
    assert plain(without_gates(after)[0]) == plain(after)


def test_where_a_region_begins() -> None:
    made = graph(REGION)
    value = made.nodes[2]
    assert ends_of(value, ()) == made.inputs
    assert ends_of(value, made.nodes[:1]) == made.nodes[:1]


def _regions(made: Graph) -> list[Graph]:
    return [node.attrs["graph"] for node in made.nodes if node.op.name == "fused"]


def test_the_pipeline_leaves_no_gates() -> None:
    assert PIPELINE[-1][0] == "fuse"
    assert "later" not in str(run(graph(MARKED)))
