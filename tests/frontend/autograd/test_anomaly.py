"""Anomalies: the first function that gives NaN is named, with the line that called it, compiled or not."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.autograd import detect_anomaly, set_detect_anomaly


def forward(x: brasa.Tensor) -> brasa.Tensor:
    y = x * 2
    z = brasa.log(y)  # nan for what is negative
    return brasa.where(y > 0, z, 0.0).sum()


def backward(x: brasa.Tensor) -> brasa.Tensor:
    y = brasa.sqrt(x)  # has an infinite slope at 0
    z = (y * 0).sum()
    z.backward()
    return z


def line_of(function: Any, text: str) -> str:
    lines, first = inspect.getsourcelines(function)
    return f"test_anomaly.py:{first + next(i for i, line in enumerate(lines) if text in line)}"


@pytest.mark.parametrize("compiled", [False, True])
def test_the_function_and_the_line_are_named(compiled: bool) -> None:
    run = brasa.compile if compiled else lambda function: function
    x = brasa.tensor([1.0, -1.0, 0.0], requires_grad=True)
    first, second = run(forward), run(backward)
    assert first(x).isfinite(), "without looking, nothing is wrong"
    with detect_anomaly(), pytest.raises(RuntimeError) as caught:
        first(x)
    assert str(caught.value) == (
        f"log: the result is nan at element 1, and no operand is (at {line_of(forward, 'brasa.log')})\n"
        "  operand 0  f32[3]"
    )
    x = brasa.tensor([1.0, 4.0, 0.0], requires_grad=True)
    second(x)
    with detect_anomaly(), pytest.raises(RuntimeError) as caught:
        second(x)
    assert str(caught.value) == (
        f"SqrtBackward0: the gradient of operand 0 is nan at element 2 (the function ran at "
        f"{line_of(backward, 'brasa.sqrt')})\n  operand 0  f32[3]"
    )


def test_nan_that_comes_in_is_nobodys_fault() -> None:
    with detect_anomaly():
        assert brasa.isnan(brasa.exp(brasa.tensor([np.nan, 1.0])) + 1).tolist() == [True, False]


def test_a_layer_and_a_function_of_ones_own() -> None:
    class Bad(brasa.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: brasa.Tensor) -> Any:
            return brasa.full_like(grad, float("nan"))

    layer = nn.Linear(2, 2)
    with detect_anomaly():
        loss = Bad.apply(layer(brasa.ones(1, 2))).sum()
        with pytest.raises(RuntimeError, match=r"BadBackward: the gradient of operand 0 is nan .* test_anomaly.py:\d+"):
            loss.backward()


def test_switches() -> None:
    assert not brasa.is_anomaly_enabled()
    with detect_anomaly(check_nan=False):
        assert brasa.is_anomaly_enabled()
        assert not brasa.is_anomaly_check_nan_enabled()
        assert brasa.log(brasa.tensor([-1.0])).isnan()
    set_detect_anomaly(True)
    assert brasa.is_anomaly_check_nan_enabled()
    with set_detect_anomaly(False):
        assert not brasa.is_anomaly_enabled()
    assert brasa.is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not brasa.is_anomaly_enabled()


def test_begun_inside_a_compiled_function() -> None:
    @brasa.compile
    def step(x: brasa.Tensor) -> Any:
        y = x * 2
        with detect_anomaly():
            backward(y.detach().requires_grad_())

    with pytest.raises(RuntimeError, match="SqrtBackward0: the gradient of operand 0 is nan"):
        step(brasa.zeros(2))
    assert not brasa.is_anomaly_enabled()


def test_a_graph_made_before() -> None:
    loss = (brasa.zeros(2, requires_grad=True).sqrt() * 0).sum()
    with detect_anomaly(), pytest.raises(RuntimeError, match="ran before anomalies were looked for"):
        loss.backward()
