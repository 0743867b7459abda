"""Convolutions from planes, copies of what a block of positions sees: see patches.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce

from brasa.codegen.schedules.chain import Chain, tile_shape
from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.dot import lane_sums
from brasa.codegen.schedules.indices import Index, flatten, leaf
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.patches import Planes
from brasa.codegen.schedules.products import Blocks, Tiles, tiles
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int32, int64
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local, bitcast, cast, eq, first

_POSITIONS, _WIDTH = 256, 256  # of a slice in a block, and the most columns of a line of it
_PLANE_BYTES = 512 << 10  # of the planes of a chunk
_FEW_ROWS = 8  # for which a block has twice as many positions
_AHEAD = 4  # channels that are on their way from memory
# What a copied vector takes, in multiply-adds, and one of sums that lie between gaps; unknown rows and columns.
_COPY_COST, _GAP_COST, _ROWS, _COLUMNS = 4, 3, 64, 32
_FEW_LINES = 8  # that are done one by one though tiles do not fill them


class PlaneConvolution(Convolution):
    """Positions of a block are lines; each holds columns of one slice or more, its members, beside each other.

    Lines are done one by one where vectors fill them: banded tells whether, and band is the line at hand; else all are
    one band. The first takes all taps; others leave out those that see nothing but padding if its sums are finite, for
    then weights are, too.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self._choose()
        self.planes = Planes(self.values, self.directions)
        self.band: Size = 0
        self.finite: Size = 1
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
        self.width = let("width", self.strips.each + across, widest + across + 1)
        fitting = dim.largest(dim.floor_divide(most, dim.largest(self.width, 1)), 1)
        if across == 0:  # several parts of lines would not follow each other in the result
            fitting = 1 + (fitting - 1) * dim.largest(2 - strips, 0)
        fitting = let("fitting", fitting, most + 1)
        count = let("line_blocks", dim.ceil_divide(lines, fitting))
        each = let("lines_each", dim.ceil_divide(lines, dim.largest(count, 1)), most + 1)
        self.line_blocks = Blocks(lines, count, most, each)
        self.outer = (self.node.tensor.shape[0], *outer)
        copied = self._lay_out(lines, each, most, max(room, most + down * (widest + across)))
        self.tile = tile_shape(self.writer, self.dtype, self.rows, self._band(each))
        self.copied = self.most_channels * copies * copied + self.tile[1] * LANES
        self.has_gaps = across > 0 or self.members.each != 1
        blocks = ("lines", count), ("strip", strips)
        self.batch = [("slices", self.members.count), ("group", self.groups), *blocks]

    def _lay_out(self, lines: Size, each: Size, most: int, room: int) -> int:
        """Decide on slices in a block and on how its lines lie; returns how long a copy is at most."""
        let, planes, (down, across) = self.writer.let_index, self.planes, self.planes.reach
        beside = _POSITIONS * (1 + dim.smallest(dim.remainder(self.width, 2 * LANES), 1))
        limits = ((beside, each), (room, each + down))
        fitting, other = (dim.floor_divide(limit, dim.largest(n * self.width, 1)) for limit, n in limits)
        self.members = self._cut_slices(dim.largest(dim.smallest(fitting, other), 1))
        most = max(most, min(2 * _POSITIONS, room))
        self.pitch = planes.pitch = let("pitch", self.members.each * self.width, most + 1)
        self.banded = let("banded", self._are_filled(lines) if self._skips else 0, 2)
        whole = each * self.pitch
        self.columns: int = whole if isinstance(whole, int) else most
        extent = dim.ceil_divide(across + (each + down) * self.pitch, LANES) * LANES
        planes.extent = let("extent", extent)
        return extent if isinstance(extent, int) else room + dim.evaluate(across, {}) + LANES

    @property
    def _skips(self) -> bool:
        """Whether there may be lines some of whose taps see nothing but padding."""
        lining = self.planes.directions[-2]
        return lining.is_regular and lining.taps > 1 and not (self.forward and lining.padding == 0)

    def _are_filled(self, lines: Size) -> Size:
        """Whether vectors, and tiles if there are many, fill a line: 1 or 0."""
        filled, tiled = (dim.smallest(dim.remainder(self.pitch, size), 1) for size in (LANES, 2 * LANES))
        many = dim.smallest(dim.floor_divide(lines, _FEW_LINES + 1), 1)
        return (1 - filled) * (1 - many * tiled)

    def _cut_slices(self, room: Size) -> Blocks:
        """Cut the slices into blocks for which there is room, if there are enough of them, so that tiles fill lines."""
        let, slices = self.writer.let_index, dim.product(self.outer)
        positions = dim.product(self.spatial)
        is_small = isinstance(positions, int) and positions < 4 * LANES
        if room == 1 or (self.chunks == 1 and not is_small):  # outputs are then stored from registers
            return Blocks(slices, slices, 1, 1)
        cells = 1 if isinstance(self.rows, int) and self.rows > self.row_block else 2
        count = dim.largest(dim.ceil_divide(slices, dim.largest(room, 1)), dim.smallest(slices, cells))
        each = let("members_each", dim.ceil_divide(slices, dim.largest(count, 1)), 2 * _POSITIONS + 1)
        for lanes in (2 * LANES, LANES) if self._skips else ():
            powers = [2**i for i in range(1, lanes.bit_length())]
            dividing: list[Size] = [n * (1 - dim.smallest(dim.remainder(self.width, n), 1)) for n in powers]
            unit = let("unit", dim.floor_divide(lanes, reduce(dim.largest, [1, *dividing])), lanes + 1)
            rest = dim.remainder(each, unit)
            each = let("members_each", each - rest * dim.smallest(dim.floor_divide(each, unit), 1), 2 * _POSITIONS + 1)
        count = let("slice_blocks", dim.ceil_divide(slices, dim.largest(each, 1)))
        return Blocks(slices, count, each if isinstance(each, int) else 2 * _POSITIONS, each)

    def _band(self, lines: Size) -> Size:
        """How many positions a band of a block of so many lines has."""
        return self.pitch * (lines - self.banded * (lines - 1))

    def enter(self, cell: Index) -> Index:
        """Name the first slice, line and column of a block, and how many it has."""
        let = self.writer.let_index
        slices, *_, lines, strip = cell
        self.first_slice, self.first_line = self.members.start(slices), self.line_blocks.start(lines)
        self.first_column = self.strips.start(strip)
        self.members_here = let("members", self.members.length(slices), self.members.size + 1)
        self.height_here = let("height", self.line_blocks.length(lines), self.line_blocks.size + 1)
        self.width_here = let("width", self.strips.length(strip), self.strips.size + 1)
        self.bands_here = let("bands", 1 + self.banded * (self.height_here - 1), self.line_blocks.size + 1)
        band = self._band(self.height_here)
        if not self.has_gaps:
            band = band - self.pitch + self.width_here  # a strip may be shorter than the others
        self.band_here = let("band", band, self.columns + 1)
        self._locate(self.first_slice)
        return cell

    def _locate(self, number: Size) -> None:
        """Name where a slice is."""
        where = unflatten(self.writer.ranges, number, self.outer)
        if len(where) > 1:
            where = tuple(self.writer.let_index("at", i, n) for i, n in zip(where, self.outer, strict=True))
        self.sample, *self.far = where

    @contextmanager
    def each_member(self) -> Iterator[Size]:
        """A loop over the members of a block: where its columns begin in a line; indices are of its slice."""
        if self.members.each == 1:
            yield 0
            return
        with self.writer.over("member", self.members_here) as member:
            self._locate(self.first_slice + member)
            yield member * self.width

    def taps_of_band(self) -> tuple[Size, Size]:
        """The first of the taps along lines that see more than padding from the band at hand, and how many do."""
        let, (*_, taps, _) = self.writer.let_index, self.taps
        first, end = self.planes.directions[-2].taps_inside(self.first_line + self.band, taps)
        first = let("first_tap", self.banded * self.finite * first, self.most_taps)
        return first, let("line_taps", taps - first - self.banded * self.finite * (taps - end), self.most_taps + 1)

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        """Where the result of a position of the band is."""
        near = self.spatial[-2:]
        start = (self.first_line + self.band) * near[-1] + self.first_column
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
        with self.each_member() as start, writer.over("channel", self.channels_of(chunk)) as channel:
            here = (self.sample, cell[1] * self.channels + chunk * self.per_chunk + channel)

            def load(index: Index, inside: Expr | None) -> Expr:
                return self.operand(0, (*here, *index), inside)

            def ahead(index: Index) -> None:
                self.values.prefetch(self.node.operands[0], (here[0], here[1] + _AHEAD, *index))

            lines, columns = (self.first_line, self.height_here), (self.first_column, self.width_here)
            self.planes.copy(load, ahead, planes, start + channel * per_channel, tuple(self.far), lines, columns)


class PlaneChain(Chain):
    """Writes the loops: the steps of a chunk follow each other, and a table says where in the planes each is seen."""

    product: PlaneConvolution

    def __init__(self, product: PlaneConvolution) -> None:
        columns = Blocks(product.columns, 1, *[product.columns] * 2)
        super().__init__(product, product.most_channels * product.most_taps, columns, product.tile)
        self.has_gaps = product.has_gaps
        self.is_sceptical = product.banded != 0 and product.dtype.kind == "float"  # about what weights are

    def block_columns(self, block: Size) -> Size:
        self._write_table()
        return self.product.band_here

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
    def each_band(self) -> Iterator[None]:
        product, writer = self.product, self.writer
        if not self.is_sceptical:
            with writer.over("band", product.bands_here) as product.band:
                yield
            product.band = 0
            return
        self.not_finite = writer.local("not_finite", int32 if product.dtype.itemsize == 4 else int64, 0, lanes=LANES)
        finite = writer.local("finite", int64, 0)
        with writer.over("band", product.bands_here) as number:
            self.is_first_band = writer.condition(leaf(number) <= leaf(0))
            from_middle = number + dim.floor_divide(product.bands_here, 2)  # for there no tap sees padding alone
            product.band = writer.let_index("band", dim.remainder(from_middle, product.bands_here), product.columns)
            product.finite = writer.track(finite.value, 2)
            yield
            with writer.when(self.is_first_band):
                total = lane_sums(writer, [bitcast(self.not_finite.value, product.dtype)])
                writer.assign(finite, cast(eq(first(total), 0), int64))
        product.band = 0

    def end_tile(self, row: Size, column: Size, sums: Local, masks: Local | None) -> None:
        if self.is_sceptical:
            with self.writer.when(self.is_first_band), self.writer.over("i", sums.shape[0], "unrolled") as i:
                value = sums[self.writer.expr(i), 0]
                seen = bitcast(value - value, self.not_finite.dtype)  # +0, or NaN where it is not finite
                self.writer.assign(self.not_finite, self.not_finite.value | seen)
        super().end_tile(row, column, sums, masks)

    @contextmanager
    def elements(self) -> Iterator[tuple[Size, Size]]:
        over, product = self.writer.over, self.product
        bands = over("band", product.bands_here)
        with over("row", self.rows) as row, bands as product.band, over("column", self.columns, "vector") as column:
            yield row, column
        product.band = 0

    def put_total(self, total: Buffer) -> None:
        if not self.has_gaps:
            super().put_total(total)
            return
        product, writer = self.product, self.writer
        with ExitStack() as loops:
            row = loops.enter_context(writer.over("row", self.rows))
            start = loops.enter_context(product.each_member())
            line = loops.enter_context(writer.over("line", product.height_here))
            column = loops.enter_context(writer.over("column", product.width_here, "vector"))
            value = total.load(self.place(row, line * product.pitch + start + column))
            product.put_at(product.result_at(self.cell, self.first_row + row, line, column), value, None)

    def place(self, row: Size, column: Size) -> Expr:
        return super().place(row, self.product.band * self.product.pitch + column)

    def across(self, height: int) -> list[Tiles]:
        if isinstance(self.columns, int):
            return self.wide_tiles(-(-self.columns // LANES), height)
        return tiles(dim.ceil_divide(self.columns, LANES), self.vectors, (4, 2, 1))

    def _filled(self, across: Tiles) -> Size:
        return across.count

    def masks(self, column: Size, vectors: int) -> Local | None:
        return super().masks(column, vectors) if self.is_direct else None

    def walk(self, steps: Sequence[tuple[str, Size]], chunk: Size) -> Iterator[Index]:
        product = self.product
        if product.banded == 0:
            yield from super().walk(steps, chunk)
            return
        *outer, down, across = product.taps
        first, count = product.taps_of_band()
        loops = [("channel", product.channels_of(chunk)), *(("tap", taps) for taps in outer)]
        loops += [("tap", count * across)] if product.taps_are_joint else [("tap", count), ("tap", across)]
        with self.writer.nest((*each, "serial") for each in loops) as (channel, *taps):
            if product.taps_are_joint:
                tap = flatten((*taps[:-1], first * across + taps[-1]), [*outer, down * across])
                yield (channel * product.most_taps + tap,) if product.is_flat else (channel, tap)
            else:
                yield (channel, *taps[:-2], first + taps[-2], taps[-1])

    def enter_step(self, step: Index, extents: Sequence[Size]) -> Index:
        at = self.writer.expr(flatten(step, extents))
        return (self.writer.track(self.writer.let("seen", self.table.load(at)), None),)

    def right(self, chunk: Size, place: Index, column: Size, inside: Size, mask: Expr | None) -> Expr:
        return self.planes.load(self.writer.expr(place[0] + self.product.band * self.product.pitch + column + inside))
