"""What a row region asks for: which axes are kept and reduced, how many passes it takes, and what each pass does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brasa.codegen.schedules.indices import Index, Ranges, flatten, leaf
from brasa.codegen.schedules.map import Trial, output_parts, streams_of, unflatten
from brasa.codegen.schedules.sharing import cost_of
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_
from brasa.ir.graph import Kind, Node
from brasa.ir.kernel import LANES, Expr, const, eq
from brasa.ir.ops.reduce import Combiner

# Few rows (at most) of many elements (at least) are folded by several threads each.
_FEW_ROWS, _LONG_ROW = 8, 16384
# So are the elements of rows side by side, from so many on.
_TALL_ROW = 1024
# A value that costs more nanoseconds per vector is kept in the output's memory rather than computed again.
_STAGED_COST = 4.0
# Rows of fewer elements or of more are not kept in strips.
_SHORT_ROW, STRIP = 512, 8192


class RowPlan:
    """The shape of a row region.

    groups, extents: the reduced axes, adjacent ones together, and the elements of each group.
    kept: groups of kept axes that one variable can walk, with their extents.
    along_lanes: whether the last axis of all is reduced. length: elements of a row.
    passes: how many there are; reducing: the numbers of those that fold reductions.
    """

    def __init__(self, writer: Writer) -> None:
        self.region, self._writer = writer.region, writer
        reductions = [node for node in self.region.nodes if node.op.kind is Kind.REDUCE]
        self.axes: tuple[int, ...] = reductions[0].attrs["axes"]
        self.domain = reductions[0].operands[0].tensor.shape
        self.reduced_sizes = tuple(self.domain[axis] for axis in self.axes)
        self.length = dim.product(self.reduced_sizes)
        self.combiners: dict[Node, Combiner] = {
            node: node.op.body(node.operands[0].tensor.dtype) for node in reductions if node.op.body is not None
        }
        self._levels = self._find_levels()
        self._costs: dict[Node, float] = {}
        self._trial = Trial(writer, self.domain, self._evaluate)
        self.cost = self._trial.cost
        self.groups = self._adjacent_groups()
        self.extents = [dim.product(self.domain[axis] for axis in group) for group in self.groups]
        self._subgroups = [self._trial.joint_groups(group) for group in self.groups]
        kept = [axis for axis in range(len(self.domain)) if axis not in self.axes]
        self._kept_groups = self._trial.joint_groups(kept)
        self.kept = [(group, dim.product(self.domain[a] for a in group)) for group in self._kept_groups]
        self.along_lanes = not kept or len(self.domain) - 1 in self.axes
        outputs = list(enumerate(self.region.outputs))
        self.row_outputs = [(node, number) for number, node in outputs if not self._is_whole(node)]
        self._whole_outputs = [(node, number) for number, node in outputs if self._is_whole(node)]
        levels = [self._levels[node.operands[0]] for node in reductions]
        self.passes = 1 + max([*levels, *(self._levels[node] for node, _ in self._whole_outputs)])
        self.reducing = sorted(set(levels))
        self.staged = self._find_staged()

    @property
    def is_long(self) -> Expr:
        """Whether rows are so few and so long, or so tall and needed but once, that threads share each."""
        rows = dim.product(extent for _, extent in self.kept)
        if self.along_lanes:
            can, long = isinstance(rows, int) and rows <= _FEW_ROWS, _LONG_ROW
        else:
            can, long = self.passes == 1 and not self._whole_outputs and bool(self.kept), _TALL_ROW
        if not can or len(self.groups) != 1:
            return const(False, bool_)
        return self._writer.condition(leaf(long) <= leaf(self.length))

    @property
    def streams(self) -> Expr:
        """Whether what passes would keep in outputs is kept in strips, and outputs are written past the caches."""
        if not (self.along_lanes and len(self.groups) == 1 and self.staged):
            return const(False, bool_)
        several, holds = streams_of(self._writer, dim.product(self.domain)), leaf(_SHORT_ROW) <= leaf(self.length)
        holds = holds & (leaf(self.length) <= leaf(STRIP)) & eq(leaf(dim.remainder(self.length, LANES)), leaf(0))
        fits = self._writer.condition(holds)
        return const(False, bool_) if several is None or fits.attr is False else several & fits

    # What each pass does

    def reductions_of(self, number: int) -> list[Node]:
        """The reductions that a pass folds."""
        return [node for node in self.combiners if self._levels[node] == number + 1]

    def stores_of(self, number: int) -> list[tuple[Node, int]]:
        """The values that a pass stores, with the outputs in whose memory."""
        own = [(node, output) for node, output in self._whole_outputs if self._levels[node] == number]
        return own + [(node, output) for node, output in self.staged.items() if self._levels[node] == number]

    def row_nodes(self, level: int) -> list[Node]:
        """The values of a row that follow from reductions of that level."""
        reduced = tuple(size for axis, size in enumerate(self.domain) if axis not in self.axes)
        narrow = tuple(1 if axis in self.axes else size for axis, size in enumerate(self.domain))
        return [
            node for node in self.region.nodes
            if node.op.kind is Kind.ELEMENTWISE and self._levels[node] == level
            and node.tensor.shape in (reduced, narrow) and not self._is_whole(node)
        ]  # fmt: skip

    def _find_levels(self) -> dict[Node, int]:
        """How many reductions, one after the other, each value waits for."""
        levels: dict[Node, int] = dict.fromkeys(self.region.inputs, 0)
        for node in self.region.nodes:
            before = max((levels[operand] for operand in node.operands), default=0)
            levels[node] = before + (node.op.kind is Kind.REDUCE)
        return levels

    def _find_staged(self) -> dict[Node, int]:
        """For each output, the dearest value of its dtype that an earlier pass computes and a later one needs again."""
        staged: dict[Node, int] = {}
        for output_node, output in self._whole_outputs:
            last = self._levels[output_node]
            best: Node | None = None
            for node in self.region.nodes:
                cost = self._costs.get(node, 0.0)
                fits = node.tensor.dtype is output_node.tensor.dtype and self._levels[node] < last
                if not fits or not self._is_whole(node) or node in staged or cost <= _STAGED_COST:
                    continue
                uses = self._passes_that_need(node, staged)
                if len(uses) > 1 and max(uses) <= last and (best is None or cost > self._costs[best]):
                    best = node
            if best is not None:
                staged[best] = output
        return staged

    def _passes_that_need(self, wanted: Node, staged: Mapping[Node, int]) -> set[int]:
        """Which passes need a value at the element where they are; none if one needs it elsewhere, as in a mirror."""
        found: set[int] = set()
        roots = [(node.operands[0], self._levels[node] - 1, True) for node in self.combiners]
        roots += [(node, self._levels[node], True) for node, _ in self._whole_outputs]
        roots += [(node, self.passes, True) for node, _ in self.row_outputs]  # they may look into the row, at the end
        seen: set[tuple[Node, int, bool]] = set()
        while roots:
            node, number, here = step = roots.pop()
            if step in seen or node in self.combiners:
                continue
            seen.add(step)
            if node is wanted and not here:
                return set()
            if node is wanted:
                found.add(number)
            if node not in staged or self._levels[node] == number:
                roots += [(each, number, here and node.op.kind is Kind.ELEMENTWISE) for each in node.operands]
        return found

    # Indices

    def whole_index(self, index: Mapping[int, Size]) -> Index:
        """The index of an element from those along single axes; axes of size 1 need none."""
        return tuple(index.get(axis, 0) for axis in range(len(self.domain)))

    def row_index(self, node: Node, kept: Mapping[int, Size]) -> Index:
        """The index of a row's value in a node of the reduced shape, with or without axes of size 1."""
        axes = range(len(self.domain))
        narrow = node.tensor.rank == len(self.domain)
        return tuple(0 if a in self.axes else kept.get(a, 0) for a in axes if narrow or a not in self.axes)

    def spread_kept(self, places: Sequence[Size]) -> dict[int, Size]:
        """The index along the kept axes from places along their groups."""
        return {group[-1]: place for group, place in zip(self._kept_groups, places, strict=True)}

    def spread_group(self, ranges: Ranges, number: int, place: Size) -> dict[int, Size]:
        """The index along the axes of a reduced group from the place in it."""
        subgroups = self._subgroups[number]
        extents = [dim.product(self.domain[axis] for axis in group) for group in subgroups]
        places = unflatten(ranges, place, extents)
        return {group[-1]: at for group, at in zip(subgroups, places, strict=True)}

    def position(self, index: Mapping[int, Size]) -> Size:
        """The flat place of an element in its row."""
        return flatten([index.get(axis, 0) for axis in self.axes], self.reduced_sizes)

    def _adjacent_groups(self) -> list[list[int]]:
        groups: list[list[int]] = []
        for axis in self.axes:
            if groups and groups[-1][-1] == axis - 1:
                groups[-1].append(axis)
            else:
                groups.append([axis])
        return groups

    def _is_whole(self, node: Node) -> bool:
        return bool(self.axes) and node.tensor.shape == self.domain

    def _evaluate(self, values: Values, index: Index) -> list[Expr]:
        """Every value at a general element, for the trial."""
        writer, known = values.writer, dict(enumerate(index))
        for reduction in self.combiners:
            values.bound[reduction] = lambda *_, dtype=reduction.tensor.dtype: const(0, dtype)
        parts = [writer.expr(self.position(known))]
        for node in self.region.nodes:
            if self._is_whole(node):
                parts.append(values.at(node, index))
                self._costs[node] = cost_of(parts[-1:])
        parts += [values.at(node.operands[0], index) for node in self.combiners]
        rows = {node: self.row_index(node, known) for node in self.region.outputs if not self._is_whole(node)}
        return parts + output_parts(values, lambda node: rows.get(node, index))
