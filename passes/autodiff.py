"""Reverse-mode differentiation of graphs, in program order, so that every sum of gradients has one order."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from itertools import compress
from threading import Lock
from types import MappingProxyType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from brasa.ir.dim import Size
from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, Kind, Node, graph_of, item_types, located, topological, unseen
from brasa.ir.ops.control import again, call, custom, items
from brasa.ir.ops.elementwise import add
from brasa.ir.ops.source import full_like, make_input
from brasa.ir.sizes import substitute_graph
from brasa.ir.types import TensorType, TupleType
from brasa.passes.nested_gradients import nested_gradients
from brasa.passes.recompute import Twins

Value: TypeAlias = "Node | tuple[Node, int]"  # a node, or one result of a node that has several


def autodiff(graph: Graph, whole: bool = False) -> Graph:
    """Expand every `gradient` node into the nodes that compute it.

    %0 = mul(x, x); %1 = gradient(%0, g, x, outputs=1); %2 = item(%1, index=0)
    -> %0 = mul(x, x); %1 = mul(g, x); %2 = mul(g, x); %3 = add(%1, %2)

    Contributions to one value are added in the order in which its uses are met walking the program backwards, those
    of one node in the order of its operands. The uses of a value's seeds come first.
    whole: all of the graph will be differentiated: see `differentiate`.
    """
    if not _speaks_of_gradients(graph):
        return graph
    if whole:
        return _expanded(graph, graph.nodes)
    gradients = [node for node in graph.nodes if node.op.name == "gradient"]
    return _expanded(graph, set(topological(operand for node in gradients for operand in node.operands)))


def _expanded(graph: Graph, again: Container[Node]) -> Graph:
    """The graph with its gradients written out. again: those that will themselves be differentiated, among others."""
    program = Growing(graph.inputs)
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    expanded: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if node.op.name == "item" and node.operands[0] in expanded:
            new[node] = expanded[node.operands[0]][node.attrs["index"]]
            continue
        operands = tuple(new[operand] for operand in node.operands)
        if node.op.name == "gradient":
            count = node.attrs["outputs"]
            outputs, seeds, values = operands[:count], operands[count : 2 * count], operands[2 * count :]
            with located(node.where):
                found = differentiate(program, outputs, seeds, values, whole=node in again)
                expanded[node] = or_zeros(program, values, found)
            continue
        held: dict[str, Any] = {name: autodiff(value) for name, value in node.attrs.items() if isinstance(value, Graph)}
        new[node] = program.append(node.replace(operands, **held))
    outputs = tuple(new[node] for node in graph.outputs)
    return Graph(graph.name, graph.inputs, tuple(program.nodes), outputs, graph.updates)


def are_reached(outputs: Sequence[Node], values: Sequence[Node], sizes: Mapping[str, Size]) -> tuple[bool, ...]:
    """Whether a gradient of the outputs reaches each of the values: what has none on a tape has no gradient, not 0.

    sizes: what names of sizes have turned out to be.
    """
    together = (*outputs, *values)
    inputs = [node for node in topological(together) if node.op.name == "input"]
    held = substitute_graph(graph_of("reach", inputs, together), sizes)
    graph = _expanded(held, held.nodes)
    ends, by = graph.outputs[: len(outputs)], graph.outputs[len(outputs) :]
    found = differentiate(Growing(graph.inputs, graph.nodes), ends, [full_like(end, 1) for end in ends], by, whole=True)
    return tuple(gradient is not None for gradient in found)


def _speaks_of_gradients(graph: Graph) -> bool:
    return any(
        node.op.name == "gradient" or any(isinstance(a, Graph) and _speaks_of_gradients(a) for a in node.attrs.values())
        for node in graph.nodes
    )


class Growing:
    """A graph's nodes so far, in program order."""

    def __init__(self, inputs: Sequence[Node], nodes: Sequence[Node] = ()) -> None:
        self.nodes = list(nodes)
        self.known = {*inputs, *nodes}

    def append(self, node: Node) -> Node:
        """The node, put into the program after all that it needs."""
        self.nodes += unseen((node,), self.known)
        return node


def differentiate(
    program: Growing, outputs: Sequence[Node], seeds: Sequence[Node], values: Sequence[Node], whole: bool = False,
    begun: Mapping[Value, Node] = MappingProxyType({}),
) -> list[Node | None]:  # fmt: skip
    """The gradient, by each of `values`, of the outputs weighted by the seeds; its nodes are added to the program.

    None for a value that no gradient reaches. begun: sums that the gradients of some values are added to, one by one.
    whole: keep what one node contributes together as a call of one vjp graph. It is wanted where the gradient will
    itself be differentiated: eager mode differentiates the backward graphs of its functions as wholes, too.
    """
    active = carrying(program.nodes, values)
    total: dict[Value, Node] = {**begun}
    twins = Twins()

    def accumulate(value: Node, contribution: Node) -> None:
        key = _key(value)
        program.append(contribution)
        total[key] = program.append(add(total[key], contribution)) if key in total else contribution

    for output, seed in zip(outputs, seeds, strict=True):
        if output in active:
            accumulate(output, seed)
    for node in reversed(tuple(program.nodes)):
        if node.op.name == "item" or not any(operand in active for operand in node.operands):
            continue
        several = isinstance(node.type, TupleType)
        found = [total.get((node, i) if several else node) for i in range(len(item_types(node.type)))]
        if all(gradient is None for gradient in found):
            continue
        with located(node.where):
            wanted = tuple(operand in active for operand in node.operands)
            contributions: Sequence[Node | None] = found
            if node.op is again:
                twins.open(node, found[0])  # type: ignore[arg-type]
            elif node.op is custom:
                contributions = written_out(program, program.nodes, node, found, whole)
            else:
                contributions = _contributions(twins.of(node), found, wanted, whole)
            for operand, contribution in zip(node.operands, contributions, strict=node.op is not again):
                if contribution is not None and operand in active:
                    accumulate(operand, contribution)
    found = [total.get(_key(value)) for value in values]
    return [None if gradient is begun.get(value) else gradient for value, gradient in zip(values, found, strict=True)]


def or_zeros(program: Growing, values: Sequence[Node], gradients: Sequence[Node | None]) -> list[Node]:
    """The gradients, 0 where there is none."""
    pairs = zip(values, gradients, strict=True)
    return [program.append(full_like(value, 0)) if gradient is None else gradient for value, gradient in pairs]


def _key(value: Node) -> Value:
    return (value.operands[0], value.attrs["index"]) if value.op.name == "item" else value


def is_differentiable(type: TensorType) -> bool:
    """Whether values of this type have gradients."""
    return type.dtype.kind in ("float", "complex")


def is_end(output: Node) -> bool:
    """Whether gradients may start from an output of a graph: not from integers, nor from what was detached."""
    return output.op.name != "stop_gradient" and is_differentiable(output.tensor)


def carrying(nodes: Sequence[Node], values: Sequence[Node]) -> set[Node]:
    """The nodes through which gradients flow: those that depend on the values."""
    active = set(values)
    for node in nodes:
        reached = node.op.name != "stop_gradient" and any(operand in active for operand in node.operands)
        if reached and any(map(is_differentiable, item_types(node.type))):
            active.add(node)
    return active


def _contributions(
    node: Node, gradients: Sequence[Node | None], wanted: tuple[bool, ...], whole: bool
) -> Sequence[Node | None]:
    """What the node adds to the gradient of each operand."""
    held = node.attrs["graph"] if node.op.name == "call" else _graph_of_one(node) if whole else None
    if held is not None:
        types = item_types(node.type)
        seeds = [g for type, g in zip(types, gradients, strict=True) if g is not None and is_differentiable(type)]
        coming = tuple(g is not None or not is_differentiable(type) for type, g in zip(types, gradients, strict=True))
        graph, reached = (vjp_graph(held, wanted), wanted) if all(coming) else partial_vjp_graph(held, wanted, coming)
        operands = _those_read(node.operands, graph) if whole else node.operands
        results = iter(items(call(*operands, *seeds, graph=graph)) if any(reached) else ())
        return [next(results) if each else None for each in reached]
    if node.op.kind is Kind.NESTED:
        return nested_gradients(node, gradients, wanted, vjp_graph)
    if node.op.vjp is None:
        raise GradientError(
            f"has no gradient: {node.op.no_vjp}", op=node.op.name, operands=node.op.describe(node.operands)
        )
    return node.op.vjp(node, gradients if isinstance(node.type, TupleType) else gradients[0])


def _those_read(operands: Sequence[Node], graph: Graph) -> list[Node]:
    """The operands, but for those that the graph does not read, whose gradients by it are none, not 0: -0.0 + 0 is 0.

    Eager mode does not keep them for a backward, so no gradient of the backward comes to them.
    """
    read = {operand for node in graph.nodes for operand in node.operands} | set(graph.outputs)
    return [x if input in read else full_like(x, 0) for x, input in zip(operands, graph.inputs, strict=False)]


def written_out(
    program: Growing, nodes: Sequence[Node], node: Node, gradients: Sequence[Node | None], whole: bool
) -> Sequence[Node | None]:
    """What a custom node adds to the gradient of each operand: computed anew, from the gradients that come in.

    nodes: those of the graph around it. whole: what comes out will be differentiated.
    """
    if node.attrs["once"] and whole:
        raise GradientError("a backward that is marked once_differentiable is being differentiated", op="custom")
    outputs, values = node.attrs["outputs"], node.attrs["values"]
    inner = node.operands[outputs + values :]
    stand_ins, seeds, results = inner[:outputs], inner[outputs : 2 * outputs], inner[2 * outputs :]
    given = [full_like(seed, 0) if g is None else g for seed, g in zip(seeds, gradients, strict=True)]
    new: dict[Node, Node] = dict(zip((*stand_ins, *seeds), (*items(node), *given), strict=True))
    needed = set(topological(results))
    for each in nodes[nodes.index(stand_ins[0]) :]:  # the backward was traced from there on
        if each in needed and each not in new:
            new[each] = program.append(each.replace(tuple(new.get(operand, operand) for operand in each.operands)))
    own = [new.get(result, result) for result in results]
    return [*[None] * outputs, *own, *[None] * len(inner)]


def _graph_of_one(node: Node) -> Graph:
    inputs = [make_input(f"x{i}", operand.tensor) for i, operand in enumerate(node.operands)]
    return graph_of(node.op.name, inputs, items(node.replace(tuple(inputs))))


_cache: WeakKeyDictionary[Graph, dict[tuple[tuple[bool, ...], bool], tuple[Graph, tuple[bool, ...]]]] = (
    WeakKeyDictionary()
)
_lock = Lock()


def _renew_lock() -> None:
    """In the child of a fork, whose parent's other threads may have held it."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def vjp_graph(graph: Graph, wanted: tuple[bool, ...], whole: bool = False) -> Graph:
    """The graph of the gradients of `graph` by those of its inputs that are wanted, in their order.

    Its inputs are the graph's, then g0, g1, ...: one gradient for each output with a float or complex dtype, in the
    order of the outputs; outputs of other dtypes have none. All that it needs it computes again from the inputs.
    A wanted input that no gradient reaches, also one of integers, has the gradient 0.
    whole: the graph is a program of many functions, and its gradients, which are another one, will be differentiated:
    see `differentiate`.
    """
    return _derived(graph, wanted, whole)[0]


def reached_inputs(graph: Graph, wanted: tuple[bool, ...]) -> tuple[bool, ...]:
    """Whether a gradient of the outputs reaches each of the inputs that are wanted."""
    return _derived(graph, wanted)[1]


def _derived(graph: Graph, wanted: tuple[bool, ...], whole: bool = False) -> tuple[Graph, tuple[bool, ...]]:
    with _lock:
        made = _cache.setdefault(graph, {})
    if (wanted, whole) not in made:
        made[wanted, whole] = _make_vjp_graph(autodiff(graph, whole=True), wanted, whole)
    return made[wanted, whole]


def _make_vjp_graph(graph: Graph, wanted: tuple[bool, ...], whole: bool) -> tuple[Graph, tuple[bool, ...]]:
    program, inputs, found = _gradients(graph, wanted, (True,) * len(graph.outputs), whole=whole)
    values = [node for node, each in zip(graph.inputs, wanted, strict=True) if each]
    reached = tuple(gradient is not None for gradient in found)
    return _graph_of_gradients(graph, program, inputs, or_zeros(program, values, found), whole), reached


def partial_vjp_graph(
    graph: Graph, wanted: tuple[bool, ...], coming: tuple[bool, ...], begun: tuple[bool, ...] = (), whole: bool = False
) -> tuple[Graph, tuple[bool, ...]]:
    """As vjp_graph, when gradients come for some outputs only; and whether one reaches each of the inputs.

    Of the others, what is not differentiable counts as not coming. There is a result for each input that is wanted and
    reached: what no gradient reaches has none, as on a tape, where 0 would not do: 0 times infinity is NaN.
    begun: to which inputs gradients have come from elsewhere; their sums are the last inputs, and parts of the results.
    """
    program, inputs, found = _gradients(autodiff(graph, whole=True), wanted, coming, begun, whole)
    by_input = iter(found)
    reached = tuple(each and next(by_input) is not None for each in wanted)
    results = [result for result in found if result is not None]
    return _graph_of_gradients(graph, program, inputs, results, whole), reached


def _gradients(
    graph: Graph, wanted: tuple[bool, ...], coming: tuple[bool, ...], begun: tuple[bool, ...] = (), whole: bool = False
) -> tuple[Growing, tuple[Node, ...], list[Node | None]]:
    """A graph grown by its gradients, its inputs with theirs, and the gradients that are wanted."""
    outputs = [
        node for node, comes in zip(graph.outputs, coming, strict=True) if comes and is_differentiable(node.tensor)
    ]
    continued = [*compress(graph.inputs, begun)]
    prefix, taken = "g", {node.attrs["name"] for node in graph.inputs}
    while any(f"{prefix}{i}" in taken for i in range(len(outputs) + len(continued))):
        prefix += "g"
    given = [make_input(f"{prefix}{i}", node.tensor) for i, node in enumerate((*outputs, *continued))]
    seeds = given[: len(outputs)]
    sums: dict[Value, Node] = dict(zip(continued, given[len(outputs) :], strict=True))
    inputs = (*graph.inputs, *given)
    program = Growing(inputs, graph.nodes)
    values = [node for node, each in zip(graph.inputs, wanted, strict=True) if each]
    return program, inputs, differentiate(program, outputs, seeds, values, whole, sums)


def _graph_of_gradients(
    graph: Graph, program: Growing, inputs: tuple[Node, ...], results: Sequence[Node], whole: bool
) -> Graph:
    needed, name = set(topological(results, inputs)), graph.name if whole else f"{graph.name}_vjp"
    return Graph(name, inputs, tuple(node for node in program.nodes if node in needed), tuple(results))
