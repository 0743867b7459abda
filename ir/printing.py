"""Graphs as text that a person reads and `brasa.ir.parsing` reads back."""

from __future__ import annotations

from typing import Any

from brasa.ir.dim import Dim
from brasa.ir.dtype import DType
from brasa.ir.graph import Graph, Node
from brasa.ir.types import TensorType


def print_graph(graph: Graph, places: bool = True) -> str:
    """The graph's text; the graphs that it holds come first, each once, under names of their own.

    places: whether the user's lines are part of it.
    """
    held = held_graphs(graph)
    names = _graph_names((*held, graph))
    return "\n\n".join(_print_one(each, names, places) for each in (*held, graph))


def places_of(graph: Graph) -> tuple[str, ...]:
    """The user's line of each node, in the order of the text."""
    return tuple(node.where for each in (*held_graphs(graph), graph) for node in each.nodes)


def held_graphs(graph: Graph) -> tuple[Graph, ...]:
    """The graphs that nodes of this one hold, innermost first, each once."""
    found: dict[Graph, None] = {}
    for node in graph.nodes:
        for value in node.attrs.values():
            if isinstance(value, Graph) and value not in found:
                found.update(dict.fromkeys((*held_graphs(value), value)))
    return tuple(found)


def _graph_names(graphs: tuple[Graph, ...]) -> dict[Graph, str]:
    names: dict[Graph, str] = {}
    taken: set[str] = set()
    for graph in graphs:
        name, count = graph.name, 1
        while name in taken:
            count += 1
            name = f"{graph.name}_{count}"
        taken.add(name)
        names[graph] = name
    return names


def value_names(graph: Graph) -> dict[Node, str]:
    """The name of every value as the text prints it: inputs by their own, computed ones by number."""
    names = {node: node.attrs["name"] for node in graph.inputs}
    names.update({node: f"%{i}" for i, node in enumerate(graph.nodes)})
    for operands in (*[node.operands for node in graph.nodes], graph.outputs):
        for foreign in operands:
            names.setdefault(foreign, "?")  # a graph that is not well-formed is printed, too, to say so
    return names


def _print_one(graph: Graph, graph_names: dict[Graph, str], places: bool) -> str:
    names = value_names(graph)
    lines = []
    for node in graph.nodes:
        text = f"  {names[node]}: {node.type} = {print_application(node, names, graph_names)}"
        lines.append(f"{text:<64} # {node.where}" if node.where and places else text)
    landings = dict(graph.updates)
    results = ", ".join(
        names[node] + (f" into {names[graph.inputs[landings[i]]]}" if i in landings else "")
        for i, node in enumerate(graph.outputs)
    )
    head = f"graph {graph_names[graph]}({', '.join(_print_input(node) for node in graph.inputs)}) {{"
    if len(head) > 120:
        head = f"graph {graph_names[graph]}(\n    " + ",\n    ".join(map(_print_input, graph.inputs)) + "\n) {"
    return "\n".join([head, *lines, f"  return {results}" if results else "  return", "}"])


def print_node(node: Node) -> str:
    """One node alone: operands are said by their types."""
    if node.op.name == "input":
        return _print_input(node)
    names = {operand: str(operand.type) for operand in node.operands}
    held = {value: value.name for value in node.attrs.values() if isinstance(value, Graph)}
    return f"{node.type} = {print_application(node, names, held)}"


def _print_input(node: Node) -> str:
    text = f"{node.attrs['name']}: {node.type}"
    if strides := node.attrs.get("strides"):
        text += f" strides({','.join(strides)})"
    if role := node.attrs.get("role"):
        text += f" {role}" + (f' "{path}"' if (path := node.attrs.get("path")) else "")
    return text


def print_application(node: Node, names: dict[Node, str], graph_names: dict[Graph, str]) -> str:
    """`op(operands, attr=value)` of one node."""
    parts = [names[operand] for operand in node.operands]
    parts += [f"{key}={print_attr(value, graph_names)}" for key, value in node.attrs.items() if key != "type"]
    return f"{node.op.name}({', '.join(parts)})"


def print_attr(value: Any, graph_names: dict[Graph, str]) -> str:
    """One attribute value as text."""
    if isinstance(value, Graph):
        return f"@{graph_names[value]}"
    if isinstance(value, tuple):
        return f"[{', '.join(print_attr(item, graph_names) for item in value)}]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, DType):
        return value.name
    if isinstance(value, complex):
        return f"complex({value.real}, {value.imag})"
    if isinstance(value, int | float | Dim | TensorType):
        return str(value)
    raise TypeError(f"attribute of type {type(value).__name__}")
