"""Which computed values become one region: groups that grow from producers to consumers while a form allows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from brasa.ir.dim import Size, product
from brasa.ir.graph import Kind, Node
from brasa.ir.region import LONE, Form
from brasa.passes.costs import elements, is_trivial, nominal
from brasa.passes.dependencies import Dependencies
from brasa.passes.flow import Flow, Read, leaves, restores, seen_through, stands_alone

# Where a group computes a value: once per element of the domain, once per element of the reduced shape, or inside other
# values, at the places where those read it.
Space: TypeAlias = Literal["domain", "reduced", "inside"]

_SUMS = (Kind.CONTRACT, Kind.WINDOW, Kind.REDUCE)
_KERNELS: Mapping[str, str] = {
    "map": "a map", "rows": "a reduction", "contract": "a product", "window": "a window", "cumulate": "a running sum",
    "scatter": "a scatter", **{form: f"the kernel of {kind.name.lower()}" for kind, form in LONE.items()},
}  # fmt: skip
_MOST_NODES = 120
_MOST_INSIDE = 8  # nodes that may be computed again for each element that reads them
_LONG_ROW = 1 << 14  # elements of a domain that is reduced to one number: too many for one thread


@dataclass(frozen=True, eq=False)
class Group:
    """The values of one region to be, in program order. axes: of the domain, those that a rows group reduces."""

    spaces: dict[Node, Space]
    form: Form | Literal["alone"]
    domain: tuple[Size, ...]
    axes: tuple[int, ...] = ()
    closed: bool = False

    @property
    def reduced(self) -> tuple[Size, ...]:
        """The domain's sizes without the reduced axes."""
        return tuple(self.domain[axis] for axis in self.kept)

    @property
    def ones(self) -> tuple[Size, ...]:
        """The domain's sizes with 1 for the reduced axes."""
        return tuple(1 if axis in self.axes else size for axis, size in enumerate(self.domain))

    @property
    def kept(self) -> tuple[int, ...]:
        """The axes of the domain that are not reduced."""
        return tuple(axis for axis in range(len(self.domain)) if axis not in self.axes)


def group_of_one(node: Node) -> Group:
    """The group that a value makes alone."""
    if stands_alone(node):
        return Group({node: "domain"}, "alone", ())
    match node.op.kind:
        case Kind.REDUCE:
            return Group({node: "reduced"}, "rows", node.operands[0].tensor.shape, node.attrs["axes"])
        case Kind.CONTRACT:
            return Group({node: "domain"}, "contract", node.tensor.shape)
        case Kind.WINDOW:
            return Group({node: "domain"}, "window", node.tensor.shape)
        case Kind.CUMULATE:
            return Group({node: "domain"}, "cumulate", node.tensor.shape)
    if node.op.kind in LONE:
        return Group({node: "domain"}, LONE[node.op.kind], node.tensor.shape, closed=True)
    if node.op.kind is Kind.SCATTER:
        return Group({node: "domain"}, "scatter", node.tensor.shape, closed=True)
    return Group({node: "domain"}, "map", node.tensor.shape)


class Grouping:
    """All groups, and which group needs which: a graph without cycles, and it stays one.

    join: False leaves each value in a group of its own. later: numbers of nodes that must not be computed together with
    those that have other numbers, or none.
    """

    def __init__(self, flow: Flow, later: Mapping[Node, int] = MappingProxyType({}), join: bool = True) -> None:
        self.flow, self.later, self.join = flow, later, join
        self.group_of: dict[Node, Group] = {}
        self.dependencies: Dependencies[Group] = Dependencies()
        for node in flow.computed:
            self._add(node)

    def ordered(self) -> list[Group]:
        """The groups in an order in which they can run: each as soon as the program comes to its first sum.

        So the gradient of a weight is computed where it stands in the program, together with the update from the end:
        what it reads need not be kept until then. What a group needs runs no later than that.
        """
        places: dict[Group, int] = {}
        for group in reversed(self.dependencies.ordered()):
            sums = [self.flow.order[node] for node in group.spaces if node.op.kind in _SUMS]
            readers = [places[reader] for reader in self.dependencies.readers(group)]
            places[group] = min([min(sums, default=self._last(group)), *readers])
        return self.dependencies.ordered(places.__getitem__)

    def _last(self, group: Group) -> int:
        return max(self.flow.order[node] for node in group.spaces)

    def _add(self, node: Node) -> None:
        """Give the node a group, and let it join those of the values that it reads."""
        group = self.group_of[node] = group_of_one(node)
        producers = dict.fromkeys(self.group_of[read.base] for read in self.flow.reads[node])
        self.dependencies.add(group, producers)
        for producer in sorted(producers, key=self._rank) if self.join else ():
            joined = self.joined(producer, group)
            if isinstance(joined, Group):
                self._replace((producer, group), joined)
                group = joined

    def _rank(self, group: Group) -> tuple[bool, bool, int]:
        """Results of sums of products take what follows first: it costs them nothing. Else the nearest goes first."""
        return group.form not in ("contract", "window"), group.form != "rows", -self._last(group)

    def joined(self, producer: Group, consumer: Group) -> Group | str:
        """A group and one that reads its values as one; or what keeps them apart."""
        edges = [read for node in consumer.spaces for read in self.flow.reads[node] if read.base in producer.spaces]
        if not self._meet(producer, consumer):
            return "they run at different times: a checkpoint computes one of them again"
        joined = join(producer, consumer, edges, self.flow)
        if isinstance(joined, str):
            return joined
        if self._reads_what_it_overwrites(joined):
            return "the result would have to be copied into the input that it overwrites"
        if self._has_detour(producer, consumer):
            return "a third kernel, which needs the first, must run before the second"
        return joined

    def _meet(self, first: Group, second: Group) -> bool:
        """Whether the two groups are computed at the same time."""
        if not self.later:
            return True
        one, other = (max(self.later.get(node, 0) for node in group.spaces) for group in (first, second))
        return one == other

    def _reads_what_it_overwrites(self, group: Group) -> bool:
        """Whether a large result would have to be copied into the input that it updates, which the group reads."""
        written = {self.flow.overwritten[node] for node in group.spaces if node in self.flow.overwritten}
        if group.form in ("map", "rows") or not written:
            return False
        bases = {seen_through(operand)[0] for node in group.spaces for operand in node.operands}
        return any(leaf in written for base in bases if base not in self.flow.order for leaf in leaves(base))

    def _has_detour(self, producer: Group, consumer: Group) -> bool:
        """Whether the consumer needs the producer by way of a third group, too."""
        others = [group for group in self.dependencies.readers(producer) if group is not consumer]
        return self.dependencies.needs_any(consumer, others)

    def _replace(self, parts: Sequence[Group], joined: Group) -> None:
        self.dependencies.replace(parts, joined)
        self.group_of.update(dict.fromkeys(joined.spaces, joined))

    def join_siblings(self, kept: set[Node]) -> None:
        """Join groups over the same domain that read the same large value from memory, and those of single numbers.

        kept: the values in memory; of others each group computes again what it reads.
        """
        meetings: dict[object, list[Group]] = {}
        for group in self.ordered():
            for point in self._meeting_points(group, kept):
                meetings.setdefault(point, []).append(group)
        for groups in meetings.values():
            apart: list[Group] = []
            for group in dict.fromkeys(self.group_of[next(iter(group.spaces))] for group in groups):
                for i, other in enumerate(apart):
                    joined = unite(other, group) if self._meet(other, group) else None
                    if joined is not None and self._are_independent(other, group):
                        self._replace((other, group), joined)
                        apart[i] = joined
                        break
                else:
                    apart.append(group)

    def _are_independent(self, first: Group, second: Group) -> bool:
        needs_any = self.dependencies.needs_any
        return not needs_any(first, [second]) and not needs_any(second, [first])

    def _meeting_points(self, group: Group, kept: set[Node]) -> Iterator[object]:
        if group.form not in ("map", "rows"):
            return
        form, least = (group.form, group.domain, group.axes), nominal(product(group.domain))
        if group.form == "map" and least == 1:
            yield form
        stack = list(group.spaces)
        seen = set(stack)
        while stack:
            for base in (seen_through(operand)[0] for operand in stack.pop().operands):
                if base in seen:
                    continue
                seen.add(base)
                if base in kept or base.op.name == "input":
                    if elements(base.tensor) >= least > 1:
                        yield (*form, base)
                else:
                    stack.append(base)


def unite(first: Group, second: Group) -> Group | None:
    """The two groups, neither of which reads the other, as one over the same domain."""
    if (first.form, first.domain, first.axes) != (second.form, second.domain, second.axes):
        return None
    if len(first.spaces) + len(second.spaces) > _MOST_NODES:
        return None
    return _checked(first, {**first.spaces, **second.spaces})


def join(producer: Group, consumer: Group, edges: Sequence[Read], flow: Flow) -> Group | str:
    """The two groups as one, where a form allows all that the consumer reads of the producer; else why not."""
    forms = (producer.form, consumer.form)
    if "alone" in forms:
        return "loops, branches and what the host computes take and leave values in memory"
    if producer.closed or (consumer.closed and producer.form != "map"):
        return f"{_KERNELS[producer.form if producer.closed else consumer.form]} takes nothing more in"
    if len(producer.spaces) + len(consumer.spaces) > _MOST_NODES:
        return f"together they have more than {_MOST_NODES} operations"
    elsewhere = "its elements are read elsewhere than where they are computed, or several times"
    if forms == ("rows", "rows"):
        if (producer.domain, producer.axes) != (consumer.domain, consumer.axes):
            return "they reduce different axes"
        joined = _checked(consumer, {**producer.spaces, **consumer.spaces})
        return joined if joined is not None and _reads_fit(joined, edges) else elsewhere
    if "map" not in forms:
        return f"{_KERNELS[producer.form]} and {_KERNELS[consumer.form]} have loops of their own"
    guest, host = (producer, consumer) if producer.form == "map" else (consumer, producer)
    for space in _guest_spaces(guest, host):
        joined = _checked(host, {**host.spaces, **_moved(guest, space)})
        if joined is not None and _reads_fit(joined, edges):
            return joined
    if guest is producer and _fits_inside(producer, consumer, edges, flow):
        joined = _checked(consumer, {**_moved(producer, "inside"), **consumer.spaces})
        return joined or elsewhere
    return elsewhere


def _checked(host: Group, spaces: dict[Node, Space]) -> Group | None:
    """A group of the host's form with these nodes, if the form allows them all together."""
    joined = replace(host, spaces=spaces)
    if joined.form == "map":
        return joined
    placed = (node for node in spaces if _has_a_place(node, spaces[node]) and node not in host.spaces)
    return joined if all(_picks(node, joined) for node in placed) else None


def _has_a_place(node: Node, space: Space) -> bool:
    """Whether what the node computes depends on where it stands, so that only maps can have it anywhere."""
    kind = node.op.kind
    return kind in (Kind.MOVE, Kind.INDEX, Kind.CHECK) or (kind is Kind.RANDOM and space == "inside")


def _picks(node: Node, group: Group) -> bool:
    """Whether the node picks one element of each row of a rows group."""
    if group.form != "rows" or node.op.name != "gather" or group.axes != (node.attrs["axis"],):
        return False
    source = node.operands[0]
    if source.tensor.shape != group.domain and seen_through(source)[0].op.kind is Kind.ELEMENTWISE:
        return False
    return group.spaces[node] == "reduced" and node.tensor.shape == group.ones


def _guest_spaces(guest: Group, host: Group) -> Iterable[Space]:
    size = product(guest.domain)
    if size == product(host.domain) and not host.closed:
        yield "domain"
    if host.form == "rows" and size == product(host.reduced):
        yield "reduced"


def _moved(guest: Group, space: Space) -> dict[Node, Space]:
    return {node: "inside" if own == "inside" else space for node, own in guest.spaces.items()}


def _reads_fit(group: Group, edges: Iterable[Read]) -> bool:
    return all(_read_fits(group, read) for read in edges)


def _read_fits(group: Group, read: Read) -> bool:
    """Whether the reader can have the operand where it stands when the base is computed in the same group."""
    base, reader = group.spaces[read.base], group.spaces[read.reader]
    kind = read.reader.op.kind
    if reader == "inside" or kind in (Kind.CONTRACT, Kind.WINDOW, Kind.MOVE):
        return False
    if kind is Kind.INDEX and read.operand == 0:
        return group.form == "rows" and base == "domain" and not read.views and read.base.tensor.shape == group.domain
    wanted = "domain" if kind is Kind.REDUCE else reader
    if base == wanted:
        return read.is_aligned
    return base == "reduced" and _restored(group, read)


def _restored(group: Group, read: Read) -> bool:
    few_rows = nominal(product(group.reduced)) == 1 and nominal(product(group.domain)) > _LONG_ROW
    return not few_rows and restores(read.views, read.base.tensor.shape, group.kept, group.domain)


def _fits_inside(producer: Group, consumer: Group, edges: Sequence[Read], flow: Flow) -> bool:
    """Whether the producer's values can be computed where the consumer reads them, and nowhere else.

    That must not repeat work, but for a little that is trivial.
    """
    nodes = producer.spaces
    if any(node in flow.returned for node in nodes):
        return False
    if any(user not in nodes and user not in consumer.spaces for node in nodes for user in flow.users[node]):
        return False
    if any(read.reader.op.kind is Kind.CONTRACT or _is_lookup(read) for read in edges):
        return False
    if consumer.form != "map" and any(node.op.kind is not Kind.ELEMENTWISE for node in nodes):
        return False
    if consumer.closed and not all(read.operand == 2 for read in edges):
        return False
    repeats = any(_repeats(read) for read in edges) or len(edges) > 1
    if repeats:
        return len(nodes) <= _MOST_INSIDE and all(map(is_trivial, nodes))
    return _wide_reads(producer) <= 2 or all(read.is_aligned for read in edges)


def _is_lookup(read: Read) -> bool:
    return read.reader.op.kind is Kind.INDEX and read.operand == 0


def _repeats(read: Read) -> bool:
    """Whether the reader computes an element of the base more than once, or in vain."""
    chooses = read.reader.op.kind in (Kind.WINDOW, Kind.MOVE)
    return chooses or any(view.op.name == "expand" for view in read.views)


def _wide_reads(group: Group) -> int:
    """How many values as large as the group's own it reads."""
    operands = dict.fromkeys(operand for node in group.spaces for operand in node.operands)
    least = product(group.domain)
    return sum(operand not in group.spaces and operand.tensor.size == least for operand in operands)
