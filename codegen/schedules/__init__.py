"""Lowers fused graphs to programs of kernels, on the CPU."""

from brasa.codegen.schedules.lowering import lower as lower
