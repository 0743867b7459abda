"""Random graphs give the same bits fused and with a kernel for each node, whole and in pieces: one answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.ir.dim import evaluate
from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, Node
from brasa.ir.ops.control import fused
from brasa.ir.ops.source import make_input
from brasa.passes import PIPELINE, run
from tests.codegen.schedules.running import Array, Machine
from tests.fuzz.graphs import random_graph


def alone(graph: Graph) -> Graph:
    """The graph with every node in a region of its own."""
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    for node in graph.nodes:
        operands = dict.fromkeys(node.operands)
        inputs = {operand: make_input(f"x{i}", operand.tensor) for i, operand in enumerate(operands)}
        inner = node.replace(tuple(inputs[operand] for operand in node.operands))
        region = Graph(node.op.name, tuple(inputs.values()), (inner,), (inner,))
        new[node] = fused(*(new[operand] for operand in operands), graph=region)
    nodes = tuple(new[node] for node in graph.nodes)
    return Graph(graph.name, graph.inputs, nodes, tuple(new[output] for output in graph.outputs), graph.updates)


def arrays_for(graph: Graph, seed: int) -> list[Array]:
    """Random inputs, with special values among the floats, strided where the graph says so."""
    random = np.random.default_rng(seed)
    sizes = {"n": int(random.integers(2, 40)), "m": int(random.integers(2, 40))}
    made = []
    for node in graph.inputs:
        shape = tuple(evaluate(size, sizes) for size in node.tensor.shape)
        values = random.standard_normal(shape) if node.tensor.dtype.kind == "float" else random.integers(0, 2, shape)
        array = with_gaps(shape, node.tensor.dtype.numpy)
        array[...] = values
        if node.tensor.dtype.kind == "float" and array.size > 3 and seed % 2:
            special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40]
            array[tuple(random.integers(0, size, 3) for size in shape)] = random.choice(special, 3)
        made.append(array if node.attrs.get("strides") else np.array(array, order="C"))
    return made


def with_gaps(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array whose elements lie two apart along every axis."""
    wide = np.zeros(tuple(2 * size for size in shape), dtype)
    return wide[(slice(None, None, 2),) * len(shape)] if shape else wide


def copy_of(array: Array) -> Array:
    """A copy that lies as the array does."""
    if array.flags.c_contiguous:
        return array.copy()
    wide = with_gaps(array.shape, array.dtype)
    wide[...] = array
    return wide


def same(found: Array, wanted: Array) -> bool:
    """Equal bit for bit, all NaNs alike."""
    found, wanted = np.ascontiguousarray(found), np.ascontiguousarray(wanted)
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, wanted))
    bits = np.dtype(f"u{found.itemsize}")
    return bool(np.all((found.view(bits) == wanted.view(bits)) | (np.isnan(found) & np.isnan(wanted))))


@pytest.mark.parametrize("seed", [*range(24), *(pytest.param(n, marks=pytest.mark.long) for n in range(24, 400))])
def test_one_answer(seed: int) -> None:
    try:
        graph = run(random_graph(seed, differentiate=seed % 3 == 0), PIPELINE[:-1])
    except GradientError:
        pytest.skip("no gradient")
    arrays = arrays_for(graph, seed)
    results: list[list[Array]] = []
    for variant in (run(graph, PIPELINE[-1:]), alone(graph)):
        machine = Machine(variant, host_target())
        for piece in (1, 1000):
            result = machine.run(*map(copy_of, arrays), piece=piece)
            assert result.status == 0
            results.append([np.array(output) for output in result.outputs])
    for other in results[1:]:
        assert all(map(same, results[0], other))
