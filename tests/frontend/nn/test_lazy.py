"""Lazy modules: they take their shapes from the first input, or from a state, and become ordinary ones."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.nn.modules.lazy import LazyModuleMixin

FAMILIES: list[tuple[Callable[[], nn.Module], Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: nn.LazyLinear(3), lambda: nn.Linear(4, 3), (2, 4)),
    (lambda: nn.LazyConv1d(6, 2, groups=2), lambda: nn.Conv1d(4, 6, 2, groups=2), (4, 5)),
    (lambda: nn.LazyConv2d(3, 2, bias=False), lambda: nn.Conv2d(4, 3, 2, bias=False), (1, 4, 3, 3)),
    (lambda: nn.LazyConv3d(3, 2), lambda: nn.Conv3d(2, 3, 2), (1, 2, 3, 3, 3)),
    (lambda: nn.LazyConvTranspose1d(6, 2, 2), lambda: nn.ConvTranspose1d(4, 6, 2, 2), (1, 4, 5)),
    (lambda: nn.LazyConvTranspose2d(6, 2), lambda: nn.ConvTranspose2d(4, 6, 2), (1, 4, 3, 3)),
    (lambda: nn.LazyConvTranspose3d(2, 2), lambda: nn.ConvTranspose3d(2, 2, 2), (1, 2, 2, 2, 2)),
    (lambda: nn.LazyBatchNorm1d(momentum=0.3), lambda: nn.BatchNorm1d(4, momentum=0.3), (3, 4)),
    (lambda: nn.LazyBatchNorm2d(affine=False), lambda: nn.BatchNorm2d(4, affine=False), (2, 4, 3, 3)),
    (lambda: nn.LazyBatchNorm3d(), lambda: nn.BatchNorm3d(2), (2, 2, 2, 2, 2)),
    (lambda: nn.LazyInstanceNorm1d(affine=True), lambda: nn.InstanceNorm1d(4, affine=True), (4, 5)),
    (lambda: nn.LazyInstanceNorm2d(track_running_stats=True), lambda: nn.InstanceNorm2d(4, track_running_stats=True),
     (2, 4, 3, 3)),
    (lambda: nn.LazyInstanceNorm3d(), lambda: nn.InstanceNorm3d(2), (1, 2, 2, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family[0]()).__name__)
def test_a_lazy_module_becomes_an_ordinary_one(family: Any) -> None:
    make, make_ordinary, shape = family
    lazy, x = make(), brasa.rand(*shape)
    brasa.manual_seed(1)
    ordinary = make_ordinary()
    assert type(lazy) is not type(ordinary)
    state = lazy.state_dict()
    assert list(state) == list(ordinary.state_dict())
    copies = [copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy)), make()]
    compiled = brasa.compile(copies[-1])  # shares the module's state, and keeps the class that it was made from
    brasa.manual_seed(1)
    result = lazy(x)
    assert type(lazy) is type(ordinary)
    assert repr(lazy) == repr(ordinary)
    for one, other in zip(lazy.state_dict().values(), ordinary.state_dict().values(), strict=True):
        assert one.shape == other.shape and one.dtype is other.dtype
    assert brasa.equal(result, ordinary(x))
    for other in (copies[0], copies[1], compiled):
        for _ in range(3):
            assert other(x).shape == result.shape
    assert {repr(other) for other in copies} == {repr(ordinary)}


def test_states_before_and_after_the_first_call() -> None:
    ready, lazy = nn.Linear(4, 3), nn.LazyLinear(3)
    lazy.load_state_dict(ready.state_dict())
    assert lazy.weight.tolist() == ready.weight.tolist()
    x = brasa.rand(2, 4)
    assert brasa.equal(lazy(x), ready(x))
    assert repr(lazy) == repr(ready)
    other = nn.LazyLinear(3)
    other.load_state_dict(nn.LazyLinear(3).state_dict())
    assert other.has_uninitialized_params()
    other.load_state_dict({"bias": brasa.ones(3)}, strict=False)
    other(x)
    with pytest.raises(RuntimeError, match=r"weight  f32\[3,4\]  is without a shape yet in the state"):
        ready.load_state_dict(nn.LazyLinear(3).state_dict())


def test_conversions_before_the_first_call() -> None:
    lazy = nn.LazyLinear(3).double()
    lazy.to_empty(device="cpu")
    lazy.requires_grad_(False)
    assert lazy.weight.dtype is brasa.float64
    lazy(brasa.rand(2, 4, dtype=brasa.float64))
    assert lazy.weight.dtype is brasa.float64
    assert not lazy.weight.requires_grad


def test_modules_of_users() -> None:
    class Scale(LazyModuleMixin, nn.Module):
        def __init__(self, names: tuple[str, ...] = ("scale",)) -> None:
            super().__init__()
            self.names = names
            self.scale = nn.UninitializedParameter()
            self.register_buffer("seen", nn.UninitializedBuffer())

        def initialize_parameters(self, x: brasa.Tensor) -> None:
            for name in self.names:
                getattr(self, name).materialize(x.shape[-1:])

        def forward(self, x: brasa.Tensor) -> brasa.Tensor:
            return x * self.scale

    module = Scale(("scale", "seen"))
    assert repr(module.scale) == "<UninitializedParameter>"
    assert module(brasa.ones(2, 3)).shape == (2, 3)
    assert isinstance(module.scale, nn.Parameter)
    assert type(module.scale) is nn.Parameter
    assert type(module.seen) is brasa.Tensor
    with pytest.raises(ValueError, match="Scale: initialize_parameters\\(\\) left a parameter or buffer without"):
        Scale()(brasa.ones(2, 3))
    with pytest.raises(ValueError, match="UninitializedParameter: a value is missing"):
        print(Scale().scale + 1)
