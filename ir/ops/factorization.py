"""Factorizations of matrices, on the host. Those of wide matrices are made of these by functions.

Gradients: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008);
Seeger et al., "Auto-differentiating linear algebra" (2017).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int32, int64
from brasa.ir.errors import DTypeError, GradientError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.control import items
from brasa.ir.ops.elementwise import add, eq, select, sub
from brasa.ir.ops.host import check_factorizable, check_square, run_into
from brasa.ir.ops.index import gather
from brasa.ir.ops.matrices import (
    adjoint,
    hermitian,
    lower,
    part,
    scaled,
    stacked,
    times,
    unit_lower,
    upper,
    with_diagonal,
)
from brasa.ir.ops.reduce import expand
from brasa.ir.ops.source import full_like
from brasa.ir.ops.triangular import solve_lower, solve_triangular
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType, TupleType

_PANEL = 32  # columns that are eliminated one by one before a matrix product takes them out of the rest


def _of_batch(x: TensorType) -> TensorType:
    return TensorType(x.shape[:-2], int32, x.device)


def _cholesky_type(x: TensorType) -> TupleType:
    check_square(x)
    return TupleType((x, _of_batch(x)))


def _cholesky_value(x: Any) -> Any:
    """Column by column."""
    factor, info = np.zeros_like(x), np.zeros(x.shape[:-2], np.int32)
    for j in range(x.shape[-1]):
        row = factor[..., j, :j]
        pivot = (x[..., j, j] - np.sum(row * row.conj(), -1)).real
        info = np.where((info == 0) & ~(pivot > 0), j + 1, info)
        factor[..., j, j] = np.sqrt(pivot)
        below = x[..., j + 1 :, j] - np.einsum("...ik,...k->...i", factor[..., j + 1 :, :j], row.conj())
        factor[..., j + 1 :, j] = below / factor[..., j, j, None]
    return factor, info.astype(np.int32)


def _cholesky(x: Any) -> Any:
    try:
        return np.linalg.cholesky(x), np.zeros(x.shape[:-2], np.int32)
    except np.linalg.LinAlgError:  # which does not say where: the plain way does
        return _cholesky_value(x)


def _cholesky_vjp(node: Node, g: tuple[Node, None]) -> tuple[Node]:
    factor, _ = items(node)
    inner = times(adjoint(factor), g[0])
    whole = add(lower(inner), adjoint(lower(inner, -1)))
    half = solve_triangular(adjoint(factor), whole, upper=True)
    return (scaled(adjoint(solve_triangular(adjoint(factor), adjoint(half), upper=True)), 0.5),)


# (lower triangular factor with factor @ adjoint(factor) = x, info). The lower triangle of x is read. info: 0, or the
# first column, counted from 1, at which x is not positive-definite; the factor is then of no use.
cholesky = Op(
    "cholesky", Kind.HOST, ("x",), _cholesky_type, _cholesky_value, _cholesky_vjp, run=run_into(_cholesky)
)  # fmt: skip


def _check_tall(x: TensorType) -> None:
    check_factorizable(x)
    if not dim.at_most(x.shape[-1], x.shape[-2]):
        raise ShapeError(f"x is {x}, whose matrices have more columns than rows")


def _lu_type(x: TensorType) -> TupleType:
    _check_tall(x)
    return TupleType((x, TensorType((*x.shape[:-2], x.shape[-1]), int32, x.device), _of_batch(x)))


def _magnitude(x: Any) -> Any:
    """What LAPACK chooses pivots by."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _lu_value(x: Any) -> Any:
    """Each matrix by itself, one column after the other."""
    result = np.array(x)
    pivots = np.zeros((*x.shape[:-2], x.shape[-1]), np.int32)
    info = np.zeros(x.shape[:-2], np.int32)
    for place in np.ndindex(*x.shape[:-2]):
        a = result[place]
        for j in range(x.shape[-1]):
            chosen = j + int(np.argmax(_magnitude(a[j:, j])))
            pivots[(*place, j)] = chosen + 1
            a[[j, chosen]] = a[[chosen, j]]
            if a[j, j] == 0:
                info[place] = info[place] or j + 1
                continue
            a[j + 1 :, j] /= a[j, j]
            a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])
    return result, pivots, info


def _lu(x: Any) -> Any:
    """All matrices at once, in panels of columns."""
    *batch, rows, columns = x.shape
    a = np.array(x).reshape(math.prod(batch), rows, columns)
    every = np.arange(len(a))
    pivots, info = np.zeros((len(a), columns), np.int32), np.zeros(len(a), np.int32)
    for start in range(0, columns, _PANEL):
        stop = min(start + _PANEL, columns)
        for j in range(start, stop):
            chosen = j + np.argmax(_magnitude(a[:, j:, j]), axis=1)
            pivots[:, j] = chosen + 1
            a[every, chosen], a[:, j] = a[:, j].copy(), a[every, chosen]
            pivot = a[:, j, j]
            info = np.where((info == 0) & (pivot == 0), j + 1, info)
            a[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)[:, None]
            a[:, j + 1 :, j + 1 : stop] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 : stop]
        unit = np.tril(a[:, start:stop, start:stop], -1) + np.eye(stop - start, dtype=a.dtype)
        a[:, start:stop, stop:] = solve_lower(unit, a[:, start:stop, stop:])
        a[:, stop:, stop:] -= a[:, stop:, start:stop] @ a[:, start:stop, stop:]
    return a.reshape(x.shape), pivots.reshape(*batch, columns), info.reshape(batch)


def _regular(triangle: Node) -> Node:
    """The triangle with a tiny number for each 0 on the diagonal: gradients of determinants, which exist there, remain.

    What multiplies the number in them is divided by it again.
    """
    tiny = full_like(triangle, 2.0**-52)
    return with_diagonal(triangle, select(eq(triangle, full_like(triangle, 0)), tiny, triangle))


def _lu_vjp(node: Node, g: tuple[Node, None, None]) -> tuple[Node]:
    packed, pivots, _ = items(node)
    rows, columns = packed.tensor.shape[-2:]
    top, given = part(packed, -2, 0, columns), part(g[0], -2, 0, columns)
    unit, triangle = unit_lower(top), _regular(upper(top))
    below, above = times(adjoint(unit), lower(given, -1)), times(upper(given), adjoint(triangle))
    rest = part(g[0], -2, columns, rows)
    if rows != columns:
        above = sub(above, times(adjoint(part(packed, -2, columns, rows)), rest))
    inner = solve_triangular(adjoint(unit), add(lower(below, -1), upper(above)), upper=True)
    whole = stacked(inner, rest) if rows != columns else inner
    found = adjoint(solve_triangular(triangle, adjoint(whole), upper=True))
    _, inverse = items(permutation(pivots, rows=rows))
    return (_rows(found, inverse),)


# (L and U in one matrix, pivots, info) of matrices that are square or tall, with rows exchanged: pivots[j], counted
# from 1, is the row that changed places with row j. info: 0, or the first column, from 1, whose pivot is 0.
lu = Op("lu", Kind.HOST, ("x",), _lu_type, _lu_value, _lu_vjp, run=run_into(_lu))


def _permutation_type(pivots: TensorType, *, rows: Size) -> TupleType:
    if pivots.dtype is not int32 or not pivots.rank:
        raise DTypeError(f"pivots are {pivots}, not i32 vectors")
    order = TensorType((*pivots.shape[:-1], rows), int64, pivots.device)
    return TupleType((order, order))


def _permutation_value(pivots: Any, *, rows: int) -> Any:
    order = np.empty((*pivots.shape[:-1], rows), np.int64)
    for place in np.ndindex(*pivots.shape[:-1]):
        mine = np.arange(rows)
        for j, pivot in enumerate(pivots[place]):
            if not 1 <= pivot <= rows:
                raise np.linalg.LinAlgError(f"pivot {pivot} is outside 1..{rows}")
            mine[[j, pivot - 1]] = mine[[pivot - 1, j]]
        order[place] = mine
    return order, np.argsort(order, -1, kind="stable")


# (row of the original matrix that each row became, and the inverse) of exchanges of rows. A sequential walk, so not a
# function over ops.
permutation = Op(
    "permutation", Kind.HOST, ("pivots",), _permutation_type, _permutation_value,
    no_vjp="its results are integers", run=run_into(_permutation_value),
)  # fmt: skip


def solve(a: Node, b: Node) -> Node:
    """x with a @ x = b, for square matrices."""
    packed, pivots, _ = items(lu(a))
    order, _ = items(permutation(pivots, rows=b.tensor.shape[-2]))
    moved = _rows(b, order)
    return solve_triangular(packed, solve_triangular(unit_lower(packed), moved, upper=False), upper=True)


def _rows(x: Node, order: Node) -> Node:
    """The rows of x in this order."""
    index = expand(reshape(order, shape=(*order.tensor.shape, 1)), shape=x.tensor.shape)
    return gather(x, index, axis=x.tensor.rank - 2)


def _qr_type(x: TensorType, *, complete: bool) -> TupleType:
    _check_tall(x)
    *batch, rows, columns = x.shape
    inner = rows if complete else columns
    return TupleType(tuple(TensorType((*batch, *s), x.dtype, x.device) for s in ((rows, inner), (inner, columns))))


def _qr(x: Any, *, complete: bool) -> Any:
    return tuple(np.linalg.qr(x, "complete" if complete else "reduced"))


def _qr_vjp(node: Node, g: tuple[Node | None, Node | None]) -> tuple[Node]:
    q, r = items(node)
    rows, columns = node.operands[0].tensor.shape[-2:]
    if node.attrs["complete"] and rows != columns:
        raise GradientError("has no gradient in the mode 'complete' for matrices that are not square", op="qr")
    to_q, to_r = (full_like(x, 0) if each is None else each for x, each in zip((q, r), g, strict=True))
    inner = upper(sub(times(to_r, adjoint(r)), times(adjoint(q), to_q)))
    found = add(to_q, times(q, hermitian(inner)))
    return (adjoint(solve_triangular(r, adjoint(found), upper=True)),)


# (q, r) of matrices that are square or tall: q with as many columns as x, or complete.
qr = Op("qr", Kind.HOST, ("x",), _qr_type, _qr, _qr_vjp, run=run_into(_qr))


def _reflectors_type(x: TensorType) -> TupleType:
    _check_tall(x)
    return TupleType((x, TensorType((*x.shape[:-2], x.shape[-1]), x.dtype, x.device)))


def _reflectors(x: Any) -> Any:
    packed, scales = np.linalg.qr(x, "raw")
    return np.swapaxes(packed, -1, -2), scales


# (r above the vectors of Householder reflectors, their scales): the form in which LAPACK finds a QR factorization.
reflectors = Op(
    "reflectors", Kind.HOST, ("x",), _reflectors_type, _reflectors,
    no_vjp="differentiate qr instead", run=run_into(_reflectors),
)  # fmt: skip
