"""Products of vectors and matrices in all of PyTorch's forms, over the one primitive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.ir.dim import Size, equal, product, solving
from brasa.ir.errors import ArgumentError, DTypeError, IndexError, ShapeError
from brasa.ir.ops.contract import product as matrix_product
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of, broadcast_shapes, current, expand, permute, reshape, resolved, type_of

__all__ = [
    "bmm", "chain_matmul", "dot", "ger", "inner", "kron", "matmul", "mm", "mv", "outer", "tensordot", "vdot",
]  # fmt: skip


def multiplied(lhs: Tensor, rhs: Tensor) -> Tensor:
    """The primitive on operands of equal rank: its order of summation follows from where their elements lie."""
    trace = current()
    with solving(trace.scope):
        return trace.fresh(trace.record(matrix_product(trace.node_of(lhs), trace.node_of(rhs))))


def check_same_dtype(op: str, *tensors: Tensor) -> None:
    """Raise DTypeError unless all have one dtype."""
    names = dict.fromkeys(tensor.dtype.name for tensor in tensors)
    if len(names) > 1:
        raise DTypeError(f"dtypes differ, {' and '.join(names)}", op=op)


@operator(method=True, out=True)
@function
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; vectors count as one row (left) or column (right), leading axes are broadcast."""
    a, b = type_of(input), type_of(other)
    if not a.rank or not b.rank:
        raise ShapeError(f"both operands need at least one axis, they are {a} and {b}", op="matmul")
    check_same_dtype("matmul", input, other)
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
        return reshape(multiplied(reshape(lhs, rows), rhs), (*a[:-1], b[-1]))
    batch = resolved(broadcast_shapes([a[:-2], b[:-2]]))
    return multiplied(expand(lhs, (*batch, *a[-2:])), expand(rhs, (*batch, *b[-2:])))


def check_ranks(op: str, ranks: Sequence[int], **tensors: Tensor) -> None:
    """Raise unless these arguments are tensors with so many axes."""
    require_tensors(op, **tensors)
    for rank, (name, tensor) in zip(ranks, tensors.items(), strict=True):
        if tensor.ndim != rank:
            raise ShapeError(f"{name} must have {rank} axes, it is {type_text(tensor)}", op=op)


def _of_rank(name: str, ranks: tuple[int, int], second: str, doc: str) -> Any:
    def multiply(input: Tensor, other: Tensor) -> Tensor:
        check_ranks(name, ranks, input=input, **{second: other})
        check_same_dtype(name, input, other)
        if ranks == (3, 3) and input.shape[0] != other.shape[0]:
            raise ShapeError(f"batch sizes differ, {input.shape[0]} and {other.shape[0]}", op=name)
        return matmul(input, other)

    if second == "mat2":

        def build(input: Tensor, mat2: Tensor) -> Tensor:
            return multiply(input, mat2)
    elif second == "vec":

        def build(input: Tensor, vec: Tensor) -> Tensor:  # type: ignore[misc]
            return multiply(input, vec)
    else:

        def build(input: Tensor, tensor: Tensor) -> Tensor:  # type: ignore[misc]
            return multiply(input, tensor)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = doc
    return operator(method=True, out=True)(build)


mm = _of_rank("mm", (2, 2), "mat2", "The product of two matrices.")
mv = _of_rank("mv", (2, 1), "vec", "The product of a matrix and a vector.")
dot = _of_rank("dot", (1, 1), "tensor", "The inner product of two vectors.")
bmm = _of_rank("bmm", (3, 3), "mat2", "The products of two batches of matrices.")


@operator(method=True, out=True)
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors, the first one conjugated."""
    check_ranks("vdot", (1, 1), input=input, other=other)
    return dot(input.conj() if input.dtype.is_complex else input, other)


@operator(method=True, out=True)
@function
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products along the last axes, for all pairs of the others; scalars are multiplied."""
    a, b = type_of(input).shape, type_of(other).shape
    check_same_dtype("inner", input, other)
    if not a or not b:
        return pointwise.mul(input, other)
    lhs, rhs = reshape(input, (product(a[:-1]), a[-1])), reshape(other, (product(b[:-1]), b[-1]))
    return reshape(multiplied(lhs, permute(rhs, (1, 0))), (*a[:-1], *b[:-1]))


@function
def _outer(input: Tensor, vec2: Tensor) -> Tensor:
    return pointwise.mul(reshape(input, (*type_of(input).shape, 1)), vec2)


@operator(method=True, out=True, aliases=("ger",))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of one vector and one of another."""
    check_ranks("outer", (1, 1), input=input, vec2=vec2)
    return _outer(input, vec2)


ger = outer


@operator(out=True)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products along pairs of axes: the last ones of `a` with the first of `b`, or two lists of axes."""
    require_tensors("tensordot", a=a, b=b)
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ArgumentError(f"dims is {dims}, the tensors have {a.ndim} and {b.ndim} axes", op="tensordot")
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise ShapeError(f"{len(first)} axes of a cannot be paired with {len(second)} of b", op="tensordot")
    check_same_dtype("tensordot", a, b)
    axes = [tuple(axis_of(d, t.ndim, "tensordot") for d in ds) for t, ds in ((a, first), (b, second))]
    if any(len(set(each)) != len(each) for each in axes):
        raise IndexError("an axis is listed twice", op="tensordot")
    return _tensordot(a, b, *axes)


@function
def _tensordot(a: Tensor, b: Tensor, first: Sequence[int], second: Sequence[int]) -> Tensor:
    for axis, pair in zip(first, second, strict=True):
        sizes = type_of(a).shape[axis], type_of(b).shape[pair]
        broadcast_shapes([(size,) for size in sizes])
        with solving(current().scope):
            if not equal(*sizes):  # one of the two is 1: its element meets all of the other's
                return _tensordot_of_ones(a, b, first, second)
    rows = [axis for axis in range(a.ndim) if axis not in first]
    columns = [axis for axis in range(b.ndim) if axis not in second]
    outer_a, outer_b = [type_of(a).shape[i] for i in rows], [type_of(b).shape[i] for i in columns]
    inside = product(type_of(a).shape[i] for i in first)
    lhs = reshape(permute(a, (*rows, *first)), (product(outer_a), inside))
    rhs = reshape(permute(b, (*second, *columns)), (inside, product(outer_b)))
    return reshape(multiplied(lhs, rhs), (*outer_a, *outer_b))


def _tensordot_of_ones(a: Tensor, b: Tensor, first: Sequence[int], second: Sequence[int]) -> Tensor:
    """As _tensordot, where an axis of size 1 is paired with a longer one."""
    shapes = [list(type_of(a).shape), list(type_of(b).shape)]
    for axis, pair in zip(first, second, strict=True):
        (size,) = resolved(broadcast_shapes([(shapes[0][axis],), (shapes[1][pair],)]))
        shapes[0][axis] = shapes[1][pair] = size
    return _tensordot(expand(a, shapes[0]), expand(b, shapes[1]), first, second)


@operator(method=True, out=True)
@function
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: each element of the input times the whole of the other."""
    a, b = type_of(input).shape, type_of(other).shape
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    wide = reshape(input, [size for n in a for size in (n, 1)])
    fine = reshape(other, [size for n in b for size in (1, n)])
    return reshape(pointwise.mul(wide, fine), [n * m for n, m in zip(a, b, strict=True)])


@operator(namespace="nn.functional", out=True)
@function(fixed=("weight", "bias"))
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input[..., in] @ weight[out, in].T + bias[out]."""
    shape = type_of(input).shape
    if not shape:
        raise ShapeError("input needs at least one axis", op="linear")
    if weight.ndim not in (1, 2):
        raise ShapeError(f"weight must have 1 or 2 axes, it has {weight.ndim}", op="linear")
    rows = input if len(shape) == 2 else reshape(input, (product(shape[:-1]), shape[-1]))
    turned = permute(weight, (1, 0)) if weight.ndim == 2 else reshape(weight, (*type_of(weight).shape, 1))
    result = multiplied(rows, turned)
    if bias is not None:
        result = pointwise.add(result, bias)
    kept = type_of(weight).shape[:1] if weight.ndim == 2 else ()
    return reshape(result, (*shape[:-1], *kept))


def cheapest_order(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to cut each product of matrices i..j of a chain so that multiplications are fewest.

    Matrix i has sizes[i] rows and sizes[i + 1] columns (Cormen et al., "Introduction to Algorithms", section 15.2).
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            choices = {
                cut: cost[i, cut] + cost[cut + 1, j] + sizes[i] * sizes[cut + 1] * sizes[j + 1] for cut in range(i, j)
            }
            cuts[i, j] = min(choices, key=choices.__getitem__)
            cost[i, j] = choices[cuts[i, j]]
    return cuts


@operator()
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, in the order that needs the fewest multiplications."""
    return multi_dot(matrices)


@operator(namespace="linalg", out=True)
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, in the order that needs the fewest multiplications.

    The first and the last may be vectors. ShapeError for fewer than two operands, or ones of other ranks.
    """
    factors = list(tensors)
    if len(factors) < 2:
        raise ShapeError(f"needs two tensors or more, found {len(factors)}", op="linalg.multi_dot")
    require_tensors("linalg.multi_dot", **{f"tensors[{i}]": each for i, each in enumerate(factors)})
    ends = (0, len(factors) - 1)
    for i, each in enumerate(factors):
        if each.ndim != 2 and not (i in ends and each.ndim == 1):
            raise ShapeError(f"tensor {i} must be a matrix, it is {type_text(each)}", op="linalg.multi_dot")
    check_same_dtype("linalg.multi_dot", *factors)
    sizes = [*(int(each.shape[0]) if each.ndim == 2 or i else 1 for i, each in enumerate(factors)),
             int(factors[-1].shape[1]) if factors[-1].ndim == 2 else 1]  # fmt: skip
    cuts = cheapest_order(sizes)

    def chained(i: int, j: int) -> Tensor:
        return factors[i] if i == j else matmul(chained(i, cuts[i, j]), chained(cuts[i, j] + 1, j))

    return chained(*ends)
