"""Gradients of ops that run graphs: of a loop, a loop that runs the other way; of a branch, a branch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, Node, item_types
from brasa.ir.ops.control import call, items
from brasa.ir.ops.elementwise import add
from brasa.ir.ops.move import concat, slice_
from brasa.ir.ops.nested import cond, scan
from brasa.ir.ops.source import full, full_like, make_input
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType
from brasa.passes.inline import inline

Differentiate: TypeAlias = Callable[[Graph, tuple[bool, ...]], Graph]  # the form of `vjp_graph`


def nested_gradients(
    node: Node, gradients: Sequence[Node | None], wanted: tuple[bool, ...], differentiate: Differentiate
) -> Sequence[Node | None]:
    """What a nested node adds to the gradient of each operand. wanted: the operands whose gradients somebody reads."""
    if node.op is scan:
        return _Backward(node, gradients, wanted, differentiate).run()
    if node.op is cond:
        return _cond_gradients(node, gradients, wanted, differentiate)
    raise GradientError(
        f"has no gradient: {node.op.no_vjp}", op="while_loop", operands=node.op.describe(node.operands),
        hint="give it max_steps",
    )  # fmt: skip


def _is_smooth(type: TensorType) -> bool:
    return type.dtype.kind in ("float", "complex")


def _cond_gradients(
    node: Node, gradients: Sequence[Node | None], wanted: tuple[bool, ...], differentiate: Differentiate
) -> Sequence[Node | None]:
    """`cond` of the gradients of both graphs; each computes again what it needs."""
    smooth = [w and _is_smooth(operand.tensor) for w, operand in zip(wanted[1:], node.operands[1:], strict=True)]
    given = [index for index, gradient in enumerate(gradients) if gradient is not None]
    seeds = [gradient for gradient in gradients if gradient is not None]

    def backward(graph: Graph) -> Graph:
        read = tuple(graph.outputs[index] for index in given)
        return inline(differentiate(Graph(graph.name, graph.inputs, graph.nodes, read), tuple(smooth)))

    then, otherwise = backward(node.attrs["then"]), backward(node.attrs["otherwise"])
    results = iter(items(cond(*node.operands, *seeds, then=then, otherwise=otherwise)))
    return [None, *(next(results) if each else None for each in smooth)]


class _Backward:
    """The gradient of a `scan`: a `scan` the other way round over what each step started from.

    It carries the gradients of the carries, and for the constants the sums so far. A step computes again what the
    gradients of its graph need, from the carries that it started from, which the scan gives stacked.
    """

    def __init__(
        self, node: Node, gradients: Sequence[Node | None], wanted: tuple[bool, ...], differentiate: Differentiate
    ) -> None:
        self.node, self.gradients, self.wanted, self.differentiate = node, gradients, wanted, differentiate
        self.body: Graph = node.attrs["graph"]
        self.carries, self.sequences = node.attrs["carries"], node.attrs["sequences"]
        self.rest = self.carries + self.sequences
        smooth = [_is_smooth(each.tensor) for each in self.body.inputs]
        self.moving = [index for index in range(self.carries) if smooth[index]]
        self.over = [index for index in range(self.carries, self.rest) if smooth[index] and wanted[index]]
        self.summed = [index for index in range(self.rest, len(smooth)) if smooth[index] and wanted[index]]
        self.given = [
            index for index in range(self.carries, len(self.body.outputs))
            if gradients[index] is not None and _is_smooth(self.body.outputs[index].tensor)
        ]  # fmt: skip

    def run(self) -> Sequence[Node | None]:
        """The gradient of each operand, None where there is none."""
        node, body = self.node, self._body()
        types = item_types(node.type)
        ends = [self.gradients[index] or full(types[index], 0) for index in self.moving]
        sums = [full_like(node.operands[index], 0) for index in self.summed]
        stacked = [gradient for index in self.given if (gradient := self.gradients[index]) is not None]
        over = [*self._starts(), *node.operands[self.carries : self.rest], *stacked]
        results = items(scan(
            *ends, *sums, *over, *node.operands[self.rest :], graph=body, carries=len(ends) + len(sums),
            sequences=len(over), length=node.attrs["length"], reverse=not node.attrs["reverse"],
        ))  # fmt: skip
        found = dict(zip((*self.moving, *self.summed, *self.over), results, strict=False))
        return [found.get(index) for index in range(len(node.operands))]

    def _starts(self) -> list[Node]:
        """The carries that each step started from: results of the scan, or of one like it that gives them too."""
        body, node = with_starts(self.body, self.carries), self.node
        if body is not self.body:
            node = scan(*node.operands, **{**node.attrs, "graph": body})
        stacked = dict(zip(body.outputs[self.carries :], items(node)[self.carries :], strict=True))
        return [
            stacked[before] if before in stacked else self._one_later(start, stacked[after])
            for start, before, after in zip(node.operands, body.inputs[: self.carries], body.outputs, strict=False)
        ]

    def _one_later(self, start: Node, ends: Node) -> Node:
        """What the steps started from, by what they ended with."""
        reverse, length = self.node.attrs["reverse"], self.node.attrs["length"]
        first = reshape(start, shape=(1, *start.tensor.shape))
        whole = concat(ends, first, axis=0) if reverse else concat(first, ends, axis=0)
        rank = start.tensor.rank
        return slice_(whole, starts=(int(reverse), *(0,) * rank), sizes=(length, *start.tensor.shape),
                      steps=(1,) * (rank + 1))  # fmt: skip

    def _body(self) -> Graph:
        """The graph of one step back."""
        body, names = self.body, _names()
        ends, sums = ([_renamed(body.inputs[i], names) for i in kept] for kept in (self.moving, self.summed))
        starts, slices = ([_renamed(each, names) for each in body.inputs[a:b]] for a, b in
                          ((0, self.carries), (self.carries, self.rest)))  # fmt: skip
        made = [_renamed(body.outputs[index], names) for index in self.given]
        constants = [_renamed(each, names) for each in body.inputs[self.rest :]]
        read = (*body.outputs[: self.carries], *(body.outputs[index] for index in self.given))
        smooth = tuple(index in (*self.moving, *self.over, *self.summed) for index in range(len(body.inputs)))
        inner = self.differentiate(Graph(body.name, body.inputs, body.nodes, read), smooth)
        results = items(call(*starts, *slices, *constants, *ends, *made, graph=inner)) if any(smooth) else ()
        found = dict(zip((index for index, each in enumerate(smooth) if each), results, strict=True))
        totals = [add(sum, found[index]) for sum, index in zip(sums, self.summed, strict=True)]
        carries = (*ends, *sums)
        outputs = (*(found[i] for i in self.moving), *totals, *(found[i] for i in self.over))
        nodes = (*dict.fromkeys(each.operands[0] for each in results if each.op.name == "item"), *results, *totals)
        inputs = (*carries, *starts, *slices, *made, *constants)
        return with_starts(inline(Graph(f"{body.name}_backward", inputs, nodes, outputs)), len(carries))


def with_starts(body: Graph, carries: int) -> Graph:
    """The graph of a step, made to give the carries that it starts from or ends with: what gradients need of a scan."""
    given = body.outputs[carries:]
    pairs = zip(body.inputs[:carries], body.outputs[:carries], strict=True)
    missing = tuple(before for before, after in pairs if before not in given and after not in given)
    return Graph(body.name, body.inputs, body.nodes, (*body.outputs, *missing)) if missing else body


def _names() -> Iterator[str]:
    number = 0
    while True:
        yield f"x{number}"
        number += 1


def _renamed(node: Node, names: Iterator[str]) -> Node:
    return make_input(next(names), node.tensor, where=node.where)
