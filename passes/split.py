"""Cuts a graph with its gradients in two: what runs now, and what backward runs later on the values that were kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from brasa.ir import dim
from brasa.ir.graph import Graph, Kind, Node, topological
from brasa.ir.ops.source import make_input
from brasa.ir.sizes import all_sizes
from brasa.passes.autodiff import autodiff, partial_vjp_graph, vjp_graph
from brasa.passes.costs import is_cheap, nominal
from brasa.passes.eliminate_common import eliminate_common, equals
from brasa.passes.eliminate_dead import eliminate_dead
from brasa.passes.inline import inline
from brasa.passes.pipeline import Pass, run
from brasa.passes.simplify import simplify


@dataclass(frozen=True)
class Kept:
    """A value that backward reads: the graph's input or output of that number, or the forward graph's extra output."""

    role: Literal["input", "output", "extra"]
    index: int


@dataclass(frozen=True)
class Split:
    """forward: the graph's inputs -> its outputs, then the extra outputs.

    backward: the kept values, then the gradients as in `vjp_graph` -> the gradients of the wanted inputs.
    """

    forward: Graph
    backward: Graph
    kept: tuple[Kept, ...]


# What makes the joint graph of values and gradients small before it is cut.
JOINT: tuple[tuple[str, Pass], ...] = (
    ("inline", inline),
    ("simplify", simplify),
    ("eliminate-common", eliminate_common),
    ("eliminate-dead", eliminate_dead),
)


def split(graph: Graph, wanted: tuple[bool, ...], passes: Sequence[tuple[str, Pass]] = JOINT, views: int = 0) -> Split:
    """Cut the graph and its gradients so that little is kept and little is computed twice.

    Inputs and outputs are kept first; another value only when computing it again takes more than cheap elementwise
    work, and then the smallest that spares it. Random bits are always drawn again.
    views: so many of the last outputs are not computed; only gradients come to them.
    """
    graph, count = autodiff(graph, whole=True), len(graph.outputs) - views
    joint = run(_joint(graph, vjp_graph(graph, wanted), count), passes)
    inputs, seeds = joint.inputs[: len(graph.inputs)], joint.inputs[len(graph.inputs) :]
    outputs, gradients = joint.outputs[:count], joint.outputs[count:]
    later = _dependents(joint, seeds)
    needed = dict.fromkeys(
        value
        for node in joint.nodes if node in later
        for value in node.operands if value not in later
    )  # fmt: skip
    needed.update(dict.fromkeys(value for value in gradients if value not in later))
    free = {*inputs, *outputs}
    chosen = _extras(needed, free)
    kept = _frontier(gradients, {*free, *chosen, *seeds}) - set(seeds)
    extras = tuple(value for value in chosen if value in kept)
    ordered = [value for value in dict.fromkeys((*inputs, *outputs, *extras)) if value in kept]
    ordered += _size_givers(joint, ordered, seeds, gradients)
    places = [_place(value, inputs, outputs, extras) for value in ordered]
    forward = (*outputs, *extras)
    return Split(
        Graph(graph.name, inputs, _in_order(joint, forward, ()), forward, graph.updates),
        _backward(joint, ordered, seeds, gradients, _marks_of_landed(places, inputs, graph.updates)),
        tuple(places),
    )


def split_for_some(
    graph: Graph, wanted: tuple[bool, ...], coming: tuple[bool, ...], begun: tuple[bool, ...], cut: Split,
    passes: Sequence[tuple[str, Pass]] = JOINT, views: int = 0,
) -> tuple[Graph, tuple[Kept, ...], tuple[bool, ...]]:  # fmt: skip
    """A backward for gradients that come for some outputs only, after the forward of a cut that was made for all.

    The backward graph, what it reads before these gradients (of what the cut keeps, and any inputs), and which inputs
    it has a gradient of; that is added to the sums of gradients that are begun: see `partial_vjp_graph`.
    """
    graph, count = autodiff(graph, whole=True), len(graph.outputs) - views
    back, reached = partial_vjp_graph(graph, wanted, coming, begun)
    joint = run(_joint(graph, back, count), passes)
    inputs, seeds = joint.inputs[: len(graph.inputs)], joint.inputs[len(graph.inputs) :]
    gradients = joint.outputs[count:]
    made = {node: i for i, node in enumerate(cut.forward.outputs)}
    places = {kept.index + count * (kept.role == "extra"): kept for kept in cut.kept if kept.role != "input"}
    at_hand = {
        node: places[made[same]] for node, same in equals(joint.nodes, cut.forward.nodes).items()
        if made.get(same) in places
    }  # fmt: skip
    at_hand.update({node: Kept("input", i) for i, node in enumerate(inputs)})
    kept = _frontier(gradients, {*at_hand, *seeds}) - set(seeds)
    ordered = [node for node in at_hand if node in kept]
    ordered += _size_givers(joint, ordered, seeds, gradients)
    found = [at_hand[node] for node in ordered]
    marks = _marks_of_landed(found, inputs, graph.updates)
    return _backward(joint, ordered, seeds, gradients, marks), tuple(found), reached


def _marks_of_landed(
    places: Sequence[Kept], inputs: Sequence[Node], updates: Sequence[tuple[int, int]]
) -> list[tuple[str, ...]]:
    """How what is kept lies: an output that lands in the memory of an input as that does."""
    homes = {output: inputs[home].attrs.get("strides", ()) for output, home in updates}
    return [homes.get(kept.index, ()) if kept.role == "output" else () for kept in places]


def _joint(graph: Graph, back: Graph, count: int) -> Graph:
    """One graph of inputs and gradients -> so many outputs and gradients, in primitives, nothing twice."""
    known = set(graph.nodes)
    nodes = (*graph.nodes, *(node for node in back.nodes if node not in known))
    return Graph(graph.name, back.inputs, nodes, (*graph.outputs[:count], *back.outputs))


def _dependents(graph: Graph, values: Sequence[Node]) -> set[Node]:
    found = set(values)
    for node in graph.nodes:
        if any(operand in found for operand in node.operands):
            found.add(node)
    return found


def _extras(needed: Iterable[Node], free: set[Node]) -> tuple[Node, ...]:
    """The values to keep besides the free ones: the fewest bytes from which all that is needed is cheap to compute."""
    forced = [value for value in needed if value not in free and not is_cheap(value)]
    known = {*free, *forced}
    rest = [value for value in needed if not all(map(is_cheap, _below((value,), known)))]
    return (*forced, *_least_cut(rest, known)) if rest else tuple(forced)


def _below(values: Iterable[Node], known: set[Node]) -> list[Node]:
    """What `values` are made of, from what is costly to compute on."""
    found: dict[Node, None] = {}
    stack = list(values)
    while stack:
        node = stack.pop()
        if node not in known and node not in found:
            found[node] = None
            stack.extend(node.operands if is_cheap(node) else ())
    return list(found)


def _least_cut(values: Iterable[Node], known: set[Node]) -> list[Node]:
    """The values of the fewest bytes without which nothing costly leads to `values`: a minimum cut.

    Each value is an edge of its size from its `False` end to its `True` one; an edge without a size cannot be cut. Of
    cuts that are equally small it is the one nearest to `values`, so that least is computed again; but a value is kept
    rather than a view of all of it, which may need a copy.
    """
    import networkx

    inner = _below(values, known)
    network = networkx.DiGraph()
    for node in inner:
        whole = node.op.kind is Kind.VIEW and _bytes(node) >= _bytes(node.operands[0])
        network.add_edge((node, False), (node, True), **({} if whole else {"capacity": _bytes(node)}))
        if not is_cheap(node):
            network.add_edge("costly", (node, False))
            continue
        for operand in node.operands:
            if operand not in known:
                network.add_edge((operand, True), (node, False))
    for value in values:
        network.add_edge((value, True), "needed")
    _, (before, _) = networkx.minimum_cut(network, "costly", "needed")
    return [node for node in inner if (node, False) in before and (node, True) not in before]


def _bytes(node: Node) -> int:
    return nominal(node.tensor.nbytes)


def _frontier(values: Iterable[Node], stop: set[Node]) -> set[Node]:
    """Which values of `stop` are read on the way to `values`."""
    inner = topological(values, stop)
    read = {operand for node in inner for operand in node.operands} | set(values)
    return read & stop


def _size_givers(joint: Graph, kept: Sequence[Node], seeds: Sequence[Node], results: Sequence[Node]) -> list[Node]:
    """Inputs to keep only because backward speaks of sizes that nothing else tells."""
    sizes = [size for node in (*kept, *seeds) for size in node.tensor.shape]
    told, read = set(map(str, sizes)), [name for size in sizes for name in dim.symbols(size)]
    inner = topological(results, (*kept, *seeds))
    given: list[Node] = []
    for name in dict.fromkeys([*_names(inner, results), *read]):
        if name in told:
            continue
        for node in joint.inputs:
            if any(str(size) == name for size in node.tensor.shape):
                given.append(node)
                told.update(str(size) for size in node.tensor.shape)
                break
    return given


def _names(nodes: Sequence[Node], results: Sequence[Node]) -> Iterable[str]:
    for size in all_sizes(Graph("", (), (*nodes, *results), ())):
        yield from dim.symbols(size)
    for node in nodes:
        for value in node.attrs.values():
            for size in value if isinstance(value, tuple) else (value,):
                if isinstance(size, dim.Dim):
                    yield from dim.symbols(size)


def _place(value: Node, inputs: Sequence[Node], outputs: Sequence[Node], extras: Sequence[Node]) -> Kept:
    if value in inputs:
        return Kept("input", inputs.index(value))
    return Kept("output", outputs.index(value)) if value in outputs else Kept("extra", extras.index(value))


def _in_order(joint: Graph, results: Sequence[Node], stop: Sequence[Node]) -> tuple[Node, ...]:
    needed = set(topological(results, stop))
    return tuple(node for node in joint.nodes if node in needed)


def _backward(
    joint: Graph, kept: Sequence[Node], seeds: Sequence[Node], results: Sequence[Node],
    marks: Sequence[tuple[str, ...]],
) -> Graph:  # fmt: skip
    fresh = _fresh_names({node.attrs["name"] for node in joint.inputs})
    new = {
        value: value
        if value.op.name == "input"
        else make_input(fresh(), value.tensor, strides=lying, where=value.where)
        for value, lying in zip(kept, marks, strict=True)
    }
    new.update({seed: seed for seed in seeds})
    inputs = tuple(new[value] for value in (*kept, *seeds))
    nodes = []
    for node in _in_order(joint, results, (*kept, *seeds)):
        operands = tuple(new[operand] for operand in node.operands)
        new[node] = node if operands == node.operands else node.replace(operands)
        nodes.append(new[node])
    return Graph(f"{joint.name}_backward", inputs, tuple(nodes), tuple(new[value] for value in results))


def _fresh_names(taken: set[str]) -> Callable[[], str]:
    def fresh() -> str:
        name = next(name for i in range(len(taken) + 1) if (name := f"kept{i}") not in taken)
        taken.add(name)
        return name

    return fresh
