"""Graphs as pictures: every value and every edge is there, as text that is well-formed."""

from __future__ import annotations

import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from brasa.ir.graph import Kind
from brasa.passes.draw import COLORS, layered_svg, to_dot, to_networkx, to_svg
from tests.passes.checks import graph

TEXT = """
    graph half(a: f32[m]) {
      %0: f32[m] = constant(value=0.5)
      %1: f32[m] = mul(a, %0)
      return %1
    }
    graph g(x: f32[n,4], w: f32[4,4]) {
      %0: f32[n,4] = matmul(x, w, order="chain") # net.py:3 <fc>
      %1: f32[n*4] = reshape(%0, shape=[n*4])
      %2: f32[n*4] = call(%1, graph=@half)
      %3: f32[n*4] = add(%2, %2)
      return %3, x
    }"""
EDGES = {
    ("x", "%0"), ("w", "%0"), ("%0", "%1"), ("%1", "%2"), ("%2", "%3"), ("%3", "output 0"), ("x", "output 1"),
}  # fmt: skip


def test_values_and_edges() -> None:
    drawn = to_networkx(graph(TEXT))
    assert set(drawn.edges) == EDGES
    assert drawn.nodes["%0"]["label"] == ('%0 = matmul "chain"', "f32[n,4]")
    assert drawn.nodes["%2"]["label"] == ("%2 = call @half", "f32[n*4]")


def test_every_kind_has_a_color() -> None:
    assert set(COLORS) == set(Kind)


def test_dot_names_every_value_and_edge() -> None:
    text = to_dot(graph(TEXT))
    assert text.startswith('digraph "g" {\n')
    assert '  "%0" [label="%0 = matmul \\"chain\\"\\nf32[n,4]", fillcolor="#f5b9a8"];' in text
    assert {line.strip() for line in text.split("\n") if "->" in line} == {f'"{a}" -> "{b}";' for a, b in EDGES}


def test_plain_svg_puts_values_in_layers_that_do_not_overlap() -> None:
    root = ElementTree.fromstring(layered_svg(graph(TEXT)))
    name = "{http://www.w3.org/2000/svg}"
    boxes = [
        {key: float(box.get(key, "nan")) for key in ("x", "y", "width", "height")} for box in root.iter(f"{name}rect")
    ]
    assert len(boxes) == 8
    for i, one in enumerate(boxes):
        assert one["x"] + one["width"] <= float(root.get("width", "0"))
        assert one["y"] + one["height"] <= float(root.get("height", "0"))
        for other in boxes[:i]:
            assert (
                one["y"] != other["y"]
                or one["x"] >= other["x"] + other["width"]
                or other["x"] >= one["x"] + one["width"]
            )
    texts = [element.text for element in root.iter(f"{name}text")]
    assert "%1 = reshape [n*4]" in texts
    assert [element.text for element in root.iter(f"{name}title")] == ["net.py:3 <fc>"]
    assert len(list(root.iter(f"{name}path"))) == len(EDGES)


@pytest.mark.parametrize("installed", [False, True])
def test_graphviz_draws_where_it_is_installed(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def run(command: list[str], *, input: str, **_: object) -> subprocess.CompletedProcess[str]:
        given.extend((*command, input))
        return subprocess.CompletedProcess(command, 0, stdout="<svg/>", stderr="")

    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/dot" if installed else None)
    monkeypatch.setattr(subprocess, "run", run)
    drawn = to_svg(graph(TEXT))
    assert given == (["/usr/bin/dot", "-Tsvg", to_dot(graph(TEXT))] if installed else [])
    assert drawn == ("<svg/>" if installed else layered_svg(graph(TEXT)))
