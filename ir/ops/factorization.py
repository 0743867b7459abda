"""Factorizations of matrices, on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import int32
from brasa.ir.errors import ShapeError
from brasa.ir.graph import Kind, Op
from brasa.ir.ops.host import check_factorizable, run_into
from brasa.ir.types import TensorType, TupleType


def check_square(x: TensorType) -> None:
    """Raise unless x is a batch of square matrices that LAPACK can take."""
    check_factorizable(x)
    if not dim.equal(x.shape[-1], x.shape[-2]):
        raise ShapeError(f"x is {x}, whose matrices are not square")


def _cholesky_type(x: TensorType) -> TupleType:
    check_square(x)
    return TupleType((x, TensorType(x.shape[:-2], int32, x.device)))


def _cholesky_value(x: Any) -> Any:
    """Column by column; info is the first column whose pivot is not positive, counted from 1."""
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
    except np.linalg.LinAlgError:
        return _cholesky_value(x)


cholesky = Op("cholesky", Kind.HOST, ("x",), _cholesky_type, _cholesky_value, no_vjp="later", run=run_into(_cholesky))
