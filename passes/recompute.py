"""Values of a checkpointed region that are computed again for its gradients, once those have come to the region."""

from __future__ import annotations

from collections.abc import Iterable

from brasa.ir.graph import Graph, Node, topological
from brasa.ir.ops.control import later


class Twins:
    """For each node of a region, one that computes the same later."""

    def __init__(self) -> None:
        self._twins: dict[Node, Node] = {}
        self._waiting: dict[tuple[Node, Node], Node] = {}

    def open(self, region: Node, gradient: Node) -> None:
        """From now on the nodes between an `again` and its ends have twins, which wait for the gradient."""
        value, *ends = region.operands
        for node in topological((value,), ends):
            if node not in self._twins and node.op.name != "input":
                self._twins[node] = node.replace(tuple(self._read(operand, gradient) for operand in node.operands))

    def of(self, node: Node) -> Node:
        """The node from which gradients are computed instead of this one; itself if it is in no region."""
        return self._twins.get(node, node)

    def _read(self, operand: Node, gradient: Node) -> Node:
        if operand not in self._twins:
            key = (operand, gradient)
            if key not in self._waiting:
                self._waiting[key] = later(operand, gradient)
            return self._waiting[key]
        return self._twins[operand]


def without_gates(graph: Graph) -> tuple[Graph, dict[Node, int]]:
    """The graph without `later` nodes, and for each node behind one how often there is one on the way to it.

    %0 = later(x, g); %1 = exp(%0)    ->    %1 = exp(x), with the number 1
    """
    if not any(node.op is later for node in graph.nodes):
        return graph, {}
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    numbers: dict[Node, int] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        number = max((numbers.get(operand, 0) for operand in node.operands), default=0)
        if node.op is later:
            new[node], numbers[node] = new[node.operands[0]], number + 1
            continue
        operands = tuple(new[operand] for operand in node.operands)
        new[node] = node if operands == node.operands else node.replace(operands)
        numbers[node] = number
        nodes.append(new[node])
    outputs = tuple(new[node] for node in graph.outputs)
    stripped = Graph(graph.name, graph.inputs, tuple(nodes), outputs, graph.updates)
    return stripped, {new[node]: number for node, number in numbers.items() if number and node.op is not later}


def ends_of(value: Node, known: Iterable[Node]) -> tuple[Node, ...]:
    """Where a region that computes the value begins: what it reads of the known nodes, and inputs."""
    stop = set(known)
    inner = [node for node in topological((value,), stop) if node.op.name != "input"]
    inside = set(inner)
    return tuple(dict.fromkeys(operand for node in inner for operand in node.operands if operand not in inside))
