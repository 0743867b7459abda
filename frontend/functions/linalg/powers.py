"""Powers and exponentials of square matrices."""

from __future__ import annotations

from brasa.function import function
from brasa.functions import pointwise
from brasa.functions.linalg.matrices import check_square, identity, times
from brasa.functions.linalg.solving import inv
from brasa.functions.reduction import amax
from brasa.functions.reduction import sum as sum_of
from brasa.ir.errors import ArgumentError
from brasa.ir.ops.control import stop_gradient
from brasa.operators import operator
from brasa.primitive import apply, cast, constant, reshape, type_of
from brasa.tensor import Tensor

__all__ = ["matrix_exp", "matrix_power"]

_MOST_SQUARINGS = 20  # enough for matrices of norm 786,432


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
    if A.dtype.kind in ("float", "complex"):
        check_square(op, A=A)
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
    """Scaling and squaring of the Taylor polynomial of degree 16 (Paterson and Stockmeyer's evaluation).

    Each matrix is halved as often as its norm asks for, and squared as often: a fixed number of steps, most of which
    leave it alone. Norms up to 0.75 keep the error of the polynomial below a unit in the last place of a double.
    """
    type = type_of(A)
    norm = apply(stop_gradient, amax(sum_of(pointwise.abs(A), -1), -1))
    real = type_of(norm).dtype
    bounds = [0.75 * 2.0**i for i in range(_MOST_SQUARINGS)]
    norm = reshape(norm, (*type_of(norm).shape, 1, 1))
    scale = constant(1, real, type_of(norm).shape)
    for bound in bounds:
        scale = pointwise.where(pointwise.gt(norm, bound), pointwise.mul(scale, 0.5), scale)
    x = pointwise.mul(A, cast(scale, real))
    powers = [identity(A), x]
    for _ in range(3):
        powers.append(times(powers[-1], x))
    factors = [1.0]
    for i in range(1, 17):
        factors.append(factors[-1] / i)
    result = pointwise.mul(powers[4], factors[16])
    for start in (12, 8, 4, 0):
        for i in range(4):
            result = pointwise.add(result, pointwise.mul(powers[i], factors[start + i]))
        if start:
            result = times(result, powers[4])
    for bound in bounds:
        result = pointwise.where(pointwise.gt(norm, bound), times(result, result), result)
    return cast(result, type.dtype)


@operator(namespace="linalg", aliases=())
def _matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices."""
    check_square("linalg.matrix_exp", A=A)
    return _exponential(A)


linalg_matrix_exp = _matrix_exp


@operator(method=True)
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices."""
    check_square("matrix_exp", input=input)
    return _exponential(input)
