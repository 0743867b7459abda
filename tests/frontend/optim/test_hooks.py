"""Hooks of optimisers: around steps, eager and compiled, and on states."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import brasa
from brasa import optim


def make() -> tuple[brasa.nn.Parameter, optim.Optimizer]:
    """A parameter, and an optimiser that takes half of its gradient from it."""
    w = brasa.nn.Parameter(brasa.ones(2))
    return w, optim.SGD([w], lr=0.5)


def test_hooks_around_steps() -> None:
    w, optimizer = make()
    w.grad, seen = brasa.ones(2), list[Any]()
    handles = [
        optim.register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: seen.append("all before")),
        optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: seen.append(("before", args, kwargs))),
        optimizer.register_step_post_hook(lambda optimizer, args, kwargs: seen.append(("after", w.tolist()))),
        optim.register_optimizer_step_post_hook(lambda optimizer, args, kwargs: seen.append("all after")),
        optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: ((lambda: 7,), {})),
    ]
    assert optimizer.step() == 7
    assert seen == ["all before", ("before", (), {}), ("after", [0.5, 0.5]), "all after"]
    for handle in handles:
        handle.remove()
    assert optimizer.step() is None
    assert len(seen) == 4
    optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(TypeError, match="register_step_pre_hook: a hook gives None, or a tuple"):
        optimizer.step()


def test_hooks_of_optimisers_with_a_step_of_their_own() -> None:
    class Fixed(optim.Optimizer):
        def step(self, closure: Any = None) -> str:
            return "done"

    optimizer, seen = Fixed([brasa.nn.Parameter(brasa.ones(1))], {}), list[Any]()
    optimizer.register_step_post_hook(lambda *_: seen.append(1))
    assert optimizer.step() == "done"
    assert seen == [1]


@pytest.mark.parametrize("everywhere", [False, True])
def test_compiled_steps_run_hooks(everywhere: bool, capsys: pytest.CaptureFixture[str]) -> None:
    w, optimizer = make()

    @brasa.compile
    def step(x: brasa.Tensor) -> brasa.Tensor:
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(6):
        step(brasa.ones(2))
    assert w.tolist() == [-2.0, -2.0]

    def double(optimizer: optim.Optimizer, args: Any, kwargs: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad.mul_(2)

    register = optim.register_optimizer_step_pre_hook if everywhere else optimizer.register_step_pre_hook
    with register(double):
        for _ in range(6):
            step(brasa.ones(2))
    assert w.tolist() == [-8.0, -8.0]
    with register(print):
        for _ in range(6):
            step(brasa.ones(2))
    assert capsys.readouterr().out.count("Parameter Group 0") == 6
    assert w.tolist() == [-11.0, -11.0]


def test_hooks_on_states() -> None:
    _, optimizer = make()
    seen = list[str]()
    optimizer.register_state_dict_pre_hook(lambda optimizer: seen.append("b"))
    optimizer.register_state_dict_pre_hook(lambda optimizer: seen.append("a"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda optimizer, state: {**state, "extra": 1})
    state = optimizer.state_dict()
    assert seen == ["a", "b"]
    assert state["extra"] == 1
    optimizer.register_load_state_dict_pre_hook(
        lambda optimizer, state: {**state, "param_groups": [{**state["param_groups"][0], "lr": 0.125}]}
    )
    optimizer.register_load_state_dict_post_hook(lambda optimizer: seen.append(optimizer.param_groups[0]["lr"]))
    optimizer.load_state_dict(state)
    assert seen[2:] == [0.125]
    assert state["param_groups"][0]["lr"] == 0.5


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])
def test_copies_have_no_hooks(duplicate: Any) -> None:
    _, optimizer = make()
    optimizer.register_step_post_hook(lambda *_: pytest.fail("the hook of another optimiser"))
    other = duplicate(optimizer)
    other.step()
    assert repr(other) == repr(optimizer)
