"""Gradients of ops that run graphs: of a loop, a loop that runs the other way; of a branch, a branch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, Node, item_types, topological
from brasa.ir.ops.contract import matmul
from brasa.ir.ops.control import call, items
from brasa.ir.ops.elementwise import add
from brasa.ir.ops.move import concat, slice_
from brasa.ir.ops.nested import cond, scan, while_
from brasa.ir.ops.reduce import sum_, sum_copies
from brasa.ir.ops.source import full, full_like, make_input
from brasa.ir.ops.view import permute, reshape
from brasa.ir.types import TensorType
from brasa.passes.inline import inline

_Key: TypeAlias = tuple[str, int]  # ("start" | "slice" | "made" | "gradient", number of the carry, operand or result)
Differentiate: TypeAlias = Callable[[Graph, tuple[bool, ...]], Graph]  # the form of `vjp_graph`


def nested_gradients(
    node: Node, gradients: Sequence[Node | None], wanted: tuple[bool, ...], differentiate: Differentiate
) -> Sequence[Node | None]:
    """What a nested node adds to the gradient of each operand. wanted: the operands whose gradients somebody reads."""
    if node.op is scan:
        return _Backward(node, gradients, wanted, differentiate).run()
    if node.op is cond:
        return _cond_gradients(node, gradients, wanted, differentiate)
    raise unbounded(node.operands)


def unbounded(operands: tuple[Node, ...]) -> GradientError:
    """The error of a gradient by a loop of which nobody knows how many steps it will take."""
    return GradientError(
        f"has no gradient: {while_.no_vjp}", op="while_loop", operands=while_.describe(operands),
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

    It carries the gradients of the carries, and for the constants the sums so far; where those are sums of products,
    a grouped scan has one product over all steps instead, after the loop. What a step gave is not computed again, all
    else that the gradients of its graph need is, from the carries that it started from, which the scan gives stacked.
    """

    def __init__(
        self, node: Node, gradients: Sequence[Node | None], wanted: tuple[bool, ...], differentiate: Differentiate
    ) -> None:
        self.node, self.gradients, self.wanted, self.differentiate = node, gradients, wanted, differentiate
        self.grouped = {"grouped": True} if node.attrs.get("grouped") else {}
        self.body: Graph = node.attrs["graph"]
        self.carries, self.sequences = node.attrs["carries"], node.attrs["sequences"]
        self.rest = self.carries + self.sequences
        smooth = [_is_smooth(each.tensor) for each in self.body.inputs]
        self.moving = [index for index in range(self.carries) if smooth[index]]
        self.over = [index for index in range(self.carries, self.rest) if smooth[index] and wanted[index]]
        self.summed = [index for index in range(self.rest, len(smooth)) if smooth[index] and wanted[index]]
        self.made = range(self.carries, len(self.body.outputs))
        self.given = [
            index for index in self.made
            if gradients[index] is not None and _is_smooth(self.body.outputs[index].tensor)
        ]  # fmt: skip
        self.names = _names()

    def run(self) -> Sequence[Node | None]:
        """The gradient of each operand, None where there is none."""
        node, types = self.node, item_types(self.node.type)
        body, inside, products = self._body()
        whole = self._whole()
        ends = [self.gradients[index] or full(types[index], 0) for index in self.moving]
        added = [index for index in self.summed if index not in products]
        sums = [full_like(node.operands[index], 0) for index in added]
        over = [whole[each] for each in inside]
        results = items(scan(
            *ends, *sums, *over, *node.operands[self.rest :], graph=body, carries=len(ends) + len(sums),
            sequences=len(over), length=node.attrs["length"], reverse=not node.attrs["reverse"], **self.grouped,
        ))  # fmt: skip
        found = dict(zip((*self.moving, *added, *self.over), results, strict=False))
        stacked = dict(zip(body.outputs[len(ends) + len(sums) :], results[len(ends) + len(sums) :], strict=True))
        stacked.update(
            (formal, array) for formal, array in zip(body.inputs[len(ends) + len(sums) :], over, strict=False)
        )
        found |= {index: product.over_all_steps(stacked) for index, product in products.items()}
        return [found.get(index) for index in range(len(node.operands))]

    def _whole(self) -> dict[_Key, Node]:
        """All that a step back reads of the whole: what the steps started from, were given and gave, and its gradient.

        The starts are results of the scan, or of one like it that gives them too.
        """
        body, node = with_starts(self.body, self.carries), self.node
        if body is not self.body:
            node = scan(*node.operands, **{**node.attrs, "graph": body})
        results = items(node)
        stacked = dict(zip(body.outputs[self.carries :], results[self.carries :], strict=True))
        found: dict[_Key, Node] = {
            ("start", index): stacked[before] if before in stacked else self._one_later(start, stacked[after])
            for index, (start, before, after) in enumerate(
                zip(node.operands[: self.carries], body.inputs, body.outputs, strict=False)
            )
        }
        found |= {("slice", index): node.operands[index] for index in range(self.carries, self.rest)}
        found |= {("made", index): results[index] for index in self.made}
        return found | {("gradient", index): each for index, each in enumerate(self.gradients) if each is not None}

    def _one_later(self, start: Node, ends: Node) -> Node:
        """What the steps started from, by what they ended with."""
        reverse, length = self.node.attrs["reverse"], self.node.attrs["length"]
        first = reshape(start, shape=(1, *start.tensor.shape))
        whole = concat(ends, first, axis=0) if reverse else concat(first, ends, axis=0)
        rank = start.tensor.rank
        return slice_(whole, starts=(int(reverse), *(0,) * rank), sizes=(length, *start.tensor.shape),
                      steps=(1,) * (rank + 1))  # fmt: skip

    def _body(self) -> tuple[Graph, list[_Key], dict[int, _Product]]:
        """The graph of one step back; what it reads of the whole; the constants whose gradients are products."""
        body = self.body
        ends = [self._renamed(body.inputs[index]) for index in self.moving]
        constants = [self._renamed(each) for each in body.inputs[self.rest :]]
        read = (*body.outputs[: self.carries], *(body.outputs[index] for index in self.given))
        smooth = tuple(index in (*self.moving, *self.over, *self.summed) for index in range(len(body.inputs)))
        inner = self.differentiate(Graph(body.name, body.inputs, body.nodes, read), smooth)
        first = {body.outputs[index]: index for index in reversed(self.made)}
        known = [index for index in sorted(first.values()) if body.outputs[index] in inner.nodes]
        inner = _known(inner, [body.outputs[index] for index in known])
        formal: dict[_Key, Node] = {("start", i): self._renamed(body.inputs[i]) for i in range(self.carries)}
        formal |= {("slice", i): self._renamed(body.inputs[i]) for i in range(self.carries, self.rest)}
        formal |= {("gradient", i): self._renamed(body.outputs[i]) for i in self.given}
        formal |= {("made", i): self._renamed(body.outputs[i]) for i in known}
        gradients = [formal["gradient", index] for index in self.given]
        arguments = [formal["start" if i < self.carries else "slice", i] for i in range(self.rest)]
        arguments += [*constants, *ends, *gradients, *(formal["made", i] for i in known)]
        results = items(call(*arguments, graph=inner)) if any(smooth) else ()
        nodes = (*dict.fromkeys(each.operands[0] for each in results if each.op.name == "item"), *results)
        flat = inline(Graph(f"{body.name}_backward", (*ends, *formal.values(), *constants), nodes, results))
        found = dict(zip((index for index, each in enumerate(smooth) if each), flat.outputs, strict=True))
        tried = {index: _product(found[index], constants) for index in self.summed if self.grouped}
        products = {index: each for index, each in tried.items() if each is not None}
        return self._step(flat, found, products, ends, formal, constants), list(formal), products

    def _step(
        self, flat: Graph, found: dict[int, Node], products: dict[int, _Product], ends: list[Node],
        formal: dict[_Key, Node], constants: list[Node],
    ) -> Graph:  # fmt: skip
        """The graph of a step back, which carries sums and gives the factors of products."""
        added = [index for index in self.summed if index not in products]
        sums = [self._renamed(self.body.inputs[index]) for index in added]
        totals = [add(sum, found[index]) for sum, index in zip(sums, added, strict=True)]
        given = [found[index] for index in self.over]
        read = {*formal.values(), *given}
        factors = [each for product in products.values() for each in product.factors if each not in read]
        inputs = (*ends, *sums, *formal.values(), *constants)
        outputs = (*(found[index] for index in self.moving), *totals, *given, *dict.fromkeys(factors))
        nodes = (*flat.nodes, *topological(outputs, (*inputs, *flat.nodes)))
        return with_starts(Graph(flat.name, inputs, nodes, outputs), len(ends) + len(sums))

    def _renamed(self, node: Node) -> Node:
        return make_input(next(self.names), node.tensor, where=node.where)


class _Product(NamedTuple):
    """A gradient by a constant that is left.T @ right of each step, added up, or right.T @ left; or a sum over rows."""

    factors: tuple[Node, ...]
    turned: bool = False

    def over_all_steps(self, stacked: Mapping[Node, Node]) -> Node:
        """The sum of all steps, given what each had stacked: one product, or one sum."""
        if len(self.factors) == 1:
            return sum_(stacked[self.factors[0]], axes=(0, 1))
        arrays = [stacked[each] for each in self.factors]
        shapes = [array.tensor.shape for array in arrays]
        left, right = (
            reshape(array, shape=(shape[0] * shape[1], shape[2])) for array, shape in zip(arrays, shapes, strict=True)
        )
        made = matmul(permute(left, axes=(1, 0)), right, order="chain")
        return permute(made, axes=(1, 0)) if self.turned else made


def _product(node: Node, constants: Sequence[Node]) -> _Product | None:
    """The gradient by a constant as a product of what the steps have, None where it is something else."""
    turned = False
    while node.op is permute and node.attrs["axes"] == (1, 0):
        node, turned = node.operands[0], not turned
    if node.op is matmul and node.tensor.rank == 2:
        left, right = node.operands
        left = left.operands[0] if left.op is permute else permute(left, axes=(1, 0))
        found = _Product((left, right), turned)
    elif node.op in (sum_, sum_copies) and node.attrs["axes"] == (0,) and node.tensor.rank:
        found = _Product(node.operands)
    else:
        return None
    return None if any(each in constants for each in found.factors) else found


def _known(graph: Graph, values: Sequence[Node]) -> Graph:
    """The graph with some of its values as further inputs."""
    new = {value: make_input(f"known{i}", value.tensor, where=value.where) for i, value in enumerate(values)}
    inputs = (*graph.inputs, *new.values())
    new.update((node, node) for node in graph.inputs)
    for node in graph.nodes:
        if node not in new:
            operands = tuple(new[operand] for operand in node.operands)
            new[node] = node if operands == node.operands else node.replace(operands)
    outputs = tuple(new[node] for node in graph.outputs)
    needed = set(topological(outputs, inputs))
    return Graph(graph.name, inputs, tuple(new[node] for node in graph.nodes if new[node] in needed), outputs)


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
