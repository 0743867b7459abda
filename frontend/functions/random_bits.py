"""Random bits as numbers: of one Philox generator, the same eager, compiled and on every device."""

from __future__ import annotations

import math
from collections.abc import Sequence

from brasa.functions import pointwise
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, float32, float64, int64, uint32, uint64
from brasa.ir.ops.elementwise import shift_right
from brasa.ir.ops.source import random_bits
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import Number, cast, constant, current, elementwise_op, type_of


class Draws:
    """One random call inside a traced function: as many independent draws as it asks for, in one shape.

    Each draw is a function of seed, call, its own number, and the element's number in the shape.
    """

    def __init__(self, seed: Number, call: Number, shape: Sequence[Size], device: str = "cpu") -> None:
        self.key = [x if isinstance(x, Tensor) else constant(x, int64) for x in (seed, call)]
        self.type = TensorType(tuple(shape), uint32, device)
        self.count = 0

    def next(self, words: int = 1) -> list[Tensor]:
        """The words (at most 4) of the next draw: 32 bits each."""
        trace = current()
        nodes = [trace.node_of(x) for x in self.key]
        draw, self.count = self.count, self.count + 1
        return [
            trace.fresh(trace.apply(random_bits, *nodes, word=word, draw=draw, type=self.type))
            for word in range(words)
        ]  # fmt: skip

    def uniform(self, dtype: DType) -> Tensor:
        """Uniform numbers in [0, 1): multiples of 2**-24 (float64: 2**-53)."""
        if dtype is float64:
            return pointwise.mul(cast(_shifted(_joined(*self.next(2)), 11, uint64), float64), 2.0**-53)
        return cast(pointwise.mul(cast(_shifted(*self.next(), 8, uint32), float32), 2.0**-24), dtype)

    def exponential(self, dtype: DType) -> Tensor:
        """Exponential numbers of mean 1, precise near 0 too; dtype is float32 or float64."""
        if dtype is float64:
            return pointwise.neg(pointwise.log1p(pointwise.neg(self.uniform(dtype))))
        fine = pointwise.mul(pointwise.add(cast(self.next()[0], float32), 0.5), 2.0**-32)
        return pointwise.neg(pointwise.log1p(pointwise.neg(pointwise.minimum(fine, 1 - 2.0**-24))))

    def normal(self, dtype: DType) -> Tensor:
        """Normal numbers of mean 0 and variance 1, in float32 or float64.

        Box and Muller's transform ("A note on the generation of random normal deviates", 1958).
        """
        first, second = self.uniform(dtype), self.uniform(dtype)
        radius = pointwise.sqrt(pointwise.mul(pointwise.log(pointwise.sub(1.0, first)), -2.0))
        return pointwise.mul(radius, pointwise.cos(pointwise.mul(second, 2 * math.pi)))

    def integer(self) -> Tensor:
        """Whole numbers of 63 bits, as int64."""
        return cast(_shifted(_joined(*self.next(2)), 1, uint64), int64)


def draws_like(like: Tensor, seed: Number, call: Number) -> Draws:
    """Draws in the shape of a traced tensor."""
    return Draws(seed, call, type_of(like).shape, type_of(like).device)


def _joined(high: Tensor, low: Tensor) -> Tensor:
    return pointwise.bitwise_or(pointwise.bitwise_left_shift(cast(high, uint64), 32), cast(low, uint64))


def _shifted(bits: Tensor, by: int, dtype: DType) -> Tensor:
    return elementwise_op(shift_right, bits, by, dtype=dtype)
