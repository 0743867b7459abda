"""checkpoint: the bits that there are without it, and less that is kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.autograd.graph import saved_tensors_hooks
from brasa.utils.checkpoint import checkpoint, checkpoint_sequential

X = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def run(how: Callable[[nn.Module, brasa.Tensor], brasa.Tensor]) -> list[brasa.Tensor]:
    brasa.manual_seed(0)
    layers = (nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    model, x = nn.Sequential(*layers), brasa.tensor(X, requires_grad=True)
    brasa.manual_seed(7)
    y = how(model, x)
    (y * y).sum().backward()
    return [y, x.grad, *(p.grad for p in model.parameters()), brasa.get_rng_state()]


WAYS: dict[str, Any] = {
    "plain": lambda m, x: checkpoint(m, x, use_reentrant=False),
    "reentrant": lambda m, x: checkpoint(m, x, use_reentrant=True),
    "by name": lambda m, x: checkpoint(lambda scale, *, input: m(input) * scale, 1.0, input=x),
    "sequential": lambda m, x: checkpoint_sequential(m, 3, x, use_reentrant=False),
    "nested": lambda m, x: checkpoint(lambda x: m[3:](checkpoint(m[:3], x)), x),
    "to the end": lambda m, x: checkpoint(m, x, early_stop=False, determinism_check="none"),
    "in a program": lambda m, x: brasa.compile(lambda x: checkpoint(m, x), fullgraph=True)(x),
    "of a program": lambda m, x: checkpoint(brasa.compile(m), x),
    "under autocast": lambda m, x: autocast(lambda: checkpoint(m, x)).float(),
}


def autocast(call: Callable[[], Any]) -> Any:
    with brasa.autocast("cpu"):
        return call()


@pytest.mark.parametrize("way", WAYS)
def test_bits_are_those_without(way: str) -> None:
    lower = way == "under autocast"
    want = run(lambda m, x: autocast(lambda: m(x)).float() if lower else m(x))
    for found, wanted in zip(run(WAYS[way]), want, strict=True):
        assert brasa.equal(found, wanted)


def test_what_is_between_is_not_kept() -> None:
    kept: list[Any] = []

    def function(x: brasa.Tensor) -> brasa.Tensor:
        y = brasa.exp(x)
        kept.append(weakref.ref(y._buffer))
        return brasa.sin(y)

    def alive(call: Callable[..., Any], depth: int) -> bool:
        kept.clear()
        x = brasa.tensor(X, requires_grad=True)
        z = checkpoint(call, x) if depth else call(x)
        gc.collect()
        there = kept[0]() is not None
        z.sum().backward()
        exact = X.astype(np.float64)
        np.testing.assert_allclose(x.grad.numpy(), np.cos(np.exp(exact)) * np.exp(exact), rtol=1e-4, atol=1e-5)
        return there

    assert alive(function, 0)
    assert not alive(function, 1)
    assert not alive(lambda x: checkpoint(function, checkpoint(lambda x: x * 1, x)), 1), "nor by one inside another"


def test_second_gradients_and_a_second_backward() -> None:
    def second(call: Callable[..., Any]) -> list[brasa.Tensor]:
        x = brasa.tensor(X, requires_grad=True)
        (first,) = brasa.autograd.grad(call(x).sum(), x, create_graph=True)
        (first * first).sum().backward(retain_graph=True)
        once = x.grad.clone()
        (first * first).sum().backward()
        return [once, x.grad]

    def function(x: brasa.Tensor) -> brasa.Tensor:
        return brasa.sin(x) * x.exp()

    for found, want in zip(second(lambda x: checkpoint(function, x)), second(function), strict=True):
        assert brasa.equal(found, want)


def test_a_repetition_that_differs_is_an_error() -> None:
    sizes = iter([2, 3])
    x = brasa.ones(6, requires_grad=True)
    y = checkpoint(lambda x: x[: next(sizes)].exp(), x)
    with pytest.raises(RuntimeError, match=r"checkpoint: value 0 .* was f32\[2\], and is f32\[3\] when it is repeated"):
        y.sum().backward()
    turns = iter([2, 1])
    y = checkpoint(lambda x: [x := x.exp() for _ in range(next(turns))][-1], x)
    with pytest.raises(RuntimeError, match="kept 4 values for backward, and 2 when it was repeated"):
        y.sum().backward()
    work = brasa.ones(3)
    z = checkpoint(lambda x, w: x * w, x[:3], work)
    work.add_(1)
    with pytest.raises(RuntimeError, match="a value that backward needs has been changed in place"):
        z.sum().backward()
    with pytest.raises(ValueError, match="determinism_check must be 'default' or 'none', not 'all'"):
        checkpoint(brasa.exp, x, determinism_check="all")
    with pytest.raises(ValueError, match="2 functions cannot be cut into 3 segments"):
        checkpoint_sequential([brasa.exp, brasa.exp], 3, x)


def test_contexts_of_the_forward_and_of_its_repetition() -> None:
    seen = []

    class Context:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            seen.append(self.name)

        def __exit__(self, *_: object) -> None:
            seen.append("end")

    x = brasa.ones(2, requires_grad=True)
    checkpoint(brasa.exp, x, context_fn=lambda: (Context("first"), Context("again"))).sum().backward()
    assert seen == ["first", "end", "again", "end"]


def test_hooks_get_what_is_kept_and_give_it_back() -> None:
    stored: list[Any] = []

    def pack(tensor: brasa.Tensor) -> int:
        stored.append(tensor.numpy().astype(np.float64))
        return len(stored) - 1

    def unpack(number: int) -> brasa.Tensor:
        return brasa.tensor(stored[number].astype(np.float32))

    x = brasa.tensor(X, requires_grad=True)
    with saved_tensors_hooks(pack, unpack):
        y = brasa.sin(x.t())
    y.sum().backward(create_graph=True)
    assert stored
    np.testing.assert_allclose(x.grad.detach().numpy(), np.cos(X), rtol=1e-6)
    assert x.grad.requires_grad
    with saved_tensors_hooks(lambda tensor: 0, lambda _: 0):  # type: ignore[arg-type, return-value]
        y = brasa.sin(x)
    with pytest.raises(RuntimeError, match=r"an unpack hook gave int for f32\[4,6\]"):
        y.sum().backward()
    with brasa.autograd.graph.save_on_cpu():
        y = brasa.cos(x).sum()
    assert brasa.equal(brasa.autograd.grad(y, x)[0], -brasa.sin(x))


@pytest.mark.filterwarnings("ignore:.*runs eagerly")
def test_hooks_in_a_compiled_function_run_it_eagerly() -> None:
    @brasa.compile
    def function(x: brasa.Tensor) -> brasa.Tensor:
        with saved_tensors_hooks(lambda tensor: 2 * tensor, lambda tensor: tensor):
            return x * x

    x = brasa.tensor(X, requires_grad=True)
    function(x).sum().backward()
    assert brasa.equal(x.grad, 4 * x)


def test_a_program_keeps_less() -> None:
    """Of eight layers with a checkpoint each, one has its inner values at a time; the steps give the same bits."""
    layers = [nn.Sequential(nn.Linear(32, 96), nn.Tanh(), nn.Dropout(0.1), nn.Linear(96, 32)) for _ in range(8)]
    x = brasa.rand(64, 32)

    def step(apart: bool) -> Callable[[brasa.Tensor], brasa.Tensor]:
        def run(x: brasa.Tensor) -> brasa.Tensor:
            h = x
            for layer in layers:
                h = checkpoint(layer, h) if apart else layer(h)
            (h * h).sum().backward()
            return h

        return run

    inner = 2 * 64 * 96 * 4  # what is kept of a layer without a checkpoint, at the least
    whole, less = (brasa.plan(step(apart), x).arena_bytes for apart in (False, True))
    assert less < whole - 6 * inner

    found = []
    for apart in (False, True):
        brasa.manual_seed(3)
        for layer in layers:
            layer.zero_grad()
        h = brasa.compile(step(apart))(x)
        found.append([h, *(p.grad for layer in layers for p in layer.parameters()), brasa.get_rng_state()])
    assert all(map(brasa.equal, *found))
