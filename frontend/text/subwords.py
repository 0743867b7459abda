"""Tokenizers of parts of words; the library tokenizers (extra `text`) finds and applies them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from brasa.ir.errors import ValueError
from brasa.text.tokenizer import Tokenizer, read_json, texts_of, unreadable

BYTES = 256


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError('a SubwordTokenizer needs tokenizers: pip install "brasa[text]"') from error
    return tokenizers


class SubwordTokenizer(Tokenizer):
    """Frequent strings of characters are tokens; made by `train`, or by `load` from any file of the library tokenizers.

    library: the library's own object, which has more to say. padding: the token that batches are padded with.
    ImportError without the library.
    """

    def __init__(self, library: Any, padding: str) -> None:
        index = library.token_to_id(padding)
        if index is None:
            raise ValueError(f"there is no token {padding!r} for padding", op="SubwordTokenizer")
        self.library, self.padding, self.padding_index = library, padding, index

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int, min_frequency: int = 2, specials: Sequence[str] = ("<pad>",)
    ) -> SubwordTokenizer:
        """Byte pairs: from single bytes on, the most frequent pair of tokens becomes a token (Sennrich et al. 2016).

        Any text can be encoded, and decodes to itself. vocab_size: how many tokens there are at most, with the special
        ones, which have the numbers from 0 on; the first of them is the padding. Where a text holds a special token's
        name, it is that token. min_frequency: of pairs that become tokens.
        """
        library = _library()
        if not specials:
            raise ValueError("there must be a special token for padding", op="train")
        if vocab_size < BYTES + len(specials):
            raise ValueError(f"vocab_size must be at least {BYTES + len(specials)}, for the {BYTES} bytes and the "
                             f"{len(specials)} special tokens; it is {vocab_size}", op="train")  # fmt: skip
        made = library.Tokenizer(library.models.BPE())
        made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = library.decoders.ByteLevel()
        alphabet = sorted(library.pre_tokenizers.ByteLevel.alphabet())
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=list(specials),
            initial_alphabet=alphabet, show_progress=False,
        )  # fmt: skip
        made.train_from_iterator(texts_of(texts, "train"), trainer)
        return cls(made, specials[0])

    @classmethod
    def load(cls, path: str | PathLike[str], padding: str | None = None) -> SubwordTokenizer:
        """The tokenizer in a file (`tokenizer.json`); padding: its token for that, if the file does not say.

        ValueError if the file is none, or does not say.
        """
        library, place, expected = _library(), Path(path), "a file of the library tokenizers"
        described = read_json(place, expected)
        try:
            made = library.Tokenizer.from_str(json.dumps(described))
        except Exception as error:  # the library has no class of its own
            raise unreadable(place, expected, f"JSON of another kind ({error})") from error
        said = described.get("padding")
        if padding is None and said is None:
            added = [token["content"] for token in described["added_tokens"]]
            raise ValueError(f"{place} does not say which token is for padding", op="load",
                             hint=f"pass padding=, such as {added[0]!r}" if added else "")  # fmt: skip
        made.no_padding()  # encode_batch pads
        return cls(made, said["pad_token"] if padding is None else padding)

    def save(self, path: str | PathLike[str]) -> None:
        """Write all of it to a file, which the library reads too."""
        held = self.library.from_str(self.library.to_str())
        held.enable_padding(pad_id=self.padding_index, pad_token=self.padding)
        Path(path).write_text(held.to_str(), encoding="utf-8")

    def __len__(self) -> int:
        return int(self.library.get_vocab_size())

    def _numbers(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.library.encode_batch(texts)]

    def _text(self, ids: list[int]) -> str:
        return str(self.library.decode([index for index in ids if index != self.padding_index]))
