"""Convolutions read from planes: what a block of positions sees is copied once, with its padding, and not tap by tap.

Positions of a block are counted along its lines with the overhang of the windows, so that what a tap sees lies at the
same distance from every position, and lanes find neighbours together. The sums of the overhangs are thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from math import prod

from brasa.codegen.schedules.chain import Chain
from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.products import Blocks
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local, LoopKind

_POSITIONS = 512  # of a block, with overhangs
_WIDTH = 256  # the most columns of a block
_PLANE_BYTES = 256 << 10
# More rows use patches that are copied tap by tap so often that overhangs would cost more.
_GAIN, _UNKNOWN_ROWS = 4, 64
_MOST_BYTES = 1 << 20  # that planes may take on the stack
_UNROLLED = 7


class PlaneConvolution(Convolution):
    """conv, and conv_input_grad of windows that move by one: positions are lines and columns of a block.

    near: the sizes of a window in a line and across lines. phases: where it moves by steps, planes hold every so many
    lines and columns. offsets: what the first tap sees from the first position. spans: how far apart the first and last
    tap are; reach: the same in planes.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self._look()
        self.lines: Size = self.spatial[-2] if len(self.spatial) > 1 else 1
        self.width: Size = self.spatial[-1]
        self._cut()
        outer = [(f"slice{axis}", size) for axis, size in enumerate(self.spatial[:-2])]
        self.batch = [*self.batch, *outer, ("lines", self.line_blocks.count), ("strip", self.strips.count)]
        self.columns = self.positions

    def _look(self) -> None:
        """Find out what windows see."""
        options = ((1, 0, 1), *self.patches.options)[-2:]
        self.near: tuple[int, ...] = (1, *self.window)[-2:]
        self.phases: tuple[int, ...] = tuple(stride for stride, _, _ in options) if self.forward else (1, 1)
        self.dilations: tuple[int, ...] = tuple(dilation for _, _, dilation in options)
        self.spans = tuple((size - 1) * dilation for size, dilation in zip(self.near, self.dilations, strict=True))
        self.offsets: Index = tuple(
            -padding if self.forward else padding - span
            for span, (_, padding, _) in zip(self.spans, options, strict=True)
        )
        self.reach = tuple(span // phase for span, phase in zip(self.spans, self.phases, strict=True))

    @property
    def pay(self) -> bool:
        """Whether planes are better than patches, which are copied for every tap but have no overhang."""
        if self.taps == 1 or not self.knows_taps or not isinstance(self.rows, int):
            return False
        if self.planes * self.plane * self.dtype.itemsize > _MOST_BYTES:
            return False
        overhang: int = self.reach[1]
        return self.rows * overhang <= _GAIN * self.width if isinstance(self.width, int) else self.rows <= _UNKNOWN_ROWS

    @property
    def knows_taps(self) -> bool:
        """Whether every position sees the same taps."""
        return self.forward or max(self.node.attrs["stride"]) == 1

    def _cut(self) -> None:
        """Cut the positions into blocks: strips of columns, and as many lines as there is room for."""
        down, across = self.reach
        known = self.width if isinstance(self.width, int) else _WIDTH
        widest = max(1, min(known, _WIDTH))
        depth = self.per_chunk * prod(self.window[:-2]) * prod(self.phases)
        if isinstance(self.channels, int):
            depth = depth // self.per_chunk * max(1, min(self.channels, self.per_chunk))
        room = _PLANE_BYTES // self.dtype.itemsize // depth - down * (widest + across)
        most = max(widest + across, min(_POSITIONS, room))
        self.strips = Blocks(self.width, dim.ceil_divide(self.width, widest), widest, widest)
        self.pitch: Size = dim.smallest(self.width, widest) + across
        fitting = dim.largest(dim.floor_divide(most, dim.largest(self.pitch, 1)), 1)
        count = dim.ceil_divide(self.lines, fitting)
        each = dim.ceil_divide(self.lines, dim.largest(count, 1))
        self.line_blocks = Blocks(self.lines, count, most, each)
        if isinstance(each, int) and isinstance(self.pitch, int):
            most = each * self.pitch
        self.positions = max(1, most)
        self.plane = self.positions + down * (widest + across) + across + LANES
        self.planes = depth

    def enter(self, cell: Index) -> Index:
        """Name the first line and column of a block, and how many it has."""
        let = self.writer.let_index
        *_, lines, strip = cell
        self.first_line, self.first_column = self.line_blocks.start(lines), self.strips.start(strip)
        self.height_here = let("height", self.line_blocks.length(lines), self.positions + 1)
        self.width_here = let("width", self.strips.length(strip), self.strips.size + 1)
        return cell

    @property
    def filled(self) -> Size:
        """How many positions the block at hand has, overhangs included."""
        return self.height_here * self.pitch

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        channels = dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)
        return [("channel", channels), *(("tap", size) for size in self.window)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        channel, *tap = chunk * self.per_chunk + step[0], *step[1:]
        if self.forward:
            return self.operand(1, (cell[1] * self.rows + row, channel, *tap))
        return self.operand(1, (cell[1] * self.channels + channel, row, *tap))

    def seen(self, step: Index) -> Size:
        """Where in the planes the first position of a block sees a step of k."""
        channel, *tap = step
        near = (0, *tap)[-2:]
        if not self.forward:
            near = tuple(size - 1 - k for size, k in zip(self.near, near, strict=True))
        ranges = self.writer.ranges
        shifts = [k * dilation for k, dilation in zip(near, self.dilations, strict=True)]
        phase = flatten([ranges.remainder(s, p) for s, p in zip(shifts, self.phases, strict=True)], self.phases)
        down, across = (ranges.quotient(s, p) for s, p in zip(shifts, self.phases, strict=True))
        outer = flatten((channel, *tap[:-2]), (self.per_chunk, *self.window[:-2]))
        return (outer * prod(self.phases) + phase) * self.plane + down * self.pitch + across

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        *batch, _, _, line = cell
        near = (self.first_line + line, self.first_column + column)[-min(2, len(self.spatial)) :]
        return (batch[0], batch[1] * self.rows + row, *batch[2:], *near)

    def copy_planes(self, cell: Index, chunk: Size, planes: Buffer) -> None:
        """Copy what a block sees of a chunk's channels, +0 where that is beyond the edge."""
        writer = self.writer
        (_, channels), *taps = self.steps(chunk)
        with ExitStack() as loops:
            channel = loops.enter_context(writer.over("channel", channels))
            far = tuple(loops.enter_context(writer.over(*tap)) for tap in taps[:-2])
            height = (self.height_here - 1) * self.phases[0] + self.spans[0] + 1
            line = loops.enter_context(writer.over("line", height))
            phase = loops.enter_context(writer.over("phase", self.phases[1]))
            column = loops.enter_context(writer.over("column", self.pitch, "vector"))
            ranges = writer.ranges
            down, row_phase = ranges.quotient(line, self.phases[0]), ranges.remainder(line, self.phases[0])
            outer = flatten((channel, *far), (self.per_chunk, *self.window[:-2]))
            number = (outer * self.phases[0] + row_phase) * self.phases[1] + phase
            starts = (self.first_line * self.phases[0] + line, (self.first_column + column) * self.phases[1] + phase)
            near = [start + offset for start, offset in zip(starts, self.offsets, strict=True)]
            value = self._source(cell, chunk * self.per_chunk + channel, far, near)
            self.values.put([(planes, number * self.plane + down * self.pitch + column, value, None)])

    def _source(self, cell: Index, channel: Size, far: Index, near: Sequence[Size]) -> Expr:
        index, inside = self.patches.source(cell[2:-2], far)
        own = tuple(near[-min(2, len(self.spatial)) :])
        inside = self.patches.within(own, inside)
        return self.operand(0, (cell[0], cell[1] * self.channels + channel, *index, *own), inside)


class PlaneChain(Chain):
    """Writes the loops."""

    product: PlaneConvolution
    has_gaps = True

    def __init__(self, product: PlaneConvolution, depth: int) -> None:
        super().__init__(product, depth, Blocks(product.positions, 1, product.positions, product.positions))

    def block_columns(self, block: Size) -> Size:
        return self.writer.let_index("columns", self.product.filled, self.pitch + 1)

    def add_chunk(self, chunk: Size) -> None:
        extent = self.product.planes * self.product.plane
        self.planes = self.writer.buffer("planes", self.product.dtype, "stack", extent)
        self.product.copy_planes(self.cell, chunk, self.planes)
        self.each_tile(chunk)

    def put_total(self, total: Buffer) -> None:
        product, writer = self.product, self.writer
        loops = ("row", self.rows), ("line", product.height_here), ("column", product.width_here, "vector")
        with ExitStack() as stack:
            row, line, column = (stack.enter_context(writer.over(*loop)) for loop in loops)
            value = total.load(self.place(row, line * product.pitch + column))
            product.put((*self.cell, line), self.first_row + row, column, value, None)

    def masks(self, column: Size, vectors: int) -> Local | None:
        return None

    def right(self, chunk: Size, step: Index, column: Size, inside: Size, mask: Expr | None) -> Expr:
        return self.planes.load(self.writer.expr(self.product.seen(step) + column + inside))

    def loops(self, chunk: Size) -> Sequence[tuple[str, Size, LoopKind]]:
        *outer, (name, extent) = self.product.steps(chunk)
        is_short = isinstance(extent, int) and extent <= _UNROLLED
        return [
            *((*step, "serial") for step in outer),
            (name, extent, "unrolled" if is_short else "serial"),
        ]
