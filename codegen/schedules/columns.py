"""Schedule of row regions whose last axis is kept: rows side by side in the lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.row_folding import At, Position, Read, Rows, Strip, reader
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Expr, Local, Number

_CHEAP = 4.0  # nanoseconds per vector
_AT_ONCE = 8  # elements that are added to what is in memory
_MANY, _MOST = 64, 256  # vectors that are done in memory


class Columns(Rows):
    """Rows side by side in the lanes, several vectors of them at a time where a pass does little.

    Rows that are many, or of unknown number, are done in long strips, so that memory is read from end to end.
    """

    def write(self) -> None:
        """Write the kernel."""
        with self.blocks([], self.plan.length):
            self.write_row()

    @contextmanager
    def blocks(self, axes: Sequence[tuple[str, Size]], steps: Size) -> Iterator[Index]:
        """A parallel loop over blocks of rows and over the axes, `steps` elements of each; gives the axes' indices."""
        if not self.plan.kept:
            with self.writer.cells(axes, self.plan.cost, steps) as at:
                yield at
            return
        *outer, (_, self._extent) = self.axes()
        vectors = self._vectors(self._extent)
        self.lanes, self.registers = LANES, (vectors,) if vectors > 1 else ()
        places = [*axes, *outer, ("block", dim.ceil_divide(self._extent, vectors * LANES))]
        with self.writer.cells(places, self.plan.cost * vectors, steps) as (*rows, block):
            self._outer, self._start = tuple(rows[len(axes) :]), block * (vectors * LANES)
            self._move_to(0)
            yield tuple(rows[: len(axes)])

    def _vectors(self, extent: Size) -> int:
        if self.plan.passes > 1 or len(self.plan.combiners) > 1 or self.plan.cost > _CHEAP:
            return 1
        if not isinstance(extent, int) or extent >= _MANY * LANES:
            return _MOST if not isinstance(extent, int) else min(_MOST, -(-extent // LANES))
        target, (combiner,) = self.writer.target, self.plan.combiners.values()
        bits = LANES * sum(dtype.bits for dtype in combiner.dtypes)
        most = max(1, target.vector_registers * target.vector_bits // (2 * bits))
        return min(most, max(1, -(-extent // LANES)))

    @property
    def in_memory(self) -> bool:
        """Whether there are too many vectors for registers."""
        return self.registers != () and self.registers[0] >= _MANY

    def _move_to(self, vector: Size) -> None:
        place = self._start + vector * LANES + self.writer.lane
        self.kept = (*self._outer, place)
        self.mask = self.writer.below(place, self._extent)

    @contextmanager
    def each_vector(self) -> Iterator[At]:
        """A loop over the vectors."""
        if not self.registers:
            yield ()
            return
        if self.in_memory:  # no masks but in the last vector: an EPYC seems not to read ahead of masked loads
            count = dim.smallest(self.registers[0] * LANES, self._extent - self._start)
            with self.writer.over("v", count, "vector") as v:
                self.kept, self.mask, self._at = (*self._outer, self._start + v), None, (self.writer.expr(v),)
                yield self._at
            return
        with self.writer.over("v", self.registers[0], "unrolled") as v:
            self._move_to(v)
            self._at = (self.writer.expr(v),)
            yield self._at

    def fold_chunk(self, number: int, index: Position, pass_: int, start: Size, length: Size) -> list[Read]:
        """The states over a part of a reduced group; those in memory take several elements at each visit."""
        if not self.in_memory or number < len(self.plan.groups) - 1:
            return super().fold_chunk(number, index, pass_, start, length)
        states, at_place = self.states(pass_, self.lanes), partial(self.at_place, number, index)
        with self.writer.over("r", length // _AT_ONCE) as r, self.each_vector() as at:
            strips = [strip for state in states for strip in state if isinstance(strip, Strip)]
            held = tuple(self.writer.local(strip.name, strip.buffer.dtype, strip[at], lanes=LANES) for strip in strips)
            with self.writer.over("e", _AT_ONCE, "unrolled") as e:
                self.element_at((), at_place(start + r * _AT_ONCE + e), pass_, [held])
            for strip, local in zip(strips, held, strict=True):
                self.writer.store(strip.buffer, at[0], local.value)
        if length % _AT_ONCE != 0:
            done = length // _AT_ONCE * _AT_ONCE
            with self.writer.over("r", length - done) as r:
                self.element(at_place(start + done + r), pass_, states)
        return [reader(state) for state in states]

    def register(self, name: str, dtype: DType, init: Number, lanes: int) -> Local | Strip:
        """A scalar of a state for each vector of rows, at its beginning; in memory if there are many."""
        if not self.in_memory:
            return super().register(name, dtype, init, lanes)
        strip = Strip(name, self.writer.buffer(name, dtype, "stack", self.registers[0] * LANES))
        with self.each_vector() as at:
            self.writer.store(strip.buffer, at[0], init)
        return strip

    def bind(self, node: Node, value: Callable[[At], Expr]) -> None:
        """Compute a value of each row."""
        if not self.registers:
            super().bind(node, value)
        elif node in self.plan.combiners:  # one pass: what follows is computed where it is stored
            self.values.bound[node] = lambda index, mask: value(self._at)
