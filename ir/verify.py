"""The rules of a well-formed graph, checked by running every type rule again."""

from __future__ import annotations

from brasa.ir.errors import BrasaError, GraphError
from brasa.ir.graph import Graph, Node
from brasa.ir.printing import value_names


def verify(graph: Graph) -> Graph:
    """The graph itself, if it is well-formed; else GraphError with the ten nodes around the culprit."""
    known: set[Node] = set()
    for node in graph.inputs:
        if node.op.name != "input":
            raise GraphError(f"graph {graph.name}: {node!r} stands among the inputs but is not one")
        known.add(node)
    if len({node.attrs["name"] for node in graph.inputs}) != len(graph.inputs):
        raise GraphError(f"graph {graph.name}: two inputs have one name")
    for node in graph.nodes:
        _verify_node(graph, node, known)
        known.add(node)
    for output in graph.outputs:
        if output not in known:
            raise GraphError(f"graph {graph.name}: an output, {output!r}, is not computed in it")
    for output_index, input_index in graph.updates:
        if graph.outputs[output_index].type != graph.inputs[input_index].type:
            _fail(graph, graph.outputs[output_index], "is written to an input of another type")
    return graph


def _verify_node(graph: Graph, node: Node, known: set[Node]) -> None:
    if node in known:
        _fail(graph, node, "stands in the graph twice")
    for operand in node.operands:
        if operand not in known:
            _fail(graph, node, f"reads {operand!r}, which is not computed before it")
    for value in node.attrs.values():
        if isinstance(value, Graph):
            verify(value)
    try:
        node.op.check_arity(len(node.operands))
        inferred = node.op.infer(*(operand.type for operand in node.operands), **node.attrs)
    except BrasaError as error:
        _fail(graph, node, f"does not type: {error}")
    if inferred != node.type:
        _fail(graph, node, f"says {node.type}, its op gives {inferred}")


def _fail(graph: Graph, culprit: Node, fact: str) -> None:
    names = value_names(graph)
    own = str(graph).split("\n\n")[-1]
    lines = [line for line in own.split("\n") if line.startswith("  ")]
    name = names.get(culprit, "a foreign node")
    at = next((i for i, line in enumerate(lines) if line.startswith(f"  {name}:")), 0)
    around = "\n".join(("> " if i == at else "  ") + lines[i] for i in range(max(0, at - 5), min(len(lines), at + 5)))
    raise GraphError(f"graph {graph.name}: {name} ({culprit.op.name}) {fact}\n{around}")
