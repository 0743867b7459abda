"""Convolutions and their input gradients as products: weights times patches, which are copied to panels row by row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from brasa.codegen.schedules.indices import Index, flatten, leaf
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.products import Panel, Product
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Expr, eq

# A chunk of k holds about this many steps: whole windows of as many channels as fit.
_CHUNK = 512


def chunk_channels(window: int) -> int:
    """How many channels a chunk of k holds."""
    return max(1, _CHUNK // max(window, 1))


class Patches:
    """What a window sees: which source element is at a place of a window at a position.

    forward: positions are those of windows and sources elements of x; else positions are elements of x and sources
    windows, as the input gradient needs it.
    """

    def __init__(self, writer: Writer, node: Node, window: Sequence[int], sizes: Sequence[Size], forward: bool) -> None:
        self.writer = writer
        self.window = tuple(window)
        self.sizes = tuple(sizes)
        self.forward = forward
        self.options = tuple(
            zip(node.attrs["stride"], node.attrs["padding"], node.attrs["dilation"], strict=True)
        )

    def source(self, position: Index, tap: Index) -> tuple[Index, Expr | None]:
        """The source's spatial index, and where it is inside; None where it always is."""
        index: list[Size] = []
        inside: Expr | None = None
        for i, k, size, (stride, padding, dilation) in zip(position, tap, self.sizes, self.options, strict=True):
            place = i * stride + k * dilation - padding if self.forward else i + padding - k * dilation
            condition = leaf(0) <= leaf(place)
            if not self.forward and stride > 1:
                condition = condition & eq(leaf(place) % leaf(stride), 0)
                place = dim.floor_divide(place, stride)
            condition = condition & (leaf(place) < leaf(size))
            holds = self.writer.condition(condition)
            if holds.op != "const":
                inside = holds if inside is None else inside & holds
            index.append(place)
        return tuple(index), inside


class Convolution(Product):
    """conv, and conv_input_grad: the same with the roles of windows and elements, and of channels, exchanged."""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        source, weight = (operand.tensor.shape for operand in node.operands)
        forward = node.op.name == "conv"
        groups: int = node.attrs["groups"]
        window = [size for size in weight[2:] if isinstance(size, int)]
        self.window = tuple(window)
        self.spatial = node.tensor.shape[2:]
        self.batch = [("sample", node.tensor.shape[0]), ("group", groups)]
        self.rows = dim.floor_divide(node.tensor.shape[1], groups)
        self.columns = dim.product(self.spatial)
        self.channels = dim.floor_divide(source[1], groups)
        self.per_chunk = chunk_channels(int(dim.evaluate(dim.product(window), {})))
        self.chunks = dim.largest(dim.ceil_divide(self.channels, self.per_chunk), 1)
        self.forward = forward
        self.patches = Patches(writer, node, window, source[2:], forward)
        axes = range(1 if forward else 2, len(weight))
        self.is_flat = self.joint(1, axes)

    @property
    def taps(self) -> int:
        """The elements of a window."""
        return int(dim.evaluate(dim.product(self.window), {}))

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        channels = dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)
        if self.is_flat and self.forward:
            return [("k", channels * self.taps)]
        return [("channel", channels), ("tap", self.taps)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        channel: Size = chunk * self.per_chunk
        if len(step) == 1:
            tap: Index = (*[0] * (len(self.window) - 1), step[0])
        else:
            channel = channel + step[0]
            flat = self.is_flat
            tap = (*[0] * (len(self.window) - 1), step[1]) if flat else self._unflatten_tap(step[1])
        group = cell[1]
        if self.forward:
            return self.operand(1, (group * self.rows + row, channel, *tap))
        return self.operand(1, (group * self.channels + channel, row, *tap))

    def rhs(self, cell: Index, chunk: Size, step: Index, column: Size, mask: Expr | None) -> Expr:
        raise NotImplementedError

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        axes = range(2, self.node.tensor.rank)
        return (cell[0], cell[1] * self.rows + row, *self.spread_columns(column, axes))

    def pack(self, cell: Index, chunk: Size, first: Size, columns: Size, panel: Panel) -> None:
        """Copy the patches of a block of positions, +0 where a window reaches over the edge."""
        writer = self.writer
        channels = dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)
        with ExitStack() as loops:
            channel = loops.enter_context(writer.over("channel", channels))
            tap = [loops.enter_context(writer.over("tap", size)) for size in self.window]
            line = (channel * self.taps + flatten(tuple(tap), self.window)) * panel.line
            here = (cell[0], cell[1] * self.channels + chunk * self.per_chunk + channel)
            self.copy_patches(here, tuple(tap), first, columns, panel, line)

    def copy_patches(self, here: Index, tap: Index, first: Size, columns: Size, panel: Panel, line: Size) -> None:
        """Copy one element of each window at positions first, ..., a row of positions at a time."""
        writer, length = self.writer, self.spatial[-1]
        whole = columns == self.columns
        begin: Size = 0 if whole else writer.let_index("first_line", dim.floor_divide(first, length))
        end = dim.product(self.spatial[:-1]) if whole else dim.floor_divide(first + columns - 1, length) + 1
        with writer.over("line", end - begin) as number:
            row = number + begin
            low = row * length if whole else writer.let_index("low", dim.largest(first, row * length))
            high = dim.smallest(first + columns, row * length + length)
            with writer.over("column", length if whole else high - low, "vector") as column:
                position = (*unflatten(writer.ranges, row, self.spatial[:-1]), low - row * length + column)
                index, inside = self.patches.source(position, tap)
                value = self.operand(0, (*here, *index), inside)
                self.values.put([(panel.buffer, line + low - first + column, value, None)])

    def _unflatten_tap(self, tap: Size) -> Index:
        return unflatten(self.writer.ranges, tap, self.window)
