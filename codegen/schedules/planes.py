"""Convolutions from planes, copies of what a block of positions sees: see patches.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from brasa.codegen.schedules.chain import Chain, tile_shape
from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.patches import Planes
from brasa.codegen.schedules.products import Blocks, Tiles, tiles
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local

_POSITIONS, _WIDTH = 256, 256  # of a block, and the most columns of a line of it
_PLANE_BYTES = 512 << 10  # of the planes of a chunk
_FEW_ROWS = 8  # for which a block has twice as many positions
_AHEAD = 4  # channels that are on their way from memory
# What a copied vector takes, in multiply-adds, and one of sums that lie between gaps; unknown rows and columns.
_COPY_COST, _GAP_COST, _ROWS, _COLUMNS = 4, 3, 64, 32


class PlaneConvolution(Convolution):
    """Positions of a block are lines and columns of one slice or more, its parts."""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self._choose()
        self.planes = Planes(self.values, self.directions)
        self._cut()

    def _choose(self) -> None:
        """Let the taps of lines share copies, and those of a line unless that saves less than its overhang costs."""
        directions = self.directions
        across = directions[-1]
        if len(directions) > 1 and directions[-2].is_regular and directions[-2].stride < directions[-2].taps:
            directions[-2] = directions[-2].together()
        rows = self.rows if isinstance(self.rows, int) else _ROWS
        width = max(1, self.spatial[-1]) if isinstance(self.spatial[-1], int) else _COLUMNS
        overhang = rows * self.most_taps * (across.span // across.stride) / width
        gaps = _GAP_COST * rows / self.most_channels
        if across.is_regular and _COPY_COST * (across.taps - across.stride) > overhang + gaps:
            directions[-1] = across.together()

    def _cut(self) -> None:
        """Cut the positions into blocks: strips of columns, as many lines and then slices as there is room for."""
        planes, let = self.planes, self.writer.let_index
        down, across, copies = (dim.evaluate(size, {}) for size in (*planes.reach, planes.copies))
        *outer, lines, width = (1, *self.spatial) if planes.is_line else self.spatial
        room = _PLANE_BYTES // self.dtype.itemsize // (self.most_channels * max(copies, 1))
        widest = max(LANES, min(_WIDTH, room // (2 * down + 1) - across))
        widest = max(1, min(widest, width)) if isinstance(width, int) else widest
        positions = _POSITIONS * (2 if isinstance(self.rows, int) and self.rows <= _FEW_ROWS else 1)
        positions = self.writer.choose("positions", (positions, 2 * positions, positions // 2))
        positions = max(positions, down * min(widest, _COLUMNS))  # so that lines are not mostly overhang
        most = max(widest + across, min(positions, room - down * (widest + across)))
        strips = let("strips", dim.ceil_divide(width, widest))
        self.strips = Blocks(width, strips, widest, dim.ceil_divide(width, dim.largest(strips, 1)))
        self.pitch = planes.pitch = let("pitch", self.strips.each + across, widest + across + 1)
        fitting = dim.largest(dim.floor_divide(most, dim.largest(self.pitch, 1)), 1)
        if across == 0:  # parts of several lines would not follow each other in the result
            fitting = 1 + (fitting - 1) * dim.largest(2 - strips, 0)
        fitting = let("fitting", fitting, most + 1)
        count = let("line_blocks", dim.ceil_divide(lines, fitting))
        each = let("lines_each", dim.ceil_divide(lines, dim.largest(count, 1)), most + 1)
        self.line_blocks = Blocks(lines, count, most, each)
        part = each * self.pitch
        self.tile = tile_shape(self.writer, self.dtype, self.rows, part)
        self.part_vectors = let("part_vectors", dim.ceil_divide(part, LANES))
        self.part_pitch = self.part_vectors * LANES
        self.part_plane = let("part_plane", (each + down) * self.pitch)
        self.outer = (self.node.tensor.shape[0], *outer)
        fitting = dim.floor_divide(fitting + down, dim.largest(each + down, 1))
        fitting = dim.smallest(fitting, dim.floor_divide(most, dim.largest(self.part_pitch, 1)))
        self.parts = self._cut_slices(dim.largest(fitting, 1), most)
        whole, copied = self.parts.size * self.part_pitch, self.parts.size * self.part_plane
        self.columns: int = whole if isinstance(whole, int) else -(-most // LANES) * LANES
        extent = across + (copied if isinstance(copied, int) else most + down * (widest + across))
        planes.extent = -(-extent // LANES) * LANES
        self.copied = self.most_channels * copies * planes.extent + self.tile[1] * LANES
        self.has_gaps = across > 0
        blocks = ("lines", count), ("strip", strips)
        self.batch = [("slices", self.parts.count), ("group", self.groups), *blocks]

    def _cut_slices(self, room: Size, most: int) -> Blocks:
        """Cut the slices into blocks for which there is room, two at least for two threads."""
        let, slices = self.writer.let_index, dim.product(self.outer)
        if room == 1:
            return Blocks(slices, slices, 1, 1)
        count = let("slice_blocks", dim.largest(dim.ceil_divide(slices, room), dim.smallest(slices, 2)))
        each = dim.ceil_divide(slices, dim.largest(count, 1))
        size = min(each, most) if isinstance(each, int) else room if isinstance(room, int) else most
        return Blocks(slices, count, size, let("slices_each", each, most + 1))

    def enter(self, cell: Index) -> Index:
        """Name the first slice, line and column of a block, and how many it has."""
        let = self.writer.let_index
        slices, *_, lines, strip = cell
        self.first_slice, self.first_line = self.parts.start(slices), self.line_blocks.start(lines)
        self.first_column = self.strips.start(strip)
        self.parts_here = let("parts", self.parts.length(slices), self.parts.size + 1)
        self.height_here = let("height", self.line_blocks.length(lines), self.line_blocks.size + 1)
        self.width_here = let("width", self.strips.length(strip), self.strips.size + 1)
        return cell

    @contextmanager
    def each_part(self) -> Iterator[Size]:
        """A loop over the parts of a block; those of an index are of that slice from there on."""
        with self.writer.over("part", self.parts_here) as part:
            where = unflatten(self.writer.ranges, self.first_slice + part, self.outer)
            if len(where) > 1:
                where = tuple(self.writer.let_index("at", i, n) for i, n in zip(where, self.outer, strict=True))
            self.sample, *self.far = where
            yield part

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        """Where the result of a position is, counted from the first of the block."""
        near = self.spatial[-2:]
        start = self.first_line * near[-1] + self.first_column
        place = self.spread_columns(start + column, range(-len(near), 0))
        return self._index_of(cell, row, place)

    def result_at(self, cell: Index, row: Size, line: Size, column: Size) -> Index:
        """Where the result of a line and column of the block is."""
        near = (self.first_line + line, self.first_column + column)
        return self._index_of(cell, row, near[self.planes.is_line :])

    def _index_of(self, cell: Index, row: Size, near: Index) -> Index:
        return (self.sample, cell[1] * self.rows + row, *self.far, *near)

    def copy_planes(self, cell: Index, chunk: Size, planes: Buffer) -> None:
        """Copy what a block sees of a chunk's channels, +0 where that is beyond the edge."""
        writer, per_channel = self.writer, self.planes.copies * self.planes.extent
        with self.each_part() as part, writer.over("channel", self.channels_of(chunk)) as channel:
            here = (self.sample, cell[1] * self.channels + chunk * self.per_chunk + channel)

            def load(index: Index, inside: Expr | None) -> Expr:
                return self.operand(0, (*here, *index), inside)

            def ahead(index: Index) -> None:
                self.values.prefetch(self.node.operands[0], (here[0], here[1] + _AHEAD, *index))

            lines, columns = (self.first_line, self.height_here), (self.first_column, self.width_here)
            start = channel * per_channel + part * self.part_plane
            self.planes.copy(load, ahead, planes, start, tuple(self.far), lines, columns)


class PlaneChain(Chain):
    """Writes the loops: the steps of a chunk follow each other, and a table says where in the planes each is seen."""

    product: PlaneConvolution

    def __init__(self, product: PlaneConvolution) -> None:
        columns = Blocks(product.columns, 1, *[product.columns] * 2)
        super().__init__(product, product.most_channels * product.most_taps, columns, product.tile)
        self.has_gaps = product.has_gaps
        self.part: Size = 0

    def block_columns(self, block: Size) -> Size:
        self._write_table()
        product = self.product
        columns = (product.height_here - 1) * product.pitch + product.width_here
        return self.writer.let_index("columns", columns, self.pitch + 1)

    def _write_table(self) -> None:
        """Note where the first position of a block finds each step of a chunk."""
        writer, product, planes = self.writer, self.product, self.product.planes
        self.table = writer.buffer("seen", int64, "stack", self.depth)
        steps = [("channel", product.channels_of(0)), *(("tap", count) for count in product.taps)]
        with ExitStack() as loops:
            channel, *taps = step = [loops.enter_context(writer.over(*each)) for each in steps]
            place = channel * planes.copies * planes.extent + planes.seen(tuple(taps))
            at = flatten(step, [extent for _, extent in steps])
            writer.store(self.table, writer.expr(at), writer.expr(place))

    def add_chunk(self, chunk: Size) -> None:
        product = self.product
        self.planes = self.writer.buffer("planes", product.dtype, "stack", product.copied)
        product.copy_planes(self.cell, chunk, self.planes)
        self.each_tile(chunk)

    @contextmanager
    def each_part(self) -> Iterator[None]:
        with self.product.each_part() as self.part:
            yield
        self.part = 0

    @contextmanager
    def elements(self) -> Iterator[tuple[Size, Size]]:
        over = self.writer.over
        with over("row", self.rows) as row, self.each_part(), over("column", self.columns, "vector") as column:
            yield row, column

    def put_total(self, total: Buffer) -> None:
        if not self.has_gaps:
            super().put_total(total)
            return
        product, writer = self.product, self.writer
        with ExitStack() as loops:
            row = loops.enter_context(writer.over("row", self.rows))
            loops.enter_context(self.each_part())
            line = loops.enter_context(writer.over("line", product.height_here))
            column = loops.enter_context(writer.over("column", product.width_here, "vector"))
            value = total.load(self.place(row, line * product.pitch + column))
            product.put_at(product.result_at(self.cell, self.first_row + row, line, column), value, None)

    def place(self, row: Size, column: Size) -> Expr:
        return super().place(row, self.part * self.product.part_pitch + column)

    def across(self, height: int) -> list[Tiles]:
        vectors = self.product.part_vectors
        return self.wide_tiles(vectors, height) if isinstance(vectors, int) else tiles(vectors, self.vectors, (4, 2, 1))

    def masks(self, column: Size, vectors: int) -> Local | None:
        return None if self.total is not None else super().masks(column, vectors)

    def enter_step(self, step: Index, extents: Sequence[Size]) -> Index:
        at = self.writer.expr(flatten(step, extents))
        return (self.writer.track(self.writer.let("seen", self.table.load(at)), None),)

    def right(self, chunk: Size, place: Index, column: Size, inside: Size, mask: Expr | None) -> Expr:
        return self.planes.load(self.writer.expr(place[0] + self.part * self.product.part_plane + column + inside))
