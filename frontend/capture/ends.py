"""Both ends of a segment: what stands for values from before it, and tensors that get memory when it has run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from sys import getrefcount
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from brasa._state import Nowhere
from brasa.autograd.modes import no_grad, set_grad_enabled
from brasa.capture.reach import needing_gradients
from brasa.capture.sharing import place_of
from brasa.capture.tree import Segment, Step, known_without_gradients, may_fail
from brasa.execution.nodes import Edge, FreedNode
from brasa.ir import dim
from brasa.ir.graph import Graph, Node, topological
from brasa.ir.ops import control
from brasa.ir.ops.move import update
from brasa.ir.ops.source import full_like, make_input
from brasa.ir.ops.writing import beside
from brasa.ir.sizes import substitute_graph, used_symbols
from brasa.tensors.spec import Spec
from brasa.tensors.tensor import Tensor, remember_view
from brasa.tensors.view_paths import Path, ViewPaths
from brasa.tensors.views import select
from brasa.tracing.cell import Cell
from brasa.tracing.references import ALONE
from brasa.tracing.sizes import SizeScope
from brasa.tracing.splicing import copied
from brasa.tracing.trace import CaptureError, tracing

if TYPE_CHECKING:
    from brasa.capture.follow import Capture


class Shown(NamedTuple):
    """A view that has got memory: the node that it still is, while what it is a view of has this version."""

    view: ref[Tensor]
    cell: Cell
    version: int
    node: Node

    def shows(self, tensor: Tensor) -> bool:
        """Whether this is about the tensor, and still so."""
        return self.view() is tensor and self.cell.version == self.version


class Settled(NamedTuple):
    """A tensor that has got memory: that of an output, by its number, or of a tensor from outside, seen through a path.

    path: None of a part that a tensor has picked, which is a view of other memory. view: the number of the output that
    stands for what it shows, where gradients come to it there.
    """

    tensor: Tensor
    place: Any
    path: Path | None
    view: int | None


def memory_wanted(capture: Capture, alive: Iterable[Tensor]) -> dict[Node, Cell]:
    """The cells that tensors need memory for, by their values: copies of values that have other memory already.

    And cells for what picks parts of these, which are views of them from now on.
    """
    wanted: dict[Node, Cell] = {}
    cells = dict.fromkeys(tensor._cell for tensor in alive)
    for cell in cells:
        if cell not in capture.owners:
            if cell.node in wanted or cell.node in capture.bindings:
                cell.node, cell.version = copied(capture, cell.node), cell.version + 1
            wanted[cell.node] = cell
    for part in (capture.parts[cell] for cell in cells if cell in capture.parts):
        if part.whole in cells or part.whole in capture.owners:
            places = (node for node in part.places.values() if node not in capture.bindings and node not in wanted)
            wanted.update((node, Cell(capture, node)) for node in places)
    return wanted


def views_shown(capture: Capture, alive: Iterable[Tensor]) -> tuple[Node, ...]:
    """What those views show that gradients will come to from outside of the program."""
    shown: dict[Node, None] = {}
    for tensor in alive:
        if tensor._path and tensor._requires_grad and tensor._cell.node not in capture.freed:
            shown[capture.node_of(tensor)] = None
    return tuple(node for node in shown if node not in capture.leaves and node not in capture.bindings)


def edges_of_views(results: Sequence[Tensor], views: Sequence[Node]) -> dict[Node, Edge]:
    """Where their gradients go, when the program has run with these results; nowhere if it is not on the tape."""
    node = next((result._edge.node for result in results if result._edge is not None), None) if views else None
    return {} if node is None else {view: Edge(node, number) for number, view in enumerate(views, len(results))}


def formal(node: Node, index: int, bound: Any = None) -> Node:
    """The input of a segment that stands for a value from outside or from an earlier segment, as it lies in memory."""
    if node.op.name == "input":
        return node
    marks = bound._spec.marks if isinstance(bound, Tensor) else ()
    return make_input(f"value{index}", node.tensor, strides=marks, where=node.where)


def size_givers(scope: SizeScope, read: set[Node], nodes: Sequence[Node], at_hand: Iterable[Node]) -> set[Node]:
    """Tensors that the program reads nothing of but their sizes."""
    used = used_symbols((*(formal(node, 0) for node in at_hand if node in read), *nodes))
    needed = {name for each in used for name in dim.symbols(scope.resolve(dim.symbol(each)))}
    givers: set[Node] = set()
    for node in sorted(at_hand, key=lambda node: node not in read):
        if needed & (named := set(map(str, map(scope.resolve, node.tensor.shape)))):
            givers.add(node)
            needed -= named
    return givers


def settle(capture: Capture, alive: Iterable[Tensor], wanted: Iterable[Node]) -> None:
    """Let the tensors that are alive have what their cells have got. wanted: of which values, in the order of outputs.

    What becomes of each is noted for later calls.
    """
    order, views = {node: i for i, node in enumerate(wanted)}, ViewPaths(capture.scope.hints)
    for tensor in alive:
        cell = tensor._cell
        if cell is not None:
            place = order.get(cell.node, capture.bindings[cell.node])
            edge = capture.view_edges.get(_value_of(tensor, cell))
            part = _picked_again(capture, cell)
            path, view = tensor._path if part is None else None, None if edge is None else edge.index
            capture.settled.append(Settled(tensor, capture.written.get(cell, place), path, view))
            if tensor._path and tensor._seen is not None and tensor._seen[0] == cell.version:
                capture.shown[id(tensor)] = Shown(ref(tensor), cell, *tensor._seen)
            _settle(capture, tensor, cell, views, part)


def _settle(capture: Capture, tensor: Tensor, cell: Cell, views: ViewPaths, part: Tensor | None = None) -> None:
    """Turn a traced tensor into an eager one over the memory that its cell has got, or over a part of other memory."""
    real = capture.bindings[cell.node] if part is None else part
    value = _value_of(tensor, cell)
    needs, freed, leaf = tensor._requires_grad, cell.node in capture.freed, value in capture.leaves
    is_known = tensor._seen is not None and tensor._seen[0] == cell.version
    start, left = _nearest(capture, value, tensor._path, real) if needs and is_known else (real, tensor._path)
    final = shown_by(capture, tensor, start, left, views)
    tensor._buffer, tensor._ptr, tensor._spec = final._buffer, final._ptr, final._spec
    if part is not None and part._base is not None:
        tensor._base = part._base
        remember_view(part._base, tensor)
    tensor._cell, shows_all, tensor._path = None, not tensor._path and part is None, ()
    tensor._requires_grad = needs
    if shows_all:
        capture.cells[place_of(tensor)] = cell
    if not needs:
        return
    if leaf:  # what comes from it later comes from this tensor
        capture.bindings[value] = tensor
    elif freed:
        tensor._edge = Edge(FreedNode(), 0)
    else:
        tensor._edge = final._edge = capture.view_edges.get(value, final._edge)
        if is_known and not shows_all:  # what is made of it later is made of the view
            capture.bindings[value], capture.view_marks[value] = final, final._spec.marks


def _nearest(capture: Capture, value: Node, path: Path, real: Tensor) -> tuple[Tensor, Path]:
    """What a view of a value is made of: the last view on its path that gradients come to already; and the rest of it.

    real: where the path starts. Of views that a program before has shown come those that are made of them later.
    """
    node = value
    for taken, (op, _) in enumerate(reversed(path), 1):
        if node.op is not op:
            break
        node = node.operands[0]
        known = capture.bindings.get(node)
        if isinstance(known, Tensor) and known._buffer is real._buffer:
            return known, path[len(path) - taken :]
    return real, path


def _picked_again(capture: Capture, cell: Cell) -> Tensor | None:
    """A part that tensors have picked as a view of the whole, if somebody has that, too."""
    part = capture.parts.get(cell)
    whole = None if part is None else capture.owners.get(part.whole, capture.bindings.get(part.whole.node))
    if part is None or whole is None:
        return None
    root, real = part.root(), capture.bindings[cell.node]
    with tracing(None), no_grad():
        made = ViewPaths(capture.scope.hints).follow(whole, part.path)
        for axis, place in sorted(part.places.items(), reverse=True):
            made = select(made, axis, int(capture.bindings[place]))
    made._requires_grad, made._edge = real._requires_grad, real._edge
    made._base = made._base if root is None else root
    return made


def _value_of(tensor: Tensor, cell: Cell) -> Node:
    """The node of what a tensor over the cell shows."""
    return tensor._seen[1] if tensor._path and tensor._seen is not None else cell.node


def settle_leaves(capture: Capture, alive: list[Tensor]) -> list[Tensor]:
    """The tensors that are left when leaves that were made here have got their memory.

    They get it first, by a program of their own, where others come from them: so the tape knows them as tensors.
    """
    own = {id(leaf) for leaf in capture.own_leaves}
    leaves = [tensor for tensor in alive if id(tensor) in own]
    cells = {leaf._cell.node: leaf._cell for leaf in leaves if leaf._cell is not None}
    if not needing_gradients(alive) - capture.freed - cells.keys():
        return alive
    wanted = {node: cell for node, cell in cells.items() if node not in capture.bindings}
    if wanted:
        if capture.fullgraph:
            raise CaptureError(
                "a leaf is made here, and what comes from it is a result beside it", op=next(iter(wanted)).where,
                hint="return one of the two, pass the leaf in, or leave out fullgraph=True",
            )  # fmt: skip
        capture.run_segment(wanted, [], [])
        capture.flushes += 1
    for leaf in leaves:
        if leaf._cell is not None:
            _settle(capture, leaf, leaf._cell, ViewPaths({}))
    return [tensor for tensor in alive if id(tensor) not in own]


def forget_leaves(capture: Capture) -> None:
    """At the end of a call, let go of leaves that were made in it and that nobody else holds, nor their gradients.

    Not where other tensors pass them gradients: these would find another value at their end.
    """
    own = set(map(id, capture.own_leaves))
    if any(tensor._requires_grad and id(tensor) not in own for tensor in capture.tensors):
        return
    given = (effect.target for effect in capture.effects if effect.kind == "gradient")
    known = Counter(map(id, (*capture.tensors, *capture.own_leaves, *capture.leaves.values(), *given)))
    gone = {id(leaf) for leaf in capture.own_leaves if getrefcount(leaf) == known[id(leaf)] + ALONE}
    capture.effects = [each for each in capture.effects if each.kind != "gradient" or id(each.target) not in gone]
    capture.tensors = [tensor for tensor in capture.tensors if id(tensor) not in gone]
    capture.own_leaves = [leaf for leaf in capture.own_leaves if id(leaf) not in gone]
    for node in [node for node, leaf in capture.leaves.items() if id(leaf) in gone]:
        del capture.leaves[node]
    capture.forget_tensors()


def forget(capture: Capture) -> None:
    """Let go of all that a call that is over has seen, because its steps keep cells, and these the capture."""
    capture.outcome, capture.settled, capture.effects, capture.last = [], [], [], None
    capture.here, capture.observation, capture.left = Nowhere, None, None
    del capture.moving, capture.tell_names
    for seen in (
        capture.bindings, capture.bound_before, capture.cells, capture.buffers, capture.adopted, capture.owners,
        capture.leaves, capture.origins, capture.states, capture.shown, capture.gradients, capture.generators,
        capture.renewed, capture.homes, capture.former, capture.picked, capture.parts,
        capture.view_edges, capture.view_marks, capture.anew, capture.own_leaves, capture.tensors,
    ):  # fmt: skip
        seen.clear()


def shown_by(
    capture: Capture, tensor: Tensor, real: Tensor, path: Path | None = None, known: ViewPaths | None = None
) -> Tensor:  # fmt: skip
    """What a traced view shows of the tensor that stands for its memory, eagerly.

    path: from there to the view, where it is not all of the view's. known: views that were made so.
    """
    path = tensor._path if path is None else path
    if not path:
        return real
    with tracing(None), set_grad_enabled(tensor._requires_grad):
        return (known or ViewPaths(capture.scope.hints)).follow(real, path)


def spec_now(capture: Capture, tensor: Tensor) -> Spec | None:
    """How a traced view of memory from outside lies at this call; None if its memory is not from outside."""
    owner = capture.owners.get(capture.cell_of(tensor))
    return None if owner is None else shown_by(capture, tensor, owner)._spec


def segment_of(
    capture: Capture, wanted: tuple[Node, ...], ends: Sequence[Node], homes: Sequence[Node], tracked: bool = False,
    views: tuple[Node, ...] = (), since: Step | None = None,
) -> Segment:  # fmt: skip
    """The program that computes the wanted values, and the ends, which land where the homes lie.

    tracked: whether gradients of wanted values will be asked for later, then of leaves as they were before. views: what
    will be shown of values from outside and of those that are computed; gradients come to it in the program. since:
    the step behind which whatever may fail is computed, too, as in eager mode.
    """
    checks = () if since is None else _doubtful_beside(capture, (*wanted, *ends), since)
    outputs = (*wanted, *checks, *ends, *views)
    at_hand, needed = known_without_gradients(outputs, capture.bindings)
    nodes = tuple(node for step in capture.here.path() for node in step.nodes if node in needed)
    read = {operand for node in nodes for operand in node.operands} | set(outputs)
    read |= size_givers(capture.scope, {*read, *homes}, nodes, at_hand)
    landed = set(homes)
    inputs = tuple(node for node in capture.bindings if node in landed or (node in read and node in at_hand))
    formals = tuple(formal(node, i, capture.bindings[node]) for i, node in enumerate(inputs))
    new = dict(zip(inputs, formals, strict=True))
    for node in nodes:
        operands = tuple([new[operand] for operand in node.operands])
        new[node] = node if operands == node.operands else node.replace(operands)
    made = tuple(new[node] for node in nodes)
    if tracked and not capture.renewed.keys().isdisjoint(nodes):
        made += _beside_leaves(capture, nodes, new)
    number = {node: i for i, node in enumerate(inputs)}
    updates = tuple((len(wanted) + len(checks) + i, number[home]) for i, home in enumerate(homes))
    graph = Graph("compiled", formals, made, tuple(new[node] for node in outputs), updates)
    return Segment(substitute_graph(graph, capture.scope.known), inputs, views, checks)


def _doubtful_beside(capture: Capture, outputs: tuple[Node, ...], since: Step) -> tuple[Node, ...]:
    """What has been recorded since a step and may fail, where the outputs are computed without it."""
    if capture.here.doubtful == since.doubtful:
        return ()
    nodes = [node for step in capture.here.path()[since.depth :] for node in step.nodes]
    needed, checks = set(capture.bindings), list[Node]()
    _need(outputs, needed)
    for node in nodes:
        if node not in needed and may_fail(node):
            checks.append(next((each for each in nodes if each.op is control.item and each.operands[0] is node), node))
            _need(checks[-1:], needed)
    return tuple(checks)


def _need(outputs: Iterable[Node], needed: set[Node]) -> None:
    """Add to what is needed whatever the outputs are computed from: not what a function or an update never reads."""
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node in needed:
            continue
        needed.add(node)
        operands = node.operands
        if node.op is control.call:
            operands = tuple(compress(operands, node.attrs["graph"].reads))
        elif node.op is update and node.operands[1].tensor.shape == node.tensor.shape:
            operands = operands[1:]
        stack += operands


def _beside_leaves(capture: Capture, nodes: Sequence[Node], new: dict[Node, Node]) -> tuple[Node, ...]:
    """Nodes to be added to a segment, by which gradients of written leaves are those of what these were before.

    new: of each node, that of the segment, from now on with them.
    """
    own, added = dict(new), list[Node]()
    found = dict[Node, list[bool]]()  # of each gradient, by which values it is among those by what these were before
    for node in nodes:
        changed = tuple(new[operand] for operand in node.operands)
        if node.op is control.gradient:
            found[node] = _are_renewed(node.operands[2 * node.attrs["outputs"] :], capture.renewed)
        if node.op is control.item and node.operands[0] in found and found[node.operands[0]][node.attrs["index"]]:
            new[node] = full_like(own[node], 0)
            added.append(new[node])
        elif changed != own[node].operands:
            new[node] = own[node].replace(changed)
            added.append(new[node])
        if node in capture.renewed:
            old = capture.renewed[node]
            while old not in new:
                old = capture.renewed[old]
            both = new[node], new[old]
            with dim.solving(capture.scope):
                added += topological((beside(*both),), both)
            new[node] = added[-1]
    return tuple(added)


def _are_renewed(values: Sequence[Node], renewed: Mapping[Node, Node]) -> list[bool]:
    """Of each value whether it took the place of another one of them."""
    found = []
    for value in values:
        old = renewed.get(value)
        while old is not None and old not in values:
            old = renewed.get(old)
        found.append(old is not None)
    return found
