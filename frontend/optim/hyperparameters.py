"""Hyperparameters: numbers that may change from step to step, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brasa.ir.dtype import float64
from brasa.ir.errors import ValueError
from brasa.ir.graph import Op
from brasa.primitive import Number, elementwise_op
from brasa.tensor import Tensor


def exactly(op: Op, *operands: Number) -> Tensor:
    """Arithmetic in float64, as Python's own is: for 1 - beta, which float32 would round too early."""
    return elementwise_op(op, *operands, dtype=float64)


def number(value: Any) -> Any:
    """A hyperparameter as functions take it: 1 and 1.0 are the same program."""
    return value if isinstance(value, Tensor) else float(value)


def unless_zero(value: Any) -> Any:
    """A hyperparameter, or None for 0, which leaves its part of the formula out of the program."""
    return number(value) if value else None


def check_not_negative(name: str, values: Mapping[str, Any]) -> None:
    """Raise an error for a number below 0, or for NaN."""
    for key, value in values.items():
        if not isinstance(value, Tensor) and not value >= 0:
            raise ValueError(f"{key} must not be negative, found {value}", op=name)
