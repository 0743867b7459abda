"""examples/char_rnn.py at a small size: it learns, and writes what it has read."""

from __future__ import annotations

import pytest

import brasa
from examples import char_rnn

progress = pytest.importorskip("rich.progress")

SENTENCES = ["a cat sat on a mat and ate.", "a cat sat.", "no dog.", "and"]
LENGTHS = (16, 8)


class Trained:
    """A network after a few steps: the losses, and a way to go on."""

    def __init__(self, cell: str, compiled: bool, steps: int) -> None:
        brasa.manual_seed(0)
        self.tokenizer = char_rnn.CharacterTokenizer.train(SENTENCES)
        self.data = char_rnn.prepare(SENTENCES, self.tokenizer, LENGTHS)
        self.model = char_rnn.Writer(len(self.tokenizer), 8, 16, cell)
        step = char_rnn.make_step(self.model, rate=0.03)
        self.step = brasa.compile(step) if compiled else step
        self.losses: list[float] = []
        self.train(steps)

    def train(self, steps: int) -> None:
        """So many steps more."""
        with progress.Progress(disable=True) as bars:
            self.losses += char_rnn.train(self.step, self.data, steps, bars, count=2)


def test_learning() -> None:
    """Eager and compiled, losses and weights are equal bit for bit; two sentences are learnt by heart."""
    eager, compiled = (Trained("lstm", way, 5) for way in (False, True))
    assert eager.losses == compiled.losses
    for pair in zip(eager.model.parameters(), compiled.model.parameters(), strict=True):
        assert brasa.equal(*pair)
    compiled.train(45)
    assert compiled.losses[-1] < 0.2 * compiled.losses[0]
    assert char_rnn.write(compiled.model, compiled.tokenizer, "a", 8, temperature=0.01) == "a cat sat"


def test_gru() -> None:
    losses = Trained("gru", False, 15).losses
    assert losses[-1] < 0.5 * losses[0]


def test_sentences() -> None:
    text = "One is\nhere. Is two? \n\nThree has\n   no end\n\nx.y 1.5 z."
    assert char_rnn.split(text) == ["One is here.", "Is two?", "Three has no end", "x.y 1.5 z."]
    data = char_rnn.prepare(SENTENCES, char_rnn.CharacterTokenizer.train(SENTENCES), LENGTHS)
    assert {length: tuple(rows.shape) for length, rows in data.items()} == {16: (1, 17), 8: (1, 9)}
    assert len(char_rnn.read_text(None)) > 100_000


def test_batches() -> None:
    """What follows a character is its target; sentences stand side by side, packed."""
    data = {3: brasa.tensor([[1, 2, 3, 4]]), 1: brasa.tensor([[5, 6]])}
    sentences, following = char_rnn.draw(data, 2)
    assert sentences.batch_sizes.tolist() == [4, 2, 2]
    assert sentences.data.tolist() == [1, 1, 5, 5, 2, 2, 3, 3]
    assert following.data.tolist() == [2, 2, 6, 6, 3, 3, 4, 4]
