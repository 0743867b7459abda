"""GradScaler: the arithmetic of the scale, the steps that it leaves out, and the same bits in a compiled step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn, optim
from brasa.amp import GradScaler

F = nn.functional


def test_gradients_are_scaled_and_unscaled() -> None:
    w = nn.Parameter(brasa.tensor([1.0, 2.0]))
    optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler(init_scale=8.0)
    scaled = scaler.scale((w * brasa.tensor([3.0, 5.0])).sum())
    assert scaled.item() == 8 * 13
    scaled.backward()
    assert w.grad.tolist() == [24, 40]
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [3, 5]
    scaler.step(optimizer)
    assert w.tolist() == [1 - 1.5, 2 - 2.5]
    assert scaler.scale([w, (w, w)])[1][0].tolist() == (8 * w).tolist()


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_steps_are_left_out_where_gradients_are_not_finite(bad: float) -> None:
    w = nn.Parameter(brasa.tensor([1.0, 2.0]))
    optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler(init_scale=8.0, growth_interval=2)
    history = []
    for value in (1.0, bad, 1.0, 1.0, 1.0, bad, bad):
        w.grad = brasa.tensor([1.0, value])
        before = w.tolist()
        scaler.step(optimizer)
        scaler.update()
        assert (w.tolist() == before) == (value is bad)
        history.append(scaler.get_scale())
    assert history == [8, 4, 4, 8, 8, 4, 2]


def test_the_scale_never_grows_to_infinity() -> None:
    w = nn.Parameter(brasa.tensor([1.0]))
    optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler(init_scale=2.0**127, growth_interval=1)
    w.grad = brasa.tensor([1.0])
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**127


def test_one_bad_optimizer_lowers_the_scale_of_all() -> None:
    first, second = (nn.Parameter(brasa.tensor([1.0])) for _ in range(2))
    optimizers, scaler = [optim.SGD([p], lr=1.0) for p in (first, second)], GradScaler(init_scale=4.0)
    first.grad, second.grad = brasa.tensor([np.inf]), brasa.tensor([4.0])
    for optimizer in optimizers:
        scaler.step(optimizer)
    scaler.update()
    assert (first.item(), second.item(), scaler.get_scale()) == (1, 0, 2)


def test_state_is_saved_and_loaded() -> None:
    scaler = GradScaler(init_scale=32.0, growth_factor=4.0, backoff_factor=0.25, growth_interval=3)
    w = nn.Parameter(brasa.tensor([1.0]))
    w.grad = brasa.tensor([1.0])
    scaler.step(optim.SGD([w], lr=1.0))
    scaler.update()
    state = scaler.state_dict()
    assert state == {
        "scale": 32.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 3, "_growth_tracker": 1,
    }  # fmt: skip
    other = GradScaler()
    other.load_state_dict(state)
    assert other.state_dict() == state
    other.update(5.0)
    assert other.get_scale() == 5.0
    other.set_growth_factor(3.0)
    other.set_backoff_factor(0.5)
    other.set_growth_interval(7)
    assert (other.get_growth_factor(), other.get_backoff_factor(), other.get_growth_interval()) == (3.0, 0.5, 7)


def test_not_enabled_it_only_steps() -> None:
    w = nn.Parameter(brasa.tensor([1.0]))
    scaler = GradScaler(enabled=False)
    w.grad = brasa.tensor([np.inf])
    assert scaler.scale(w) is w
    scaler.step(optim.SGD([w], lr=1.0))
    scaler.update()
    assert w.item() == -np.inf
    assert (scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()) == (1.0, {}, False)


def test_mistakes() -> None:
    w = nn.Parameter(brasa.tensor([1.0]))
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler()
    with pytest.raises(RuntimeError, match="no gradients have been unscaled since the last update"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_: unscale_\(\) has already been called for this optimizer"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_: step\(\) has been called for this optimizer"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"GradScaler.step: step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(TypeError, match="a closure cannot be used with a scaler"):
        scaler.step(optimizer, closure=lambda: None)
    half = nn.Parameter(brasa.tensor([1.0], dtype=brasa.float16))
    half.grad = brasa.ones(1, dtype=brasa.float16)
    with pytest.raises(ValueError, match="a gradient is float16, too narrow to be unscaled"):
        scaler.unscale_(optim.SGD([half], lr=1.0))
    with pytest.raises(ValueError, match="growth_factor must be above 1 and backoff_factor below it, they are 1"):
        GradScaler(growth_factor=1.0)
    with pytest.raises(TypeError, match="expected tensors, found str"):
        scaler.scale("loss")
    with pytest.raises(RuntimeError, match="the state is empty, of a scaler that was not enabled"):
        scaler.load_state_dict({})


def train(compiled: bool) -> list[Any]:
    brasa.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer, scaler = optim.Adam(model.parameters(), lr=0.05), GradScaler(init_scale=2.0**14, growth_interval=2)
    x, y = brasa.randn(5, 6), brasa.tensor([0, 2, 1, 1, 0])

    def step(x: brasa.Tensor, y: brasa.Tensor, factor: float) -> brasa.Tensor:
        optimizer.zero_grad()
        with brasa.autocast("cpu", dtype=brasa.float16):
            loss = F.cross_entropy(model(x), y) * factor
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss

    run = brasa.compile(step) if compiled else step
    losses = [run(x, y, factor).item() for factor in (1.0, 1.0, 1.0, 1e6, 1.0, 1.0)]
    return [losses, scaler.state_dict(), *(p.tolist() for p in model.parameters())]


def test_a_compiled_step_has_the_same_bits() -> None:
    eager = train(False)
    assert eager[1]["scale"] == 2.0**15, "one step has been left out"
    assert train(True) == eager
