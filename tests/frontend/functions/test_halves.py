"""Half precision: what a function gives is what float32 gives for the same numbers, rounded once at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import Tensor
from brasa.nn import functional as F
from tests.frontend.functions.harness import same_bits

UNARY = [
    "abs", "acos", "acosh", "angle", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg2rad", "erf",
    "erfc", "exp", "exp2", "expm1", "floor", "frac", "lgamma", "log", "log10", "log1p", "log2", "logit", "neg",
    "rad2deg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "tan",
    "tanh", "trunc",
]  # fmt: skip
BINARY = [
    "add", "atan2", "copysign", "div", "eq", "floor_divide", "fmod", "hypot", "lt", "logaddexp", "logaddexp2",
    "maximum", "minimum", "mul", "pow", "remainder", "sub", "true_divide", "xlogy",
]  # fmt: skip
REDUCTIONS = [
    "amax", "cumsum", "logcumsumexp", "logsumexp", "mean", "nansum", "prod", "std", "sum", "var",
]  # fmt: skip
ACTIVATIONS = [
    "celu", "elu", "gelu", "hardsigmoid", "hardswish", "leaky_relu", "logsigmoid", "mish", "relu", "relu6", "selu",
    "silu", "softplus", "softsign", "tanhshrink",
]  # fmt: skip
LOSSES = [
    "binary_cross_entropy_with_logits", "huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss",
]  # fmt: skip

Call = Callable[..., Any]
CALLS: dict[str, tuple[Call, int]] = {
    **{name: (getattr(brasa, name), 1) for name in UNARY},
    **{name: (getattr(brasa, name), 2) for name in BINARY},
    **{name: (lambda x, name=name: getattr(brasa, name)(x, 1), 1) for name in REDUCTIONS},
    **{name: (getattr(F, name), 1) for name in ACTIVATIONS},
    **{name: (getattr(F, name), 2) for name in LOSSES},
    "softmax": (lambda x: brasa.softmax(x, -1), 1),
    "log_softmax": (lambda x: brasa.log_softmax(x, -1), 1),
    "matmul": (lambda x, y: x @ y.mT, 2),
    "mv": (lambda x, y: x @ y[0], 2),
    "linear": (F.linear, 2),
    "outer": (lambda x, y: brasa.outer(x[0], y[0]), 2),
    "addcmul": (lambda x, y: brasa.addcmul(x, y, y, value=0.3), 2),
    "lerp": (lambda x, y: brasa.lerp(x, y, 0.3), 2),
    "scaled add": (lambda x, y: brasa.add(x, y, alpha=0.3), 2),
    "scaled sub": (lambda x, y: brasa.sub(x, y, alpha=0.3), 2),
    "layer_norm": (lambda x: F.layer_norm(x, (40,)), 1),
    "rms_norm": (lambda x: F.rms_norm(x, (40,)), 1),
    "group_norm": (lambda x: F.group_norm(x, 2), 1),
    "normalize": (lambda x: F.normalize(x, dim=1), 1),
    "cosine_similarity": (lambda x, y: F.cosine_similarity(x, y), 2),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 4), 1),
    "where": (lambda x, y: brasa.where(x > 0, x * 1, y), 2),
    "cross_entropy": (lambda x: F.cross_entropy(x, brasa.tensor([0, 3, 7, 1])), 1),
}


def halves(dtype: Any, count: int, rng: np.random.Generator) -> list[Tensor]:
    """Numbers in (0, 1), where all of the functions are defined."""
    return [brasa.tensor(rng.uniform(0.02, 0.98, (4, 40))).to(dtype) for _ in range(count)]


@pytest.mark.parametrize("name", CALLS)
def test_rounded_once(name: str) -> None:
    call, count = CALLS[name]
    for dtype in (brasa.bfloat16, brasa.float16):
        operands = halves(dtype, count, np.random.default_rng(9))
        got, wide = call(*operands), call(*(operand.float() for operand in operands))
        same_bits(got, wide if wide.dtype is brasa.bool else wide.to(dtype))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "cumsum", "var"])
def test_sums_of_many_do_not_stall(name: str) -> None:
    """Beyond 256 a bfloat16 sum of ones would not grow any more."""
    x = brasa.ones(1, 3000, dtype=brasa.bfloat16) * (1 if name != "var" else 2)
    want = {"sum": 3000, "mean": 1, "prod": 1, "var": 0, "cumsum": 3000}[name]
    got = getattr(brasa, name)(x, 1).float()
    assert abs(got.reshape(-1)[-1].item() - want) <= 8
