"""Products summed in lanes along k: a tile of the result whose every element has LANES partial sums in registers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from brasa.codegen.schedules.chain import zero
from brasa.codegen.schedules.indices import Index, leaf
from brasa.codegen.schedules.products import MatrixProduct, Product, Tiles, blocks, tiles
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_
from brasa.ir.kernel import LANES, Expr, Local, const, evens, odds

_ROW_BLOCK, _COLUMN_BLOCK = 64, 48
_FLOPS_PER_NANOSECOND = 40
_ROWS_TO_FETCH = 16  # of fewer, the next tiles would come in part only, which took longer than to fetch nothing
_READING = 4  # what it takes to read an element of rhs, in multiply-adds


class Dot:
    """Writes the loops. depth: about how many steps a chunk of k has, for the estimate of costs.

    short: so few steps that it matters how long it takes to add up the lanes.
    """

    short = 256

    def __init__(
        self, product: Product, depth: int, row_block: int = _ROW_BLOCK, column_block: int = _COLUMN_BLOCK
    ) -> None:
        self.product = product
        self.writer = product.writer
        self.depth = depth
        self.height, self.width = self._tile_shape(column_block)
        self.row_blocks = blocks(product.rows, row_block, self.height, 0, self.writer, "row")
        self.column_blocks = blocks(product.columns, column_block, self.width, 0, self.writer, "column")
        # What is left of an unknown number of columns is a whole tile, too, which sees the last one again.
        self.pitch = -(-self.column_blocks.size // self.width) * self.width
        self.room = self.row_blocks.size * self.pitch

    def write(self) -> None:
        """Write the kernel."""
        product, writer = self.product, self.writer
        axes = [*product.batch, ("row_block", self.row_blocks.count), ("column_block", self.column_blocks.count)]
        steps = (self.row_blocks.size + _READING) * self.pitch * self.depth
        with writer.cells(axes, steps / _FLOPS_PER_NANOSECOND, product.chunks) as (*cell, down, across):
            self.cell = tuple(cell)
            self.first_row, self.first_column = self.row_blocks.start(down), self.column_blocks.start(across)
            self.rows = writer.let_index("rows", self.row_blocks.length(down), self.row_blocks.size + 1)
            self.columns = writer.let_index("columns", self.column_blocks.length(across), self.column_blocks.size + 1)
            if product.is_heavy or product.chunks != 1:
                self.total = writer.buffer("total", product.dtype, "stack", self.room)
            if product.chunks != 1:
                with self._elements() as at:
                    writer.store(self.total, self.place(*at), zero(product.dtype))
            with writer.over("chunk", product.chunks) as chunk:
                self._is_final = writer.condition(leaf(product.chunks) <= leaf(chunk + 1))
                self.chunk(chunk)
            if product.is_heavy:
                with self._elements() as (row, column):
                    value = self.total.load(self.place(row, column))
                    product.put(self.cell, self.first_row + row, self.first_column + column, value, None)

    def chunk(self, chunk: Size) -> None:
        """Add a chunk's sums to the total."""
        for tile in self.each_tile():
            self.tile(tile, chunk, self.product.steps(chunk))

    def each_tile(self) -> Iterator[tuple[Size, Size, int, int]]:
        """Loops over the tiles of the block: first row and column, height and width of each."""
        for across in _tiles(self.columns, self.width):
            with self.writer.over("tile_column", across.count) as right:
                for down in tiles(self.rows, self.height, (1,)):
                    with self.writer.over("tile_row", down.count) as below:
                        yield down.start + below * down.size, across.start + right * across.size, down.size, across.size

    def tile(self, tile: tuple[Size, Size, int, int], chunk: Size, steps: Sequence[tuple[str, Size]]) -> None:
        """The sums of one tile over some steps of k, the last of which runs along the lanes."""
        writer, (row, column, height, width) = self.writer, tile
        sums = self.begin_sums(tile)
        self.enter_columns(column, width)
        left = Local(writer.unique("left"), self.product.factor, (height,), LANES)
        *outer, last = steps
        for step in self.product.walk([*((*each, "serial") for each in outer), (*last, "vector")], chunk):
            if isinstance(self.product, MatrixProduct):
                following = self.first_column + self._following(tile)
                self.product.fetch(1, self.cell, chunk, step[0], following, 1)
            with writer.over("i", height, "unrolled") as i:
                (value,) = self.product.values.settle([self.left(chunk, step, row + i)])
                writer.assign(left, value, (writer.expr(i),))
            with writer.over("j", width, "unrolled") as j:
                right = self.product.values.name("right", self.right(chunk, step, column, j))
                with writer.over("i", height, "unrolled") as i:
                    at = (writer.expr(i), writer.expr(j))
                    writer.assign(sums, self.product.multiply_add(left[at[0]], right, sums[at]), at)
        self.end_sums(tile, sums)

    def _following(self, tile: tuple[Size, Size, int, int]) -> Size:
        """The column that a tile fetches: each row of tiles another of the next ones; its own where rows are few."""
        row, column, _, width = tile
        ahead = dim.smallest(dim.floor_divide(self.rows, _ROWS_TO_FETCH), 1)
        return column + ahead * (width + dim.remainder(dim.floor_divide(row, self.height), width))

    def begin_sums(self, tile: tuple[Size, Size, int, int]) -> Local:
        """The registers of a tile before its first step."""
        return self.writer.local("sum", self.product.dtype, 0, lanes=LANES, shape=tile[2:])

    def end_sums(self, tile: tuple[Size, Size, int, int], sums: Local) -> None:
        """Keep what the registers of a tile hold after its last step."""
        row, column, height, width = tile
        with self.writer.over("i", height, "unrolled") as i:
            at = self.writer.expr(i)
            self.add(row + i, column, [sums[at, self.writer.expr(j)] for j in range(width)])

    @contextmanager
    def elements_of(self, tile: tuple[Size, Size, int, int]) -> Iterator[tuple[Expr, Expr, Size, Size]]:
        """Unrolled loops over a tile: where an element is in it and in the block."""
        row, column, height, width = tile
        with self.writer.over("i", height, "unrolled") as i, self.writer.over("j", width, "unrolled") as j:
            yield self.writer.expr(i), self.writer.expr(j), row + i, column + j

    def add(self, row: Size, column: Size, sums: Sequence[Expr]) -> None:
        """Add the lanes of the sums of neighbouring elements to the total; at last, store the outputs."""
        product, writer, lane = self.product, self.writer, self.writer.lane
        count = len(sums) if isinstance(self.columns, int) else dim.smallest(self.columns - column, len(sums))
        at, mask = self.place(row, column + lane), writer.below(lane, count)
        value = writer.let("sums", lane_sums(writer, sums))
        if product.chunks != 1:
            value = self.total.load(at, mask) + value
        here = self.first_row + row, self.first_column + column + lane
        writer.either(
            const(False, bool_) if product.is_heavy else self._is_final,
            lambda: product.put(self.cell, *here, value, mask), lambda: writer.store(self.total, at, value, mask),
        )  # fmt: skip

    def left(self, chunk: Size, step: Index, row: Size) -> Expr:
        """An element of lhs in a row of the block."""
        return self.product.lhs(self.cell, self.first_row + row, chunk, step)

    def enter_columns(self, column: Size, width: int) -> None:
        """Note what is needed of the columns of a tile."""

    def right(self, chunk: Size, step: Index, column: Size, number: Size) -> Expr:
        """An element of rhs in a column, counted from that of the block where a tile begins."""
        return self.product.rhs(
            self.cell, chunk, step, self.first_column + clamped(column + number, self.columns), None
        )

    def place(self, row: Size, column: Size) -> Expr:
        """Where the total of an element of the block lies."""
        return self.writer.expr(row * self.pitch + column)

    @contextmanager
    def _elements(self) -> Iterator[tuple[Size, Size]]:
        with self.writer.over("row", self.rows) as row, self.writer.over("column", self.columns, "vector") as column:
            yield row, column

    def _tile_shape(self, column_block: int) -> tuple[int, int]:
        """Rows and columns of a tile: registers hold their sums, a column of lhs and one vector of rhs.

        Of two shapes the one that leaves fewer columns of a block for a smaller tile. (3, 8) would have room, but LLVM
        spilled its sums in loops over unknown sizes, which took about a fifth longer than (2, 8).
        """
        room = self.writer.target.vectors(self.product.dtype)
        shapes = [(2, 2)]
        if room >= 29:  # sums along the lanes are fewer where as many lie next to each other as pairs fill
            shapes = [(2, 8), (4, 6)] if self.depth <= self.short else [(4, 6), (2, 8)]
        elif room >= 13:
            shapes = [(3, 3)]
        rows, columns = self.product.rows, self.product.columns
        if isinstance(columns, int):
            here = blocks(columns, column_block).size
            shapes.sort(key=lambda shape: here % shape[1])
        height, width = self.writer.choose("tile", shapes)
        height = max(min(rows, height), 1) if isinstance(rows, int) else height
        return height, min(width, columns) if isinstance(columns, int) and columns else width


def _tiles(extent: Size, size: int) -> list[Tiles]:
    """An extent cut into tiles, of one size where it is not known."""
    return tiles(extent, size, ()) if isinstance(extent, int) else [Tiles(dim.ceil_divide(extent, size), size, 0)]


def clamped(place: Size, extent: Size) -> Size:
    """The place, or the last one of an extent that is not known."""
    return place if isinstance(extent, int) else dim.smallest(place, extent - 1)


def lane_sums(writer: Writer, vectors: Sequence[Expr]) -> Expr:
    """The lanes of each vector added up, 8, 4, 2, 1 apart: those of the first in lane 0, of the second in lane 1, ...

    Vectors are joined as their sums get shorter, so that few operations add something that nobody needs.
    """
    left = list(vectors)
    for apart in (8, 4, 2, 1):
        pairs = [(left[i], left[min(i + 1, len(left) - 1)]) for i in range(0, len(left), 2)]
        left = [writer.let("sums", evens(x, y, apart) + odds(x, y, apart)) for x, y in pairs]
    return left[0]
