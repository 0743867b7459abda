"""The weights of attention as whole matrices: for gradients that are too rare to have kernels of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brasa.ir.dtype import bool_, float32, int64, uint32
from brasa.ir.graph import Node
from brasa.ir.ops import elementwise as ew
from brasa.ir.ops.contract import product
from brasa.ir.ops.reduce import expand, sum_
from brasa.ir.ops.source import full, full_like, iota, random_bits
from brasa.ir.ops.view import permute, reshape
from brasa.ir.types import TensorType


@dataclass(frozen=True, eq=False)
class Weights:
    """Operands of a gradient of attention with the weights [..., t, s], and the gradient by the scores (slopes).

    scale: what weights are multiplied by when they are dropped or kept; None where none is dropped.
    """

    q: Node
    k: Node
    v: Node
    g: Node
    weights: Node
    slopes: Node
    scale: Node | None

    @staticmethod
    def of(operands: Sequence[Node], attrs: Mapping[str, Any]) -> Weights:
        """The weights made again from the logarithms of their sums."""
        q, k, v, g, logs, delta, *extras = operands
        scores = product(q, _turned(k))
        shape = scores.tensor.shape
        if attrs["masked"]:
            hidden = full_like(scores, float("-inf"))
            mask = extras[0]
            scores = ew.select(mask, scores, hidden) if mask.tensor.dtype is bool_ else ew.add(scores, mask)
        if attrs["causal"]:
            row, column = (iota(axis=len(shape) - back, type=TensorType(shape, int64)) for back in (2, 1))
            scores = ew.select(ew.le(column, row), scores, full_like(scores, float("-inf")))
        weights = ew.exp(ew.sub(scores, _spread(logs, shape)))
        scale = _scale(shape, extras, weights) if attrs["dropped"] else None
        by_weights = product(g, _turned(v))
        by_weights = by_weights if scale is None else ew.mul(by_weights, scale)
        slopes = ew.mul(weights, ew.sub(by_weights, _spread(delta, shape)))
        return Weights(q, k, v, g, weights, slopes, scale)

    def kept(self, matrix: Node) -> Node:
        """A matrix [..., t, s] with what is dropped as 0, the rest scaled up."""
        return matrix if self.scale is None else ew.mul(matrix, self.scale)

    def scores_of(self, rows: Node, columns: Node) -> Node:
        """Every product of one of the rows and one of the columns."""
        return product(rows, _turned(columns))

    def to_rows(self, matrix: Node, columns: Node) -> Node:
        """matrix @ columns: sums for each query."""
        return product(matrix, columns)

    def to_columns(self, matrix: Node, rows: Node) -> Node:
        """matrix.T @ rows: sums for each key."""
        return product(_turned(matrix), rows)

    def row_sums(self, matrix: Node) -> Node:
        """Minus the sum of each row."""
        return ew.neg(sum_(matrix, axes=(matrix.tensor.rank - 1,)))


def _turned(x: Node) -> Node:
    rank = x.tensor.rank
    return permute(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _spread(row: Node, shape: tuple[Any, ...]) -> Node:
    return expand(reshape(row, shape=(*row.tensor.shape, 1)), shape=shape)


def _scale(shape: tuple[Any, ...], extras: Sequence[Node], like: Node) -> Node:
    seed, call, chance = extras[-3:]
    type = TensorType(shape, uint32)
    bits = random_bits(seed, call, word=0, draw=0, type=type)
    fraction = ew.mul(
        ew.cast(ew.shift_right(bits, full(type, 8)), dtype=float32), full(TensorType(shape, float32), 2.0**-24)
    )
    rate = expand(chance, shape=shape)
    made_up = ew.div(full_like(like, 1), ew.sub(full_like(like, 1), rate))
    return ew.select(ew.ge(ew.cast(fraction, dtype=like.tensor.dtype), rate), made_up, full_like(like, 0))
