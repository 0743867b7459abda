"""The NumPy meaning of whole graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse

LAYER = parse(
    """
    graph activated(a: f32[k,4]) {
      %0: f32[k,4] = tanh(a)
      %1: f32[k] = sum(%0, axes=[1])
      return %0, %1
    }
    graph layer(x: f32[n,3], w: f32[3,4]) {
      %0: f32[n,4] = matmul(x, w, order="chain")
      %1: (f32[n,4], f32[n]) = call(%0, graph=@activated)
      %2: f32[n] = item(%1, index=1)
      %3: f32[n,1] = reshape(%2, shape=[n, 1])
      return %3, w, %2
    }
    """,
    OPS,
)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_sizes_come_from_the_arrays(n: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    column, same, row = interpret(LAYER, [x, w])
    np.testing.assert_allclose(row, np.tanh(x @ w).sum(1), rtol=1e-6)
    assert column.shape == (n, 1)
    assert column.dtype == np.float32
    np.testing.assert_array_equal(same, w)


def test_arguments_that_do_not_fit() -> None:
    w = np.zeros((3, 4), np.float32)
    with pytest.raises(ShapeError, match=r"f32\[2,5\] was given for f32\[n,3\]: 3 is not 5"):
        interpret(LAYER, [np.zeros((2, 5), np.float32), w])
    with pytest.raises(DTypeError, match=r"f64\[2,3\] was given for f32\[n,3\]"):
        interpret(LAYER, [np.zeros((2, 3)), w])
    with pytest.raises(ShapeError, match=r"takes \(f32\[n,3\], f32\[3,4\]\), not 1 tensors"):
        interpret(LAYER, [np.zeros((2, 3), np.float32)])


def test_known_sizes() -> None:
    """Those of a region, which only the graph around it can tell."""
    region = parse("graph region(x: f32[n*2]) {\n  %0: f32[n,2] = reshape(x, shape=[n, 2])\n  return %0\n}", OPS)
    (made,) = interpret(region, [np.arange(6, dtype=np.float32)], {"n": 3})
    assert made.shape == (3, 2)
    with pytest.raises(ShapeError, match=r"f32\[6\] was given for f32\[n\*2\]: n\*2 is not 6"):
        interpret(region, [np.arange(6, dtype=np.float32)])


def test_infinities_are_values() -> None:
    graph = parse("graph f(x: f32[2]) {\n  %0: f32[2] = log(x)\n  %1: f32[2] = div(%0, x)\n  return %1\n}", OPS)
    (made,) = interpret(graph, [np.array([0, -1], np.float32)])
    np.testing.assert_array_equal(made, [-np.inf, np.nan])


def test_results_are_row_major() -> None:
    graph = parse("graph f(x: f32[2,3]) {\n  %0: f32[3,2] = permute(x, axes=[1, 0])\n  return %0\n}", OPS)
    (made,) = interpret(graph, [np.zeros((2, 3), np.float32)])
    assert made.flags.c_contiguous


HELD = """
graph tripled(x: f32[]) {
  %0: f32[] = constant(value=3)
  %1: f32[] = mul(%0, x)
  return %1
}

graph same(x: f32[]) {
  return x
}

graph f(x: f32[], b: bool[]) {
  %0: f32[] = call(x, graph=@tripled)
  %1: f32[] = cond(b, %0, then=@tripled, otherwise=@same)
  return %1
}
"""


def test_changes_reach_the_graphs_that_nodes_hold() -> None:
    graph = parse(HELD, OPS)
    seen: list[float] = []

    def note(value: Any) -> Any:
        seen.append(float(value))
        return value * 2

    (made,) = interpret(graph, [np.float32(1), np.array(True)], change=note)
    assert seen == [3, 6, 12, 3, 6 * 24, 2 * 6 * 24]
    assert made == 4 * 6 * 24
