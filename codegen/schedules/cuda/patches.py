"""Convolutions as products whose patches are read where they are used: a slab in shared memory holds them."""

from __future__ import annotations

from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.indices import Index, flatten
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.patches import sources
from brasa.codegen.schedules.weight_gradient import SAMPLES, WeightProduct
from brasa.ir.dim import Size
from brasa.ir.kernel import Expr


class GatheredConvolution(Convolution):
    """conv and conv_input_grad: a column is a position, a step a channel and a tap."""

    def rhs(self, cell: Index, chunk: Size, step: Index, column: Size, mask: Expr | None) -> Expr:
        ranges = self.writer.ranges
        place = flatten(step, [extent for _, extent in self.steps(chunk)])
        channel, *tap = unflatten(ranges, place, (self.per_chunk, *self.window))
        index, inside = sources(self.writer, self.directions, unflatten(ranges, column, self.spatial), tap)
        return self.operand(0, (cell[0], cell[1] * self.channels + chunk * self.per_chunk + channel, *index), inside)


class GatheredWeights(WeightProduct):
    """conv_weight_grad: a column is a channel and a tap, a step a sample and a position."""

    def rhs(self, cell: Index, chunk: Size, step: Index, column: Size, mask: Expr | None) -> Expr:
        ranges = self.writer.ranges
        channel, *tap = unflatten(ranges, column, (self.channels, *self.window))
        index, inside = sources(self.writer, self.directions, unflatten(ranges, step[1], self.spatial), tap)
        return self.operand(0, (chunk * SAMPLES + step[0], cell[0] * self.channels + channel, *index), inside)
