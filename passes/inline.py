"""The pass that replaces calls by what the called graphs compute, and forgets gradients that have been used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brasa.ir.dim import Size, symbol
from brasa.ir.graph import Graph, Node
from brasa.ir.sizes import bind, substitute_node
from brasa.ir.types import TupleType


def inline(graph: Graph, keep_custom: bool = False) -> Graph:
    """Put the nodes of called graphs, calls inside them too, in the place of the calls.

    %0 = call(x, graph=@silu)    ->    %0 = neg(x); %1 = exp(%0); ...

    keep_custom: gradients that a user has written are still wanted.
    """
    dropped = ("call", "again") if keep_custom else ("call", "again", "custom")
    if not any(node.op.name in dropped for node in graph.nodes):
        return graph
    body = _Body(dropped)
    outputs = body.expand(graph, graph.inputs, "")
    return Graph(graph.name, graph.inputs, tuple(body.nodes), outputs, graph.updates)


class _Body:
    """The nodes of the graph that comes out, in program order."""

    def __init__(self, dropped: tuple[str, ...]) -> None:
        self.dropped = dropped
        self.nodes: list[Node] = []

    def expand(self, graph: Graph, arguments: Sequence[Node], where: str) -> tuple[Node, ...]:
        """Add the graph's nodes over the arguments; its results. where: the place of nodes that have none."""
        sizes = bind([node.tensor for node in graph.inputs], [node.tensor for node in arguments])
        sizes = {name: size for name, size in sizes.items() if size != symbol(name)}
        new: dict[Node, Node] = dict(zip(graph.inputs, arguments, strict=True))
        results: dict[Node, tuple[Node, ...]] = {}
        for node in graph.nodes:
            if node.op.name == "item" and node.operands[0] in results:
                new[node] = results[node.operands[0]][node.attrs["index"]]
                continue
            operands = tuple(new[operand] for operand in node.operands)
            if node.op.name in self.dropped:
                if node.op.name == "call":
                    values = self.expand(node.attrs["graph"], operands, node.where or where)
                else:
                    values = operands[: node.attrs.get("outputs", 1)]
                if isinstance(node.type, TupleType):
                    results[node] = values
                else:
                    (new[node],) = values
                continue
            new[node] = self.add(node, operands, sizes, where)
        return tuple(new[node] for node in graph.outputs)

    def add(self, node: Node, operands: tuple[Node, ...], sizes: Mapping[str, Size], where: str) -> Node:
        """A copy of one node."""
        made = substitute_node(node, operands, sizes, node.where or where)
        self.nodes.append(made)
        return made
