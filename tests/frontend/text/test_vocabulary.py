"""Vocabularies: the order of tokens, defaults, and the errors for tokens and numbers that are not there."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.text import UnknownTokenError, Vocab, build_vocab_from_iterator, vocab

TEXTS = [["the", "cat", "sat"], ["the", "dog", "sat"], ["a", "cat", "and", "the", "dog", "and", "a", "bird"]]


def test_order_of_frequency() -> None:
    """The most frequent first, then by the alphabet; counted by hand."""
    made = build_vocab_from_iterator(iter(TEXTS))
    assert made.get_itos() == ["the", "a", "and", "cat", "dog", "sat", "bird"]
    assert made.get_stoi() == {token: number for number, token in enumerate(made.get_itos())}
    assert len(made) == 7 and "cat" in made and "cow" not in made and 3 not in made


def test_options() -> None:
    specials = ("<unk>", "the")  # a special token may be a frequent one
    made = build_vocab_from_iterator(TEXTS, min_freq=2, specials=specials)
    assert made.get_itos() == ["<unk>", "the", "a", "and", "cat", "dog", "sat"]
    last = build_vocab_from_iterator(TEXTS, min_freq=2, specials=specials, special_first=False)
    assert last.get_itos() == ["a", "and", "cat", "dog", "sat", "<unk>", "the"]
    assert build_vocab_from_iterator(TEXTS, specials=specials, max_tokens=4).get_itos() == ["<unk>", "the", "a", "and"]
    assert build_vocab_from_iterator(["abba", "b"]).get_itos() == ["b", "a"]


def test_ordered_dict() -> None:
    """The order of `vocab` is that of its argument, which stays what it is."""
    counts = OrderedDict([("x", 1), ("y", 3), ("z", 2)])
    assert vocab(counts, min_freq=2, specials=["z", "w"]).get_itos() == ["z", "w", "y"]
    assert list(counts) == ["x", "y", "z"]


def test_lookups() -> None:
    made = Vocab(["a", "b", "c"])
    assert made["b"] == 1 and made(["c", "a"]) == made.lookup_indices(["c", "a"]) == [2, 0]
    assert made.lookup_token(2) == "c" and made.lookup_tokens(brasa.tensor([1, 1, 0])) == ["b", "b", "a"]
    assert nn.Sequential(made)(["a"]) == [0] and list(made.parameters()) == []
    assert repr(made) == "Vocab(3 tokens)"


def test_default_index() -> None:
    made = Vocab(["<unk>", "a"])
    assert made.get_default_index() is None
    made.set_default_index(-1)  # any number does
    assert made["z"] == -1 and made(["a", "z"]) == [1, -1] and "z" not in made
    assert repr(made) == "Vocab(2 tokens, default_index=-1)"
    made.set_default_index(None)
    with pytest.raises(KeyError):
        made["z"]


def test_growing() -> None:
    made = Vocab(["a", "b"])
    twin = copy.deepcopy(made)
    made.insert_token("c", 1)
    made.append_token("d")
    assert made.get_itos() == ["a", "c", "b", "d"] and made(["a", "b", "c", "d"]) == [0, 2, 1, 3]
    assert len(twin) == 2


MISTAKES: list[tuple[Callable[[Vocab], Any], type[Exception], str]] = [
    (lambda made: made["Cat"], UnknownTokenError,
     "Vocab: 'Cat' is none of the 3 tokens, and there is no default index\n  hint: it has 'cat'"),
    (lambda made: made(["cat", "cow"]), KeyError,
     "Vocab: 'cow' is none of the 3 tokens, and there is no default index\n"
     '  hint: vocab.set_default_index(vocab["<unk>"]) gives unknown tokens that number'),
    (lambda _: Vocab(["a"])["b"], RuntimeError, "Vocab: 'b' is none of the 1 tokens, and there is no default index"),
    (lambda made: made[3], TypeError, "Vocab: a token is a str, found int"),
    (lambda made: made("cat"), TypeError,
     "lookup_indices: expects several tokens, found the one string 'cat'\n"
     "  hint: list(text) has its characters, text.split() its words"),
    (lambda made: made.lookup_token(3), IndexError, "lookup_token: index 3 is not in 0..2"),
    (lambda made: made.lookup_tokens([0, -1]), RuntimeError, "lookup_token: index -1 is not in 0..2"),
    (lambda _: Vocab([]).lookup_token(0), IndexError, "lookup_token: there are no tokens"),
    (lambda made: made.append_token("cat"), ValueError, "insert_token: 'cat' is here already, as number 1"),
    (lambda made: made.insert_token("new", 4), IndexError, "insert_token: index 4 is not in 0..3"),
    (lambda _: Vocab(["a", "b", "a"]), RuntimeError, "insert_token: 'a' is here already, as number 0"),
    (lambda _: build_vocab_from_iterator("text"), TypeError,
     "build_vocab_from_iterator: expects several tokens, found the one string 'text'\n"
     "  hint: list(text) has its characters, text.split() its words"),
    (lambda _: build_vocab_from_iterator(TEXTS, specials=["<unk>"], max_tokens=1), ValueError,
     "build_vocab_from_iterator: max_tokens is 1, and there are 1 specials"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES)
def test_mistakes(mistake: Callable[[Vocab], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$") as caught:
        mistake(Vocab(["<unk>", "cat", "dog"]))
    assert isinstance(caught.value, brasa.BrasaError)


def test_hints_are_right() -> None:
    made = Vocab(["<unk>", "cat"])
    made.set_default_index(made["<unk>"])
    assert made["cow"] == 0
