"""Elementwise primitives: equal shapes in, the same shape out, equal dtypes (promotion and broadcasting come earlier).

body(*operand expressions) -> expression; `cast` also takes its dtype. Bodies of half precision types are run in
float32 and rounded once, by the lowering.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from brasa.ir import dim, kernel, mathematics
from brasa.ir.dtype import DType, bfloat16, bool_, from_numpy, real_dtype
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr
from brasa.ir.ops.source import full_like
from brasa.ir.types import TensorType

_ARITHMETIC = ("int", "uint", "float", "complex")
_REAL = ("int", "uint", "float")
_SMOOTH = ("float", "complex")
_BITS = ("bool", "int", "uint")
_ALL = ("bool", *_ARITHMETIC)
_ORDERED = ("bool", *_REAL)


def _same_shape(types: tuple[TensorType, ...]) -> None:
    first = types[0]
    for other in types[1:]:
        if other.rank != first.rank or not all(map(dim.equal, first.shape, other.shape)):
            raise ShapeError(f"shapes differ, [{_sizes(first)}] and [{_sizes(other)}]")


def _sizes(type: TensorType) -> str:
    return ",".join(map(str, type.shape))


def typed_alike(kinds: tuple[str, ...], to_bool: bool = False) -> Callable[..., TensorType]:
    """The rule of types for operands of one shape and of one dtype, of these kinds: the result's type is theirs."""

    def infer(*types: TensorType) -> TensorType:
        first = types[0]
        for each in types:
            if each.dtype is not first.dtype:
                raise DTypeError(f"dtypes differ, {first.dtype.name} and {each.dtype.name}")
        if first.dtype.kind not in kinds:
            raise DTypeError(f"is not defined for {first.dtype.name}")
        _same_shape(types)
        return TensorType(first.shape, bool_, first.device) if to_bool else first

    return infer


def _op(
    name: str,
    kinds: tuple[str, ...],
    evaluate: Callable[..., Any],
    body: Callable[..., Expr],
    vjp: Callable[..., tuple[Node | None, ...]] | None = None,
    no_vjp: str = "",
) -> Op:
    arity = evaluate.nin if isinstance(evaluate, np.ufunc) else evaluate.__code__.co_argcount
    names = ("x",) if arity == 1 else ("lhs", "rhs")
    return Op(name, Kind.ELEMENTWISE, names, typed_alike(kinds), evaluate, vjp, no_vjp, body)


def _unary(name: str) -> Callable[[Expr], Expr]:
    return lambda x: kernel.unary(name, x)


def _binary(name: str) -> Callable[[Expr, Expr], Expr]:
    return lambda x, y: kernel.binary(name, x, y)


def _zero(node: Node, g: Node) -> tuple[Node]:
    """The derivative of a step function."""
    return (full_like(g, 0),)


_INTEGER_RESULT = "integers have no gradient"

# arithmetic

add = _op("add", _ARITHMETIC, np.add, _binary("add"), lambda node, g: (g, g))
sub = _op("sub", _ARITHMETIC, np.subtract, _binary("sub"), lambda node, g: (g, neg(g)))
mul: Op = _op("mul", _ARITHMETIC, np.multiply, _binary("mul"),
              lambda node, g: (mul(g, conjugate(node.operands[1])), mul(g, conjugate(node.operands[0]))))  # fmt: skip
# The pass split_complex makes real ops of it.
conj: Op = Op("conj", Kind.ELEMENTWISE, ("x",), typed_alike(("complex",)), np.conj, lambda node, g: (conj(g),))


def conjugate(x: Node) -> Node:
    """What the gradient of a product is multiplied by; x itself where it is real."""
    return conj(x) if x.tensor.dtype.is_complex else x


def _div_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    rhs = node.operands[1]
    return div(g, conjugate(rhs)), mul(neg(g), conjugate(div(node, rhs)))


div = _op("div", _SMOOTH, np.divide, _binary("div"), _div_vjp)


def _pow_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    base, exponent = node.operands
    zero, one = full_like(base, 0), full_like(base, 1)
    slope = mul(g, mul(exponent, pow_(base, sub(exponent, one))))
    to_base = select(eq(exponent, zero), zero, slope)
    growth = mul(g, mul(node, log(base)))
    return to_base, select(and_(eq(base, zero), ge(exponent, zero)), zero, growth)


def _pow_value(x: Any, y: Any) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind != "i":
        return np.power(x, y)
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0)).astype(x.dtype)
    return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0)))


pow_ = _op("pow", _REAL, _pow_value, mathematics.power, _pow_vjp)


def _floor_divide_body(x: Expr, y: Expr) -> Expr:
    if x.dtype.kind == "float":
        return mathematics.floor_divide(x, y)
    quotient = kernel.binary("quotient", x, y)
    return quotient if x.dtype.kind == "uint" else quotient - kernel.cast(_rounds_up(x, y), x.dtype)


def _rounds_up(x: Expr, y: Expr) -> Expr:
    """Whether C's division of integers rounds the quotient up: a remainder whose sign is not the divisor's."""
    rest = kernel.binary("modulo", x, y)
    return kernel.ne(rest, 0) & ((rest ^ y) < 0) & kernel.ne(y, 0)


def _remainder_body(x: Expr, y: Expr) -> Expr:
    if x.dtype.kind == "float":
        return mathematics.remainder(x, y)
    rest = kernel.select(kernel.eq(y, 0), kernel.const(0, x.dtype), kernel.binary("modulo", x, y))
    return rest if x.dtype.kind == "uint" else kernel.select(_rounds_up(x, y), rest + y, rest)


# Both give 0 where an integer is divided by 0.
floor_divide = _op("floor_divide", _REAL, np.floor_divide, _floor_divide_body,
                   lambda node, g: (full_like(g, 0), full_like(g, 0)))  # fmt: skip
remainder = _op("remainder", _REAL, np.remainder, _remainder_body,
                lambda node, g: (g, neg(mul(g, floor_divide(*node.operands)))))  # fmt: skip


def _extremum_vjp(wins: Callable[[], Op]) -> Callable[[Node, Node], tuple[Node, Node]]:
    def vjp(node: Node, g: Node) -> tuple[Node, Node]:
        lhs, rhs = node.operands
        zero, half = full_like(g, 0), mul(g, full_like(g, 0.5))
        tie = eq(lhs, rhs)
        return select(tie, half, select(wins()(lhs, rhs), g, zero)), select(
            tie, half, select(wins()(rhs, lhs), g, zero)
        )

    return vjp


maximum = _op("maximum", _ORDERED, np.maximum, _binary("maximum"), _extremum_vjp(lambda: gt))
minimum = _op("minimum", _ORDERED, np.minimum, _binary("minimum"), _extremum_vjp(lambda: lt))

neg: Op = _op("neg", _ARITHMETIC, np.negative, _unary("neg"), lambda node, g: (neg(g),))


def _abs_type(x: TensorType) -> TensorType:
    alike = typed_alike((*_REAL, "complex"))(x)
    return TensorType(x.shape, real_dtype(x.dtype), x.device) if x.dtype.is_complex else alike


def _abs_vjp(node: Node, g: Node) -> tuple[Node]:
    """Along the number itself; 0 at 0."""
    x = node.operands[0]
    if not x.tensor.dtype.is_complex:
        return (mul(g, sign(x)),)
    size = select(eq(node, full_like(node, 0)), full_like(node, 1), node)
    return (mul(cast(g, dtype=x.tensor.dtype), div(x, cast(size, dtype=x.tensor.dtype))),)


abs_ = Op("abs", Kind.ELEMENTWISE, ("x",), _abs_type, np.abs, _abs_vjp, body=_unary("abs"))


def _sign_body(x: Expr) -> Expr:
    below = kernel.const(0, x.dtype) if x.dtype.kind == "uint" else kernel.select(x < 0, kernel.const(-1, x.dtype), x)
    return kernel.select(
        x > 0,
        kernel.const(1, x.dtype),
        below if x.dtype.kind == "float" else kernel.select(x < 0, below, kernel.const(0, x.dtype)),
    )


sign: Op = _op("sign", _REAL, np.sign, _sign_body, _zero)
floor: Op = _op("floor", ("float",), np.floor, _unary("floor"), _zero)
ceil = _op("ceil", ("float",), np.ceil, _unary("ceil"), _zero)
trunc = _op("trunc", ("float",), np.trunc, _unary("trunc"), _zero)
round_ = _op("round", ("float",), np.rint, _unary("round"), _zero)


def _relu_vjp(node: Node, g: Node) -> tuple[Node]:
    """From the result alone, so that neither the operand is kept for backward nor changing it in place is an error."""
    zero = full_like(node, 0)
    return (select(le(node, zero), zero, g),)


relu = _op("relu", _REAL, lambda x: np.where(x <= 0, np.zeros_like(x), x), lambda x: kernel.select(x <= 0, 0, x),
           _relu_vjp)  # fmt: skip
sqrt = _op("sqrt", _SMOOTH, np.sqrt, _unary("sqrt"),
           lambda node, g: (div(g, conjugate(mul(full_like(node, 2), node))),))  # fmt: skip

# transcendental functions, at most 2 ULP

exp = _op("exp", _SMOOTH, np.exp, mathematics.exp, lambda node, g: (mul(g, conjugate(node)),))
expm1 = _op("expm1", ("float",), np.expm1, mathematics.expm1, lambda node, g: (mul(g, add(node, full_like(g, 1))),))
log = _op("log", _SMOOTH, np.log, mathematics.log, lambda node, g: (div(g, conjugate(node.operands[0])),))
log1p = _op("log1p", ("float",), np.log1p, mathematics.log1p,
            lambda node, g: (div(g, add(node.operands[0], full_like(g, 1))),))  # fmt: skip
tanh = _op("tanh", _SMOOTH, np.tanh, mathematics.tanh,
           lambda node, g: (mul(g, conjugate(sub(full_like(g, 1), mul(node, node)))),))  # fmt: skip
sin = _op("sin", ("float",), np.sin, mathematics.sin, lambda node, g: (mul(g, cos(node.operands[0])),))
cos: Op = _op("cos", ("float",), np.cos, mathematics.cos, lambda node, g: (mul(g, neg(sin(node.operands[0]))),))


def _erf_value(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.asarray(x).dtype])(x)


def _erf_vjp(node: Node, g: Node) -> tuple[Node]:
    x = node.operands[0]
    return (mul(g, mul(full_like(g, 2 / math.sqrt(math.pi)), exp(neg(mul(x, x))))),)


erf = _op("erf", ("float",), _erf_value, mathematics.erf, _erf_vjp)

# bits and truth

and_ = _op("and", _BITS, np.bitwise_and, _binary("and"), no_vjp=_INTEGER_RESULT)
or_ = _op("or", _BITS, np.bitwise_or, _binary("or"), no_vjp=_INTEGER_RESULT)
xor = _op("xor", _BITS, np.bitwise_xor, _binary("xor"), no_vjp=_INTEGER_RESULT)
not_ = _op("not", _BITS, np.invert, _unary("not"), no_vjp=_INTEGER_RESULT)
shift_left = _op("shift_left", ("int", "uint"), np.left_shift, _binary("shl"), no_vjp=_INTEGER_RESULT)
shift_right = _op("shift_right", ("int", "uint"), np.right_shift, _binary("shr"), no_vjp=_INTEGER_RESULT)


def _comparison(name: str, kinds: tuple[str, ...], evaluate: np.ufunc, body: Callable[[Expr, Expr], Expr]) -> Op:
    return Op(name, Kind.ELEMENTWISE, ("lhs", "rhs"), typed_alike(kinds, to_bool=True), evaluate,
              no_vjp="truth values have no gradient", body=body)  # fmt: skip


eq = _comparison("eq", _ALL, np.equal, kernel.eq)
ne = _comparison("ne", _ALL, np.not_equal, kernel.ne)
lt: Op = _comparison("lt", _ORDERED, np.less, lambda x, y: x < y)
le = _comparison("le", _ORDERED, np.less_equal, lambda x, y: x <= y)
gt: Op = _comparison("gt", _ORDERED, np.greater, lambda x, y: x > y)
ge = _comparison("ge", _ORDERED, np.greater_equal, lambda x, y: x >= y)


def _select_type(condition: TensorType, yes: TensorType, no: TensorType) -> TensorType:
    if condition.dtype is not bool_:
        raise DTypeError(f"the condition is {condition.dtype.name}, not bool")
    if yes.dtype is not no.dtype:
        raise DTypeError(f"dtypes differ, {yes.dtype.name} and {no.dtype.name}")
    _same_shape((yes, no, condition))
    return yes


def _select_vjp(node: Node, g: Node) -> tuple[None, Node, Node]:
    condition, zero = node.operands[0], full_like(g, 0)
    return None, select(condition, g, zero), select(condition, zero, g)


select = Op("select", Kind.ELEMENTWISE, ("condition", "yes", "no"), _select_type, np.where, _select_vjp,
            body=kernel.select)  # fmt: skip


def _round_to_odd(x: Any) -> Any:
    """f64 as f32, what is between two of them as the one with an odd last bit: rounded again, it is rounded once."""
    single = x.astype(np.float32)
    toward_zero = np.where(np.abs(single) > np.abs(x), np.nextafter(single, np.float32(0)), single)
    odd = (toward_zero.view(np.uint32) | np.uint32(1)).view(np.float32)
    return np.where((single == x) | np.isnan(x), single, odd)


def _cast_value(x: Any, *, dtype: DType) -> Any:
    """As kernels convert: floats saturate to integers and NaN gives 0, complex values lose their imaginary part."""
    x = np.asarray(x)
    source, target = from_numpy(x.dtype), dtype.numpy
    if source.kind == "complex" and dtype.kind in ("int", "uint", "float"):
        x = x.real
    if source.kind in ("float", "complex") and dtype.kind in ("int", "uint"):
        x, bounds = np.nan_to_num(x.astype(np.float64), posinf=np.inf, neginf=-np.inf), np.iinfo(target)
        low, high = x <= bounds.min, x >= bounds.max
        inner = np.where(low | high, 0, x).astype(target)
        return np.where(low, target.type(bounds.min), np.where(high, target.type(bounds.max), inner))
    if dtype is bfloat16 and x.dtype.itemsize > 2:  # NumPy would round to f32 first
        x = _round_to_odd(x.astype(np.float64))
    return x.astype(target)


def _cast_vjp(node: Node, g: Node) -> tuple[Node | None]:
    source = node.operands[0].tensor.dtype
    differentiable = source.kind in ("float", "complex") and node.tensor.dtype.kind in ("float", "complex")
    return (cast(g, dtype=source) if differentiable else None,)


cast = Op("cast", Kind.ELEMENTWISE, ("x",), lambda x, dtype: TensorType(x.shape, dtype, x.device), _cast_value,
          _cast_vjp, body=lambda x, dtype: kernel.cast(x, dtype))  # fmt: skip
