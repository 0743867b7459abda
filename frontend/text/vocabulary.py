"""Vocabularies: tokens and their numbers, with the names of `torchtext.vocab`."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from brasa.ir.errors import ArgumentError, BrasaError, IndexError, ValueError
from brasa.nn import Module


class UnknownTokenError(BrasaError, builtins.KeyError):
    """A token that a vocabulary does not have and has no default index for."""


class Vocab(Module):
    """Tokens, each with its place as its number: `vocab["word"]` is an int, `vocab(["some", "words"])` a list of them.

    default_index: the number of every token that is not here; without one they raise UnknownTokenError. ValueError if a
    token is given twice.
    """

    def __init__(self, tokens: Iterable[str], default_index: int | None = None) -> None:
        super().__init__()
        self._tokens: list[str] = []
        self._numbers: dict[str, int] = {}
        self._default = default_index
        for token in _several(tokens, "Vocab"):
            self.append_token(token)

    def forward(self, tokens: Sequence[str]) -> list[int]:
        """As lookup_indices."""
        return self.lookup_indices(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._numbers

    def __getitem__(self, token: str) -> int:
        number = self._numbers.get(token, self._default)
        if number is None:
            raise self._unknown(token)
        return number

    def _unknown(self, token: str) -> BrasaError:
        _check_token(token, "Vocab")
        hint = ""
        if token.lower() in self._numbers:
            hint = f"it has {token.lower()!r}"
        elif "<unk>" in self._numbers:
            hint = 'vocab.set_default_index(vocab["<unk>"]) gives unknown tokens that number'
        return UnknownTokenError(f"{token!r} is none of the {len(self)} tokens, and there is no default index",
                                 op="Vocab", hint=hint)  # fmt: skip

    def set_default_index(self, index: int | None) -> None:
        """Give every token that is not here this number; None: let it raise an error."""
        self._default = index

    def get_default_index(self) -> int | None:
        """The number of every token that is not here; None if they raise an error."""
        return self._default

    def insert_token(self, token: str, index: int) -> None:
        """Put a token in a place: those from there on move up by one. ValueError if it is here already."""
        _check_token(token, "insert_token")
        if token in self._numbers:
            raise ValueError(f"{token!r} is here already, as number {self._numbers[token]}", op="insert_token")
        if not 0 <= index <= len(self):
            raise IndexError(f"index {index} is not in 0..{len(self)}", op="insert_token")
        self._tokens.insert(index, token)
        self._numbers.update((each, number) for number, each in enumerate(self._tokens[index:], index))

    def append_token(self, token: str) -> None:
        """Put a token behind all others. ValueError if it is here already."""
        self.insert_token(token, len(self))

    def lookup_token(self, index: int) -> str:
        """The token with this number; IndexError if there is none."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is not in 0..{len(self) - 1}" if len(self) else "there are no tokens",
                             op="lookup_token")  # fmt: skip
        return self._tokens[index]

    def lookup_tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens with these numbers; IndexError if one has none."""
        return [self.lookup_token(int(index)) for index in indices]

    def lookup_indices(self, tokens: Sequence[str]) -> list[int]:
        """The numbers of these tokens; UnknownTokenError for one that is not here, if there is no default index."""
        return [self[token] for token in _several(tokens, "lookup_indices")]

    def get_stoi(self) -> dict[str, int]:
        """The number of each token."""
        return dict(self._numbers)

    def get_itos(self) -> list[str]:
        """All tokens, in order."""
        return list(self._tokens)

    def extra_repr(self) -> str:
        """What print shows of it."""
        return f"{len(self)} tokens" + ("" if self._default is None else f", default_index={self._default}")


def _several(tokens: Iterable[str], op: str) -> Iterable[str]:
    """The tokens; one string would be taken for its characters."""
    if isinstance(tokens, str):
        raise ArgumentError(f"expects several tokens, found the one string {tokens[:20]!r}", op=op,
                            hint="list(text) has its characters, text.split() its words")  # fmt: skip
    return tokens


def _check_token(token: object, op: str) -> None:
    if not isinstance(token, str):
        raise ArgumentError(f"a token is a str, found {type(token).__name__}", op=op)


def vocab(
    ordered_dict: Mapping[str, int], min_freq: int = 1, specials: Sequence[str] | None = None,
    special_first: bool = True,
) -> Vocab:  # fmt: skip
    """A vocabulary of tokens with their frequencies, in the order in which they come.

    min_freq: what is rarer is left out. specials: tokens that are there in any case, before all others or behind them.
    """
    added = list(_several(specials or (), "vocab"))
    tokens = [token for token, count in ordered_dict.items() if count >= min_freq and token not in added]
    return Vocab(added + tokens if special_first else tokens + added)


def build_vocab_from_iterator(
    iterator: Iterable[Iterable[str]], min_freq: int = 1, specials: Sequence[str] | None = None,
    special_first: bool = True, max_tokens: int | None = None,
) -> Vocab:  # fmt: skip
    """A vocabulary of what the iterator gives, texts as lists of tokens: the most frequent first, then by the alphabet.

    A text that is a str counts as its characters. max_tokens: how many there are at most, specials too; the others as
    for `vocab`. ValueError if max_tokens leaves no room beside the specials.
    """
    op = "build_vocab_from_iterator"
    added = list(_several(specials or (), op))
    counts: Counter[str] = Counter()
    for tokens in _several(iterator, op):
        counts.update(tokens)
    for token in added:
        counts.pop(token, None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if max_tokens is not None:
        if max_tokens <= len(added):
            raise ValueError(f"max_tokens is {max_tokens}, and there are {len(added)} specials", op=op)
        ordered = ordered[: max_tokens - len(added)]
    return vocab(dict(ordered), min_freq, added, special_first)
