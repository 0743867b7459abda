"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.ir.dtype import float32
from brasa.ir.errors import ValueError
from brasa.ir.ops import elementwise
from brasa.optim.formulas import descent
from brasa.optim.hyperparameters import check_not_negative, exactly, number, unless_zero
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import zeros, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


@updating("param")
def _sgd(
    param: Tensor, grad: Tensor, lr: float, weight_decay: float | None, maximize: bool
) -> tuple[Tensor, ...]:  # fmt: skip
    return (pointwise.sub(param, pointwise.mul(descent(param, grad, weight_decay, maximize), lr)),)


@updating("param", "buffer", "step")
def _sgd_momentum(
    param: Tensor, grad: Tensor, buffer: Tensor, step: Tensor | None, lr: float, momentum: float,
    dampening: float | None, weight_decay: float | None, nesterov: bool, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    grad = descent(param, grad, weight_decay, maximize)
    added = grad
    if dampening is not None:
        if step is not None:  # the first step is not dampened
            dampening = exactly(elementwise.mul, dampening, pointwise.sign(step))
        added = pointwise.mul(grad, exactly(elementwise.sub, 1.0, dampening))
    buffer = pointwise.add(pointwise.mul(buffer, momentum), added)
    direction = pointwise.add(grad, pointwise.mul(buffer, momentum)) if nesterov else buffer
    moved = pointwise.sub(param, pointwise.mul(direction, lr))
    return (moved, buffer) if step is None else (moved, buffer, pointwise.add(step, 1.0))


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and Nesterov's form of it."""

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_not_negative("SGD", {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("nesterov needs a momentum and no dampening", op="SGD")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        })  # fmt: skip

    def _state_of(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return super()._state_of(parameter, group) if group["momentum"] else {}

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"momentum_buffer": zeros_like(parameter)}
        if group["dampening"]:
            state["step"] = zeros(dtype=float32, device=parameter.device)
        return state

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, decay, maximize = number(group["lr"]), unless_zero(group["weight_decay"]), group["maximize"]
        if not state:
            _sgd(parameter, grad, lr, decay, maximize)
            return
        _sgd_momentum(
            parameter, grad, state["momentum_buffer"], state.get("step"), lr, number(group["momentum"]),
            unless_zero(group["dampening"]), decay, group["nesterov"], maximize,
        )  # fmt: skip
