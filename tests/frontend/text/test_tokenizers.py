"""Tokenizers: texts come back, batches are padded, files give the same tokenizer, and what is wrong is said."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.text import CharacterTokenizer, SubwordTokenizer, Vocab

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest, and low"]


def tokenizer_of(kind: str) -> Any:
    """A tokenizer of TEXTS."""
    if kind == "subwords":
        pytest.importorskip("tokenizers")
        return SubwordTokenizer.train(TEXTS, 270)
    return CharacterTokenizer.train(TEXTS)


@pytest.fixture(params=["characters", "subwords"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """Each kind."""
    return tokenizer_of(request.param)


def test_texts_come_back(tokenizer: Any) -> None:
    for text in [*TEXTS, "west wind", ""]:
        ids = tokenizer.encode(text)
        assert ids.dtype is brasa.int64 and ids.ndim == 1
        assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == text
        assert all(0 < index < len(tokenizer) for index in ids.tolist())


def test_batches(tokenizer: Any) -> None:
    texts = ["low", "", "newest wide"]
    rows = [tokenizer.encode(text).tolist() for text in texts]
    ids, mask = tokenizer.encode_batch(iter(texts))
    assert ids.dtype is brasa.int64 and mask.dtype is brasa.bool
    assert ids.shape == mask.shape == (3, max(map(len, rows)))
    assert mask.sum(1).tolist() == [len(row) for row in rows]
    assert [row[: len(known)].tolist() for row, known in zip(ids, rows, strict=True)] == rows
    assert (ids[~mask] == tokenizer.padding_index).all() and (ids[mask] != tokenizer.padding_index).all()
    assert tokenizer.decode_batch(ids) == texts
    left = tokenizer.encode_batch(texts, padding_side="left")
    assert tokenizer.decode_batch(left.ids) == texts
    assert np.array_equal(left.attention_mask.numpy(), mask.numpy()[:, ::-1])
    short = tokenizer.encode_batch(texts, max_length=2)
    assert short.ids.tolist()[2] == rows[2][:2] and short.attention_mask.sum(1).tolist() == [min(2, len(rows[0])), 0, 2]
    assert tokenizer.encode_batch([]).ids.shape == (0, 0)


def test_files(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "a.json")
    again = type(tokenizer).load(tmp_path / "a.json")
    assert len(again) == len(tokenizer) and again.padding_index == tokenizer.padding_index
    for mine, other in zip(tokenizer.encode_batch(TEXTS), again.encode_batch(TEXTS), strict=True):
        assert brasa.equal(mine, other)


def test_characters() -> None:
    made = CharacterTokenizer.train(["abca", "aé"], min_freq=1, specials=["<pad>", "<end>"])
    assert made.vocab.get_itos() == ["<pad>", "<end>", "<unk>", "a", "b", "c", "é"]
    assert made.encode("aéz").tolist() == [3, 6, 2]
    assert made.decode([3, 6, 2, 1, 0]) == "aé\N{REPLACEMENT CHARACTER}"
    strict = CharacterTokenizer(Vocab(["<pad>", "a"]), unknown=None)
    with pytest.raises(KeyError, match="'b' is none of the 2 tokens"):
        strict.encode("ab")


def test_byte_pairs() -> None:
    """The first merges are those that counting by hand gives; bytes that no text had are tokens too."""
    pytest.importorskip("tokenizers")
    made = SubwordTokenizer.train(["low low low lowest", "new new slow"], 260, specials=["<pad>", "<end>"])
    assert [made.library.id_to_token(index) for index in (0, 1, 258, 259)] == ["<pad>", "<end>", "lo", "low"]
    assert made.encode("slow").tolist() == [made.library.token_to_id("s"), 259]
    ids = made.encode("naïve 🙂\n\t<end>low")
    assert made.decode(ids) == "naïve 🙂\n\tlow" and ids.tolist()[-2:] == [1, 259]
    assert SubwordTokenizer.train(TEXTS, 400, min_frequency=10**6).library.get_vocab_size() == 257


def test_files_of_others(tmp_path: Path) -> None:
    """A file that the library wrote is read, with the padding that it names or that is given."""
    library = pytest.importorskip("tokenizers")
    other = library.Tokenizer(library.models.WordLevel({"[PAD]": 0, "[UNK]": 1, "low": 2, "new": 3}, "[UNK]"))
    other.pre_tokenizer = library.pre_tokenizers.Whitespace()
    other.add_special_tokens(["[PAD]", "[UNK]"])
    other.save(str(tmp_path / "plain.json"))
    with pytest.raises(
        ValueError, match=r"does not say which token is for padding\n  hint: pass padding=, such as '\["
    ):
        SubwordTokenizer.load(tmp_path / "plain.json")
    with pytest.raises(ValueError, match="there is no token '<pad>' for padding"):
        SubwordTokenizer.load(tmp_path / "plain.json", padding="<pad>")
    made = SubwordTokenizer.load(tmp_path / "plain.json", padding="[PAD]")
    other.enable_padding(pad_id=0, pad_token="[PAD]", length=9)
    other.save(str(tmp_path / "padded.json"))
    for each in (made, SubwordTokenizer.load(tmp_path / "padded.json")):
        assert each.encode_batch(["new low", "wide"]).ids.tolist() == [[3, 2], [1, 0]]
        assert each.decode([3, 2, 0]) == "new low"
    assert SubwordTokenizer.load(tmp_path / "plain.json", padding="new").decode([3, 2, 3]) == "low"


MISTAKES: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda made: made.encode(3), TypeError, "encode: a text is a str, found int"),
    (lambda made: made.encode_batch("text"), TypeError,
     "encode_batch: expects several texts, found the one string 'text'\n  hint: put it in a list"),
    (lambda made: made.encode_batch(["a", None]), TypeError,
     "encode_batch: a text is a str, found NoneType"),
    (lambda made: made.encode_batch(["a"], padding_side="top"), ValueError,
     "encode_batch: padding_side must be left or right, not 'top'"),
    (lambda made: made.decode([1, 10**6]), IndexError, "decode: there is no token 1000000, they are 0.."),
    (lambda made: made.decode([-1]), IndexError, "decode: there is no token -1, they are 0.."),
    (lambda made: made.decode(brasa.tensor([[1], [2]])), TypeError,
     "decode: expects one row of numbers, found several\n  hint: use decode_batch"),
    (lambda made: made.decode(brasa.tensor(1)), TypeError, "decode: expects a row of numbers, found int"),
    (lambda made: type(made).train("text", *[300] * isinstance(made, SubwordTokenizer)), TypeError,
     "train: expects several texts, found the one string 'text'\n  hint: put it in a list"),
    (lambda made: type(made).train([1], *[300] * isinstance(made, SubwordTokenizer)), TypeError,
     "train: a text is a str, found int"),
    (lambda made: type(made).train(TEXTS, *[300] * isinstance(made, SubwordTokenizer), specials=()),
     ValueError, "there must be a special token for padding"),
    (lambda made: type(made).load("/nowhere/a.json"), FileNotFoundError, "/nowhere/a.json"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES)
def test_mistakes(tokenizer: Any, mistake: Callable[[Any], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        mistake(tokenizer)


def test_mistakes_of_characters() -> None:
    with pytest.raises(ValueError, match="CharacterTokenizer: the vocabulary has no '<unk>'"):
        CharacterTokenizer(Vocab(["<pad>", "a"]))


def test_mistakes_of_byte_pairs() -> None:
    pytest.importorskip("tokenizers")
    message = "train: vocab_size must be at least 257, for the 256 bytes and the 1 special tokens; it is 256"
    with pytest.raises(ValueError, match=f"^{message}$"):
        SubwordTokenizer.train(TEXTS, 256)


@pytest.mark.parametrize(
    ("held", "found"),
    [("{", "no JSON"), ("\xff", "no JSON"), ("[1]", "JSON of a list"), ('{"a": 1}', "JSON (with a|of another kind)")],
)
def test_files_of_something_else(tokenizer: Any, tmp_path: Path, held: str, found: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(held.encode("latin1"))
    with pytest.raises(ValueError, match=f"load: {path} cannot be read: a .* expected, {found}"):
        type(tokenizer).load(path)


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for use in (lambda: SubwordTokenizer.train(TEXTS, 300), lambda: SubwordTokenizer.load("a.json")):
        with pytest.raises(ImportError, match=r'needs tokenizers: pip install "brasa\[text\]"'):
            use()
