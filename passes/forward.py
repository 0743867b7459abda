"""Forward-mode differentiation of graphs: how results move with their inputs.

What a node's gradient rule says is linear in the gradient that comes in, so the transpose of that, taken by
differentiating the rule once more, is how the node's results move. So an op has one rule for both modes, and second
derivatives that mix modes agree; loops and branches move as loops and branches. The idea: Townsend, "A new trick for
calculating Jacobian vector products" (2017); here it is done node by node, at gradients of 1, so that rules that
compute with the gradient's logarithm are transposed as well, and a loop of unknown length has a forward mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TypeAlias
from weakref import WeakKeyDictionary

from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, Kind, Node, item_types, located, topological
from brasa.ir.ops.control import call, custom, item, items, stop_gradient
from brasa.ir.ops.nested import cond, hidden_results, scan
from brasa.ir.ops.source import full, full_like, make_input
from brasa.passes.autodiff import Growing, autodiff, differentiate, is_differentiable, or_zeros, written_out
from brasa.passes.inline import inline
from brasa.passes.nested_gradients import with_starts

Move: TypeAlias = "Node | None"  # None: it does not move

_cache: WeakKeyDictionary[Graph, dict[tuple[bool, ...], Graph]] = WeakKeyDictionary()
_lock = Lock()


def jvp_graph(graph: Graph, wanted: tuple[bool, ...]) -> Graph:
    """The graph of how the outputs of `graph` move when those of its inputs that are wanted do.

    Its inputs are the graph's, then t0, t1, ...: how each wanted input moves. It gives one result for each output with
    a float or complex dtype, in the order of the outputs: 0 for those that do not move. All else that it needs it
    computes again from the inputs.
    """
    with _lock:
        made = _cache.setdefault(graph, {})
    if wanted not in made:
        made[wanted] = _make_jvp_graph(inline(autodiff(graph), keep_custom=True), wanted)
    return made[wanted]


def _make_jvp_graph(graph: Graph, wanted: tuple[bool, ...]) -> Graph:
    prefix, taken = "t", {node.attrs["name"] for node in graph.inputs}
    moving = [node for node, each in zip(graph.inputs, wanted, strict=True) if each]
    while any(f"{prefix}{i}" in taken for i in range(len(moving))):
        prefix += "t"
    tangents = {node: make_input(f"{prefix}{i}", node.tensor) for i, node in enumerate(moving)}
    inputs = (*graph.inputs, *tangents.values())
    program = Growing(inputs, graph.nodes)
    moves: dict[Node, tuple[Move, ...]] = {node: (tangent,) for node, tangent in tangents.items()}
    for node in graph.nodes:
        if node.op is item:
            source = moves.get(node.operands[0])
            moves[node] = (None if source is None else source[node.attrs["index"]],)
            continue
        found = [moves.get(operand, (None,))[0] for operand in node.operands]
        if node.op is not stop_gradient and any(each is not None for each in found):
            with located(node.where):
                moves[node] = tuple(each and program.append(each) for each in _moved(program, node, found))
    outputs = tuple(
        program.append(moves.get(node, (None,))[0] or full_like(node, 0))
        for node in graph.outputs if is_differentiable(node.tensor)
    )  # fmt: skip
    needed = set(topological(outputs, inputs))
    return Graph(f"{graph.name}_jvp", inputs, tuple(node for node in program.nodes if node in needed), outputs)


def _moved(program: Growing, node: Node, found: Sequence[Move]) -> Sequence[Move]:
    """How each result of a node moves, given how its operands do."""
    if node.op.kind is Kind.NESTED:
        return _Nested(node, found).moved()
    types = item_types(node.type)
    if not any(map(is_differentiable, types)):
        return (None,) * len(types)
    pull = node.op.vjp
    if pull is None and node.op is not custom:
        raise GradientError(
            f"has no gradient: {node.op.no_vjp}", op=node.op.name, operands=node.op.describe(node.operands)
        )
    ones = [full(type, 1) if is_differentiable(type) else None for type in types]
    inner = Growing((*program.known, *filter(None, ones)))
    if pull is None:
        pulled = written_out(inner, program.nodes, node, ones, True)
    else:
        pulled = pull(node, tuple(ones) if len(types) > 1 else ones[0])
    pairs = [(each, move) for each, move in zip(pulled, found, strict=True) if each is not None and move is not None]
    for each, _ in pairs:
        inner.append(each)
    outputs, seeds = [each for each, _ in pairs], [move for _, move in pairs]
    values = [one for one in ones if one is not None]
    results = iter(or_zeros(inner, values, differentiate(inner, outputs, seeds, values)))
    return [None if one is None else next(results) for one in ones]


class _Nested:
    """A loop or a branch that moves: it is one that also carries and gives how its values move."""

    def __init__(self, node: Node, found: Sequence[Move]) -> None:
        self.node, self.attrs = node, dict(node.attrs)
        self.found, self.types = list(found), item_types(node.type)

    def moved(self) -> Sequence[Move]:
        """How each of its results moves."""
        return self._cond() if self.node.op is cond else self._loop()

    def _given(self, index: int) -> Node:
        """How an operand moves: by 0 where nothing is known of it."""
        return self.found[index] or full_like(self.node.operands[index], 0)

    def _cond(self) -> Sequence[Move]:
        wanted = tuple(each is not None for each in self.found[1:])
        graphs = {name: jvp_graph(self.attrs[name], wanted) for name in ("then", "otherwise")}
        results = iter(items(cond(*self.node.operands, *(each for each in self.found if each is not None), **graphs)))
        return [next(results) if is_differentiable(type) else None for type in self.types]

    def _loop(self) -> Sequence[Move]:
        """A scan or a while, which carries how all that it carries moves, where that can."""
        body: Graph = self.attrs["graph"]
        carries, rest = self.attrs["carries"], self.attrs["carries"] + self.attrs.get("sequences", 0)
        moving = [i for i in range(carries) if is_differentiable(body.inputs[i].tensor)]
        over = [i for i in range(carries, rest) if self.found[i] is not None]
        fixed = [i for i in range(rest, len(body.inputs)) if self.found[i] is not None]
        wanted = tuple(i in (*moving, *over, *fixed) for i in range(len(body.inputs)))
        step = jvp_graph(body, wanted)
        tangents = dict(zip((i for i, each in enumerate(wanted) if each), step.inputs[len(body.inputs) :], strict=True))
        results = items(call(*step.inputs, graph=step))
        smooth = [i for i, each in enumerate(body.outputs) if is_differentiable(each.tensor)]
        moves = dict(zip(smooth, results, strict=True))
        own = items(call(*body.inputs, graph=body))[:carries]
        made = [i for i in smooth if i >= carries]

        def arranged(of: Callable[[int], Node], moved: Callable[[int], Node]) -> list[Node]:
            """Carries, sequences and constants, each with those that move behind them."""
            groups: Iterable[tuple[range, list[int]]] = (
                (range(carries), moving), (range(carries, rest), over), (range(rest, len(body.inputs)), fixed)
            )  # fmt: skip
            return [node for plain, some in groups for node in (*map(of, plain), *map(moved, some))]

        inputs = arranged(lambda i: step.inputs[i], lambda i: tangents[i])
        outputs = (*own, *(moves[i] for i in moving), *(moves[i] for i in made))
        graph = inline(Graph(step.name, tuple(inputs), topological(outputs, inputs), outputs), keep_custom=True)
        attrs = {**self.attrs, "graph": graph, "carries": carries + len(moving)}
        if self.node.op is scan:
            attrs |= {"sequences": rest - carries + len(over), "graph": with_starts(graph, carries + len(moving))}
        looped = items(self.node.op(*arranged(lambda i: self.node.operands[i], self._given), **attrs))
        hidden = hidden_results(self.node)
        found = dict(zip((*moving, *made), looped[carries - hidden :], strict=False))
        return [found.get(i + hidden) for i in range(len(self.types))]
