"""Schedule of sort regions: a row at a time, by ranks if it is short, else by the digits of its keys.

Keys are unsigned integers in scratch memory. A short row is sorted by counting, for each element, those before it. A
longer one is sorted by bytes, the lowest first (LSD radix sort: Knuth, "The Art of Computer Programming" 3, 5.2.5):
each pass moves keys and places from one half of the scratch memory to the other, in an order that keeps the earlier
passes'. A pass in which all keys share the byte is left out. Where only the first elements of a long row are wanted,
those that cannot be among them are left out before, by the first bits of their keys.
"""

from __future__ import annotations

from collections.abc import Callable

from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.map import AXIS_NAMES, Trial, spread
from brasa.codegen.schedules.scatter import with_axis
from brasa.codegen.schedules.values import Values, body_of
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int32, int64
from brasa.ir.kernel import LANES, Buffer, Expr, Local, cast, const, eq, ne
from brasa.ir.program import Place

_SHORT = 128  # elements of a row that is sorted by ranks
_BINS = 256
_FIRST_BITS = 11  # of keys, by which a long row is thinned out where only its first elements are wanted
_FIRST_BINS = 1 << _FIRST_BITS


def write_sort(writer: Writer) -> None:
    """Write the kernel of a sort region."""
    Sorting(writer).write()


class Sorting:
    """The statements that sort one row, or find the first of its elements in order: as many as the result has."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.node = writer, writer.anchor
        (self.source,) = self.node.operands
        self.axis: int = self.node.attrs["axis"]
        self.shape = self.source.tensor.shape
        self.length, self.wanted = self.shape[self.axis], self.node.tensor.shape[self.axis]
        self.values = Values(writer)
        trial = Trial(writer, self.shape, self._evaluate)
        before, after = range(self.axis), range(self.axis + 1, len(self.shape))
        self.groups = [*trial.joint_groups(before), *trial.joint_groups(after)]
        self.extents = [dim.product(self.shape[a] for a in group) for group in self.groups]
        key = self._key(const(0, self.source.tensor.dtype)).dtype
        self.digits = key.bits // 8
        total = 2 * self.length * dim.product(self.extents)
        self.keys = writer.scratch("keys", key, total)
        self.places = writer.scratch("places", int64, total)
        self.row: Index = ()
        self.base: Size = 0

    def _key(self, element: Expr) -> Expr:
        key: Expr = body_of(self.node)(element, **self.node.attrs)
        return key

    def _evaluate(self, values: Values, index: Index) -> list[Expr]:
        writer = values.writer
        return [values.at(self.source, index), writer.expr(writer.offset(Place("output", 0), index))]

    def write(self) -> None:
        """Write the kernel."""
        writer, length = self.writer, self.length
        axes = [(AXIS_NAMES[group[0]], extent) for group, extent in zip(self.groups, self.extents, strict=True)]
        with writer.cells(axes, 2.0 * self.digits, length) as cell:
            self.row = spread(self.groups, cell, len(self.shape))
            self.base = writer.let_index("base", flatten(cell, self.extents) * length * 2)
            with writer.over("r", length, "vector") as r:
                element = self.values.name("x", self.values.at(self.source, with_axis(self.row, self.axis, r)))
                self.values.put([(self.keys, self.base + r, self._key(element), None)])
            self._by_length(length, lambda: self._by_ranks(self.base, length, in_order=True), self._long_row)

    def _by_length(self, length: Size, short: Callable[[], None], long: Callable[[], None]) -> None:
        """One of two ways to go on."""
        if isinstance(length, int):
            (short if length <= _SHORT else long)()
            return
        self.writer.either(self.writer.let("is_short", self.writer.expr(length) <= _SHORT), short, long)

    def _long_row(self) -> None:
        if self.wanted == self.length:
            self._by_digits(0, self.length, in_order=True)
            return
        first, count = self.base + self.length, self._select()
        self._by_length(
            count,
            lambda: self._by_ranks(first, count, in_order=False),
            lambda: self._by_digits(self.length, count, in_order=False),
        )

    def _put(self, rank: Size, place: Expr, mask: Expr | None = None) -> None:
        """Store which element has a rank."""
        writer, out = self.writer, Place("output", 0)
        at = writer.expr(writer.offset(out, with_axis(self.row, self.axis, rank)))
        writer.store(writer.buffer_of(out), at, place, mask)

    def _select(self) -> Size:
        """Move the elements whose first bits are not behind those of the last one wanted to the second half; how many.

        So most of a long row need not be sorted.
        """
        writer, wanted = self.writer, self.writer.expr(self.wanted)
        bins = writer.buffer("bins", int64, "stack", _FIRST_BINS)
        shift = const(self.keys.dtype.bits - _FIRST_BITS, self.keys.dtype)
        with writer.over("bin", _FIRST_BINS, "vector") as each:
            writer.store(bins, writer.expr(each), 0)
        with writer.over("r", self.length) as r:
            bin_ = writer.let("bin", cast(self.keys.load(writer.expr(self.base + r)) >> shift, int64))
            writer.store(bins, bin_, bins.load(bin_) + 1)
        total, last = writer.local("total", int64, 0), writer.local("last", int64, 0)
        with writer.over("bin", _FIRST_BINS) as each:
            writer.assign(total, total.value + bins.load(writer.expr(each)))
            writer.assign(last, last.value + cast(total.value < wanted, int64))
        count = writer.local("count", int64, 0)
        with writer.over("r", self.length) as r:
            key = writer.let("key", self.keys.load(writer.expr(self.base + r)))
            to = writer.let("to", writer.expr(self.base + self.length) + count.value)
            writer.store(self.keys, to, key)
            writer.store(self.places, to, writer.expr(r))
            writer.assign(count, count.value + cast(cast(key >> shift, int64) <= last.value, int64))
        return writer.track(writer.let("found", count.value), self.length + 1)

    def _by_ranks(self, first: Size, length: Size, *, in_order: bool) -> None:
        """The rank of each of `length` elements that lie at `first`; in_order: which are the row's own."""
        writer = self.writer
        with writer.over("i", length, "vector") as i:
            mine = writer.let("mine", self.keys.load(writer.expr(first + i)))
            rank = writer.local("rank", int32, 0, lanes=LANES)
            with writer.over("j", length) as j:
                other = writer.let("other", self.keys.load(writer.expr(first + j)))
                earlier = cast(writer.expr(j), int32) < cast(writer.expr(i), int32)
                is_before = (other < mine) | (eq(other, mine) & earlier)
                writer.assign(rank, rank.value + cast(is_before, int32))
            at = writer.let("at", cast(rank.value, int64))
            place = writer.expr(i) if in_order else self.places.load(writer.expr(first + i))
            mask = None if self.wanted == self.length else at < writer.expr(self.wanted)
            self._put(writer.track(at, length), place, mask)

    def _by_digits(self, half: Size, length: Size, *, in_order: bool) -> None:
        """Sort `length` elements that lie in a half of the memory; in_order: these are the row's own."""
        writer = self.writer
        counts = writer.buffer("counts", int64, "stack", _BINS * self.digits)
        with writer.over("bin", _BINS * self.digits, "vector") as each:
            writer.store(counts, writer.expr(each), 0)
        with writer.over("r", length) as r:
            at = writer.expr(self.base + half + r)
            key = writer.let("key", self.keys.load(at))
            if in_order:
                writer.store(self.places, at, writer.expr(r))
            for number in range(self.digits):
                bin_ = writer.let("bin", self._digit(key, const(number * 8, key.dtype)) + number * _BINS)
                writer.store(counts, bin_, counts.load(bin_) + 1)
        start = writer.local("start", int64, writer.expr(half))
        with writer.over("digit", self.digits) as digit:
            first = writer.expr(digit * _BINS)
            shift = writer.let("shift", cast(writer.expr(digit * 8), self.keys.dtype))
            key = self.keys.load(writer.expr(self.base) + start.value)
            count = counts.load(self._digit(key, shift) + first)
            with writer.when(ne(count, writer.expr(length))):
                self._pass(counts, first, shift, start, length)
                writer.assign(start, writer.expr(self.length) - start.value)
        with writer.over("r", self.wanted, "vector") as r:
            self._put(r, self.places.load(writer.expr(self.base + r) + start.value))

    def _pass(self, counts: Buffer, first: Expr, shift: Expr, start: Local, length: Size) -> None:
        """Move all keys and places to the other half of their memory, in the order of a digit."""
        writer = self.writer
        total = writer.local("total", int64, 0)
        with writer.over("bin", _BINS) as each:
            at = first + writer.expr(each)
            count = writer.let("count", counts.load(at))
            writer.store(counts, at, total.value)
            writer.assign(total, total.value + count)
        source = writer.let("source", writer.expr(self.base) + start.value)
        target = writer.let("target", writer.expr(self.base + self.length) - start.value)
        with writer.over("r", length) as r:
            key = writer.let("key", self.keys.load(source + writer.expr(r)))
            place = writer.let("place", self.places.load(source + writer.expr(r)))
            bin_ = writer.let("bin", self._digit(key, shift) + first)
            to = writer.let("to", counts.load(bin_))
            writer.store(counts, bin_, to + 1)
            writer.store(self.keys, target + to, key)
            writer.store(self.places, target + to, place)

    def _digit(self, key: Expr, shift: Expr) -> Expr:
        return cast((key >> shift) & (_BINS - 1), int64)
