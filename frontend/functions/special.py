"""Special functions: the error function and its kin, gamma and zeta functions, Bessel functions."""

from __future__ import annotations

import math
from collections.abc import Callable

from brasa.functions.arithmetic import add, mul, neg, sub, true_divide
from brasa.functions.comparison import where
from brasa.functions.elementwise import binary, filled, in_floats, require_a_tensor, unary
from brasa.functions.exponential import log, log1p, product_with_log
from brasa.functions.trigonometry import sin
from brasa.ir.dtype import int64
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Op
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import special
from brasa.ir.ops.reduce import sum_
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, current, elementwise_op, expand, reshape, together, type_of

__all__ = ["digamma", "erf", "erfc", "erfinv", "i0", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma"]


def _special(op: Op, doc: str, name: str = "") -> Callable[[Tensor], Tensor]:
    return unary(op, real=True, name=name, doc=doc, namespace="special")


erf = unary(ops.erf, real=True, doc="The error function of each element.")
erfc = unary(special.erfc, real=True, doc="1 - erf(input), precise for large elements.")
erfinv = unary(special.erfinv, real=True, doc="The inverse of erf.")
lgamma = unary(special.lgamma, real=True, doc="The logarithm of the gamma function's absolute value.")
digamma = unary(special.digamma, real=True, doc="The derivative of lgamma.")
i0 = unary(special.i0, real=True, name="i0", doc="The modified Bessel function of the first kind of order 0.")
erfcx = _special(special.erfcx, "exp(input**2) * erfc(input).")
ndtri = _special(special.ndtri, "The number below which a normal variable lies with this probability.")
i0e = _special(special.i0e, "exp(-|input|) * i0(input).", "i0e")
i1 = _special(special.i1, "The modified Bessel function of the first kind of order 1.", "i1")
i1e = _special(special.i1e, "exp(-|input|) * i1(input).", "i1e")
modified_bessel_i0 = _special(special.i0, "As `i0`.", "modified_bessel_i0")
modified_bessel_i1 = _special(special.i1, "As `i1`.", "modified_bessel_i1")
modified_bessel_k0 = _special(special.k0, "The modified Bessel function of the second kind of order 0.",
                              "modified_bessel_k0")  # fmt: skip
modified_bessel_k1 = _special(special.k1, "The modified Bessel function of the second kind of order 1.",
                              "modified_bessel_k1")  # fmt: skip
scaled_modified_bessel_k0 = _special(special.k0e, "exp(x) * modified_bessel_k0(x).", "scaled_modified_bessel_k0")
scaled_modified_bessel_k1 = _special(special.k1e, "exp(x) * modified_bessel_k1(x).", "scaled_modified_bessel_k1")
bessel_j0 = _special(special.bessel_j0, "The Bessel function of the first kind of order 0.")
bessel_j1 = _special(special.bessel_j1, "The Bessel function of the first kind of order 1.")
bessel_y0 = _special(special.bessel_y0, "The Bessel function of the second kind of order 0.")
bessel_y1 = _special(special.bessel_y1, "The Bessel function of the second kind of order 1.")
airy_ai = _special(special.airy_ai, "Airy's function Ai.")
zeta = binary(special.zeta, real=True, numbers="either",
              doc="Hurwitz's zeta function: the sum of (k + other)**-input over k = 0, 1, ...",
              namespace="special")  # fmt: skip


igamma = binary(special.igamma, real=True, numbers="none",
                name="igamma",
                doc="The lower incomplete gamma function of input and other, over gamma(input).")  # fmt: skip
igammac = binary(special.igammac, real=True, numbers="none", name="igammac", doc="1 - igamma(input, other).")


def _polynomial(op: Op, family: str) -> Callable[[Number, Number], Tensor]:
    doc = f"{family} of degree `other`, a whole number, at `input`."
    return binary(op, real=True, numbers="either", doc=doc, namespace="special")


chebyshev_polynomial_t = _polynomial(special.chebyshev_polynomial_t, "Chebyshev's polynomial of the first kind")
chebyshev_polynomial_u = _polynomial(special.chebyshev_polynomial_u, "Chebyshev's polynomial of the second kind")
chebyshev_polynomial_v = _polynomial(special.chebyshev_polynomial_v, "Chebyshev's polynomial of the third kind")
chebyshev_polynomial_w = _polynomial(special.chebyshev_polynomial_w, "Chebyshev's polynomial of the fourth kind")
hermite_polynomial_h = _polynomial(special.hermite_polynomial_h, "The physicist's polynomial of Hermite")
hermite_polynomial_he = _polynomial(special.hermite_polynomial_he, "The probabilist's polynomial of Hermite")
laguerre_polynomial_l = _polynomial(special.laguerre_polynomial_l, "Laguerre's polynomial")
legendre_polynomial_p = _polynomial(special.legendre_polynomial_p, "Legendre's polynomial")


def _shifted(plain: Callable[[Number, Number], Tensor], name: str) -> Callable[[Number, Number], Tensor]:
    def build(input: Number, other: Number) -> Tensor:
        x, degree = together(input, other)
        return plain(sub(mul(x, 2.0), 1.0), degree)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"{name.removeprefix('shifted_')} of 2 * input - 1."
    return operator(namespace="special", out=True)(function(in_floats(build)))


shifted_chebyshev_polynomial_t = _shifted(chebyshev_polynomial_t, "shifted_chebyshev_polynomial_t")
shifted_chebyshev_polynomial_u = _shifted(chebyshev_polynomial_u, "shifted_chebyshev_polynomial_u")
shifted_chebyshev_polynomial_v = _shifted(chebyshev_polynomial_v, "shifted_chebyshev_polynomial_v")
shifted_chebyshev_polynomial_w = _shifted(chebyshev_polynomial_w, "shifted_chebyshev_polynomial_w")


@operator(namespace="special", out=True)
@function
@in_floats
def ndtr(input: Tensor) -> Tensor:
    """The probability with which a normal variable lies below each element."""
    return mul(erfc(mul(input, -math.sqrt(0.5))), 0.5)


@operator(namespace="special", out=True)
@function
@in_floats
def log_ndtr(input: Tensor) -> Tensor:
    """log(ndtr(input)), precise where that underflows or is nearly 1."""
    far = elementwise_op(ops.lt, input, -1.0)
    low, high = where(far, input, -1.0), where(far, -1.0, input)
    tail = sub(log(mul(erfcx(mul(low, -math.sqrt(0.5))), 0.5)), mul(mul(low, low), 0.5))
    return where(far, tail, log1p(mul(erfc(mul(high, math.sqrt(0.5))), -0.5)))


@operator(namespace="special", out=True)
@function
@in_floats
def entr(input: Tensor) -> Tensor:
    """-input * log(input): 0 at 0, -infinity below."""
    positive = elementwise_op(ops.gt, input, 0)
    inner = where(positive, input, 1.0)
    value = where(positive, neg(mul(inner, log(inner))), where(elementwise_op(ops.lt, input, 0), -math.inf, 0.0))
    return where(elementwise_op(ops.ne, input, input), input, value)


@operator(namespace="special", out=True)
@function
@in_floats
def xlog1py(input: Number, other: Number) -> Tensor:
    """input * log1p(other); 0 where input is 0, unless other is NaN."""
    require_a_tensor("xlog1py", input, other)
    x, y = together(input, other)
    return product_with_log(x, y, log1p, 0.0)


@operator(namespace="special", out=True)
@function
@in_floats
def spherical_bessel_j0(input: Tensor) -> Tensor:
    """sin(input) / input: 1 at 0, 0 at infinity."""
    at_zero = elementwise_op(ops.eq, input, 0)
    endless = elementwise_op(ops.eq, elementwise_op(ops.abs_, input), math.inf)
    inner = where(at_zero, 1.0, where(endless, 1.0, input))
    return where(at_zero, filled(input, 1), where(endless, 0.0, true_divide(sin(inner), inner)))


@function
@in_floats
def _polygamma(input: Tensor, order: Number, factor: Number) -> Tensor:
    return mul(elementwise_op(special.zeta, *together(order, input)), factor)


@operator(out=True)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative of lgamma n + 1 times; BrasaError for negative n."""
    if n < 0:
        raise BrasaError(f"n must not be negative, it is {n}", op="polygamma")
    return digamma(input) if n == 0 else _polygamma(input, n + 1, (-1.0) ** (n + 1) * math.gamma(n + 1))


@function
@in_floats
def _mvlgamma(input: Tensor, p: int) -> Tensor:
    """The terms stand along an axis of their own, so that there is one lgamma to compile."""
    type = type_of(input)
    shape = (*type.shape, p)
    places = current().apply(iota, axis=type.rank, type=TensorType(shape, int64, type.device))
    halves = mul(cast(current().fresh(places), type.dtype), 0.5)
    terms = lgamma(sub(expand(reshape(input, (*type.shape, 1)), shape), halves))
    return add(apply(sum_, terms, axes=(type.rank,)), p * (p - 1) / 4 * math.log(math.pi))


@operator(method=True, in_place=True, out=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions, for elements above (p - 1) / 2."""
    if p < 1:
        raise BrasaError(f"p must be positive, it is {p}", op="mvlgamma")
    return _mvlgamma(input, p)
