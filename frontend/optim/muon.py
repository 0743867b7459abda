"""Muon: momentum whose matrix is made orthogonal."""

from __future__ import annotations

from math import sqrt
from typing import Any

from brasa.functions import matrix, pointwise, reduction
from brasa.ir.dtype import bfloat16, float32, float64
from brasa.ir.errors import ValueError
from brasa.optim.formulas import moved_average, shrunk
from brasa.optim.hyperparameters import check_not_negative, number
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import cast, permute
from brasa.tracing.updating import updating

_RATES = ("original", "match_rms_adamw")


@updating("param", "buffer")
def _muon(
    param: Tensor, grad: Tensor, buffer: Tensor, lr: float, adjusted: float, weight_decay: float, momentum: float,
    a: float, b: float, c: float, eps: float, steps: int, nesterov: bool, wide: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024."""
    buffer = moved_average(buffer, grad, momentum)
    direction = moved_average(buffer, grad, momentum) if nesterov else buffer
    turned = _orthogonal(direction, a, b, c, eps, steps, wide)
    return pointwise.sub(shrunk(param, lr, weight_decay), pointwise.mul(turned, adjusted)), buffer


def _orthogonal(x: Tensor, a: float, b: float, c: float, eps: float, steps: int, wide: bool) -> Tensor:
    """Near the orthogonal matrix closest to x, by a Newton-Schulz iteration in bfloat16 on its wide form."""
    x = _halved(x if wide else permute(x, (1, 0)))
    norm = _halved(pointwise.sqrt(reduction.sum(pointwise.mul(x, x))))
    x = _halved(pointwise.div(x, pointwise.clamp(norm, eps, None)))
    for _ in range(steps):
        gram = _halved(matrix.matmul(x, permute(x, (1, 0))))
        gram = _halved(_fused(gram, b, pointwise.mul(matrix.matmul(gram, gram), c)))
        x = _halved(_fused(x, a, matrix.matmul(gram, x)))
    return x if wide else permute(x, (1, 0))


def _fused(x: Tensor, factor: float, addend: Tensor) -> Tensor:
    """x * factor + addend, rounded once: where bfloat16 has few digits, a second rounding shows within 100 steps.

    The product of a bfloat16 and a float32 number is exact in float64.
    """
    factor = cast(cast(factor, float32), float64)
    return cast(pointwise.add(pointwise.mul(cast(x, float64), factor), cast(addend, float64)), float32)


def _halved(x: Tensor) -> Tensor:
    """The values rounded to bfloat16, to be computed with in float32."""
    return cast(cast(x, bfloat16), float32)


class Muon(Optimizer):
    """Steps along the orthogonal factor of the momentum; for matrices only: give other parameters to AdamW."""

    def __init__(
        self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_not_negative("Muon", {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        if adjust_lr_fn is not None and adjust_lr_fn not in _RATES:
            raise ValueError(f"adjust_lr_fn must be one of {', '.join(_RATES)}, not {adjust_lr_fn!r}", op="Muon")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    raise ValueError(f"takes matrices only, a parameter has the shape {list(parameter.shape)}",
                                     op="Muon")  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": zeros_like(parameter)}

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        rows, columns = map(int, parameter.shape)
        match group["adjust_lr_fn"]:
            case "match_rms_adamw":
                ratio = 0.2 * sqrt(max(rows, columns))
            case _:
                ratio = sqrt(max(1.0, rows / columns))
        lr = number(group["lr"])
        _muon(
            parameter, grad, state["momentum_buffer"], lr, lr * ratio, number(group["weight_decay"]),
            number(group["momentum"]), *map(number, group["ns_coefficients"]), number(group["eps"]),
            group["ns_steps"], group["nesterov"], rows <= columns,
        )  # fmt: skip
