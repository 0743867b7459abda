"""Values left out at random while training."""

from __future__ import annotations

from collections.abc import Callable

from brasa.functions import pointwise
from brasa.functions.neural.precision import wide
from brasa.functions.random_bits import Draws
from brasa.ir.dtype import bool_, float64
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops import elementwise
from brasa.random import next_draw
from brasa.tensors.creation import ones
from brasa.tensors.inplace import assign
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, cast, elementwise_op, type_of

__all__ = ["alpha_dropout", "dropout", "feature_alpha_dropout", "native_dropout"]


def _kept(input: Tensor, p: Number, seed: Number, call: Number, features: bool) -> Tensor:
    """Where elements are kept, with probability 1 - p; features: whole channels of input[n, c, ...] together."""
    type = type_of(input)
    shape = (*type.shape[:2], *[1] * (type.rank - 2)) if features else type.shape
    kind = wide(type.dtype)
    return pointwise.ge(Draws(seed, call, shape, type.device).uniform(kind), p)


@function
def _dropout(input: Tensor, p: float, seed: Number, call: Number, features: bool) -> Tensor:
    return _rescaled(input, _kept(input, p, seed, call, features), p)


def _rescaled(input: Tensor, kept: Tensor, p: Number) -> Tensor:
    share = elementwise_op(elementwise.sub, 1.0, p, dtype=float64)
    scale = cast(elementwise_op(elementwise.div, 1.0, share, dtype=float64), type_of(input).dtype)
    return pointwise.mul(pointwise.mul(input, kept), scale)


@function
def _alpha_dropout(input: Tensor, p: float, seed: Number, call: Number, features: bool) -> Tensor:
    """Left out elements get SELU's limit, then all are moved so that mean 0 and variance 1 stay."""
    limit = 1.0507009873554805 * 1.6732632423543772
    kept = cast(_kept(input, p, seed, call, features), type_of(input).dtype)
    inside = pointwise.mul(pointwise.add(pointwise.mul(p, limit * limit), 1.0), pointwise.sub(1.0, p))
    a = pointwise.div(1.0, pointwise.sqrt(inside))
    shift = pointwise.add(
        pointwise.mul(pointwise.sub(kept, 1), pointwise.mul(a, limit)), pointwise.mul(pointwise.mul(a, limit), p)
    )
    return pointwise.add(pointwise.mul(input, pointwise.mul(kept, a)), shift)


def _applied(
    form: Callable[..., Tensor], op: str, input: Tensor, p: float, training: bool, inplace: bool, features: bool
) -> Tensor:
    require_tensors(op, input=input)
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in 0..1, not {p}", op=op)
    if not training or p == 0:
        return input
    if features and input.ndim < 2:
        raise ShapeError(f"input must have at least 2 axes, it has {input.ndim}", op=op)
    result = pointwise.mul(input, 0.0) if p == 1 else form(input, float(p), *next_draw(), features)
    return assign(input, result, f"{op}_") if inplace else result


@operator(namespace="nn.functional")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, each element set to 0 with probability p and the others scaled by 1 / (1 - p)."""
    return _applied(_dropout, "dropout", input, p, training, inplace, features=False)


def _of_channels(op: str, ranks: tuple[int, int], input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """dropout of whole channels; an input without a batch counts as a batch of one."""
    require_tensors(op, input=input)
    if input.ndim not in ranks:
        raise ShapeError(f"input must have {ranks[0]} or {ranks[1]} axes, it has {input.ndim}", op=op)
    if input.ndim == ranks[1]:
        return _applied(_dropout, op, input, p, training, inplace, features=True)
    result = _applied(_dropout, op, input.unsqueeze(0), p, training, False, features=True)  # type: ignore[attr-defined]
    single: Tensor = result.squeeze(0)  # type: ignore[attr-defined]
    return assign(input, single, f"{op}_") if inplace else single


@operator(namespace="nn.functional")
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """dropout of whole channels of input[n, c, length] or [c, length]."""
    return _of_channels("dropout1d", (2, 3), input, p, training, inplace)


@operator(namespace="nn.functional")
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """dropout of whole channels of input[n, c, h, w]; an input of other ranks counts as [n, c, ...]."""
    return _applied(_dropout, "dropout2d", input, p, training, inplace, features=True)


@operator(namespace="nn.functional")
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """dropout of whole channels of input[n, c, d, h, w]; an input of other ranks counts as [n, c, ...]."""
    return _applied(_dropout, "dropout3d", input, p, training, inplace, features=True)


@operator(namespace="nn.functional")
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """dropout that keeps mean 0 and variance 1, as SELU needs it (Klambauer et al. 2017)."""
    return _applied(_alpha_dropout, "alpha_dropout", input, p, training, inplace, features=False)


@operator(namespace="nn.functional")
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels of input[n, c, ...]."""
    return _applied(_alpha_dropout, "feature_alpha_dropout", input, p, training, inplace, features=True)


@function
def _dropout_with_mask(input: Tensor, p: float, seed: Number, call: Number) -> tuple[Tensor, Tensor]:
    kept = _kept(input, p, seed, call, False)
    return _rescaled(input, kept, p), cast(kept, bool_)


@operator()
def native_dropout(input: Tensor, p: float, train: bool | None = True) -> tuple[Tensor, Tensor]:
    """dropout, and where elements were kept."""
    require_tensors("native_dropout", input=input)
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in 0..1, not {p}", op="native_dropout")
    if not train or p in (0, 1):
        mask = ones(*input.shape, dtype=bool_, device=input.device)
        return (pointwise.mul(input, 1.0), mask) if not train or p == 0 else (
            pointwise.mul(input, 0.0), pointwise.logical_not(mask))  # fmt: skip
    return _dropout_with_mask(input, float(p), *next_draw())
