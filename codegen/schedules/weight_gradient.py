"""Weight gradients of convolutions as products: output gradients times patches, summed in lanes along the positions.

One partial sum for each 8 samples; in it, lane l adds the positions l, l + 16, ... of one sample after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from brasa.codegen.schedules.dot import Dot, clamped
from brasa.codegen.schedules.indices import Index, leaf
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.patches import Planes, directions_of, sources, window_of
from brasa.codegen.schedules.products import Product
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_, int64
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Expr, Local, const

SAMPLES = 8
# Rows of a block, and its columns: fewer where there are few rows.
_ROW_BLOCK, _COLUMN_BLOCK, _FEW_ROWS, _FEW_COLUMNS = 128, 48, 32, 8
# So many positions of a sample are done at a time; where all samples of a partial have fewer, they are done together.
# What a tile reads of so many, four rows and six columns, is still in the first cache when the next tile reads it.
_POSITIONS = 1024
_COPY_COST = 8  # what a copied element takes, in multiply-adds
_MOST_TAPS = 64  # of windows whose columns share copies


class WeightProduct(Product):
    """conv_weight_grad: rows are output channels, columns places in the weight, k samples and positions."""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        x, g = (operand.tensor.shape for operand in node.operands)
        groups: int = node.attrs["groups"]
        self.window = window_of(node.attrs["window"])
        self.batch = [("group", groups)]
        self.rows = dim.floor_divide(g[1], groups)
        self.channels = dim.floor_divide(x[1], groups)
        self.columns = dim.product((self.channels, *self.window))
        self.samples = x[0]
        self.chunks = dim.largest(dim.ceil_divide(self.samples, SAMPLES), 1)
        self.spatial = g[2:]
        self.positions = dim.product(self.spatial)
        self.directions = directions_of(node, x[2:], self.window, forward=True)
        self.is_flat = self.joint(1, range(2, len(g)))

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        return [("sample", dim.smallest(SAMPLES, self.samples - chunk * SAMPLES)), ("position", self.positions)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        sample, position = step
        flat = (*[0] * (len(self.spatial) - 1), position)
        at = flat if self.is_flat else unflatten(self.writer.ranges, position, self.spatial)
        return self.operand(1, (chunk * SAMPLES + sample, cell[0] * self.rows + row, *at))

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        return (cell[0] * self.rows + row, *self.spread_columns(column, range(1, self.node.tensor.rank)))


class WeightGradient(Dot):
    """Writes the loops: what windows see is copied for some samples at a time, or for some positions of one.

    Taps of different lines share copies, if there are two directions at most and lines are short; a table says where
    each column finds its own. group: how many samples are done at a time.
    """

    short = 0

    def __init__(self, product: WeightProduct) -> None:
        self.weights = product
        self.writer = product.writer
        super().__init__(product, self._depth(), _ROW_BLOCK, self._column_block())
        fitting = dim.floor_divide(_POSITIONS, dim.largest(product.positions, 1))
        self.group = self.writer.let_index("group", dim.largest(dim.smallest(fitting, SAMPLES), 1), SAMPLES + 1)
        self.planes = Planes(product.values, product.directions)
        self.planes.pitch = product.spatial[-1]
        self.shares = len(product.spatial) <= 2 and 1 < prod(product.window) <= _MOST_TAPS

    def _depth(self) -> int:
        """About how many steps a partial sum has; few rows take less time than the copies that they use."""
        samples, positions, rows = self.weights.samples, self.weights.positions, self.weights.rows
        known = min(samples, SAMPLES) if isinstance(samples, int) else SAMPLES
        known *= positions if isinstance(positions, int) else _POSITIONS // 2
        return known * (rows + _COPY_COST) // rows if isinstance(rows, int) and rows else known

    def _column_block(self) -> int:
        """How many columns a block has: whole windows, whose taps share copies, if that leaves no small tiles.

        Of few rows one window is enough, for the copies are most of what there is to do.
        """
        few = isinstance(self.weights.rows, int) and self.weights.rows <= _FEW_ROWS
        limit, taps = _COLUMN_BLOCK // (2 if few else 1), max(prod(self.weights.window), 1)
        whole = [n for n in range(limit * 2 // 3, limit * 7 // 6 + 1) if n % taps == 0]
        columns = min(whole, key=lambda n: (n % 4 > 0, abs(n - limit)), default=limit)
        if few and 1 < taps <= _MOST_TAPS:
            columns = taps * -(-_FEW_COLUMNS // taps)
        return self.writer.choose("columns", (columns, 2 * columns, 4 * columns))

    def chunk(self, chunk: Size) -> None:
        """Add a partial sum to the total: some samples at a time, or some positions of one."""
        writer, product = self.writer, self.weights
        (_, samples), _ = product.steps(chunk)
        self._lay_out()
        groups = dim.largest(dim.ceil_divide(samples, self.group), 1)  # sums of nothing are stored, too
        parts = dim.largest(dim.ceil_divide(product.positions, _POSITIONS), 1)
        with writer.over("group", groups) as group, writer.over("part", parts) as part:
            self._sample, self._first = group * self.group, part * _POSITIONS
            self._begun = writer.condition(leaf(0) < leaf(group + part))
            self._is_last = writer.condition(leaf((groups - 1) * parts + parts - 1) <= leaf(group * parts + part))
            here = writer.let_index("samples", dim.smallest(self.group, samples - self._sample), SAMPLES + 1)
            count = writer.let_index("count", dim.smallest(_POSITIONS, product.positions - self._first))
            with writer.over("sample", here) as sample:
                self._copy(chunk, self._sample + sample, self._first, count, sample * self.sample_pitch)
            for tile in self.each_tile():
                self.tile(tile, chunk, [("sample", here), ("position", count)])

    # Copies

    def _lay_out(self) -> None:
        """Decide how much is copied, and note where each column of the block finds what it sees."""
        writer, product, planes = self.writer, self.weights, self.planes
        let, taps = writer.let_index, prod(product.window)
        self.reach: Size = 0
        if self.shares and len(product.spatial) == 2:
            lining = product.directions[0].together()
            if lining.stride < lining.taps:
                overhang = self.group * lining.reach * planes.pitch
                apart = let("apart", dim.smallest(dim.floor_divide(overhang, _POSITIONS + 1), 1), 2)
                planes.directions[0] = lining.together(apart)
                self.reach = planes.reach[0] * planes.pitch
        self.sample_pitch = let("sample_pitch", dim.smallest(product.positions, _POSITIONS) + self.reach)
        planes.extent = let("extent", dim.ceil_divide(self.group * self.sample_pitch, LANES) * LANES + LANES)
        self.first_channel = let("first_channel", dim.floor_divide(self.first_column, taps))
        self.table = writer.buffer("seen", int64, "stack", self.column_blocks.size)
        with writer.over("column", self.columns) as column:
            place = column * planes.extent
            if self.shares:
                weight = (product.channels, *product.window)
                channel, *tap = unflatten(writer.ranges, self.first_column + column, weight)
                place = (channel - self.first_channel) * planes.copies * planes.extent + planes.seen(tuple(tap))
            writer.store(self.table, writer.expr(column), writer.expr(place))
        self.copied = writer.buffer("copied", product.dtype, "stack", self._room())
        self.lanes = writer.buffer("lanes", product.dtype, "stack", self.room * LANES)

    def _room(self) -> int:
        """How many elements all copies of a block have at most."""
        positions = self.weights.positions * self.group
        extent = (min(positions, _POSITIONS) if isinstance(positions, int) else _POSITIONS) + 2 * LANES
        columns, taps = self.column_blocks.size, prod(self.weights.window)
        if not self.shares:
            return columns * extent
        channels = (columns + taps - 2) // taps + 1
        lining = self.planes.directions[-2]
        ways = [lining.taps * extent]
        if self.reach != 0:
            ways.append(lining.stride * (extent + _POSITIONS))
        return channels * self.planes.directions[-1].taps * max(ways) + LANES

    def _copy(self, chunk: Size, sample: Size, first: Size, count: Size, start: Size) -> None:
        """Copy what `count` positions of a sample see, from the first on."""
        writer, product, planes = self.writer, self.weights, self.planes
        sample, of_group = chunk * SAMPLES + sample, self.cell[0] * product.channels
        begin = dim.divide_exactly(first, dim.largest(planes.pitch, 1))
        fits = leaf(product.positions) <= leaf(_POSITIONS) if begin is None else const(True, bool_)
        is_whole = writer.condition(fits)
        lines = begin or 0, dim.floor_divide(count, dim.largest(planes.pitch, 1))
        if self.shares:
            last = dim.floor_divide(self.first_column + self.columns - 1, prod(product.window))
            with writer.over("channel", last - self.first_channel + 1) as number:
                here = sample, of_group + self.first_channel + number
                start = start + number * planes.copies * planes.extent
                writer.either(
                    is_whole, lambda: self._copy_shared_lines(here, lines, start),
                    lambda: self._copy_shared_parts(here, first, count + self.reach, start),
                )  # fmt: skip
            return
        with writer.over("column", self.columns) as column:
            channel, *tap = unflatten(writer.ranges, self.first_column + column, (product.channels, *product.window))
            here, copies = (sample, of_group + channel), (*[0] * planes.is_line, *tap)
            start = start + column * planes.extent
            writer.either(
                is_whole, lambda: self._copy_lines(here, copies, lines, start),
                lambda: self._copy_parts(here, copies, first, count, start),
            )  # fmt: skip

    def _copy_shared_lines(self, here: Index, lines: tuple[Size, Size], start: Size) -> None:
        """Copy what is seen at positions which are whole lines: all copies of a channel."""

        def load(index: Index, inside: Expr | None) -> Expr:
            return self.product.operand(0, (*here, *index), inside)

        self.planes.copy(load, lambda at: self._ahead(here, at), self.copied, start, (), lines, (0, self.planes.pitch))

    def _copy_shared_parts(self, here: Index, first: Size, count: Size, start: Size) -> None:
        """Copy what is seen at positions which are perhaps parts of lines: all copies of a channel."""
        with self.writer.nest(("copy", each.copies, "serial") for each in self.planes.directions) as copies:
            self._copy_parts(here, copies, first, count, start + self.planes.number(copies) * self.planes.extent)

    def _copy_lines(self, here: Index, copies: Sequence[Size], lines: tuple[Size, Size], start: Size) -> None:
        """Copy what is seen at positions which are whole lines, the first and how many."""
        pitch, over = self.planes.pitch, self.writer.over
        with over("column", pitch, "vector") as column, over("line", lines[1]) as line:
            self._copy_seen(here, copies, lines[0] + line, column, start + line * pitch + column)

    def _copy_parts(self, here: Index, copies: Sequence[Size], first: Size, count: Size, start: Size) -> None:
        """Copy what is seen at positions which are perhaps parts of lines."""
        writer, pitch, let = self.writer, self.planes.pitch, self.writer.let_index
        length = dim.largest(pitch, 1)
        begin = let("begin", dim.floor_divide(first, length))
        with writer.over("line", dim.ceil_divide(first + count, length) - begin) as number:
            line = begin + number
            low = let("low", dim.largest(first, line * pitch))
            columns = let("columns", dim.smallest(first + count, line * pitch + pitch) - low)
            with writer.over("column", columns, "vector") as column:
                self._copy_seen(here, copies, line, low - line * pitch + column, start + low - first + column)

    def _copy_seen(self, here: Index, copies: Sequence[Size], line: Size, column: Size, place: Size) -> None:
        """Copy what is seen at one position."""
        planes = self.planes
        far = (0,) if planes.is_line else unflatten(self.writer.ranges, line, self.weights.spatial[:-1])
        index, inside = sources(self.writer, planes.directions, (*far, column), copies)
        value = self.product.operand(0, (*here, *index[planes.is_line :]), inside)
        self.product.values.put([(self.copied, place, value, None)])
        self._ahead(here, index[planes.is_line :])

    def _ahead(self, here: Index, index: Index) -> None:
        """Bring nearer what will be copied of the next channel."""
        self.product.values.prefetch(self.product.node.operands[0], (here[0], here[1] + 1, *index))

    # Tiles

    def enter_columns(self, column: Size, width: int) -> None:
        self.seen = Local(self.writer.unique("seen"), int64, (width,), 1)
        with self.writer.over("j", width, "unrolled") as j:
            at = self.writer.expr(j)
            seen = self.table.load(self.writer.expr(clamped(column + j, self.columns)))
            self.writer.assign(self.seen, seen, (at,))

    def begin_sums(self, tile: tuple[Size, Size, int, int]) -> Local:
        sums = super().begin_sums(tile)
        if self._begun.op != "const":
            with self.writer.when(self._begun), self.elements_of(tile) as (i, j, row, column):
                self.writer.assign(sums, self.lanes.load(self._lanes(row, column)), (i, j))
        return sums

    def end_sums(self, tile: tuple[Size, Size, int, int], sums: Local) -> None:
        with self.writer.when(self._is_last):
            super().end_sums(tile, sums)
        if self._is_last.op != "const":
            with self.writer.when(~self._is_last), self.elements_of(tile) as (i, j, row, column):
                self.writer.store(self.lanes, self._lanes(row, column), sums[i, j])

    def left(self, chunk: Size, step: Index, row: Size) -> Expr:
        return super().left(chunk, (self._sample + step[0], self._first + step[1]), row)

    def right(self, chunk: Size, step: Index, column: Size, number: Size) -> Expr:
        seen = self.writer.track(self.seen[self.writer.expr(number)], None)
        return self.copied.load(self.writer.expr(seen + step[0] * self.sample_pitch + step[1]))

    def _lanes(self, row: Size, column: Size) -> Expr:
        return self.writer.expr((row * self.pitch + column) * LANES + self.writer.lane)
