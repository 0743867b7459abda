"""Placeholder."""

from brasa.ir.kernel import Expr


def erf(x: Expr) -> Expr:
    raise NotImplementedError
