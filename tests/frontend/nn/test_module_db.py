"""PyTorch's own database of modules, where PyTorch is installed: the same arguments give the same results, gradients,
buffers and names, eagerly and compiled."""

from __future__ import annotations

import copy
import dataclasses
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from tests.frontend.functions.harness import same_bits

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

PARAMETRIC = re.compile(
    "(Lazy)?Conv|BatchNorm|InstanceNorm|Linear|Bilinear|GroupNorm|LayerNorm|RMSNorm|Embedding|PReLU"
    "|Transformer(?!Encoder$)|MultiheadAttention|RNN|GRU|LSTM"
)
ENTRIES = {entry.name.removeprefix("nn."): entry for entry in module_db}


def inputs_of(entry: Any, training: bool, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The entry's inputs; layers among them remember what they were made of."""
    layer = torch.nn.TransformerEncoderLayer
    original = layer.__init__

    def remembering(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        object.__setattr__(self, "made_of", (args, kwargs))

    monkeypatch.setattr(layer, "__init__", remembering)
    torch.manual_seed(1)
    return entry.module_inputs_func(entry, device="cpu", dtype=torch.float64, requires_grad=True, training=training)


def leaves(value: Any) -> Any:
    """The value with computed tensors cut off from what they were computed from."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, tuple | list):
        return type(value)(map(leaves, value))
    return {key: leaves(item) for key, item in value.items()} if isinstance(value, dict) else value


def ours(value: Any) -> Any:
    """brasa's counterpart of a value of PyTorch's."""
    if isinstance(value, torch.Tensor):
        made = brasa.tensor(value.detach().numpy().copy())
        return made.requires_grad_(value.requires_grad) if value.is_floating_point() else made
    if isinstance(value, torch.dtype):
        return getattr(brasa, str(value).removeprefix("torch."))
    if isinstance(value, torch.nn.Module):
        return make(type(value), *value.made_of)
    if isinstance(value, tuple | list):
        return type(value)(map(ours, value))
    if isinstance(value, dict):
        return {key: ours(item) for key, item in value.items()}
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        return brasa.nn.LinearCrossEntropyOptions(**dataclasses.asdict(value))
    if callable(value):
        return getattr(brasa.nn.functional, value.__name__)
    return value


def make(kind: Any, args: Any, kwargs: Any) -> Any:
    """brasa's module of the same name, from the same arguments."""
    return getattr(brasa.nn, kind.__name__)(*ours(args), **ours(kwargs))


def flat(value: Any) -> list[Any]:
    """The tensors in a result."""
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in flat(item)]
    return [] if value is None else [value]


def run(library: Any, module: Any, args: Any, kwargs: Any, call: Any = None) -> dict[str, Any]:
    """Everything that a call gives and leaves behind, by name."""
    results = flat((call or module)(*args, **kwargs))
    weighted = []
    for place, result in enumerate(results):
        if result.requires_grad:
            weights = np.random.default_rng(place).standard_normal(tuple(result.shape))
            weighted.append((result * library.tensor(weights)).sum())
    if weighted:
        sum(weighted[1:], weighted[0]).backward()
    found = {f"result {i}": result.detach() for i, result in enumerate(results)}
    sources = {**{f"argument {i}": tensor for i, tensor in enumerate(flat((args, list(kwargs.values())))) },
              **dict(module.named_parameters())}  # fmt: skip
    found |= {f"gradient of {name}": leaf.grad for name, leaf in sources.items()
              if isinstance(leaf, library.Tensor) and leaf.grad is not None}  # fmt: skip
    return found | {f"buffer {name}": buffer for name, buffer in module.named_buffers()}


def check(kind: Any, given: Any, training: bool) -> None:
    """One input of one entry, in PyTorch, in brasa, and in brasa compiled."""
    constructed = given.constructor_input
    args, kwargs = leaves((given.forward_input.args, given.forward_input.kwargs))
    theirs = kind(*constructed.args, **constructed.kwargs).to(torch.float64).train(training)
    module = make(kind, constructed.args, constructed.kwargs).to(brasa.float64).train(training)
    assert list(module.state_dict()) == list(theirs.state_dict())
    assert repr(module) == repr(theirs)
    if "Lazy" in kind.__name__:
        theirs(*args, **kwargs)
        module(*ours(args), **ours(kwargs))
    module.load_state_dict({key: ours(value) for key, value in theirs.state_dict().items()})
    twin = copy.deepcopy(module)
    found = run(brasa, module, ours(args), ours(kwargs))
    wanted = run(torch, theirs, args, kwargs)
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        assert tuple(found[name].shape) == tuple(value.shape), name
        assert found[name].dtype is ours(value.dtype), name
        np.testing.assert_allclose(found[name].numpy(), value.numpy(), rtol=1e-8, atol=1e-10, err_msg=name)
    whole = kind is not torch.nn.CTCLoss  # lengths in tensors are values that its shapes depend on
    compiled = run(brasa, twin, ours(args), ours(kwargs), brasa.compile(twin, fullgraph=whole))
    assert list(compiled) == list(found)
    for name, value in found.items():
        same_bits(compiled[name], value)


def compare(name: str, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """So many inputs of an entry, spread evenly over those that there are."""
    entry = ENTRIES[name]
    for training in (True, False) if entry.train_and_eval_differ else (True,):
        inputs = inputs_of(entry, training, monkeypatch)
        for given in inputs[:: max(1, len(inputs) // most)]:
            check(entry.module_cls, given, training)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ENTRIES)
def test_modules_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(name, monkeypatch, most=2)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ENTRIES)
def test_modules_agree_on_all_inputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(name, monkeypatch, most=1000)


def smirnov(first: Any, second: Any) -> float:
    """The largest distance of two samples' distribution functions."""
    first, second = np.sort(first), np.sort(second)
    points = np.concatenate([first, second])
    shares = [np.searchsorted(sample, points, side="right") / len(sample) for sample in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def bound_of(first: int, second: int, chance: float = 1e-4) -> float:
    """What the distance of two samples of one distribution exceeds with this chance only (Smirnov, 1939)."""
    return float(np.sqrt(-np.log(chance / 2) / 2 * (first + second) / (first * second)))


def drawn(build: Callable[[], Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """The initial values of some modules, some thousands in all, by the parameter's name."""
    found: dict[str, list[Any]] = {}
    for _ in range(200):
        module = build()
        if "Lazy" in type(module).__name__:
            module(*args, **kwargs)
        for name, parameter in module.named_parameters():
            found.setdefault(name, []).append(parameter.detach().numpy().ravel())
        if sum(values[0].size * len(values) for values in found.values()) > 4000:
            break
    return {name: np.concatenate(values) for name, values in found.items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ENTRIES if PARAMETRIC.match(name)])
def test_initial_values_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ENTRIES[name]
    kind, given = entry.module_cls, inputs_of(entry, True, monkeypatch)[0]
    made, called = given.constructor_input, given.forward_input
    brasa.manual_seed(0)
    found = drawn(lambda: make(kind, made.args, made.kwargs).to(brasa.float64), ours(called.args), ours(called.kwargs))
    wanted = drawn(lambda: kind(*made.args, **made.kwargs).to(torch.float64), called.args, called.kwargs)
    assert list(found) == list(wanted)
    for parameter, values in found.items():
        others = wanted[parameter]
        assert smirnov(values, others) < bound_of(len(values), len(others)), parameter
