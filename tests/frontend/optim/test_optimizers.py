"""Optimisers: 50 steps against the same loop in NumPy float64; groups, states, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import optim
from brasa.execution.runner import LOADED
from tests.frontend.optim.judges import CASES, MATRIX, START, TARGET, Array, Judge


def train(optimizer: optim.Optimizer, w: brasa.Tensor, steps: int) -> Iterator[Array]:
    """The values of w after each step."""
    matrix, target = brasa.tensor(MATRIX, dtype=w.dtype), brasa.tensor(TARGET, dtype=w.dtype)
    for _ in range(steps):
        optimizer.zero_grad()
        ((matrix @ w - target) ** 2).mean().backward()
        optimizer.step()
        yield w.detach().numpy().copy()


def parameter(dtype: brasa.dtype = brasa.float64) -> brasa.nn.Parameter:
    """The start, as a parameter."""
    return brasa.nn.Parameter(brasa.tensor(START, dtype=dtype))


@pytest.mark.parametrize(("kind", "judge", "options"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(brasa.float64, 1e-11), (brasa.float32, 1e-5)])
def test_trajectories(kind: Any, judge: Judge, options: dict[str, Any], dtype: Any, tolerance: float) -> None:
    w = parameter(dtype)
    memory = w.data_ptr()
    found = list(train(kind([w], **options), w, 50))
    np.testing.assert_allclose(found, list(judge(START, 50, **options)), rtol=tolerance, atol=tolerance)
    assert w.data_ptr() == memory
    assert w.requires_grad
    assert w.is_leaf


@pytest.mark.parametrize(("kind", "judge", "options"), CASES)
def test_a_saved_state_continues(kind: Any, judge: Judge, options: dict[str, Any]) -> None:
    w = parameter()
    optimizer = kind([w], **options)
    list(train(optimizer, w, 5))
    other = brasa.nn.Parameter(w.detach().clone())
    restored = kind([other], **{**options, "lr": 99.0})
    restored.load_state_dict(optimizer.state_dict())
    assert repr(restored) == repr(optimizer)
    assert list(map(list, train(restored, other, 5))) == list(map(list, train(optimizer, w, 5)))


def test_state_dict() -> None:
    first, second = parameter(), parameter()
    optimizer = optim.Adam([{"params": [first]}, {"params": second, "lr": 0.5}], lr=0.25)
    assert optimizer.state_dict()["state"] == {}
    second.grad = brasa.ones(4, dtype=brasa.float64)
    optimizer.step()
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert [group["lr"] for group in state["param_groups"]] == [0.25, 0.5]
    assert list(state["state"]) == [1]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["state"][1]["step"].dtype is brasa.float32
    assert first.tolist() == START.tolist()


def test_loading_keeps_the_dtype_of_parameters() -> None:
    wide, narrow = parameter(), parameter(brasa.float32)
    optimizer = optim.Adam([wide])
    list(train(optimizer, wide, 1))
    other = optim.Adam([narrow])
    other.load_state_dict(optimizer.state_dict())
    assert {key: value.dtype for key, value in other.state[narrow].items()} == {
        "step": brasa.float32, "exp_avg": brasa.float32, "exp_avg_sq": brasa.float32,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"load_state_dict: the state is of groups of \[1\] parameters, .* has \[2\]"):
        optim.Adam([parameter(), parameter()]).load_state_dict(optimizer.state_dict())


def test_hyperparameters_are_run_time_numbers() -> None:
    w = parameter()
    optimizer = optim.Adam([w], lr=0.1)
    list(train(optimizer, w, 2))
    compiled = len(LOADED)
    for lr in (0.05, 0.01, 1):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.param_groups[0]["betas"] = (0.8, 0.9)
        list(train(optimizer, w, 1))
    assert len(LOADED) == compiled


def test_named_parameters_and_groups() -> None:
    model = brasa.nn.Linear(2, 3)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    extra = parameter()
    optimizer.add_param_group({"params": [extra], "lr": 0.5})
    extra.grad = brasa.ones(4, dtype=brasa.float64)
    optimizer.step()
    assert extra.tolist() == (START - 0.5).tolist()


def test_closures() -> None:
    w = parameter()
    optimizer = optim.SGD([w], lr=0.1)

    def closure() -> brasa.Tensor:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with brasa.no_grad():
        loss = optimizer.step(closure)
    np.testing.assert_allclose(loss.item(), (START**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(w.tolist(), START * 0.8, rtol=1e-12)


def test_zero_grad() -> None:
    w = parameter()
    optimizer = optim.SGD([w])
    w.grad = brasa.ones(4, dtype=brasa.float64)
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0] * 4 == kept.tolist()
    optimizer.zero_grad()
    assert w.grad is None


def test_representation() -> None:
    text = repr(optim.SGD([parameter()], lr=0.1, momentum=0.9))
    assert text == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.1\n    maximize: False\n    momentum: 0.9\n    nesterov: False\n    weight_decay: 0\n)"
    )


ERRORS: dict[str, Callable[[], Any]] = {
    "SGD: lr must not be negative, found -1": lambda: optim.SGD([parameter()], lr=-1),
    "SGD: momentum must not be negative, found nan": lambda: optim.SGD([parameter()], momentum=float("nan")),
    "Adadelta: rho must be in 0..1, found 1.5": lambda: optim.Adadelta([parameter()], rho=1.5),
    "Rprop: etas must be a factor below 1 and one above, found (1.5, 2)":
        lambda: optim.Rprop([parameter()], etas=(1.5, 2)),
    "SGD: nesterov needs a momentum and no dampening": lambda: optim.SGD([parameter()], nesterov=True),
    "Adam: betas must be at least 0 and below 1, found (0.9, 1.0)": lambda: optim.Adam([parameter()], betas=(0.9, 1.0)),
    "AdamW: there are no parameters": lambda: optim.AdamW([]),
    "add_param_group: expected tensors, found int": lambda: optim.SGD([1]),
    "add_param_group: a computed tensor cannot be optimised, only a leaf": lambda: optim.SGD([parameter() * 2]),
    "add_param_group: a parameter is given twice": lambda: optim.SGD([parameter()] * 2),
    "Adam: expected parameters or groups of them, found one tensor\n  hint: put it in a list":
        lambda: optim.Adam(parameter()),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_a_step_changes_what_backward_has_kept(kind: Any) -> None:
    w = parameter()
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    kind([w]).step()
    with pytest.raises(brasa.BrasaError, match="has been changed in place"):
        loss.backward()


def test_parameters_of_any_layout() -> None:
    base = brasa.zeros(3, 2, dtype=brasa.float64)
    w = brasa.nn.Parameter(base.T)
    w.grad = brasa.arange(6.0, dtype=brasa.float64).reshape(2, 3)
    optim.SGD([w], lr=1.0, momentum=0.5).step()
    assert base.tolist() == [[0.0, -3.0], [-1.0, -4.0], [-2.0, -5.0]]
    single = brasa.nn.Parameter(brasa.tensor(1.0))
    single.grad = brasa.tensor(0.5)
    for _ in range(2):
        optim.Adam([single], lr=0.25).step()
    assert single.dtype is brasa.float32
    assert single.item() == pytest.approx(0.5, rel=1e-6)


def test_averages() -> None:
    w = parameter()
    optimizer = optim.ASGD([w], lr=0.1, t0=3)
    found = list(train(optimizer, w, 8))
    np.testing.assert_allclose(optimizer.state[w]["ax"].numpy(), np.mean(found[4:], axis=0), rtol=1e-11)
