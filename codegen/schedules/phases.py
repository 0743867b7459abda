"""Input gradients of convolutions whose windows move by steps: elements that see the same taps are done together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.patches import Direction
from brasa.codegen.schedules.planes import PlaneConvolution
from brasa.codegen.schedules.values import both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import Expr


class PhaseConvolution(PlaneConvolution):
    """conv_input_grad as a product for each phase; taps that an element does not see are no part of its sum.

    In each direction element t of a phase lies at first + t * stride, and sees tap residue + j * stride at source
    whole + t - j.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        # First, for phases write next to each other: threads that are at two of them would share lines of the cache.
        self.batch = [("phase", prod(self.strides)), *self.batch]
        self.has_gaps, self.taps_are_joint = True, False

    def directions_over(self, sizes: Sequence[Size]) -> list[Direction]:
        self.strides: Sequence[int] = self.node.attrs["stride"]
        self.spatial = [dim.ceil_divide(size, n) for size, n in zip(self.spatial, self.strides, strict=True)]
        axes = zip(sizes, self.window, self.strides, strict=True)
        return [Direction(size, -(-taps // stride), forward=False) for size, taps, stride in axes]

    def enter(self, cell: Index) -> Index:
        """Name what is the same in a phase."""
        let, ranges, (phase, *within) = self.writer.let_index, self.writer.ranges, cell
        self.firsts = unflatten(ranges, phase, self.strides)
        self.residues: list[Size] = []
        self._taps: list[Size] = []
        wholes = []
        axes = zip(self.firsts, self.node.attrs["padding"], self.window, self.strides, strict=True)
        for first, padding, size, stride in axes:
            wholes.append(let("whole", ranges.quotient(first + padding, stride)))
            residue = let("residue", ranges.remainder(first + padding, stride), stride)
            rest = let("rest", stride - 1 - residue, stride)
            self._taps.append(let("taps", dim.floor_divide(size + rest, stride), -(-size // stride) + 1))
            self.residues.append(residue)
        kept = self.planes.directions
        kept[-len(wholes) :] = [
            replace(each, padding=whole) for each, whole in zip(kept[-len(wholes) :], wholes, strict=True)
        ]
        return super().enter(tuple(within))

    @property
    def taps(self) -> Sequence[Size]:
        return self._taps

    def weight(self, group: Size, row: Size, channel: Size, tap: Index) -> Expr:
        window = (r + j * stride for r, j, stride in zip(self.residues, tap, self.strides, strict=True))
        return super().weight(group, row, channel, tuple(window))

    def put_at(self, index: Index, value: Expr, mask: Expr | None) -> None:
        places = [first + t * n for first, t, n in zip(self.firsts, index[2:], self.strides, strict=True)]
        for place, size in zip(places, self.node.tensor.shape[2:], strict=True):
            mask = both(mask, self.writer.below(place, size))
        super().put_at((*index[:2], *places), value, mask)


def has_phases(node: Node) -> bool:
    """Whether it is an input gradient whose windows move by steps, over elements next to each other."""
    return node.op.name == "conv_input_grad" and max(node.attrs["stride"]) > 1 and max(node.attrs["dilation"]) == 1
