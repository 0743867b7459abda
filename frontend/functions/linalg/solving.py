"""Systems of linear equations, inverses, and determinants."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.linalg.lu import SINGULAR, factored, solved
from brasa.functions.linalg.matrices import (
    adjoint,
    built,
    check_matrices,
    check_numbers,
    check_square,
    checked,
    identity,
    in_one_batch,
    required,
)
from brasa.functions.reduction import prod as product_of
from brasa.functions.reduction import sum as sum_of
from brasa.ir.dtype import int64
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops import matrices
from brasa.ir.ops.source import iota
from brasa.ir.ops.triangular import solve_triangular as solve_op
from brasa.ir.types import TensorType
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import permute
from brasa.tensors.views import reshape as view_reshape
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, constant, current, reshape, type_of

__all__ = ["det", "inverse", "logdet", "slogdet", "triangular_solve"]


@returned_by("linalg_solve_ex")
class solve_ex_result(NamedTuple):
    """The solution, and 0 or the first place on the diagonal of U, counted from 1, that is 0."""

    result: Tensor
    info: Tensor


@returned_by("linalg_inv_ex")
class inv_ex_result(NamedTuple):
    """The inverse, and 0 or the first place on the diagonal of U, counted from 1, that is 0."""

    inverse: Tensor
    info: Tensor


@returned_by("linalg_slogdet")
class slogdet_result(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


@returned_by("triangular_solve")
class triangular_solve_result(NamedTuple):
    """The solution, and a copy of the matrix of coefficients."""

    solution: Tensor
    cloned_coefficient: Tensor


# Systems of equations


@function
def _solve_ex(A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    packed, pivots, info = factored(A)
    size = type_of(pivots).shape
    packed, wide, b = in_one_batch(packed, reshape(pivots, (*size, 1)), B if left else adjoint(B))
    x = solved(packed, reshape(wide, type_of(wide).shape[:-1]), b, not left)
    return x if left else adjoint(x), info


def _is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether B is a batch of vectors, as PyTorch decides it."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape))


def _solved(op: str, A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    check_square(op, A=A)
    check_numbers(op, A=A, B=B)
    vector = _is_vector(A, B)
    if vector and not left:
        raise ShapeError("left must be True where B is a vector", op=op)
    b = B.unsqueeze(-1) if vector else B  # type: ignore[attr-defined]
    if b.ndim < 2 or b.shape[-2 if left else -1] != A.shape[-1]:
        raise ShapeError(f"A is {type_text(A)}, which cannot solve {type_text(B)}", op=op)
    result, info = _solve_ex(A, b, left)
    return result.squeeze(-1) if vector else result, info  # type: ignore[attr-defined]


@operator(namespace="linalg", out=True)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> solve_ex_result:
    """As linalg.solve, but with a number for each matrix that tells whether it is singular."""
    result, info = _solved("linalg.solve_ex", A, B, left)
    return solve_ex_result(checked(result, info, "linalg.solve_ex", SINGULAR) if check_errors else result, info)


@operator(namespace="linalg", out=True)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A @ X = B, or X @ A = B where not left; B may be vectors. LinAlgError for singular matrices."""
    result, info = _solved("linalg.solve", A, B, left)
    return checked(result, info, "linalg.solve", SINGULAR)


@function
def _solve_triangular(A: Tensor, B: Tensor, upper: bool, left: bool, unitriangular: bool) -> Tensor:
    a = adjoint(A) if not left else A
    if unitriangular:
        a = built(matrices.with_diagonal, a, constant(1, type_of(a).dtype, type_of(a).shape))
    a, b = in_one_batch(a, B if left else adjoint(B))
    x = apply(solve_op, a, b, upper=upper == left)
    return x if left else adjoint(x)


@operator(namespace="linalg", out=True)
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:  # fmt: skip
    """X with A @ X = B (X @ A = B where not left) for triangular A, of which the other triangle is not read.

    unitriangular: the diagonal counts as ones. A 0 on the diagonal gives infinities or NaN, no error.
    """
    check_square("linalg.solve_triangular", A=A)
    check_matrices("linalg.solve_triangular", A=A, B=B)
    if B.shape[-2 if left else -1] != A.shape[-1]:
        raise ShapeError(f"A is {type_text(A)}, which cannot solve {type_text(B)}", op="linalg.solve_triangular")
    return _solve_triangular(A, B, upper, left, unitriangular)


@operator(method=True, out=True)
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> triangular_solve_result:
    """x with A @ x = input for triangular A, or A.T @ x = input; and a copy of A."""
    check_square("triangular_solve", A=A)
    check_matrices("triangular_solve", A=A, input=input)
    if input.shape[-2] != A.shape[-1]:
        raise ShapeError(f"A is {type_text(A)}, which cannot solve {type_text(input)}", op="triangular_solve")
    turned = A.mT if transpose else A
    solution = _solve_triangular(turned, input, upper != transpose, True, unitriangular)
    coefficient = A.expand(*solution.shape[:-2], *A.shape[-2:]).clone()  # type: ignore[attr-defined]
    return triangular_solve_result(solution, coefficient)


# Inverses


@function
def _inv_ex(A: Tensor) -> tuple[Tensor, Tensor]:
    packed, pivots, info = factored(A)
    return solved(packed, pivots, identity(A)), info


@function
def _inv(A: Tensor, caller: str) -> Tensor:
    result, info = _inv_ex(A)
    reason = "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is "
    return required(result, info, caller, reason + "singular.")


@operator(namespace="linalg", out=True)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> inv_ex_result:
    """As linalg.inv, but with a number for each matrix that tells whether it is singular."""
    check_square("linalg.inv_ex", A=A)
    result, info = _inv_ex(A)
    return inv_ex_result(checked(result, info, "linalg.inv_ex", SINGULAR) if check_errors else result, info)


@operator(namespace="linalg", out=True)
def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices. LinAlgError for singular ones."""
    check_square("linalg.inv", A=A)
    return _inv(A, "linalg.inv")


@operator(method=True, out=True)
def inverse(input: Tensor) -> Tensor:
    """The inverse of square matrices: linalg.inv, by its older name."""
    check_square("inverse", input=input)
    return _inv(input, "inverse")


@operator(namespace="linalg", out=True)
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of the linear map that tensordot with A over its last axes, from `ind` on, is."""
    check_numbers("linalg.tensorinv", A=A)
    if not isinstance(ind, int) or ind <= 0:
        raise ValueError(f"ind must be a positive integer, it is {ind}", op="linalg.tensorinv")
    shape = tuple(A.shape)
    size, other = prod(shape[ind:]), prod(shape[:ind])
    if size != other:
        raise ShapeError(f"A is {type_text(A)}: {other} elements before axis {ind}, {size} from there on",
                         op="linalg.tensorinv")  # fmt: skip
    return view_reshape(_inv(view_reshape(A, (other, size)), "linalg.tensorinv"), (*shape[ind:], *shape[:ind]))


@operator(namespace="linalg", out=True)
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B. dims: axes of A that are moved to its end first."""
    check_numbers("linalg.tensorsolve", A=A, B=B)
    if dims is not None:
        moved = [d % A.ndim for d in dims]
        A = permute(A, (*(axis for axis in range(A.ndim) if axis not in moved), *moved))
    shape = tuple(A.shape)[B.ndim :]
    if prod(shape) != prod(tuple(B.shape)):
        raise ShapeError(f"A is {type_text(A)}, which cannot solve {type_text(B)}", op="linalg.tensorsolve")
    result = solve(view_reshape(A, (prod(tuple(B.shape)), prod(shape))), view_reshape(B, (-1,)))
    return view_reshape(result, shape)


# Determinants


def _diagonal_and_sign(A: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal of U of traced matrices, and 1 or -1 for an even or odd number of exchanges of rows."""
    packed, pivots, _ = factored(A)
    diagonal = built(matrices.diagonal, packed)
    type = type_of(pivots)
    places = current().apply(iota, axis=type.rank - 1, type=TensorType(type.shape, int64, type.device))
    moved = sum_of(pointwise.ne(pivots, pointwise.add(current().fresh(places), 1)), -1)
    sign = pointwise.sub(1, pointwise.mul(2, pointwise.remainder(moved, 2)))
    return diagonal, cast(sign, type_of(A).dtype)


@function
def _det(A: Tensor) -> Tensor:
    diagonal, sign = _diagonal_and_sign(A)
    return pointwise.mul(product_of(diagonal, -1), sign)


@operator(namespace="linalg", out=True)
def det(A: Tensor) -> Tensor:
    """The determinant of square matrices."""
    check_square("linalg.det", A=A)
    return _det(A)


@function
def _slogdet(A: Tensor) -> tuple[Tensor, Tensor]:
    diagonal, sign = _diagonal_and_sign(A)
    size = pointwise.abs(diagonal)
    phases = pointwise.sgn(diagonal)
    return pointwise.mul(product_of(phases, -1), sign), sum_of(pointwise.log(size), -1)


@operator(namespace="linalg", out=True)
def slogdet(A: Tensor) -> slogdet_result:
    """The sign of the determinant of square matrices, and the logarithm of its absolute value."""
    check_square("linalg.slogdet", A=A)
    return slogdet_result(*_slogdet(A))


@operator(method=True)
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of square matrices: -inf where that is 0, NaN where it is negative."""
    check_square("logdet", input=input)
    return _logdet(input)


@function
def _logdet(input: Tensor) -> Tensor:
    sign, logarithm = _slogdet(input)
    return pointwise.add(logarithm, pointwise.log(sign))
