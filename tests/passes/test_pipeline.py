"""The pipeline: passes in order, what is told about each, and whose fault a broken graph is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph
from brasa.passes import PIPELINE, run
from tests.passes.checks import graph
from tests.passes.models import perceptron

TEXT = "graph g(x: f32[n]) {\n %0: f32[n] = exp(x)\n %1: f32[n] = neg(%0)\n return %1\n}"


def test_names_are_the_functions_with_dashes() -> None:
    assert all(name == function.__name__.replace("_", "-") for name, function in PIPELINE)


def test_each_pass_is_observed() -> None:
    seen: list[tuple[str, Graph, float]] = []
    result = run(graph(TEXT), observe=lambda *each: seen.append(each))
    assert [name for name, _, _ in seen] == [name for name, _ in PIPELINE]
    assert seen[-1][1] is result
    assert all(seconds >= 0 for _, _, seconds in seen)


def test_a_broken_graph_names_the_pass_and_those_before() -> None:
    def spoil(whole: Graph) -> Graph:
        return Graph(whole.name, whole.inputs, whole.nodes[1:], whole.outputs)

    with pytest.raises(GraphError, match=r"spoil made a graph.*\(passes before it: simplify, inline\)(.|\n)*> +%0"):
        run(graph(TEXT), [*PIPELINE[3:4], *PIPELINE[1:2], ("spoil", spoil)], check=True)
    assert len(run(graph(TEXT), [("spoil", spoil)]).nodes) == 1


def test_the_whole_pipeline_is_well_formed_at_every_step() -> None:
    run(perceptron(), check=True)


def test_networkx_is_not_loaded() -> None:
    code = f"""
import sys
import brasa.passes
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
brasa.passes.run(parse({TEXT!r}, OPS))
assert "networkx" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
