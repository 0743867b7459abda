"""Optimisers that scale each element by the size of its past gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.ir.dtype import float32
from brasa.ir.errors import ValueError
from brasa.ir.ops import elementwise
from brasa.optim.formulas import descent, moved_average
from brasa.optim.hyperparameters import check_not_negative, exactly, number, unless_zero
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import full_like, zeros, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


@updating("param", "step", "square", "buffer", "mean")
def _rmsprop(
    param: Tensor, grad: Tensor, step: Tensor, square: Tensor, buffer: Tensor | None, mean: Tensor | None, lr: float,
    alpha: float, eps: float, weight_decay: float | None, momentum: float, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Hinton, "Neural networks for machine learning", lecture 6, 2012; centred as Graves, 2013."""
    grad = descent(param, grad, weight_decay, maximize)
    square = moved_average(square, pointwise.mul(grad, grad), alpha)
    mean = None if mean is None else moved_average(mean, grad, alpha)
    spread = square if mean is None else pointwise.sub(square, pointwise.mul(mean, mean))
    direction = pointwise.div(grad, pointwise.add(pointwise.sqrt(spread), eps))
    if buffer is not None:
        direction = buffer = pointwise.add(pointwise.mul(buffer, momentum), direction)
    moved = pointwise.sub(param, pointwise.mul(direction, lr))
    return tuple(x for x in (moved, pointwise.add(step, 1.0), square, buffer, mean) if x is not None)


class RMSprop(Optimizer):
    """Steps in the size of the gradient over the root of its mean square."""

    def __init__(
        self, params: Any, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_not_negative("RMSprop", {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
        })  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": zeros(dtype=float32, device=parameter.device), "square_avg": zeros_like(parameter)}
        for name, wanted in (("momentum_buffer", group["momentum"]), ("grad_avg", group["centered"])):
            if wanted:
                state[name] = zeros_like(parameter)
        return state

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, alpha, eps, momentum = map(number, (group["lr"], group["alpha"], group["eps"], group["momentum"]))
        _rmsprop(
            parameter, grad, state["step"], state["square_avg"], state.get("momentum_buffer"), state.get("grad_avg"),
            lr, alpha, eps, unless_zero(group["weight_decay"]), momentum, group["maximize"],
        )  # fmt: skip


@updating("param", "step", "total")
def _adagrad(
    param: Tensor, grad: Tensor, step: Tensor, total: Tensor, lr: float, lr_decay: float, eps: float,
    weight_decay: float | None, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011."""
    grad = descent(param, grad, weight_decay, maximize)
    slower = exactly(elementwise.add, 1.0, exactly(elementwise.mul, step, lr_decay))
    total = pointwise.add(total, pointwise.mul(grad, grad))
    direction = pointwise.div(grad, pointwise.add(pointwise.sqrt(total), eps))
    moved = pointwise.sub(param, pointwise.mul(direction, exactly(elementwise.div, lr, slower)))
    return moved, pointwise.add(step, 1.0), total


class Adagrad(Optimizer):
    """Steps in the size of the gradient over the root of the sum of all its squares."""

    def __init__(
        self, params: Any, lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_not_negative("Adagrad", {
            "lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps,
            "initial_accumulator_value": initial_accumulator_value,
        })  # fmt: skip
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        total = full_like(parameter, group["initial_accumulator_value"])
        return {"step": zeros(dtype=float32, device=parameter.device), "sum": total}

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, lr_decay, eps = map(number, (group["lr"], group["lr_decay"], group["eps"]))
        decay = unless_zero(group["weight_decay"])
        _adagrad(parameter, grad, state["step"], state["sum"], lr, lr_decay, eps, decay, group["maximize"])


@updating("param", "step", "square", "moves")
def _adadelta(
    param: Tensor, grad: Tensor, step: Tensor, square: Tensor, moves: Tensor, lr: float, rho: float, eps: float,
    weight_decay: float | None, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Zeiler, "ADADELTA: an adaptive learning rate method", 2012."""
    grad = descent(param, grad, weight_decay, maximize)
    square = moved_average(square, pointwise.mul(grad, grad), rho)
    below = pointwise.sqrt(pointwise.add(square, eps))
    move = pointwise.mul(pointwise.div(pointwise.sqrt(pointwise.add(moves, eps)), below), grad)
    moves = moved_average(moves, pointwise.mul(move, move), rho)
    return pointwise.sub(param, pointwise.mul(move, lr)), pointwise.add(step, 1.0), square, moves


class Adadelta(Optimizer):
    """Steps in the size of past steps over the root of the gradient's mean square: no learning rate to choose."""

    def __init__(
        self, params: Any, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_not_negative("Adadelta", {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})
        if rho > 1:
            raise ValueError(f"rho must be in 0..1, found {rho}", op="Adadelta")
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        step = zeros(dtype=float32, device=parameter.device)
        return {"step": step, "square_avg": zeros_like(parameter), "acc_delta": zeros_like(parameter)}

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, rho, eps = map(number, (group["lr"], group["rho"], group["eps"]))
        _adadelta(
            parameter, grad, state["step"], state["square_avg"], state["acc_delta"], lr, rho, eps,
            unless_zero(group["weight_decay"]), group["maximize"],
        )  # fmt: skip
