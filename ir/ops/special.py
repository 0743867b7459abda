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
from brasa.ir.kernel import Expr
from brasa.ir.ops.elementwise import add, div, mul, neg, sqrt, sub, typed_alike
from brasa.ir.ops.source import full_like

Vjp = Callable[[Node, Node], "tuple[Node | None, ...]"]


def _function(name: str, evaluate: Callable[..., Any], body: Callable[..., Expr], vjp: Vjp) -> Op:
    arity = evaluate.nin if isinstance(evaluate, np.ufunc) else evaluate.__code__.co_argcount
    names = ("x",) if arity == 1 else ("lhs", "rhs")
    return Op(name, Kind.ELEMENTWISE, names, typed_alike(("float",)), evaluate, vjp, body=body)


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
                  lambda node, g: (mul(g, div(node.operands[0], node)), mul(g, div(node.operands[1], node))))  # fmt: skip

# hyperbolic functions

sinh: Op = _function("sinh", np.sinh, mathematics.sinh, lambda node, g: (mul(g, cosh(node.operands[0])),))
cosh = _function("cosh", np.cosh, mathematics.cosh, lambda node, g: (mul(g, sinh(node.operands[0])),))
asinh = _function("asinh", np.arcsinh, mathematics.asinh,
                  lambda node, g: (div(g, sqrt(_one_plus_square(node.operands[0]))),))  # fmt: skip


def _acosh_vjp(node: Node, g: Node) -> tuple[Node]:
    x, one = node.operands[0], full_like(g, 1)
    return (div(g, mul(sqrt(sub(x, one)), sqrt(add(x, one)))),)


acosh = _function("acosh", np.arccosh, mathematics.acosh, _acosh_vjp)
atanh = _function("atanh", np.arctanh, mathematics.atanh,
                  lambda node, g: (div(g, _one_minus_square(node.operands[0])),))  # fmt: skip
