"""Builds the graph of a region: elementwise work over the domain, views moved down to what the region reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from brasa.ir.dim import Size
from brasa.ir.graph import Graph, Kind, Node, Op, graph_of, located, topological
from brasa.ir.ops.reduce import expand
from brasa.ir.ops.source import make_input
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType
from brasa.passes.eliminate_common import eliminate_common
from brasa.passes.flow import reads_of, takes_memory
from brasa.passes.grouping import Group
from brasa.passes.simplify import simplify

# A view to be applied: the op and its attributes. Steps stand in the order in which they are applied.
Step: TypeAlias = tuple[Op, tuple[tuple[str, Any], ...]]
Shape: TypeAlias = tuple[Size, ...]


class Operand(NamedTuple):
    """What a region reads: a value from memory, under another shape perhaps."""

    value: Node
    shape: Shape


class Region(NamedTuple):
    """A region's graph and what its inputs are."""

    graph: Graph
    operands: tuple[Operand, ...]


def build_region(name: str, group: Group, outputs: Sequence[Node], kept: set[Node]) -> Region:
    """The region that computes these values of the group, in the shape of the domain or of its rows.

    kept: all values that are in memory; of others the region computes again what it reads.
    """
    builder = _Builder(group, kept)
    results = [builder.output(node) for node in outputs]
    graph = eliminate_common(simplify(graph_of(name, builder.inputs.values(), results)))
    return _trimmed(graph, {input: value for value, input in builder.inputs.items()})


class _Builder:
    def __init__(self, group: Group, kept: set[Node]) -> None:
        self.group, self.kept = group, kept
        self.inputs: dict[Node, Node] = {}
        self.known: dict[tuple[Node, tuple[Step, ...]], Node] = {}
        self.rows: dict[Node, Node] = {}

    def output(self, node: Node) -> Node:
        """An output of the region, in the shape that all outputs of its space have."""
        if self.group.spaces.get(node) == "reduced":
            return self.reduced(node)
        return self.build(node, _reshaping(node.tensor.shape, self.group.domain))

    def build(self, node: Node, steps: tuple[Step, ...] = ()) -> Node:
        """The node inside the region, seen through the steps."""
        key = (node, steps)
        if key not in self.known:
            with located(node.where):
                self.known[key] = self._build(node, steps)
        return self.known[key]

    def _build(self, node: Node, steps: tuple[Step, ...]) -> Node:
        kind = node.op.kind
        if kind is Kind.VIEW:
            return self.build(node.operands[0], _before(node, steps))
        if kind is Kind.SOURCE and node.op.name != "input":
            return _apply(steps, node)
        space = self.group.spaces.get(node)
        if node.op.name == "input" or (space is None and node in self.kept):
            return _apply(steps, self.input(node))
        if space == "reduced":
            return self._spread(node, steps)
        if kind is Kind.ELEMENTWISE:
            return node.op(*(self.build(operand, steps) for operand in node.operands), **node.attrs)
        if kind is Kind.RANDOM:
            return self._random(node, steps)
        ways = (self.from_memory if takes_memory(read) else self.build for read in reads_of(node))
        return _apply(
            steps, node.op(*(way(operand) for way, operand in zip(ways, node.operands, strict=True)), **node.attrs)
        )

    def input(self, value: Node) -> Node:
        """The region's input that stands for a value in memory."""
        if value not in self.inputs:
            self.inputs[value] = _input(len(self.inputs), Operand(value, value.tensor.shape))
        return self.inputs[value]

    def from_memory(self, node: Node) -> Node:
        """As build, for an operand that is read from memory even where it is a source that others make themselves."""
        if node in self.kept and node not in self.group.spaces:
            return self.input(node)
        if node.op.kind is Kind.VIEW or node.op.name == "cast":
            return node.op(self.from_memory(node.operands[0]), **node.attrs)
        return self.build(node)

    def reduced(self, node: Node) -> Node:
        """A value of the reduced shape, in just that shape."""
        if node not in self.rows:
            shape = self.group.reduced
            if node.op.kind is Kind.REDUCE:
                made = node.op(self.build(node.operands[0]), **node.attrs)
            elif node.op.kind is Kind.INDEX:
                source, index = node.operands
                place = self.build(index, _reshaping(index.tensor.shape, shape))
                made = node.op(self.build(source), reshape(place, shape=self.group.ones), **node.attrs)
            elif node.op.kind is Kind.RANDOM:
                made = self._random(node, _reshaping(node.tensor.shape, shape))
            else:
                steps = _reshaping(node.tensor.shape, shape)
                made = node.op(*(self.build(operand, steps) for operand in node.operands), **node.attrs)
            self.rows[node] = made if made.tensor.shape == shape else reshape(made, shape=shape)
        return self.rows[node]

    def _spread(self, node: Node, steps: tuple[Step, ...]) -> Node:
        """A reduced value in another shape of its size, or repeated over the domain."""
        value = self.reduced(node)
        if all(op is reshape for op, _ in steps):
            shape = dict(steps[-1][1])["shape"] if steps else node.tensor.shape
            return value if value.tensor.shape == shape else reshape(value, shape=shape)
        return expand(reshape(value, shape=self.group.ones), shape=self.group.domain)

    def _random(self, node: Node, steps: tuple[Step, ...]) -> Node:
        """Random bits are numbered in row-major order, whatever the shape."""
        operands, attrs = tuple(map(self.build, node.operands)), dict(node.attrs)
        if len(steps) == 1 and steps[0][0] is reshape:
            attrs["type"] = TensorType(dict(steps[0][1])["shape"], node.tensor.dtype, node.tensor.device)
            steps = ()
        return _apply(steps, node.op(*operands, **attrs))


def _input(number: int, operand: Operand) -> Node:
    """A region's input; it has the strides of the graph's input that it is, if it is one."""
    value, shape = operand
    strides = value.attrs.get("strides", ()) if value.op.name == "input" else ()
    return make_input(f"x{number}", TensorType(shape, value.tensor.dtype, value.tensor.device), strides=strides)


def _reshaping(old: Shape, new: Shape) -> tuple[Step, ...]:
    return () if old == new else ((reshape, (("shape", new),)),)


def _before(view: Node, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps with a view before them; of two reshapes only the last counts."""
    if view.op.name == "stop_gradient":
        return steps
    if view.op is not reshape:
        return ((view.op, tuple(view.attrs.items())), *steps)
    last, rest = view.tensor.shape, steps
    if steps and steps[0][0] is reshape:
        last, rest = dict(steps[0][1])["shape"], steps[1:]
    return (*_reshaping(view.operands[0].tensor.shape, last), *rest)


def _apply(steps: tuple[Step, ...], node: Node) -> Node:
    for op, attrs in steps:
        node = op(node, **dict(attrs))
    return node


def _trimmed(graph: Graph, values: dict[Node, Node]) -> Region:
    """The region without inputs that it does not read, and without reshapes of row-major inputs: these only rename."""
    entering: dict[Node, Operand] = {}
    for node in (*graph.inputs, *graph.nodes):
        source = node.operands[0] if node.op is reshape else node
        if source in values and (node is source or not source.attrs.get("strides")):
            entering[node] = Operand(values[source], node.tensor.shape)
    nodes = topological(graph.outputs, entering)
    read = {*graph.outputs, *(operand for node in nodes for operand in node.operands)}
    place = {value: i for i, value in enumerate(values.values())}
    operands = dict.fromkeys(operand for node, operand in entering.items() if node in read)
    ordered = sorted(operands, key=lambda operand: place[operand.value])
    inputs = {operand: _input(i, operand) for i, operand in enumerate(ordered)}
    new = {node: inputs[operand] for node, operand in entering.items() if operand in inputs}
    for node in nodes:
        own = tuple(new[operand] for operand in node.operands)
        new[node] = node if own == node.operands else node.replace(own)
    outputs = tuple(new[output] for output in graph.outputs)
    return Region(Graph(graph.name, tuple(inputs.values()), tuple(new[node] for node in nodes), outputs), tuple(inputs))
