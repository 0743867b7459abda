"""Adam, and AdamW, which decays weights apart from the gradient."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.ir.dtype import float32
from brasa.ir.ops import elementwise
from brasa.optim.formulas import bias_correction, moved_average, shrunk
from brasa.optim.hyperparameters import check_betas, check_not_negative, exactly, number, unless_zero
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import zeros, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


@updating("param", "step", "mean", "square", "largest")
def _adam(
    param: Tensor, grad: Tensor, step: Tensor, mean: Tensor, square: Tensor, largest: Tensor | None, lr: float,
    beta1: float, beta2: float, eps: float, weight_decay: float | None, decoupled: bool, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Kingma and Ba, "Adam: a method for stochastic optimization", 2015; decoupled as Loshchilov and Hutter, 2019."""
    grad = pointwise.neg(grad) if maximize else grad
    if weight_decay is not None and decoupled:
        param = shrunk(param, lr, weight_decay)
    elif weight_decay is not None:
        grad = pointwise.add(grad, pointwise.mul(param, weight_decay))
    step = pointwise.add(step, 1.0)
    mean = moved_average(mean, grad, beta1)
    square = moved_average(square, pointwise.mul(grad, grad), beta2)
    largest = None if largest is None else pointwise.maximum(largest, square)
    spread = pointwise.sqrt(square if largest is None else largest)
    correction = pointwise.sqrt(bias_correction(beta2, step))
    divisor = pointwise.add(pointwise.div(spread, correction), eps)
    rate = exactly(elementwise.div, lr, bias_correction(beta1, step))
    param = pointwise.sub(param, pointwise.mul(rate, pointwise.div(mean, divisor)))
    return (param, step, mean, square) if largest is None else (param, step, mean, square, largest)


class Adam(Optimizer):
    """Adam: steps in the size of the gradient's mean over its spread."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        check_not_negative(name, {"lr": lr, "eps": eps, "weight_decay": weight_decay})
        check_betas(name, betas)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")
        step = zeros(dtype=float32, device=parameter.device)
        return {"step": step, **{name: zeros_like(parameter) for name in names}}

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, beta1, beta2, eps = map(number, (group["lr"], *group["betas"], group["eps"]))
        largest = state["max_exp_avg_sq"] if group["amsgrad"] else None
        _adam(
            parameter, grad, state["step"], state["exp_avg"], state["exp_avg_sq"], largest, lr, beta1, beta2, eps,
            unless_zero(group["weight_decay"]), group["decoupled_weight_decay"], group["maximize"],
        )  # fmt: skip


class AdamW(Adam):
    """Adam with weights that shrink by lr * weight_decay in each step, whatever their gradients are."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, foreach=foreach, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
