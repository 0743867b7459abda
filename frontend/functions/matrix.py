"""Matrix products in all of PyTorch's forms, over the one primitive."""

from __future__ import annotations

from brasa.arguments import require_tensors
from brasa.function import function
from brasa.functions import pointwise
from brasa.ir.dim import Size, product, solving
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.ops.contract import product as matrix_product
from brasa.operators import operator
from brasa.primitive import broadcast_shapes, current, expand, permute, reshape, resolved, type_of
from brasa.tensor import Tensor

__all__ = [
    "addmm", "bmm", "dot", "matmul", "mm", "mv", "outer",
]  # fmt: skip


def _product(lhs: Tensor, rhs: Tensor) -> Tensor:
    """The primitive on operands of equal rank: its order of summation follows from where their elements lie."""
    trace = current()
    with solving(trace.scope):
        return trace.fresh(trace.record(matrix_product(trace.node_of(lhs), trace.node_of(rhs))))


@operator(method=True, out=True)
@function
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; vectors count as one row (left) or column (right), leading axes are broadcast."""
    a, b = type_of(input), type_of(other)
    if not a.rank or not b.rank:
        raise ShapeError(f"both operands need at least one axis, they are {a} and {b}", op="matmul")
    if a.dtype is not b.dtype:
        raise DTypeError(f"dtypes differ, {a.dtype.name} and {b.dtype.name}", op="matmul")
    lhs = reshape(input, (1, *a.shape)) if a.rank == 1 else input
    rhs = reshape(other, (*b.shape, 1)) if b.rank == 1 else other
    result = _batched(lhs, rhs)
    shape = list(type_of(result).shape)
    if a.rank == 1:
        del shape[-2]
    if b.rank == 1:
        del shape[-1]
    return reshape(result, shape)


def _batched(lhs: Tensor, rhs: Tensor) -> Tensor:
    a, b = type_of(lhs).shape, type_of(rhs).shape
    if len(b) == 2 and len(a) > 2:
        rows: tuple[Size, ...] = (product(a[:-1]), a[-1])
        return reshape(_product(reshape(lhs, rows), rhs), (*a[:-1], b[-1]))
    batch = resolved(broadcast_shapes([a[:-2], b[:-2]]))
    return _product(expand(lhs, (*batch, *a[-2:])), expand(rhs, (*batch, *b[-2:])))


def _of_rank(name: str, ranks: tuple[int, int], doc: str) -> object:
    def build(input: Tensor, other: Tensor) -> Tensor:
        require_tensors(name, input=input, other=other)
        if (input.ndim, other.ndim) != ranks:
            raise ShapeError(f"takes tensors of {ranks[0]} and {ranks[1]} axes, they have {input.ndim} and "
                             f"{other.ndim}", op=name)  # fmt: skip
        return matmul(input, other)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = doc
    return operator(method=True, out=True)(build)


mm = _of_rank("mm", (2, 2), "The product of two matrices.")
mv = _of_rank("mv", (2, 1), "The product of a matrix and a vector.")
dot = _of_rank("dot", (1, 1), "The inner product of two vectors.")
bmm = _of_rank("bmm", (3, 3), "The products of two batches of matrices.")


@operator(method=True, out=True)
@function
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of one vector and one of another."""
    return pointwise.mul(reshape(input, (*type_of(input).shape, 1)), vec2)


@function(fixed=("weight", "bias"))
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input[..., in] @ weight[out, in].T + bias[out]."""
    shape = type_of(input).shape
    if not shape:
        raise ShapeError("input needs at least one axis", op="linear")
    rows = input if len(shape) == 2 else reshape(input, (product(shape[:-1]), shape[-1]))
    turned = permute(weight, (1, 0)) if weight.ndim == 2 else reshape(weight, (*type_of(weight).shape, 1))
    result = _product(rows, turned)
    if bias is not None:
        result = pointwise.add(result, bias)
    kept = type_of(weight).shape[:1] if weight.ndim == 2 else ()
    return reshape(result, (*shape[:-1], *kept))


@operator(method=True, in_place=True, out=True)
@function
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    return pointwise.add(pointwise.mul(input, beta), pointwise.mul(matmul(mat1, mat2), alpha))
