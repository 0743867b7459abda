"""Putting nodes into a trace: a function's own, where these are no more than it is, and copies of a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brasa.ir.dim import Size
from brasa.ir.graph import Graph, Node
from brasa.ir.ops import reduce
from brasa.ir.ops.elementwise import cast
from brasa.ir.sizes import graph_symbols, substitute_node, substitute_type, used_symbols
from brasa.passes.autodiff import carrying
from brasa.tracing.trace import Trace


def splice(trace: Trace, graph: Graph, arguments: Sequence[Node], sizes: Mapping[str, Size]) -> tuple[Node, ...]:
    """Record the graph's own nodes over the arguments; its results."""
    new, known = dict[Node, Node](zip(graph.inputs, arguments, strict=True)), trace.scope.known
    for node in graph.nodes:
        operands = tuple(new[operand] for operand in node.operands)
        made = substitute_node(node, operands, sizes, trace.location())
        if _expands_nothing(made, known):
            new[node] = operands[0]  # what expands nothing would stand between a value and its gradients
            continue
        new[node] = trace.record(made)
    return tuple(new[output] for output in graph.outputs)


def copied(trace: Trace, node: Node) -> Node:
    """The same value as a node of its own, for a tensor that has memory of its own."""
    return trace.apply(cast, node, dtype=node.tensor.dtype)


def stays_whole(graph: Graph, values: Sequence[Node], sizes: Mapping[str, Size]) -> bool:
    """Whether a graph stays a `call` because of its gradients by these inputs.

    So it does where they meet at values that only the graph knows, before they go on to the inputs: spliced, its own
    gradient of second order would meet there what comes from elsewhere. And where one of the inputs is not read: its
    gradient is 0, and would be none.
    """
    met = carrying(graph.nodes, values).difference(graph.inputs, graph.outputs)
    read = {*graph.outputs, *(operand for node in graph.nodes for operand in node.operands)}
    is_alone = used_symbols(graph.nodes) <= {*graph_symbols(graph)}  # speaks of no sizes of the trace around it
    return is_alone and not (read.issuperset(values) and all(_expands_nothing(node, sizes) for node in met))


def _expands_nothing(node: Node, sizes: Mapping[str, Size]) -> bool:
    if node.op is not reduce.expand:
        return False
    return substitute_type(node.operands[0].type, sizes) == substitute_type(node.type, sizes)
