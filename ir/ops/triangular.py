"""Systems of equations with triangular matrices, on the host: the one solver that all others end in."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops import matrices
from brasa.ir.ops.elementwise import neg
from brasa.ir.ops.host import check_square, run_into
from brasa.ir.types import TensorType

_BLOCK = 32  # rows that are solved one by one before a matrix product takes them out of the rest


def _solve_type(a: TensorType, b: TensorType, *, upper: bool) -> TensorType:
    check_square(a, "a")
    if b.dtype is not a.dtype:
        raise DTypeError(f"b is {b.dtype.name}, a is {a.dtype.name}")
    if b.rank != a.rank or not all(map(dim.equal, a.shape[:-1], b.shape[:-1])):
        raise ShapeError(f"a is {a}, b is {b}: they may differ in the last axis only")
    return b


def _solve_value(a: Any, b: Any, *, upper: bool) -> Any:
    """Row by row."""
    x = np.array(b)
    order = range(a.shape[-1])
    for i in reversed(order) if upper else order:
        known = slice(i + 1, None) if upper else slice(0, i)
        x[..., i, :] -= np.einsum("...k,...km->...m", a[..., i, known], x[..., known, :])
        x[..., i, :] /= a[..., i, i, None]
    return x


def solve_lower(a: Any, b: Any) -> Any:
    """x with tril(a) @ x = b."""
    x, count = np.array(b, order="C"), a.shape[-1]
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        for i in range(start, stop):
            x[..., i : i + 1, :] -= a[..., i : i + 1, start:i] @ x[..., start:i, :]
            x[..., i, :] /= a[..., i, i, None]
        x[..., stop:, :] -= a[..., stop:, start:stop] @ x[..., start:stop, :]
    return x


def _solve(a: Any, b: Any, *, upper: bool) -> Any:
    if not upper:
        return solve_lower(a, b)
    return solve_lower(np.ascontiguousarray(a[..., ::-1, ::-1]), b[..., ::-1, :])[..., ::-1, :]


def _solve_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    a, is_upper = node.operands[0], node.attrs["upper"]
    to_b = solve_triangular(matrices.adjoint(a), g, upper=not is_upper)
    to_a = neg(matrices.times(to_b, matrices.adjoint(node)))
    return matrices.upper(to_a) if is_upper else matrices.lower(to_a), to_b


# x with a @ x = b, where only one triangle of a is read: the upper one or the lower one.
solve_triangular = Op(
    "solve_triangular", Kind.HOST, ("a", "b"), _solve_type, _solve_value, _solve_vjp, run=run_into(_solve)
)
