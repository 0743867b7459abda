"""Placeholder."""

from brasa.ir.kernel import Expr


def power(x: Expr, y: Expr) -> Expr:
    raise NotImplementedError


def remainder(x: Expr, y: Expr) -> Expr:
    raise NotImplementedError
