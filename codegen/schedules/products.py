"""Sums of products as out[m, n] = sum over k of lhs[m, k] * rhs[k, n]: matrix products; tiles and blocks; epilogues."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Literal, TypeAlias

from brasa.codegen.schedules.indices import Index, coefficient, leaf
from brasa.codegen.schedules.map import Trial, output_parts, output_stores, unflatten
from brasa.codegen.schedules.values import Values, accumulator, both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bfloat16, bool_, int16, int32
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, LoopKind, add_products, bitcast, cast, const, eq, fma, joined

# An epilogue that costs more nanoseconds per vector is not unrolled with the tile.
_HEAVY_EPILOGUE = 6.0
# Lines of rhs that lie further apart than this fall on the same few places of a cache.
_FAR_BYTES = 4096
# For how many rows a copy of rhs fills half of the second cache, else a quarter; the most of it that is counted on.
_MANY_ROWS, _L2_BYTES = 96, 2 << 20
_LINES_AHEAD = 4  # how far before a line of rhs is copied it is asked for

Loop: TypeAlias = tuple[str, Size, LoopKind]


@dataclass(frozen=True)
class Panel:
    """Fast memory for a chunk's part of rhs: tiles of `width` columns, one after the other, of `tile` elements each."""

    buffer: Buffer
    width: int
    tile: int


@dataclass(frozen=True)
class Tiles:
    """`count` tiles of `size` rows (or vectors of columns), the first of them at `start`."""

    count: Size
    size: int
    start: Size


def tiles(extent: Size, most: int, rest: Sequence[int]) -> list[Tiles]:
    """Cuts an extent into tiles of at most `most`; what is left of an unknown one is cut into the sizes `rest`."""
    if isinstance(extent, int):
        number = max(1, -(-extent // most))
        size = max(1, -(-extent // number))
        whole = [Tiles(extent // size, size, 0)] if extent >= size else []
        return whole + ([Tiles(1, extent % size, extent - extent % size)] if extent % size else [])
    made: list[Tiles] = []
    start: Size = 0
    left: Size = extent
    for size in (most, *(size for size in rest if size < most)):
        made.append(Tiles(dim.floor_divide(left, size), size, start))
        left = dim.remainder(left, size)
        start = extent - left
    return made


@dataclass(frozen=True)
class Blocks:
    """An extent cut into `count` blocks of `each`, at most `size`; the last is shorter where `each` does not divide.

    unit: `each` and `size` are multiples of it.
    """

    extent: Size
    count: Size
    size: int
    each: Size
    unit: int = 1

    def start(self, number: Size) -> Size:
        return number * self.each

    def length(self, number: Size) -> Size:
        """How much of the extent a block holds."""
        if isinstance(self.extent, int) and isinstance(self.each, int) and self.extent % max(self.each, 1) == 0:
            return self.each
        return self.extent if self.count == 1 else dim.smallest(self.each, self.extent - number * self.each)


def blocks(
    extent: Size, limit: int, unit: int = 1, least: int = 0, writer: Writer | None = None, name: str = ""
) -> Blocks:
    """Cuts an extent into blocks of about `limit`, multiples of `unit`; in two for two threads, of `least` at least.

    Those of a known extent are of one size where a divisor is near, and those of an unknown one nearly of one size,
    which the kernel works out: the writer names their number and their size.
    """
    if not isinstance(extent, int):
        limit = max(limit // unit, 1) * unit
        let = writer.let_index if writer is not None else lambda _, size: size
        whole = let(f"all_{name}s", extent)
        count = dim.ceil_divide(whole, limit)
        if least:
            count = dim.largest(count, dim.smallest(2, dim.floor_divide(whole, least)))
        count = let(f"{name}_blocks", count)
        each = dim.ceil_divide(dim.ceil_divide(whole, dim.largest(count, 1)), unit) * unit
        return Blocks(extent, count, limit, let(f"{name}s_each", each))
    if least and 2 * least <= extent <= limit:
        limit = -(-extent // (2 * unit)) * unit
    if extent <= limit:
        return Blocks(extent, min(extent, 1), max(extent, 1), max(extent, 1))
    size = next((n for n in range(limit, limit // 2, -1) if extent % n == 0), limit)
    return Blocks(extent, -(-extent // size), size, size)


def pieces(extent: Size, size: int) -> Blocks:
    """Cuts an extent into blocks of that size, if it is not known to be one."""
    if isinstance(extent, int) and extent <= size:
        return Blocks(extent, min(extent, 1), max(extent, 1), max(extent, 1))
    return Blocks(extent, dim.ceil_divide(extent, size), size, size)


class Product(ABC):
    """A contraction seen as products of matrices, one for each index of `batch`.

    dtype: of the sums; factor: of what is multiplied. k is walked in `chunks`, each summed by itself. row_block: the
    most rows of a block; least_rows: of twice as many there are two blocks. left_lines: what of lhs lies together in
    memory.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        self.writer = writer
        self.node = node
        self.values = Values(writer)
        self.dtype = self.factor = accumulator(node.tensor.dtype)
        self._result: Expr | None = None
        self.values.bound[node] = lambda index, mask: self._bound()
        self._trial = Trial(writer, node.tensor.shape, self._evaluate)
        self.epilogue_cost = self._trial.cost

    batch: Sequence[tuple[str, Size]]
    rows: Size
    columns: Size
    chunks: Size
    row_block = 256
    least_rows = 0
    left_lines: Literal["rows", "columns"] = "rows"

    def enter(self, cell: Index) -> Index:
        """Where in the batch a cell is, as the other methods are told it."""
        return cell

    @abstractmethod
    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        """The loops over k inside a chunk: names and extents."""

    def walk(self, loops: Sequence[Loop], chunk: Size) -> Iterator[Index]:
        """Such loops over the steps of a chunk, of which the last may be a vector loop: where in k they are."""
        with self.writer.nest(loops) as step:
            yield step

    @abstractmethod
    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        """An element of lhs."""

    def rhs(self, cell: Index, chunk: Size, step: Index, column: Size, mask: Expr | None) -> Expr:
        """An element of rhs, where it is read as it lies."""
        raise ValueError(f"the right side of {self.node.op.name} is read from copies alone")

    def pays_to_pack(self, rows: Size) -> Expr:
        """Whether it pays to copy rhs to a panel for so many rows; then lhs is copied, too, tile by tile."""
        return const(False, bool_)

    def pack(self, cell: Index, chunk: Size, first: Size, columns: Size, panel: Panel) -> None:
        """Copy a chunk's part of rhs to a panel, zeros beyond its columns."""
        raise ValueError(f"the right side of {self.node.op.name} is not copied")

    def multiply_add(self, left: Expr, right: Expr, sum_: Expr) -> Expr:
        """left * right + sum, rounded once."""
        return fma(left, right, sum_) if self.dtype.kind == "float" else left * right + sum_

    @abstractmethod
    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        """Where the result's element is."""

    @property
    def is_heavy(self) -> bool:
        """Whether the epilogue should run in a loop of its own."""
        return self.epilogue_cost > _HEAVY_EPILOGUE

    def put(self, cell: Index, row: Size, column: Size, value: Expr, mask: Expr | None) -> None:
        """Store the outputs at an element of the result, given its sum."""
        self.put_at(self.result_index(cell, row, column), value, mask)

    def put_at(self, index: Index, value: Expr, mask: Expr | None) -> None:
        """Store the outputs at that index, given their sum."""
        self._result = value
        self.values.forget()
        self.values.put(output_stores(self.values, lambda _: index, mask))

    def operand(self, number: int, index: Index, mask: Expr | None = None) -> Expr:
        """An element of an operand, in the dtype of the sums."""
        return cast(self.values.at(self.node.operands[number], index, mask), self.dtype)

    def joint(self, number: int, axes: Sequence[int]) -> bool:
        """Whether one variable can walk these axes of an operand."""
        operand = self.node.operands[number]
        trial = Trial(self.writer, operand.tensor.shape, lambda values, index: [values.at(operand, index)])
        return len(trial.joint_groups(axes)) <= 1

    def stride(self, number: int, axis: int) -> Size | None:
        """How far apart in memory neighbours along an operand's axis are; None if not in one way."""
        operand = self.node.operands[number]
        trial = Trial(self.writer, operand.tensor.shape, lambda values, index: [values.at(operand, index)])
        steps = {coefficient(offset, str(trial.axes[axis])) for _, offset in trial.writer.loads}
        return steps.pop() if len(steps) == 1 else None

    def spread_columns(self, column: Size, axes: Sequence[int]) -> Index:
        """The index along the result's axes of a flat place in them."""
        shape = [self.node.tensor.shape[axis] for axis in axes]
        groups = self._trial.joint_groups(axes)
        if len(groups) <= 1:
            last = groups[0][-1] if groups else axes[-1]  # an axis of size 1 behind it has no place but 0
            return tuple(column if axis == last else 0 for axis in axes)
        return unflatten(self.writer.ranges, column, shape)

    def _bound(self) -> Expr:
        assert self._result is not None
        return cast(self._result, self.node.tensor.dtype)

    def _evaluate(self, values: Values, index: Index) -> list[Expr]:
        values.bound[self.node] = lambda *_: const(0, self.node.tensor.dtype)
        return output_parts(values, lambda _: index)


class MatrixProduct(Product):
    """matmul."""

    row_block = 1032
    least_rows = 16

    def __init__(self, writer: Writer, node: Node, chunk: int) -> None:
        super().__init__(writer, node)
        shape = node.tensor.shape
        self.batch = [(f"b{axis}" if axis else "b", size) for axis, size in enumerate(shape[:-2])]
        self.rows, self.columns = shape[-2:]
        self.depth = node.operands[0].tensor.shape[-1]
        self.chunk = chunk
        self.chunks = dim.largest(dim.ceil_divide(self.depth, chunk), 1)
        self.left_lines = "columns" if self.stride(0, -1) != 1 and self.stride(0, -2) == 1 else "rows"

    @property
    def most_steps(self) -> int:
        """How many steps a chunk of k has at most."""
        return max(1, min(self.depth, self.chunk)) if isinstance(self.depth, int) else self.chunk

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        return [("k", dim.smallest(self.chunk, self.depth - chunk * self.chunk))]

    def begin(self, chunk: Size, step: Size) -> Size:
        """Where in k a step begins."""
        return chunk * self.chunk + step

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        return self.operand(0, (*cell, row, self.begin(chunk, step[0])))

    def rhs(self, cell: Index, chunk: Size, step: Index, column: Size, mask: Expr | None) -> Expr:
        return self.operand(1, (*cell, self.begin(chunk, step[0]), column), mask)

    def fetch(self, number: int, cell: Index, chunk: Size, step: Size, place: Size, cache: int) -> None:
        """Bring an element of an operand, in a row of lhs or a column of rhs, into the first or second cache."""
        k = self.begin(chunk, step)
        self.values.prefetch(self.node.operands[number], (*cell, *((place, k), (k, place))[number]), cache)

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        return (*cell, row, column)

    def pays_to_pack(self, rows: Size) -> Expr:
        lhs, rhs = (operand.tensor for operand in self.node.operands)
        if self.stride(1, -1) != 1:
            return const(True, bool_)
        if (copies := self.writer.choose("copies", ("if far", "always", "never"))) != "if far":
            return const(copies == "always", bool_)
        if rhs.dtype is not self.dtype:
            return self.writer.condition(leaf(24) <= leaf(rows))
        line = self.depth if self.left_lines == "rows" else self.rows
        beyond = dim.remainder(line * lhs.dtype.itemsize, _FAR_BYTES)
        reasons = [
            self.writer.condition(reason)
            for reason in (leaf(_FAR_BYTES) <= leaf(rhs.shape[-1] * rhs.dtype.itemsize), eq(leaf(beyond), leaf(0)))
        ]
        enough = self.writer.condition(leaf(48) <= leaf(rows))
        if enough.attr is False or any(reason.attr is True for reason in reasons):
            return enough
        open_ = [reason & enough for reason in reasons if reason.op != "const"]
        return reduce(or_, open_) if open_ else const(False, bool_)

    def column_pieces(self) -> Blocks:
        """Columns in pieces, of which the second cache keeps a copy; of few rows, threads share narrower ones."""
        most = min(self.writer.target.l2_bytes, _L2_BYTES) // (2 * self.chunk * self.dtype.itemsize)
        if isinstance(self.rows, int):
            return pieces(self.columns, most if self.rows >= _MANY_ROWS else most // 2)
        let, columns = self.writer.let_index, self.writer.let_index("all_columns", self.columns)
        are_many = dim.smallest(dim.floor_divide(let("all_rows", self.rows), _MANY_ROWS), 1)
        each = let("columns_each", most // 2 * (1 + are_many))
        return Blocks(self.columns, let("column_blocks", dim.ceil_divide(columns, each)), most, each, most // 2)

    def pack(self, cell: Index, chunk: Size, first: Size, columns: Size, panel: Panel) -> None:
        writer, width = self.writer, panel.width
        whole = writer.let_index("whole_tiles", dim.floor_divide(columns, width))
        parted = writer.let_index("parted_tiles", dim.ceil_divide(columns, width) - whole)
        steps: list[Loop] = [(name, extent, "serial") for name, extent in self.steps(chunk)]

        def copy(start: Size, tile: Size, k: Size, column: Size, is_parted: bool) -> None:
            here = (start + tile) * width + column
            mask = writer.below(here, columns) if is_parted else None
            value = self.rhs(cell, chunk, (k,), first + here, mask)
            self.values.put([(panel.buffer, (start + tile) * panel.tile + k * width + column, value, None)])
            self.fetch(1, cell, chunk, k + _LINES_AHEAD, first + here, 2)

        kinds = ((0, whole, False), (whole, parted, True))
        if self.stride(1, -1) == 1:
            for (k,) in self.walk(steps, chunk):
                for start, count, is_parted in kinds:
                    with writer.nest([("tile", count, "serial"), ("column", width, "vector")]) as (tile, column):
                        copy(start, tile, k, column, is_parted)
            return
        for start, count, is_parted in kinds:  # lines of memory run along k: so few at a time stay in the cache
            with writer.nest([("tile", count, "serial"), ("column", width, "vector")]) as (tile, column):
                for (k,) in self.walk(steps, chunk):
                    copy(start, tile, k, column, is_parted)


class PairProduct(MatrixProduct):
    """matmul of bfloat16 where the target adds products of pairs: a step is a pair of neighbours in k.

    at_end: whether the pairs at hand may reach beyond the last element, and are to have zeros there.
    """

    at_end = True

    def __init__(self, writer: Writer, node: Node, chunk: int) -> None:
        super().__init__(writer, node, chunk)
        self.factor = int32

    @property
    def most_steps(self) -> int:
        return -(-super().most_steps // 2)

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        ((name, extent),) = super().steps(chunk)
        return [(name, dim.ceil_divide(extent, 2))]

    def walk(self, loops: Sequence[Loop], chunk: Size) -> Iterator[Index]:
        ((name, extent),), ((_, _, kind),) = super().steps(chunk), loops
        pairs = LANES if kind == "vector" else 1
        whole = dim.floor_divide(extent, 2 * pairs)
        rest = dim.ceil_divide(extent, 2 * pairs) - whole
        for start, count, self.at_end in ((0, whole, False), (whole, rest, True)):
            if count != 0:
                with self.writer.over(name, count) as step:
                    yield ((start + step) * pairs + (self.writer.lane if pairs > 1 else 0),)

    def begin(self, chunk: Size, step: Size) -> Size:
        return chunk * self.chunk + step * 2

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        return self._pair(0, lambda k: (*cell, row, k), self.begin(chunk, step[0]), None)

    def rhs(self, cell: Index, chunk: Size, step: Index, column: Size, mask: Expr | None) -> Expr:
        return self._pair(1, lambda k: (*cell, k, column), self.begin(chunk, step[0]), mask)

    def multiply_add(self, left: Expr, right: Expr, sum_: Expr) -> Expr:
        return add_products(left, right, sum_)

    def _pair(self, number: int, at: Callable[[Size], Index], k: Size, mask: Expr | None) -> Expr:
        """The elements of an operand at k and next to it; those of neighbouring lanes are read together."""

        def bits(place: Size, *, is_inside: bool = False) -> Expr:
            inside = None if is_inside or not self.at_end else self.writer.below(place, self.depth)
            return bitcast(self.values.at(self.node.operands[number], at(place), both(mask, inside)), int16)

        if coefficient(k, str(self.writer.lane)) == 2:
            first = k - self.writer.lane
            return joined(bits(first), bits(first + LANES))
        return cast(bits(k, is_inside=True), int32) & 0xFFFF | cast(bits(k + 1), int32) << 16


def matrix_product(writer: Writer, node: Node, chunk: int) -> MatrixProduct:
    """A matmul, as the target does it."""
    in_pairs = node.tensor.dtype is bfloat16 and writer.target.adds_products
    return (PairProduct if in_pairs else MatrixProduct)(writer, node, chunk)
