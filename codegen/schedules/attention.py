"""Schedule of attend regions: attention by a running maximum and sum, and its gradients from weights made again."""

from __future__ import annotations

from collections.abc import Callable

from brasa.codegen.schedules.attending import BLOCK, ROWS, TILE, Attending, Sums
from brasa.codegen.schedules.values import body_of
from brasa.codegen.schedules.writer import Writer
from brasa.ir import mathematics
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Buffer, Expr, const, eq, first, fma, maximum, select, shifted
from brasa.ir.program import Place


def write_attention(writer: Writer) -> None:
    """Write the kernel of an attend region."""
    side = body_of(writer.anchor)()
    kinds: dict[str, Callable[[Writer], Attending]] = {
        "values": Forward, "queries": QueryGradient, "keys": KeyGradient
    }  # fmt: skip
    kinds[side](writer).write()


class Forward(Attending):
    """The result and the logarithms, by a running maximum and sum."""

    def prepare(self) -> None:
        self.across = self.copied_across("keys", self.keys)
        self.lines = self.copied("lines", self.node.operands[2])

    def begin(self) -> None:
        writer, width = self.writer, self.width_of(self.node.operands[2])
        self.left = self.own_rows("rows", self.queries)
        self.tops = self.filled("tops", BLOCK, float("-inf"))
        self.totals = self.filled("totals", BLOCK, 0.0)
        self.scores, self.scale = (
            writer.buffer(name, self.dtype, "stack", extent)
            for name, extent in (("scores", ROWS * TILE), ("scale", LANES))
        )
        pitch = max(LANES, -(-width // LANES) * LANES)
        self.sums = Sums(self.lines, self.scores, self.filled("results", BLOCK * pitch, 0.0), width)

    def meet(self, tile: Size, group: Size) -> None:
        self.products(self.left, self.across, self.width_of(self.queries), tile, group, self.scores)
        with self.writer.over("i", ROWS) as i:
            self._weigh(tile, group, i)
        self.add(self.sums, tile, group, self.scale)

    def _weigh(self, tile: Size, group: Size, row: Size) -> None:
        """Turn a row's scores into weights, by the greatest score so far; say what earlier sums are scaled by."""
        writer, values = self.writer, self.values
        values.forget()
        places = [row * TILE + n * LANES + writer.lane for n in range(TILE // LANES)]
        pairs = [self.pair(tile, group, row, n * LANES + writer.lane) for n in range(TILE // LANES)]
        scores = [
            values.name("score", self.seen(self.scores.load(writer.expr(place)), pair))
            for place, pair in zip(places, pairs, strict=True)
        ]
        own = writer.expr(group * ROWS + row)
        before = writer.let("before", self.tops.load(own))
        top = writer.let("top", maximum(before, first(self._folded(scores, maximum))))
        shift = writer.let("shift", select(eq(top, float("-inf")), const(0.0, self.dtype), top))
        weights = [values.name("weight", mathematics.exp(score - shift)) for score in scores]
        scale = values.name("scale", mathematics.exp(before - shift))
        total = first(self._folded(weights, lambda a, b: a + b))
        writer.store(self.totals, own, fma(self.totals.load(own), scale, total))
        writer.store(self.tops, own, top)
        writer.store(self.scale, writer.expr(row), scale)
        for place, pair, weight in zip(places, pairs, weights, strict=True):
            values.put([(self.scores, place, self.kept(weight, pair), None)])

    def _folded(self, parts: list[Expr], combine: Callable[[Expr, Expr], Expr]) -> Expr:
        """All lanes of all parts combined in lane 0: parts in order, then lanes 8, 4, 2, 1 apart."""
        folded = parts[0]
        for part in parts[1:]:
            folded = self.writer.let("folded", combine(folded, part))
        for apart in (8, 4, 2, 1):
            folded = self.writer.let("folded", combine(folded, shifted(folded, apart)))
        return folded

    def finish(self, row: Size) -> None:
        writer, out = self.writer, Place("output", 0)
        at = writer.expr(row)
        total = writer.let("total", self.totals.load(at))
        safe = writer.let("safe", select(eq(total, 0.0), const(1.0, self.dtype), total))
        top = self.tops.load(at)
        shift = select(eq(top, float("-inf")), const(0.0, self.dtype), top)
        self.put(self.sums, row, 0, writer.let("share", const(1.0, self.dtype) / safe))
        index = (*self.cell, self.start + row, self.sums.width)
        value = shift + mathematics.log(safe)
        self.values.put([(writer.buffer_of(out), writer.offset(out, index), value, None)])


class Gradient(Attending):
    """What both gradients do: weights made again from the logarithms, and the slopes by the scores."""

    mask_operand = 6
    results: tuple[Sums, ...] = ()

    def prepare(self) -> None:
        queries, keys, values, slope = self.node.operands[:4]
        own, self.others = (
            ((queries, slope), (keys, values)) if self.rows_are_queries else ((keys, values), (queries, slope))
        )
        self.own = own
        self.across = [
            self.copied_across(name, node) for name, node in zip(("first", "second"), self.others, strict=True)
        ]

    def begin(self) -> None:
        writer = self.writer
        self.left = [self.own_rows(name, node) for name, node in zip(("rows", "slopes"), self.own, strict=True)]
        self.scores, self.weights = (
            writer.buffer(name, self.dtype, "stack", ROWS * TILE) for name in ("scores", "weights")
        )
        if self.rows_are_queries:
            self.logs, self.delta = (self.own_numbers(n, self.node.operands[i]) for n, i in (("logs", 4), ("delta", 5)))

    def totals(self, name: str, lines: Buffer, weights: Buffer, node: Node) -> Sums:
        """Sums of a block that start at 0, of the lines of an operand."""
        width = self.width_of(node)
        pitch = max(LANES, -(-width // LANES) * LANES)
        return Sums(lines, weights, self.filled(name, BLOCK * pitch, 0.0), width)

    def numbers(self, group: Size, row: Size, pair: tuple[Size, Size, Expr | None]) -> list[Expr]:
        """The logarithm and the delta of a pair's query."""
        if self.rows_are_queries:
            return [each.load(self.writer.expr(group * ROWS + row)) for each in (self.logs, self.delta)]
        operands = self.node.operands[4:6]
        return [
            self.values.at(each, (*self.cell, pair[0]), self.writer.below(pair[0], self.columns)) for each in operands
        ]

    def meet(self, tile: Size, group: Size) -> None:
        for left, across, node, into in zip(self.left, self.across, self.own, (self.scores, self.weights), strict=True):
            self.products(left, across, self.width_of(node), tile, group, into)
        with self.writer.over("i", ROWS) as row, self.writer.over("c", TILE, "vector") as column:
            self._weigh(tile, group, row, column)
        for each in self.results:
            self.add(each, tile, group)

    def _weigh(self, tile: Size, group: Size, row: Size, column: Size) -> None:
        """Turn a score and the product of gradient and value into the slope by the score and the weight."""
        pair, place = self.pair(tile, group, row, column), row * TILE + column
        logs, delta = self.numbers(group, row, pair)
        score, product = (each.load(self.writer.expr(place)) for each in (self.scores, self.weights))
        weight = self.values.name("weight", mathematics.exp(self.seen(score, pair) - logs))
        slope = weight * (self.kept(product, pair) - delta)
        stores = [(self.scores, place, slope, None)]
        if not self.rows_are_queries:
            stores.append((self.weights, place, self.kept(weight, pair), None))
        self.values.put(stores)

    def finish(self, row: Size) -> None:
        column = 0
        for each in self.results:
            self.put(each, row, column)
            column += each.width


class QueryGradient(Gradient):
    """The gradient by the queries."""

    def prepare(self) -> None:
        super().prepare()
        self.lines = self.copied("lines", self.keys)

    def begin(self) -> None:
        super().begin()
        self.results = (self.totals("results", self.lines, self.scores, self.keys),)


class KeyGradient(Gradient):
    """The gradients by the keys and the values."""

    rows_are_queries = False

    def prepare(self) -> None:
        super().prepare()
        self.lines = [self.copied(name, node) for name, node in zip(("lines", "slope_lines"), self.others, strict=True)]

    def begin(self) -> None:
        super().begin()
        weights = (self.scores, self.weights)
        parts = zip(("results", "value_results"), self.lines, weights, self.others, strict=True)
        self.results = tuple(self.totals(*part) for part in parts)
