"""What windows see: copies of a source in fast memory in which the next position lies beside the last.

A direction of a window is apart, if there is a copy of the source for each of its taps, or together: then there is one
for all taps (where the window moves by steps: one for each place in a step), and taps see it shifted by some positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from brasa.codegen.schedules.indices import Index, Ranges, flatten, leaf
from brasa.codegen.schedules.values import Values, both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Buffer, Expr, const, eq


@dataclass(frozen=True)
class Direction:
    """One axis of a convolution: tap k of position i sees the source at i * stride - padding + k * dilation.

    For the gradient, with the roles of positions and sources exchanged, at (i + padding - k * dilation) / stride, where
    that is whole. apart: 1 if there is a copy for each tap, else 0; a kernel may work it out.
    """

    size: Size
    taps: int
    stride: int = 1
    padding: Size = 0
    dilation: int = 1
    forward: bool = True
    apart: Size = 1

    @property
    def is_regular(self) -> bool:
        """Whether every position sees the same taps."""
        return self.forward or self.stride == 1

    @property
    def copies(self) -> Size:
        """How many copies there are."""
        return self.apart * self.taps + (1 - self.apart) * self.stride

    @property
    def reach(self) -> Size:
        """How many positions beyond the last one taps see of a copy."""
        return (1 - self.apart) * (self.span // self.stride)

    @property
    def span(self) -> int:
        """How far the last tap is from the first in the source."""
        return max(self.taps - 1, 0) * self.dilation

    def together(self, apart: Size = 0) -> Direction:
        """The same direction with fewer copies."""
        return replace(self, apart=apart)

    def seen(self, tap: Size, ranges: Ranges) -> tuple[Size, Size]:
        """Which copy a tap sees, and how many positions on."""
        if self.apart == 1:
            return tap, 0
        at = tap * self.dilation if self.forward else self.span - tap * self.dilation
        copy, shift = ranges.remainder(at, self.stride), ranges.quotient(at, self.stride)
        return self.apart * tap + (1 - self.apart) * copy, (1 - self.apart) * shift

    def place(self, position: Size, copy: Size) -> Size:
        """Which source a copy holds at a position, before the division by the stride of a gradient."""
        if self.forward:
            return position * self.stride + copy * (self.apart * (self.dilation - 1) + 1) - self.padding
        return position + self.padding - (self.span if self.apart == 0 else copy * self.dilation)

    def source(self, position: Size, copy: Size, writer: Writer) -> tuple[Size, Expr | None]:
        """Which source a copy holds at a position, and whether there is one; None where that is certain."""
        place = self.place(position, copy)
        condition = leaf(0) <= leaf(place)
        if not self.is_regular:
            condition = condition & eq(leaf(place) % leaf(self.stride), 0)
            place = dim.floor_divide(place, self.stride)
        holds = writer.condition(condition & (leaf(place) < leaf(self.size)))
        return place, None if holds.op == "const" else holds

    def inside(self, first: Size, count: Size, copy: Size) -> tuple[Size, Size]:
        """Which of `count` positions from the first on, all of which see the same taps, have a source: begin, end."""
        before, step = self.place(first, copy), self.stride if self.forward else 1
        begin = dim.smallest(dim.ceil_divide(dim.largest(-before, 0), step), count)
        end = dim.smallest(dim.ceil_divide(dim.largest(self.size - before, 0), step), count)
        return begin, dim.largest(begin, end)

    def taps_inside(self, position: Size, taps: Size) -> tuple[Size, Size]:
        """Which of so many taps have a source for a position that sees all taps: begin, end."""
        before = self.together(1).place(position, 0)
        if self.forward:
            begin, end = dim.largest(-before, 0), dim.largest(self.size - before, 0)
        else:
            begin, end = dim.largest(before - self.size + 1, 0), dim.largest(before + 1, 0)
        begin, end = (dim.smallest(dim.ceil_divide(each, self.dilation), taps) for each in (begin, end))
        return begin, dim.largest(begin, end)


def directions_of(node: Node, sizes: Sequence[Size], window: Sequence[int], *, forward: bool) -> list[Direction]:
    """The axes of a convolution over a source of those sizes."""
    options = (node.attrs[name] for name in ("stride", "padding", "dilation"))
    axes = zip(sizes, window, *options, strict=True)
    return [Direction(size, taps, stride, padding, step, forward) for size, taps, stride, padding, step in axes]


def sources(
    writer: Writer, directions: Sequence[Direction], position: Sequence[Size], copies: Sequence[Size]
) -> tuple[Index, Expr | None]:
    """Which source copies hold at a position, and whether there is one; None where that is certain."""
    index: list[Size] = []
    inside: Expr | None = None
    for direction, i, copy in zip(directions, position, copies, strict=True):
        place, holds = direction.source(i, copy, writer)
        index.append(place)
        inside = both(inside, holds)
    return tuple(index), inside


class Planes:
    """Copies of a channel of a source along two directions or more; one alone is a line.

    extent: elements of a copy. pitch: positions from one line to the next.
    """

    def __init__(self, values: Values, directions: Sequence[Direction]) -> None:
        self.values = values
        self.writer = values.writer
        self.is_line = len(directions) == 1
        self.directions = [Direction(1, 1), *directions] if self.is_line else list(directions)
        self.extent: Size = 0
        self.pitch: Size = 0

    @property
    def reach(self) -> tuple[Size, Size]:
        """How many lines and columns a copy has beyond the positions."""
        return self.directions[-2].reach, self.directions[-1].reach

    @property
    def copies(self) -> Size:
        """How many copies of a channel there are."""
        return dim.product(direction.copies for direction in self.directions)

    def seen(self, taps: Index) -> Size:
        """Where the first position sees a tap, from the first copy of a channel on."""
        padded = (0, *taps) if self.is_line else taps
        found = [each.seen(tap, self.writer.ranges) for each, tap in zip(self.directions, padded, strict=True)]
        *_, (_, down), (_, across) = found
        return self.number([copy for copy, _ in found]) * self.extent + down * self.pitch + across

    def number(self, copies: Sequence[Size]) -> Size:
        """Which of a channel's copies it is."""
        return flatten(copies, [direction.copies for direction in self.directions])

    def copy(
        self, load: Callable[[Index, Expr | None], Expr], ahead: Callable[[Index], None], planes: Buffer, start: Size,
        far: Index, lines: tuple[Size, Size], columns: tuple[Size, Size],
    ) -> None:  # fmt: skip
        """Copy what is seen from positions: those of a far index, and of lines and columns, the first and how many.

        load: an element of the source, which is 0 where the given condition does not hold. ahead: brings nearer what
        will be copied soon, a little after this element.
        """
        writer, (down, across) = self.writer, self.reach
        *outer, lining, crossing = self.directions
        with ExitStack() as loops:
            *further, copy, shift = [loops.enter_context(writer.over("copy", each.copies)) for each in self.directions]
            start = start + self.number((*further, copy, shift)) * self.extent
            height = lines[1] + down
            parts: Sequence[tuple[Size, Size]] = [(0, height)]
            if lining.is_regular:
                begin, end = (writer.let_index("line", i, height + 1) for i in lining.inside(lines[0], height, copy))
                parts = [(begin, end), (0, begin), (end, height)]
            column = loops.enter_context(writer.over("column", columns[1] + across, "vector"))
            place, inside = sources(writer, outer, far, further)
            near, holds = crossing.source(columns[0] + column, shift, writer)
            inside = both(inside, holds)
            for first, last in parts:
                with writer.over("line", last - first) as number:
                    line, value = first + number, const(0, planes.dtype)
                    if (first, last) == parts[0]:
                        here = lining.place(lines[0] + line, copy)
                        if not lining.is_regular:
                            here, holds = lining.source(lines[0] + line, copy, writer)
                            inside = both(inside, holds)
                        index = (*place, here, near)[self.is_line :]
                        value = load(index, inside)
                        if lining.is_regular and crossing.is_regular:
                            ahead(index)
                    self.values.put([(planes, start + line * self.pitch + column, value, None)])


def window_of(shape: Sequence[Size]) -> tuple[int, ...]:
    """The sizes of a window, which are constants."""
    return tuple(dim.evaluate(size, {}) for size in shape)
