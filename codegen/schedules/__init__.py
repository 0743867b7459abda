"""Lowers fused graphs to programs of kernels, on the CPU."""

from brasa.codegen.schedules.lowering import lower as lower
from brasa.codegen.schedules.writer import COST_MODEL as COST_MODEL
from brasa.codegen.schedules.writer import Ways as Ways
