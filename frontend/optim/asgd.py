"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.ir.dtype import float32
from brasa.ir.ops import elementwise
from brasa.optim.formulas import descent
from brasa.optim.hyperparameters import check_not_negative, exactly, number, scalar_place, unless_zero
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import full, ones, zeros, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


@updating("param", "step", "rate", "share", "average")
def _asgd(
    param: Tensor, grad: Tensor, step: Tensor, rate: Tensor, share: Tensor, average: Tensor, lr: float, lambd: float,
    alpha: float, start: float, weight_decay: float | None, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992."""
    grad = descent(param, grad, weight_decay, maximize)
    step = pointwise.add(step, 1.0)
    kept = exactly(elementwise.sub, 1.0, exactly(elementwise.mul, lambd, rate))
    param = pointwise.sub(pointwise.mul(param, kept), pointwise.mul(grad, rate))
    nearer = pointwise.add(average, pointwise.mul(pointwise.sub(param, average), share))
    average = pointwise.where(pointwise.eq(share, 1.0), param, nearer)
    growth = exactly(elementwise.add, 1.0, exactly(elementwise.mul, exactly(elementwise.mul, lambd, lr), step))
    rate = exactly(elementwise.div, lr, exactly(elementwise.pow_, growth, alpha))
    share = exactly(elementwise.div, 1.0, exactly(elementwise.maximum, 1.0, exactly(elementwise.sub, step, start)))
    return param, step, rate, share, average


class ASGD(Optimizer):
    """Gradient descent that also keeps the average of the parameters, as `state[p]["ax"]`, from step t0 on."""

    def __init__(
        self, params: Any, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        check_not_negative("ASGD", {"lr": lr, "weight_decay": weight_decay})
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        place = scalar_place(parameter)
        return {"step": zeros(dtype=float32, device=parameter.device), "eta": full((), float(group["lr"]), **place),
                "mu": ones(**place), "ax": zeros_like(parameter)}  # fmt: skip

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        numbers = map(number, (group["lr"], group["lambd"], group["alpha"], group["t0"]))
        _asgd(
            parameter, grad, state["step"], state["eta"], state["mu"], state["ax"], *numbers,
            unless_zero(group["weight_decay"]), group["maximize"],
        )  # fmt: skip
