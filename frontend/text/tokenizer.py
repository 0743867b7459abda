"""What all tokenizers share: texts to numbers and back, alone and as padded batches, and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from brasa.ir import dtype as dtypes
from brasa.ir.errors import ArgumentError, IndexError, NotImplementedError, ValueError
from brasa.tensors.creation import from_numpy, tensor
from brasa.tensors.tensor import Tensor


class Encoded(NamedTuple):
    """Texts side by side: ids int64[n, t], as long as the longest, and attention_mask bool[n, t], False at padding."""

    ids: Tensor
    attention_mask: Tensor


class Tokenizer:
    """Texts to numbers and back; the kinds of tokenizers say how. padding_index: what batches are padded with."""

    padding_index: int

    def __len__(self) -> int:
        """How many tokens there are: the numbers are below that."""
        raise NotImplementedError(f"{type(self).__name__} does not define __len__()")

    def _numbers(self, texts: list[str]) -> list[list[int]]:
        raise NotImplementedError(f"{type(self).__name__} does not define _numbers()")

    def _text(self, ids: list[int]) -> str:
        raise NotImplementedError(f"{type(self).__name__} does not define _text()")

    def encode(self, text: str) -> Tensor:
        """The numbers of a text's tokens: int64[t]. ArgumentError if it is no str."""
        return tensor(self._numbers([*texts_of([text], "encode")])[0], dtype=dtypes.int64)

    def encode_batch(self, texts: Iterable[str], max_length: int | None = None, padding_side: str = "right") -> Encoded:
        """Several texts, cut to max_length tokens if that is given, and padded to the longest, right or left."""
        op = "encode_batch"
        if padding_side not in ("left", "right"):
            raise ValueError(f"padding_side must be left or right, not {padding_side!r}", op=op)
        rows = [row[:max_length] for row in self._numbers([*texts_of(texts, op)])]
        width = max(map(len, rows), default=0)
        ids, mask = np.full((len(rows), width), self.padding_index), np.zeros((len(rows), width), bool)
        for number, row in enumerate(rows):
            place = slice(0, len(row)) if padding_side == "right" else slice(width - len(row), width)
            ids[number, place], mask[number, place] = row, True
        return Encoded(from_numpy(ids), from_numpy(mask))

    def decode(self, ids: Any) -> str:
        """The text of numbers (a tensor or a sequence), without padding and special tokens.

        IndexError for a number that no token has.
        """
        plain = ids.tolist() if isinstance(ids, Tensor) else ids  # type: ignore[attr-defined]
        if not isinstance(plain, Iterable):
            raise ArgumentError(f"expects a row of numbers, found {type(plain).__name__}", op="decode")
        return self._text([self._checked(index) for index in plain])

    def _checked(self, index: Any) -> int:
        if isinstance(index, list | tuple):
            raise ArgumentError("expects one row of numbers, found several", op="decode", hint="use decode_batch")
        number = int(index)
        if not 0 <= number < len(self):
            raise IndexError(f"there is no token {number}, they are 0..{len(self) - 1}", op="decode")
        return number

    def decode_batch(self, ids: Any) -> list[str]:
        """The text of each row of numbers."""
        return [self.decode(row) for row in ids]


def texts_of(texts: Iterable[str], op: str) -> Iterator[str]:
    """The texts, one by one. ArgumentError for one string, which would be taken for its characters, and for no text."""
    if isinstance(texts, str):
        raise ArgumentError(
            f"expects several texts, found the one string {texts[:20]!r}", op=op, hint="put it in a list"
        )
    for text in texts:
        if not isinstance(text, str):
            raise ArgumentError(f"a text is a str, found {type(text).__name__}", op=op)
        yield text


def read_json(path: Path, expected: str) -> dict[str, Any]:
    """The names and values in a file of JSON; ValueError with the path if it has none."""
    try:
        found = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise unreadable(path, expected, "no JSON") from error
    if not isinstance(found, dict):
        raise unreadable(path, expected, f"JSON of a {type(found).__name__}")
    return found


def unreadable(path: Path, expected: str, found: str) -> ValueError:
    """The error for a file that is not what it should be."""
    return ValueError(f"{path} cannot be read: {expected} expected, {found} found", op="load")
