"""Powers and exponentials of square matrices."""

from __future__ import annotations

from brasa.functions import pointwise
from brasa.functions.linalg.matrices import check_square, check_square_shapes, identity, times
from brasa.functions.linalg.solving import inv
from brasa.ir.errors import ArgumentError
from brasa.ir.ops import powers as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply

__all__ = ["matrix_exp", "matrix_power"]


@function
def _power(A: Tensor, n: int) -> Tensor:
    result: Tensor | None = None
    square = A
    while n:
        if n % 2:
            result = square if result is None else times(result, square)
        n //= 2
        square = times(square, square) if n else square
    return identity(A) if result is None else pointwise.mul(result, 1)


def _raised(op: str, A: Tensor, n: int) -> Tensor:
    if not isinstance(n, int) or isinstance(n, bool):
        raise ArgumentError(f"n must be an integer, it is {n!r}", op=op)
    if n < 0:
        return _raised(op, inv(A), -n)
    (check_square if A.dtype.kind in ("float", "complex") else check_square_shapes)(op, A=A)
    return _power(A, n)


def _of_linalg(A: Tensor, n: int) -> Tensor:
    """Square matrices multiplied n times, by repeated squaring; their inverses for negative n."""
    return _raised("linalg.matrix_power", A, n)


_of_linalg.__name__ = _of_linalg.__qualname__ = "matrix_power"
linalg_matrix_power = operator(namespace="linalg", out=True)(_of_linalg)


@operator(method=True, out=True)
def matrix_power(input: Tensor, n: int) -> Tensor:
    """linalg.matrix_power, by its older name."""
    return _raised("matrix_power", input, n)


@function
def _exponential(A: Tensor) -> Tensor:
    return apply(ops.matrix_exp, A)


def _of_linalg_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices."""
    check_square("linalg.matrix_exp", A=A)
    return _exponential(A)


_of_linalg_exp.__name__ = _of_linalg_exp.__qualname__ = "matrix_exp"
linalg_matrix_exp = operator(namespace="linalg")(_of_linalg_exp)


@operator(method=True)
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices."""
    check_square("matrix_exp", input=input)
    return _exponential(input)
