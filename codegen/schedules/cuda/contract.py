"""Schedule of contract regions for GPUs: each block computes a tile of the result, in the order of the CPU's schedule.

Slabs of both operands, some steps of a chunk, pass through shared memory. For a chain a thread sums up several results
of its own; for a dot product 16 threads sum up the lanes of the same results, and combine them at the end of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from brasa.codegen.schedules.chain import zero
from brasa.codegen.schedules.contract import CHAIN_CHUNK, DOT_CHUNK
from brasa.codegen.schedules.cuda.patches import GatheredConvolution, GatheredWeights
from brasa.codegen.schedules.cuda.threads import THREADS, both, named_digits, where
from brasa.codegen.schedules.indices import Index, coefficient
from brasa.codegen.schedules.map import Trial, unflatten
from brasa.codegen.schedules.products import MatrixProduct, Product
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Expr, Local, const

_SIDE = 4  # rows, and columns, of the results that one thread sums up

# Where a result stands in a thread's registers, its row and its column.
Result: TypeAlias = tuple[tuple[Expr, ...], Size, Size]


def write_contract(writer: Writer) -> None:
    """Write the kernel of a contract region."""
    node = writer.anchor
    if node.op.name == "matmul" and node.attrs["order"] == "dot":
        _Dot(MatrixProduct(writer, node, DOT_CHUNK), _sides(writer, node)).write()
    elif node.op.name == "matmul":
        _Chain(MatrixProduct(writer, node, CHAIN_CHUNK), _sides(writer, node)).write()
    elif node.op.name == "conv_weight_grad":
        _Dot(GatheredWeights(writer, node), (True, True)).write()
    else:
        _Chain(GatheredConvolution(writer, node), (True, False)).write()


def _sides(writer: Writer, node: Node) -> tuple[bool, bool]:
    """For both operands, whether neighbours along k are neighbours in memory."""

    def runs_along(operand: Node, axis: int) -> bool:
        trial = Trial(writer, operand.tensor.shape, lambda values, index: [values.at(operand, index)])
        index = trial.axes[axis]
        return index is None or all(coefficient(offset, str(index)) == 1 for _, offset in trial.writer.loads)

    return runs_along(node.operands[0], -1), runs_along(node.operands[1], -2)


class _Chain:
    """Each thread sums up _SIDE x _SIDE results, each in one chain."""

    lanes = 1
    across = 16  # threads along each side of a tile
    depth = 16  # steps in a slab
    own_shape: tuple[int, ...] = (_SIDE, _SIDE)  # of the results that a thread stores

    def __init__(self, product: Product, along_steps: tuple[bool, bool]) -> None:
        self.product, self.writer, self.along_steps = product, product.writer, along_steps
        self.tile = self.across * _SIDE
        self.pitch = self.tile + 1  # of a slab: neighbouring steps then lie in different banks
        names, extent = ("left_slab", "right_slab"), self.depth * self.pitch
        self.slabs = [self.writer.buffer(name, product.dtype, "shared", extent) for name in names]

    def write(self) -> None:
        """Sum up chunk by chunk, then store what is computed from the sums."""
        writer, product = self.writer, self.product
        extents = [extent for _, extent in product.batch]
        with (
            writer.over("batch", dim.product(extents), "block") as batch,
            writer.over("tile_row", dim.ceil_divide(product.rows, self.tile), "block") as tile_row,
            writer.over("tile_column", dim.ceil_divide(product.columns, self.tile), "block") as tile_column,
            writer.over("row", self.across, "thread") as self.row,
            writer.over("column", self.across, "thread") as self.column,
            writer.over("lane", self.lanes, "thread") as self.lane,
        ):
            self.cell = named_digits(writer, "b", extents, batch)
            self.first_row, self.first_column = tile_row * self.tile, tile_column * self.tile
            self.thread = (self.row * self.across + self.column) * self.lanes + self.lane
            if product.chunks == 1:
                self.store(self.sum_chunk(0))
                return
            total = writer.local("total", product.dtype, zero(product.dtype), shape=self.own_shape)
            with writer.over("chunk", product.chunks) as chunk:
                part = self.sum_chunk(chunk)
                with self.each_result() as (at, _, _):
                    writer.assign(total, total[at] + part[at], at)
            self.store(total)

    @contextmanager
    def each_result(self) -> Iterator[Result]:
        """The results that this thread stores."""
        with self.square() as (at, row, column):
            yield at, self.first_row + row, self.first_column + column

    @contextmanager
    def square(self) -> Iterator[Result]:
        """The results that this thread sums up, with their places in the tile."""
        with self.writer.over("i", _SIDE, "unrolled") as i, self.writer.over("j", _SIDE, "unrolled") as j:
            at = self.writer.expr(i), self.writer.expr(j)
            yield at, i * self.across + self.row, j * self.across + self.column

    def steps(self, chunk: Size) -> list[Size]:
        """The extents of the loops over a chunk; the last one goes on until all lanes have done as much."""
        *outer, last = [extent for _, extent in self.product.steps(chunk)]
        return [*outer, dim.ceil_divide(last, self.lanes) * self.lanes]

    def step_at(self, chunk: Size, number: Size) -> tuple[Index, Expr | None]:
        """A step of a chunk, and whether the product has it; None where that is certain."""
        step = unflatten(self.writer.ranges, number, self.steps(chunk))
        extents = [extent for _, extent in self.product.steps(chunk)]
        return step, self.writer.below(step[-1], extents[-1]) if self.lanes > 1 else None

    def sum_chunk(self, chunk: Size) -> Local:
        """The sums of the products of one chunk."""
        writer = self.writer
        part = writer.local("part", self.product.dtype, 0, shape=(_SIDE, _SIDE))
        length = dim.product(self.steps(chunk))
        with writer.over("slab", dim.ceil_divide(length, self.depth)) as slab:
            start = slab * self.depth
            for side in (0, 1):
                self.load_slab(side, chunk, start, length)
            writer.barrier()
            rounds = dim.smallest(self.depth // self.lanes, dim.ceil_divide(length - start, self.lanes))
            with writer.over("round", rounds) as round_:
                place = round_ * self.lanes + self.lane
                _, inside = self.step_at(chunk, start + place)
                with where(writer, inside):
                    self.multiply(part, place)
            writer.barrier()
        return part

    def load_slab(self, side: int, chunk: Size, start: Size, length: Size) -> None:
        """Copy the elements of one operand at some steps of a chunk to shared memory."""
        writer, product = self.writer, self.product
        first, extent = [(self.first_row, product.rows), (self.first_column, product.columns)][side]
        with writer.over("piece", self.depth * self.tile // THREADS, "unrolled") as piece:
            number = piece * THREADS + self.thread
            if self.along_steps[side]:
                across, place = named_digits(writer, "at", (self.tile, self.depth), number)
            else:
                place, across = named_digits(writer, "at", (self.depth, self.tile), number)
            line = first + across
            if writer.below(line, extent) is not None:  # what lies beyond the last row or column is not stored
                line = dim.smallest(line, extent - 1)
            step, inside = self.step_at(chunk, start + place)
            if inside is None or len(step) > 1:
                inside = both(writer.below(start + place, length), inside)
            with where(writer, inside):
                if side == 0:
                    value = product.lhs(self.cell, line, chunk, step)
                else:
                    value = product.rhs(self.cell, chunk, step, line, None)
                (value,) = product.values.settle([value])
                writer.store(self.slabs[side], writer.expr(place * self.pitch + across), value)

    def multiply(self, part: Local, place: Size) -> None:
        """Add the products of one step, at a place of the slabs, to this thread's sums."""
        writer = self.writer
        sides = [writer.local(name, self.product.dtype, 0, shape=(_SIDE,)) for name in ("left", "right")]
        for slab, local, own in zip(self.slabs, sides, (self.row, self.column), strict=True):
            with writer.over("i", _SIDE, "unrolled") as i:
                value = slab.load(writer.expr(place * self.pitch + i * self.across + own))
                writer.assign(local, value, (writer.expr(i),))
        with self.square() as (at, _, _):
            writer.assign(part, self.product.multiply_add(sides[0][at[0]], sides[1][at[1]], part[at]), at)

    def store(self, total: Local) -> None:
        """Store what the region computes from this thread's results."""
        writer, product = self.writer, self.product
        with self.each_result() as (at, row, column):
            inside = both(writer.below(row, product.rows), writer.below(column, product.columns))
            with where(writer, inside):
                product.put(self.cell, row, column, total[at], None)


class _Dot(_Chain):
    """LANES threads sum up the lanes of _SIDE x _SIDE results each; every thread then has one result of the tile."""

    lanes, across, depth = LANES, 4, 32
    own_shape = ()

    def __init__(self, product: Product, along_steps: tuple[bool, bool]) -> None:
        super().__init__(product, along_steps)
        self.lane_sums = self.writer.buffer("lane_sums", product.dtype, "shared", self.tile * self.tile * LANES)

    @contextmanager
    def each_result(self) -> Iterator[Result]:
        yield (), self.first_row + self.row * self.across + self.column, self.first_column + self.lane

    def sum_chunk(self, chunk: Size) -> Local:
        writer, part = self.writer, super().sum_chunk(chunk)
        with self.square() as (at, row, column):
            writer.store(self.lane_sums, self.lane_place(row, column), part[at])
        writer.barrier()
        with writer.over("level", LANES.bit_length() - 1) as level:
            apart = const(LANES // 2, int64) >> writer.expr(level)
            with writer.when(writer.expr(self.lane) < apart), self.square() as (_, row, column):
                near = self.lane_place(row, column)
                writer.store(self.lane_sums, near, self.lane_sums.load(near) + self.lane_sums.load(near + apart))
            writer.barrier()
        return writer.local("sum", self.product.dtype, self.lane_sums.load(writer.expr(self.thread * LANES)))

    def lane_place(self, row: Size, column: Size) -> Expr:
        """Where this thread's lane of a result of the tile lies in shared memory."""
        return self.writer.expr((row * self.tile + column) * LANES + self.lane)
