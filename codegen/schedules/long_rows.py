"""Schedules of row regions with few and long rows: threads share each of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from brasa.codegen.schedules.columns import Columns
from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.row_folding import CHAIN_CHUNK, LANE_CHUNK, Rows, fixed, reader
from brasa.codegen.schedules.row_plan import RowPlan
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer


class LongRows(Rows):
    """Few long rows: threads fold chunks of them, whose states then combine in order."""

    def __init__(self, writer: Writer, plan: RowPlan) -> None:
        super().__init__(writer, plan)
        self.rows = dim.product(extent for _, extent in plan.kept)
        self.chunks = dim.ceil_divide(plan.length, LANE_CHUNK)
        self.results: dict[Node, Buffer] = {}

    def write(self) -> None:
        """Write the kernel."""
        for number in range(self.plan.passes):
            reductions = self.plan.reductions_of(number)
            partials = [self._scratch(node, self.rows * self.chunks) for node in reductions]
            if reductions or self.plan.stores_of(number):
                self._write_chunks(number, partials)
            if reductions:
                self._write_totals(number, partials)
            self.bind_staged(number)

    def _write_chunks(self, number: int, partials: Sequence[Sequence[Buffer]]) -> None:
        axes = [*self.axes(), ("chunk", self.chunks)]
        with self.writer.cells(axes, self.plan.cost / LANES, LANE_CHUNK) as (*kept, chunk):
            self._load_row(tuple(kept), number)
            start = chunk * LANE_CHUNK
            length = dim.smallest(LANE_CHUNK, self.plan.length - start)
            if not partials:
                with self.writer.over("r", length, "vector") as r:
                    self.element(self.plan.spread_group(self.writer.ranges, 0, start + r), number, [])
                return
            reads = self.fold_chunk(0, {}, number, start, length)
            self.values.put([
                (buffer, self._row() * self.chunks + chunk, part, None)
                for buffers, read in zip(partials, reads, strict=True)
                for buffer, part in zip(buffers, read(()), strict=True)
            ])  # fmt: skip

    def _write_totals(self, number: int, partials: Sequence[Sequence[Buffer]]) -> None:
        reductions = self.plan.reductions_of(number)
        with self.writer.cells(self.axes(), 2.0, self.chunks) as kept:
            self._load_row(kept, number)
            totals = self.states(number, 1)
            with self.writer.over("chunk", self.chunks) as chunk:
                place = self.writer.expr(self._row() * self.chunks + chunk)
                parts = [tuple(buffer.load(place) for buffer in buffers) for buffers in partials]
                self.assign(number, totals, (), parts)
            self.bind_row(number, [reader(state) for state in totals])
            if number + 1 < self.plan.passes:
                for node in reductions:
                    self.results[node] = self.writer.scratch(node.op.name, node.tensor.dtype, self.rows)
                results = [(self.results[node], self._row(), self.row_value(node), None) for node in reductions]
                self.values.put(results)
            if number == max(self.plan.reducing):
                self.put_row_outputs()

    def _load_row(self, kept: Index, passes: int) -> None:
        """Name what earlier passes found for the row at hand."""
        self.kept = kept
        self.values.forget()
        for node in [node for node in self.values.bound if node not in self.plan.staged]:
            del self.values.bound[node]
        for number in range(passes):
            for node in self.plan.reductions_of(number):
                self.bind(node, fixed(self.results[node].load(self.writer.expr(self._row()))))
            for node in self.plan.row_nodes(number + 1):
                self.bind(node, partial(self.row_value, node))

    def _row(self) -> Size:
        return flatten(self.kept, [extent for _, extent in self.plan.kept])

    def _scratch(self, node: Node, extent: Size) -> tuple[Buffer, ...]:
        dtypes = self.plan.combiners[node].dtypes
        return tuple(self.writer.scratch(f"{node.op.name}_parts", dtype, extent) for dtype in dtypes)


class LongColumns(Columns):
    """Columns so tall that threads share them: chunks fold by themselves, and their states combine in order."""

    def write(self) -> None:
        """Write the kernel."""
        writer, plan, chunks = self.writer, self.plan, dim.ceil_divide(self.plan.length, CHAIN_CHUNK)
        sizes = [extent for _, extent in plan.kept]
        partials = [
            tuple(
                writer.scratch(f"{node.op.name}_parts", dtype, chunks * dim.product(sizes))
                for dtype in plan.combiners[node].dtypes
            )
            for node in plan.reductions_of(0)
        ]
        with self.blocks([("chunk", chunks)], CHAIN_CHUNK) as (chunk,):
            length = dim.smallest(CHAIN_CHUNK, plan.length - chunk * CHAIN_CHUNK)
            reads = self.fold_chunk(0, {}, 0, chunk * CHAIN_CHUNK, length)
            with self.each_vector() as at:
                place = flatten((chunk, *self.kept), (chunks, *sizes))
                self.values.put([
                    (buffer, place, part, self.mask)
                    for buffers, read in zip(partials, reads, strict=True)
                    for buffer, part in zip(buffers, read(at), strict=True)
                ])  # fmt: skip
        with self.blocks([], chunks):
            totals = self.states(0, self.lanes)
            with writer.over("chunk", chunks) as chunk, self.each_vector() as at:
                here = writer.expr(flatten((chunk, *self.kept), (chunks, *sizes)))
                parts = [tuple(buffer.load(here, self.mask) for buffer in buffers) for buffers in partials]
                self.assign(0, totals, at, parts)
            self.bind_row(0, [reader(state) for state in totals])
            self.put_row_outputs()
