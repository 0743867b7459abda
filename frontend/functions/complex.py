"""Complex numbers: made of parts or of length and angle, taken apart, seen as real ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brasa.functions.arithmetic import mul
from brasa.functions.comparison import eq, logical_and, where
from brasa.functions.elementwise import broadcast, filled
from brasa.functions.trigonometry import atan2, cos, sin
from brasa.ir.errors import BrasaError, DTypeError, ShapeError
from brasa.ir.ops import complex as ops
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.elementwise import conj as conj_op
from brasa.ir.ops.elementwise import lt
from brasa.tensors.creation import full_like
from brasa.tensors.inplace import assign
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import parts_or_whole, select, transpose
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, elementwise_op, floating, of_parts, parts_of, type_of

__all__ = [
    "adjoint", "angle", "complex", "conj", "conj_physical", "imag", "is_complex", "is_conj", "is_neg", "polar", "real",
    "resolve_conj", "resolve_neg", "view_as_complex", "view_as_real",
]  # fmt: skip


@operator()
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.dtype.is_complex


@operator(method=True)
def view_as_real(input: Tensor) -> Tensor:
    """Complex numbers seen as pairs of real ones along a new last axis: the same memory."""
    if not input.dtype.is_complex:
        raise BrasaError(f"the tensor is {input.dtype.name}, not complex", op="view_as_real")
    return parts_or_whole(input, ops.view_as_real)


@operator(method=True)
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of real numbers along the last axis seen as complex ones: the same memory."""
    if input.dtype.kind != "float" or input.dtype.bits < 32:
        raise DTypeError(f"the tensor is {input.dtype.name}, not float32 or float64", op="view_as_complex")
    if input.ndim == 0 or input.shape[-1] != 2:
        raise ShapeError(f"the last axis of {list(input.shape)} does not hold the two parts of complex numbers",
                         op="view_as_complex")  # fmt: skip
    strides = None if input._cell is not None else input._spec.strides
    if strides is not None and (strides[-1] != 1 or any(stride % 2 for stride in strides[:-1])):
        raise ShapeError(f"with strides {list(strides)} the parts do not lie next to each other", op="view_as_complex",
                         hint="use .contiguous() first")  # fmt: skip
    return parts_or_whole(input, ops.view_as_complex)


@operator()
def real(input: Tensor) -> Tensor:
    """The real part, as a view; a real tensor itself."""
    return select(view_as_real(input), -1, 0) if input.dtype.is_complex else input


@operator()
def imag(input: Tensor) -> Tensor:
    """The imaginary part, as a view; BrasaError for real tensors."""
    if not input.dtype.is_complex:
        raise BrasaError(f"the tensor is {input.dtype.name}, not complex", op="imag")
    return select(view_as_real(input), -1, 1)


@operator(out=True)
@function(inline=True)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + i imag; both float32 or both float64."""
    kinds = type_of(real).dtype, type_of(imag).dtype
    if kinds[0] is not kinds[1] or kinds[0].kind != "float" or kinds[0].bits < 32:
        raise BrasaError(f"real is {kinds[0].name} and imag is {kinds[1].name}, not both f32 or both f64", op="complex")
    return of_parts(*broadcast(real, imag))


@operator(out=True)
@function
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex numbers of these lengths and angles in radians; both float32 or both float64."""
    kinds = type_of(abs).dtype, type_of(angle).dtype
    if kinds[0] is not kinds[1] or kinds[0].kind != "float" or kinds[0].bits < 32:
        raise BrasaError(f"abs is {kinds[0].name} and angle is {kinds[1].name}, not both f32 or both f64", op="polar")
    size, turn = broadcast(abs, angle)
    return of_parts(mul(size, cos(turn)), mul(size, sin(turn)))


@function
def _conj(input: Tensor) -> Tensor:
    return apply(conj_op, input)


@operator(method=True)
def conj(input: Tensor) -> Tensor:
    """The imaginary parts negated, in memory of their own; a real tensor itself."""
    return _conj(input) if input.dtype.is_complex else input


@operator(method=True, in_place=True, out=True)
def conj_physical(input: Tensor) -> Tensor:
    """The imaginary parts negated; a real tensor itself."""
    return conj(input)


@operator(method=True)
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conj() leaves nothing to be done later."""
    return input


@operator(method=True)
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: neg() leaves nothing to be done later."""
    return input


@operator(method=True)
def is_conj(input: Tensor) -> bool:
    """Whether conjugation is still to be done: never."""
    return False


@operator(method=True)
def is_neg(input: Tensor) -> bool:
    """Whether negation is still to be done: never."""
    return False


@operator(method=True)
def adjoint(input: Tensor) -> Tensor:
    """The last two axes exchanged, and the conjugate."""
    return conj(transpose(input, -2, -1))


@function
def _real_angle(input: Tensor) -> Tensor:
    x = cast(input, floating(input))
    turned = where(elementwise_op(lt, x, 0), filled(x, math.pi), filled(x, 0))
    return where(eq(x, x), turned, x)


@function
def _complex_angle(input: Tensor) -> Tensor:
    """The gradient at 0 is 0, not 0 / 0."""
    x, y = parts_of(input)
    is_zero = logical_and(eq(x, 0), eq(y, 0))
    return where(is_zero, apply(stop_gradient, atan2(y, x)), atan2(y, where(is_zero, filled(x, 1), x)))


@operator(method=True, out=True)
def angle(input: Tensor) -> Tensor:
    """The angle of each element in radians: of a real one 0, or pi where it is negative."""
    return _complex_angle(input) if input.dtype.is_complex else _real_angle(input)


def _of_matrices(input: Tensor) -> Tensor:
    if input.ndim not in (0, 2):
        raise BrasaError(f"is for matrices, the tensor has {input.ndim} axes", op="H", hint="use .mH for batches")
    return adjoint(input) if input.ndim else conj(input)


def _set_part(part: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Any], None]:
    def write(self: Tensor, value: Any) -> None:
        seen = part(self)
        assign(seen, value if isinstance(value, Tensor) else full_like(seen, value), "real")

    return write


COMPLEX_METHODS: dict[str, Any] = {
    "real": property(real, _set_part(real)), "imag": property(imag, _set_part(imag)),
    "H": property(_of_matrices), "mH": property(adjoint),
}  # fmt: skip
