"""Scalar functions as kernel expressions: one formula for every lane, every backend, at most 2 ULP off."""

from brasa.ir.mathematics.error_function import erf as erf
from brasa.ir.mathematics.exponential import exp as exp
from brasa.ir.mathematics.exponential import expm1 as expm1
from brasa.ir.mathematics.exponential import tanh as tanh
from brasa.ir.mathematics.logarithm import log as log
from brasa.ir.mathematics.logarithm import log1p as log1p
from brasa.ir.mathematics.power import power as power
from brasa.ir.mathematics.remainder import floor_divide as floor_divide
from brasa.ir.mathematics.remainder import remainder as remainder
from brasa.ir.mathematics.trigonometry import cos as cos
from brasa.ir.mathematics.trigonometry import sin as sin
