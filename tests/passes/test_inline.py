"""Calls become the nodes of the graphs that they hold."""

from __future__ import annotations

from brasa.ir.graph import Graph
from brasa.passes import inline
from tests.passes.checks import assert_pass, assert_same_meaning, graph


def test_nodes_of_inner_calls_stand_in_the_place_of_the_call() -> None:
    held = """
        graph inner(a: f32[p]) {
          %0: f32[p] = neg(a)
          return %0, a
        }
        graph outer(a: f32[q,2], b: f32[q,2]) {
          %0: f32[q*2] = reshape(a, shape=[q*2])
          %1: (f32[q*2], f32[q*2]) = call(%0, graph=@inner)
          %2: f32[q*2] = item(%1, index=0)
          %3: f32[q*2] = item(%1, index=1)
          %4: f32[q*2] = add(%2, %3)
          %5: f32[q,2] = reshape(%4, shape=[q,2])
          %6: f32[q,2] = mul(%5, b)
          return %6
        }"""
    assert_pass(inline, held + """
        graph g(x: f32[n+1,2]) {
          %0: f32[n+1,2] = exp(x)
          %1: f32[n+1,2] = call(%0, x, graph=@outer)
          %2: f32[n+1,2] = tanh(%1)
          return %2
        }""", """
        graph g(x: f32[n+1,2]) {
          %0: f32[n+1,2] = exp(x)
          %1: f32[n*2+2] = reshape(%0, shape=[n*2+2])
          %2: f32[n*2+2] = neg(%1)
          %3: f32[n*2+2] = add(%2, %1)
          %4: f32[n+1,2] = reshape(%3, shape=[n+1,2])
          %5: f32[n+1,2] = mul(%4, x)
          %6: f32[n+1,2] = tanh(%5)
          return %6
        }""")  # fmt: skip


def test_a_graph_called_twice_is_copied_twice_at_its_own_sizes() -> None:
    before = graph("""
        graph double(a: f32[p]) {
          %0: f32[p] = constant(value=2.0)
          %1: f32[p] = mul(a, %0)
          return %1
        }
        graph g(x: f32[n], y: f32[m]) {
          %0: f32[n] = call(x, graph=@double)
          %1: f32[m] = call(y, graph=@double)
          return %0, %1
        }""")
    after = inline(before)
    assert [str(node.type) for node in after.nodes] == ["f32[n]", "f32[n]", "f32[m]", "f32[m]"]
    assert_same_meaning(before, after)


def test_inner_nodes_keep_their_place_and_take_that_of_the_call_if_they_have_none() -> None:
    after = inline(
        graph("""
        graph part(a: f32[p]) {
          %0: f32[p] = neg(a) # layer.py:3
          %1: f32[p] = exp(%0)
          return %1
        }
        graph g(x: f32[n]) {
          %0: f32[n] = call(x, graph=@part) # model.py:7
          return %0
        }""")
    )
    assert [node.where for node in after.nodes] == ["layer.py:3", "model.py:7"]


def test_a_graph_without_calls_is_left_alone() -> None:
    plain: Graph = graph("graph g(x: f32[n]) {\n %0: f32[n] = neg(x)\n return %0\n}")
    assert inline(plain) is plain
