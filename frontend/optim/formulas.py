"""What the formulas of several optimisers share."""

from __future__ import annotations

from brasa.functions import pointwise
from brasa.ir.ops import elementwise
from brasa.optim.hyperparameters import exactly
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import Number


def descent(param: Tensor, grad: Tensor, weight_decay: Number | None, maximize: bool) -> Tensor:
    """The gradient of what is minimised, the penalty on large weights included."""
    downhill = pointwise.neg(grad) if maximize else grad
    return downhill if weight_decay is None else pointwise.add(downhill, pointwise.mul(param, weight_decay))


def shrunk(param: Tensor, lr: Number, weight_decay: Number) -> Tensor:
    """The parameter after decay apart from its gradient."""
    return pointwise.mul(param, exactly(elementwise.sub, 1.0, exactly(elementwise.mul, lr, weight_decay)))


def moved_average(average: Tensor, value: Tensor, beta: Number) -> Tensor:
    """The moving average after one more value."""
    share = exactly(elementwise.sub, 1.0, beta)
    return pointwise.add(pointwise.mul(average, beta), pointwise.mul(value, share))


def bias_correction(beta: Number, step: Tensor) -> Tensor:
    """1 - beta ** step: what the averages' start at zero takes from them."""
    return exactly(elementwise.sub, 1.0, exactly(elementwise.pow_, beta, step))
