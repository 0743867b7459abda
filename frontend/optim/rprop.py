"""Resilient backpropagation: steps whose size follows from the signs of gradients alone."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.ir.dtype import float32
from brasa.ir.errors import ValueError
from brasa.optim.hyperparameters import check_not_negative, number
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import full_like, zeros, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


@updating("param", "step", "before", "size")
def _rprop(
    param: Tensor, grad: Tensor, step: Tensor, before: Tensor, size: Tensor, smaller: float, larger: float,
    least: float, most: float, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993."""
    grad = pointwise.neg(grad) if maximize else grad
    agreement = pointwise.mul(grad, before)
    turned = pointwise.lt(agreement, 0.0)
    grown = pointwise.where(pointwise.gt(agreement, 0.0), pointwise.mul(size, larger), size)
    size = pointwise.clamp(pointwise.where(turned, pointwise.mul(size, smaller), grown), least, most)
    grad = pointwise.where(turned, 0.0, grad)
    moved = pointwise.sub(param, pointwise.mul(pointwise.sign(grad), size))
    return moved, pointwise.add(step, 1.0), grad, size


class Rprop(Optimizer):
    """Steps that grow while the gradient keeps its sign, and shrink when it turns. For whole batches."""

    def __init__(
        self, params: Any, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_not_negative("Rprop", {"lr": lr})
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"etas must be a factor below 1 and one above, found {tuple(etas)}", op="Rprop")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        step = zeros(dtype=float32, device=parameter.device)
        return {"step": step, "prev": zeros_like(parameter), "step_size": full_like(parameter, float(group["lr"]))}

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        numbers = map(number, (*group["etas"], *group["step_sizes"]))
        _rprop(parameter, grad, state["step"], state["prev"], state["step_size"], *numbers, group["maximize"])
