"""Initial values: every function writes to its tensor, unrecorded, and returns it."""

from __future__ import annotations

import math
import warnings

from brasa.autograd import no_grad
from brasa.functions import pointwise
from brasa.functions.filling import uniform
from brasa.functions.linalg.orthogonal import geqrf, householder_product
from brasa.functions.strided import diagonal
from brasa.ir.dtype import float64
from brasa.ir.errors import ShapeError, ValueError
from brasa.random import Generator
from brasa.tensors import creation
from brasa.tensors.ranges import eye
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function

_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before this nonlinearity are larger, so that variances stay the same."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if not isinstance(slope, int | float) or isinstance(slope, bool):
            raise ValueError(f"the negative slope must be a number, not {slope!r}", op="calculate_gain")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"there is no gain for '{nonlinearity}'", op="calculate_gain",
                         hint=f"known are {', '.join(_GAINS)} and leaky_relu")  # fmt: skip
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Ones on a matrix's diagonal, zeros elsewhere."""
    if tensor.ndim != 2:
        raise ShapeError(f"only a matrix has a diagonal, the tensor has {tensor.ndim} axes", op="eye_")
    with no_grad():
        return tensor.copy_(eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The weight of a convolution that gives its input channels back, as many as there are, for each group."""
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"a weight with 3, 4 or 5 axes is needed, the tensor has {tensor.ndim}", op="dirac_")
    if tensor.shape[0] % groups:
        raise ValueError(f"{tensor.shape[0]} output channels do not divide into {groups} groups", op="dirac_")
    per_group = int(tensor.shape[0]) // groups
    center = tuple(int(size) // 2 for size in tensor.shape[2:])
    with no_grad():
        tensor.fill_(0)
        for group in range(groups):
            for channel in range(min(per_group, int(tensor.shape[1]))):
                tensor[(group * per_group + channel, channel, *center)] = 1
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """gain times a random orthogonal matrix [axis 0, all others]; what is longer has orthonormal rows or columns.

    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"at least two axes are needed, the tensor has {tensor.ndim}", op="orthogonal_")
    if tensor.numel() == 0:
        return tensor
    rows = int(tensor.shape[0])
    columns = int(tensor.numel()) // rows
    with no_grad():
        drawn = creation.empty(max(rows, columns), min(rows, columns), dtype=tensor.dtype, device=tensor.device)
        packed, taus = geqrf(drawn.normal_(generator=generator))
        turned = householder_product(packed, taus) * pointwise.sign(diagonal(packed))
        return tensor.copy_((turned if rows >= columns else turned.t()).reshape(tensor.shape) * gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, with a share of zeros in each column of a matrix (Martens, "Deep learning via Hessian-free
    optimization", 2010)."""
    if tensor.ndim != 2:
        raise ShapeError(f"only a matrix has columns, the tensor has {tensor.ndim} axes", op="sparse_")
    rows = int(tensor.shape[0])
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0.0, std, generator)
    with no_grad():
        order = uniform(creation.empty(*tensor.shape, device=tensor.device), 0.0, 1.0, generator).argsort(0).argsort(0)
        return tensor.masked_fill_(order < zeros, 0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform within gain * sqrt(6 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Uniform within gain * sqrt(3 / fan)."""
    if 0 in tensor.shape:
        return _left_empty(tensor)
    bound = math.sqrt(3.0) * _kaiming_deviation(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal with standard deviation gain / sqrt(fan)."""
    if 0 in tensor.shape:
        return _left_empty(tensor)
    return normal_(tensor, 0.0, _kaiming_deviation(tensor, a, mode, nonlinearity), generator)


def _kaiming_deviation(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _calculate_fan_in_and_fan_out(tensor), strict=True))
    if mode.lower() not in fans:
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', not '{mode}'", op="kaiming")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode.lower()])


def _left_empty(tensor: Tensor) -> Tensor:
    warnings.warn("a tensor without elements has nothing to initialise", UserWarning, stacklevel=3)
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs one output of a weight has, and how many outputs one input."""
    if tensor.ndim < 2:
        raise ShapeError(f"a weight needs at least two axes, the tensor has {tensor.ndim}", op="init")
    field = math.prod(tensor.shape[2:])
    return int(tensor.shape[1]) * field, int(tensor.shape[0]) * field


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers, none of them outside [a, b]."""
    low, high = (math.erf((bound - mean) / std / math.sqrt(2.0)) for bound in (a, b))
    share = uniform(creation.empty(*tensor.shape, dtype=float64, device=tensor.device), low, high, generator)
    with no_grad():
        return tensor.copy_(_normal_quantile(share, mean, std, a, b))


@function
def _normal_quantile(share: Tensor, mean: float, std: float, low: float, high: float) -> Tensor:
    """mean + std * sqrt(2) * erfinv(share), within bounds.

    The inverse is Winitzki's formula ("A handy approximation for the error function and its inverse", 2008),
    made exact by two of Halley's steps.
    """
    y = pointwise.clamp(share, 2.0**-53 - 1, 1 - 2.0**-53)
    logs = pointwise.log1p(-y * y)
    inner = logs * 0.5 + 2 / (math.pi * 0.147)
    x = pointwise.sign(y) * pointwise.sqrt(pointwise.sqrt(inner * inner - logs / 0.147) - inner)
    for _ in range(2):
        gap = (pointwise.erf(x) - y) * pointwise.exp(x * x) * (math.sqrt(math.pi) / 2)
        x = x - gap / (x * gap + 1)
    return pointwise.clamp(x * math.sqrt(2.0) * std + mean, low, high)
