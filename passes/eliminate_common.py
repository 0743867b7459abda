"""The pass that computes equal applications once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from brasa.ir.graph import Graph, Node


def eliminate_common(graph: Graph) -> Graph:
    """Replace a node by an earlier one with the same op, operands and attributes.

    %0 = exp(x); %1 = exp(x); %2 = add(%0, %1)    ->    %0 = exp(x); %1 = add(%0, %0)
    """
    first: dict[Hashable, Node] = {}
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    kept: list[Node] = []
    for node in graph.nodes:
        operands = tuple(new[operand] for operand in node.operands)
        key = _key(node, operands)
        if key not in first:
            first[key] = node if operands == node.operands else node.replace(operands)
            kept.append(first[key])
        new[node] = first[key]
    return Graph(graph.name, graph.inputs, tuple(kept), tuple(new[node] for node in graph.outputs), graph.updates)


def equals(nodes: Iterable[Node], others: Iterable[Node]) -> dict[Node, Node]:
    """For each node, in program order, the one of the others that computes the same from the same inputs, if any."""
    first = {_key(node, node.operands): node for node in others}
    found: dict[Node, Node] = {}
    for node in nodes:
        same = first.get(_key(node, tuple(found.get(operand, operand) for operand in node.operands)))
        if same is not None:
            found[node] = same
    return found


def _key(node: Node, operands: tuple[Node, ...]) -> Hashable:
    attrs = tuple((name, attr_key(value)) for name, value in node.attrs.items())
    return node.op, operands, attrs, node.type


def attr_key(value: Any) -> Hashable:
    """What two attribute values share exactly when they mean the same: 0.0, -0.0, 0 and False all differ."""
    if isinstance(value, tuple):
        return tuple(map(attr_key, value))
    if isinstance(value, bool | int | float | complex):
        return type(value), repr(value)
    return value  # type: ignore[no-any-return]
