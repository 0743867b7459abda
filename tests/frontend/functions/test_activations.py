"""Activations against NumPy: values, gradients, in-place forms, kinks, and far from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.ir.errors import BrasaError
from brasa.ir.errors import ValueError as BadValue
from brasa.nn import functional as F
from tests.frontend.functions.harness import Array, Case, check, check_values

X = np.random.default_rng(5).normal(size=(4, 6)) * 2.2


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def normal(x: Array) -> Array:
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)))(x)


def elu(x: Array, alpha: float, slope: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(slope * x))


CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (F.relu, lambda x: np.maximum(x, 0)),
    "relu6": (F.relu6, lambda x: np.clip(x, 0, 6)),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 1.5), lambda x: np.clip(x, -0.5, 1.5)),
    "hardsigmoid": (F.hardsigmoid, lambda x: np.clip(x + 3, 0, 6) / 6),
    "hardswish": (F.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "hardshrink": (lambda x: F.hardshrink(x, 1.0), lambda x: np.where(np.abs(x) > 1, x, 0)),
    "softshrink": (F.softshrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "tanhshrink": (F.tanhshrink, lambda x: x - np.tanh(x)),
    "threshold": (lambda x: F.threshold(x, 0.5, -2.0), lambda x: np.where(x > 0.5, x, -2)),
    "elu": (lambda x: F.elu(x, 1.5), lambda x: elu(x, 1.5)),
    "celu": (lambda x: F.celu(x, 2.0), lambda x: elu(x, 2.0, 0.5)),
    "selu": (F.selu, lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772)),
    "silu": (F.silu, lambda x: x * sigmoid(x)),
    "mish": (F.mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "gelu": (F.gelu, lambda x: x * normal(x)),
    "gelu_tanh": (lambda x: F.gelu(x, "tanh"),
                  lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "glu": (lambda x: F.glu(x, 0), lambda x: x[:2] * sigmoid(x[2:])),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    "rrelu": (F.rrelu, lambda x: np.where(x > 0, x, (1 / 8 + 1 / 3) / 2 * x)),
    "logsigmoid": (F.logsigmoid, lambda x: np.log(sigmoid(x))),
    "softplus": (lambda x: F.softplus(x, 2.0, 3.0), lambda x: np.where(2 * x > 3, x, np.log1p(np.exp(2 * x)) / 2)),
    "softsign": (F.softsign, lambda x: x / (1 + np.abs(x))),
    "sigmoid": (F.sigmoid, sigmoid),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    check(Case(*CASES[name], [X]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["silu", "gelu", "mish", "softplus", "elu", "hardswish"])
def test_halves_are_rounded_once(name: str, dtype: str) -> None:
    """What float32 gives, rounded."""
    half = brasa.tensor(X).to(getattr(brasa, dtype))
    call = CASES[name][0]
    assert call(half).tolist() == call(half.float()).to(half.dtype).tolist()


def test_prelu() -> None:
    weight = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    check(Case(F.prelu, lambda x, w: np.where(x > 0, x, w * x), [X, weight]))
    check_values(Case(F.prelu, lambda x, w: np.where(x > 0, x, w * x), [X[0], np.array([0.25])]))


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh", "elu", "celu", "selu", "silu", "mish", "leaky_relu",
                                  "hardsigmoid", "hardswish", "threshold", "rrelu"])  # fmt: skip
def test_in_place(name: str) -> None:
    arguments = {"threshold": (0.5, 1.0)}.get(name, ())
    x = brasa.tensor(X)
    wanted = getattr(F, name)(x, *arguments)
    assert getattr(F, name)(x, *arguments, inplace=True) is x
    assert x.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "name", ["sigmoid", "silu", "gelu", "gelu_tanh", "softplus", "logsigmoid", "mish", "elu", "selu"]
)
def test_far_from_zero(name: str) -> None:
    """Neither values nor gradients are NaN where exponentials and powers overflow."""
    x = brasa.tensor([-1e30, -300.0, -90.0, 90.0, 300.0, 1e30], requires_grad=True)
    y = CASES[name][0](x)
    y.sum().backward()
    assert not np.isnan(y.detach().numpy()).any()
    assert not np.isnan(x.grad.numpy()).any()


# The gradient where the function bends.
KINKS: list[tuple[Callable[..., Any], float, float]] = [
    (F.relu, 0.0, 0.0), (F.relu6, 6.0, 0.0), (F.relu6, 0.0, 0.0), (F.hardtanh, 1.0, 0.0), (F.hardsigmoid, 3.0, 0.0),
    (F.leaky_relu, 0.0, 0.01), (F.elu, 0.0, 1.0), (F.softshrink, 0.5, 0.0), (F.hardshrink, 0.5, 0.0),
    (F.logsigmoid, 0.0, 0.5), (lambda x: F.threshold(x, 1.0, 7.0), 1.0, 0.0), (F.softsign, 0.0, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("call", "place", "slope"), KINKS)
def test_kinks(call: Callable[..., Any], place: float, slope: float) -> None:
    x = brasa.tensor([place], requires_grad=True)
    call(x).sum().backward()
    assert x.grad.item() == pytest.approx(slope)


def test_rrelu_draws_a_slope_for_each_element() -> None:
    brasa.manual_seed(3)
    x = brasa.full((1000,), -1.0)
    slopes = -F.rrelu(x, 0.25, 0.5, training=True).numpy()
    assert slopes.min() >= 0.25
    assert slopes.max() < 0.5
    assert abs(slopes.mean() - 0.375) < 0.01
    assert F.rrelu(brasa.tensor([2.0]), training=True).item() == 2.0


@pytest.mark.parametrize(("call", "kind", "text"), [
    (lambda x: F.glu(x, 0), BrasaError, "axis 0 has an odd size, 3"),
    (lambda x: F.glu(x[0]), BrasaError, "a zero-dim tensor has no halves"),
    (lambda x: F.softshrink(x, -1.0), BrasaError, "lambd must not be negative"),
    (lambda x: F.gelu(x, "erf"), BrasaError, "approximate must be 'none' or 'tanh'"),
    (lambda x: F.hardtanh(x, 2.0, 1.0), BadValue, "min_val 2.0 is above max_val 1.0"),
    (lambda x: F.prelu(x, brasa.ones(2)), BrasaError, "2 weights do not fit"),
    (lambda x: F.prelu(x, brasa.ones(1, 1)), BrasaError, "weight has 2 axes"),
    (lambda x: F.rrelu(x, 1.0, 0.5), BrasaError, "lower 1.0 is above upper 0.5"),
])  # fmt: skip
def test_errors(call: Callable[..., Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call(brasa.tensor([1.0, 2.0, 3.0]))
