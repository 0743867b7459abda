"""Placeholder."""

from brasa.ir.kernel import Expr


def exp(x: Expr) -> Expr:
    raise NotImplementedError


def expm1(x: Expr) -> Expr:
    raise NotImplementedError


def tanh(x: Expr) -> Expr:
    raise NotImplementedError
