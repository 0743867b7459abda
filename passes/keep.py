"""Which of the values that regions share lie in memory; others each region computes again, where that is cheaper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from brasa.ir.graph import Kind, Node
from brasa.passes.costs import elements, is_trivial
from brasa.passes.flow import Flow, Read, seen_through
from brasa.passes.grouping import Grouping

_MOST_WORK = 8  # trivial nodes that a reader may compute instead of reading one value
_SMALL = 8  # how many times smaller a value is that counts as small beside another


class _Recipe(NamedTuple):
    """What must be kept so that readers can compute a value themselves, and all values that this depends on."""

    needs: frozenset[Node]
    within: frozenset[Node]


def kept_values(flow: Flow, grouping: Grouping) -> set[Node]:
    """The computed values that are written to memory.

    A value that several regions need is computed again by its readers when that takes a few trivial operations on
    values that are kept anyway, or on fewer bytes. Sums, transcendental functions and the like happen once.
    """
    outer = {node: reads for node in flow.computed if (reads := _outer_reads(node, flow, grouping))}
    kept = flow.returned | {node for node, reads in outer.items() if not all(map(_can_repeat, reads))}
    recipes = _Recipes(flow, grouping, outer, kept)
    return _Choice({node: recipes.find(node) for node in outer if node not in kept}, recipes).settle()


class _Choice:
    """Decides, as long as values are open, what else to keep; `groups` holds the open values by what they still need.

    After each step only what read the newly kept values is looked at again, so that long programs take no longer for
    each value.
    """

    def __init__(self, found: dict[Node, _Recipe], recipes: _Recipes) -> None:
        self.found, self.recipes, self.kept = found, recipes, recipes.kept
        self.groups: dict[frozenset[Node], dict[Node, None]] = {}
        self.needs: dict[Node, frozenset[Node]] = {}
        self.depending: dict[Node, dict[Node, None]] = {}

    def settle(self) -> set[Node]:
        """All that is kept in the end."""
        order = iter(self.found)
        changed = {self._enter(node): None for node in self.found}
        while self.needs:
            new = self._worth_keeping(changed)
            if not new:
                new = {next(node for node in order if node in self.needs)}
            self.kept |= new
            again = dict.fromkeys(node for one in new for node in self.depending.get(one, ()) if node in self.needs)
            for node in again:
                self._leave(node)
                if self.found[node].within & new:
                    self.found[node] = self.recipes.find(node)
            changed = {self._enter(node): None for node in again}
        return self.kept

    def _enter(self, node: Node) -> frozenset[Node]:
        """Note what an open value still needs; one that needs nothing more, or is kept itself, is open no longer."""
        recipe = self.found[node]
        needs = recipe.needs - self.kept
        if needs and node not in self.kept:
            self.needs[node] = needs
            self.groups.setdefault(needs, {})[node] = None
            for each in recipe.within | recipe.needs:
                self.depending.setdefault(each, {})[node] = None
        return needs

    def _leave(self, node: Node) -> None:
        del self.groups[self.needs.pop(node)][node]

    def _worth_keeping(self, among: Iterable[frozenset[Node]]) -> set[Node]:
        """Values to keep because they take fewer bytes than those that can then be computed from them."""
        return {node for needs in among if _bytes(needs) < _bytes(self.groups.get(needs, ())) for node in needs}


def _bytes(nodes: Iterable[Node]) -> int:
    return sum(elements(node.tensor) * node.tensor.dtype.itemsize for node in nodes)


def _outer_reads(node: Node, flow: Flow, grouping: Grouping) -> list[Read]:
    own = grouping.group_of[node]
    readers = [user for user in dict.fromkeys(flow.users[node]) if grouping.group_of[user] is not own]
    return [read for reader in readers for read in flow.reads[reader] if read.base is node]


def _can_repeat(read: Read) -> bool:
    """Whether the reader could compute the value itself, each element once."""
    if read.reader.op.kind not in (Kind.ELEMENTWISE, Kind.REDUCE) or any(v.op.name == "expand" for v in read.views):
        return False
    return _is_light(read.base) and read.base.tensor.dtype.bits > 8


def _is_light(node: Node) -> bool:
    return node.op.kind is Kind.ELEMENTWISE and is_trivial(node)


class _Recipes:
    """Finds out what it takes to compute a value again."""

    def __init__(self, flow: Flow, grouping: Grouping, outer: Mapping[Node, list[Read]], kept: set[Node]) -> None:
        self.flow, self.group_of, self.outer, self.kept = flow, grouping.group_of, outer, kept

    def find(self, value: Node) -> _Recipe:
        """How readers may compute the value; what it needs is the value itself where that would be too much work.

        One reader may read two values of its size for it, several readers only one.
        """
        readers = len({self.group_of[read.reader] for read in self.outer[value]})
        needs: set[Node] = set()
        within: set[Node] = set()
        moved: set[Node] = set()
        work, wide, stack = 0, 0, [value]
        while stack and work <= _MOST_WORK:  # a walk that ends early stays too long while what it met stays as it is
            node = stack.pop()
            if node in within:
                continue
            within.add(node)
            is_large = elements(node.tensor) * _SMALL > elements(value.tensor)
            is_open = node in self.group_of and node not in self.kept
            light = _is_light(node) and node not in self.kept and (is_large or not is_open)
            if readers == 1 and self._moves(node, value, moved):
                moved.add(node)
            if light or node in moved:
                work += 1
                stack += [seen_through(operand)[0] for operand in node.operands]
                continue
            if is_open:
                needs.add(node)
            wide += is_large and node.op.name not in ("constant", "iota")
        inside = any(self.group_of[node].spaces[node] == "inside" for node in needs)
        if work > _MOST_WORK or wide > (2 if readers == 1 else 1) or inside:
            needs = {value}
        return _Recipe(frozenset(needs), frozenset(within))

    def _moves(self, node: Node, value: Node, moved: set[Node]) -> bool:
        """Whether the reader of the value would be the only one to compute the node: so nothing is computed twice."""
        own, users = self.group_of[value], self.flow.users.get(node, ())
        if node.op.kind is not Kind.ELEMENTWISE or node in self.kept or (node in self.outer and node is not value):
            return False
        return all(user in moved for user in users if self.group_of[user] is own)
