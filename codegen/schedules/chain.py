"""Products summed one after the other in k: a tile of the result in registers, its columns along the lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import gcd

from brasa.codegen.schedules.indices import Index, flatten, leaf
from brasa.codegen.schedules.products import Blocks, Loop, MatrixProduct, Panel, Product, Tiles, blocks, pieces, tiles
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, bool_
from brasa.ir.kernel import LANES, Buffer, Expr, Local, select, spread

_COLUMN_BLOCK = 64
_FLOPS_PER_NANOSECOND, _BYTES_PER_NANOSECOND = 50, 64


class Chain:
    """Writes the loops.

    depth: the most steps a chunk has. columns: how they are cut, if not into single tiles. tile: its rows and vectors
    of columns. has_gaps: not all sums of a block are elements of the result. unit: all blocks' columns are multiples.
    """

    has_gaps = False

    def __init__(
        self, product: Product, depth: int, columns: Blocks | None = None, tile: tuple[int, int] | None = None
    ) -> None:  # fmt: skip
        self.product = product
        self.writer = product.writer
        self.depth = depth
        self.height, self.vectors = tile or tile_shape(self.writer, product.dtype, product.rows, product.columns)
        limit, unit = self.writer.choose("rows", tuple(product.row_block >> n for n in range(3))), min(self.height, 4)
        self.row_blocks = blocks(product.rows, limit, unit, product.least_rows, self.writer, "row")
        self.column_blocks = columns or pieces(product.columns, max(_COLUMN_BLOCK, self.vectors * LANES))
        self.pitch = -(-self.column_blocks.size // LANES) * LANES
        self.unit = gcd(product.columns, self.column_blocks.unit) if isinstance(product.columns, int) else 1
        self.total: Buffer | None = None
        self.panel: Panel | None = None
        self.left: Buffer | None = None
        self.left_strides = (0, 0)

    def write(self) -> None:
        """Write the kernel."""
        product, writer = self.product, self.writer
        axes = [*product.batch, ("row_block", self.row_blocks.count), ("column_block", self.column_blocks.count)]
        rows = self.row_blocks.size
        steps = self.column_blocks.size * self.depth
        cost = max(rows * steps / _FLOPS_PER_NANOSECOND, steps * product.dtype.itemsize / _BYTES_PER_NANOSECOND)
        with writer.cells(axes, cost, product.chunks) as (*cell, row_block, column_block):
            self.cell = product.enter(tuple(cell))
            self.first_row, self.first_column = self.row_blocks.start(row_block), self.column_blocks.start(column_block)
            self.rows = writer.let_index("rows", self.row_blocks.length(row_block), rows + 1)
            self.columns = self.block_columns(column_block)
            if product.chunks != 1 or not self.is_direct:
                self.total = writer.buffer("total", product.dtype, "stack", rows * self.pitch)
            with writer.over("chunk", product.chunks) as chunk:
                self._is_first = writer.condition(leaf(chunk) <= leaf(0))
                self._is_last = writer.condition(leaf(product.chunks) <= leaf(chunk + 1))
                self.add_chunk(chunk)
            if self.total is not None and not self.is_direct:
                self.put_total(self.total)

    @property
    def is_direct(self) -> bool:
        """Whether the outputs are stored from the registers of a tile."""
        return not self.product.is_heavy and not self.has_gaps

    def block_columns(self, block: Size) -> Size:
        """How many columns a block has."""
        return self.writer.let_index("columns", self.column_blocks.length(block), self.pitch + 1)

    def put_total(self, total: Buffer) -> None:
        """Store the outputs, given the sums of a block."""
        with self.elements() as (row, column):
            value = total.load(self.place(row, column))
            self.product.put(self.cell, self.first_row + row, self.first_column + column, value, None)

    @contextmanager
    def elements(self) -> Iterator[tuple[Size, Size]]:
        """Loops over the elements of the block."""
        with self.writer.over("row", self.rows) as row, self.writer.over("column", self.columns, "vector") as column:
            yield row, column

    def place(self, row: Size, column: Size) -> Expr:
        """Where the total of an element of the block lies."""
        return self.writer.expr(row * self.pitch + column)

    def add_chunk(self, chunk: Size) -> None:
        """Add a chunk's sums to the total, or store them where there is no total."""
        pays = self.product.pays_to_pack(self.rows)
        self.writer.either(pays, lambda: self._add_packed(chunk), lambda: self.each_tile(chunk))

    def _add_packed(self, chunk: Size) -> None:
        """Add a chunk's sums, rhs and lhs copied first."""
        self.panel = self._make_panel()
        self.product.pack(self.cell, chunk, self.first_column, self.columns, self.panel)
        self.each_tile(chunk)
        self.panel = None

    def each_tile(self, chunk: Size) -> None:
        """Add a chunk's sums of all tiles of a block."""
        for down in tiles(self.rows, self.height, (4, 1)):
            with self.writer.over("tile_row", down.count) as below:
                row = down.start + below * down.size
                if self.panel is not None:
                    self._copy_left(chunk, row, down.size)
                with self.each_band():
                    for across in self.across(down.size):
                        with self.writer.over("tile_column", self._filled(across)) as right:
                            self._tile(chunk, row, (across.start + right * across.size) * LANES, down.size, across.size)
                self.left = None

    @contextmanager
    def each_band(self) -> Iterator[None]:
        """A loop over the bands of a block, if not all its columns are done alike."""
        yield

    def across(self, height: int) -> list[Tiles]:
        """The tiles of a band from left to right, in vectors."""
        return self.wide_tiles(self.pitch // LANES, height)

    def wide_tiles(self, vectors: int, height: int) -> list[Tiles]:
        """Tiles of so many vectors: flat ones are wider, where no panel has cut them."""
        room = self.height * self.vectors // height
        most = self.vectors if self.panel else max(self.vectors, min(8, room))
        unit = self.unit if isinstance(self.product.columns, int) else self.column_blocks.unit
        if unit >= LANES:  # no tile is without columns
            most = max(n for n in range(1, most + 1) if unit // LANES % n == 0)
        return tiles(vectors, most, ())

    def _filled(self, across: Tiles) -> Size:
        """How many of the tiles hold columns: a block may have room for more than there are."""
        if isinstance(self.columns, int) or across.count == 1:
            return across.count
        needed = dim.ceil_divide(self.columns - across.start * LANES, across.size * LANES)
        return dim.smallest(across.count, needed if across.start == 0 else dim.largest(needed, 0))

    def _make_panel(self) -> Panel:
        width = self.across(self.height)[0].size * LANES
        tile = self.depth * width
        buffer = self.writer.buffer("panel", self.product.factor, "stack", -(-self.pitch // width) * tile)
        return Panel(buffer, width, tile)

    def _copy_left(self, chunk: Size, row: Size, height: int) -> None:
        """Copy a tile's part of lhs next to each other, for where its lines lie they may share places of the cache."""
        writer, product = self.writer, self.product
        steps = product.steps(chunk)
        across, along = self.left_strides = (1, height) if product.left_lines == "columns" else (self.depth + LANES, 1)
        left = writer.buffer("left_rows", product.factor, "stack", max(height * across, self.depth * along))

        def copy(i: Size, step: Index) -> None:
            value = product.lhs(self.cell, self.first_row + row + i, chunk, step)
            k = flatten(step, [extent for _, extent in steps])
            product.values.put([(left, i * across + k * along, value, None)])

        loops: list[Loop] = [(name, extent, "serial") for name, extent in steps]
        if product.left_lines == "columns":
            with writer.nest([*loops, ("i", height, "vector")]) as (*step, i):
                copy(i, tuple(step))
        else:
            loops[-1] = (*steps[-1], "vector")
            with writer.over("i", height) as i:
                for at in product.walk(loops, chunk):
                    copy(i, at)
        self.left = left

    def _fetch_left(self, chunk: Size, row: Size, step: Size) -> None:
        """Bring nearer what the next tile will copy of lhs, a line of memory in each step."""
        if self.left is not None and isinstance(self.product, MatrixProduct):
            place = step * (LANES if self.product.left_lines == "rows" else 1)
            below, k = dim.floor_divide(place, self.depth), dim.remainder(place, self.depth)
            self.product.fetch(0, self.cell, chunk, k, self.first_row + dim.smallest(row + below, self.rows - 1), 2)

    def _tile(self, chunk: Size, row: Size, column: Size, height: int, vectors: int) -> None:
        """The sums of one tile, which starts at a row and column of the block."""
        writer, product = self.writer, self.product
        sums = writer.local("sum", product.dtype, 0, lanes=LANES, shape=(height, vectors))
        right = Local(writer.unique("right"), product.factor, (vectors,), LANES)
        masks = self.masks(column, vectors)
        steps = self.loops(chunk)
        for step in self.walk(steps, chunk):
            seen = self.enter_step(step, [extent for _, extent in steps])
            self._fetch_left(chunk, row + height, step[0])
            read = partial(self._read_right, right, chunk, seen, column)
            if self.panel is not None or masks is None:
                read(None)
            elif 1 < height < self.height:
                read(masks)
            else:  # masked loads take longer; flat tiles, which mostly wait for memory, were no faster without them
                is_whole = writer.condition(leaf(column + vectors * LANES) <= leaf(self.columns))
                writer.either(is_whole, partial(read, None), partial(read, masks))
            with writer.over("i", height, "unrolled") as i:
                left = product.values.name("left", self._left(chunk, step, row, i))
                with writer.over("v", vectors, "unrolled") as v:
                    place = (writer.expr(i), writer.expr(v))
                    writer.assign(sums, product.multiply_add(left, right[place[1]], sums[place]), place)
        self.end_tile(row, column, sums, masks)

    def end_tile(self, row: Size, column: Size, sums: Local, masks: Local | None) -> None:
        """Store the outputs of a tile, or keep its sums."""
        put = partial(self._put_tile, row, column, sums, masks)
        keep = partial(self._keep_tile, row, column, sums)
        if self.is_direct:
            self.writer.either(self._is_last, put, keep)
        else:
            keep()

    def _read_right(self, right: Local, chunk: Size, seen: Index, column: Size, masks: Local | None) -> None:
        """Read the vectors of rhs that a step multiplies with."""
        writer = self.writer
        with writer.over("v", right.shape[0], "unrolled") as v:
            at = writer.expr(v)
            value = self.right(chunk, seen, column, v * LANES + writer.lane, masks[at] if masks is not None else None)
            (value,) = self.product.values.settle([value])
            writer.assign(right, value, (at,))

    def _put_tile(self, row: Size, column: Size, sums: Local, masks: Local | None) -> None:
        """Store the outputs of a tile."""
        for i, v, value in self._ends(row, column, sums):
            mask = masks[self.writer.expr(v)] if masks is not None else None
            here = self.first_column + column + v * LANES + self.writer.lane
            self.product.put(self.cell, self.first_row + row + i, here, value, mask)

    def _keep_tile(self, row: Size, column: Size, sums: Local) -> None:
        """Add the sums of a tile to the total."""
        assert self.total is not None
        for i, v, value in self._ends(row, column, sums):
            self.writer.store(self.total, self.place(row + i, column + v * LANES + self.writer.lane), value)

    def _ends(self, row: Size, column: Size, sums: Local) -> Iterator[tuple[Size, Size, Expr]]:
        """Loops over a tile: a row of it, a vector, and the sums up to this chunk."""
        writer = self.writer
        with writer.nest([("i", sums.shape[0], "unrolled"), ("v", sums.shape[1], "unrolled")]) as (i, v):
            value = sums[writer.expr(i), writer.expr(v)]
            if self.total is not None and self._is_first.attr is not True:
                before = self.total.load(self.place(row + i, column + v * LANES + writer.lane))
                value = select(spread(self._is_first), value, before + value)
            yield i, v, value

    def masks(self, column: Size, vectors: int) -> Local | None:
        """Which lanes of each vector of a tile are columns; None when all are."""
        writer = self.writer
        last = column + (vectors - 1) * LANES + writer.lane
        if self.unit % (vectors * LANES) == 0 or writer.below(last, self.columns) is None:
            return None
        masks = Local(writer.unique("inside"), bool_, (vectors,), LANES)
        with writer.over("v", vectors, "unrolled") as v:
            inside = writer.before(column + v * LANES + writer.lane, self.columns)
            writer.assign(masks, inside, (writer.expr(v),))
        return masks

    def walk(self, steps: Sequence[tuple[str, Size]], chunk: Size) -> Iterator[Index]:
        """Loops over the steps of a chunk."""
        loops: list[Loop] = [(name, extent, "serial") for name, extent in steps]
        if self.left is None:
            yield from self.product.walk(loops, chunk)
        else:
            with self.writer.nest(loops) as step:
                yield step

    def loops(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        """The loops over k: a single one where both operands have been copied."""
        steps = self.product.steps(chunk)
        return steps if self.left is None else [("k", dim.product(extent for _, extent in steps))]

    def enter_step(self, step: Index, extents: Sequence[Size]) -> Index:
        """Where `right` is at a step, as it is told it."""
        return step if self.panel is None else (flatten(step, extents),)

    def _left(self, chunk: Size, step: Index, row: Size, i: Size) -> Expr:
        if self.left is None:
            return self.product.lhs(self.cell, self.first_row + row + i, chunk, step)
        across, along = self.left_strides
        return self.left.load(self.writer.expr(i * across + step[0] * along))

    def right(self, chunk: Size, place: Index, column: Size, inside: Size, mask: Expr | None) -> Expr:
        """An element of rhs, `inside` a tile that starts at a column."""
        if self.panel is None:
            return self.product.rhs(self.cell, chunk, place, self.first_column + column + inside, mask)
        panel, tile = self.panel, dim.floor_divide(column, self.panel.width)
        return panel.buffer.load(self.writer.expr(tile * panel.tile + place[0] * panel.width + inside))


def tile_shape(writer: Writer, dtype: DType, rows: Size, columns: Size) -> tuple[int, int]:
    """Rows and vectors of columns of a tile: three quarters of the registers hold its sums."""
    most = writer.target.vectors(dtype)
    room = max(1, most * 3 // 4)
    vectors = 2 if most == writer.target.vector_registers else 1
    if isinstance(rows, int) and rows * vectors < room:  # a line of rhs and an element of lhs need registers, too
        vectors = max(1, min(8, room // max(rows, 1), (most - 1) // (rows + 1)))
    if isinstance(columns, int):
        vectors = max(1, min(vectors, -(-columns // LANES)))
    shapes = [(max(1, min(12, room // vectors)), vectors)]
    shapes += [(room // n, n) for n in range(1, 7) if room // n <= 14 and n != vectors]
    return writer.choose("tile", shapes)


def zero(dtype: DType) -> float | int:
    """What changes nothing when it is added."""
    return -0.0 if dtype.kind == "float" else 0
