"""Pseudoinverses, least squares, ranks and condition numbers."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.linalg.matrices import check_matrices, check_numbers, check_square, in_one_batch, times
from brasa.functions.linalg.norms import matrix_norm
from brasa.functions.linalg.solving import inv_ex
from brasa.functions.linalg.spectra import singular_values
from brasa.functions.reduction import amax
from brasa.functions.reduction import sum as sum_of
from brasa.ir.dim import largest
from brasa.ir.dtype import DType, float32, int64, real_dtype
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops import spectrum as ops
from brasa.ir.ops.control import stop_gradient
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, apply_several, cast, constant, expand, type_of

__all__ = ["pinverse"]


@returned_by("linalg_lstsq")
class lstsq_result(NamedTuple):
    """The solution; squares of what is left; ranks; singular values: empty ones for what was not asked for."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _epsilon(dtype: DType) -> float:
    return 2.0**-23 if real_dtype(dtype) is float32 else 2.0**-52


def _limit(A: Tensor, values: Tensor, atol: Number | None, rtol: Number | None) -> Tensor:
    """Up to which size singular values count as 0; by default the largest times the larger extent times epsilon."""
    dtype, shape = type_of(values).dtype, type_of(values).shape[:-1]
    *_, rows, columns = type_of(A).shape
    if values.shape[-1] == 0:
        return constant(0, dtype, shape)
    if rtol is None:
        usual = pointwise.mul(constant(largest(rows, columns), dtype), _epsilon(dtype))
        rtol = usual if atol is None else pointwise.where(pointwise.gt(atol, 0), 0.0, usual)
    least = pointwise.mul(amax(values, -1), cast(rtol, dtype) if isinstance(rtol, Tensor) else rtol)
    if atol is not None:
        least = pointwise.maximum(least, cast(atol, dtype) if isinstance(atol, Tensor) else constant(atol, dtype))
    return cast(least, dtype)


def _sizes(A: Tensor, hermitian: bool) -> Tensor:
    """The singular values of traced matrices, of hermitian ones in any order."""
    return pointwise.abs(apply_several(ops.eigh, A, upper=False)[0]) if hermitian else singular_values(A)


@function
def _pinv(A: Tensor, atol: Number | None, rtol: Number | None, hermitian: bool) -> Tensor:
    return _inverted(A, atol, rtol, hermitian)


def _inverted(A: Tensor, atol: Number | None, rtol: Number | None, hermitian: bool = False) -> Tensor:
    least = apply(stop_gradient, _limit(A, _sizes(A, hermitian), atol, rtol))
    return apply(ops.pinv, A, expand(least, type_of(A).shape[:-2]), hermitian=hermitian)


@operator(namespace="linalg", out=True)
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """The pseudoinverse of matrices; singular values up to max(atol, rtol * largest) count as 0.

    rcond is rtol by an older name. hermitian: promises that they are; one triangle is read.
    """
    (check_square if hermitian else check_matrices)("linalg.pinv", A=A)
    return _pinv(A, atol, rcond if rtol is None else rtol, hermitian)


@operator(method=True)
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse of matrices: linalg.pinv, by its older name."""
    check_matrices("pinverse", input=input)
    return _pinv(input, None, rcond, False)


@function
def _rank(A: Tensor, atol: Number | None, rtol: Number | None, hermitian: bool) -> Tensor:
    values = _sizes(A, hermitian)
    least = _limit(A, values, atol, rtol)
    return sum_of(pointwise.gt(values, _column(least)), -1)


def _column(x: Tensor) -> Tensor:
    """Numbers, one for each matrix, as vectors of one."""
    return x.unsqueeze(-1)  # type: ignore[attr-defined, no-any-return]


@operator(namespace="linalg", out=True)
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:  # fmt: skip
    """How many singular values of each matrix lie above max(atol, rtol * largest). tol is atol by an older name."""
    (check_square if hermitian else check_matrices)("linalg.matrix_rank", A=A)
    if tol is not None:
        return _rank(A, tol, 0.0, hermitian)
    return _rank(A, atol, rtol, hermitian)


@function
def _spectral_condition(A: Tensor, smallest: bool) -> Tensor:
    values = singular_values(A)
    ends = [values[..., 0], values[..., -1]]
    return pointwise.true_divide(*(reversed(ends) if smallest else ends))


@function
def _where_regular(value: Tensor, info: Tensor) -> Tensor:
    return pointwise.where(pointwise.eq(info, 0), value, inf)


@operator(namespace="linalg", out=True)
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number of matrices by a norm: None or 2, -2, "fro", "nuc", 1, -1, inf, -inf; inf if singular."""
    check_matrices("linalg.cond", A=A)
    if p in (None, 2, -2):
        if 0 in tuple(A.shape[-2:]):
            return _no_condition(A)
        return _spectral_condition(A, p == -2)
    check_square("linalg.cond", A=A)
    if A.numel() == 0:
        return _no_condition(A)
    inverse, info = inv_ex(A)
    product = pointwise.mul(matrix_norm(A, p), matrix_norm(inverse, p))
    return _where_regular(product, info)


@function
def _no_condition(A: Tensor) -> Tensor:
    return constant(0, real_dtype(type_of(A).dtype), type_of(A).shape[:-2])


@function
def _least_squares(A: Tensor, B: Tensor, rcond: Number | None) -> tuple[Tensor, Tensor, Tensor]:
    a, b = in_one_batch(A, B)
    values = apply(stop_gradient, singular_values(A))
    rank = sum_of(pointwise.gt(values, _column(_limit(A, values, None, rcond))), -1)
    return times(_inverted(a, None, rcond), b), rank, values


@function
def _residuals(A: Tensor, B: Tensor, solution: Tensor) -> Tensor:
    gap = pointwise.abs(pointwise.sub(times(*in_one_batch(A, solution)), B))
    return sum_of(pointwise.mul(gap, gap), -2)


@function
def _nothing(like: Tensor, dtype: DType | None) -> Tensor:
    return constant(0, dtype or real_dtype(type_of(like).dtype), (0,))


@operator(namespace="linalg")
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> lstsq_result:
    """The X of least norm that makes A @ X - B smallest, with squares of what is left, ranks and singular values.

    driver: "gelsy" (as None), "gels", "gelsd" or "gelss" say which of the other results are not empty, as in PyTorch;
    all are computed by the singular value decomposition. The singular values have no gradient, as in PyTorch.
    """
    op = "linalg.lstsq"
    check_matrices(op, A=A)
    check_numbers(op, A=A, B=B)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ValueError(f"driver must be 'gels', 'gelsy', 'gelsd' or 'gelss', it is {driver!r}", op=op)
    vector = B.ndim == A.ndim - 1
    b = B.unsqueeze(-1) if vector else B  # type: ignore[attr-defined]
    if b.ndim < 2 or b.shape[-2] != A.shape[-2]:
        raise ShapeError(f"A is {type_text(A)}, B is {type_text(B)}: they do not fit", op=op)
    solution, rank, values = _least_squares(A, b, rcond)
    left_over = driver not in (None, "gelsy") and A.shape[-2] > A.shape[-1]
    residuals = _residuals(A, b, solution) if left_over else _nothing(A, None)
    if vector:
        solution = solution.squeeze(-1)  # type: ignore[attr-defined]
        residuals = residuals.squeeze(-1) if residuals.ndim > 1 else residuals  # type: ignore[attr-defined]
    if driver == "gels":
        rank = _nothing(A, int64)
    if driver not in ("gelsd", "gelss"):
        values = _nothing(A, None)
    return lstsq_result(solution, residuals, rank, values)
