"""Parts and products of batches of matrices, as nodes: what gradients of factorizations are written with."""

from __future__ import annotations

from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.graph import Node, Op
from brasa.ir.ops.contract import product, transposed
from brasa.ir.ops.elementwise import add, conjugate, div, eq, ge, le, mul, select
from brasa.ir.ops.move import concat, slice_
from brasa.ir.ops.reduce import expand, sum_
from brasa.ir.ops.source import full_like, iota
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType


def adjoint(x: Node) -> Node:
    """The conjugate transpose."""
    return conjugate(transposed(x))


def times(*factors: Node) -> Node:
    """The matrix product, from left to right."""
    result = factors[0]
    for factor in factors[1:]:
        result = product(result, factor)
    return result


def scaled(x: Node, factor: float) -> Node:
    """x times a number."""
    return mul(x, full_like(x, factor))


def _places(x: Node, axis: int) -> Node:
    return iota(axis=x.tensor.rank + axis, type=TensorType(x.tensor.shape, int64, x.tensor.device))


def _kept(where: Op, x: Node, offset: int) -> Node:
    """x where row + offset compares so with the column, else 0."""
    rows, columns = _places(x, -2), _places(x, -1)
    return select(where(add(rows, full_like(rows, offset)), columns), x, full_like(x, 0))


def lower(x: Node, offset: int = 0) -> Node:
    """The triangle on and below the diagonal (that many above the main one)."""
    return _kept(ge, x, offset)


def upper(x: Node, offset: int = 0) -> Node:
    """The triangle on and above the diagonal (that many above the main one)."""
    return _kept(le, x, offset)


def diagonal(x: Node) -> Node:
    """The main diagonals of square matrices, as vectors."""
    return sum_(_kept(eq, x, 0), axes=(x.tensor.rank - 1,))


def with_diagonal(x: Node, values: Node) -> Node:
    """x with the diagonals of matrices of its shape."""
    return select(eq(_places(x, -2), _places(x, -1)), values, x)


def unit_lower(x: Node) -> Node:
    """The lower triangle, with ones on the diagonal."""
    return with_diagonal(lower(x), full_like(x, 1))


def hermitian(x: Node) -> Node:
    """The hermitian matrix whose upper triangle is x's, the diagonal without imaginary parts."""
    whole = add(upper(x), adjoint(upper(x, 1)))
    return with_diagonal(whole, scaled(add(x, conjugate(x)), 0.5)) if x.tensor.dtype.is_complex else whole


def across(vector: Node, x: Node) -> Node:
    """A vector for each matrix, repeated in every row: its elements scale columns."""
    *batch, size = vector.tensor.shape
    return expand(reshape(vector, shape=(*batch, 1, size)), shape=x.tensor.shape)


def down(vector: Node, x: Node) -> Node:
    """A vector for each matrix, repeated in every column: its elements scale rows."""
    return expand(reshape(vector, shape=(*vector.tensor.shape, 1)), shape=x.tensor.shape)


def guarded_division(x: Node, divisor: Node) -> Node:
    """x / divisor, x where the divisor is 0."""
    return div(x, select(eq(divisor, full_like(divisor, 0)), full_like(divisor, 1), divisor))


def part(x: Node, axis: int, start: Size, stop: Size) -> Node:
    """Some elements of an axis, which is counted from the end."""
    rank = x.tensor.rank
    starts = tuple(start if a == rank + axis else 0 for a in range(rank))
    sizes = tuple(stop - start if a == rank + axis else size for a, size in enumerate(x.tensor.shape))
    return slice_(x, starts=starts, sizes=sizes, steps=(1,) * rank)


def beside(*parts: Node) -> Node:
    """Matrices beside one another."""
    return concat(*parts, axis=parts[0].tensor.rank - 1)


def stacked(*parts: Node) -> Node:
    """Matrices above one another."""
    return concat(*parts, axis=parts[0].tensor.rank - 2)
