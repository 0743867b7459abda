"""Placeholder."""

from brasa.ir.kernel import Expr


def sin(x: Expr) -> Expr:
    raise NotImplementedError


def cos(x: Expr) -> Expr:
    raise NotImplementedError
