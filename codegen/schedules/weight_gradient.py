"""Weight gradients of convolutions as products: output gradients times patches, summed in lanes along the positions.

One partial sum for each 8 samples; in it, lane l adds the positions l, l + 16, ... of one sample after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from brasa.codegen.schedules.old_patches import Lines, Patches
from brasa.codegen.schedules.patches import window_of
from brasa.codegen.schedules.dot import Dot
from brasa.codegen.schedules.indices import Index, leaf
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.products import Product, tiles
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local

SAMPLES = 8
# Rows of a block, and its columns: fewer where there are few rows, for threads to share.
_ROW_BLOCK, _COLUMN_BLOCK, _FEW_ROWS = 128, 48, 32
_TOGETHER = 8  # elements whose lanes are added up at a time
# So many positions of a sample are done at a time; where all samples of a partial have fewer, they are done together.
_POSITIONS = 1024


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
        self.patches = Patches(writer, node, self.spatial, x[2:], forward=True)
        self.is_flat = self.joint(1, range(2, len(g)))

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        return [("sample", dim.smallest(SAMPLES, self.samples - chunk * SAMPLES)), ("position", self.positions)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        sample, position = step
        flat = (*[0] * (len(self.spatial) - 1), position)
        at = flat if self.is_flat else unflatten(self.writer.ranges, position, self.spatial)
        return self.operand(1, (chunk * SAMPLES + sample, cell[0] * self.rows + row, *at))

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        axes = range(1, self.node.tensor.rank)
        return (cell[0] * self.rows + row, *self.spread_columns(column, axes))

    def pack(self, cell: Index, sample: Size, column: Size, lines: Lines, panel: Buffer, start: Size) -> None:
        """Copy what a column of the product sees in a sample at some positions."""
        channel, *tap = unflatten(self.writer.ranges, column, (self.channels, *self.window))
        here = (sample, cell[0] * self.channels + channel)

        def load(index: Index, mask: Expr | None) -> Expr:
            return self.operand(0, (*here, *index), mask)

        self.patches.copy(self.values, load, tuple(tap), lines, panel, start)


class WeightGradient(Dot):
    """Writes the loops: patches are copied to a panel, for a whole partial sum where it is small, else part by part.

    together: whether a whole partial sum is being written.
    """

    def __init__(self, product: WeightProduct) -> None:
        self.weights = product
        few = isinstance(product.rows, int) and product.rows <= _FEW_ROWS
        super().__init__(product, _POSITIONS, _ROW_BLOCK, _COLUMN_BLOCK // 2 if few else _COLUMN_BLOCK)
        most = product.positions * SAMPLES
        self.is_small = self.writer.condition(leaf(most) <= leaf(_POSITIONS))
        self.step = (most if isinstance(most, int) and most <= _POSITIONS else _POSITIONS) + LANES
        self.together = False

    def chunk(self, chunk: Size) -> None:
        """Add a partial sum to the total."""
        self.panel = self.writer.buffer("panel", self.product.dtype, "stack", self.column_blocks.size * self.step)
        if self.is_small.attr is not False:
            with self.writer.when(self.is_small):
                self._whole_chunk(chunk)
        if self.is_small.attr is not True:
            with self.writer.when(~self.is_small):
                self._parted_chunk(chunk)

    def _whole_chunk(self, chunk: Size) -> None:
        writer, product, self.together = self.writer, self.weights, True
        (_, samples), _ = product.steps(chunk)
        lines = product.patches.lines(0, product.positions)
        with writer.over("column", self.columns) as column, writer.over("sample", samples) as sample:
            start = column * self.step + sample * product.positions
            self._pack(chunk, sample, column, lines, start)
        super().chunk(chunk)
        self.together = False

    def _parted_chunk(self, chunk: Size) -> None:
        writer, product = self.writer, self.weights
        (_, samples), _ = product.steps(chunk)
        extent = self.row_blocks.size * self.column_blocks.size * LANES
        self.lanes = writer.buffer("lanes", product.dtype, "stack", extent)
        with writer.over("row", self.rows) as row, writer.over("column", self.columns) as column:
            writer.store(self.lanes, self._lanes(row, column), 0)
        parts = dim.ceil_divide(product.positions, _POSITIONS)
        with writer.over("sample", samples) as sample, writer.over("part", parts) as part:
            first = part * _POSITIONS
            count = writer.let_index("count", dim.smallest(_POSITIONS, product.positions - first))
            lines = product.patches.lines(first, count)
            with writer.over("column", self.columns) as column:
                self._pack(chunk, sample, column, lines, column * self.step)
            self._sample, self._first = sample, first
            for tile in self.each_tile():
                self.tile(tile, chunk, [("position", count)])
        with writer.over("row", self.rows) as row:
            for across in tiles(self.columns, _TOGETHER, (1,)):
                with writer.over("columns", across.count) as number:
                    column = across.start + number * across.size
                    loads = [self.lanes.load(self._lanes(row, column + j)) for j in range(across.size)]
                    self.add(row, column, [writer.let("lanes", load) for load in loads])

    def begin_sums(self, tile: tuple[Size, Size, int, int]) -> Local:
        if self.together:
            return super().begin_sums(tile)
        sums = Local(self.writer.unique("sum"), self.product.dtype, tile[2:], LANES)
        with self.elements_of(tile) as (i, j, row, column):
            self.writer.assign(sums, self.lanes.load(self._lanes(row, column)), (i, j))
        return sums

    def end_sums(self, tile: tuple[Size, Size, int, int], sums: Local) -> None:
        if self.together:
            super().end_sums(tile, sums)
            return
        with self.elements_of(tile) as (i, j, row, column):
            self.writer.store(self.lanes, self._lanes(row, column), sums[i, j])

    def left(self, chunk: Size, step: Index, row: Size) -> Expr:
        if not self.together:
            step = (self._sample, self._first + step[0])
        return super().left(chunk, step, row)

    def right(self, chunk: Size, step: Index, column: Size) -> Expr:
        inside = step[0] * self.weights.positions + step[1] if self.together else step[0]
        return self.panel.load(self.writer.expr(column * self.step + inside))

    def _pack(self, chunk: Size, sample: Size, column: Size, lines: Lines, start: Size) -> None:
        where = chunk * SAMPLES + sample
        self.weights.pack(self.cell, where, self.first_column + column, lines, self.panel, start)

    def _lanes(self, row: Size, column: Size) -> Expr:
        place = (row * self.column_blocks.size + column) * LANES
        return self.writer.expr(place + self.writer.lane)
