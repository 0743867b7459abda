"""Schedule of row regions for GPUs: each block folds a few rows, in the order of the CPU's schedule.

A fold is cut into units: one chunk of the last group of reduced axes each. The threads of a block are rows x slots x
lanes. The slots of a row fold one unit each, side by side; then every thread of the row combines these units in
ascending order, and so on until none is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from brasa.codegen.schedules.cuda.threads import THREADS, named_digits, where
from brasa.codegen.schedules.row_folding import CHAIN_CHUNK, LANE_CHUNK
from brasa.codegen.schedules.row_plan import RowPlan
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local, const, eq
from brasa.ir.ops.reduce import Combiner, State


def write_rows(writer: Writer) -> None:
    """Write the kernel of a row region."""
    _Rows(writer).write()


class _Rows:
    def __init__(self, writer: Writer) -> None:
        self.writer, self.values, self.plan = writer, Values(writer), RowPlan(writer)
        *self.outer, self.inner = self.plan.extents
        self.lanes, self.chunk = (LANES, LANE_CHUNK) if self.plan.along_lanes else (1, CHAIN_CHUNK)
        self.chunks = dim.ceil_divide(self.inner, self.chunk)
        self.units = dim.product((*self.outer, self.chunks))
        self.slots = 16 if self.plan.along_lanes else 8
        while isinstance(self.units, int) and self.slots >= 2 * max(self.units, 1):
            self.slots //= 2
        self.rows = THREADS // (self.slots * self.lanes)
        # What is added up, innermost first: so many states, in partial sums of so many (0: of all).
        self.levels: list[tuple[Size, int]] = [(self.chunks, 0)]
        for extent in reversed(self.outer):
            self.levels += [(extent, CHAIN_CHUNK), (extent, 0)]

    def write(self) -> None:
        """Fold pass by pass, then store what the region gives."""
        writer, plan = self.writer, self.plan
        count = dim.product(extent for _, extent in plan.kept)
        threads = [("row", self.rows), ("slot", self.slots)]
        if self.lanes == 1:
            threads.reverse()  # so that neighbouring threads read neighbouring elements
        with (
            writer.over("block", dim.ceil_divide(count, self.rows), "block") as block,
            writer.over(*threads[0], "thread") as first,
            writer.over(*threads[1], "thread") as second,
            writer.over("lane", self.lanes, "thread") as self.lane,
        ):
            self.row, self.slot = (second, first) if self.lanes == 1 else (first, second)
            place = block * self.rows + self.row
            self.is_row = writer.below(place, count)
            if self.is_row is not None:  # threads without a row help with the last one
                place = dim.smallest(place, count - 1)
            kept = writer.let_index("place", place, count)
            self.kept = plan.spread_kept(named_digits(writer, "i", [extent for _, extent in plan.kept], kept))
            for number in range(plan.passes):
                self.write_pass(number)
            self.put_row_outputs()
            self.put_whole_outputs()

    def write_pass(self, number: int) -> None:
        for node in self.plan.reductions_of(number):
            combiner = self.plan.combiners[node]
            self.bind(node, combiner.result(self.fold(node, combiner)))
        for node in self.plan.row_nodes(number + 1):
            self.bind(node, self.values.at(node, self.plan.row_index(node, self.kept)))

    def bind(self, node: Node, value: Expr) -> None:
        """Compute a value of the row and remember it."""
        (made,) = self.values.settle([value])
        var = self.writer.let(node.op.name, made)
        self.values.bound[node] = lambda index, mask: var

    # Folding

    def fold(self, node: Node, combiner: Combiner) -> State:
        """The state of all elements of this thread's row."""
        writer = self.writer
        partial = [writer.buffer("partial", dtype, "shared", THREADS) for dtype in combiner.dtypes]
        totals = [self.registers("total", combiner) for _ in self.levels]
        rounds = dim.ceil_divide(self.units, self.slots)
        with writer.over("round", rounds) as round_:
            unit = self.fold_unit(node, combiner, round_ * self.slots + self.slot)
            for buffer, local in zip(partial, unit, strict=True):
                writer.store(buffer, self.shared_place(self.slot, self.lane), local.value)
            writer.barrier()
            if self.lanes > 1:
                self.fold_lanes(combiner, partial)
            with writer.over("other", self.slots) as other:
                number = round_ * self.slots + other
                with where(writer, writer.below(number, self.units)):
                    state = _load(partial, self.shared_place(other, 0))
                    self.add_up(combiner, totals, 0, state, writer.let_index("unit", number, self.units))
            if rounds != 1:
                writer.barrier()
        return _read(totals[-1])

    def shared_place(self, slot: Size, lane: Size) -> Expr:
        """Where the state of this thread's row, in that slot and lane, lies in shared memory."""
        cell = slot * self.rows + self.row if self.lanes == 1 else self.row * self.slots + slot
        return self.writer.expr(cell * self.lanes + lane)

    def fold_unit(self, node: Node, combiner: Combiner, number: Size) -> list[Local]:
        """The state of the elements of a unit that this thread's lane takes."""
        writer, plan = self.writer, self.plan
        state = self.registers(node.op.name, combiner)
        with where(writer, writer.below(number, self.units)):
            unit = writer.let_index("unit", number, self.units)
            index = self.kept | self.outer_index(writer.ranges.quotient(unit, self.chunks))
            begin = writer.ranges.remainder(unit, self.chunks) * self.chunk
            steps = dim.smallest(self.chunk // self.lanes, dim.ceil_divide(self.inner - begin, self.lanes))
            with writer.over("step", steps) as step:
                place = begin + step * self.lanes + self.lane
                with where(writer, writer.below(place, self.inner) if self.lanes > 1 else None):
                    here = index | self.inner_index(place)
                    element = self.values.at(node.operands[0], plan.whole_index(here))
                    lifted = combiner.lift(element, writer.expr(plan.position(here)))
                    self.combine(combiner, state, tuple(self.values.settle(lifted)))
        return state

    def fold_lanes(self, combiner: Combiner, partial: Sequence[Buffer]) -> None:
        """Combine the lanes of each slot, 8, 4, 2 and 1 apart; lane 0 then holds the result."""
        writer = self.writer
        with writer.over("level", LANES.bit_length() - 1) as level:
            apart = const(LANES // 2, int64) >> writer.expr(level)
            with writer.when(writer.expr(self.lane) < apart):
                place = self.shared_place(self.slot, self.lane)
                both = combiner.combine(_load(partial, place), _load(partial, place + apart))
                for buffer, value in zip(partial, self.computed(both), strict=True):
                    writer.store(buffer, place, value)
            writer.barrier()

    def add_up(self, combiner: Combiner, totals: Sequence[list[Local]], level: int, state: State, place: Size) -> None:
        """Combine a state, the `place`-th of its level, into that level's total, and a complete total into the next."""
        writer = self.writer
        self.combine(combiner, totals[level], state)
        if level + 1 == len(totals):
            return
        extent, chunk = self.levels[level]
        digit = writer.expr(writer.ranges.remainder(place, extent))
        complete = eq(digit, writer.expr(extent - 1))
        if chunk:
            complete = complete | eq(digit % chunk, chunk - 1)
        else:
            place = writer.ranges.quotient(place, extent)
        with writer.when(complete):
            self.add_up(combiner, totals, level + 1, _read(totals[level]), place)
            for local, init in zip(totals[level], combiner.init, strict=True):
                writer.assign(local, init)

    def registers(self, name: str, combiner: Combiner) -> list[Local]:
        """Registers for a state, at its beginning."""
        return [self.writer.local(name, d, init) for d, init in zip(combiner.dtypes, combiner.init, strict=True)]

    def combine(self, combiner: Combiner, state: Sequence[Local], other: State) -> None:
        for local, value in zip(state, self.computed(combiner.combine(_read(state), other)), strict=True):
            self.writer.assign(local, value)

    def computed(self, state: State) -> list[Expr]:
        """The state's values, all of them computed before one is written."""
        values = self.values.settle(state)
        return values if len(values) == 1 else [self.writer.let("next", value) for value in values]

    # Places and outputs

    def outer_index(self, place: Size) -> dict[int, Size]:
        """The index along all groups of reduced axes but the last, from a flat place in them."""
        places = named_digits(self.writer, "q", self.outer, place)
        groups = [self.plan.spread_group(self.writer.ranges, number, at) for number, at in enumerate(places)]
        return {axis: at for group in groups for axis, at in group.items()}

    def inner_index(self, place: Size) -> dict[int, Size]:
        return self.plan.spread_group(self.writer.ranges, len(self.outer), place)

    def put_row_outputs(self) -> None:
        """The first thread of a row stores the values of the row."""
        own = self.slot * self.lanes + self.lane
        if not self.plan.row_outputs:
            return
        with where(self.writer, self.is_row, None if own == 0 else eq(self.writer.expr(own), 0)):
            rows = [(number, node, self.plan.row_index(node, self.kept)) for node, number in self.plan.row_outputs]
            self.values.put([self.values.store(*each) for each in rows])

    def put_whole_outputs(self) -> None:
        """The threads of a row share the elements that are stored."""
        writer, plan = self.writer, self.plan
        taken = {number for _, number in plan.row_outputs}
        outputs = [(number, node) for number, node in enumerate(plan.region.outputs) if number not in taken]
        width = self.slots * self.lanes
        own = self.slot * self.lanes + self.lane
        if not outputs:
            return
        with writer.over("step", dim.ceil_divide(plan.length, width)) as step:
            element = step * width + own
            with where(writer, self.is_row, writer.below(element, plan.length)):
                place = writer.let_index("element", element, plan.length)
                outer, inner = writer.ranges.quotient(place, self.inner), writer.ranges.remainder(place, self.inner)
                index = plan.whole_index(self.kept | self.outer_index(outer) | self.inner_index(inner))
                self.values.put([self.values.store(number, node, index) for number, node in outputs])


def _read(state: Sequence[Local]) -> State:
    return tuple(local.value for local in state)


def _load(buffers: Sequence[Buffer], place: Expr) -> State:
    return tuple(buffer.load(place) for buffer in buffers)
