"""Averaged models: NumPy is the judge of averages, statistics and learning rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn, optim
from brasa.optim import swa_utils

DECAY = 0.75
AVERAGES: dict[str, tuple[dict[str, Any], Callable[[Any, Any, int], Any]]] = {
    "default": ({}, lambda old, new, count: old + (new - old) / (count + 1)),
    "plain": ({"avg_fn": swa_utils.get_swa_avg_fn()}, lambda old, new, count: old + (new - old) / (count + 1)),
    "moving": ({"avg_fn": swa_utils.get_ema_avg_fn(DECAY)}, lambda old, new, count: DECAY * old + (1 - DECAY) * new),
    "many": ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(DECAY)},
             lambda old, new, count: DECAY * old + (1 - DECAY) * new),
    "many plain": ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
                   lambda old, new, count: old + (new - old) / (count + 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages(name: str, use_buffers: bool) -> None:
    options, average = AVERAGES[name]
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    averaged = swa_utils.AveragedModel(model, use_buffers=use_buffers, **options)
    random = np.random.default_rng(0)
    wanted: Any = None
    for count in range(4):
        values = random.standard_normal((2, 3))
        with brasa.no_grad():
            model[0].weight.copy_(brasa.tensor(values))
            model[1].running_mean.copy_(brasa.tensor(values[0, :2]))
        averaged.update_parameters(model)
        wanted = values if count == 0 else average(wanted, values, count)
    np.testing.assert_allclose(averaged.module[0].weight.detach().numpy(), wanted, rtol=1e-12)
    mean = wanted[0, :2] if use_buffers else values[0, :2]
    np.testing.assert_allclose(averaged.module[1].running_mean.numpy(), mean, rtol=1e-12)
    assert averaged.n_averaged.item() == 4
    assert model[0].weight.requires_grad
    assert averaged(brasa.ones(2, 3, dtype=brasa.float64)).shape == (2, 2)


def test_a_compiled_average() -> None:
    results = []
    for compiled in (False, True):
        brasa.manual_seed(0)
        model = nn.Linear(3, 2)
        averaged = swa_utils.AveragedModel(model)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x: brasa.Tensor, model: Any = model, averaged: Any = averaged, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            optimizer.step()
            averaged.update_parameters(model)
            return loss

        run = brasa.compile(step, fullgraph=True) if compiled else step
        for _ in range(6):
            run(brasa.ones(4, 3))
        results.append([tensor.tolist() for tensor in averaged.state_dict().values()])
    assert results[0] == results[1]


def test_statistics_of_a_pass_over_data() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3, momentum=0.2), nn.Dropout(0.5)).eval()
    batches = np.random.default_rng(1).standard_normal((4, 5, 3)).astype(np.float32)
    swa_utils.update_bn([(brasa.tensor(batch), "label") for batch in batches], model)
    np.testing.assert_allclose(model[0].running_mean.numpy(), batches.mean(1).mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model[0].running_var.numpy(), batches.var(1, ddof=1).mean(0), rtol=1e-4)
    assert model[0].momentum == 0.2
    assert not model.training
    swa_utils.update_bn([], nn.Linear(1, 1))


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 4])
def test_learning_rates(strategy: str, epochs: int) -> None:
    optimizer = optim.SGD([brasa.nn.Parameter(brasa.ones(1))], lr=1.0)
    schedule = swa_utils.SWALR(optimizer, 0.25, epochs, strategy)
    found = [schedule.get_last_lr()[0]]
    for _ in range(6):
        optimizer.step()
        schedule.step()
        found.append(schedule.get_last_lr()[0])
    way = np.minimum(np.arange(7) / max(epochs, 1), 1) if epochs else np.ones(7)
    share = (1 - np.cos(np.pi * way)) / 2 if strategy == "cos" else way
    np.testing.assert_allclose(found, 0.25 * share + (1 - share), rtol=1e-9)


def test_errors() -> None:
    optimizer = optim.SGD([brasa.nn.Parameter(brasa.ones(1))], lr=1.0)
    with pytest.raises(ValueError, match="SWALR: anneal_strategy must be 'cos' or 'linear', not 'x'"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="x")
    with pytest.raises(ValueError, match=r"get_ema_avg_fn: decay must be in 0\.\.1, not 2"):
        swa_utils.get_ema_avg_fn(2)
    with pytest.raises(TypeError, match="AveragedModel: takes avg_fn or multi_avg_fn, not both"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=swa_utils.get_swa_avg_fn(),
                                multi_avg_fn=swa_utils.get_swa_multi_avg_fn())  # fmt: skip
