"""Transforms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from brasa.distributions import constraints
from brasa.distributions.parameters import softplus
from brasa.distributions.transform import Transform
from brasa.functions import pointwise
from brasa.functions.linalg.cholesky import linalg_cholesky
from brasa.functions.neural.activation import logsigmoid
from brasa.functions.neural.padding import pad
from brasa.functions.normalizing import softmax
from brasa.ir.dtype import int64
from brasa.ir.errors import ShapeError
from brasa.tensors.creation import tensor, zeros
from brasa.tensors.dtype_facts import finfo
from brasa.tensors.ranges import arange, eye
from brasa.tensors.spec import Size


class _ByClass(Transform):
    """A transform without parameters: equal to others of its class."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = Transform.__hash__


class SoftmaxTransform(_ByClass):
    """softmax along the last dim; not bijective, because a number added to all changes nothing."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Any) -> Any:
        return softmax(x, -1)

    def _inverse(self, y: Any) -> Any:
        return y.log()


class StickBreakingTransform(_ByClass):
    """Vectors of n numbers to vectors of n + 1 that sum to 1: each takes its sigmoid's share of what is left.

    Shifted so that zeros become equal shares.
    """

    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    def _shift(self, x: Any) -> Any:
        return arange(x.shape[-1], 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x: Any) -> Any:
        z = pointwise.sigmoid(x - self._shift(x))
        return pad(z, (0, 1), value=1) * pad((1 - z).cumprod(-1), (1, 0), value=1)

    def _inverse(self, y: Any) -> Any:
        taken = y[..., :-1]
        left = (1 - taken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return taken.log() - left.log() + self._shift(taken)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        shifted = x - self._shift(x)
        return (logsigmoid(shifted) - shifted + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return Size((*_at_least(shape, 1)[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        return Size((*_at_least(shape, 1)[:-1], shape[-1] - 1))


class LowerCholeskyTransform(_ByClass):
    """Square matrices to lower triangular ones: exp of the diagonal, what is above it left out."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(_ByClass):
    """Square matrices to positive-definite ones, whose factor LowerCholeskyTransform gives."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Any) -> Any:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Any) -> Any:
        return LowerCholeskyTransform().inv(linalg_cholesky(y))


def _places_below(size: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(size) for j in range(i)]


class CorrCholeskyTransform(_ByClass):
    """Vectors of n (n - 1) / 2 numbers to the Cholesky factors of correlation matrices of size n.

    tanh of a number is the share that a place takes of what is left of its row, which has norm 1 (Lewandowski,
    Kurowicka, Joe, "Generating random correlation matrices based on vines and extended onion method", 2009).
    """

    domain, codomain, bijective = constraints.real_vector, constraints.corr_cholesky, True

    def _call(self, x: Any) -> Any:
        size = self._size(x.shape)
        eps = finfo(x.dtype).eps
        shares = _spread(x.tanh().clamp(min=-1 + eps, max=1 - eps), size)
        left = (1 - shares * shares).sqrt().cumprod(-1)
        return (shares + eye(size, dtype=x.dtype, device=x.device)) * pad(left[..., :-1], (1, 0), value=1)

    def _inverse(self, y: Any) -> Any:
        left = pad((1 - (y * y).cumsum(-1))[..., :-1], (1, 0), value=1)
        share = _gathered(y, 1) / _gathered(left, 1).sqrt()
        return (share.log1p() - (-share).log1p()) / 2

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        left = _gathered(1 - (y * y).cumsum(-1), 2)
        sticks = 0.5 * left.log().sum(-1)
        return sticks - 2 * (x + softplus(-2 * x) - math.log(2)).sum(-1)

    def _size(self, shape: Any) -> int:
        length = int(_at_least(shape, 1)[-1])
        size = round((0.25 + 2 * length) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != length:
            raise ShapeError(f"{length} numbers are not those below a diagonal", op="CorrCholeskyTransform")
        return size

    def forward_shape(self, shape: Any) -> Any:
        return Size((*shape[:-1], self._size(shape), self._size(shape)))

    def inverse_shape(self, shape: Any) -> Any:
        if shape[-1] != _at_least(shape, 2)[-2]:
            raise ShapeError(f"the matrices must be square, their shape is {list(shape)}", op="CorrCholeskyTransform")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


def _spread(vector: Any, size: int) -> Any:
    """The numbers row by row below the diagonal of a matrix, zero elsewhere."""
    if size == 1:
        return zeros((*vector.shape[:-1], 1, 1), dtype=vector.dtype, device=vector.device)
    order = {place: number for number, place in enumerate(_places_below(size))}
    source = tensor([order.get((i, j), 0) for i in range(size) for j in range(size)])
    return vector.index_select(-1, source).reshape((*vector.shape[:-1], size, size)).tril(-1)


def _gathered(matrix: Any, below: int) -> Any:
    """The numbers of a square matrix at least so far below its diagonal, row by row."""
    size = int(matrix.shape[-1])
    places = tensor([i * size + j for i, j in _places_below(size) if i - j >= below], dtype=int64)
    return matrix.reshape((*matrix.shape[:-2], size * size)).index_select(-1, places)


def _at_least(shape: Any, rank: int) -> Any:
    if len(shape) < rank:
        raise ShapeError(f"at least {rank} dims are needed, the shape is {list(shape)}", op="Transform")
    return shape
