"""PyTorch's own samples of recurrent and attention layers: the same values, gradients and names, eager and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.nn.utils.rnn import PackedSequence
from tests.frontend.functions.harness import flat, same_bits

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

NAMES = [
    "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention", "TransformerEncoderLayer",
    "TransformerEncoder", "TransformerDecoderLayer", "Transformer",
]  # fmt: skip
EVERY = 12  # one sample of so many is part of each run


def entry(name: str) -> Any:
    """PyTorch's entry for a layer."""
    from torch.testing._internal.common_modules import module_db

    return next(each for each in module_db if each.module_cls is getattr(torch.nn, name))


def samples(name: str, training: bool) -> list[Any]:
    """The samples of a layer, in double precision; their numbers are the same in every run."""
    torch.manual_seed(0)
    made = entry(name)
    return list(made.module_inputs_func(made, "cpu", torch.float64, True, training))


def ours(value: Any) -> Any:
    """PyTorch's value as brasa's: tensors, functions, layers, and what holds them."""
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return PackedSequence(*(each if each is None else ours(each) for each in value))
    if isinstance(value, torch.Tensor):
        made = brasa.tensor(value.detach().numpy())
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, torch.dtype):
        return getattr(brasa, str(value).removeprefix("torch."))
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value)
    if callable(value):
        return getattr(brasa.nn.functional, value.__name__)
    if isinstance(value, dict):
        return {key: ours(each) for key, each in value.items()}
    return type(value)(map(ours, value)) if isinstance(value, tuple | list) else value


def encoder_layer(layer: Any) -> Any:
    """brasa's layer like PyTorch's."""
    attention, linear, norm = layer.self_attn, layer.linear1, layer.norm1
    return brasa.nn.TransformerEncoderLayer(
        attention.embed_dim, attention.num_heads, linear.out_features, layer.dropout.p, ours(layer.activation),
        norm.eps, attention.batch_first, layer.norm_first, linear.bias is not None, dtype=brasa.float64,
    )  # fmt: skip


def both(name: str, sample: Any) -> tuple[Any, Any]:
    """brasa's layer and PyTorch's, with the same state."""
    args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
    kwargs = kwargs if name == "TransformerEncoder" else {**kwargs, "dtype": torch.float64}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn, name)(*args, **kwargs)
    mine = getattr(brasa.nn, name)(*ours(args), **ours(kwargs))
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict({key: brasa.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    return mine, theirs


def leaves(value: Any) -> Iterator[Any]:
    """The tensors that an argument holds."""
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, tuple | list | dict):
            yield from leaves(each)
        elif each is not None and hasattr(each, "requires_grad"):
            yield each


def gradients(module: Any, weigh: Any, call: Any, args: Any, kwargs: Any) -> tuple[list[Any], list[Any]]:
    """Results, and the gradients of their weighed sum by all arguments and parameters that have one."""
    wanted = [*module.parameters(), *leaves((args, kwargs))]
    for each in wanted:
        each.grad = None
    results = [each for each in found(call(*args, **kwargs)) if each is not None]
    total = sum((each * weigh(np.cos(np.arange(each.numel())).reshape(tuple(each.shape)))).sum() for each in results
                if each.dtype in (torch.float64, brasa.float64))  # fmt: skip
    total.backward()
    return results, [each.grad for each in wanted]


def found(result: Any) -> list[Any]:
    """The tensors of a result, from left to right."""
    return [each for item in result for each in found(item)] if isinstance(result, tuple | list) else [result]


CASES = [(name, training) for name in NAMES for training in (True, False)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, EVERY))])
@pytest.mark.parametrize(("name", "training"), CASES)
def test_a_layer_is_pytorchs(name: str, training: bool, part: int) -> None:
    for sample in samples(name, training)[part::EVERY]:
        mine, theirs = both(name, sample)
        mine.train(training)
        theirs.train(training)
        args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
        wanted = gradients(theirs, torch.tensor, theirs, args, kwargs)
        given = ours(args), ours(kwargs)
        eager = gradients(mine, brasa.tensor, mine, *given)
        for one, other in zip(flat(eager), flat(wanted), strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-11)
        again = gradients(mine, brasa.tensor, brasa.compile(mine), *given)
        for one, other in zip(flat(eager), flat(again), strict=True):
            assert one is other or (one is not None and other is not None)
            if one is not None:
                same_bits(one, other)


ERRORS = [name for name in NAMES if name in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")]


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_pytorchs(name: str) -> None:
    made = entry(name)
    for sample in made.module_error_inputs_func(made, "cpu", torch.float64, False, True):
        given = sample.module_error_input
        args, kwargs = given.constructor_input.args, dict(given.constructor_input.kwargs)
        kwargs.pop("device", None)
        with pytest.raises(sample.error_type, match=sample.error_regex):
            module = getattr(brasa.nn, name)(*ours(args), **ours(kwargs))
            module.to(brasa.float64)(*ours(given.forward_input.args))
