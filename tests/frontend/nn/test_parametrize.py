"""Parametrizations, the older computed weights, and layers fused with normalisations: properties, assigning, states."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    """The upper triangle, on both sides."""

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x: brasa.Tensor) -> brasa.Tensor:
        return x.triu()


class Exponential(nn.Module):
    """exp, without an inverse."""

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        return x.exp()


class Widening(nn.Module):
    """Another shape."""

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        return brasa.cat([x, x])


def test_a_parametrized_layer() -> None:
    layer, x = nn.Linear(3, 3), brasa.rand(2, 3)
    original = layer.weight
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert type(layer).__name__ == "ParametrizedLinear"
    assert isinstance(layer, nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert layer.parametrizations.weight.original is original
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert brasa.equal(layer.weight, layer.weight.mT)
    layer(x).sum().backward()
    assert original.grad.tril(-1).abs().max() == 0
    layer.weight = brasa.eye(3)
    assert layer.weight.tolist() == np.eye(3).tolist()
    parametrize.register_parametrization(layer, "weight", Exponential())
    assert layer.weight[0, 1] == 1.0
    with pytest.raises(ValueError, match="Exponential has no right_inverse, so the tensor cannot be assigned"):
        layer.weight = brasa.eye(3)
    weight = layer.weight.tolist()
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert layer.weight is original
    assert layer.weight.tolist() == weight
    assert not hasattr(layer, "parametrizations")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies(duplicate: Callable[[Any], Any]) -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    other = duplicate(layer)
    assert other.weight.tolist() == layer.weight.tolist()
    parametrize.remove_parametrizations(other, "weight", leave_parametrized=False)
    assert type(other) is nn.Linear
    assert parametrize.is_parametrized(layer)
    assert brasa.equal(layer.weight, layer.weight.mT)
    third = parametrize.transfer_parametrizations_and_params(layer, nn.Linear(3, 3))
    assert third.weight.tolist() == layer.weight.tolist()


def test_cached_values_and_compiled_programs() -> None:
    layer, x = nn.Linear(3, 3), brasa.rand(2, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert layer.weight is not layer.weight
    compiled = brasa.compile(layer, fullgraph=True)
    for _ in range(6):
        assert brasa.equal(compiled(x), layer(x))
    layer.weight = brasa.eye(3)
    assert brasa.equal(compiled(x), layer(x))
    parametrize.register_parametrization(layer, "weight", Exponential())
    assert brasa.equal(compiled(x), layer(x))
    parametrize.remove_parametrizations(layer, "weight")
    assert brasa.equal(compiled(x), layer(x))


def test_buffers_can_be_parametrized() -> None:
    layer = nn.BatchNorm1d(3)
    parametrize.register_parametrization(layer, "running_var", Exponential())
    np.testing.assert_allclose(layer.running_var.numpy(), np.e, rtol=1e-6)
    parametrize.remove_parametrizations(layer, "running_var", leave_parametrized=False)
    assert layer.running_var.tolist() == [1.0] * 3


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 3, 3)])
@pytest.mark.parametrize("map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivialized", [True, False])
def test_orthogonal(shape: tuple[int, ...], map: str, trivialized: bool) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(brasa.randn(*shape, dtype=brasa.float64))
    parametrizations.orthogonal(module, orthogonal_map=map, use_trivialization=trivialized)
    for _ in range(2):
        weight = module.weight
        assert tuple(weight.shape) == shape
        tall = (weight.mT if shape[-2] < shape[-1] else weight).detach().numpy()
        np.testing.assert_allclose(np.swapaxes(tall, -1, -2) @ tall, np.broadcast_to(np.eye(tall.shape[-1]),
                                   (*shape[:-2], tall.shape[-1], tall.shape[-1])), atol=1e-12)  # fmt: skip
        original = module.parametrizations.weight.original
        original.grad = None
        (weight * brasa.arange(weight.numel(), dtype=brasa.float64).reshape(shape)).sum().backward()
        original.data.sub_(original.grad, alpha=0.01)
    wanted = brasa.eye(*shape[-2:], dtype=brasa.float64).expand(shape).clone()
    if trivialized or map == "householder":
        module.weight = wanted
        if shape[-2] == shape[-1] or (map == "householder" and not trivialized):
            np.testing.assert_allclose(module.weight.detach().numpy(), wanted.numpy(), atol=1e-12)
    else:
        with pytest.raises(NotImplementedError, match="cannot be assigned"):
            module.weight = wanted


@pytest.mark.parametrize("new", [True, False])
def test_spectral_norm(new: bool) -> None:
    brasa.manual_seed(0)
    layer, x = nn.Linear(5, 4).double(), brasa.rand(2, 5, dtype=brasa.float64)
    names = (parametrizations if new else nn.utils).spectral_norm(layer, n_power_iterations=20).state_dict()
    assert list(names) == (
        ["bias", "parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"]
        if new else ["bias", "weight_orig", "weight_u", "weight_v"])  # fmt: skip
    for _ in range(10):
        layer(x).sum().backward()
    assert np.linalg.svd(layer.weight.detach().numpy())[1][0] == pytest.approx(1.0, abs=1e-6)
    layer.eval()
    assert brasa.equal(layer(x), layer(x))
    before = layer.weight.tolist()
    if new:
        parametrize.remove_parametrizations(layer, "weight")
    else:
        nn.utils.remove_spectral_norm(layer)
    np.testing.assert_allclose(layer.weight.tolist(), before, rtol=1e-12)
    assert list(layer.state_dict()) == ["bias", "weight"]


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("new", [True, False])
def test_weight_norm(new: bool, dim: int | None) -> None:
    layer, x = nn.Conv1d(3, 4, 2).double(), brasa.rand(1, 3, 5, dtype=brasa.float64)
    plain = copy.deepcopy(layer)
    (parametrizations if new else nn.utils).weight_norm(layer, dim=dim)
    np.testing.assert_allclose(layer(x).detach().numpy(), plain(x).detach().numpy(), rtol=1e-12)
    length, direction = (
        (layer.parametrizations.weight.original0, layer.parametrizations.weight.original1)
        if new else (layer.weight_g, layer.weight_v))  # fmt: skip
    axes = tuple(axis for axis in range(3) if axis != dim)
    wanted = np.sqrt((plain.weight.detach().numpy() ** 2).sum(axes, keepdims=dim is not None))
    np.testing.assert_allclose(length.detach().numpy(), wanted, rtol=1e-12)
    layer(x).sum().backward()
    assert length.grad is not None and direction.grad is not None
    if new:
        old = nn.utils.weight_norm(copy.deepcopy(plain), dim=dim)
        old.weight_g.data.mul_(2)
        layer.load_state_dict(old.state_dict())
        np.testing.assert_allclose(layer.weight.detach().numpy(), 2 * plain.weight.detach().numpy(), rtol=1e-12)
        parametrize.remove_parametrizations(layer, "weight")
    else:
        nn.utils.remove_weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert layer.weight.requires_grad


def test_fused_layers() -> None:
    for layer, norm, x in (
        (nn.Conv2d(3, 4, 2, bias=False), nn.BatchNorm2d(4), brasa.rand(2, 3, 4, 4)),
        (nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4, affine=False), brasa.rand(2, 3, 4, 4)),
        (nn.Linear(3, 4), nn.BatchNorm1d(4), brasa.rand(5, 3)),
    ):  # fmt: skip
        for _ in range(3):
            norm(layer(x * 2))
        layer.eval()
        norm.eval()
        if isinstance(layer, nn.Linear):
            fused = nn.utils.fuse_linear_bn_eval(layer, norm)
        else:
            fused = nn.utils.fuse_conv_bn_eval(layer, norm, isinstance(layer, nn.ConvTranspose2d))
        wanted = norm(layer(x))
        np.testing.assert_allclose(fused(x).detach().numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="fuse_linear_bn_eval: both layers must be in evaluation"):
        nn.utils.fuse_linear_bn_eval(layer.train(), norm)


ERRORS: dict[str, Callable[[], Any]] = {
    "register_parametrization: Linear has no parameter or buffer 'x'":
        lambda: parametrize.register_parametrization(nn.Linear(2, 2), "x", Symmetric()),
    "register_parametrization: the parametrization turns f32[2, 2] into f32[4, 2]\n  hint: pass unsafe=True to allow "
    "it":
        lambda: parametrize.register_parametrization(nn.Linear(2, 2), "weight", Widening()),
    "remove_parametrizations: Linear.weight is not parametrized":
        lambda: parametrize.remove_parametrizations(nn.Linear(2, 2), "weight"),
    "orthogonal: a matrix is needed, the weight has 1 axes":
        lambda: parametrizations.orthogonal(nn.Linear(2, 2), "bias"),
    "orthogonal: orthogonal_map must be one of matrix_exp, cayley, householder, not 'x'":
        lambda: parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="x"),
    "spectral_norm: n_power_iterations must be positive, found 0":
        lambda: parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0),
    "remove: 'weight' of Linear is not computed by a WeightNorm": lambda: nn.utils.remove_weight_norm(nn.Linear(2, 2)),
    "WeightNorm: 'weight' is computed by a WeightNorm already":
        lambda: nn.utils.weight_norm(nn.utils.weight_norm(nn.Linear(2, 2))),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
