"""Sizes that are numbers as sizes with names."""

from __future__ import annotations

import pytest

from brasa.codegen.schedules.generalize import generalized
from tests.codegen.schedules.running import read


def test_numbers_become_names() -> None:
    """Equal numbers one name, the ones stay, and no name is taken twice."""
    region = read("""
graph region(x: f32[n3,1,3], y: f32[4,3], g: f32[n]) {
  %0: f32[n3,4,3] = expand(x, shape=[n3, 4, 3])
  %1: f32[n3,4,3] = expand(y, shape=[n3, 4, 3])
  %2: f32[n3,4,3] = add(%0, %1)
  %3: f32[n3,4] = sum(%2, axes=[2])
  return %3
}""")
    found = generalized(region)
    assert found is not None
    graph, values = found
    assert [str(node.type) for node in graph.inputs] == ["f32[n3,1,n3_]", "f32[n4,n3_]", "f32[n]"]
    assert str(graph.outputs[0].type) == "f32[n3,n4]"
    assert {name: str(size) for name, size in values.items()} == {"n3": "n3", "n": "n", "n3_": "3", "n4": "4"}


@pytest.mark.parametrize("body", [
    "%0: f32[2,6] = reshape(x, shape=[2, 6])\n %1: f32[2,6] = neg(%0)",  # only numbers say that 3*4 is 2*6
    "%0: f32[3,2] = slice(x, starts=[0, 1], sizes=[3, 2], steps=[1, 1])\n %1: f32[3,2] = neg(%0)",
    "%0: f32[3,4] = cumsum(x, axis=1, reverse=False)\n %1: f32[3,4] = neg(%0)",
])  # fmt: skip
def test_some_regions_need_their_numbers(body: str) -> None:
    assert generalized(read(f"graph region(x: f32[3,4]) {{\n {body}\n return %1\n}}")) is None
