"""Schedule of cumulate regions: rows from their first element to their last, in chunks whose order is fixed.

Rows along the last axis are walked element by element, other rows side by side in the lanes. A few long rows are shared
by threads: chunks combine by themselves, then what comes before each, then the elements once more from there.
"""

from __future__ import annotations

from collections.abc import Sequence

from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.map import AXIS_NAMES, Trial, output_parts, output_stores, spread
from brasa.codegen.schedules.row_folding import CHAIN_CHUNK
from brasa.codegen.schedules.scatter import with_axis
from brasa.codegen.schedules.values import Values, body_of
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.kernel import LANES, Buffer, Expr, Local, const
from brasa.ir.ops.reduce import Combiner, State

# Few rows (at most) of many elements (at least) are shared by threads.
_FEW_ROWS, _LONG_ROW = 2, 1 << 16


def write_cumulate(writer: Writer) -> None:
    """Write the kernel of a cumulate region."""
    Cumulation(writer).write()


class Cumulation:
    """What the statements for one row, or for LANES rows side by side, have in common."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.node = writer, writer.anchor
        (self.source,) = self.node.operands
        self.axis: int = self.node.attrs["axis"]
        self.reverse: bool = self.node.attrs["reverse"]
        self.shape = self.node.tensor.shape
        self.length = self.shape[self.axis]
        self.chunks = dim.ceil_divide(self.length, CHAIN_CHUNK)
        self.combiner: Combiner = body_of(self.node)(self.source.tensor.dtype)
        self.values = Values(writer)
        trial = Trial(writer, self.shape, self._evaluate)
        self.outer = trial.joint_groups(range(self.axis))
        self.inner = trial.joint_groups(range(self.axis + 1, len(self.shape)))
        self.cost = trial.cost * (1 if self.inner else 0.5)
        self.extents = [dim.product(self.shape[a] for a in group) for group in (*self.outer, *self.inner)]
        self.lanes = LANES if self.inner else 1
        self.mask: Expr | None = None
        self.row: Index = ()

    def _evaluate(self, values: Values, index: Index) -> list[Expr]:
        values.bound[self.node] = lambda *_: const(0, self.node.tensor.dtype)
        return [values.at(self.source, index), *output_parts(values, lambda _: index)]

    @property
    def is_long(self) -> bool:
        """Whether rows are so few and so long that threads share each."""
        rows = dim.product(self.extents)
        long = not isinstance(self.length, int) or self.length >= _LONG_ROW
        return not self.inner and isinstance(rows, int) and rows <= _FEW_ROWS and long

    def write(self) -> None:
        """Write the kernel."""
        if self.is_long:
            self._write_long()
            return
        with self.writer.cells(self._axes(), self.cost, self.length) as cell:
            self._begin(cell)
            self._write_row()

    def _axes(self) -> list[tuple[str, Size]]:
        names = [AXIS_NAMES[group[0]] for group in (*self.outer, *self.inner)]
        axes = list(zip(names, self.extents, strict=True))
        return [*axes[:-1], ("block", dim.ceil_divide(self.extents[-1], LANES))] if self.inner else axes

    def _begin(self, cell: Index) -> None:
        """The row at hand, or LANES of them."""
        self.values.forget()
        self.values.bound.clear()
        places = list(cell[: len(self.extents)])
        if self.inner:
            places[-1] = places[-1] * LANES + self.writer.lane
            self.mask = self.writer.below(places[-1], self.extents[-1])
        self.row = spread((*self.outer, *self.inner), places, len(self.shape))

    def _write_row(self) -> None:
        if self.combiner.exact or (isinstance(self.length, int) and self.length <= CHAIN_CHUNK):
            self._chunk(0, self.length, None, store=True)
            return
        before = self._state()
        with self.writer.over("chunk", self.chunks) as chunk:
            start = chunk * CHAIN_CHUNK
            length = dim.smallest(CHAIN_CHUNK, self.length - start)
            inner = self._chunk(start, length, before, store=True)
            self._assign(before, self.combiner.combine(_read(before), _read(inner)))

    def _write_long(self) -> None:
        """Chunks by themselves; then, row by row, what comes before each; then all elements."""
        totals = [
            self.writer.scratch(f"{self.node.op.name}_parts", dtype, dim.product(self.extents) * self.chunks)
            for dtype in self.combiner.dtypes
        ]
        axes = [*self._axes(), ("chunk", self.chunks)]
        for store in (False, True):
            with self.writer.cells(axes, self.cost, CHAIN_CHUNK) as cell:
                self._begin(cell)
                start = cell[-1] * CHAIN_CHUNK
                length = dim.smallest(CHAIN_CHUNK, self.length - start)
                at = self.writer.expr(flatten(cell, [*self.extents, self.chunks]))
                if store:
                    before = self._state([buffer.load(at) for buffer in totals])
                    self._chunk(start, length, before, store=True)
                else:
                    self._keep(totals, at, _read(self._chunk(start, length, None, store=False)))
            if not store:
                self._write_totals(totals)

    def _write_totals(self, totals: Sequence[Buffer]) -> None:
        with self.writer.cells(self._axes(), 2.0, self.chunks) as cell:
            before = self._state()
            with self.writer.over("chunk", self.chunks) as chunk:
                at = self.writer.expr(flatten((*cell, chunk), [*self.extents, self.chunks]))
                own = tuple(self.writer.let(buffer.name, buffer.load(at)) for buffer in totals)
                self._keep(totals, at, _read(before))
                self._assign(before, self.combiner.combine(_read(before), own))

    def _chunk(self, start: Size, length: Size, before: Sequence[Local] | None, *, store: bool) -> list[Local]:
        """The state after a chunk; on the way its elements' results, with what comes before the chunk in front.

        Where combining is exact, the chunk goes on from what comes before.
        """
        if before is not None and self.combiner.exact:
            state, before = self._state(_read(before)), None
        else:
            state = self._state()
        with self.writer.over("r", length) as r:
            place = self.length - 1 - (start + r) if self.reverse else start + r
            index = with_axis(self.row, self.axis, place)
            lifted = self.combiner.lift(self.values.at(self.source, index, self.mask), self.writer.expr(place))
            new = self._assign(state, self.combiner.combine(_read(state), lifted))
            if store:
                whole = new if before is None else self.combiner.combine(_read(before), new)
                result = self.combiner.result(whole)
                self.values.bound[self.node] = lambda *_: result
                self.values.put(output_stores(self.values, lambda _: index, self.mask))
        return state

    # States

    def _state(self, init: Sequence[Expr] | None = None) -> list[Local]:
        values = self.combiner.init if init is None else init
        return [
            self.writer.local(self.node.op.name, dtype, value, lanes=self.lanes)
            for dtype, value in zip(self.combiner.dtypes, values, strict=True)
        ]

    def _assign(self, state: Sequence[Local], new: State) -> State:
        """Set the state to what is computed before its first scalar changes; give that."""
        made = self.values.settle(new)
        named = tuple(self.writer.let(local.name, part) for local, part in zip(state, made, strict=True))
        for local, part in zip(state, named, strict=True):
            self.writer.assign(local, part)
        return named

    def _keep(self, buffers: Sequence[Buffer], at: Expr, state: State) -> None:
        for buffer, part in zip(buffers, state, strict=True):
            self.writer.store(buffer, at, part)


def _read(state: Sequence[Local]) -> State:
    return tuple(local.value for local in state)
