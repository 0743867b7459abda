"""Eigenvalues and singular values, on the host.

Where two values are equal, or a singular value is 0, a gradient of vectors does not exist; the formulas then leave out
the division, so that gradients of what does not depend on the choice of vectors stay finite.

Gradients: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008);
Townsend, "Differentiating the singular value decomposition" (2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import complex64, complex128, float32, real_dtype
from brasa.ir.errors import ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.control import items
from brasa.ir.ops.elementwise import add, cast, conjugate, mul, sub
from brasa.ir.ops.factorization import solve
from brasa.ir.ops.host import check_factorizable, check_square, run_into
from brasa.ir.ops.matrices import (
    across,
    adjoint,
    diagonal,
    down,
    guarded_division,
    part,
    scaled,
    times,
    with_diagonal,
)
from brasa.ir.ops.source import full_like
from brasa.ir.types import TensorType, TupleType


def _cast(x: Node, like: Node) -> Node:
    return x if x.tensor.dtype is like.tensor.dtype else cast(x, dtype=like.tensor.dtype)


def _diagonal_matrix(vector: Node, like: Node) -> Node:
    """The vectors on the diagonals of matrices like these."""
    return with_diagonal(full_like(like, 0), across(_cast(vector, like), like))


def _skew(x: Node) -> Node:
    return sub(x, adjoint(x))


def _eigh_type(x: TensorType, *, upper: bool) -> TupleType:
    check_square(x)
    return TupleType((TensorType(x.shape[:-1], real_dtype(x.dtype), x.device), x))


def _eigh(x: Any, *, upper: bool) -> Any:
    return tuple(np.linalg.eigh(x, "U" if upper else "L"))


def _eigh_vjp(node: Node, g: tuple[Node | None, Node | None]) -> tuple[Node]:
    values, vectors = items(node)
    to_values, to_vectors = g
    inner = full_like(vectors, 0)
    if to_vectors is not None:
        gaps = sub(across(values, vectors), down(values, vectors))
        inner = scaled(_skew(times(adjoint(vectors), to_vectors)), 0.5)
        inner = guarded_division(inner, _cast(gaps, vectors))
        inner = with_diagonal(inner, full_like(inner, 0))
    if to_values is not None:
        inner = add(inner, _diagonal_matrix(to_values, inner))
    return (times(vectors, inner, adjoint(vectors)),)


# (ascending eigenvalues, eigenvectors as columns) of hermitian matrices, of which one triangle is read.
eigh = Op("eigh", Kind.HOST, ("x",), _eigh_type, _eigh, _eigh_vjp, run=run_into(_eigh))


def _svd_type(x: TensorType, *, full: bool) -> TupleType:
    check_factorizable(x)
    *batch, rows, columns = x.shape
    if not dim.at_most(columns, rows):
        raise ShapeError(f"x is {x}, whose matrices have more columns than rows")
    left = TensorType((*batch, rows, rows if full else columns), x.dtype, x.device)
    values = TensorType((*batch, columns), real_dtype(x.dtype), x.device)
    return TupleType((left, values, TensorType((*batch, columns, columns), x.dtype, x.device)))


def _svd(x: Any, *, full: bool) -> Any:
    return tuple(np.linalg.svd(x, full_matrices=full))


def _svd_vjp(node: Node, g: tuple[Node | None, Node | None, Node | None]) -> tuple[Node]:
    left, values, right = items(node)
    to_left, to_values, to_right = g
    columns = right.tensor.shape[-1]
    if node.attrs["full"]:
        left = part(left, -1, 0, columns)
        to_left = None if to_left is None else part(to_left, -1, 0, columns)
    scale, zero = _cast(values, right), full_like(right, 0)
    squares = mul(scale, scale)
    gaps = sub(across(squares, right), down(squares, right))
    inner = zero
    if to_left is not None:
        turned = _skew(times(adjoint(left), to_left))
        own = guarded_division(turned, across(mul(scale, full_like(scale, 2)), right))  # 0 but for complex numbers
        inner = with_diagonal(mul(guarded_division(turned, gaps), across(scale, right)), own)
    if to_right is not None:
        turned = _skew(times(right, adjoint(to_right)))
        inner = add(inner, with_diagonal(mul(down(scale, right), guarded_division(turned, gaps)), zero))
    if to_values is not None:
        inner = add(inner, _diagonal_matrix(to_values, right))
    found = times(left, inner)
    if to_left is not None:
        outside = sub(to_left, times(left, times(adjoint(left), to_left)))
        found = add(found, guarded_division(outside, across(scale, outside)))
    return (times(found, right),)


# (left vectors, descending singular values, adjoint of the right vectors) of matrices that are square or tall. full:
# the left vectors are a whole basis.
svd = Op("svd", Kind.HOST, ("x",), _svd_type, _svd, _svd_vjp, run=run_into(_svd))


def _eig_type(x: TensorType) -> TupleType:
    check_square(x)
    dtype = complex64 if real_dtype(x.dtype) is float32 else complex128
    return TupleType(tuple(TensorType(shape, dtype, x.device) for shape in (x.shape[:-1], x.shape)))


def _eig(x: Any) -> Any:
    values, vectors = np.linalg.eig(x)
    dtype = np.result_type(x.dtype, np.complex64)
    return values.astype(dtype), vectors.astype(dtype)


def _eig_vjp(node: Node, g: tuple[Node | None, Node | None]) -> tuple[Node]:
    values, vectors = items(node)
    to_values, to_vectors = g
    inner = full_like(vectors, 0)
    if to_vectors is not None:
        inner = times(adjoint(vectors), to_vectors)
        lengths = scaled(add(inner, conjugate(inner)), 0.5)  # of vectors, which the decomposition fixes at 1
        moved = times(adjoint(vectors), mul(vectors, across(diagonal(lengths), vectors)))
        conjugates = conjugate(values)
        gaps = sub(across(conjugates, vectors), down(conjugates, vectors))
        inner = with_diagonal(guarded_division(sub(inner, moved), gaps), full_like(inner, 0))
    if to_values is not None:
        inner = add(inner, _diagonal_matrix(to_values, inner))
    found = solve(adjoint(vectors), times(inner, adjoint(vectors)))
    x = node.operands[0]
    return (found if x.tensor.dtype.is_complex else cast(found, dtype=x.tensor.dtype),)


# (eigenvalues, eigenvectors of length 1 as columns) of square matrices: complex numbers.
eig = Op("eig", Kind.HOST, ("x",), _eig_type, _eig, _eig_vjp, run=run_into(_eig))


def _pinv_type(x: TensorType, least: TensorType, *, hermitian: bool) -> TensorType:
    (check_square if hermitian else check_factorizable)(x)
    if least.dtype is not real_dtype(x.dtype) or least.shape != x.shape[:-2]:
        raise ShapeError(f"least is {least}, x is {x}: there must be a real number for each matrix")
    return TensorType((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype, x.device)


def _pinv(x: Any, least: Any, *, hermitian: bool) -> Any:
    if not x.size:
        return np.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    if hermitian:
        values, left = np.linalg.eigh(x)
        right = np.swapaxes(left, -1, -2).conj()
    else:
        left, values, right = np.linalg.svd(x, full_matrices=False)
    kept = np.abs(values) > least[..., None]
    inverse = np.where(kept, 1 / np.where(kept, values, 1), 0)
    return np.swapaxes(right, -1, -2).conj() @ (inverse[..., None] * np.swapaxes(left, -1, -2).conj())


def _pinv_vjp(node: Node, g: Node) -> tuple[Node, None]:
    """For matrices of constant rank (Golub and Pereyra, "The differentiation of pseudo-inverses", 1973)."""
    x, turned, inverse = node.operands[0], adjoint(g), adjoint(node)
    inner = times(node, turned)
    from_left = times(sub(turned, times(x, inner)), node, inverse)
    outer = times(inverse, inner)
    from_right = sub(outer, times(times(outer, node), x))
    return sub(add(from_left, from_right), adjoint(times(inner, node))), None


# The pseudoinverse, without the singular values up to `least`. hermitian: only the lower triangle is read. Its gradient
# through svd would not exist where singular values meet, though its own does.
pinv = Op("pinv", Kind.HOST, ("x", "least"), _pinv_type, _pinv, _pinv_vjp, run=run_into(_pinv))
