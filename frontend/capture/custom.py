"""An autograd.Function in a captured program: its backward is traced with its forward, on made-up gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brasa.ir.ops import control
from brasa.ir.ops.source import full
from brasa.tensor import Tensor
from brasa.tracing import Backward

if TYPE_CHECKING:
    from brasa.capture.follow import Capture


def record_custom(
    capture: Capture, results: Sequence[Tensor], values: Sequence[Tensor], backward: Backward, once: bool
) -> list[Tensor]:
    """The results as tensors whose gradients are what the backward makes: zeros stand for what it is given."""
    nodes = tuple(map(capture.node_of, results))
    stand_ins, seeds = ([capture.fresh(capture.record(full(node.tensor, 0))) for node in nodes] for _ in range(2))
    outer, capture.imagined = capture.imagined, True
    try:
        grads = backward(stand_ins, seeds)
    finally:
        capture.imagined = outer
    pairs = [(value, grad) for value, grad in zip(values, grads, strict=True) if grad is not None]
    tensors = (*(value for value, _ in pairs), *stand_ins, *seeds, *(grad for _, grad in pairs))
    operands = (*nodes, *map(capture.node_of, tensors))
    made = capture.step(
        ("custom", operands, once),
        lambda: capture.items(
            capture.record(control.custom(*operands, outputs=len(nodes), values=len(pairs), once=once))
        ),
    )
    return [capture.fresh(node, True) for node in made]
