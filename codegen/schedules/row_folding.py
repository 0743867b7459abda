"""Folds rows: the loops over one row and the order in which its elements combine, which is part of the meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import AXIS_NAMES
from brasa.codegen.schedules.row_plan import STRIP, RowPlan
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local, LoopKind, Number, first, shifted
from brasa.ir.ops.reduce import State
from brasa.ir.program import Place

LANE_CHUNK = 4096
CHAIN_CHUNK = 256
_TOGETHER = 4  # vectors

_T = TypeVar("_T")
At: TypeAlias = tuple[Expr, ...]  # which of a local's registers: () where there is one
Read: TypeAlias = Callable[[At], State]
Registers: TypeAlias = "tuple[Local | Strip, ...]"  # the state of one reduction
Position: TypeAlias = Mapping[int, Size]


@dataclass(frozen=True)
class Strip:
    """Registers that lie in memory, for there are many of them, each where a loop over vectors stands."""

    name: str
    buffer: Buffer

    def __getitem__(self, at: At) -> Expr:
        return self.buffer.load(at[0])


class Rows:
    """One row at a time, its last group along the lanes.

    kept: the place along each group of kept axes; mask: which lanes of it are real, None for all.
    lanes, registers: the lanes and the shape of a state where lanes do not run along the row.
    strips: where the values are kept that later passes need again, if not in outputs.
    """

    def __init__(self, writer: Writer, plan: RowPlan, streams: bool = False) -> None:
        self.writer = writer
        self.plan = plan
        self.values = Values(writer)
        self.strips = {node: writer.buffer("row", node.tensor.dtype, "stack", STRIP) for node in plan.staged if streams}
        self.kept: Index = ()
        self.mask: Expr | None = None
        self.lanes = 1
        self.registers: tuple[int, ...] = ()

    def write(self) -> None:
        """Write the kernel."""
        with self.writer.cells(self.axes(), self.plan.cost / LANES, self.plan.length) as self.kept:
            self.write_row()

    def axes(self) -> list[tuple[str, Size]]:
        """Names and extents of the loops over rows."""
        return [(AXIS_NAMES[group[0]], extent) for group, extent in self.plan.kept]

    def write_row(self) -> None:
        """Write all passes over one row."""
        for number in range(self.plan.passes):
            if self.plan.reductions_of(number):
                self.bind_row(number, self.fold(0, {}, number))
            elif self.plan.stores_of(number):
                self.walk(0, {}, number)
            self.bind_staged(number)
        self.put_row_outputs()

    @contextmanager
    def each_vector(self) -> Iterator[At]:
        """Statements for each vector of rows that are done at a time; gives its place in locals."""
        yield ()

    # Folding

    def fold(self, number: int, index: Position, pass_: int) -> list[Read]:
        """The states of a pass's reductions over the reduced groups from `number` on."""
        if number == len(self.plan.groups):
            states = self.states(pass_, self.lanes)
            self.element(index, pass_, states)
            return [reader(state) for state in states]
        extent, chunk = self.plan.extents[number], LANE_CHUNK if self.has_lanes(number) else CHAIN_CHUNK
        if isinstance(extent, int) and extent <= chunk:
            return self.fold_chunk(number, index, pass_, 0, extent)
        totals = self.states(pass_, self.lanes)
        with self.writer.over("chunk", dim.ceil_divide(extent, chunk)) as at:
            length = dim.smallest(chunk, extent - at * chunk)
            self.combine(pass_, totals, self.fold_chunk(number, index, pass_, at * chunk, length))
        return [reader(state) for state in totals]

    def has_lanes(self, number: int) -> bool:
        """Whether the lanes run along this reduced group."""
        return self.plan.along_lanes and number == len(self.plan.groups) - 1

    def fold_chunk(self, number: int, index: Position, pass_: int, start: Size, length: Size) -> list[Read]:
        """The states over a part of a reduced group."""
        lanes = self.has_lanes(number)
        states = self.states(pass_, LANES if lanes else self.lanes)
        done = self._fold_several(index, pass_, states, start, length) if lanes else 0
        with self.writer.over(f"r{number}" if number else "r", length - done, "vector" if lanes else "serial") as r:
            here = self.at_place(number, index, start + done + r)
            if number == len(self.plan.groups) - 1:
                self.element(here, pass_, states)
            else:
                self.combine(pass_, states, self.fold(number + 1, here, pass_))
        return self.trees(pass_, states) if lanes else [reader(state) for state in states]

    def _fold_several(
        self, index: Position, pass_: int, states: Sequence[Registers], start: Size, length: Size
    ) -> Size:
        """Combine some vectors with each other before the states, which wait less, if nothing is rounded; how far."""
        number, nodes = len(self.plan.groups) - 1, self.plan.reductions_of(pass_)
        if self.plan.stores_of(pass_) or not all(self.plan.combiners[node].exact for node in nodes):
            return 0
        groups = dim.floor_divide(length, _TOGETHER * LANES)
        if groups == 0:
            return 0
        with self.writer.over("r", groups) as r:
            first = start + r * (_TOGETHER * LANES) + self.writer.lane
            places = [self.at_place(number, index, first + n * LANES) for n in range(_TOGETHER)]
            self.assign(pass_, states, (), [self._combined(node, places) for node in nodes])
        return groups * (_TOGETHER * LANES)

    def _combined(self, node: Node, places: Sequence[Position]) -> State:
        """What elements contribute, neighbours first."""
        states = [self._lifted(node, place) for place in places]
        while len(states) > 1:
            pairs = zip(states[::2], states[1::2], strict=True)
            states = [tuple(self.values.settle(self.plan.combiners[node].combine(*pair))) for pair in pairs]
        return states[0]

    def _lifted(self, node: Node, index: Position) -> State:
        plan = self.plan
        whole = plan.whole_index({**index, **plan.spread_kept(self.kept)})
        element = self.values.at(node.operands[0], whole, self.mask)
        return plan.combiners[node].lift(element, self.writer.expr(plan.position(index)))

    def at_place(self, number: int, index: Position, place: Size) -> Position:
        """The index with a place of a reduced group."""
        return {**index, **self.plan.spread_group(self.writer.ranges, number, place)}

    def walk(self, number: int, index: Position, pass_: int) -> None:
        """Store a pass's outputs over the reduced groups from `number` on."""
        if number == len(self.plan.groups):
            self.element(index, pass_, [])
            return
        kind: LoopKind = "vector" if self.has_lanes(number) else "serial"
        with self.writer.over(f"r{number}" if number else "r", self.plan.extents[number], kind) as r:
            self.walk(number + 1, self.at_place(number, index, r), pass_)

    def element(self, index: Position, pass_: int, states: Sequence[Registers]) -> None:
        """Fold one element (of each vector of rows) into the states, and store the pass's outputs there."""
        with self.each_vector() as at:
            self.element_at(at, index, pass_, states)

    def element_at(self, at: At, index: Position, pass_: int, states: Sequence[Registers]) -> None:
        """Fold one element (of the vector of rows at hand)."""
        plan = self.plan
        whole = plan.whole_index({**index, **plan.spread_kept(self.kept)})
        lifted = [self._lifted(node, index) for node in plan.reductions_of(pass_)]
        stored = plan.stores_of(pass_)
        stores = [(*self.place(*each, whole), self.values.at(each[0], whole, self.mask), self.mask) for each in stored]
        streamed = self.strips != {} and not any(node in self.strips for node, _ in stored)
        parts = iter(self.values.put(stores, [part for state in lifted for part in state], streamed))
        self.assign(pass_, states, at, [tuple(next(parts) for _ in state) for state in lifted])
        if pass_ and plan.along_lanes and self.kept:  # the first pass over the next row finds it in the cache
            ahead = plan.whole_index({**index, **plan.spread_kept((*self.kept[:-1], self.kept[-1] + 1))})
            # In turn, pass by pass, so that memory has something to do in all of them.
            for node in [x for x in plan.region.inputs if x.tensor.shape == plan.domain][pass_ - 1 :: plan.passes - 1]:
                self.values.prefetch(node, ahead)

    def combine(self, pass_: int, states: Sequence[Registers], reads: Sequence[Read]) -> None:
        """Combine states, the later ones, into registers."""
        with self.each_vector() as at:
            self.assign(pass_, states, at, [read(at) for read in reads])

    def assign(self, pass_: int, states: Sequence[Registers], at: At, news: Sequence[State]) -> None:
        for node, state, new in zip(self.plan.reductions_of(pass_), states, news, strict=True):
            made = self.values.settle(self.plan.combiners[node].combine(reader(state)(at), new))
            if len(made) > 1:  # all is computed before the first register changes
                made = [self.writer.let(local.name, part) for local, part in zip(state, made, strict=True)]
            for local, part in zip(state, made, strict=True):
                if isinstance(local, Strip):
                    self.writer.store(local.buffer, at[0], part)
                else:
                    self.writer.assign(local, part, at)

    def trees(self, pass_: int, states: Sequence[Registers]) -> list[Read]:
        """The lanes of each state combined: 8, 4, 2, 1 apart."""
        reads: list[Read] = []
        for node, registers in zip(self.plan.reductions_of(pass_), states, strict=True):
            state = reader(registers)(())
            for apart in (8, 4, 2, 1):
                both = self.plan.combiners[node].combine(state, tuple(shifted(part, apart) for part in state))
                made = self.values.settle(both)
                state = tuple(self.writer.let(x.name, part) for x, part in zip(registers, made, strict=True))
            reads.append(fixed(tuple(map(first, state))))
        return reads

    def states(self, pass_: int, lanes: int) -> list[Registers]:
        """Registers for the state of each reduction of a pass, at its beginning."""
        return [
            tuple(
                self.register(node.op.name, dtype, init, lanes)
                for dtype, init in zip(combiner.dtypes, combiner.init, strict=True)
            )
            for node in self.plan.reductions_of(pass_)
            for combiner in (self.plan.combiners[node],)
        ]

    def register(self, name: str, dtype: DType, init: Number, lanes: int) -> Local | Strip:
        """A scalar of a state (for each vector of rows), at its beginning."""
        return self.writer.local(name, dtype, init, lanes=lanes, shape=self.registers)

    # Values of a row

    def bind_row(self, pass_: int, reads: Sequence[Read]) -> None:
        """Name the results of a pass's reductions and what follows from them alone."""
        for node, read in zip(self.plan.reductions_of(pass_), reads, strict=True):
            self.bind(node, partial(self._result, node, read))
        for node in self.plan.row_nodes(pass_ + 1):
            self.bind(node, partial(self.row_value, node))

    def _result(self, node: Node, read: Read, at: At) -> Expr:
        return self.plan.combiners[node].result(read(at))

    def row_value(self, node: Node, at: At = ()) -> Expr:
        """A value of the row at the row at hand."""
        return self.values.at(node, self.plan.row_index(node, self.plan.spread_kept(self.kept)), self.mask)

    def bind(self, node: Node, value: Callable[[At], Expr]) -> None:
        """Compute a value of the row, once."""
        var = self.values.name(node.op.name, value(()))
        self.values.bound[node] = lambda index, mask: var

    def bind_staged(self, pass_: int) -> None:
        """From now on, read what a pass stored for later ones."""
        for node, output in self.plan.staged.items():
            if node in (stored for stored, _ in self.plan.stores_of(pass_)):
                self.values.bound[node] = partial(self.load_staged, node, output)

    def load_staged(self, node: Node, output: int, index: Index, mask: Expr | None) -> Expr:
        """An element that a pass before has stored."""
        buffer, at = self.place(node, output, index)
        return buffer.load(self.writer.expr(at), mask)

    def place(self, node: Node, output: int, index: Index) -> tuple[Buffer, Size]:
        """Where an element is stored."""
        if node in self.strips:
            return self.strips[node], self.plan.position(dict(enumerate(index)))
        own = Place("output", output)
        return self.writer.buffer_of(own), self.writer.offset(own, index)

    def put_row_outputs(self) -> None:
        """Store the outputs that have one element per row."""
        with self.each_vector():
            kept = self.plan.spread_kept(self.kept)
            self.values.put([
                self.values.store(output, node, self.plan.row_index(node, kept), self.mask)
                for node, output in self.plan.row_outputs
            ])  # fmt: skip


def fixed(value: _T) -> Callable[[At], _T]:
    """What is the same for every vector of rows."""
    return lambda at: value


def reader(state: Registers) -> Read:
    """What registers hold."""
    return lambda at: tuple(local.value if isinstance(local, Local) and not at else local[at] for local in state)
