"""The pass that turns the gradient of picking one element per row, a scatter into zeros, into elementwise work."""

from __future__ import annotations

from brasa.ir.graph import Graph, Node, rewrite
from brasa.ir.ops.elementwise import add, eq, select
from brasa.ir.ops.index import gather, scatter_add
from brasa.ir.ops.reduce import expand
from brasa.ir.ops.source import full, full_like, iota
from brasa.ir.types import TensorType
from brasa.passes.patterns import Number, match


def scatter_by_comparison(graph: Graph) -> Graph:
    """Replace a scatter of one value per row into zeros by a comparison of places, which fuses with what follows.

    %0 = constant(value=0.0); %1 = scatter_add(%0, place, x, axis=1)
    -> %0 = iota(axis=1); %1 = expand(place); %2 = eq(%0, %1); %3 = expand(x + 0); %4 = select(%2, %3, 0.0)

    Only where a gather checks the same places: the scatter's own check goes with it.
    """
    checked = {
        (node.operands[1], node.attrs["axis"], node.operands[0].tensor.shape[node.attrs["axis"]])
        for node in graph.nodes
        if node.op is gather
    }

    def change(node: Node) -> Node:
        if node.op is not scatter_add or not match(Number(0), node.operands[0], {}):
            return node
        _, place, value = node.operands
        type, axis = node.tensor, node.attrs["axis"]
        if place.tensor.shape[axis] != 1 or (place, axis, type.shape[axis]) not in checked:
            return node
        places = iota(axis=axis, type=TensorType(type.shape, place.tensor.dtype, type.device))
        hit = eq(places, expand(place, shape=type.shape))
        return select(hit, expand(add(value, full_like(value, 0)), shape=type.shape), full(type, 0))

    return rewrite(graph, change) if checked else graph
