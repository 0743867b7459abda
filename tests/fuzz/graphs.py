"""Grows random well-typed graphs from OPS."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from brasa.ir.dim import Size, product, symbol
from brasa.ir.dtype import DType, bool_, float32, int64
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph, Kind, Node, graph_of
from brasa.ir.ops import OPS, definitions
from brasa.ir.ops.contract import window_count
from brasa.ir.ops.control import call, gradient, items
from brasa.ir.ops.elementwise import cast
from brasa.ir.ops.move import slice_
from brasa.ir.ops.reduce import expand
from brasa.ir.ops.source import full, iota, make_input
from brasa.ir.ops.view import permute, reshape
from brasa.ir.types import TensorType

_SHAPES: tuple[tuple[Size, ...], ...] = (
    (), (symbol("n"),), (symbol("n"), symbol("m")), (symbol("m"), symbol("n")), (symbol("n"), 4), (symbol("n"), 1),
    (2, symbol("n"), 4), (symbol("n"), 2, 4, 4), (1, symbol("m")), (4,),
)  # fmt: skip
# Left out are ops whose NumPy meaning is undefined for some operands (shifts, divisions of integers), is not a function
# of the elements alone, or errs; casts are made by their own grower. So are ops that integrals and series define: each
# element of theirs takes NumPy milliseconds.
_LEFT_OUT = {"shift_left", "shift_right", "cast", "bitcast"}
_LEFT_OUT |= {op.name for op in OPS.values() if op.evaluate.__module__ == definitions.__name__}
_ELEMENTWISE = [op for op in OPS.values() if op.kind is Kind.ELEMENTWISE and op.name not in _LEFT_OUT]
_REDUCE = [op for op in OPS.values() if op.kind is Kind.REDUCE]
_CUMULATE = [op for op in OPS.values() if op.kind is Kind.CUMULATE]


class Grower:
    """A graph under way: the values so far, from which each new node takes its operands."""

    def __init__(self, random: Random, inputs: list[Node], ordered: bool = True) -> None:
        self.random, self.inputs, self.values, self.ordered = random, inputs, list(inputs), ordered

    def grow(self, count: int) -> None:
        """Add about `count` nodes."""
        growers: list[tuple[Callable[[], Node], int]] = [
            (self.elementwise, 24), (self.broadcast, 5), (self.reshape, 3), (self.permute, 3), (self.slice, 2),
            (self.reduce, 3), (self.restored, 4), (self.contract, 2), (self.convolution, 1), (self.move, 2),
            (self.gather, 1), (self.scatter, 1), (self.source, 2), (self.cast, 1), (self.window, 1),
            (self.random_bits, 1), *([(self.cumulate, 2), (self.order, 1)] if self.ordered else []),
        ]  # fmt: skip
        kinds, weights = zip(*growers, strict=True)
        while count:
            try:
                self.values.append(self.random.choices(kinds, weights)[0]())
            except (BrasaError, LookupError):
                continue
            count -= 1

    def pick(self, allowed: Callable[[Node], bool] = lambda node: True) -> Node:
        """One of the values that are allowed, rather a late one."""
        found = [node for node in self.values if allowed(node)]
        if not found:
            raise LookupError
        return found[max(self.random.randrange(len(found)) for _ in range(4))]

    def number(self, rank: int = 0) -> Node:
        return self.pick(lambda node: node.tensor.dtype is float32 and node.tensor.rank >= rank)

    def like(self, type: TensorType, dtype: DType | None = None) -> Node:
        """A value of that shape: one that there is, or one made from another."""
        dtype = dtype or type.dtype
        found = [node for node in self.values if node.tensor.shape == type.shape and node.tensor.dtype is dtype]
        if found and self.random.random() < 0.9:
            return found[max(self.random.randrange(len(found)) for _ in range(2))]
        narrow = [node for node in self.values if node.tensor.dtype is dtype and _expands(node.tensor, type)]
        if narrow:
            return expand(self.random.choice(narrow), shape=type.shape)
        return full(
            TensorType(type.shape, dtype), self.random.choice((0, 1, 2, -1) if dtype is not bool_ else (True, False))
        )

    def elementwise(self) -> Node:
        op, first = self.random.choice(_ELEMENTWISE), self.pick()
        if op.name == "select":
            return op(self.like(first.tensor, bool_), first, self.like(first.tensor))
        if first.tensor.dtype is int64 and op.name in ("pow", "floor_divide", "remainder"):
            raise LookupError
        return op(first, *(self.like(first.tensor) for _ in op.operands[1:]))

    def cast(self) -> Node:
        node = self.pick()
        wanted = {float32: ("f64", "f16", "bf16"), int64: ("f32", "bool"), bool_: ("f32", "i64")}
        narrow = cast(node, dtype=_dtype(self.random.choice(wanted[node.tensor.dtype])))
        return narrow if narrow.tensor.dtype in (float32, int64, bool_) else cast(narrow, dtype=float32)

    def source(self) -> Node:
        shape = self.random.choice(_SHAPES)
        if shape and self.random.random() < 0.5:
            return iota(axis=self.random.randrange(len(shape)), type=TensorType(shape, int64))
        return full(TensorType(shape, float32), self.random.choice((0.0, 1.0, -0.0, 0.5, math.inf)))

    def broadcast(self) -> Node:
        node = self.pick()
        return expand(
            node, shape=self.random.choice([s for s in _SHAPES if _expands(node.tensor, TensorType(s, int64))])
        )

    def reshape(self) -> Node:
        node = self.pick()
        shape = list(node.tensor.shape)
        match self.random.randrange(3):
            case 0:
                shape.insert(self.random.randrange(len(shape) + 1), 1)
            case 1:
                shape = [product(shape)]
            case _ if len(shape) > 1:
                at = self.random.randrange(len(shape) - 1)
                shape[at : at + 2] = [shape[at] * shape[at + 1]]
        return reshape(node, shape=tuple(shape))

    def permute(self) -> Node:
        node = self.pick(lambda node: node.tensor.rank > 1)
        return permute(node, axes=tuple(self.random.sample(range(node.tensor.rank), node.tensor.rank)))

    def slice(self) -> Node:
        node = self.pick(lambda node: any(isinstance(size, int) and size > 1 for size in node.tensor.shape))
        parts = [self._part(size) for size in node.tensor.shape]
        starts, sizes, steps = zip(*parts, strict=True)
        return slice_(node, starts=starts, sizes=sizes, steps=steps)

    def _part(self, size: Size) -> tuple[Size, Size, int]:
        if not isinstance(size, int) or size < 2:
            return (size - 1, size, -1) if self.random.random() < 0.2 else (0, size, 1)
        return self.random.choice(((0, size, 1), (0, size // 2, 2), (size - 1, size, -1), (1, size - 1, 1)))

    def axes(self, node: Node) -> tuple[int, ...]:
        rank = node.tensor.rank
        return tuple(sorted(self.random.sample(range(rank), self.random.randint(1, rank))))

    def reduce(self) -> Node:
        node = self.number(1)
        return self.random.choice(_REDUCE)(node, axes=self.axes(node))

    def cumulate(self) -> Node:
        node = self.number(1)
        axis, reverse = self.random.randrange(node.tensor.rank), self.random.random() < 0.5
        return self.random.choice(_CUMULATE)(node, axis=axis, reverse=reverse)

    def order(self) -> Node:
        """Places in a row; those of values may be in any row, sorted or not."""
        node = self.number(1)
        if self.random.random() < 0.5:
            axis = self.random.randrange(node.tensor.rank)
            return OPS["argsort"](node, axis=axis, descending=self.random.random() < 0.5)
        return OPS["searchsorted"](node, self.like(node.tensor), right=self.random.random() < 0.5)

    def restored(self) -> Node:
        """A reduced value in the shape that it was reduced from, as in softmax."""
        node = self.number(1)
        axes = self.axes(node)
        small = OPS[self.random.choice(("sum", "max"))](node, axes=axes)
        if self.random.random() < 0.5:
            small = OPS[self.random.choice(("neg", "exp", "abs"))](small)
        kept = tuple(1 if axis in axes else size for axis, size in enumerate(node.tensor.shape))
        spread = expand(reshape(small, shape=kept), shape=node.tensor.shape)
        return OPS[self.random.choice(("sub", "mul", "add"))](node, spread)

    def contract(self) -> Node:
        lhs = self.pick(lambda node: node.tensor.dtype is float32 and node.tensor.rank == 2)
        inner = lhs.tensor.shape[1]
        rhs = self.pick(
            lambda node: node.tensor.dtype is float32 and node.tensor.rank == 2 and inner in node.tensor.shape
        )
        if rhs.tensor.shape[0] != inner:
            rhs = permute(rhs, axes=(1, 0))
        return OPS["matmul"](lhs, rhs, order=self.random.choice(("chain", "dot")))

    def convolution(self) -> Node:
        x = self.pick(_is_image)
        w = self.like(TensorType((3, x.tensor.shape[1], 2, 2), float32))
        return OPS["conv"](x, w, stride=(1, 1), padding=(1, 0), dilation=(1, 1), groups=1)

    def window(self) -> Node:
        x = self.pick(_is_image)
        sizes = x.tensor.shape[2:]
        options: dict[str, Any] = {"window": (2, 2), "stride": (2, 1), "padding": (0, 0), "dilation": (1, 1)}
        positions = tuple(map(window_count, sizes, *options.values()))
        return OPS[self.random.choice(("window_max", "window_argmax"))](x, positions=positions, **options)

    def move(self) -> Node:
        node = self.pick(lambda node: node.tensor.rank > 0)
        match self.random.randrange(3):
            case 0:
                low = tuple(self.random.randrange(3) for _ in node.tensor.shape)
                value = full(TensorType((), node.tensor.dtype), 1)
                return OPS["pad"](node, value, low=low, high=low[::-1])
            case 1:
                return OPS["concat"](node, self.like(node.tensor), node, axis=self.random.randrange(node.tensor.rank))
            case _:
                part = self.slice()
                starts, steps = part.attrs["starts"], part.attrs["steps"]
                value = self.like(part.tensor)
                return OPS["update"](part.operands[0], value, starts=starts, steps=steps)

    def places(self, shape: tuple[Size, ...]) -> Node:
        """Integers that are 0 or 1, which index everything."""
        return cast(self.like(TensorType(shape, bool_)), dtype=int64)

    def gather(self) -> Node:
        x = self.pick(_can_be_indexed)
        axis = self.random.choice([a for a, size in enumerate(x.tensor.shape) if size != 1])
        count = self.random.choice((1, 3, x.tensor.shape[axis]))
        shape = tuple(count if a == axis else size for a, size in enumerate(x.tensor.shape))
        return OPS["gather"](x, self.places(shape), axis=axis)

    def scatter(self) -> Node:
        x = self.pick(lambda node: node.tensor.dtype is float32 and _can_be_indexed(node))
        axis = self.random.choice([a for a, size in enumerate(x.tensor.shape) if size != 1])
        shape = tuple(self.random.choice((1, 3)) if a == axis else size for a, size in enumerate(x.tensor.shape))
        value = self.like(TensorType(shape, float32))
        start = full(x.tensor, 0) if self.random.random() < 0.5 else x
        return OPS["scatter_add"](start, self.places(shape), value, axis=axis)

    def random_bits(self) -> Node:
        seed = self.like(TensorType((), int64))
        bits = OPS["random_bits"](seed, seed, word=self.random.randrange(4), draw=0,
                                  type=TensorType(self.random.choice(_SHAPES), _dtype("u32")))  # fmt: skip
        return cast(bits, dtype=float32)


def _dtype(name: str) -> DType:
    from brasa.ir.dtype import BY_NAME

    return BY_NAME[name]


def _is_image(node: Node) -> bool:
    """Whether windows of 2 x 2 fit into the last two axes."""
    shape = node.tensor.shape
    return node.tensor.dtype is float32 and len(shape) == 4 and all(isinstance(n, int) and n > 1 for n in shape[2:])


def _can_be_indexed(node: Node) -> bool:
    """Whether 0 and 1 are places of some axis: named sizes are at least 2 in these tests."""
    return any(size != 1 for size in node.tensor.shape)


def _expands(narrow: TensorType, wide: TensorType) -> bool:
    try:
        return OPS["expand"].infer(narrow, shape=wide.shape).shape == wide.shape
    except BrasaError:
        return False


def _inputs(random: Random) -> list[Node]:
    nodes = [make_input("size", TensorType((symbol("n"), symbol("m")), float32))]
    for i in range(random.randint(2, 5)):
        dtype = random.choices((float32, int64, bool_), (6, 1, 1))[0]
        shape = random.choice((*_SHAPES, *_SHAPES[2:3] * 4, *_SHAPES[6:8] * 2))
        strides = tuple("s" * len(shape)) if shape and random.random() < 0.15 else ()
        nodes.append(make_input(f"x{i}", TensorType(shape, dtype), strides=strides))
    return nodes


def random_function(random: Random, count: int) -> Graph:
    """A small graph of elementwise ops, for a call: its inputs tell its sizes."""
    types = [TensorType((symbol("p"), symbol("q")), float32), TensorType((symbol("p"), symbol("q")), float32)]
    grower = Grower(random, [make_input(f"a{i}", type) for i, type in enumerate(types)])
    for _ in range(count):
        op = OPS[random.choice(("add", "mul", "exp", "tanh", "neg", "sub", "maximum"))]
        grower.values.append(op(*(grower.pick() for _ in op.operands)))
    return graph_of("part", grower.inputs, grower.values[-random.randint(1, 2) :])


def random_graph(seed: int, differentiate: bool, ordered: bool = True) -> Graph:
    """The graph of a seed: some 20 nodes, a call, and where asked the gradient of something.

    ordered: with ops that accumulate, sort and search.
    """
    random = Random(seed)
    grower = Grower(random, _inputs(random), ordered)
    grower.grow(random.randint(6, 16))
    held = random_function(random, random.randint(1, 5))
    pair = [grower.like(TensorType((symbol("n"), symbol("m")), float32)) for _ in held.inputs]
    grower.values += items(call(*pair, graph=held))
    grower.grow(random.randint(6, 16))
    outputs = [grower.pick() for _ in range(random.randint(2, 5))]
    if differentiate:
        value = grower.number()
        loss = value if not value.tensor.shape else OPS["sum"](value, axes=tuple(range(value.tensor.rank)))
        by = [*random.sample([x for x in grower.inputs if x.tensor.dtype is float32], 1), grower.number()]
        outputs += items(gradient(loss, full(loss.tensor, 1.0), *by, outputs=1))
    nodes = graph_of("grown", grower.inputs, outputs).nodes
    updates = ()
    for i, output in enumerate(outputs):
        for j, node in enumerate(grower.inputs):
            if output.type == node.type and random.random() < 0.5:
                updates = ((i, j),)
    return Graph("grown", tuple(grower.inputs), nodes, tuple(outputs), updates)
