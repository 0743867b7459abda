"""Singular value decompositions and principal components of low rank, by random projections.

Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), algorithms 4.4 and 5.1.
"""

from __future__ import annotations

from brasa.functions.linalg.matrices import check_matrices
from brasa.functions.linalg.orthogonal import linalg_qr
from brasa.functions.linalg.spectra import linalg_svd, svd_result
from brasa.functions.matrix import matmul
from brasa.functions.reduction import mean
from brasa.functions.sampling import randn
from brasa.ir.errors import ValueError
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.operators import operator

__all__ = ["pca_lowrank", "svd_lowrank"]


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span the q greatest directions of A."""
    projection = randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    basis = linalg_qr(matmul(A, projection)).Q
    for _ in range(niter):
        basis = linalg_qr(matmul(A.mH, basis)).Q
        basis = linalg_qr(matmul(A, basis)).Q
    return basis


@operator()
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> svd_result:
    """U, S and V of nearly the q greatest singular values of A (of A - M); random."""
    check_matrices("svd_lowrank", A=A)
    rank = 6 if q is None else q
    rows, columns = A.shape[-2], A.shape[-1]
    if not 0 <= rank <= min(rows, columns):
        raise ValueError(f"q must be 0 to {min(rows, columns)}, it is {rank}", op="svd_lowrank")
    centered = A if M is None else A - M
    wide = bool(rows < columns)
    x = centered.mH if wide else centered
    basis = _basis(x, rank, 2 if niter is None else niter)
    left, values, right = linalg_svd(matmul(basis.mH, x), full_matrices=False)
    left, right = matmul(basis, left), right.mH
    return svd_result(right, values, left) if wide else svd_result(left, values, right)


@operator()
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> svd_result:
    """U, S and V of nearly the q greatest principal components of rows, which are centered first by default; random."""
    check_matrices("pca_lowrank", A=A)
    rank = min(6, A.shape[-2], A.shape[-1]) if q is None else q
    if not 0 <= rank <= min(A.shape[-2], A.shape[-1]):
        raise ValueError(f"q is {rank}, A is {type_text(A)}", op="pca_lowrank")
    return svd_lowrank(A - mean(A, -2, True) if center else A, rank, niter)
