"""Products of matrices that are scaled and added to a tensor: the addmm family."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.functions.matrix import check_ranks, check_same_dtype, matmul, multiplied, outer
from brasa.ir.dim import product
from brasa.ir.dtype import DType, bool_, float32
from brasa.ir.errors import DTypeError, ShapeError
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, cast, expand, permute, reshape, type_of

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]


def _wide(dtype: DType) -> DType:
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


@function
def _sum(input: Tensor, product_: Tensor, beta: Number, alpha: Number) -> Tensor:
    """beta * input + alpha * product, without the input where beta is 0."""
    dtype, shape = type_of(input).dtype, type_of(product_).shape
    wide = _wide(dtype)
    factors = [cast(each, wide) if isinstance(each, Tensor) else each for each in (beta, alpha)]
    given = pointwise.where(pointwise.eq(beta, 0), 0, pointwise.mul(cast(input, wide), factors[0]))
    scaled = pointwise.mul(cast(product_, wide), factors[1])
    return cast(pointwise.add(expand(cast(given, wide), shape), scaled), dtype)


@function
def _plain_sum(input: Tensor, product_: Tensor) -> Tensor:
    return pointwise.add(expand(input, type_of(product_).shape), product_)


def _added(op: str, input: Tensor, product_: Tensor, beta: Any, alpha: Any) -> Tensor:
    check_same_dtype(op, input, product_)
    if input.dtype.kind in ("int", "uint"):
        beta, alpha = (int(each) if isinstance(each, float) else each for each in (beta, alpha))
    missing = product_.ndim - input.ndim
    pairs = zip(input.shape, product_.shape[max(missing, 0) :], strict=False)
    if missing < 0 or any(n != 1 and n != m for n, m in pairs):
        raise ShapeError(f"input {type_text(input)} cannot be expanded to {type_text(product_)}", op=op)
    if beta == 1 and alpha == 1:
        return _plain_sum(input, product_)
    return _sum(input, product_, beta, alpha)


@operator(method=True, in_place=True, out=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2), for matrices; the input is broadcast, and left out where beta is 0."""
    check_ranks("addmm", (2, 2), mat1=mat1, mat2=mat2)
    return _added("addmm", input, matmul(mat1, mat2), beta, alpha)


@operator(method=True, in_place=True, out=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec), for a matrix and a vector."""
    check_ranks("addmv", (2, 1), mat=mat, vec=vec)
    return _added("addmv", input, matmul(mat, vec), beta, alpha)


@operator(method=True, in_place=True, out=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), for batches of matrices."""
    check_ranks("baddbmm", (3, 3), batch1=batch1, batch2=batch2)
    _check_batches("baddbmm", batch1, batch2)
    return _added("baddbmm", input, matmul(batch1, batch2), beta, alpha)


def _check_batches(op: str, batch1: Tensor, batch2: Tensor) -> None:
    check_same_dtype(op, batch1, batch2)
    if batch1.shape[0] != batch2.shape[0]:
        raise ShapeError(f"batch sizes differ, {batch1.shape[0]} and {batch2.shape[0]}", op=op)


@function
def _sum_of_products(batch1: Tensor, batch2: Tensor) -> Tensor:
    """One product over batch and inner axis together."""
    count, rows, inside = type_of(batch1).shape
    lhs = reshape(permute(batch1, (1, 0, 2)), (rows, product((count, inside))))
    _, _, columns = type_of(batch2).shape
    return multiplied(lhs, reshape(batch2, (product((count, type_of(batch2).shape[1])), columns)))


@operator(method=True, in_place=True, out=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the sum of the products of two batches of matrices."""
    check_ranks("addbmm", (3, 3), batch1=batch1, batch2=batch2)
    _check_batches("addbmm", batch1, batch2)
    if batch1.shape[2] != batch2.shape[1]:
        raise ShapeError(f"inner sizes differ, {batch1.shape[2]} and {batch2.shape[1]}", op="addbmm")
    return _added("addbmm", input, _sum_of_products(batch1, batch2), beta, alpha)


@operator(method=True, in_place=True, out=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the outer product of two vectors."""
    check_ranks("addr", (1, 1), vec1=vec1, vec2=vec2)
    if input.dtype is bool_ and vec1.dtype is bool_:
        return pointwise.logical_or(pointwise.logical_and(input, bool(beta)),
                                    pointwise.logical_and(outer(vec1, vec2), bool(alpha)))  # fmt: skip
    for name, value in (("beta", beta), ("alpha", alpha)):
        if input.dtype.kind in ("int", "uint", "bool") and isinstance(value, float):
            raise DTypeError(f"{name} must be an integer for {input.dtype.name}, it is {value}", op="addr")
    return _added("addr", input, outer(vec1, vec2), beta, alpha)
