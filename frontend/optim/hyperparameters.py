"""Hyperparameters: numbers that may change from step to step, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brasa.ir.dtype import float32, float64
from brasa.ir.errors import ValueError
from brasa.ir.graph import Op
from brasa.tensors.tensor import Tensor
from brasa.tracing.held import Held
from brasa.tracing.primitive import Number, elementwise_op


def exactly(op: Op, *operands: Number) -> Tensor:
    """Arithmetic in float64, as Python's own is: for 1 - beta, which float32 would round too early."""
    return elementwise_op(op, *operands, dtype=float64)


def number(value: Any) -> Any:
    """A hyperparameter as functions take it: 1 and 1.0 are the same program."""
    return value if isinstance(value, Tensor | Held) else float(value)


def unless_zero(value: Any) -> Any:
    """A hyperparameter, or None for 0, which leaves its part of the formula out of the program."""
    return number(value) if value else None


def check_not_negative(name: str, values: Mapping[str, Any]) -> None:
    """Raise an error for a number below 0, or for NaN."""
    for key, value in values.items():
        if not isinstance(value, Tensor) and not value >= 0:
            raise ValueError(f"{key} must not be negative, found {value}", op=name)


def check_betas(name: str, betas: Sequence[Any]) -> None:
    """Raise an error for a decay rate outside [0, 1)."""
    if not all(isinstance(beta, Tensor) or 0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must be at least 0 and below 1, found {tuple(betas)}", op=name)


def scalar_place(parameter: Tensor) -> dict[str, Any]:
    """Dtype and device of a number that an optimiser keeps for a parameter: single precision, or what is wider."""
    return {"dtype": float64 if parameter.dtype is float64 else float32, "device": parameter.device}
