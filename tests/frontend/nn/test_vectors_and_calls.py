"""Parameters as a vector, norms of gradients, calls with other parameters, modules without initial values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.nn.utils.stateless import functional_call


def model() -> nn.Sequential:
    """A model with shared parameters and buffers."""
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, nn.BatchNorm1d(2), layer)


def test_vectors() -> None:
    made = model()
    vector = nn.utils.parameters_to_vector(made.parameters())
    assert vector.tolist() == [x for parameter in made.parameters() for x in parameter.flatten().tolist()]
    assert vector.requires_grad
    nn.utils.vector_to_parameters(brasa.arange(10.0), made.parameters())
    assert made[0].weight.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert made[1].bias.tolist() == [8.0, 9.0]
    assert isinstance(made[0].weight, nn.Parameter)


@pytest.mark.parametrize("kind", [1.0, 2.0, 3.0, math.inf])
def test_total_norms(kind: float) -> None:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in ((3,), (2, 4))]
    wanted = np.linalg.norm(np.concatenate([array.ravel() for array in arrays]), kind)
    tensors = [brasa.tensor(array) for array in arrays]
    assert nn.utils.get_total_norm(tensors, kind).item() == pytest.approx(wanted, rel=1e-12)
    parameters = [nn.Parameter(tensor) for tensor in tensors]
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.grad = brasa.tensor(array)
    nn.utils.clip_grads_with_norm_(parameters, 0.5, brasa.tensor(wanted))
    left = nn.utils.get_total_norm([parameter.grad for parameter in parameters], kind).item()
    assert left == pytest.approx(0.5, rel=1e-5)
    assert nn.utils.get_total_norm([]).item() == 0.0
    generator = (parameter for parameter in parameters)
    assert nn.utils.clip_grad_norm_(generator, 0.25, kind).item() == pytest.approx(left)
    assert nn.utils.get_total_norm(parameters[0].grad, kind).item() < 0.3


def test_calls_with_other_parameters() -> None:
    made, x = model(), brasa.rand(3, 2)
    before = made(x)
    weight, mean = brasa.zeros(2, 2, requires_grad=True), brasa.zeros(2)
    result = functional_call(made, {"0.weight": weight, "1.running_mean": mean}, x)
    other = model()
    other.load_state_dict(made.state_dict())
    other[0].weight.data.zero_()
    assert brasa.equal(result, other(x))
    assert mean.tolist() != [0.0, 0.0]
    result.sum().backward()
    assert weight.grad is not None
    assert made[0].weight.grad is None
    assert made[2] is made[0]
    assert brasa.equal(made(x), before)
    step = brasa.compile(lambda w: functional_call(made, {"0.weight": w}, x), fullgraph=True)
    for scale in (0.0, 1.0, 2.0, 3.0):
        w = brasa.ones(2, 2) * scale
        assert brasa.equal(step(w), functional_call(made, {"0.weight": w}, x))


def test_calls_with_tied_parameters() -> None:
    made, x = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)), brasa.ones(1, 2)
    made[1].weight = made[0].weight
    given = {"0.weight": brasa.eye(2)}
    assert functional_call(made, given, x).tolist() == [[1.0, 1.0]]
    loose = functional_call(made, given, x, tie_weights=False)
    assert brasa.equal(loose, made[1](x))


def test_modules_without_initial_values() -> None:
    before = brasa.get_rng_state()
    layer = nn.utils.skip_init(nn.Linear, 3, 4, bias=False, dtype=brasa.float64)
    assert layer.weight.shape == (4, 3)
    assert layer.weight.dtype is brasa.float64
    assert brasa.equal(before, brasa.get_rng_state())


ERRORS: dict[str, Callable[[], Any]] = {
    "functional_call: the names do not fit Linear: unexpected: x":
        lambda: functional_call(nn.Linear(2, 2), {"x": brasa.ones(1)}, brasa.ones(1, 2)),
    "functional_call: the names do not fit Linear: missing: bias":
        lambda: functional_call(nn.Linear(2, 2), {"weight": brasa.ones(2, 2)}, brasa.ones(1, 2), strict=True),
    "functional_call: 'bias' must be a tensor, not int":
        lambda: functional_call(nn.Linear(2, 2), {"bias": 1}, brasa.ones(1, 2)),
    "vector_to_parameters: the parameters have 6 elements, the vector's shape is [5]":
        lambda: nn.utils.vector_to_parameters(brasa.ones(5), nn.Linear(2, 2).parameters()),
    "skip_init: ReLU takes no device": lambda: nn.utils.skip_init(nn.ReLU),
    "clip_grad_norm_: the norm of the gradients is inf":
        lambda: nn.utils.get_total_norm([brasa.tensor([math.inf])], error_if_nonfinite=True),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
