"""Modules as functions: gradients of each sample, ensembles, buffers, and training steps made of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import Tensor, nn
from brasa.func import functional_call, grad, grad_and_value, replace_all_batch_norm_modules_, stack_module_state, vmap
from brasa.ir.errors import ValueError
from tests.frontend.functions.harness import flat, same_bits


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(16, 3))  # fmt: skip


def loss_of(model: nn.Module) -> Callable[..., Tensor]:
    def loss(parameters: dict[str, Tensor], row: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(functional_call(model, parameters, (row[None],)), target[None])

    return loss


def test_gradients_of_each_sample() -> None:
    brasa.manual_seed(0)
    model, count = convolutional(), 3
    rows, targets = brasa.randn(count, 2, 4, 4), brasa.arange(count)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    each = vmap(grad(loss_of(model)), in_dims=(None, 0, 0))
    found = each(parameters, rows, targets)
    for one, other in zip(flat([*found.values()]), flat([*brasa.compile(each, fullgraph=True)(
            parameters, rows, targets).values()]), strict=True):  # fmt: skip
        same_bits(one, other)
    for i in range(count):
        model.zero_grad()
        nn.functional.cross_entropy(model(rows[i : i + 1]), targets[i : i + 1]).backward()
        for name, value in model.named_parameters():
            np.testing.assert_allclose(found[name][i].numpy(), value.grad.numpy(), rtol=2e-5, atol=1e-6)


def test_an_ensemble_is_one_function() -> None:
    brasa.manual_seed(0)
    models = [nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval() for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    assert all(value.requires_grad and value.is_leaf for value in parameters.values())
    rows = brasa.randn(2, 4)

    def run(parameters: Any, buffers: Any, rows: Tensor) -> Tensor:
        return functional_call(models[0], (parameters, buffers), (rows,))

    together = vmap(run, in_dims=(0, 0, None))
    result = together(parameters, buffers, rows)
    same_bits(brasa.compile(together, fullgraph=True)(parameters, buffers, rows), result)
    for model, one in zip(models, result, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), model(rows).detach().numpy(), rtol=1e-5, atol=1e-6)
    result.square().sum().backward()
    assert parameters["0.weight"].grad.shape == (3, 3, 4)


def test_an_ensemble_trains_in_one_program() -> None:
    brasa.manual_seed(0)
    models = [network() for _ in range(3)]
    start, _ = stack_module_state(models)
    rows, targets = brasa.randn(8, 4), brasa.arange(8) % 3

    def loss(parameters: Any) -> Tensor:
        return nn.functional.cross_entropy(functional_call(models[0], parameters, (rows,)), targets)

    def step(parameters: Any) -> Any:
        gradients, losses = vmap(grad_and_value(loss))(parameters)
        return {name: value - 0.5 * gradients[name] for name, value in parameters.items()}, losses

    compiled = brasa.compile(step, fullgraph=True)
    plain = traced = {name: value.detach() for name, value in start.items()}
    history = []
    for _ in range(5):
        plain, losses = step(plain)
        traced, again = compiled(traced)
        same_bits(losses, again)
        history.append(losses.sum().item())
    assert history == sorted(history, reverse=True)
    for name in plain:
        same_bits(plain[name], traced[name])


def test_statistics_of_an_ensemble_are_written() -> None:
    brasa.manual_seed(0)
    models = [nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)) for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    rows = brasa.randn(5, 4)

    def loss(parameters: Any, buffers: Any) -> Tensor:
        return functional_call(models[0], (parameters, buffers), (rows,)).pow(3).mean()

    each = vmap(grad(loss))
    values = {name: value.detach() for name, value in parameters.items()}
    found = each(values, buffers)
    for i, model in enumerate(models):
        model(rows).pow(3).mean().backward()
        for name, value in model.named_parameters():
            np.testing.assert_allclose(found[name][i].numpy(), value.grad.numpy(), rtol=1e-4, atol=1e-6)
        for name, value in model.named_buffers():
            np.testing.assert_allclose(buffers[name][i].numpy(), value.numpy(), rtol=1e-5)
    again = {name: value.clone() for name, value in buffers.items()}
    compiled = brasa.compile(each, fullgraph=True)
    for _ in range(4):
        compiled(values, again)
        each(values, buffers)
    for name, value in buffers.items():
        same_bits(value, again[name])


def test_batch_norm_goes_by_the_input_alone() -> None:
    model = replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()))
    assert model[0].running_mean is None and not [*model.buffers()]
    x = brasa.randn(3, 2, 4, 4)
    parameters = dict(model.named_parameters())
    made = vmap(lambda one: functional_call(model, parameters, (one[None],))[0])(x)
    for one, row in zip(made, x, strict=True):
        same_bits(one.detach(), model(row[None])[0].detach())


ERRORS: dict[str, Callable[[], Any]] = {
    "functional_call: 'weight' is in several of the dicts": lambda: functional_call(
        nn.Linear(2, 2), ({"weight": brasa.ones(2, 2)}, {"weight": brasa.ones(2, 2)}), brasa.ones(2)),
    "stack_module_state: there is no module": lambda: stack_module_state([]),
    "stack_module_state: the modules are of different classes": lambda: stack_module_state(
        [nn.Linear(2, 2), nn.Bilinear(2, 2, 2)]),
    "stack_module_state: some of the modules are in training mode": lambda: stack_module_state(
        [nn.Linear(2, 2), nn.Linear(2, 2).eval()]),
    "stack_module_state: the modules have different names": lambda: stack_module_state(
        [nn.Linear(2, 2), nn.Linear(2, 2, bias=False)]),
    "stack_module_state: a parameter requires gradients in some": lambda: stack_module_state(
        [nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)]),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_what_does_not_fit(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ERRORS[message]()
