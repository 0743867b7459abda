"""Which values a graph computes, and through which views each is read: what fusion looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brasa.ir.dim import Size
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Kind, Node, topological
from brasa.ir.region import LONE
from brasa.passes.costs import elements, is_cheap

_CHAIN = 8  # cheap nodes in a row that each reader computes for itself
_FEW = 16  # elements that count as none
ALONE = (Kind.HOST, Kind.COMPLEX, Kind.NESTED)


@dataclass(frozen=True)
class Read:
    """Operand `operand` of `reader` is `base`, seen through `views`, the innermost first."""

    reader: Node
    operand: int
    base: Node
    views: tuple[Node, ...]

    @property
    def is_aligned(self) -> bool:
        """Whether element i of the operand is element i of the base, both in row-major order."""
        return all(view.op.name == "reshape" for view in self.views)


def seen_through(node: Node) -> tuple[Node, tuple[Node, ...]]:
    """(base, views): what the node is a view of, and the views, innermost first."""
    views: list[Node] = []
    while node.op.kind is Kind.VIEW:
        views.insert(0, node)
        node = node.operands[0]
    return node, tuple(views)


def stands_alone(node: Node) -> bool:
    """Whether the node stands outside all regions: what the host computes or takes, what runs graphs, or a result."""
    made = node.operands[0] if node.op.name == "item" else node
    return made.op.kind in ALONE


class Flow:
    """The values that are computed once, and who reads them; what no output needs is not there.

    All others are computed anew by each reader: views, sources, casts of inputs, and short cheap work on a few numbers.
    computed: in program order. reads: of each computed node. users: the computed nodes that read each.
    returned: computed nodes of which graph outputs are views. order: each computed node's place in the program.
    overwritten: the input that a computed node's value is written to when the graph has run.
    """

    def __init__(self, graph: Graph) -> None:
        needed = set(topological(graph.outputs))
        nodes = [node for node in graph.nodes if node in needed]
        demanded = _demanded(nodes)
        depths: dict[Node, int | None] = dict.fromkeys(graph.inputs, 0)
        self.computed: list[Node] = []
        for node in nodes:
            if node.op.kind is Kind.CONTROL and not stands_alone(node):
                raise GraphError(f"{node.op.name} cannot be fused: it belongs before inline or after fuse")
            depths[node] = _depth(node, depths, node in demanded)
            if node in demanded or (depths[node] is None and node.op.kind is not Kind.VIEW):
                self.computed.append(node)
        known = set(self.computed)
        self.order = {node: i for i, node in enumerate(self.computed)}
        self.reads: dict[Node, list[Read]] = {}
        self.users: dict[Node, list[Node]] = {node: [] for node in self.computed}
        for node in self.computed:
            self.reads[node] = [read for read in reads_of(node) if read.base in known and is_read_whole(read)]
            for read in self.reads[node]:
                self.users[read.base].append(node)
        self.overwritten = {seen_through(graph.outputs[i])[0]: graph.inputs[j] for i, j in graph.updates}
        self.returned = {base for base, _ in map(seen_through, graph.outputs)} & known


def reads_of(node: Node) -> list[Read]:
    """Every operand of the node with what it is a view of."""
    return [Read(node, i, *seen_through(operand)) for i, operand in enumerate(node.operands)]


def is_read_whole(read: Read) -> bool:
    """Whether the reader needs the base in memory when it is a source; all others make constants themselves."""
    return read.base.op.kind is not Kind.SOURCE or takes_memory(read)


def takes_memory(read: Read) -> bool:
    """Whether the reader takes this operand from memory only."""
    if read.reader.op.kind is Kind.SCATTER:
        return read.operand == 1 or (read.operand == 0 and read.base.op.name != "constant")
    return read.reader.op.kind in (Kind.CONTRACT, *ALONE, *LONE)


def _demanded(nodes: Iterable[Node]) -> set[Node]:
    """Cheap values that some reader takes from memory only, so that they must be computed."""
    found: set[Node] = set()
    for node in nodes:
        for read in reads_of(node):
            if not takes_memory(read):
                continue
            base = read.base
            while base.op.name == "cast" and node.op.kind is Kind.CONTRACT and not _narrows(base):
                base = seen_through(base.operands[0])[0]
            if base.op.name != "input":
                found.add(base)
    return found


def _narrows(cast: Node) -> bool:
    """Whether fewer bits are left of each element: then reading them again and again is cheaper than to cast again."""
    return cast.tensor.dtype.bits < cast.operands[0].tensor.dtype.bits


def _depth(node: Node, depths: Mapping[Node, int | None], demanded: bool) -> int | None:
    """How many elementwise nodes in a row a reader computes for itself to have this value.

    None when the value is one that is computed once, or a view of such a value.
    """
    inner = [depths[operand] for operand in node.operands]
    known = [depth for depth in inner if depth is not None]
    if len(known) < len(inner):
        return None
    depth = sum(known)
    if node.op.kind in (Kind.SOURCE, Kind.VIEW):
        return depth
    light = is_cheap(node) and node.op.kind is Kind.ELEMENTWISE and depth < _CHAIN and not demanded
    return depth + 1 if light and (node.op.name == "cast" or all(map(_is_light, leaves(node)))) else None


def _is_light(leaf: Node) -> bool:
    return (leaf.op.kind is Kind.SOURCE and leaf.op.name != "input") or elements(leaf.tensor) <= _FEW


def leaves(node: Node) -> Iterable[Node]:
    """The inputs and sources that a value of views and elementwise nodes is made of."""
    stack, seen = [node], {node}
    while stack:
        each = stack.pop()
        if not each.operands:
            yield each
        for operand in each.operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)


def restores(views: Sequence[Node], shape: Sequence[Size], kept: Sequence[int], domain: Sequence[Size]) -> bool:
    """Whether views of a reduced value repeat it along the reduced axes of the domain, and only there.

    shape: of the reduced value, axes of size 1 added or not. kept: the axes of the domain that were not reduced.
    """
    places = _match(shape, [domain[axis] for axis in kept])
    axes: list[int | None] | None = None if places is None else [None if p is None else kept[p] for p in places]
    shape = tuple(shape)
    for view in views:
        if axes is None:
            return False
        new = view.tensor.shape
        if view.op.name == "reshape":
            places = _match(new, shape)
            axes = None if places is None else [None if p is None else axes[p] for p in places]
        elif view.op.name == "expand":
            added = len(new) - len(shape)
            axes = [None if a < added or shape[a - added] != new[a] else axes[a - added] for a in range(len(new))]
        elif view.op.name == "permute":
            axes = [axes[axis] for axis in view.attrs["axes"]]
        else:
            return False
        shape = new
    if axes is None or tuple(shape) != tuple(domain):
        return False
    return all(size == 1 or axes[a] == (a if a in kept else None) for a, size in enumerate(domain))


def _match(new: Sequence[Size], old: Sequence[Size]) -> list[int | None] | None:
    """For each axis of `new` the axis of `old` that it is, None for axes of size 1; None if they differ in more."""
    real = [axis for axis, size in enumerate(old) if size != 1]
    if [old[axis] for axis in real] != [size for size in new if size != 1]:
        return None
    left = iter(real)
    return [None if size == 1 else next(left) for size in new]
