"""Convolutions and their input gradients as products: weights times patches, which are copied to panels row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod

from brasa.codegen.schedules.indices import Index, flatten, leaf
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.products import Blocks, Panel, Product
from brasa.codegen.schedules.values import Values, both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Buffer, Expr, eq

# A chunk of k holds about this many steps: whole windows of as many channels as fit.
_CHUNK = 512


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


def window_of(shape: Sequence[Size]) -> tuple[int, ...]:
    """The sizes of a window, which are constants."""
    return tuple(dim.evaluate(size, {}) for size in shape)


class Convolution(Product):
    """conv, and conv_input_grad: the same with the roles of windows and elements, and of channels, exchanged."""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        source, weight = (operand.tensor.shape for operand in node.operands)
        forward = node.op.name == "conv"
        groups: int = node.attrs["groups"]
        self.window = window_of(weight[2:])
        self.taps = self.most_taps = prod(self.window)
        self.spatial = node.tensor.shape[2:]
        self.batch = [("sample", node.tensor.shape[0]), ("group", groups)]
        self.rows = dim.floor_divide(node.tensor.shape[1], groups)
        self.columns = dim.product(self.spatial)
        self.channels = dim.floor_divide(source[1], groups)
        self.per_chunk = max(1, _CHUNK // max(self.taps, 1))
        self.chunks = dim.largest(dim.ceil_divide(self.channels, self.per_chunk), 1)
        self.forward = forward
        self.patches = Patches(writer, node, self.spatial, source[2:], forward=forward)
        axes = range(1 if forward else 2, len(weight))
        self.is_flat = self.joint(1, axes)

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        channels = dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)
        if self.is_flat and self.forward:
            return [("k", channels * self.taps)]
        return [("channel", channels), ("tap", self.taps)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        channel: Size = chunk * self.per_chunk
        if len(step) == 1:
            tap: Index = (*[0] * (len(self.window) - 1), step[0])
        else:
            channel = channel + step[0]
            flat = self.is_flat
            tap = (*[0] * (len(self.window) - 1), step[1]) if flat else self._unflatten_tap(step[1])
        group = cell[1]
        if self.forward:
            return self.operand(1, (group * self.rows + row, channel, *tap))
        return self.operand(1, (group * self.channels + channel, row, *tap))

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        axes = range(2, self.node.tensor.rank)
        return (cell[0], cell[1] * self.rows + row, *self.spread_columns(column, axes))

    def pack(self, cell: Index, chunk: Size, first: Size, columns: Size, panel: Panel) -> None:
        """Copy the patches of a block of positions, +0 where a window reaches over the edge."""
        writer = self.writer
        channels = dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)
        window, lines = self.window_of(cell), self.patches.lines(first, columns)
        with ExitStack() as loops:
            channel = loops.enter_context(writer.over("channel", channels))
            tap = [loops.enter_context(writer.over("tap", size)) for size in window]
            line = flatten((channel, *tap), (channels, *window)) * panel.line
            here = (cell[0], cell[1] * self.channels + chunk * self.per_chunk + channel)

            def load(index: Index, mask: Expr | None) -> Expr:
                return self.operand(0, (*here, *index), mask)

            self.patches.copy(self.values, load, tuple(tap), lines, panel.buffer, line)

    def window_of(self, cell: Index) -> Sequence[Size]:
        """How many taps a window has in each direction."""
        return self.window

    def position_blocks(self, limit: int) -> Blocks:
        """Blocks of about `limit` positions: whole lines where their length is known and not beyond that."""
        *outer, length = self.spatial
        lines = dim.product(outer)
        if not isinstance(lines, int) or not isinstance(length, int) or not 0 < length <= limit:
            return Blocks(self.columns, dim.ceil_divide(self.columns, limit), limit, limit)
        count = max(1, -(-lines * length // limit))
        size = max(1, -(-lines // count)) * length
        return Blocks(self.columns, -(-lines * length // size), size, size)

    def _unflatten_tap(self, tap: Size) -> Index:
        return unflatten(self.writer.ranges, tap, self.window)
