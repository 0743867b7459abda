"""Named sizes across types, attributes and graphs: binding, replacing and making them concrete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from brasa.ir import dim
from brasa.ir.dim import Dim, Size
from brasa.ir.dtype import DType
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Graph, Node, item_types
from brasa.ir.types import TensorType, TupleType, Type

_PLAIN = {int, float, bool, str, DType, Graph}  # attributes that speak of no size; a held graph has names of its own


def substitute_type(type: Type, values: Mapping[str, Size]) -> Type:
    """The type with named sizes replaced."""
    if isinstance(type, TensorType):
        return substitute_tensor(type, values)
    items = tuple([substitute_tensor(item, values) for item in type.items])
    return type if items == type.items else TupleType(items)


def substitute_tensor(type: TensorType, values: Mapping[str, Size]) -> TensorType:
    """As substitute_type, for one tensor."""
    for size in type.shape:
        if size.__class__ is not int:
            shape = tuple([dim.substitute(size, values) for size in type.shape])
            return type if shape == type.shape else TensorType(shape, type.dtype, type.device)
    return type


def is_same(left: TensorType, right: TensorType) -> bool:
    """Whether two types are equal, as far as is known about their sizes."""
    facts = (left.dtype, left.device, left.rank) == (right.dtype, right.device, right.rank)
    return facts and all(map(dim.equal, left.shape, right.shape))


def substitute_attr(value: Any, values: Mapping[str, Size]) -> Any:
    """An attribute value with named sizes replaced; a held graph has names of its own and stays."""
    if isinstance(value, Dim):
        return dim.substitute(value, values)
    if isinstance(value, tuple):
        return tuple(substitute_attr(item, values) for item in value)
    return substitute_type(value, values) if isinstance(value, TensorType | TupleType) else value


def substitute_attrs(attrs: Mapping[str, Any], values: Mapping[str, Size]) -> dict[str, Any]:
    """All attributes of a node with named sizes replaced."""
    return {key: substitute_attr(value, values) for key, value in attrs.items()}


def substitute_node(node: Node, operands: tuple[Node, ...], values: Mapping[str, Size], where: str) -> Node:
    """The node over these operands, which have other sizes in the place of named ones, in another place."""
    return Node(node.op, operands, _replaced_attrs(node, values), substitute_type(node.type, values), where)


def _replaced_attrs(node: Node, values: Mapping[str, Size]) -> Mapping[str, Any]:
    if not values or all(value.__class__ in _PLAIN for value in node.attrs.values()):
        return node.attrs
    replaced = substitute_attrs(node.attrs, values)
    return MappingProxyType(replaced if node.op.resized is None else node.op.resized(node, replaced))


def substitute_graph(graph: Graph, values: Mapping[str, Size]) -> Graph:
    """The graph with named sizes replaced in every type and attribute; nodes that speak of none of them stay."""
    if not values:
        return graph
    new: dict[Node, Node] = {}
    for node in (*graph.inputs, *graph.nodes):
        operands, type = tuple([new[operand] for operand in node.operands]), substitute_type(node.type, values)
        attrs = _replaced_attrs(node, values)
        same = type is node.type and operands == node.operands and attrs == node.attrs
        new[node] = node if same else Node(node.op, operands, attrs, type, node.where)
    inputs, nodes, outputs = (
        tuple([new[node] for node in each]) for each in (graph.inputs, graph.nodes, graph.outputs)
    )
    return Graph(graph.name, inputs, nodes, outputs, graph.updates)


def graph_symbols(graph: Graph) -> tuple[str, ...]:
    """The named sizes of the graph's inputs, in order of appearance."""
    found: dict[str, None] = {}
    for node in graph.inputs:
        for size in node.tensor.shape:
            found.update(dict.fromkeys(dim.symbols(size)))
    return tuple(found)


def used_symbols(nodes: Iterable[Node]) -> set[str]:
    """The named sizes that the nodes' types and attributes speak of; a held graph has names of its own."""
    found: set[str] = set()
    pending: list[Any] = [part for node in nodes for part in (node.type, *node.attrs.values())]
    while pending:
        part = pending.pop()
        if isinstance(part, Dim):
            found.update(dim.symbols(part))
        elif isinstance(part, TensorType):
            pending += part.shape
        elif isinstance(part, TupleType):
            pending += part.items
        elif isinstance(part, tuple):
            pending += part
    return found


def bind(
    parameters: Sequence[TensorType], arguments: Sequence[TensorType], known: Mapping[str, Size] = MappingProxyType({})
) -> dict[str, Size]:
    """The sizes that the parameters' names stand for, when tensors of the argument types are passed.

    known: what names stand for that no parameter has as a size of its own; the names of a region are its caller's.
    Raises ShapeError or DTypeError when the arguments do not fit.
    """
    if len(parameters) != len(arguments):
        raise ShapeError(f"takes ({', '.join(map(str, parameters))}), not {len(arguments)} tensors")
    values: dict[str, Size] = {}
    for want, have in zip(parameters, arguments, strict=True):
        if want.dtype is not have.dtype or want.device != have.device:
            raise DTypeError(f"{have} was given for {want}")
        if want.rank != have.rank:
            raise ShapeError(f"{have} was given for {want}")
        for formal, actual in zip(want.shape, have.shape, strict=True):
            name = dim.atom_of(formal)
            if isinstance(name, str):
                values.setdefault(name, actual)
    values = {**known, **values}
    for want, have in zip(parameters, arguments, strict=True):
        for size, actual in zip(want.shape, have.shape, strict=True):
            formal = dim.substitute(size, values)
            if not dim.equal(formal, actual):
                raise ShapeError(f"{have} was given for {want}: {formal} is not {actual}")
    return values


def call_type(graph: Graph, arguments: Sequence[TensorType]) -> Type:
    """The type of the results of `graph` on arguments of these types: one tensor, or a tuple for several outputs."""
    values = bind([node.tensor for node in graph.inputs], arguments)
    results = tuple(substitute_tensor(node.tensor, values) for node in graph.outputs)
    return results[0] if len(results) == 1 else TupleType(results)


def all_sizes(graph: Graph) -> Iterator[Size]:
    """Every size that occurs in the types of the graph's values."""
    for node in (*graph.inputs, *graph.nodes):
        for type in item_types(node.type):
            yield from type.shape
