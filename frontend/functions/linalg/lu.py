"""LU factorization with exchanges of rows, and systems of equations that it solves."""

from __future__ import annotations

from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.linalg.matrices import (
    adjoint,
    built,
    check_matrices,
    check_square,
    checked,
    in_one_batch,
    is_tall,
    part,
    required,
)
from brasa.ir.dtype import int32, int64
from brasa.ir.errors import DTypeError, NotImplementedError, ShapeError
from brasa.ir.ops import factorization as ops
from brasa.ir.ops import matrices
from brasa.ir.ops.index import gather
from brasa.ir.ops.move import concat
from brasa.ir.ops.source import iota
from brasa.ir.ops.triangular import solve_triangular as solve_op
from brasa.ir.types import TensorType
from brasa.return_types import also_returned_by, returned_by
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, apply_several, cast, constant, current, expand, reshape, type_of

__all__ = ["lu", "lu_solve", "lu_unpack"]

SINGULAR = "The solver failed because the input matrix is singular (the diagonal element {info} of its factor U is 0)."


@returned_by("linalg_lu")
class lu_result(NamedTuple):
    """P @ L @ U: exchanges of rows, a lower triangle with ones on the diagonal, an upper triangle."""

    P: Tensor
    L: Tensor
    U: Tensor


_Unpacked = also_returned_by("lu_unpack", lu_result)


@returned_by("linalg_lu_factor")
class lu_factor_result(NamedTuple):
    """L and U in one matrix, and the row, counted from 1, that each row changed places with."""

    LU: Tensor
    pivots: Tensor


@returned_by("linalg_lu_factor_ex")
class lu_factor_ex_result(NamedTuple):
    """As lu_factor_result, with 0 or the first column, counted from 1, whose pivot is 0."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


def factored(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(packed factors, pivots, info) of traced matrices; of wide ones the rest follows from the first columns."""
    if is_tall(x):
        packed, pivots, info = apply_several(ops.lu, x)
        return packed, pivots, info
    rows, columns = type_of(x).shape[-2:]
    packed, pivots, info = apply_several(ops.lu, part(x, -1, 0, rows))
    order, _ = apply_several(ops.permutation, pivots, rows=rows)
    rest = rows_in_order(part(x, -1, rows, columns), order)
    right = apply(solve_op, built(matrices.unit_lower, packed), rest, upper=False)
    return apply(concat, packed, right, axis=type_of(x).rank - 1), pivots, info


def rows_in_order(x: Tensor, order: Tensor) -> Tensor:
    """The rows of traced matrices in another order."""
    index = expand(reshape(order, (*type_of(order).shape, 1)), type_of(x).shape)
    return apply(gather, x, index, axis=type_of(x).rank - 2)


def solved(packed: Tensor, pivots: Tensor, b: Tensor, adjoined: bool = False) -> Tensor:
    """x with A @ x = b (or A.mH @ x = b) for traced factors of A, all in one batch."""
    order, inverse = apply_several(ops.permutation, pivots, rows=type_of(b).shape[-2])
    unit = built(matrices.unit_lower, packed)
    if adjoined:
        half = apply(solve_op, adjoint(packed), b, upper=False)
        return rows_in_order(apply(solve_op, adjoint(unit), half, upper=True), inverse)
    return apply(solve_op, packed, apply(solve_op, unit, rows_in_order(b, order), upper=False), upper=True)


@function
def _factor(input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return factored(input)


@function
def _checked_factor(input: Tensor, caller: str) -> tuple[Tensor, Tensor]:
    packed, pivots, info = factored(input)
    return required(packed, info, caller, SINGULAR), pivots


def _check_pivoting(pivot: bool, op: str) -> None:
    if not pivot:
        raise NotImplementedError("rows are always exchanged on a processor: pivot must be True", op=op)


@operator(namespace="linalg", out=True)
def lu_factor(A: Tensor, *, pivot: bool = True) -> lu_factor_result:
    """The LU factors of matrices in one matrix, and their exchanges of rows. LinAlgError for singular matrices."""
    check_matrices("linalg.lu_factor", A=A)
    _check_pivoting(pivot, "linalg.lu_factor")
    return lu_factor_result(*_checked_factor(A, "linalg.lu_factor"))


@operator(namespace="linalg", out=True)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> lu_factor_ex_result:
    """As linalg.lu_factor, but with a number for each matrix that tells whether it is singular."""
    check_matrices("linalg.lu_factor_ex", A=A)
    _check_pivoting(pivot, "linalg.lu_factor_ex")
    packed, pivots, info = _factor(A)
    if check_errors:
        packed = checked(packed, info, "linalg.lu_factor_ex", SINGULAR)
    return lu_factor_ex_result(packed, pivots, info)


def _permutation_matrix(order: Tensor, like: Tensor) -> Tensor:
    """P with (P @ x)[order[i]] = x[i]."""
    rows = type_of(order).shape[-1]
    shape = (*type_of(order).shape, rows)
    places = current().fresh(
        current().apply(iota, axis=len(shape) - 2, type=TensorType(shape, int64, type_of(like).device))
    )
    across = expand(reshape(order, (*type_of(order).shape[:-1], 1, rows)), shape)
    return cast(pointwise.eq(places, across), type_of(like).dtype)


def _triangles(packed: Tensor) -> tuple[Tensor, Tensor]:
    rows, columns = type_of(packed).shape[-2:]
    if is_tall(packed):
        return built(matrices.unit_lower, packed), built(matrices.upper, part(packed, -2, 0, columns))
    return built(matrices.unit_lower, part(packed, -1, 0, rows)), built(matrices.upper, packed)


@function
def _lu(input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    packed, pivots, _ = factored(input)
    order, _ = apply_several(ops.permutation, pivots, rows=type_of(input).shape[-2])
    return (_permutation_matrix(order, input), *_triangles(packed))


def _of_linalg(A: Tensor, *, pivot: bool = True) -> lu_result:
    """P, L and U with A = P @ L @ U: a permutation, a unit lower and an upper triangle."""
    check_matrices("linalg.lu", A=A)
    _check_pivoting(pivot, "linalg.lu")
    return lu_result(*_lu(A))


_of_linalg.__name__ = _of_linalg.__qualname__ = "lu"
linalg_lu = operator(namespace="linalg", out=True)(_of_linalg)


@operator(method=True, out=True)
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """(LU, pivots), and whether each matrix is singular if `get_infos`: linalg.lu_factor, by its older name."""
    check_matrices("lu", A=A)
    _check_pivoting(pivot, "lu")
    packed, pivots, info = _factor(A)
    return (packed, pivots, info) if get_infos else (packed, pivots)


@function
def _unpacked(packed: Tensor, pivots: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    order, _ = apply_several(ops.permutation, pivots, rows=type_of(packed).shape[-2])
    return (_permutation_matrix(order, packed), *_triangles(packed))


@function
def _nothing(like: Tensor) -> Tensor:
    return constant(0, type_of(like).dtype, (0,))


@operator(out=True)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> lu_result:  # fmt: skip
    """P, L and U of what linalg.lu_factor gives; those that are not wanted are empty."""
    check_matrices("lu_unpack", LU_data=LU_data)
    if LU_pivots.dtype is not int32:
        raise DTypeError(f"LU_pivots must be int32, they are {LU_pivots.dtype.name}", op="lu_unpack")
    made = _unpacked(LU_data, LU_pivots)
    wanted = (unpack_pivots, unpack_data, unpack_data)
    return _Unpacked(*(each if keep else _nothing(LU_data) for each, keep in zip(made, wanted, strict=True)))


@function
def _lu_solve(packed: Tensor, pivots: Tensor, b: Tensor, left: bool, adjoined: bool) -> Tensor:
    b = b if left else adjoint(b)
    wide = reshape(pivots, (*type_of(pivots).shape, 1))
    packed, wide, b = in_one_batch(packed, wide, b)
    x = solved(packed, reshape(wide, type_of(wide).shape[:-1]), b, adjoined == left)
    return x if left else adjoint(x)


def _of_factors(op: str, LU: Tensor, pivots: Tensor, B: Tensor, left: bool, adjoined: bool) -> Tensor:
    check_square(op, LU=LU)
    check_matrices(op, LU=LU, B=B)
    if pivots.dtype is not int32:
        raise DTypeError(f"pivots must be int32, they are {pivots.dtype.name}", op=op)
    if B.shape[-2 if left else -1] != LU.shape[-1]:
        raise ShapeError(f"LU is {type_text(LU)}, which cannot solve {type_text(B)}", op=op)
    if pivots.shape != LU.shape[:-1]:
        raise ShapeError(f"LU is {type_text(LU)}, pivots are {type_text(pivots)}: not of one shape", op=op)
    return _lu_solve(LU, pivots, B, left, adjoined)


def _solve_of_linalg(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:  # fmt: skip
    """X with A @ X = B for A given by linalg.lu_factor; not left: X @ A = B; adjoint: with A.mH for A."""
    return _of_factors("linalg.lu_solve", LU, pivots, B, left, adjoint)


_solve_of_linalg.__name__ = _solve_of_linalg.__qualname__ = "lu_solve"
linalg_lu_solve = operator(namespace="linalg", out=True)(_solve_of_linalg)


@operator(method=True, out=True)
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """x with A @ x = input, for A given by its LU factors."""
    return _of_factors("lu_solve", LU_data, LU_pivots, input, True, False)
