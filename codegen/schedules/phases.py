"""Input gradients of convolutions whose windows move by steps: elements that see the same taps are done together."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from brasa.codegen.schedules.convolution import Convolution, Patches
from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.planes import PlaneConvolution
from brasa.codegen.schedules.values import both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Expr


class PhasePatches(Patches):
    """What the elements of one phase see: their places differ by whole steps of the window.

    In each direction element t of the phase lies at first + t * stride, and sees tap residue + j * stride at source
    whole + t - j.
    """

    def __init__(self, writer: Writer, node: Node, sizes: Sequence[Size]) -> None:
        elements, self.strides = node.tensor.shape[2:], tuple(node.attrs["stride"])
        counts = [dim.ceil_divide(size, stride) for size, stride in zip(elements, self.strides, strict=True)]
        super().__init__(writer, node, counts, sizes, forward=False)
        self.wholes: Index = ()

    def enter(self, phase: Size) -> tuple[Index, Index]:
        """Where the first element of a phase lies, and its residues; sources are of that phase from here on."""
        firsts = unflatten(self.writer.ranges, phase, self.strides)
        reached = [first + padding for first, (_, padding, _) in zip(firsts, self.options, strict=True)]
        ranges, let = self.writer.ranges, self.writer.let_index
        self.wholes = tuple(let("whole", ranges.quotient(at, s)) for at, s in zip(reached, self.strides, strict=True))
        residues = (let("residue", ranges.remainder(at, s), s) for at, s in zip(reached, self.strides, strict=True))
        return firsts, tuple(residues)

    def source(self, position: Index, tap: Index) -> tuple[Index, Expr | None]:
        index = tuple(whole + t - j for whole, t, j in zip(self.wholes, position, tap, strict=True))
        return index, self.within(index)


class Phases(Convolution):
    """conv_input_grad as a product for each phase; taps that an element does not see are no part of its sum."""

    def _begin(self) -> None:
        self.phase_patches = PhasePatches(self.writer, self.node, self.node.operands[0].tensor.shape[2:])
        self.strides, self.spatial = self.phase_patches.strides, self.phase_patches.positions
        self.most: tuple[int, ...] = tuple(-(-size // s) for size, s in zip(self.window, self.strides, strict=True))
        self.most_taps = prod(self.most)

    def enter_phase(self, phase: Size) -> None:
        """Name what is the same in a phase."""
        self.firsts, self.residues = self.phase_patches.enter(phase)
        counts = []
        for size, residue, stride in zip(self.window, self.residues, self.strides, strict=True):
            rest = self.writer.let_index("rest", stride - 1 - residue, stride)
            counts.append(self.writer.let_index("taps", dim.floor_divide(size + rest, stride), -(-size // stride) + 1))
        self.tap_counts = tuple(counts)

    def steps(self, chunk: Size) -> Sequence[tuple[str, Size]]:
        channels = dim.smallest(self.per_chunk, self.channels - chunk * self.per_chunk)
        return [("channel", channels), *(("tap", count) for count in self.tap_counts)]

    def lhs(self, cell: Index, row: Size, chunk: Size, step: Index) -> Expr:
        channel, *taps = step
        window = (r + j * stride for r, j, stride in zip(self.residues, taps, self.strides, strict=True))
        return self.operand(1, (cell[1] * self.channels + chunk * self.per_chunk + channel, row, *window))

    def put(self, cell: Index, row: Size, column: Size, value: Expr, mask: Expr | None) -> None:
        for place, size in zip(self.result_index(cell, row, column)[2:], self.node.tensor.shape[2:], strict=True):
            mask = both(mask, self.writer.below(place, size))
        super().put(cell, row, column, value, mask)

    def elements(self, positions: Sequence[Size]) -> Index:
        """Where the elements at positions of a phase lie."""
        return tuple(first + t * s for first, t, s in zip(self.firsts, positions, self.strides, strict=True))


class PhaseConvolution(Phases):
    """The same over patches."""

    copies_left = True
    left_lines = ""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self._begin()
        self.patches = self.phase_patches
        self.columns = dim.product(self.spatial)
        self.batch = [*self.batch, ("phase", prod(self.strides))]

    def enter(self, cell: Index) -> Index:
        self.enter_phase(cell[2])
        return cell

    def window_of(self, cell: Index) -> Sequence[Size]:
        return self.tap_counts

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        positions = unflatten(self.writer.ranges, column, self.spatial)
        return (cell[0], cell[1] * self.rows + row, *self.elements(positions))


class PhasePlanes(Phases, PlaneConvolution):
    """The same over planes, along at most two axes."""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        sample, group, *blocks = self.batch
        self.batch = [sample, group, ("phase", prod(self.strides)), *blocks]

    def _look(self) -> None:
        self._begin()
        self.near, self.phases, self.dilations = (1, *self.most)[-2:], (1, 1), (1, 1)
        self.spans = self.reach = tuple(size - 1 for size in self.near)

    @property
    def knows_taps(self) -> bool:
        return len(self.window) <= 2

    def enter(self, cell: Index) -> Index:
        self.enter_phase(cell[2])
        wholes = (0, *self.phase_patches.wholes)[-2:]
        self.offsets = tuple(whole - span for whole, span in zip(wholes, self.spans, strict=True))
        return super().enter(cell)

    def result_index(self, cell: Index, row: Size, column: Size) -> Index:
        positions = (self.first_line + cell[-1], self.first_column + column)[-len(self.spatial) :]
        return (cell[0], cell[1] * self.rows + row, *self.elements(positions))


def has_phases(node: Node) -> bool:
    """Whether it is an input gradient whose windows move by steps, over elements next to each other."""
    return node.op.name == "conv_input_grad" and max(node.attrs["stride"]) > 1 and max(node.attrs["dilation"]) == 1
