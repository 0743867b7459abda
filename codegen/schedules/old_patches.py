from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from brasa.codegen.schedules.indices import Index, leaf
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.values import Values, both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Buffer, Expr, eq

@dataclass(frozen=True)
class Lines:
    """`count` positions from `first` on, which lie in `number` lines; whether they are whole lines."""

    first: Size
    count: Size
    begin: Size
    number: Size
    are_whole: bool


class Patches:
    """What windows see: which source element is at a place of a window, the tap, at a position.

    positions, sizes: the shapes of all positions and of the source. forward: positions are those of windows and sources
    elements of x; else positions are elements of x and sources windows, as the input gradient needs it.
    """

    def __init__(
        self, writer: Writer, node: Node, positions: Sequence[Size], sizes: Sequence[Size], *, forward: bool
    ) -> None:
        self.writer = writer
        self.positions = tuple(positions)
        self.sizes = tuple(sizes)
        self.forward = forward
        names = ("stride", "padding", "dilation")
        self.options = tuple(zip(*(node.attrs[name] for name in names), strict=True))

    def source(self, position: Index, tap: Index) -> tuple[Index, Expr | None]:
        """The source's index, and where it is inside, None where it always is; perhaps along the first axes alone."""
        index: list[Size] = []
        inside: Expr | None = None
        axes = zip(position, tap, self.sizes, self.options, strict=False)
        for i, k, size, (stride, padding, dilation) in axes:
            place = i * stride + k * dilation - padding if self.forward else i + padding - k * dilation
            condition = leaf(0) <= leaf(place)
            if not self.forward and stride > 1:
                condition = condition & eq(leaf(place) % leaf(stride), 0)
                place = dim.floor_divide(place, stride)
            holds = self.writer.condition(condition & (leaf(place) < leaf(size)))
            inside = both(inside, None if holds.op == "const" else holds)
            index.append(place)
        return tuple(index), inside

    def within(self, index: Sequence[Size], inside: Expr | None = None) -> Expr | None:
        """Whether a source, given by its last axes, is inside, and `inside` holds; None where that is certain."""
        for place, size in zip(index, self.sizes[-len(index) :], strict=True):
            holds = self.writer.condition((leaf(0) <= leaf(place)) & (leaf(place) < leaf(size)))
            inside = both(inside, None if holds.op == "const" else holds)
        return inside

    def lines(self, first: Size, count: Size) -> Lines:
        """The lines of positions that `count` positions from `first` on lie in."""
        length = self.positions[-1]
        if length == 0:
            return Lines(first, count, 0, 0, True)
        whole = dim.divide_exactly(first, length)
        if whole is not None:
            return Lines(first, count, whole, dim.floor_divide(count, length), True)
        let = self.writer.let_index
        begin = let("first_line", dim.floor_divide(first, length))
        end = let("end_line", dim.floor_divide(first + count - 1, length) + 1)
        return Lines(first, count, begin, end - begin, False)

    def copy(
        self, values: Values, load: Callable[[Index, Expr | None], Expr], tap: Index, lines: Lines, panel: Buffer,
        start: Size,
    ) -> None:  # fmt: skip
        """Copy what the tap sees, a line of positions at a time."""
        writer, length = self.writer, self.positions[-1]
        with writer.over("line", lines.number) as number:
            line = lines.begin + number
            low, here = line * length, length
            if not lines.are_whole:
                low = writer.let_index("low", dim.largest(lines.first, low))
                here = dim.smallest(lines.first + lines.count, line * length + length) - low
            with writer.over("column", here, "vector") as column:
                position = (*unflatten(writer.ranges, line, self.positions[:-1]), low - line * length + column)
                index, inside = self.source(position, tap)
                values.put([(panel, start + low - lines.first + column, load(index, inside), None)])


