"""Adafactor: second moments of matrices kept as a row and a column."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise, reduction
from brasa.ir.dtype import float32
from brasa.ir.errors import ValueError
from brasa.ir.ops import elementwise
from brasa.optim.formulas import shrunk
from brasa.optim.hyperparameters import check_not_negative, exactly, number, unless_zero
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import zeros, zeros_like
from brasa.tensors.dtype_facts import finfo
from brasa.tensors.tensor import Tensor
from brasa.tracing.updating import updating


@updating("param", "step", "row", "column", "square")
def _adafactor(
    param: Tensor, grad: Tensor, step: Tensor, row: Tensor | None, column: Tensor | None, square: Tensor | None,
    lr: float, decay: float, eps1: float, eps2: float, threshold: float, weight_decay: float | None, maximize: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018."""
    grad = pointwise.neg(grad) if maximize else grad
    step = pointwise.add(step, 1.0)
    share = exactly(elementwise.pow_, step, decay)
    rate = exactly(elementwise.minimum, lr, exactly(elementwise.div, 1.0, exactly(elementwise.sqrt, step)))
    rate = pointwise.mul(rate, pointwise.clamp(_root_mean_square(param), eps2, None))
    if weight_decay is not None:
        param = shrunk(param, lr, weight_decay)
    squares = pointwise.mul(grad, grad)
    if row is not None and column is not None:
        row = _moved(row, reduction.mean(squares, -1, True), share)
        column = _moved(column, reduction.mean(squares, -2, True), share)
        level = pointwise.clamp(reduction.mean(row, -2, True), eps1, None)
        spread = pointwise.div(pointwise.mul(row, column), level)
    else:
        assert square is not None
        spread = square = _moved(square, squares, share)
    least = exactly(elementwise.mul, eps1, eps1)
    update = pointwise.mul(pointwise.rsqrt(pointwise.clamp(spread, least, None)), grad)
    size = pointwise.clamp(pointwise.div(_root_mean_square(update), threshold), 1.0, None)
    moved = pointwise.sub(param, pointwise.mul(update, pointwise.div(rate, size)))
    return tuple(x for x in (moved, step, row, column, square) if x is not None)


def _root_mean_square(values: Tensor) -> Tensor:
    return pointwise.sqrt(reduction.mean(pointwise.mul(values, values)))


def _moved(average: Tensor, value: Tensor, share: Tensor) -> Tensor:
    return pointwise.add(average, pointwise.mul(pointwise.sub(value, average), share))


class Adafactor(Optimizer):
    """Steps relative to the size of the parameters, with little memory: r + c numbers for a matrix of r by c."""

    def __init__(
        self, params: Any, lr: float = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0, weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        check_not_negative("Adafactor", {"lr": lr, "eps": eps[1], "weight_decay": weight_decay})
        if beta2_decay > 0 or d < 1 or (eps[0] is not None and eps[0] < 0):
            raise ValueError(f"needs beta2_decay <= 0, d >= 1 and eps >= 0, found {beta2_decay}, {d} and {eps[0]}",
                             op="Adafactor")  # fmt: skip
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        })  # fmt: skip

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": zeros(dtype=float32, device=parameter.device)}
        if parameter.ndim < 2:
            return {**state, "variance": zeros_like(parameter)}
        lead, (rows, columns) = tuple(parameter.shape[:-2]), parameter.shape[-2:]
        place = {"dtype": parameter.dtype, "device": parameter.device}
        return {**state, "row_var": zeros((*lead, rows, 1), **place), "col_var": zeros((*lead, 1, columns), **place)}

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        least, floor = group["eps"]
        least = finfo(parameter.dtype).eps if least is None else least
        _adafactor(
            parameter, grad, state["step"], state.get("row_var"), state.get("col_var"), state.get("variance"),
            number(group["lr"]), number(group["beta2_decay"]), number(least), number(floor), number(group["d"]),
            unless_zero(group["weight_decay"]), group["maximize"],
        )  # fmt: skip
