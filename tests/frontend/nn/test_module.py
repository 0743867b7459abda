"""Module: its tables, names, modes, hooks, conversions, copies; and what it refuses."""

from __future__ import annotations

import copy
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

import brasa
from brasa import nn
from brasa._state import DEFAULTS

T = TypeVar("T")


class Block(nn.Module):
    """A module with everything in it."""

    def __init__(self, width: int = 2) -> None:
        super(Block, self).__init__()  # noqa: UP008
        self.scale = nn.Parameter(brasa.ones(width))
        self.register_buffer("count", brasa.tensor(0))
        self.register_buffer("cache", brasa.zeros(2), persistent=False)
        self.register_parameter("missing", None)
        self.inner = nn.Sequential(nn.Linear(width, 3), nn.ReLU())
        self.note = "an ordinary attribute"

    def forward(self, x: brasa.Tensor, add: float = 0.0) -> brasa.Tensor:
        return x * self.scale + add


def test_tables() -> None:
    block = Block()
    assert list(block._parameters) == ["scale", "missing"]
    assert list(block._buffers) == ["count", "cache"]
    assert list(block._modules) == ["inner"]
    assert block.missing is None
    assert "scale" in dir(block)
    assert isinstance(block.scale, nn.Parameter)
    assert [name for name, _ in block.named_parameters()] == ["scale", "inner.0.weight", "inner.0.bias"]
    assert [name for name, _ in block.named_parameters("top", recurse=False)] == ["top.scale"]
    assert [name for name, _ in block.named_buffers()] == ["count", "cache"]
    assert [name for name, _ in block.named_modules()] == ["", "inner", "inner.0", "inner.1"]
    assert [name for name, _ in block.named_children()] == ["inner"]
    assert [len(list(each)) for each in (block.parameters(), block.buffers(), block.modules(), block.children())] == [
        3, 2, 4, 1,
    ]  # fmt: skip
    assert block.get_submodule("inner.0").weight is block.get_parameter("inner.0.weight")
    assert block.get_submodule("") is block
    assert block.get_buffer("count") is block.count


def test_shared_members_are_named_once() -> None:
    layer = nn.Linear(2, 2)
    twice = nn.ModuleDict({"first": layer, "second": layer})
    assert [name for name, _ in twice.named_parameters()] == ["first.weight", "first.bias"]
    assert [name for name, _ in twice.named_parameters(remove_duplicate=False)] == [
        "first.weight", "first.bias", "second.weight", "second.bias",
    ]  # fmt: skip
    assert len(list(twice.children())) == 1
    assert list(twice.state_dict()) == ["first.weight", "first.bias", "second.weight", "second.bias"]


def test_attributes_change_their_kind() -> None:
    block = Block()
    block.note = nn.Parameter(brasa.ones(1))
    assert "note" in block._parameters
    assert "note" not in block.__dict__
    block.note = nn.ReLU()
    assert "note" in block._modules
    assert "note" not in block._parameters
    block.count = brasa.tensor(5)
    assert block._buffers["count"].item() == 5
    block.scale = None
    assert list(block._parameters) == ["scale", "missing"]
    block.scale = nn.Parameter(brasa.zeros(2))
    assert list(block._parameters) == ["scale", "missing"]
    del block.count, block.inner, block.scale, block.cache
    assert not any(hasattr(block, name) for name in ("count", "inner", "scale", "cache"))
    assert block._non_persistent_buffers_set == set()


def test_parameters() -> None:
    source = brasa.zeros(2)
    parameter = nn.Parameter(source)
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert repr(parameter) == "Parameter containing:\ntensor([0., 0.], requires_grad=True)"
    assert parameter.data_ptr() == source.data_ptr()
    assert not nn.Parameter(brasa.tensor([1]), requires_grad=False).requires_grad
    assert nn.Parameter().numel() == 0
    assert type(parameter * 2) is brasa.Tensor
    parameter.data = brasa.ones(2)
    assert parameter.tolist() == [1.0, 1.0]
    with pytest.raises(brasa.BrasaError, match="Parameter: expected a tensor, found list"):
        nn.Parameter([1.0])
    with pytest.raises(TypeError, match="only float tensors can require gradients"):
        nn.Parameter(brasa.tensor([1]))


def test_calls_and_hooks() -> None:
    block, x = Block(), brasa.ones(2)
    assert block(x, add=1.0).tolist() == [2.0, 2.0]
    seen: list[Any] = []
    block.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    doubled = block.register_forward_pre_hook(lambda module, args: args[0] * 2)
    block.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"add": kwargs["add"] + 1}), with_kwargs=True, prepend=True
    )
    negated = block.register_forward_hook(lambda module, args, result: -result)
    block.register_forward_hook(lambda module, args, kwargs, result: seen.append(kwargs), with_kwargs=True)
    assert block(x, add=1.0).tolist() == [-4.0, -4.0]
    assert seen[0] == (block, (x,))
    assert seen[1] == {"add": 2.0}
    doubled.remove()
    negated.remove()
    assert block(x, add=1.0).tolist() == [3.0, 3.0]


def test_modes() -> None:
    block = Block()
    assert block.eval() is block
    assert not any(module.training for module in block.modules())
    assert all(module.training for module in block.train().modules())
    block.requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in block.parameters())
    block.scale.grad = brasa.ones(2)
    kept = block.scale.grad
    block.zero_grad(set_to_none=False)
    assert kept.tolist() == [0.0, 0.0]
    block.zero_grad()
    assert block.scale.grad is None
    names: list[str] = []
    block.apply(lambda module: names.append(type(module).__name__))
    assert names == ["Linear", "ReLU", "Sequential", "Block"]


def test_conversions() -> None:
    block = Block()
    scale = block.scale
    scale.grad = brasa.ones(2)
    assert block.double() is block
    assert block.scale is scale
    assert scale.dtype is scale.grad.dtype is brasa.float64
    assert block.count.dtype is brasa.int64
    assert block.half().inner[0].weight.dtype is brasa.float16
    assert block.to(brasa.zeros(1)).cache.dtype is brasa.float32
    assert block.to("cpu", brasa.bfloat16).scale.dtype is brasa.bfloat16
    assert block.to(device=brasa.device("cpu")).float().scale.dtype is brasa.float32
    assert block.type(brasa.float64).count.dtype is brasa.float64
    assert scale.requires_grad
    with pytest.raises(brasa.BrasaError, match="to: a module can only become a float dtype, not i64"):
        block.to(brasa.int64)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies(duplicate: Callable[[nn.Module], nn.Module]) -> None:
    block = Block()
    block.again = block.inner
    block.eval()
    other = duplicate(block)
    assert repr(other) == repr(block)
    assert other.again is other.inner
    assert other.note == block.note
    assert not other.training
    assert isinstance(other.scale, nn.Parameter)
    assert other.scale.requires_grad
    with brasa.no_grad():
        other.scale.fill_(7.0)
    assert block.scale.tolist() == [1.0, 1.0]
    assert other(brasa.ones(2)).tolist() == [7.0, 7.0]


def test_classes_mix_with_others() -> None:
    class Abstract(nn.Module, ABC, Generic[T]):
        @abstractmethod
        def width(self) -> int: ...

    class Concrete(Abstract[int]):
        def width(self) -> int:
            return 3

    assert Concrete().width() == 3
    with pytest.raises(TypeError, match="abstract"):
        Abstract()


def test_representation() -> None:
    class Named(nn.Module):
        def __init__(self, facts: str) -> None:
            super().__init__()
            self.facts = facts
            self.a = Block()

        def extra_repr(self) -> str:
            return self.facts

    inner = (
        "Block(\n    (inner): Sequential(\n      (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "      (1): ReLU()\n    )\n  )"
    )
    assert repr(Named("")) == f"Named(\n  (a): {inner}\n)"
    assert repr(Named("x=1\ny=2")) == f"Named(\n  x=1\n  y=2\n  (a): {inner}\n)"
    assert repr(nn.Module()) == "Module()"


CHANGES: dict[str, Callable[[Block], Any]] = {
    "attribute": lambda block: setattr(block, "note", 1),
    "parameter": lambda block: setattr(block, "scale", nn.Parameter(brasa.zeros(2))),
    "module": lambda block: setattr(block, "inner", nn.ReLU()),
    "deletion": lambda block: delattr(block, "note"),
    "deleted buffer": lambda block: delattr(block, "count"),
    "class attribute": lambda block: setattr(Block, "temperature", 2.0),
    "deleted class attribute": lambda block: delattr(type("Hot", (Block,), {"temperature": 1}), "temperature"),
    "mode": lambda block: block.eval(),
    "hook": lambda block: block.register_forward_hook(lambda *_: None),
    "table": lambda block: block._buffers.update(count=brasa.tensor(1)),
    "item": lambda block: block.inner.append(nn.ReLU()),
    "requires_grad": lambda block: setattr(block.scale, "requires_grad", False),
    "data": lambda block: setattr(block.scale, "data", brasa.zeros(3)),
    "state": lambda block: block.load_state_dict(Block().state_dict()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_noted(name: str) -> None:
    block = Block()
    before = DEFAULTS.epoch
    CHANGES[name](block)
    assert DEFAULTS.epoch > before


def test_removed_hooks_are_noted() -> None:
    handle = Block().register_forward_hook(lambda *_: None)
    before = DEFAULTS.epoch
    handle.remove()
    assert DEFAULTS.epoch > before


def test_calls_are_no_change() -> None:
    block, x = Block(), brasa.ones(2)
    before = DEFAULTS.epoch
    block(x).sum().backward()
    block.zero_grad()
    assert DEFAULTS.epoch == before


class Early(nn.Module):
    """Forgets super().__init__()."""

    def __init__(self, action: Callable[[Any], Any]) -> None:
        action(self)


ERRORS: dict[str, Callable[[], Any]] = {
    "Early: 'layer' was assigned before super().__init__()\n  hint: call super().__init__() first in __init__":
        lambda: Early(lambda self: setattr(self, "layer", nn.ReLU())),
    "Early: 'weight' was assigned before super().__init__()\n  hint: call super().__init__() first in __init__":
        lambda: Early(lambda self: setattr(self, "weight", nn.Parameter())),
    "Early: 'layer' was asked for before super().__init__()\n  hint: call super().__init__() first in __init__":
        lambda: Early(lambda self: self.layer),
    "Early: '_buffers' was asked for before super().__init__()\n  hint: call super().__init__() first in __init__":
        lambda: Early(lambda self: self.register_buffer("x", None)),
    "Module does not define forward()": lambda: nn.Module()(1),
    "Block: parameter 'scale' cannot become a Tensor\n  hint: del module.scale first":
        lambda: setattr(Block(), "scale", brasa.ones(2)),
    "Block: module 'inner' cannot become a int\n  hint: del module.inner first": lambda: setattr(Block(), "inner", 1),
    "register_buffer: Block has an attribute 'note' already": lambda: Block().register_buffer("note", None),
    "register_buffer: 'x' must be a tensor or None, not int": lambda: Block().register_buffer("x", 1),
    "register_parameter: a name must not be empty and not hold a dot, found 'a.b'":
        lambda: Block().register_parameter("a.b", None),
    "register_parameter: 'x' must be a Parameter or None, not Tensor":
        lambda: Block().register_parameter("x", brasa.ones(1)),
    "add_module: 'x' must be a Module or None, not int": lambda: Block().add_module("x", 1),
    "get_submodule: there is no module 'inner.7' in Block": lambda: Block().get_submodule("inner.7"),
    "get_parameter: there is no parameter 'inner.x' in Block": lambda: Block().get_parameter("inner.x"),
    "train: mode must be a bool, not int": lambda: Block().train(1),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message


def test_missing_attributes() -> None:
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'weight'"):
        _ = Block().weight
    assert not hasattr(Early(lambda self: None), "anything")
