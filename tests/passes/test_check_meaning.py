"""A pass or rule that changes what a graph means is found, named and left out; the result is right."""

from __future__ import annotations

import pytest

from brasa.ir.graph import Graph, Node, rewrite
from brasa.ir.types import TensorType
from brasa.passes import PIPELINE, rules, run
from brasa.passes.check_meaning import Doubt, checked_passes, difference, samples
from brasa.passes.rules import Rule
from tests.passes.checks import assert_same_meaning, graph

PROGRAM = """
    graph g(x: f32[n,m], y: f32[n,m]) {
      %0: f32[n,m] = sub(x, y)
      %1: f32[n,m] = tanh(%0)
      %2: f32[n,m] = mul(%1, %1)
      %3: f32[n] = sum(%2, axes=[1])
      %4: f32[n,m] = neg(%1)
      return %3, %4
    }"""


def exchange(graph: Graph) -> Graph:
    def change(node: Node) -> Node:
        return node.replace(node.operands[::-1]) if node.op.name == "sub" else node

    return rewrite(graph, change)


def retype(graph: Graph) -> Graph:
    def change(node: Node) -> Node:
        return node.replace(node.operands, type=TensorType((3,), node.tensor.dtype)) if node.op.name == "sum" else node

    return rewrite(graph, change)


def found(*steps: tuple[str, object]) -> list[Doubt]:
    """The doubts of a run of the program through the pipeline with these steps in front, which must change nothing."""
    doubts: list[Doubt] = []
    before = graph(PROGRAM)
    after = run(before, checked_passes(doubts.append, (*steps, *PIPELINE)), check=True)  # type: ignore[arg-type]
    assert_same_meaning(before, after)
    return doubts


def test_the_passes_are_right() -> None:
    assert found() == []


def test_a_wrong_rule_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Rule("tanh is a sign.", "tanh(x)", "x")
    monkeypatch.setattr(rules, "RULES", (*rules.RULES[:5], wrong, *rules.RULES[5:]))
    (doubt,) = found()
    assert (doubt.name, doubt.rule) == ("simplify", "tanh is a sign.")
    assert "tanh" in str(doubt.before)
    assert len(doubt.before.nodes) < 5
    assert wrong not in rules.RULES


def test_a_wrong_pass_is_named_and_left_out() -> None:
    (doubt,) = found(("exchange", exchange))
    assert (doubt.name, doubt.rule) == ("exchange", "")
    assert "sub" in str(doubt.before)
    assert "became" in doubt.fact


def test_a_graph_that_is_not_well_formed() -> None:
    (doubt,) = found(("retype", retype))
    assert doubt.fact.startswith("it is not well-formed")


def test_what_differs() -> None:
    text = "graph g(x: f32[n]) {\n %0: f32[n] = exp(x)\n return %0\n}"
    assert difference(graph(text), graph(text)) == ""
    assert "became" in difference(graph(text), graph(text.replace("exp", "neg")))


def test_sizes_at_which_values_are_too_large_are_left_out() -> None:
    text = "graph g(x: f32[n]) {\n %0: f32[524288,n] = expand(x, shape=[524288, n])\n return %0\n}"
    assert [sizes for sizes, _, _ in samples(graph(text))] == [{"n": 2}]


def test_sizes_at_which_a_size_is_divided_by_zero_are_left_out() -> None:
    text = "graph g(x: f32[n,1]) {\n %0: f32[n,6//(n-2)] = expand(x, shape=[n, 6//(n-2)])\n return %0\n}"
    assert {"n": 3} in [sizes for sizes, _, _ in samples(graph(text))]
