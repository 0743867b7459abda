"""Schedule of matrix products for GPUs: each block computes a tile of the result, in the order of the CPU's schedule.

Slabs of both operands, some places along k, pass through shared memory. For a chain a thread sums up several results of
its own; for a dot product 16 threads sum up the lanes of the same results, and combine them at the end of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from brasa.codegen.schedules.cuda.threads import THREADS, both, named_digits, where
from brasa.codegen.schedules.indices import coefficient
from brasa.codegen.schedules.map import Trial, output_stores
from brasa.codegen.schedules.values import Values, accumulator
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.errors import DeviceError
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local, cast, const, fma
from brasa.ir.region import anchor

_SIDE = 4  # rows, and columns, of the results that one thread sums up

# Where a result stands in a thread's registers, its row and its column.
Result: TypeAlias = tuple[tuple[Expr, ...], Size, Size]


def write_contract(writer: Writer) -> None:
    """Write the kernel of a matrix product and of what is computed from its result."""
    node = anchor(writer.region)
    assert node is not None
    if node.op.name != "matmul":
        raise DeviceError("there is no schedule of it for a GPU", op=node.op.name)
    (_Dot if node.attrs["order"] == "dot" else _Chain)(writer, node).write()


class _Chain:
    """Each thread sums up _SIDE x _SIDE results, each in one chain."""

    lanes = 1
    across = 16  # threads along each side of a tile
    depth = 16  # of a slab, along k
    chunk = 512
    own_shape: tuple[int, ...] = (_SIDE, _SIDE)  # of the results that a thread stores

    def __init__(self, writer: Writer, node: Node) -> None:
        self.writer, self.node, self.values = writer, node, Values(writer)
        self.dtype = accumulator(node.tensor.dtype)
        *self.batch, self.rows, self.columns = node.tensor.shape
        self.length = node.operands[0].tensor.shape[-1]
        self.tile = self.across * _SIDE
        self.pitch = self.tile + 1  # of a slab: neighbours along k then lie in different banks
        names = ("left_slab", "right_slab")
        self.slabs = [writer.buffer(name, self.dtype, "shared", self.depth * self.pitch) for name in names]
        self.along_k = [
            _runs_along(writer, operand, axis) for operand, axis in zip(node.operands, (-1, -2), strict=True)
        ]

    def write(self) -> None:
        """Sum up chunk by chunk, then store what is computed from the sums."""
        writer = self.writer
        with (
            writer.over("batch", dim.product(self.batch), "block") as batch,
            writer.over("tile_row", dim.ceil_divide(self.rows, self.tile), "block") as tile_row,
            writer.over("tile_column", dim.ceil_divide(self.columns, self.tile), "block") as tile_column,
            writer.over("row", self.across, "thread") as self.row,
            writer.over("column", self.across, "thread") as self.column,
            writer.over("lane", self.lanes, "thread") as self.lane,
        ):
            self.outer = named_digits(writer, "b", self.batch, batch)
            self.first_row, self.first_column = tile_row * self.tile, tile_column * self.tile
            self.thread = (self.row * self.across + self.column) * self.lanes + self.lane
            chunks = dim.ceil_divide(self.length, self.chunk)
            if isinstance(chunks, int) and chunks <= 1:
                total = self.sum_chunk(0)
            else:
                total = self.registers("total", self.own_shape)
                with writer.over("chunk", chunks) as number:
                    part = self.sum_chunk(number * self.chunk)
                    with self.each_result() as (at, _, _):
                        writer.assign(total, total[at] + part[at], at)
            self.store(total)

    def registers(self, name: str, shape: tuple[int, ...]) -> Local:
        return self.writer.local(name, self.dtype, 0, shape=shape)

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

    def sum_chunk(self, begin: Size) -> Local:
        """The sums of the products of one chunk of k."""
        writer = self.writer
        part = self.registers("part", (_SIDE, _SIDE))
        length = dim.smallest(self.chunk, self.length - begin)
        with writer.over("slab", dim.ceil_divide(length, self.depth)) as number:
            start = begin + number * self.depth
            self.load_slab(0, start)
            self.load_slab(1, start)
            writer.barrier()
            steps = dim.smallest(self.depth // self.lanes, dim.ceil_divide(self.length - start, self.lanes))
            with writer.over("step", steps) as step:
                self.multiply(part, step * self.lanes + self.lane)
            writer.barrier()
        return part

    def load_slab(self, side: int, start: Size) -> None:
        """Copy places along k of one operand to shared memory; zeros stand for what lies outside of it."""
        writer, operand = self.writer, self.node.operands[side]
        first, extent = [(self.first_row, self.rows), (self.first_column, self.columns)][side]
        with writer.over("part", self.depth * self.tile // THREADS, "unrolled") as part:
            number = part * THREADS + self.thread
            if self.along_k[side]:
                across, k = named_digits(writer, "at", (self.tile, self.depth), number)
            else:
                k, across = named_digits(writer, "at", (self.depth, self.tile), number)
            place = (first + across, start + k) if side == 0 else (start + k, first + across)
            inside = both(writer.below(first + across, extent), writer.below(start + k, self.length))
            value = cast(self.values.at(operand, (*self.outer, *place), inside), self.dtype)  # a masked load gives 0
            (value,) = self.values.settle([value])
            writer.store(self.slabs[side], writer.expr(k * self.pitch + across), value)

    def multiply(self, part: Local, k: Size) -> None:
        """Add the products at one place along k to this thread's sums."""
        writer = self.writer
        sides = [self.registers(name, (_SIDE,)) for name in ("left", "right")]
        for slab, local, own in zip(self.slabs, sides, (self.row, self.column), strict=True):
            with writer.over("i", _SIDE, "unrolled") as i:
                writer.assign(local, slab.load(writer.expr(k * self.pitch + i * self.across + own)), (writer.expr(i),))
        with self.square() as (at, _, _):
            left, right = sides[0][at[0]], sides[1][at[1]]
            added = fma(left, right, part[at]) if self.dtype.kind == "float" else part[at] + left * right
            writer.assign(part, added, at)

    def store(self, total: Local) -> None:
        """Store what the region computes from this thread's results."""
        writer = self.writer
        with self.each_result() as (at, row, column):
            self.values.bound[self.node] = lambda index, mask: cast(total[at], self.node.tensor.dtype)
            with where(writer, writer.below(row, self.rows), writer.below(column, self.columns)):
                index = (*self.outer, row, column)
                self.values.put(output_stores(self.values, lambda _: index))


class _Dot(_Chain):
    """LANES threads sum up the lanes of _SIDE x _SIDE results each; every thread then has one result of the tile."""

    lanes, across, depth, chunk = LANES, 4, 32, 4096
    own_shape = ()

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self.lane_sums: Buffer = writer.buffer("lane_sums", self.dtype, "shared", self.tile * self.tile * LANES)

    @contextmanager
    def each_result(self) -> Iterator[Result]:
        yield (), self.first_row + self.row * self.across + self.column, self.first_column + self.lane

    def sum_chunk(self, begin: Size) -> Local:
        writer, part = self.writer, super().sum_chunk(begin)
        with self.square() as (at, row, column):
            writer.store(self.lane_sums, self.lane_place(row, column), part[at])
        writer.barrier()
        with writer.over("level", LANES.bit_length() - 1) as level:
            apart = const(LANES // 2, int64) >> writer.expr(level)
            with writer.when(writer.expr(self.lane) < apart), self.square() as (_, row, column):
                near = self.lane_place(row, column)
                writer.store(self.lane_sums, near, self.lane_sums.load(near) + self.lane_sums.load(near + apart))
            writer.barrier()
        return writer.local("sum", self.dtype, self.lane_sums.load(writer.expr(self.thread * LANES)))

    def lane_place(self, row: Size, column: Size) -> Expr:
        """Where this thread's lane of a result of the tile lies in shared memory."""
        return self.writer.expr((row * self.tile + column) * LANES + self.lane)


def _runs_along(writer: Writer, operand: Node, axis: int) -> bool:
    """Whether neighbours along the axis are neighbours in memory."""
    trial = Trial(writer, operand.tensor.shape, lambda values, index: [values.at(operand, index)])
    index = trial.axes[axis]
    return index is None or all(coefficient(offset, str(index)) == 1 for _, offset in trial.writer.loads)
