"""Puts launches that write updated inputs after all that read the old values and after all that can fail."""

from __future__ import annotations

from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.ops.control import fused
from brasa.ir.ops.source import make_input
from brasa.ir.region import form


def order_updates(graph: Graph) -> Graph:
    """Order the regions of a fused graph so that updates may be written in place; where none can, copy at the end.

    %0 = fused(w, g, graph=@step); %1 = fused(w, x, graph=@loss); return %0 into w, %1
    -> %0 = fused(w, x, graph=@loss); %1 = fused(w, g, graph=@step); return %1 into w, %0
    """
    if not graph.updates:
        return graph
    import networkx

    order = {node: i for i, node in enumerate(graph.nodes)}
    before = networkx.DiGraph()
    before.add_nodes_from(graph.nodes)
    before.add_edges_from((operand, node) for node in graph.nodes for operand in node.operands if operand in order)
    outputs = list(graph.outputs)
    for output, input in graph.updates:
        writer = _producer(outputs[output])
        first = [node for node in graph.nodes if node is not writer and _goes_first(node, graph.inputs[input])]
        unsafe = _has_checks(writer) or not _writes_in_place(writer, graph.inputs[input])
        if unsafe or any(networkx.has_path(before, writer, node) for node in first):
            writer = _copy(outputs[output])
            order[writer] = len(order)
            before.add_edge(outputs[output], writer)
            outputs[output] = writer
            first = [node for node in order if node is not writer and _goes_first(node, graph.inputs[input])]
        before.add_edges_from((node, writer) for node in first)
    nodes = tuple(networkx.lexicographical_topological_sort(before, key=order.__getitem__))
    return Graph(graph.name, graph.inputs, nodes, tuple(outputs), graph.updates)


def _producer(value: Node) -> Node:
    """The region that makes a value."""
    return value.operands[0] if value.op.name == "item" else value


def _copy(value: Node) -> Node:
    input = make_input("x0", value.tensor)
    return fused(value, graph=Graph("copy", (input,), (), (input,)))


def _goes_first(node: Node, written: Node) -> bool:
    """Whether a region must have run before the input is written."""
    return node.op is fused and (any(_memory(operand) is written for operand in node.operands) or _has_checks(node))


def _memory(value: Node) -> Node:
    return value.operands[0] if value.op.name == "reshape" else value


def _has_checks(node: Node) -> bool:
    return any(each.op.kind is Kind.INDEX for each in node.attrs["graph"].nodes)


def _writes_in_place(node: Node, written: Node) -> bool:
    """Whether the region reads the input nowhere but at the element that it writes next."""
    region = node.attrs["graph"]
    pairs = zip(node.operands, region.inputs, strict=True)
    reading = {inner for operand, inner in pairs if _memory(operand) is written}
    if reading and form(region) != "map":
        return False
    for each in region.nodes:
        if any(operand in reading for operand in each.operands):
            if each.op.kind is not Kind.ELEMENTWISE:
                return False
            reading.add(each)
    return True
