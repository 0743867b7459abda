"""state_dict and load_state_dict: names, memory, and states that do not fit."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import brasa
from brasa import nn


def model() -> nn.Module:
    """A model with parameters, buffers, and a buffer that is not saved."""
    made = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    made.register_buffer("scratch", brasa.zeros(1), persistent=False)
    return made


def test_state_dict() -> None:
    made = model()
    state = made.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    assert not state["0.weight"].requires_grad
    assert state["0.weight"].data_ptr() == made[0].weight.data_ptr()
    assert made.state_dict(keep_vars=True)["0.weight"] is made[0].weight
    assert list(made[0].state_dict(prefix="top.")) == ["top.weight", "top.bias"]


def test_loading_copies() -> None:
    source, target = model(), model()
    weight, memory = target[0].weight, target[0].weight.data_ptr()
    result = target.load_state_dict({key: value.double() for key, value in source.state_dict().items()})
    assert repr(result) == "<All keys matched successfully>"
    assert target[0].weight is weight
    assert weight.data_ptr() == memory
    assert weight.dtype is brasa.float32
    assert weight.tolist() == source[0].weight.tolist()


def test_assigning_takes_over() -> None:
    target = model()
    target[0].weight.requires_grad_(False)
    state = {key: value.double() for key, value in model().state_dict().items()}
    target.load_state_dict(state, assign=True)
    assert target[0].weight.data_ptr() == state["0.weight"].data_ptr()
    assert target[0].weight.dtype is brasa.float64
    assert not target[0].weight.requires_grad
    assert target[0].bias.requires_grad
    assert target[1].running_mean is state["1.running_mean"]


@pytest.mark.parametrize("strict", [True, False])
def test_all_faults_are_in_one_error_and_nothing_is_loaded(strict: bool) -> None:
    target = model()
    before = {key: value.tolist() for key, value in target.state_dict().items()}
    state: dict[str, Any] = {key: value + 1 for key, value in target.state_dict().items()}
    del state["0.bias"]
    state["extra"] = brasa.zeros(4)
    state["1.weight"] = brasa.zeros(5)
    state["1.bias"] = [1.0, 2.0, 3.0]
    with pytest.raises(RuntimeError) as caught:
        target.load_state_dict(state, strict=strict)
    lines = [
        "load_state_dict: the state does not fit Sequential, nothing was loaded",
        "  1.weight  f32[3]  is f32[5] in the state",
        "  1.bias    f32[3]  is list in the state",
        "  0.bias    f32[3]  is missing in the state",
        "  extra     f32[4]  is not in the module",
    ]
    assert str(caught.value).splitlines() == (lines if strict else lines[:3])
    assert {key: value.tolist() for key, value in target.state_dict().items()} == before


def test_not_strict() -> None:
    target = model()
    result = target.load_state_dict({"0.bias": brasa.tensor([1.0, 2.0, 3.0]), "extra": brasa.zeros(1)}, strict=False)
    assert target[0].bias.tolist() == [1.0, 2.0, 3.0]
    assert result.unexpected_keys == ["extra"]
    assert result.missing_keys[0] == "0.weight"
    assert repr(result).startswith("IncompatibleKeys(missing_keys=['0.weight', '1.weight',")
    with pytest.raises(brasa.BrasaError, match="load_state_dict: expected a dict, found list"):
        target.load_state_dict([])


def test_buffers_count_on_in_the_loaded_module() -> None:
    source, target = model(), model()
    source(brasa.rand(4, 2))
    target.load_state_dict(source.state_dict())
    target(brasa.rand(4, 2))
    assert target[1].num_batches_tracked.item() == 2
    assert source[1].num_batches_tracked.item() == 1


class Renamed(nn.Module):
    """A layer whose weight had another name once, and that has a number to save."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(brasa.zeros(2))
        self.epoch = 0

    def get_extra_state(self) -> int:
        return self.epoch

    def set_extra_state(self, state: int) -> None:
        self.epoch = state

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        if f"{prefix}old" in state_dict:
            state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}old")
        super()._load_from_state_dict(state_dict, prefix, *rest)


def test_extra_state_and_names_of_old() -> None:
    target, state = nn.Sequential(Renamed(), nn.Linear(1, 1)), OrderedDict[str, Any]()
    assert list(target.state_dict()) == ["0.weight", "0._extra_state", "1.weight", "1.bias"]
    state.update({**target.state_dict(), "0._extra_state": 7, "0.old": brasa.ones(2)})
    del state["0.weight"]
    assert target.load_state_dict(state).unexpected_keys == []
    assert target[0].weight.tolist() == [1.0, 1.0]
    assert target[0].epoch == 7
    assert "0.old" in state
    state["1.bias"] = brasa.zeros(9)
    state["0._extra_state"], state["0.old"] = 9, brasa.zeros(2)
    with pytest.raises(RuntimeError, match="nothing was loaded"):
        target.load_state_dict(state)
    assert target[0].epoch == 7
    assert target[0].weight.tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match=r"0\._extra_state  int       is missing in the state"):
        target.load_state_dict({}, strict=True)


def test_hooks_on_saving() -> None:
    target, seen = model(), list[Any]()
    target[0].register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append((prefix, keep_vars)))
    after = target.register_state_dict_post_hook(
        lambda module, state, prefix, facts: state.update({f"{prefix}added": facts["version"]})
    )
    inner = target[1].register_state_dict_post_hook(lambda module, state, prefix, facts: state.pop(f"{prefix}weight"))
    with pytest.raises(TypeError, match="must change the state in place and return None"):
        target.state_dict()
    inner.remove()
    assert target.state_dict()["added"] == 1
    assert seen == [("0.", False)] * 2
    after.remove()
    assert "added" not in target.state_dict()


def test_hooks_on_loading() -> None:
    target, seen = model(), list[Any]()
    state = target.state_dict()
    bias = state.pop("0.bias").clone()

    def supply(module: nn.Module, state_dict: Any, prefix: str, *_: Any) -> None:
        state_dict[f"{prefix}bias"] = bias + 1

    before = target[0].register_load_state_dict_pre_hook(supply)
    assert target.load_state_dict(state).missing_keys == []
    assert target[0].bias.tolist() == (bias + 1).tolist()
    before.remove()
    target[0].register_load_state_dict_post_hook(lambda module, keys: seen.append(list(keys.missing_keys)))
    forgiving = target.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    target.load_state_dict(state)
    assert seen == [["0.bias"]]
    forgiving.remove()
    with pytest.raises(RuntimeError, match=r"the rest was loaded\n  0.bias  f32\[3\]  is missing in the state"):
        target.load_state_dict(state)


def test_messages_of_methods_that_load_by_themselves() -> None:
    class Picky(nn.Linear):
        def _load_from_state_dict(self, *args: Any) -> None:
            args[-1].append("weights of yesterday")

    target = nn.Sequential(Picky(1, 1), nn.Linear(1, 1))
    before = target[1].bias.tolist()
    with pytest.raises(RuntimeError) as caught:
        target.load_state_dict({key: value + 1 for key, value in target.state_dict().items()})
    assert str(caught.value).splitlines() == [
        "load_state_dict: the state does not fit Sequential, nothing was loaded", "  weights of yesterday",
    ]  # fmt: skip
    assert target[1].bias.tolist() == before
