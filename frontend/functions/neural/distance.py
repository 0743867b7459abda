"""Distances between vectors, and the length that vectors are divided by."""

from __future__ import annotations

import math

from brasa.functions import pointwise, reduction
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.dtype import float64, int64
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import gather
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    apply,
    axis_of,
    broadcast_shapes,
    cast,
    constant,
    current,
    expand,
    reshape,
    resolved,
    type_of,
)

__all__ = ["cdist", "cosine_similarity", "pairwise_distance", "pdist"]


def _form(p: float) -> str:
    """Which formula the norm with this exponent has; the exponent itself is a number at run time."""
    return {0.0: "zero", 1.0: "one", 2.0: "two", math.inf: "largest", -math.inf: "least"}.get(float(p), "power")


def norm_along(x: Tensor, form: str, p: Number, axis: int, keepdim: bool = False) -> Tensor:
    """The p-norm along an axis, with gradient 0 where it has none: at zero, and of equal largest elements."""
    size = pointwise.abs(x)
    if form == "zero":
        return reduction.sum(cast(pointwise.ne(x, 0), type_of(x).dtype), axis, keepdim)
    if form == "one":
        return reduction.sum(size, axis, keepdim)
    if form in ("largest", "least"):
        return (reduction.amax if form == "largest" else reduction.amin)(size, axis, keepdim)
    if form == "two":
        total = reduction.sum(pointwise.mul(x, x), axis, keepdim)
        some = pointwise.ne(total, 0)
        return pointwise.where(some, pointwise.sqrt(pointwise.where(some, total, 1)), 0)
    # A base of 0 would give its gradient the factor 0**(p - 1); the sum of none is 0, whatever its root's slope is.
    there = pointwise.ne(size, 0)
    raised = pointwise.where(there, pointwise.pow(pointwise.where(there, size, 1), p), 0)
    total = reduction.sum(raised, axis, keepdim)
    some = pointwise.ne(total, 0)
    root = pointwise.pow(pointwise.where(some, total, 1), pointwise.div(1.0, p))
    return pointwise.where(some, root, 0)


@function
def _pairwise(x1: Tensor, x2: Tensor, form: str, p: Number, eps: Number, keepdim: bool) -> Tensor:
    gap = pointwise.add(pointwise.sub(*widened(x1, x2)), eps)
    return rounded(norm_along(gap, form, p, gap.ndim - 1, keepdim), x1, x2)


@operator(namespace="nn.functional")
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis."""
    require_tensors("pairwise_distance", x1=x1, x2=x2)
    return _pairwise(x1, x2, _form(p), float(p), float(eps), bool(keepdim))


@function
def _cosine(x1: Tensor, x2: Tensor, axis: int, eps: Number) -> Tensor:
    a, b = widened(x1, x2)
    shape = resolved(broadcast_shapes([type_of(a).shape, type_of(b).shape]))
    parts = []
    for x in (expand(a, shape), expand(b, shape)):
        length = norm_along(x, "two", 2.0, axis_of(axis, len(shape), "cosine_similarity"), True)
        # Below eps the length counts as eps, and its gradient is the length's own.
        fixed = apply(stop_gradient, length)
        held = pointwise.add(pointwise.maximum(fixed, eps), pointwise.sub(length, fixed))
        parts.append(pointwise.div(x, held))
    return rounded(reduction.sum(pointwise.mul(*parts), axis), x1, x2)


@operator(namespace="nn.functional")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dim; lengths below eps count as eps."""
    require_tensors("cosine_similarity", x1=x1, x2=x2)
    for x in (x1, x2):
        if x.dtype.kind != "float":
            raise DTypeError(f"expects floats, not {x.dtype.name}", op="cosine_similarity")
    return _cosine(x1, x2, dim, float(eps))


@function
def _normalized(input: Tensor, form: str, p: Number, axis: int, eps: Number) -> Tensor:
    (x,) = widened(input)
    length = norm_along(x, form, p, axis_of(axis, input.ndim, "normalize"), True)
    return rounded(pointwise.div(x, pointwise.clamp(length, min=eps)), input)


@operator(namespace="nn.functional", out=True)
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """The input over its p-norm along a dim, or over eps where that is greater."""
    require_tensors("normalize", input=input)
    return _normalized(input, _form(p), float(p), dim, float(eps))


@function
def _cdist(x1: Tensor, x2: Tensor, form: str, p: Number) -> Tensor:
    a, b = widened(x1, x2)
    left, right = type_of(a).shape, type_of(b).shape
    gap = pointwise.sub(reshape(a, (*left[:-1], 1, left[-1])), reshape(b, (*right[:-2], 1, *right[-2:])))
    return rounded(norm_along(gap, form, p, gap.ndim - 1), x1, x2)


_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@operator()
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm of every difference of a row of x1[..., n, d] and one of x2[..., m, d], as [..., n, m].

    compute_mode is PyTorch's choice between two algorithms; here differences are always taken, which is exact.
    """
    require_tensors("cdist", x1=x1, x2=x2)
    if compute_mode not in _MODES:
        raise ValueError(f"compute_mode must be one of {', '.join(_MODES)}, not {compute_mode}", op="cdist")
    if p < 0:
        raise ValueError(f"p must not be negative, it is {p}", op="cdist")
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"rows of {list(x1.shape)} and of {list(x2.shape)} have no differences", op="cdist")
    for x in (x1, x2):
        if x.dtype.kind != "float":
            raise DTypeError(f"expects floats, not {x.dtype.name}", op="cdist")
    return _cdist(x1, x2, _form(p), float(p))


@function
def _pdist(input: Tensor, form: str, p: Number) -> Tensor:
    (x,) = widened(input)
    rows, width = type_of(x).shape
    count = rows * (rows - 1) // 2
    first, second = _pairs(rows, count, type_of(x).device)
    ends = [
        apply(gather, x, expand(reshape(place, (count, 1)), (count, width)), axis=0) for place in (first, second)
    ]  # fmt: skip
    return rounded(norm_along(pointwise.sub(*ends), form, p, 1), input)


def _pairs(rows: int, count: int, device: str) -> tuple[Tensor, Tensor]:
    """The two row numbers of each pair in the order (0, 1), (0, 2), ..., (1, 2), ...

    Counted from the end, the first rows' numbers are triangular roots; float64 may be off by one, which is put right.
    """
    place = current().fresh(current().apply(iota, axis=0, type=TensorType((count,), int64, device)))
    back = pointwise.sub(constant(count - 1, int64), place)
    root = pointwise.sqrt(pointwise.add(pointwise.mul(cast(back, float64), 8.0), 1.0))
    guess = cast(pointwise.floor(pointwise.mul(pointwise.sub(root, 1.0), 0.5)), int64)
    guess = pointwise.sub(guess, cast(pointwise.gt(_triangle(guess), back), int64))
    guess = pointwise.add(guess, cast(pointwise.le(_triangle(pointwise.add(guess, 1)), back), int64))
    first = pointwise.sub(constant(rows - 2, int64), guess)
    second = pointwise.sub(constant(rows - 1, int64), pointwise.sub(back, _triangle(guess)))
    return first, second


def _triangle(n: Tensor) -> Tensor:
    return pointwise.floor_divide(pointwise.mul(n, pointwise.add(n, 1)), 2)


@operator()
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the differences of all pairs of rows (i < j) of input[n, d], as one vector."""
    require_tensors("pdist", input=input)
    if input.ndim != 2:
        raise ShapeError(f"input must have 2 axes, it has {input.ndim}", op="pdist")
    if p < 0:
        raise ValueError(f"p must not be negative, it is {p}", op="pdist")
    return _pdist(input, _form(p), float(p))
