"""A tokenizer whose tokens are characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from brasa.ir.errors import ValueError
from brasa.text.tokenizer import Tokenizer, read_json, texts_of, unreadable
from brasa.text.vocabulary import Vocab, build_vocab_from_iterator


class CharacterTokenizer(Tokenizer):
    """Each character is a token of the vocabulary `vocab`.

    specials: tokens of the vocabulary that are no characters, which decode leaves out; the first one is the padding.
    unknown: the special token that stands for all characters that are not in the vocabulary, which decode shows as
    U+FFFD; None: they raise UnknownTokenError.
    """

    def __init__(self, vocab: Vocab, specials: Sequence[str] = ("<pad>",), unknown: str | None = "<unk>") -> None:
        for token in (*specials, *([] if unknown is None else [unknown])):
            if token not in vocab:
                raise ValueError(f"the vocabulary has no {token!r}", op="CharacterTokenizer")
        if not specials:
            raise ValueError("there must be a special token for padding", op="CharacterTokenizer")
        self.vocab, self.specials, self.unknown = vocab, tuple(specials), unknown
        self.padding_index = vocab[specials[0]]
        vocab.set_default_index(None if unknown is None else vocab[unknown])

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        min_freq: int = 1,
        specials: Sequence[str] = ("<pad>",),
        unknown: str | None = "<unk>",
    ) -> CharacterTokenizer:
        """The tokenizer of all characters that are in the texts at least min_freq times, after the special tokens."""
        added = [*specials, *([] if unknown is None else [unknown])]
        return cls(build_vocab_from_iterator(texts_of(texts, "train"), min_freq, added), specials, unknown)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> CharacterTokenizer:
        """The tokenizer that was saved there; ValueError if the file is none."""
        expected = "a CharacterTokenizer's file"
        found = read_json(Path(path), expected)
        if found.keys() != {"tokens", "specials", "unknown"}:
            raise unreadable(Path(path), expected, f"JSON with {', '.join(sorted(found)) or 'nothing in it'}")
        return cls(Vocab(found["tokens"]), found["specials"], found["unknown"])

    def save(self, path: str | PathLike[str]) -> None:
        """Write all of it to a file, as JSON."""
        held: dict[str, Any] = {"tokens": self.vocab.get_itos(), "specials": self.specials, "unknown": self.unknown}
        Path(path).write_text(json.dumps(held), encoding="utf-8")

    def __len__(self) -> int:
        return len(self.vocab)

    def _numbers(self, texts: list[str]) -> list[list[int]]:
        return [self.vocab(list(text)) for text in texts]

    def _text(self, ids: list[int]) -> str:
        tokens = (token for token in self.vocab.lookup_tokens(ids) if token not in self.specials)
        return "".join("\N{REPLACEMENT CHARACTER}" if token == self.unknown else token for token in tokens)
