"""Scalar functions beyond arithmetic, exp and log: one record each, with the meaning, the gradient and the formula.

They count among the special functions, not among the few ops that everything else is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from brasa.ir import mathematics
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops import definitions
from brasa.ir.ops.definitions import of_arrays
from brasa.ir.ops.elementwise import add, div, eq, exp, log, mul, neg, select, sign, sqrt, sub, typed_alike
from brasa.ir.ops.source import full_like

Vjp = Callable[[Node, Node], "tuple[Node | None, ...]"]


def _function(
    name: str, evaluate: Callable[..., Any], body: Callable[..., Any], vjp: Vjp | None, no_vjp: str = ""
) -> Op:
    arity = evaluate.nin if isinstance(evaluate, np.ufunc) else evaluate.__code__.co_argcount
    names = ("x",) if arity == 1 else ("lhs", "rhs")
    return Op(name, Kind.ELEMENTWISE, names, typed_alike(("float",)), evaluate, vjp, no_vjp, body)


def _scaled(g: Node, factor: float) -> Node:
    return mul(g, full_like(g, factor))


def _one_plus_square(x: Node) -> Node:
    return add(mul(x, x), full_like(x, 1))


def _one_minus_square(x: Node) -> Node:
    return sub(full_like(x, 1), mul(x, x))


# exponentials and logarithms

exp2 = _function("exp2", np.exp2, mathematics.exp2, lambda node, g: (mul(g, _scaled(node, math.log(2))),))
log2 = _function("log2", np.log2, mathematics.log2,
                 lambda node, g: (div(g, _scaled(node.operands[0], math.log(2))),))  # fmt: skip
log10 = _function("log10", np.log10, mathematics.log10,
                  lambda node, g: (div(g, _scaled(node.operands[0], math.log(10))),))  # fmt: skip

# angles

tan = _function("tan", np.tan, mathematics.tan, lambda node, g: (mul(g, _one_plus_square(node)),))
asin = _function("asin", np.arcsin, mathematics.asin,
                 lambda node, g: (div(g, sqrt(_one_minus_square(node.operands[0]))),))  # fmt: skip
acos = _function("acos", np.arccos, mathematics.acos,
                 lambda node, g: (neg(div(g, sqrt(_one_minus_square(node.operands[0])))),))  # fmt: skip
atan = _function("atan", np.arctan, mathematics.atan,
                 lambda node, g: (div(g, _one_plus_square(node.operands[0])),))  # fmt: skip


def _atan2_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    y, x = node.operands
    share = div(g, add(mul(x, x), mul(y, y)))
    return mul(share, x), neg(mul(share, y))


atan2 = _function("atan2", np.arctan2, mathematics.atan2, _atan2_vjp)
hypot = _function("hypot", np.hypot, mathematics.hypot,
                  lambda node, g: tuple(mul(g, div(side, node)) for side in node.operands))  # fmt: skip

# hyperbolic functions

sinh: Op = _function("sinh", np.sinh, mathematics.sinh, lambda node, g: (mul(g, cosh(node.operands[0])),))
cosh: Op = _function("cosh", np.cosh, mathematics.cosh, lambda node, g: (mul(g, sinh(node.operands[0])),))
asinh = _function("asinh", np.arcsinh, mathematics.asinh,
                  lambda node, g: (div(g, sqrt(_one_plus_square(node.operands[0]))),))  # fmt: skip


def _acosh_vjp(node: Node, g: Node) -> tuple[Node]:
    x, one = node.operands[0], full_like(g, 1)
    return (div(g, mul(sqrt(sub(x, one)), sqrt(add(x, one)))),)


acosh = _function("acosh", np.arccosh, mathematics.acosh, _acosh_vjp)
atanh = _function("atanh", np.arctanh, mathematics.atanh,
                  lambda node, g: (div(g, _one_minus_square(node.operands[0])),))  # fmt: skip

# the error function's kin and the normal distribution

_SLOPE = 2 / math.sqrt(math.pi)


def _gaussian(x: Node, factor: float, rate: float) -> Node:
    """factor * exp(rate * x**2)."""
    return _scaled(exp(_scaled(mul(x, x), rate)), factor)


def _erfcx_vjp(node: Node, g: Node) -> tuple[Node]:
    twice = _scaled(mul(node.operands[0], node), 2.0)
    return (mul(g, sub(twice, full_like(g, _SLOPE))),)


erfc = _function("erfc", of_arrays(lambda x: math.erfc(x)), mathematics.erfc,
                 lambda node, g: (mul(g, _gaussian(node.operands[0], -_SLOPE, -1.0)),))  # fmt: skip
erfcx = _function("erfcx", of_arrays(definitions.erfcx), mathematics.erfcx, _erfcx_vjp)
erfinv = _function("erfinv", of_arrays(definitions.erfinv), mathematics.erfinv,
                   lambda node, g: (mul(g, _gaussian(node, 1 / _SLOPE, 1.0)),))  # fmt: skip
ndtri = _function("ndtri", of_arrays(definitions.ndtri), mathematics.ndtri,
                  lambda node, g: (mul(g, _gaussian(node, math.sqrt(2 * math.pi), 0.5)),))  # fmt: skip

# gamma and zeta functions


def _unknown(x: Node) -> Node:
    """NaN in place of a gradient whose formula is not among the functions; PyTorch has none there either."""
    return full_like(x, math.nan)


def _zeta_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    s, q = node.operands
    return _unknown(s), neg(mul(g, mul(s, zeta(add(s, full_like(s, 1)), q))))


zeta: Op = _function("zeta", of_arrays(definitions.zeta), mathematics.zeta, _zeta_vjp)
digamma = _function("digamma", of_arrays(definitions.digamma), mathematics.digamma,
                    lambda node, g: (mul(g, zeta(full_like(g, 2), node.operands[0])),))  # fmt: skip
lgamma = _function("lgamma", of_arrays(definitions.lgamma), mathematics.lgamma,
                   lambda node, g: (mul(g, digamma(node.operands[0])),))  # fmt: skip

# Bessel functions


def _order_one_slope(node: Node, g: Node, zero: Op, at_zero: float) -> Node:
    """f0(x) - f1(x) / x, whose limit at 0 is given."""
    x = node.operands[0]
    at_pole = eq(x, full_like(x, 0))
    ratio = div(node, select(at_pole, full_like(x, 1), x))
    return mul(g, select(at_pole, full_like(x, at_zero), sub(zero(x), ratio)))


bessel_j0: Op = _function("bessel_j0", of_arrays(definitions.bessel_j0), mathematics.bessel_j0,
                          lambda node, g: (neg(mul(g, bessel_j1(node.operands[0]))),))  # fmt: skip
bessel_j1: Op = _function("bessel_j1", of_arrays(definitions.bessel_j1), mathematics.bessel_j1,
                      lambda node, g: (_order_one_slope(node, g, bessel_j0, 0.5),))  # fmt: skip
bessel_y0: Op = _function("bessel_y0", of_arrays(definitions.bessel_y0), mathematics.bessel_y0,
                          lambda node, g: (neg(mul(g, bessel_y1(node.operands[0]))),))  # fmt: skip
bessel_y1: Op = _function("bessel_y1", of_arrays(definitions.bessel_y1), mathematics.bessel_y1,
                      lambda node, g: (_order_one_slope(node, g, bessel_y0, math.inf),))  # fmt: skip
i0: Op = _function("bessel_i0", of_arrays(definitions.i0), mathematics.i0,
                   lambda node, g: (mul(g, i1(node.operands[0])),))  # fmt: skip
i1: Op = _function("bessel_i1", of_arrays(definitions.i1), mathematics.i1,
               lambda node, g: (_order_one_slope(node, g, i0, 0.5),))  # fmt: skip
i0e: Op = _function(
    "bessel_i0e", of_arrays(definitions.i0e), mathematics.i0e,
    lambda node, g: (mul(g, sub(i1e(node.operands[0]), mul(sign(node.operands[0]), node))),),
)  # fmt: skip
i1e: Op = _function(
    "bessel_i1e", of_arrays(definitions.i1e), mathematics.i1e,
    lambda node, g: (
        sub(_order_one_slope(node, g, i0e, 0.5), mul(g, mul(sign(node.operands[0]), node))),
    ),
)  # fmt: skip


def _second_slope(node: Node, g: Node, zero: Op) -> Node:
    """-K0(x) - K1(x) / x, and the same of what is scaled alike."""
    x = node.operands[0]
    return neg(mul(g, add(zero(x), div(node, x))))


k0: Op = _function("bessel_k0", of_arrays(definitions.k0), mathematics.k0,
                   lambda node, g: (neg(mul(g, k1(node.operands[0]))),))  # fmt: skip
k1: Op = _function("bessel_k1", of_arrays(definitions.k1), mathematics.k1,
               lambda node, g: (_second_slope(node, g, k0),))  # fmt: skip
k0e: Op = _function("bessel_k0e", of_arrays(definitions.k0e), mathematics.k0e,
                    lambda node, g: (mul(g, sub(node, k1e(node.operands[0]))),))  # fmt: skip
k1e: Op = _function("bessel_k1e", of_arrays(definitions.k1e), mathematics.k1e,
                lambda node, g: (add(mul(g, node), _second_slope(node, g, k0e)),))  # fmt: skip
airy_ai = _function("airy_ai", of_arrays(definitions.airy_ai), mathematics.airy_ai, None,
                    "the derivative of Airy's function is not among the functions")  # fmt: skip


# the incomplete gamma functions


def _density(node: Node, g: Node) -> Node:
    """g times the derivative with respect to x of the lower function: x**(a - 1) e**-x / gamma(a)."""
    a, x = node.operands
    exponent = sub(sub(mul(sub(a, full_like(a, 1)), log(x)), x), lgamma(a))
    return mul(g, exp(exponent))


igamma = _function("igamma", of_arrays(definitions.igamma), mathematics.igamma,
                   lambda node, g: (_unknown(node.operands[0]), _density(node, g)))  # fmt: skip
igammac = _function("igammac", of_arrays(definitions.igammac), mathematics.igammac,
                    lambda node, g: (_unknown(node.operands[0]), neg(_density(node, g))))  # fmt: skip

# orthogonal polynomials


def _polynomial(name: str) -> Op:
    return _function(name, of_arrays(getattr(definitions, name), knows_nan=True), getattr(mathematics, name), None,
                     "the derivative is not among the functions")  # fmt: skip


chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t")
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u")
chebyshev_polynomial_v = _polynomial("chebyshev_polynomial_v")
chebyshev_polynomial_w = _polynomial("chebyshev_polynomial_w")
hermite_polynomial_h = _polynomial("hermite_polynomial_h")
hermite_polynomial_he = _polynomial("hermite_polynomial_he")
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l")
legendre_polynomial_p = _polynomial("legendre_polynomial_p")
