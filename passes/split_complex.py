"""The pass that computes with complex numbers as pairs of real ones, so that kernels never see a complex dtype."""

from __future__ import annotations

from collections.abc import Callable

from brasa.ir.dtype import real_dtype
from brasa.ir.errors import DTypeError
from brasa.ir.graph import Graph, Kind, Node, item_types, located, topological
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops.complex import view_as_complex, view_as_real
from brasa.ir.ops.control import later
from brasa.ir.ops.move import concat, slice_
from brasa.ir.ops.nested import bodies
from brasa.ir.ops.source import constant, full_like, make_input
from brasa.ir.ops.special import hypot
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType
from brasa.passes.complex_formulas import (
    Pair,
    bilinear,
    exponential,
    hyperbolic_tangent,
    logarithm,
    quotient,
    square_root,
)
from brasa.passes.inline import inline

# What is done to each part alone; operands that are not complex (indices, conditions) are shared.
_PARTWISE_KINDS = (Kind.VIEW, Kind.MOVE, Kind.INDEX, Kind.SCATTER)
_PARTWISE = ("later", "add", "sub", "neg", "select", "sum", "sum_copies", "cumsum", "window_sum", "window_spread")
_FORMULAS: dict[str, Callable[..., Pair]] = {
    "div": quotient, "exp": exponential, "log": logarithm, "sqrt": square_root, "tanh": hyperbolic_tangent,
}  # fmt: skip
_BILINEAR = ("mul", "matmul", "conv", "conv_input_grad", "conv_weight_grad")


def split_complex(graph: Graph) -> Graph:
    """Make two real nodes of each complex one. In memory the parts of a number stay next to each other.

    graph f(x: c64[n]) { %0 = neg(x); return %0 }
    -> graph f(x: f32[n,2]) { %0 = neg(x[:, 0]); %1 = neg(x[:, 1]); %2 = concat(%0, %1, axis=1); return %2 }

    Inputs and outputs of the graph get a last axis for the parts; host ops keep their complex types.
    """
    if not any(_is_complex(node) for node in (*graph.inputs, *graph.nodes)):
        return graph
    return _Split().run(graph)


def _is_complex(node: Node) -> bool:
    return any(type.dtype.is_complex for type in item_types(node.type))


class _Split:
    """real: what stands for each node that is not complex. parts: for each that is. whole: parts lying together."""

    def __init__(self) -> None:
        self.real: dict[Node, Node] = {}
        self.parts: dict[Node, Pair] = {}
        self.whole: dict[Node, Node] = {}

    def run(self, graph: Graph) -> Graph:
        inputs = tuple(map(self.input, graph.inputs))
        seen, order = set(inputs), list[Node]()
        for node in graph.nodes:
            with located(node.where):
                made = topological(self.split(node), seen)
            seen.update(made)
            order += made
        outputs = tuple(map(self.stored, graph.outputs))
        order += topological(outputs, seen)
        return Graph(graph.name, inputs, tuple(order), outputs, graph.updates)

    def input(self, node: Node) -> Node:
        if not node.tensor.dtype.is_complex:
            self.real[node] = node
            return node
        type, attrs = node.tensor, dict(node.attrs)
        del attrs["type"]
        if attrs.get("strides"):
            attrs["strides"] = (*("0" if mark == "0" else "s" for mark in attrs["strides"]), "1")
        made = make_input(type=TensorType((*type.shape, 2), real_dtype(type.dtype), type.device), **attrs)
        self.take_apart(node, made)
        return made

    def take_apart(self, node: Node, whole: Node) -> Pair:
        """Let the parts of a complex node be those that lie together in `whole`."""
        self.whole[node] = whole
        made = self.parts[node] = (_part(whole, 0), _part(whole, 1))
        return made

    def together(self, node: Node) -> Node:
        """A complex value with its parts along a last axis."""
        if node not in self.whole:
            shape = node.tensor.shape
            parts = (reshape(part, shape=(*shape, 1)) for part in self.parts[node])
            self.whole[node] = concat(*parts, axis=len(shape))
        return self.whole[node]

    def stored(self, node: Node) -> Node:
        """A result of the graph as it lies in memory."""
        return self.real[node] if node in self.real else self.together(node)

    def split(self, node: Node) -> tuple[Node, ...]:
        """What the node becomes."""
        if node.op.kind is Kind.NESTED or (node.op.name == "item" and node.operands[0].op.kind is Kind.NESTED):
            return self.nested(node)
        if node.op.kind is Kind.HOST or node.op.name == "item":
            return self.outside(node)
        if node.op is view_as_complex:
            return self.take_apart(node, self.real[node.operands[0]])
        if node.tensor.dtype.is_complex:
            self.parts[node] = made = self.pair(node)
            return made
        made_real = self.real[node] = self.single(node)
        return (made_real,)

    def outside(self, node: Node) -> tuple[Node, ...]:
        """A host op, which takes and gives complex values, or one of its results."""
        operands = (
            self.real[each] if each in self.real else view_as_complex(self.together(each)) for each in node.operands
        )
        made = node.replace(tuple(operands))
        if isinstance(node.type, TensorType) and node.type.dtype.is_complex:
            return self.take_apart(node, view_as_real(made))
        self.real[node] = made
        return (made,)

    def nested(self, node: Node) -> tuple[Node, ...]:
        """A loop or branch, with graphs that are split like the one around them, or one of its results."""
        held = {name: split_complex(inline(graph)) for name, graph in bodies(node).items()}
        operands = [self.real[each] if node.op.name == "item" else self.stored(each) for each in node.operands]
        made = node.op(*operands, **{**node.attrs, **held})
        if isinstance(node.type, TensorType) and node.type.dtype.is_complex:
            return self.take_apart(node, made)
        self.real[node] = made
        return (made,)

    def single(self, node: Node) -> Node:
        """The real node that a real node becomes."""
        if all(operand in self.real for operand in node.operands):
            return node.replace(tuple(self.real[operand] for operand in node.operands))
        if node.op is view_as_real:
            return self.together(node.operands[0])
        if node.op is later:
            return node.replace((self.real[node.operands[0]], self.parts[node.operands[1]][0]))
        pairs = [self.parts[operand] for operand in node.operands]
        match node.op.name:
            case "eq":
                return ops.and_(*(ops.eq(*each) for each in zip(*pairs, strict=True)))
            case "ne":
                return ops.or_(*(ops.ne(*each) for each in zip(*pairs, strict=True)))
            case "cast" if node.tensor.dtype.kind == "bool":
                return ops.or_(*(ops.cast(part, dtype=node.tensor.dtype) for part in pairs[0]))
            case "abs":
                return hypot(*pairs[0])
            case "cast":
                return ops.cast(pairs[0][0], dtype=node.tensor.dtype)
        raise DTypeError(f"is not defined for {node.operands[0].tensor.dtype.name}", op=node.op.name)

    def pair(self, node: Node) -> Pair:
        """The two real nodes that a complex node becomes."""
        name, dtype = node.op.name, real_dtype(node.tensor.dtype)
        if node.op.kind in _PARTWISE_KINDS or name in _PARTWISE:
            return self.partwise(node, 0), self.partwise(node, 1)
        if name in _BILINEAR:
            return bilinear(lambda x, y: node.op(x, y, **node.attrs), *(self.parts[each] for each in node.operands))
        match name:
            case "constant":
                type = TensorType(node.tensor.shape, dtype, node.tensor.device)
                value = node.attrs["value"]
                return constant(value=_of_part(value, 0), type=type), constant(value=_of_part(value, 1), type=type)
            case "cast" if node.operands[0] in self.real:
                real = ops.cast(self.real[node.operands[0]], dtype=dtype)
                return real, full_like(real, 0)
            case "cast":
                real, imaginary = self.parts[node.operands[0]]
                return ops.cast(real, dtype=dtype), ops.cast(imaginary, dtype=dtype)
            case "conj":
                real, imaginary = self.parts[node.operands[0]]
                return real, ops.neg(imaginary)
        if name in _FORMULAS:
            return _FORMULAS[name](*(self.parts[each] for each in node.operands))
        raise DTypeError(f"is not defined for {node.tensor.dtype.name}", op=name)

    def partwise(self, node: Node, part: int) -> Node:
        operands = (self.real[each] if each in self.real else self.parts[each][part] for each in node.operands)
        return node.op(*operands, **node.attrs)


def _part(whole: Node, index: int) -> Node:
    """One of two parts that lie along the last axis."""
    shape = whole.tensor.shape[:-1]
    if whole.op is concat and whole.attrs["axis"] == len(shape) and len(whole.operands) == 2:
        return reshape(whole.operands[index], shape=shape)
    rank = len(shape)
    cut = slice_(whole, starts=(*(0,) * rank, index), sizes=(*shape, 1), steps=(1,) * (rank + 1))
    return reshape(cut, shape=shape)


def _of_part(value: object, part: int) -> object:
    """One part of the value of a constant: a number, a size, or nested tuples of numbers."""
    if isinstance(value, tuple):
        return tuple(_of_part(each, part) for each in value)
    if isinstance(value, complex):
        return value.imag if part else value.real
    return 0 if part else value
