"""Recurrent layers, packed sequences and transformers beside PyTorch's, where it is installed: states go both ways,
errors are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from tests.frontend.functions.harness import flat

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def tagger(library: Any) -> Any:
    """A small model of sequences: an embedding, a network in both directions, a linear layer."""
    nn = library.nn

    class Tagger(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 6, padding_idx=0)
            self.network = nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True, proj_size=3)
            self.head = nn.Linear(6, 4)

        def forward(self, words: Any, lengths: Any) -> Any:
            rnn = nn.utils.rnn
            packed = rnn.pack_padded_sequence(self.embedding(words), lengths, batch_first=True, enforce_sorted=False)
            output, (hidden, cell) = self.network(packed)
            padded, known = rnn.pad_packed_sequence(output, batch_first=True, padding_value=0.5)
            return self.head(padded), hidden, cell, known

    return Tagger()


def translator(library: Any) -> Any:
    """A small transformer."""
    return library.nn.Transformer(8, 2, 2, 1, 12, 0.0, "gelu", batch_first=True, norm_first=True).eval()


WORDS = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8], [9, 10, 0, 0, 0]])
VECTORS = np.random.default_rng(0).standard_normal((3, 4, 8)).astype(np.float32)
MODELS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "LSTM": (tagger, lambda library, model: model(library.tensor(WORDS), library.tensor([3, 5, 2]))),
    "Transformer": (translator, lambda library, model: model(
        library.tensor(VECTORS), library.tensor(VECTORS[:, :3]), tgt_mask=model.generate_square_subsequent_mask(3),
        src_key_padding_mask=library.tensor(VECTORS[:, :, 0] > 1.0),
    )),
}  # fmt: skip


def agree(name: str, mine: Any, theirs: Any) -> None:
    """Both models give the same values and gradients."""
    call = MODELS[name][1]
    results = [flat(call(library, model)) for library, model in ((brasa, mine), (torch, theirs))]
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-5)
    for each in results:
        sum((one * one).sum() for one in each if one.requires_grad).backward()
    for (key, one), (wanted, other) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        assert key == wanted
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-3, atol=2e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_states_go_both_ways(name: str) -> None:
    make = MODELS[name][0]
    brasa.manual_seed(0)
    torch.manual_seed(1)
    mine, theirs = make(brasa), make(torch)
    assert repr(mine) == repr(theirs)
    mine.load_state_dict({key: brasa.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    agree(name, mine, theirs)
    mine = make(brasa)
    theirs.zero_grad()
    theirs.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in mine.state_dict().items()})
    agree(name, mine, theirs)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
def test_errors_are_pytorchs(name: str) -> None:
    from torch.testing._internal.common_modules import module_db

    entry = next(each for each in module_db if each.module_cls is getattr(torch.nn, name))
    for sample in entry.module_error_inputs_func(entry, "cpu", torch.float32, False, True):
        made, called = sample.module_error_input.constructor_input, sample.module_error_input.forward_input
        options = {key: value for key, value in made.kwargs.items() if key not in ("device", "dtype")}
        with pytest.raises(sample.error_type, match=sample.error_regex):
            getattr(brasa.nn, name)(*made.args, **options)(*converted(called.args))


def converted(value: Any) -> Any:
    """Tensors of PyTorch's as brasa's."""
    if isinstance(value, tuple):
        return tuple(map(converted, value))
    return brasa.tensor(value.detach().numpy())
