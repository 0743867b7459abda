"""Forward mode against finite differences, for every op that has a gradient, and for loops and branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph
from brasa.ir.interpret import interpret
from brasa.ir.verify import verify
from brasa.passes import jvp_graph, vjp_graph
from tests.ir.ops.test_gradients import DIFFERENTIABLE, normal, smooth_samples
from tests.passes.checks import graph
from tests.passes.test_batch import CHOOSING, COUNTING, SLOW, WALKING

STEP = 1e-6


def assert_moves(before: Graph, arrays: Sequence[Any]) -> None:
    """The outputs move as central differences say."""
    rng = np.random.default_rng(1)
    wanted = tuple(array.dtype.kind in "fc" for array in arrays)
    moves = [np.asarray(normal(rng, array), array.dtype) for array, each in zip(arrays, wanted, strict=True) if each]
    made = verify(jvp_graph(before, wanted))

    def at(step: float) -> tuple[Any, ...]:
        given = iter(moves)
        return interpret(before, [a + step * next(given) if w else a for a, w in zip(arrays, wanted, strict=True)])

    ends = zip(at(STEP), at(-STEP), strict=True)
    numerical = [(high - low) / (2 * STEP) for high, low in ends if high.dtype.kind in "fc"]
    for got, want in zip(interpret(made, [*arrays, *moves]), numerical, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted({*DIFFERENTIABLE} - SLOW - {"eig"}))  # whose vectors may be turned
def test_an_op_moves_as_differences_say(name: str) -> None:
    for sample in [*smooth_samples(name)][:4]:
        assert_moves(sample.taken_apart, sample.arrays())


@pytest.mark.parametrize("text", [CHOOSING, COUNTING, WALKING])
def test_loops_and_branches_move(text: str) -> None:
    rng = np.random.default_rng(0)
    before = graph(text)
    for choice in (True, False):
        shapes = {0: (), 1: (2,), 2: (3, 2)}
        arrays = [
            np.asarray(choice) if node.tensor.dtype.name == "bool"
            else np.asarray(rng.uniform(1.1, 1.4, shapes[node.tensor.rank]))
            for node in before.inputs
        ]  # fmt: skip
        assert_moves(before, arrays)


def test_how_a_loop_moves_has_a_gradient() -> None:
    before = graph(WALKING)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=2), rng.normal(size=(4, 2)), rng.normal(size=2)]
    moved = jvp_graph(before, (True, False, True))
    moves = [rng.normal(size=2), rng.normal(size=2)]
    assert_moves(moved, [*arrays, *moves])
    back = vjp_graph(moved, (True,) * 5)
    seeds = [rng.normal(size=2), rng.normal(size=(4, 2))]
    gradients = interpret(back, [*arrays, *moves, *seeds])
    direction = [rng.normal(size=array.shape) for array in (*arrays, *moves)]

    def weighed(step: float) -> float:
        given = [a + step * d for a, d in zip((*arrays, *moves), direction, strict=True)]
        return sum(np.sum(seed * out) for seed, out in zip(seeds, interpret(moved, given), strict=True))

    numerical = (weighed(STEP) - weighed(-STEP)) / (2 * STEP)
    assert np.isclose(numerical, sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True)), rtol=1e-6)


def test_what_does_not_move() -> None:
    before = graph("""
        graph f(x: f32[n], y: f32[n]) {
          %0: f32[n] = stop_gradient(x)
          %1: f32[n] = mul(%0, y)
          %2: bool[n] = lt(x, y)
          return %1, %2, y
        }""")
    made = jvp_graph(before, (True, False))
    x, y, t = np.float32([1, 2]), np.float32([3, 4]), np.float32([5, 6])
    assert [each.tolist() for each in interpret(made, [x, y, t])] == [[0, 0], [0, 0]]


def test_an_op_without_a_gradient_does_not_move() -> None:
    before = graph("""
        graph f(x: f32[n]) {
          %0: f32[n] = airy_ai(x)
          return %0
        }""")
    with pytest.raises(GradientError, match="airy_ai: has no gradient"):
        jvp_graph(before, (True,))
