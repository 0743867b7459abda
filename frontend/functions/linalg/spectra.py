"""Eigenvalues and singular values, and what follows from them: pseudoinverses, ranks, condition numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from brasa.functions.linalg.matrices import adjoint, check_matrices, check_square, is_tall
from brasa.ir.errors import ValueError
from brasa.ir.ops import spectrum as ops
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply_several, constant, type_of

__all__ = ["svd"]


@returned_by("linalg_eigh")
class eigh_result(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@returned_by("linalg_eig")
class eig_result(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@returned_by("linalg_svd")
class linalg_svd_result(NamedTuple):
    """U @ diag(S) @ Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@returned_by("svd")
class svd_result(NamedTuple):
    """U @ diag(S) @ V.mH."""

    U: Tensor
    S: Tensor
    V: Tensor


@function
def _eigh(A: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    values, vectors = apply_several(ops.eigh, A, upper=upper)
    return values, vectors


@function
def _eigvalsh(A: Tensor, upper: bool) -> Tensor:
    return apply_several(ops.eigh, A, upper=upper)[0]


def _is_upper(op: str, UPLO: Any) -> bool:
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ValueError(f"UPLO must be 'L' or 'U', it is {UPLO!r}", op=op)
    return UPLO.upper() == "U"


@operator(namespace="linalg", out=True)
def eigh(A: Tensor, UPLO: str = "L") -> eigh_result:
    """The ascending eigenvalues and the eigenvectors of hermitian matrices, of which one triangle is read.

    Gradients through eigenvectors exist where the eigenvalues differ. LinAlgError where LAPACK does not converge.
    """
    check_square("linalg.eigh", A=A)
    return eigh_result(*_eigh(A, _is_upper("linalg.eigh", UPLO)))


@operator(namespace="linalg", out=True)
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The ascending eigenvalues of hermitian matrices, of which one triangle is read."""
    check_square("linalg.eigvalsh", A=A)
    return _eigvalsh(A, _is_upper("linalg.eigvalsh", UPLO))


@function
def _eig(A: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = apply_several(ops.eig, A)
    return values, vectors


@function
def _eigvals(A: Tensor) -> Tensor:
    return apply_several(ops.eig, A)[0]


@operator(namespace="linalg", out=True)
def eig(A: Tensor) -> eig_result:
    """The eigenvalues and the eigenvectors of square matrices: complex numbers, in no order."""
    check_square("linalg.eig", A=A)
    return eig_result(*_eig(A))


@operator(namespace="linalg", out=True)
def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of square matrices: complex numbers, in no order."""
    check_square("linalg.eigvals", A=A)
    return _eigvals(A)


# Singular values


def _decomposed(A: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and Vh of traced matrices; wide ones by their adjoints."""
    if is_tall(A):
        left, values, right = apply_several(ops.svd, A, full=full)
        return left, values, right
    left, values, right = apply_several(ops.svd, adjoint(A), full=full)
    return adjoint(right), values, adjoint(left)


@function
def _svd(A: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    return _decomposed(A, full)


@function
def _svd_with_v(A: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    left, values, right = _decomposed(A, full)
    return left, values, adjoint(right)


@function
def singular_values(A: Tensor) -> Tensor:
    """The descending singular values of matrices."""
    return _decomposed(A, False)[1]


def _of_linalg(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> linalg_svd_result:
    """U, the descending singular values S, and Vh with A = U @ diag(S) @ Vh.

    full_matrices: U and Vh are square. Gradients through U and Vh exist where the singular values differ. LinAlgError
    where LAPACK does not converge.
    """
    check_matrices("linalg.svd", A=A)
    _check_driver("linalg.svd", driver)
    return linalg_svd_result(*_svd(A, full_matrices))


_of_linalg.__name__ = _of_linalg.__qualname__ = "svd"
linalg_svd = operator(namespace="linalg", out=True)(_of_linalg)


def _check_driver(op: str, driver: str | None) -> None:
    if driver is not None:
        raise ValueError(f"driver is for matrices on a GPU, it is {driver!r}", op=op)


@operator(namespace="linalg", out=True)
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The descending singular values of matrices."""
    check_matrices("linalg.svdvals", A=A)
    _check_driver("linalg.svdvals", driver)
    return singular_values(A)


@function
def _only_values(A: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros for the vectors."""
    *batch, rows, columns = type_of(A).shape
    zeros = [constant(0, type_of(A).dtype, (*batch, n, n)) for n in (rows, columns)]
    return zeros[0], _decomposed(A, False)[1], zeros[1]


@operator(method=True, out=True)
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> svd_result:
    """U, S and V with input = U @ diag(S) @ V.mH: linalg.svd, by its older name. not some: U and V are square."""
    check_matrices("svd", input=input)
    return svd_result(*(_svd_with_v(input, not some) if compute_uv else _only_values(input, True)))
