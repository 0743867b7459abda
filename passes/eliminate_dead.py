"""The pass that drops nodes whose value nobody needs."""

from __future__ import annotations

from brasa.ir.graph import Graph, topological


def eliminate_dead(graph: Graph) -> Graph:
    """Drop the nodes that no output needs; the rest keeps its order.

    %0 = exp(x); %1 = neg(x); return %1    ->    %0 = neg(x); return %0
    """
    needed = set(topological(graph.outputs))
    kept = tuple(node for node in graph.nodes if node in needed)
    if len(kept) == len(graph.nodes):
        return graph
    return Graph(graph.name, graph.inputs, kept, graph.outputs, graph.updates)
