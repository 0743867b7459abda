"""Loops and branches for many samples at once; samples that are done wait for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from brasa.ir.dim import Dim, Size, symbol
from brasa.ir.dtype import bool_
from brasa.ir.graph import Graph, Node, topological
from brasa.ir.ops.control import call, items
from brasa.ir.ops.elementwise import and_, select
from brasa.ir.ops.nested import cond, scan
from brasa.ir.ops.reduce import expand, max_, repeated
from brasa.ir.ops.source import full, make_input
from brasa.ir.ops.view import permute, reshape
from brasa.ir.sizes import used_symbols
from brasa.ir.types import TensorType

Batch: TypeAlias = Callable[..., tuple[Graph, tuple[bool, ...]]]  # the pass `batch`
Results: TypeAlias = tuple[tuple[Node, ...], tuple[bool, ...]]  # with which of them have an axis of samples


def batch_nested(
    node: Node, operands: Sequence[Node], which: Sequence[bool], size: Size, different: bool, batch: Batch
) -> Results:  # fmt: skip
    """A nested node for `size` samples, by the pass `batch` for the graphs that it holds."""
    made = _Nested(node, operands, which, size, different, batch)
    return made.scan() if node.op is scan else made.cond() if node.op is cond else made.while_()


class _Nested:
    """A nested node while it is rewritten."""

    def __init__(
        self, node: Node, operands: Sequence[Node], which: Sequence[bool], size: Size, different: bool, batch: Batch
    ) -> None:
        self.node, self.operands, self.which, self.size = node, list(operands), list(which), size
        self.different, self.batch = different, batch

    def held(self, graph: Graph, which: Sequence[bool], wanted: Sequence[bool] = ()) -> tuple[Graph, tuple[bool, ...]]:
        """A held graph for all samples, with a further input that tells how many these are."""
        size, taken = self.size, used_symbols((*graph.inputs, *graph.nodes))
        name = str(size) if isinstance(size, Dim) and size.is_symbol else "samples"
        while name in taken:
            name += "_"
        if isinstance(size, Dim):
            size = symbol(name)
        made, found = self.batch(graph, which, size, self.different, wanted)
        counted = make_input(f"of_{name}", TensorType((size,), bool_))
        return Graph(made.name, (*made.inputs, counted), made.nodes, made.outputs), found

    def count(self) -> Node:
        """What is given for that input."""
        return full(TensorType((self.size,), bool_), False)

    def whole(self, index: int, has: bool = True) -> Node:
        """An operand, repeated for each sample if all shall have it and it is the same for all."""
        node = self.operands[index]
        return repeated(node, self.size) if has and not self.which[index] else node

    def carried(self, graph: Graph, carries: int) -> tuple[Graph, tuple[bool, ...]]:
        """The graph of a step; what is carried has an axis of samples if it has one before a step or after it."""
        count = len(graph.outputs) - carries
        while True:
            made, found = self.held(graph, self.which, (*self.which[:carries], *(False,) * count))
            if found[:carries] == tuple(self.which[:carries]):
                return made, found
            for index in range(carries):
                if found[index] and not self.which[index]:
                    self.operands[index] = repeated(self.operands[index], self.size)
                    self.which[index] = True

    def scan(self) -> Results:
        attrs = dict(self.node.attrs)
        carries, rest = attrs["carries"], attrs["carries"] + attrs["sequences"]
        graph, found = self.carried(attrs["graph"], carries)
        sequences = [
            _exchanged(self.operands[index]) if self.which[index] else self.operands[index]
            for index in range(carries, rest)
        ]
        made = scan(*self.operands[:carries], *sequences, *self.operands[rest:], self.count(),
                    **{**attrs, "graph": graph})  # fmt: skip
        results = items(made)
        stacked = (
            _exchanged(each) if has else each for each, has in zip(results[carries:], found[carries:], strict=True)
        )
        return (*results[:carries], *stacked), found

    def cond(self) -> Results:
        graphs = [self.node.attrs[name] for name in ("then", "otherwise")]
        which = self.which[1:]
        one_choice = not self.which[0]
        either = [self.held(graph, which)[1] for graph in graphs]
        wanted = [not one_choice or left or right for left, right in zip(*either, strict=True)]
        then, otherwise = (self.held(graph, which, wanted)[0] for graph in graphs)
        operands = (*self.operands[1:], self.count())
        if one_choice:
            made = cond(self.operands[0], *operands, then=then, otherwise=otherwise)
            return items(made), tuple(wanted)
        pairs = zip(*(items(call(*operands, graph=graph)) for graph in (then, otherwise)), strict=True)
        return tuple(_chosen(self.operands[0], yes, no) for yes, no in pairs), tuple(wanted)

    def while_(self) -> Results:
        attrs: dict[str, Any] = dict(self.node.attrs)
        carries = attrs["carries"]
        graph, found = self.carried(attrs["graph"], carries)
        if not found[0]:
            made = self.node.op(*self.operands, self.count(), graph=graph, carries=carries)
            return items(made), found[1:]
        self.operands = [self.whole(index, index < carries) for index in range(len(self.operands))]
        self.which = [index < carries or has for index, has in enumerate(self.which)]
        graph, found = self.carried(attrs["graph"], carries)
        going, *start = self.operands
        made = self.node.op(_any(going), going, *start, self.count(), graph=_waiting(graph, carries),
                            carries=carries + 1)  # fmt: skip
        return items(made)[1:], found[1:]


def _waiting(graph: Graph, carries: int) -> Graph:
    """A step of which samples that are done take none. It carries first whether any goes on."""
    inputs = graph.inputs[:carries]
    after = [_chosen(inputs[0], new, old) for new, old in zip(graph.outputs[1:carries], inputs[1:], strict=True)]
    going = and_(inputs[0], graph.outputs[0])
    outputs = (_any(going), going, *after)
    every = (make_input("any", TensorType((), bool_)), *graph.inputs)
    return Graph(graph.name, every, (*graph.nodes, *topological(outputs, (*every, *graph.nodes))), outputs)


def _any(truths: Node) -> Node:
    return max_(truths, axes=(0,))


def _chosen(choice: Node, yes: Node, no: Node) -> Node:
    """For each sample, that of the two values which its truth says."""
    shape = yes.tensor.shape
    return select(expand(reshape(choice, shape=(shape[0], *(1,) * (len(shape) - 1))), shape=shape), yes, no)


def _exchanged(x: Node) -> Node:
    """The first two axes, of samples and of steps, exchanged."""
    return permute(x, axes=(1, 0, *range(2, x.tensor.rank)))
