"""Random loops and branches, and their gradients, as machine code in planned memory: what they evaluate to."""

from __future__ import annotations

import numpy as np
import pytest

import brasa
from brasa.execution.runner import Runner
from brasa.ir.interpret import interpret
from brasa.ir.verify import verify
from brasa.passes import vjp_graph
from tests.passes.fuzz.nesting import arrays_for, nested_graph


def assert_same_values(seed: int) -> None:
    graph = nested_graph(seed)
    for each in (graph, verify(vjp_graph(graph, (True, True, False)))):
        arrays = arrays_for(each, seed, 1 + seed % 19, seed % 4)
        made = Runner(each)([brasa.tensor(array) for array in arrays])
        for got, wanted in zip(made, interpret(each, arrays), strict=True):
            np.testing.assert_allclose(got.numpy(), wanted, 1e-9, 1e-12, err_msg=f"seed {seed}\n{each}")


@pytest.mark.parametrize("seed", range(6))
def test_nested_graphs(seed: int) -> None:
    assert_same_values(seed)


@pytest.mark.long
def test_many_nested_graphs() -> None:
    for seed in range(6, 300):
        assert_same_values(seed)
