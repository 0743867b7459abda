"""Cholesky factorization of positive-definite matrices, and what follows from the factor."""

from __future__ import annotations

from typing import NamedTuple

from brasa.functions.linalg.matrices import adjoint, check_matrices, check_square, identity, in_one_batch, required
from brasa.ir.errors import ShapeError
from brasa.ir.ops import factorization as ops
from brasa.ir.ops.triangular import solve_triangular as solve_op
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, apply_several

__all__ = ["cholesky", "cholesky_inverse", "cholesky_solve"]

_REASON = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{info} is not positive-definite)."
)


@returned_by("linalg_cholesky_ex")
class cholesky_ex_result(NamedTuple):
    """The factor, and 0 or the order of the first minor that is not positive-definite."""

    L: Tensor
    info: Tensor


@function
def _cholesky_ex(input: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    factor, info = apply_several(ops.cholesky, adjoint(input) if upper else input)
    return adjoint(factor) if upper else factor, info


@function
def _cholesky(input: Tensor, upper: bool, caller: str) -> Tensor:
    factor, info = apply_several(ops.cholesky, adjoint(input) if upper else input)
    factor = required(factor, info, caller, _REASON)
    return adjoint(factor) if upper else factor


@operator(namespace="linalg", out=True)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> cholesky_ex_result:
    """As linalg.cholesky, but with a number for each matrix that tells whether it was positive-definite."""
    check_square("linalg.cholesky_ex", A=A)
    if check_errors:
        _cholesky(A, upper, "linalg.cholesky_ex")
    return cholesky_ex_result(*_cholesky_ex(A, upper))


def _of_linalg(A: Tensor, *, upper: bool = False) -> Tensor:
    """The triangular factor L of positive-definite matrices L @ L.mH, of which one triangle is read.

    upper: the factor U of U.mH @ U instead. LinAlgError for matrices that are not positive-definite.
    """
    check_square("linalg.cholesky", A=A)
    return _cholesky(A, upper, "linalg.cholesky")


_of_linalg.__name__ = _of_linalg.__qualname__ = "cholesky"
linalg_cholesky = operator(namespace="linalg", out=True)(_of_linalg)


@operator(method=True, out=True)
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The triangular factor of positive-definite matrices: linalg.cholesky, by its older name."""
    check_square("cholesky", input=input)
    return _cholesky(input, upper, "cholesky")


@function
def _solve(input: Tensor, factor: Tensor, upper: bool) -> Tensor:
    """factor @ factor.mH @ x = input, by two triangular systems."""
    b, lower = in_one_batch(input, adjoint(factor) if upper else factor)
    return apply(solve_op, adjoint(lower), apply(solve_op, lower, b, upper=False), upper=True)


@operator(method=True, out=True)
def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """x with A @ x = input, for positive-definite A of which the Cholesky factor is given."""
    check_matrices("cholesky_solve", input=input)
    check_square("cholesky_solve", L=L)
    if input.shape[-2] != L.shape[-1]:
        raise ShapeError(f"L is {type_text(L)}, which cannot solve {type_text(input)}", op="cholesky_solve")
    return _solve(input, L, upper)


@function
def _inverse(factor: Tensor, upper: bool) -> Tensor:
    return _solve(identity(factor), factor, upper)


@operator(method=True, out=True)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of positive-definite matrices of which the Cholesky factor is given."""
    check_square("cholesky_inverse", L=L)
    return _inverse(L, upper)
