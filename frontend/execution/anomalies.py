"""Finds where NaN comes from: the first function that gives one in its result, or in the gradient of an operand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.execution.nodes import TapeNode
from brasa.execution.tape import FunctionNode
from brasa.ir.errors import BrasaError, GradientError, Operand
from brasa.tensors.tensor import Tensor, array_of, type_text
from brasa.tracing.places import user_location


def watch_forward(name: str, operands: Sequence[Any], outputs: Sequence[Tensor], check_nan: bool) -> None:
    """Note where a function ran; BrasaError where it made NaN of operands that have none."""
    where = user_location()
    for output in outputs:
        if output._edge is not None:
            output._edge.node.where = where
    if not check_nan or any(_first_nan(operand) is not None for operand in operands):
        return
    for output in outputs:
        place = _first_nan(output)
        if place is not None:
            shown = tuple(
                Operand(f"operand {i}", type_text(operand) if isinstance(operand, Tensor) else str(operand))
                for i, operand in enumerate(operands)
            )
            raise BrasaError(f"the result is nan at element {place}, and no operand is (at {where})", op=name,
                             operands=shown)  # fmt: skip


def watch_backward(node: TapeNode, grads: Sequence[Tensor | None]) -> None:
    """GradientError where the backward of a function gave NaN: which function, and the line that ran it."""
    for number, value in enumerate(grads):
        place = _first_nan(value)
        if place is not None:
            ran = f"ran at {node.where}" if node.where else "ran before anomalies were looked for"
            shown: tuple[Operand, ...] = ()
            if isinstance(node, FunctionNode):
                spec = node.specs[number]
                shown = (Operand(f"operand {number}", "a number" if spec is None else str(spec.type)),)
            raise GradientError(f"the gradient of operand {number} is nan at element {place} (the function {ran})",
                                op=node.name(), operands=shown)  # fmt: skip


def _first_nan(value: Any) -> int | None:
    """The place of the first NaN, row by row; None where there is none."""
    if not isinstance(value, Tensor):
        return 0 if isinstance(value, float) and math.isnan(value) else None
    if value._spec.dtype.kind not in ("float", "complex"):
        return None
    found = np.isnan(array_of(value)).reshape(-1)
    return int(found.argmax()) if found.any() else None
