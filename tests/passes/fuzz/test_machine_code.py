"""Random graphs as machine code: fused or one kernel per op, the same bits. NumPy has no say in this."""

from __future__ import annotations

import pytest

from brasa.codegen.llvm import host_target
from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.ops.control import fused
from brasa.ir.ops.source import make_input
from brasa.ir.sizes import graph_symbols
from brasa.passes import PIPELINE, run
from tests.codegen.schedules.running import Machine
from tests.passes.checks import random_arrays, same_bits
from tests.passes.fuzz.growing import random_graph


def one_region_per_node(graph: Graph) -> Graph:
    """What eager mode runs, one op after the other: the yardstick of fusion."""
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    for node in graph.nodes:
        if node.op.kind is Kind.CONTROL:
            raise AssertionError(f"{node.op.name} is left")
        read = list(dict.fromkeys(new[operand] for operand in node.operands))
        inputs = {
            value: make_input(
                f"x{i}", value.tensor, strides=value.attrs.get("strides", ()) if not value.operands else ()
            )
            for i, value in enumerate(read)
        }
        inner = node.replace(tuple(inputs[new[operand]] for operand in node.operands))
        new[node] = fused(*read, graph=Graph(node.op.name, tuple(inputs.values()), (inner,), (inner,)))
    nodes = tuple(new[node] for node in graph.nodes)
    return Graph(graph.name, graph.inputs, nodes, tuple(new[node] for node in graph.outputs), graph.updates)


def assert_fusion_keeps_bits(seed: int) -> None:
    plain = run(random_graph(seed, differentiate=seed % 3 == 0), PIPELINE[:2])
    apart, together = one_region_per_node(plain), run(plain, PIPELINE[2:])
    machines = [Machine(graph, host_target()) for graph in (apart, together)]
    for size in (3, 18):
        sizes = {name: size + i for i, name in enumerate(graph_symbols(plain))}
        arrays = random_arrays(plain, sizes, seed, special=seed % 2 == 0)
        left, right = (machine.run(*(array.copy() for array in arrays)).outputs for machine in machines)
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            assert same_bits(one, other), f"output {number} at {sizes}: {one} became {other}\n{plain}\n{together}"


@pytest.mark.parametrize("seed", range(12))
def test_fusion_keeps_bits(seed: int) -> None:
    assert_fusion_keeps_bits(seed)


@pytest.mark.long
def test_fusion_keeps_bits_of_many() -> None:
    for seed in range(12, 300):
        assert_fusion_keeps_bits(seed)
