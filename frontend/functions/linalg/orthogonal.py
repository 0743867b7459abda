"""QR factorization, and products with the orthogonal matrices that Householder reflectors make."""

from __future__ import annotations

from typing import NamedTuple

from brasa.functions import pointwise
from brasa.functions.linalg.matrices import (
    adjoint,
    built,
    check_matrices,
    check_numbers,
    identity,
    in_one_batch,
    is_tall,
    part,
    times,
)
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops import factorization as ops
from brasa.ir.ops import matrices
from brasa.ir.ops.move import concat
from brasa.ir.ops.triangular import solve_triangular as solve_op
from brasa.return_types import also_returned_by, returned_by
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, apply_several, constant, reshape, type_of

__all__ = ["geqrf", "orgqr", "ormqr", "qr"]


@returned_by("linalg_qr")
class qr_result(NamedTuple):
    """An orthogonal (unitary) matrix, and an upper triangle."""

    Q: Tensor
    R: Tensor


_QR = also_returned_by("qr", qr_result)


@returned_by("geqrf")
class geqrf_result(NamedTuple):
    """R above the vectors of Householder reflectors, and their scales."""

    a: Tensor
    tau: Tensor


@function
def _qr(A: Tensor, complete: bool) -> tuple[Tensor, Tensor]:
    if is_tall(A):
        q, r = apply_several(ops.qr, A, complete=complete)
        return q, r
    rows, columns = type_of(A).shape[-2:]
    q, r = apply_several(ops.qr, part(A, -1, 0, rows), complete=False)
    rest = times(adjoint(q), part(A, -1, rows, columns))
    return q, apply(concat, r, rest, axis=type_of(A).rank - 1)


@function
def _nothing(A: Tensor) -> Tensor:
    return constant(0, type_of(A).dtype, (0,))


def _of_linalg(A: Tensor, mode: str = "reduced") -> qr_result:
    """Q and R with A = Q @ R: Q orthogonal, R upper triangular.

    mode: "reduced"; "complete", for a square Q; "r", for an empty Q. GradientError for the complete factors of
    matrices that have more rows than columns.
    """
    check_matrices("linalg.qr", A=A)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"mode must be 'reduced', 'complete' or 'r', it is {mode!r}", op="linalg.qr")
    q, r = _qr(A, mode == "complete")
    return qr_result(_nothing(A) if mode == "r" else q, r)


_of_linalg.__name__ = _of_linalg.__qualname__ = "qr"
linalg_qr = operator(namespace="linalg", out=True)(_of_linalg)


@operator(method=True, out=True)
def qr(input: Tensor, some: bool = True) -> qr_result:
    """Q and R with input = Q @ R: linalg.qr, by its older name. not some: Q is square."""
    check_matrices("qr", input=input)
    return _QR(*_qr(input, not some))


@function
def _geqrf(input: Tensor) -> tuple[Tensor, Tensor]:
    if is_tall(input):
        packed, scales = apply_several(ops.reflectors, input)
        return packed, scales
    rows, columns = type_of(input).shape[-2:]
    packed, scales = apply_several(ops.reflectors, part(input, -1, 0, rows))
    rest = _reflected(packed, scales, part(input, -1, rows, columns), turned=True)
    return apply(concat, packed, rest, axis=type_of(input).rank - 1), scales


@operator(method=True, out=True)
def geqrf(input: Tensor) -> geqrf_result:
    """The QR factorization as LAPACK finds it: R above the vectors of Householder reflectors, and their scales."""
    check_matrices("geqrf", input=input)
    return geqrf_result(*_geqrf(input))


def _reflected(vectors: Tensor, scales: Tensor, x: Tensor, turned: bool = False) -> Tensor:
    """Q @ x for the product Q of the reflectors 1 - scale * v @ v.mH; Q.mH @ x if turned.

    Q = 1 - V T V.mH with triangular T: T = (1 + D S)^-1 D, where D has the scales on its diagonal and S is the part of
    V.mH V above the diagonal (Schreiber and Van Loan, "A storage-efficient WY representation", 1989).
    """
    count = type_of(scales).shape[-1]
    v = built(matrices.unit_lower, part(vectors, -1, 0, count))
    inner = built(matrices.upper, times(adjoint(v), v), offset=1)
    down = reshape(scales, (*type_of(scales).shape, 1))
    system = pointwise.add(pointwise.mul(down, inner), identity(inner))
    product = times(adjoint(v), x)
    if turned:
        solved = apply(solve_op, adjoint(system), product, upper=False)
        scaled = pointwise.mul(built(matrices.conjugate, down), solved)
    else:
        scaled = apply(solve_op, system, pointwise.mul(down, product), upper=True)
    return pointwise.sub(x, times(v, scaled))


@function
def _householder(A: Tensor, tau: Tensor) -> Tensor:
    first = identity(A)
    return _reflected(A, tau, first)


def _check_reflectors(op: str, A: Tensor, tau: Tensor, name: str = "A") -> None:
    check_numbers(op, **{name: A, "tau": tau})
    check_matrices(op, **{name: A})
    if tau.shape[:-1] != A.shape[:-2] or tau.ndim != A.ndim - 1:
        raise ShapeError(f"tau is {type_text(tau)}, {name} is {type_text(A)}: not of one batch", op=op)
    if tau.shape[-1] > A.shape[-1]:
        raise ShapeError(f"{tau.shape[-1]} reflectors are more than the columns of {type_text(A)}", op=op)


@operator(namespace="linalg", out=True)
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of Householder reflectors, with their vectors below the diagonal, and scales."""
    _check_reflectors("linalg.householder_product", A, tau)
    if A.shape[-2] < A.shape[-1]:
        raise ShapeError(f"A is {type_text(A)}, which has more columns than rows", op="linalg.householder_product")
    return _householder(A, tau)


@operator(method=True, out=True)
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """linalg.householder_product, by its older name."""
    return householder_product(input, input2)


@function
def _ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool, transpose: bool) -> Tensor:
    column = reshape(tau, (*type_of(tau).shape, 1))
    vectors, column, x = in_one_batch(input, column, other if left else adjoint(other))
    result = _reflected(vectors, reshape(column, type_of(column).shape[:-1]), x, turned=transpose == left)
    return result if left else adjoint(result)


@operator(method=True, out=True)
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q @ other (other @ Q where not left) for the whole product Q of Householder reflectors, or its adjoint."""
    _check_reflectors("ormqr", input, tau, "input")
    check_matrices("ormqr", input=input, other=other)
    if other.shape[-2 if left else -1] != input.shape[-2]:
        raise ShapeError(f"input is {type_text(input)}, other is {type_text(other)}: they do not fit", op="ormqr")
    return _ormqr(input, tau, other, left, transpose)
