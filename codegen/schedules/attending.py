"""Rows that meet columns: what attention and its gradients share. A block of rows per thread, columns tile by tile.

Rows are queries and columns keys, or the other way round for the gradients by keys and values. What all rows of a head
share is first copied: once with columns along the lanes, for the products of rows and columns, and once as it lies, for
the sums over columns. Then a few rows at a time meet a tile of columns: products, weights, sums. Every sum runs over
one tile after the other, so its order depends on the number of columns alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.products import tiles
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_, float32
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, Local, cast, const, fma, select
from brasa.ir.philox import philox_expr
from brasa.ir.program import Place

TILE = 64  # columns that meet a row at a time
ROWS = 4  # rows that meet a tile together
BLOCK = 64  # rows of a thread's piece of work
_FLOPS_PER_NANOSECOND = 40


class Sums(NamedTuple):
    """Sums over columns for each row: of their own weights times lines of `width` numbers, kept in fast memory."""

    lines: Buffer
    weights: Buffer
    totals: Buffer
    width: int

    @property
    def pitch(self) -> int:
        """From one line to the next: whole vectors."""
        return -(-self.width // LANES) * LANES


class Attending(ABC):
    """What the three have in common."""

    rows_are_queries = True
    mask_operand = 3

    def __init__(self, writer: Writer) -> None:
        self.writer, self.node, self.values = writer, writer.anchor, Values(writer)
        self.attrs, self.dtype = self.node.attrs, self.node.tensor.dtype
        self.queries, self.keys = self.node.operands[0], self.node.operands[1]
        self.lead = self.queries.tensor.shape[:-2]
        self.lengths = (self.queries.tensor.shape[-2], self.keys.tensor.shape[-2])
        self.rows, self.columns = self.lengths if self.rows_are_queries else self.lengths[::-1]
        self.tiles = dim.ceil_divide(self.columns, TILE)
        self.vectors = 4 if 3 * writer.target.vectors(self.dtype) >= 4 * 4 * ROWS else 1
        self.cell: Index = ()
        self.flat: Size = 0
        self.start: Size = 0
        self.extent: Size = 0

    # Memory

    def width_of(self, node: Node) -> int:
        """The constant number of features of an operand."""
        width = node.tensor.shape[-1]
        assert isinstance(width, int), "features are constants"
        return width

    def _each_tile(self) -> list[tuple[str, Size]]:
        return [*((f"b{axis}", size) for axis, size in enumerate(self.lead)), ("tile", self.tiles)]

    def copied_across(self, name: str, node: Node) -> Buffer:
        """An operand with its columns' places along the lanes: [..., tile, feature, place in the tile]."""
        writer, width = self.writer, self.width_of(node)
        buffer = writer.scratch(name, self.dtype, dim.product(self.lead) * self.tiles * width * TILE)
        with writer.cells(self._each_tile(), 0.5 * width, TILE) as (*cell, tile):
            base = writer.let_index("base", flatten((*cell, tile), [*self.lead, self.tiles]) * (width * TILE))
            with writer.over("x", width) as x, writer.over("c", TILE, "vector") as c:
                value = self._inside(node, (*cell, tile * TILE + c, x), self.columns)
                self.values.put([(buffer, base + x * TILE + c, value, None)])
        self.values.forget()
        return buffer

    def copied(self, name: str, node: Node) -> Buffer:
        """An operand's lines one after the other, each of whole vectors, zeros up to the end of the last tile."""
        writer, width = self.writer, self.width_of(node)
        pitch = -(-width // LANES) * LANES
        buffer = writer.scratch(name, self.dtype, dim.product(self.lead) * self.tiles * TILE * pitch)
        with writer.cells(self._each_tile(), 0.1 * pitch, TILE) as (*cell, tile):
            base = writer.let_index("base", flatten((*cell, tile), [*self.lead, self.tiles]) * (TILE * pitch))
            with writer.over("c", TILE) as c, writer.over("x", pitch, "vector") as x:
                value = self._inside(node, (*cell, tile * TILE + c, x), self.columns, width)
                self.values.put([(buffer, base + c * pitch + x, value, None)])
        self.values.forget()
        return buffer

    def _inside(self, node: Node, index: Index, length: Size, width: int | None = None) -> Expr:
        """An element, 0 beyond the length of its axis (and beyond its width)."""
        masks = [self.writer.below(index[-2], length), None if width is None else self.writer.below(index[-1], width)]
        mask: Expr | None = None
        for each in masks:
            mask = each if mask is None else mask if each is None else mask & each
        value = self.values.at(node, index, mask)
        return value if mask is None else select(mask, value, 0.0)

    def own_rows(self, name: str, node: Node) -> Buffer:
        """The rows of the block, one after the other, zeros behind the last."""
        writer, width = self.writer, self.width_of(node)
        buffer = writer.buffer(name, self.dtype, "stack", max(1, BLOCK * width))
        with writer.over("i", self.extent * ROWS) as i, writer.over("x", width, "vector") as x:
            value = self._inside(node, (*self.cell, self.start + i, x), self.rows)
            self.values.put([(buffer, i * width + x, value, None)])
        return buffer

    def own_numbers(self, name: str, node: Node) -> Buffer:
        """A number for each row of the block, 0 behind the last."""
        writer = self.writer
        buffer = writer.buffer(name, self.dtype, "stack", BLOCK)
        with writer.over("i", self.extent * ROWS, "vector") as i:
            mask = writer.below(self.start + i, self.rows)
            value = self.values.at(node, (*self.cell, self.start + i), mask)
            self.values.put([(buffer, i, value if mask is None else select(mask, value, 0.0), None)])
        return buffer

    def filled(self, name: str, extent: int, value: float) -> Buffer:
        """Fast memory of one value."""
        buffer = self.writer.buffer(name, self.dtype, "stack", extent)
        with self.writer.over("x", extent, "vector") as x:
            self.writer.store(buffer, self.writer.expr(x), value)
        return buffer

    # Loops

    def write(self) -> None:
        """Write the kernel."""
        self.prepare()
        writer = self.writer
        axes = [*self._each_tile()[:-1], ("block", dim.ceil_divide(self.rows, BLOCK))]
        width = self.node.tensor.shape[-1]
        assert isinstance(width, int)
        cost = 4.0 * BLOCK * TILE * width / _FLOPS_PER_NANOSECOND
        with writer.cells(axes, cost, dim.largest(self.tiles, 1)) as (*cell, block):
            self.values.forget()
            self.cell = tuple(cell)
            self.flat = writer.let_index("head", flatten(cell, self.lead))
            self.start = writer.let_index("start", block * BLOCK)
            count = dim.smallest(BLOCK, self.rows - self.start)
            self.extent = writer.let_index("groups", dim.ceil_divide(count, ROWS), BLOCK // ROWS + 1)
            self.begin()
            begin, number = self._seen_tiles(count)
            with writer.over("tile", number) as step, writer.over("group", self.extent) as group:
                self.values.forget()
                self.meet(begin + step, group)
            self.values.forget()
            with writer.over("i", writer.let_index("own", count, BLOCK + 1)) as i:
                self.finish(i)

    def _seen_tiles(self, count: Size) -> tuple[Size, Size]:
        """The first tile that a row of the block sees or is seen from, and how many there are from it on."""
        if not self.attrs["causal"]:
            return 0, self.tiles
        if self.rows_are_queries:
            seen = dim.floor_divide(self.start + count - 1, TILE) + 1
            return 0, self.writer.let_index("seen", dim.smallest(self.tiles, seen))
        begin = self.writer.let_index("begin", dim.smallest(dim.floor_divide(self.start, TILE), self.tiles))
        return begin, self.tiles - begin

    def products(self, left: Buffer, columns: Buffer, width: int, tile: Size, group: Size, into: Buffer) -> None:
        """Sums over the features of the group's rows times the tile's columns."""
        writer, vectors = self.writer, self.vectors
        base = writer.let_index("base", (self.flat * self.tiles + tile) * (width * TILE))
        with writer.over("part", TILE // LANES // vectors) as part:
            sums = writer.local("sum", self.dtype, 0, lanes=LANES, shape=(ROWS, vectors))
            right = Local(writer.unique("right"), self.dtype, (vectors,), LANES)
            place = part * (vectors * LANES) + writer.lane
            with writer.over("x", width) as x:
                with writer.over("v", vectors, "unrolled") as v:
                    at = writer.expr(base + x * TILE + place + v * LANES)
                    writer.assign(right, columns.load(at), (writer.expr(v),))
                with writer.over("i", ROWS, "unrolled") as i:
                    value = writer.let("left", left.load(writer.expr((group * ROWS + i) * width + x)))
                    with writer.over("v", vectors, "unrolled") as v:
                        spot = (writer.expr(i), writer.expr(v))
                        writer.assign(sums, fma(value, right[spot[1]], sums[spot]), spot)
            with writer.over("i", ROWS, "unrolled") as i, writer.over("v", vectors, "unrolled") as v:
                at = writer.expr(i * TILE + place + v * LANES)
                writer.store(into, at, sums[writer.expr(i), writer.expr(v)])

    def add(self, sums: Sums, tile: Size, group: Size, scale: Buffer | None = None) -> None:
        """Add the weighed lines of a tile's columns to the totals of the group's rows, these scaled first."""
        writer, pitch = self.writer, sums.pitch
        base = writer.let_index("line", (self.flat * self.tiles + tile) * (TILE * pitch))
        for piece in tiles(pitch // LANES, self.vectors, ()):
            with writer.over("piece", piece.count) as number:
                shape = (ROWS, piece.size)
                totals = Local(writer.unique("total"), self.dtype, shape, LANES)
                right = Local(writer.unique("right"), self.dtype, (piece.size,), LANES)
                place = (piece.start + number * piece.size) * LANES + writer.lane
                with writer.over("i", ROWS, "unrolled") as i, writer.over("v", piece.size, "unrolled") as v:
                    old = sums.totals.load(writer.expr((group * ROWS + i) * pitch + place + v * LANES))
                    value = old if scale is None else old * scale.load(writer.expr(i))
                    writer.assign(totals, value, (writer.expr(i), writer.expr(v)))
                with writer.over("c", TILE) as c:
                    with writer.over("v", piece.size, "unrolled") as v:
                        at = writer.expr(base + c * pitch + place + v * LANES)
                        writer.assign(right, sums.lines.load(at), (writer.expr(v),))
                    with writer.over("i", ROWS, "unrolled") as i:
                        weight = writer.let("weight", sums.weights.load(writer.expr(i * TILE + c)))
                        with writer.over("v", piece.size, "unrolled") as v:
                            spot = (writer.expr(i), writer.expr(v))
                            writer.assign(totals, fma(weight, right[spot[1]], totals[spot]), spot)
                with writer.over("i", ROWS, "unrolled") as i, writer.over("v", piece.size, "unrolled") as v:
                    at = writer.expr((group * ROWS + i) * pitch + place + v * LANES)
                    writer.store(sums.totals, at, totals[writer.expr(i), writer.expr(v)])

    # Elements

    def pair(self, tile: Size, group: Size, row: Size, column: Size) -> tuple[Size, Size, Expr | None]:
        """The query and the key that a row of the group and a column of the tile are; and whether both are there."""
        own, other = self.start + group * ROWS + row, tile * TILE + column
        inside = self.writer.below(other, self.columns)
        there = self.writer.below(own, self.rows)
        if there is not None:
            inside = there if inside is None else inside & there
        return (own, other, inside) if self.rows_are_queries else (other, own, inside)

    def seen(self, score: Expr, pair: tuple[Size, Size, Expr | None]) -> Expr:
        """The score with the mask added; -inf where the query does not see the key."""
        query, key, inside = pair
        if self.attrs["masked"]:
            mask = self.node.operands[self.mask_operand]
            value = self.values.at(mask, (*self.cell, query, key), inside)
            score = select(value, score, float("-inf")) if mask.tensor.dtype is bool_ else score + value
        if self.attrs["causal"]:
            score = select(self.writer.before(key, query + 1), score, float("-inf"))
        return score if inside is None else select(inside, score, float("-inf"))

    def kept(self, weight: Expr, pair: tuple[Size, Size, Expr | None]) -> Expr:
        """What is left of a weight: 0 if it is dropped, else more, to make up for those."""
        if not self.attrs["dropped"]:
            return weight
        seed, call, chance = (self.values.at(each, ()) for each in self.node.operands[-3:])
        element = (self.flat * self.lengths[0] + pair[0]) * self.lengths[1] + pair[1]
        bits = philox_expr(seed, call, self.writer.expr(element), word=0, draw=0)
        share = cast(cast(bits >> 8, float32) * 2.0**-24, self.dtype)
        rest = const(1.0, self.dtype) / (const(1.0, self.dtype) - chance)
        return weight * select(share >= chance, rest, 0.0)

    # What the three do

    @abstractmethod
    def prepare(self) -> None:
        """Copy what all rows share."""

    @abstractmethod
    def begin(self) -> None:
        """Get ready for a block of rows."""

    @abstractmethod
    def meet(self, tile: Size, group: Size) -> None:
        """Let a group of rows meet a tile of columns."""

    @abstractmethod
    def finish(self, row: Size) -> None:
        """Store what came out for a row of the block."""

    def put(self, sums: Sums, row: Size, column: int, scale: Expr | None = None) -> None:
        """Store a row's totals from that column of the result on."""
        writer, out = self.writer, Place("output", 0)
        with writer.over("x", sums.width, "vector") as x:
            value = sums.totals.load(writer.expr(row * sums.pitch + x))
            index = (*self.cell, self.start + row, column + x)
            value = value if scale is None else value * scale
            self.values.put([(writer.buffer_of(out), writer.offset(out, index), value, None)])
