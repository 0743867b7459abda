"""The graph: ops, nodes that apply them, and graphs that hold nodes in program order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from html import escape
from threading import local
from types import MappingProxyType
from typing import Any, TypeAlias

from brasa.ir.errors import BrasaError, GraphError, Operand
from brasa.ir.record import record
from brasa.ir.types import TensorType, TupleType, Type


class Kind(StrEnum):
    """What fusion and lowering look at, instead of names."""

    SOURCE = "source"  # constants, counters, inputs: no operands
    ELEMENTWISE = "elementwise"  # one result element from the operands' elements at the same place
    VIEW = "view"  # each result element is one operand element: an index map
    COMPLEX = "complex"  # complex numbers as pairs of real ones, and back: the same memory
    MOVE = "move"  # each result element is one of several operands' elements, chosen by its place
    REDUCE = "reduce"  # combines elements along axes
    CONTRACT = "contract"  # sums of products: matmul, convolution
    WINDOW = "window"  # combines elements inside sliding windows
    CUMULATE = "cumulate"  # combines each element with all before it along an axis
    SORT = "sort"  # finds the order of the elements along an axis
    SEARCH = "search"  # finds places in sorted elements
    ATTEND = "attend"  # weighs rows by their products with others
    TRELLIS = "trellis"  # adds up paths from state to state, time after time
    INDEX = "index"  # reads at places that a tensor names
    SCATTER = "scatter"  # writes at places that a tensor names
    CHECK = "check"  # elementwise, and an error where an element is out of bounds
    RANDOM = "random"  # counter-based random bits: pure
    HOST = "host"  # a library on the processor computes it, between kernels: factorizations, Fourier transforms
    NESTED = "nested"  # runs graphs that it holds: loops and branches
    CONTROL = "control"  # holds graphs or tuples that are gone before anything runs


CHECKED = (Kind.INDEX, Kind.SCATTER, Kind.CHECK)  # what may fail when it runs

Attr: TypeAlias = Any  # int, float, bool, str, None, Size, DType, TensorType, Graph, or a tuple of these
NO_ATTRS: Mapping[str, Attr] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Op:
    """All that an operation means, in one record. Calling it makes a node.

    operands: their names, as error messages print them; a last name that ends in `*` takes any number.
    infer: (*operand types, **attrs) -> result type, or a ShapeError or DTypeError with the fact alone.
    evaluate: (*arrays, **attrs) -> array (or a tuple of them): the NumPy meaning, the oracle of the tests.
    vjp: (node, gradient of its result) -> the gradient of each operand, None where there is none; written with ops.
        For a node with several results the gradient is a tuple, with None for a result that has none.
    no_vjp: why there is no vjp, for ops that have none.
    body: what the kernels compute; its form goes with the kind (see brasa.ir.kernel and brasa.codegen.schedules).
    run: for HOST ops, what the product computes: see brasa.ir.ops.host.
    declares_type: whether the attribute `type` says what the result is, as for constants.
    batch: (node, operands, which, size) -> what the node computes for each of `size` samples, along a new first axis;
        `which` says of each operand whether it has that axis. Only where the op is not simply applied to operands that
        all have it, attributes that speak of axes moved by one: see brasa.passes.batch.
    resized: (node, attributes with other sizes in the place of named ones) -> these attributes, for an op that has to
        remember what was known of sizes.
    """

    name: str
    kind: Kind
    operands: tuple[str, ...]
    infer: Callable[..., Type]
    evaluate: Callable[..., Any]
    vjp: Callable[..., tuple[Node | None, ...]] | None = None
    no_vjp: str = ""
    body: Callable[..., Any] | None = None
    run: Callable[..., None] | None = None
    declares_type: bool = False
    batch: Callable[..., Node] | None = None
    resized: Callable[[Node, dict[str, Any]], dict[str, Any]] | None = None

    def __call__(self, *operands: Node, **attrs: Attr) -> Node:
        """A node that applies this op, its type inferred; the error names the op and shows the operands."""
        try:
            self.check_arity(len(operands))
            result = self.infer(*(operand.type for operand in operands), **attrs)
        except BrasaError as error:
            if not error.op:
                error.op = self.name
                error.operands = self.describe(operands)
            raise
        return Node(self, operands, MappingProxyType(attrs) if attrs else NO_ATTRS, result, location())

    def check_arity(self, count: int) -> None:
        variadic = bool(self.operands) and self.operands[-1].endswith("*")
        if count < len(self.operands) - variadic or (count > len(self.operands) and not variadic):
            raise GraphError(f"takes ({', '.join(self.operands)}), not {count} operands")

    def operand_name(self, index: int) -> str:
        """The name of operand `index`; those of a variadic op are numbered."""
        last = len(self.operands) - 1
        if index < last or not self.operands[last].endswith("*"):
            return self.operands[index]
        return f"{self.operands[last][:-1]}{index - last}"

    def describe(self, operands: Sequence[Node]) -> tuple[Operand, ...]:
        """The operand lines of an error."""
        return tuple(
            Operand(self.operand_name(i), str(node.type), node.origin, node.where)
            for i, node in enumerate(operands)
            if i < len(self.operands) or self.operands[-1].endswith("*")
        )

    def __repr__(self) -> str:
        return f"<op {self.name}>"


@record
class Node:
    """One value: an op applied to operands. Immutable, and equal only to itself."""

    op: Op
    operands: tuple[Node, ...]
    attrs: Mapping[str, Attr]
    type: Type
    where: str = ""

    @property
    def tensor(self) -> TensorType:
        """The type of a node that is known to hold one tensor."""
        if not isinstance(self.type, TensorType):
            raise GraphError(f"{self.op.name} has several results; take one with item")
        return self.type

    @property
    def origin(self) -> str:
        """What the value is, in a user's words."""
        if self.op.name == "input":
            role, name = self.attrs.get("role"), self.attrs["name"]
            return f"{role} '{self.attrs.get('path') or name}'" if role else f"input '{name}'"
        if self.op.name == "item":
            return self.operands[0].origin
        return f"result of {self.attrs['graph'].name if self.op.name == 'call' else self.op.name}"

    def replace(self, operands: tuple[Node, ...], type: Type | None = None, **attrs: Attr) -> Node:
        """The same application over other operands; with other attrs where given."""
        merged = MappingProxyType({**self.attrs, **attrs}) if attrs else self.attrs
        return Node(self.op, operands, merged, type or self.type, self.where)

    def __repr__(self) -> str:
        return f"<{self.op.name}: {self.type}>"


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A function: input nodes, the nodes that compute, in program order, and the nodes that it returns.

    Program order is meaning, not taste: gradients that meet add up in its reverse.
    updates: pairs (output, input): that output, when the graph has run, is written to that input's memory.
    """

    name: str
    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[tuple[int, int], ...] = ()

    @cached_property
    def users(self) -> Mapping[Node, tuple[Node, ...]]:
        """The nodes that read each node, in program order; a node that reads twice stands there twice."""
        users: dict[Node, list[Node]] = {node: [] for node in (*self.inputs, *self.nodes)}
        for node in self.nodes:
            for operand in node.operands:
                users[operand].append(node)
        return {node: tuple(readers) for node, readers in users.items()}

    @cached_property
    def reads(self) -> tuple[bool, ...]:
        """Of each input, whether an output is computed from it."""
        needed = set(topological(self.outputs))
        return tuple([node in needed for node in self.inputs])

    def __str__(self) -> str:
        from brasa.ir.printing import print_graph

        return print_graph(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def graph_of(name: str, inputs: Iterable[Node], outputs: Iterable[Node]) -> Graph:
    """A graph of what `outputs` need, in the order in which it is first needed."""
    inputs, outputs = tuple(inputs), tuple(outputs)
    return Graph(name, inputs, topological(outputs, inputs), outputs)


def topological(outputs: Iterable[Node], stop: Iterable[Node] = ()) -> tuple[Node, ...]:
    """The nodes that `outputs` need, operands first, without those in `stop`."""
    return tuple(unseen(outputs, set(stop)))


def unseen(outputs: Iterable[Node], seen: set[Node]) -> list[Node]:
    """The nodes that `outputs` need, operands first, without those seen, to which they are added."""
    order: list[Node] = []
    for root in outputs:
        if root not in seen and seen.issuperset(root.operands):
            seen.add(root)
            order.append(root)
            continue
        stack: list[tuple[Node, int]] = [(root, 0)]
        while stack:
            node, index = stack.pop()
            if index == 0:
                if node in seen:
                    continue
                seen.add(node)
            if index < len(node.operands):
                stack.append((node, index + 1))
                stack.append((node.operands[index], 0))
            else:
                order.append(node)
    return order


def rewrite(graph: Graph, change: Callable[[Node], Node]) -> Graph:
    """The graph with every node replaced by what `change` makes of it, operands first, inputs kept.

    `change` sees each node with its operands already replaced; nodes that it makes stand where the old one stood.
    """
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    seen = set(graph.inputs)
    order: list[Node] = []
    with located(""):
        for node in graph.nodes:
            operands = tuple([new[operand] for operand in node.operands])
            set_location(node.where)
            made = new[node] = change(node if operands == node.operands else node.replace(operands))
            if made not in seen:
                order += unseen((made,), seen)
    return Graph(graph.name, graph.inputs, tuple(order), tuple(new[node] for node in graph.outputs), graph.updates)


_state = local()


def location() -> str:
    """The user's line that nodes made now belong to."""
    return getattr(_state, "where", "")


class located:
    """A block that gives nodes made inside it this place in the user's program."""

    __slots__ = ("_outer", "_where")

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        self._outer = location()
        _state.where = self._where

    def __exit__(self, *_: object) -> None:
        _state.where = self._outer


def set_location(where: str) -> None:
    """As `located`, for a tracer that moves from line to line."""
    _state.where = where


def item_types(type: Type) -> tuple[TensorType, ...]:
    """The tensor types of a result, one or several."""
    return type.items if isinstance(type, TupleType) else (type,)
