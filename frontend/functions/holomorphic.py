"""Functions of complex numbers, in terms of arithmetic, exp, log and sqrt, or of functions of their parts.

`elementwise_op` takes them where it is given complex operands. The inverse functions are those of Kahan, "Branch cuts
for complex elementary functions" (1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from brasa.ir.graph import Op
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import special
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import COMPLEX_FORMS, apply, constant, of_parts, parts_of, type_of

Form = Callable[..., Tensor]


def _form(op: Op) -> Callable[[Form], Form]:
    def register(form: Form) -> Form:
        COMPLEX_FORMS[op] = form
        return form

    return register


def _like(x: Tensor, value: complex) -> Tensor:
    type = type_of(x)
    return constant(value, type.dtype, type.shape, type.device)


def _add(x: Tensor, y: Tensor) -> Tensor:
    return apply(ops.add, x, y)


def _sub(x: Tensor, y: Tensor) -> Tensor:
    return apply(ops.sub, x, y)


def _mul(x: Tensor, y: Tensor) -> Tensor:
    return apply(ops.mul, x, y)


def _scaled(x: Tensor, factor: float) -> Tensor:
    """Both parts times a real number."""
    real, imaginary = parts_of(x)
    return of_parts(_mul(real, _like(real, factor)), _mul(imaginary, _like(imaginary, factor)))


def _turned(x: Tensor) -> Tensor:
    """i x."""
    real, imaginary = parts_of(x)
    return of_parts(apply(ops.neg, imaginary), real)


def _turned_back(x: Tensor) -> Tensor:
    """-i x."""
    real, imaginary = parts_of(x)
    return of_parts(imaginary, apply(ops.neg, real))


@_form(ops.sin)
def _sin(x: Tensor) -> Tensor:
    return _turned_back(_sinh(_turned(x)))


@_form(ops.cos)
def _cos(x: Tensor) -> Tensor:
    return _cosh(_turned(x))


@_form(special.sinh)
def _sinh(x: Tensor) -> Tensor:
    a, b = parts_of(x)
    return of_parts(_mul(apply(special.sinh, a), apply(ops.cos, b)), _mul(apply(special.cosh, a), apply(ops.sin, b)))


@_form(special.cosh)
def _cosh(x: Tensor) -> Tensor:
    a, b = parts_of(x)
    return of_parts(_mul(apply(special.cosh, a), apply(ops.cos, b)), _mul(apply(special.sinh, a), apply(ops.sin, b)))


@_form(special.tan)
def _tan(x: Tensor) -> Tensor:
    return _turned_back(apply(ops.tanh, _turned(x)))


def _roots(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The parts of sqrt(1 - x) and of sqrt(1 + x): a zero part of x keeps the sign that says on which side it is."""
    a, b = parts_of(x)
    one = _like(a, 1)
    below, above = of_parts(_sub(one, a), apply(ops.neg, b)), of_parts(_add(one, a), b)
    return *parts_of(apply(ops.sqrt, below)), *parts_of(apply(ops.sqrt, above))


@_form(special.asin)
def _asin(x: Tensor) -> Tensor:
    a, b, c, d = _roots(x)
    real = apply(special.atan2, parts_of(x)[0], _sub(_mul(a, c), _mul(b, d)))
    return of_parts(real, apply(special.asinh, _sub(_mul(a, d), _mul(b, c))))


@_form(special.acos)
def _acos(x: Tensor) -> Tensor:
    a, b, c, d = _roots(x)
    real = _mul(apply(special.atan2, a, c), _like(a, 2))
    return of_parts(real, apply(special.asinh, _sub(_mul(c, b), _mul(d, a))))


@_form(special.atan)
def _atan(x: Tensor) -> Tensor:
    return _turned_back(_atanh(_turned(x)))


@_form(special.asinh)
def _asinh(x: Tensor) -> Tensor:
    return _turned_back(_asin(_turned(x)))


@_form(special.acosh)
def _acosh(x: Tensor) -> Tensor:
    real, imaginary = parts_of(x)
    one = _like(real, 1)
    below, above = of_parts(_sub(real, one), imaginary), of_parts(_add(real, one), imaginary)
    (a, b), (c, d) = parts_of(apply(ops.sqrt, below)), parts_of(apply(ops.sqrt, above))
    angle = _mul(apply(special.atan2, b, c), _like(b, 2))
    return of_parts(apply(special.asinh, _add(_mul(a, c), _mul(b, d))), angle)


@_form(special.atanh)
def _atanh(x: Tensor) -> Tensor:
    a, b = parts_of(x)
    one = _like(a, 1)
    below, above, square = _sub(one, a), _add(one, a), _mul(b, b)
    ratio = apply(ops.div, _mul(a, _like(a, 4)), _add(_mul(below, below), square))
    angle = apply(special.atan2, _add(b, b), _sub(_mul(below, above), square))
    return of_parts(_mul(apply(ops.log1p, ratio), _like(a, 0.25)), _mul(angle, _like(b, 0.5)))


@_form(ops.log1p)
def _log1p(x: Tensor) -> Tensor:
    a, b = parts_of(x)
    beyond = _add(_mul(a, _add(a, _like(a, 2))), _mul(b, b))
    return of_parts(_mul(apply(ops.log1p, beyond), _like(a, 0.5)), apply(special.atan2, b, _add(a, _like(a, 1))))


@_form(ops.expm1)
def _expm1(x: Tensor) -> Tensor:
    a, b = parts_of(x)
    half = apply(ops.sin, _mul(b, _like(b, 0.5)))
    real = _sub(_mul(apply(ops.expm1, a), apply(ops.cos, b)), _mul(_mul(half, half), _like(b, 2)))
    return of_parts(real, _mul(apply(ops.exp, a), apply(ops.sin, b)))


@_form(special.exp2)
def _exp2(x: Tensor) -> Tensor:
    return apply(ops.exp, _scaled(x, math.log(2)))


@_form(special.log2)
def _log2(x: Tensor) -> Tensor:
    return _scaled(apply(ops.log, x), 1 / math.log(2))


@_form(special.log10)
def _log10(x: Tensor) -> Tensor:
    return _scaled(apply(ops.log, x), 1 / math.log(10))


@_form(ops.pow_)
def _pow(base: Tensor, exponent: Tensor) -> Tensor:
    """exp(exponent log(base)); of 0 it is 1 for the exponent 0, else 0."""
    zero, one = _like(base, 0), _like(base, 1)
    is_zero = apply(ops.eq, base, zero)
    power = apply(ops.exp, _mul(exponent, apply(ops.log, apply(ops.select, is_zero, one, base))))
    of_zero = apply(ops.select, apply(ops.eq, exponent, zero), one, zero)
    return apply(ops.select, is_zero, of_zero, power)


@_form(ops.sign)
def _direction(x: Tensor) -> Tensor:
    """x / |x|, and 0 with gradient 0 at 0."""
    zero, one = _like(x, 0), _like(x, 1)
    is_zero = apply(ops.eq, x, zero)
    safe = apply(ops.select, is_zero, one, x)
    real, imaginary = parts_of(safe)
    size = apply(ops.abs_, safe)
    unit = of_parts(apply(ops.div, real, size), apply(ops.div, imaginary, size))
    return apply(ops.select, is_zero, zero, unit)
