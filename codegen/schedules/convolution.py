"""Convolutions and their input gradients as products: weights times what windows see."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.patches import Direction, directions_of, window_of
from brasa.codegen.schedules.products import Product
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Expr

# A chunk of k holds about this many steps: whole windows of as many channels as fit.
_CHUNK = 512


class Convolution(Product):
    """conv, and conv_input_grad: the same with the roles of windows and elements, and of channels, exchanged.

    Cells begin with a place among the samples and a group. spatial: how many positions there are in each direction.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        source, weight = (operand.tensor.shape for operand in node.operands)
        self.forward = node.op.name == "conv"
        self.groups: int = node.attrs["groups"]
        self.window = window_of(weight[2:])
        self.rows = dim.floor_divide(node.tensor.shape[1], self.groups)
        self.channels = dim.floor_divide(source[1], self.groups)
        self.per_chunk = max(1, _CHUNK // max(prod(self.window), 1))
        self.chunks = dim.largest(dim.ceil_divide(self.channels, self.per_chunk), 1)
        self.spatial: Sequence[Size] = node.tensor.shape[2:]
        self.batch = [("sample", node.tensor.shape[0]), ("group", self.groups)]
        self.columns = dim.product(self.spatial)
        self.directions = self.directions_over(source[2:])
        self.taps_are_joint = self.joint(1, range(2, len(weight)))
        self.is_flat = self.forward and self.joint(1, range(1, len(weight)))

    def directions_over(self, sizes: Sequence[Size]) -> list[Direction]:
        """The directions of the windows over a source of those sizes."""
        return directions_of(self.node, sizes, self.window, forward=self.forward)

    @property
    def most_taps(self) -> int:
        """How many taps a position sees at most."""
        return prod(direction.taps for direction in self.directions)

    @property
    def most_channels(self) -> int:
        """How many channels a chunk has at most."""
        return max(1, min(self.channels, self.per_chunk)) if isinstance(self.channels, int) else self.per_chunk

    @property
    def taps(self) -> Sequence[Size]:
        """How many taps a window has in each direction."""
        return self.window

    def channels_of(self, chunk: Size) -> Size:
        """How many channels a chunk has."""
        return dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        channels = self.channels_of(chunk)
        if self.is_flat:
            return [("k", channels * prod(self.window))]
        if self.taps_are_joint:
            return [("channel", channels), ("tap", prod(self.window))]
        return [("channel", channels), *(("tap", count) for count in self.taps)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        channel = chunk * self.per_chunk + (0 if self.is_flat else step[0])
        tap = step if self.is_flat else step[1:]
        return self.weight(cell[1], row, channel, (*[0] * (len(self.window) - len(tap)), *tap))

    def weight(self, group: Size, row: Size, channel: Size, tap: Index) -> Expr:
        """An element of the weight."""
        if self.forward:
            return self.operand(1, (group * self.rows + row, channel, *tap))
        return self.operand(1, (group * self.channels + channel, row, *tap))

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        near = self.spread_columns(column, range(2, self.node.tensor.rank))
        return (cell[0], cell[1] * self.rows + row, *near)
