"""Placeholder."""

from brasa.ir.kernel import Expr


def log(x: Expr) -> Expr:
    raise NotImplementedError


def log1p(x: Expr) -> Expr:
    raise NotImplementedError
