"""Variants of Adam: other norms, Nesterov's momentum, and a rectified start."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.ir.dtype import float32
from brasa.ir.ops import elementwise
from brasa.optim.formulas import bias_correction, descent, moved_average, shrunk
from brasa.optim.hyperparameters import check_betas, check_not_negative, exactly, number, scalar_place, unless_zero
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import ones, zeros, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


class _AdamVariant(Optimizer):
    """What the variants share: a first moment, another statistic of the gradient, and a count of steps."""

    def __init__(self, params: Any, options: dict[str, Any]) -> None:
        name = type(self).__name__
        decays = {
            key: value for key, value in options.items() if key in ("lr", "eps", "weight_decay", "momentum_decay")
        }
        check_not_negative(name, decays)
        check_betas(name, options["betas"])
        super().__init__(params, options)

    _statistic = "exp_avg_sq"

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        step = zeros(dtype=float32, device=parameter.device)
        return {"step": step, "exp_avg": zeros_like(parameter), self._statistic: zeros_like(parameter)}


def _numbers(group: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(map(number, (group["lr"], *group["betas"], group["eps"])))


@updating("param", "step", "mean", "largest")
def _adamax(
    param: Tensor, grad: Tensor, step: Tensor, mean: Tensor, largest: Tensor, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float | None, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.1."""
    grad = descent(param, grad, weight_decay, maximize)
    step = pointwise.add(step, 1.0)
    mean = moved_average(mean, grad, beta1)
    largest = pointwise.maximum(pointwise.mul(largest, beta2), pointwise.add(pointwise.abs(grad), eps))
    rate = exactly(elementwise.div, lr, bias_correction(beta1, step))
    return pointwise.sub(param, pointwise.mul(rate, pointwise.div(mean, largest))), step, mean, largest


class Adamax(_AdamVariant):
    """Adam with the largest gradient in the place of the mean square."""

    _statistic = "exp_inf"

    def __init__(
        self, params: Any, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        decay = unless_zero(group["weight_decay"])
        _adamax(
            parameter, grad, state["step"], state["exp_avg"], state["exp_inf"], *_numbers(group), decay,
            group["maximize"],
        )  # fmt: skip


@updating("param", "step", "product", "mean", "square")
def _nadam(
    param: Tensor, grad: Tensor, step: Tensor, product: Tensor, mean: Tensor, square: Tensor, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float | None, momentum_decay: float, decoupled: bool, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Dozat, "Incorporating Nesterov momentum into Adam", 2016."""
    grad = descent(param, grad, None if decoupled else weight_decay, maximize)
    if weight_decay is not None and decoupled:
        param = shrunk(param, lr, weight_decay)
    step = pointwise.add(step, 1.0)
    now = _momentum(beta1, step, momentum_decay)
    later = _momentum(beta1, pointwise.add(step, 1.0), momentum_decay)
    product = pointwise.mul(product, now)
    mean = moved_average(mean, grad, beta1)
    square = moved_average(square, pointwise.mul(grad, grad), beta2)
    spread = pointwise.add(pointwise.sqrt(pointwise.div(square, bias_correction(beta2, step))), eps)
    of_grad = _scaled(lr, exactly(elementwise.sub, 1.0, now), product)
    of_mean = _scaled(lr, later, exactly(elementwise.mul, product, later))
    moved = pointwise.add(pointwise.mul(grad, of_grad), pointwise.mul(mean, of_mean))
    return pointwise.sub(param, pointwise.div(moved, spread)), step, product, mean, square


def _momentum(beta: float, step: Tensor, decay: float) -> Tensor:
    """beta * (1 - 0.96 ** (step * decay) / 2): a momentum that grows to beta."""
    falling = exactly(elementwise.pow_, 0.96, exactly(elementwise.mul, step, decay))
    return exactly(elementwise.mul, beta, exactly(elementwise.sub, 1.0, exactly(elementwise.mul, 0.5, falling)))


def _scaled(lr: float, factor: Tensor, product: Tensor) -> Tensor:
    remaining = exactly(elementwise.sub, 1.0, product)
    return exactly(elementwise.div, exactly(elementwise.mul, lr, factor), remaining)


class NAdam(_AdamVariant):
    """Adam with Nesterov's momentum."""

    def __init__(
        self, params: Any, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        step = zeros(dtype=float32, device=parameter.device)
        return {"step": step, "mu_product": ones(**scalar_place(parameter)), "exp_avg": zeros_like(parameter),
                "exp_avg_sq": zeros_like(parameter)}  # fmt: skip

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        _nadam(
            parameter, grad, state["step"], state["mu_product"], state["exp_avg"], state["exp_avg_sq"],
            *_numbers(group), unless_zero(group["weight_decay"]), number(group["momentum_decay"]),
            group["decoupled_weight_decay"], group["maximize"],
        )  # fmt: skip


@updating("param", "step", "mean", "square")
def _radam(
    param: Tensor, grad: Tensor, step: Tensor, mean: Tensor, square: Tensor, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float | None, decoupled: bool, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Liu et al., "On the variance of the adaptive learning rate and beyond", 2020."""
    grad = descent(param, grad, None if decoupled else weight_decay, maximize)
    if weight_decay is not None and decoupled:
        param = shrunk(param, lr, weight_decay)
    step = pointwise.add(step, 1.0)
    mean = moved_average(mean, grad, beta1)
    square = moved_average(square, pointwise.mul(grad, grad), beta2)
    correction = bias_correction(beta2, step)
    rate = exactly(elementwise.div, lr, bias_correction(beta1, step))
    length, limit = _average_length(beta2, step, correction)
    rectified = pointwise.mul(
        pointwise.div(exactly(elementwise.sqrt, correction), pointwise.add(pointwise.sqrt(square), eps)),
        _rectification(length, limit),
    )
    factor = pointwise.where(pointwise.gt(length, 5.0), rectified, 1.0)
    return pointwise.sub(param, pointwise.mul(pointwise.mul(rate, mean), factor)), step, mean, square


def _average_length(beta: float, step: Tensor, correction: Tensor) -> tuple[Tensor, Tensor]:
    """The length of the average's window after `step` steps, and its limit."""
    limit = exactly(elementwise.sub, exactly(elementwise.div, 2.0, exactly(elementwise.sub, 1.0, beta)), 1.0)
    power = exactly(elementwise.pow_, beta, step)
    lost = exactly(elementwise.mul, exactly(elementwise.mul, 2.0, step), exactly(elementwise.div, power, correction))
    return exactly(elementwise.sub, limit, lost), limit


def _rectification(length: Tensor, limit: Tensor) -> Tensor:
    def term(value: Tensor) -> Tensor:
        less = [exactly(elementwise.sub, value, offset) for offset in (4.0, 2.0)]
        return exactly(elementwise.mul, *less)

    above = exactly(elementwise.mul, term(length), limit)
    below = exactly(elementwise.mul, term(limit), length)
    return exactly(elementwise.sqrt, exactly(elementwise.div, above, below))


class RAdam(_AdamVariant):
    """Adam that adapts its rates only when their variance is known well enough."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        })  # fmt: skip

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        _radam(
            parameter, grad, state["step"], state["exp_avg"], state["exp_avg_sq"], *_numbers(group),
            unless_zero(group["weight_decay"]), group["decoupled_weight_decay"], group["maximize"],
        )  # fmt: skip
