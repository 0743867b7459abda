"""Special functions: the error function and its kin, gamma functions, Bessel functions."""

from __future__ import annotations

from brasa.functions.elementwise import unary
from brasa.ir.ops import elementwise as ops

__all__ = ["erf"]

erf = unary(ops.erf, real=True, doc="The error function of each element.")
