"""Norms of vectors and matrices, and distances by them. At 0, where a norm has no derivative, its gradient is 0;
that of the nuclear norm is the product of the two factors."""

from __future__ import annotations

from math import inf
from typing import Any

from brasa.functions import pointwise
from brasa.functions.linalg.matrices import check_matrices
from brasa.functions.linalg.spectra import singular_values
from brasa.functions.reduction import amax, amin, sum
from brasa.ir.dtype import DType, float32, real_dtype
from brasa.ir.errors import ArgumentError, DTypeError, IndexError, ShapeError, ValueError
from brasa.ir.ops import reduce as reduce_ops
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import permute
from brasa.tensors.views import reshape as view_reshape
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axes_of, axis_of, cast, reshape, type_of

__all__ = ["dist", "norm", "renorm"]


def _sum(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    shape = type_of(x).shape
    total = apply(reduce_ops.sum_, x, axes=axes) if axes else x
    return reshape(total, [1 if axis in axes else size for axis, size in enumerate(shape)])


def _root(total: Tensor, exponent: Any) -> Tensor:
    """total to the power of 1 / exponent, 0 with the gradient 0 where the total is 0."""
    nothing = pointwise.eq(total, 0)
    safe = pointwise.where(nothing, 1, total)
    root = pointwise.sqrt(safe) if exponent is None else pointwise.pow(safe, pointwise.true_divide(1, exponent))
    return pointwise.where(nothing, 0, root)


def _magnitudes(x: Tensor, dtype: DType | None) -> Tensor:
    """Absolute values, in the precision that sums are made in."""
    x = x if dtype is None else cast(x, dtype)
    own = type_of(x).dtype
    return pointwise.abs(cast(x, float32) if own.kind == "float" and own.bits < 32 else x)


def _finished(x: Tensor, result: Tensor, axes: tuple[int, ...], keepdim: bool, dtype: DType | None) -> Tensor:
    shape = type_of(result).shape
    kept = shape if keepdim else [size for axis, size in enumerate(shape) if axis not in axes]
    return cast(reshape(result, kept), real_dtype(dtype or type_of(x).dtype))


@function
def _euclidean(x: Tensor, axes: Any, keepdim: bool, dtype: DType | None) -> Tensor:
    wide = _magnitudes(x, dtype)
    return _finished(x, _root(_sum(pointwise.mul(wide, wide), axes), None), axes, keepdim, dtype)


@function
def _absolute_sum(x: Tensor, axes: Any, keepdim: bool, dtype: DType | None) -> Tensor:
    return _finished(x, _sum(_magnitudes(x, dtype), axes), axes, keepdim, dtype)


@function
def _count(x: Tensor, axes: Any, keepdim: bool, dtype: DType | None) -> Tensor:
    wide = _magnitudes(x, dtype)
    return _finished(x, _sum(cast(pointwise.ne(wide, 0), type_of(wide).dtype), axes), axes, keepdim, dtype)


@function
def _extreme(x: Tensor, axes: Any, keepdim: bool, dtype: DType | None, largest: bool) -> Tensor:
    wide = _magnitudes(x, dtype)
    return _finished(x, (amax if largest else amin)(wide, axes, True) if axes else wide, axes, keepdim, dtype)


@function
def _powers(x: Tensor, axes: Any, keepdim: bool, dtype: DType | None, exponent: Number) -> Tensor:
    wide = _magnitudes(x, dtype)
    nothing = pointwise.eq(wide, 0)
    at_zero = pointwise.where(pointwise.lt(exponent, 0), inf, 0.0)
    raised = pointwise.where(nothing, at_zero, pointwise.pow(pointwise.where(nothing, 1, wide), exponent))
    return _finished(x, cast(_root(_sum(cast(raised, type_of(wide).dtype), axes), exponent), type_of(wide).dtype),
                     axes, keepdim, dtype)  # fmt: skip


def _check_float(op: str, x: Tensor, dtype: DType | None) -> None:
    require_tensors(op, input=x)
    if x.dtype.kind not in ("float", "complex"):
        raise DTypeError(f"is defined for float and complex numbers, not for {x.dtype.name}", op=op)
    if dtype is not None and (dtype.kind not in ("float", "complex") or dtype.is_complex != x.dtype.is_complex):
        raise DTypeError(f"dtype {dtype.name} does not fit {x.dtype.name}", op=op)


def _vector_norm(op: str, x: Tensor, ord: Any, dim: Any, keepdim: bool, dtype: DType | None) -> Tensor:
    _check_float(op, x, dtype)
    if isinstance(ord, bool) or not isinstance(ord, int | float):
        raise ArgumentError(f"the order must be a number, it is {ord!r}", op=op)
    axes = tuple(range(x.ndim)) if dim is None else axes_of(dim, x.ndim, op)
    if (ord < 0 or ord == inf) and any(x.shape[axis] == 0 for axis in axes):
        raise (ShapeError if dim is None else IndexError)(
            f"order {ord} is not defined for no elements, x is {type_text(x)}", op=op
        )
    if ord in (inf, -inf):
        return _extreme(x, axes, keepdim, dtype, ord > 0)
    simple = {2: _euclidean, 1: _absolute_sum, 0: _count}.get(ord)
    return simple(x, axes, keepdim, dtype) if simple else _powers(x, axes, keepdim, dtype, float(ord))


@operator(namespace="linalg", out=True)
def vector_norm(
    x: Tensor, ord: float | int = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # fmt: skip
    """The norm of order `ord` over some dims, by default all: a number, inf, -inf, or 0, which counts what is not 0."""
    return _vector_norm("linalg.vector_norm", x, ord, dim, keepdim, dtype)


def _matrix_norm(op: str, A: Tensor, ord: Any, dim: Any, keepdim: bool, dtype: DType | None) -> Tensor:
    _check_float(op, A, dtype)
    if A.ndim < 2:
        raise ShapeError(f"A must have at least two axes, it is {type_text(A)}", op=op)
    if not isinstance(dim, tuple | list) or len(dim) != 2:
        raise ShapeError(f"dim must be two axes, it is {dim!r}", op=op)
    rows, columns = (axis_of(each, A.ndim, op) for each in dim)
    if rows == columns:
        raise ValueError(f"the two axes are one, {tuple(dim)}", op=op)
    if ord == "fro":
        return _vector_norm(op, A, 2, (rows, columns), keepdim, dtype)
    if ord in ("nuc", 2, -2):
        return _spectral_norm(op, A, ord, (rows, columns), keepdim, dtype)
    if isinstance(ord, bool) or ord not in (1, -1, inf, -inf):
        raise ValueError(f"order {ord!r} is not defined for matrices", op=op)
    first, second = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _vector_norm(op, A, 1, first, True, dtype)
    best = _most(sums, second, ord > 0, True)
    return best if keepdim else view_reshape(best, [n for a, n in enumerate(A.shape) if a not in (rows, columns)])


def _most(sizes: Tensor, axis: int, largest: bool, keepdim: bool) -> Tensor:
    """The largest or the smallest of what is not negative; 0 is the largest of nothing."""
    if largest and sizes.shape[axis] == 0:
        return sum(sizes, axis, keepdim)
    return (amax if largest else amin)(sizes, axis, keepdim)


def _spectral_norm(
    op: str, A: Tensor, ord: Any, axes: tuple[int, int], keepdim: bool, dtype: DType | None
) -> Tensor:  # fmt: skip
    A = A if dtype is None else A.to(dtype)  # type: ignore[attr-defined]
    check_matrices(op, A=A)
    values = singular_values(permute(A, (*(a for a in range(A.ndim) if a not in axes), *axes)))
    if ord == "nuc":
        result = sum(values, -1)  # no absolute values: they are none below 0, and 0 has the gradient of the others
    else:
        if ord < 0 and values.shape[-1] == 0:
            raise ShapeError(f"order {ord} is not defined for no elements, A is {type_text(A)}", op=op)
        result = _most(values, -1, ord > 0, False)
    return view_reshape(result, [1 if a in axes else n for a, n in enumerate(A.shape)]) if keepdim else result


@operator(namespace="linalg", out=True)
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # fmt: skip
    """The norm of matrices: "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    return _matrix_norm("linalg.matrix_norm", A, ord, dim, keepdim, dtype)


def _of_linalg(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # fmt: skip
    """The norm of vectors (over one dim, or all where ord is None) or matrices (over two)."""
    op = "linalg.norm"
    require_tensors(op, A=A)
    if dim is not None and not isinstance(dim, int) and not 1 <= len(dim) <= 2:
        raise ShapeError(f"dim must be one or two axes, it is {dim!r}", op=op)
    if ord is None:
        return _vector_norm(op, A, 2, dim, keepdim, dtype)
    if dim is None and A.ndim not in (1, 2):
        raise ShapeError(f"an order needs one or two axes, A is {type_text(A)}", op=op, hint="pass dim=")
    matrix = A.ndim == 2 if dim is None else not isinstance(dim, int) and len(dim) == 2
    if isinstance(ord, str) or matrix:
        return _matrix_norm(op, A, ord, (-2, -1) if dim is None else dim, keepdim, dtype)
    return _vector_norm(op, A, ord, dim, keepdim, dtype)


_of_linalg.__name__ = _of_linalg.__qualname__ = "norm"
linalg_norm = operator(namespace="linalg", out=True)(_of_linalg)


@operator(method=True, out=True)
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # fmt: skip
    """The norm over some dims, by default all: a number, "fro" for the Euclidean one, or "nuc" for that of matrices."""
    if p == "nuc":
        return _matrix_norm("norm", input, p, (-2, -1) if dim is None else dim, keepdim, dtype)
    if isinstance(p, str) and p != "fro":
        raise ValueError(f"p must be a number, 'fro' or 'nuc', it is {p!r}", op="norm")
    return _vector_norm("norm", input, 2 if p in ("fro", None) else p, dim, keepdim, dtype)


@operator(method=True)
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of order p of the difference."""
    return _vector_norm("dist", pointwise.sub(input, other), p, None, False, None)


@function
def _renorm(input: Tensor, norms: Tensor, maxnorm: Number) -> Tensor:
    wide = type_of(norms).dtype
    small = 1e-7  # as PyTorch adds, so that a part is never scaled beyond the limit
    scale = pointwise.true_divide(maxnorm, pointwise.add(norms, small))
    kept = pointwise.where(pointwise.gt(norms, maxnorm), cast(scale, wide), 1)
    return cast(pointwise.mul(input, kept), type_of(input).dtype)


@operator(method=True, in_place=True, out=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The tensor with each part along a dim scaled down to a norm of order p that is at most maxnorm."""
    if p <= 0 or maxnorm < 0:
        raise ValueError(f"p must be positive and maxnorm not negative, they are {p} and {maxnorm}", op="renorm")
    if input.ndim < 2:
        raise ShapeError(f"needs at least two axes, input is {type_text(input)}", op="renorm")
    axis = axis_of(dim, input.ndim, "renorm")
    others = tuple(each for each in range(input.ndim) if each != axis)
    wide = float32 if input.dtype.kind == "float" and input.dtype.bits < 32 else None
    return _renorm(input, _vector_norm("renorm", input, p, others, True, wide), maxnorm)
