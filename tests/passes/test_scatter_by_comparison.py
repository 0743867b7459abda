"""A scatter of one value per row into zeros becomes elementwise where the places are checked anyway."""

from __future__ import annotations

import pytest

from brasa.passes import scatter_by_comparison
from tests.passes.checks import assert_same_meaning, graph, plain

TEXT = """
    graph g(x: f32[n,3], place: i64[n,1], v: f32[n,1], other: i64[n,1], more: i64[n,2], w: f32[n,2]) {
      %0: f32[n,1] = gather(x, place, axis=1)
      %1: f32[n,3] = constant(value=ZERO)
      %2: f32[n,3] = scatter_add(%1, PLACE, VALUE, axis=1)
      return %0, %2
    }"""


def scatter(zero: str = "0", place: str = "place", value: str = "v") -> str:
    return TEXT.replace("ZERO", zero).replace("PLACE", place).replace("VALUE", value)


def test_one_value_per_row() -> None:
    before = graph(scatter())
    after = scatter_by_comparison(before)
    assert "scatter_add" not in {node.op.name for node in after.outputs}
    for seed in range(5):
        assert_same_meaning(before, after, seed, special=True)


@pytest.mark.parametrize("text", [
    scatter(zero="-0.0"), scatter(zero="1.0"), scatter(place="other"), scatter(place="more", value="w"),
])  # fmt: skip
def test_other_scatters_stay(text: str) -> None:
    before = graph(text)
    assert plain(scatter_by_comparison(before)) == plain(before)
