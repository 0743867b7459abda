"""A recurrent network (LSTM or GRU) learns to write sentences, character by character.

It reads Python's own manual, which every Python has in itself, or what `--text` names. Sentences of unequal length are
packed, so that no time is spent on padding. Run it with `--compiled` to compile the training step.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brasa
from brasa import Tensor, nn, optim
from brasa.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence
from brasa.text import CharacterTokenizer

if TYPE_CHECKING:
    from rich.progress import Progress

# All batches hold equally many sentences of each of these lengths: packed, they have one form, and one program does.
LENGTHS = (96, 64, 48, 32)

Data = dict[int, Tensor]  # of each length: sentences int64[n, length + 1]
Step = Callable[[PackedSequence, PackedSequence], Tensor]


class Writer(nn.Module):
    """Scores for each next character. cell: "lstm" or "gru"."""

    def __init__(self, characters: int, width: int = 64, hidden: int = 256, cell: str = "lstm") -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](width, hidden)
        self.head = nn.Linear(hidden, characters)

    def forward(self, sentences: PackedSequence, state: Any = None) -> tuple[Tensor, Any]:
        """Sentences of numbers, and the state that they go on from: the scores as packed data, and the state after."""
        embedded = sentences._replace(data=self.embedding(sentences.data))
        seen, state = self.rnn(embedded, state)
        return self.head(seen.data), state


def read_text(path: Path | None) -> str:
    """The text in a file, or Python's manual."""
    if path is not None:
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n\n".join(topics.values())


def split(text: str) -> list[str]:
    """The sentences of a text: what ends in a full stop, or in an empty line."""
    paragraphs = (" ".join(each.split()) for each in re.split(r"\n\s*\n", text))
    return [sentence for each in paragraphs for sentence in re.split(r"(?<=[.!?]) ", each) if sentence]


def prepare(sentences: Iterable[str], tokenizer: CharacterTokenizer, lengths: tuple[int, ...]) -> Data:
    """Sentences by length: each is cut to the longest that it has, and left out if it is shorter than all."""
    found: dict[int, list[str]] = {length: [] for length in lengths}
    for sentence in sentences:
        length = next((length for length in lengths if length < len(sentence)), None)
        if length is not None:
            found[length].append(sentence)
    return {length: tokenizer.encode_batch(each, length + 1).ids for length, each in found.items()}


def draw(data: Data, count: int, generator: brasa.Generator | None = None) -> tuple[PackedSequence, PackedSequence]:
    """A batch: `count` sentences of each length, and what follows each of their characters, packed."""
    lengths = [length for length in data for _ in range(count)]
    batch = brasa.zeros(len(lengths), max(lengths) + 1, dtype=brasa.int64)
    for number, (length, sentences) in enumerate(data.items()):
        chosen = sentences[brasa.randint(len(sentences), (count,), generator=generator)]
        batch[number * count : (number + 1) * count, : length + 1] = chosen
    return (
        pack_padded_sequence(batch[:, :-1], lengths, batch_first=True),
        pack_padded_sequence(batch[:, 1:], lengths, batch_first=True),
    )


def make_step(model: Writer, rate: float = 0.004) -> Step:
    """One step of training, as a function of a batch."""
    optimizer = optim.Adam(model.parameters(), lr=rate)

    def step(sentences: PackedSequence, following: PackedSequence) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(sentences)[0], following.data)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


def train(step: Step, data: Data, steps: int, progress: Progress, count: int = 16) -> list[float]:
    """The losses of the steps, in batches of `count` sentences of each length."""
    bar, losses = progress.add_task("training", total=steps), []
    for _ in range(steps):
        losses.append(step(*draw(data, count)).item())
        progress.update(bar, advance=1, description=f"loss {losses[-1]:.3f}")
    return losses


@brasa.no_grad()
def evaluate(model: Writer, data: Data, count: int = 16) -> float:
    """The mean loss over eight batches, always the same ones."""
    generator, losses = brasa.Generator().manual_seed(0), []
    for _ in range(8):
        sentences, following = draw(data, count, generator)
        losses.append(nn.functional.cross_entropy(model(sentences)[0], following.data).item())
    return sum(losses) / len(losses)


@brasa.no_grad()
def write(model: Writer, tokenizer: CharacterTokenizer, start: str, count: int, temperature: float = 0.7) -> str:
    """A text that begins with `start`, and `count` more characters, drawn one by one."""
    ids = tokenizer.encode(start)
    new, state = ids, None
    for _ in range(count):
        scores, state = model(pack_sequence([new]), state)
        new = brasa.multinomial(nn.functional.softmax(scores[-1] / temperature, 0), 1)
        ids = brasa.cat([ids, new])
    return tokenizer.decode(ids)


def main() -> int:
    """Train, and let the network write; 1 if the loss is not below 60 % of what it was."""
    from rich.console import Console
    from rich.progress import Progress

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, help="a file to learn from, instead of Python's manual")
    parser.add_argument("--cell", choices=("lstm", "gru"), default="lstm")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    brasa.manual_seed(0)
    sentences = split(read_text(wanted.text))
    tokenizer = CharacterTokenizer.train(sentences, min_freq=10)
    sentences = [sentences[place] for place in brasa.randperm(len(sentences)).tolist()]
    kept = len(sentences) // 10
    test, learnt = (prepare(part, tokenizer, LENGTHS) for part in (sentences[:kept], sentences[kept:]))
    model = Writer(len(tokenizer), cell=wanted.cell)
    step = make_step(model)
    before = evaluate(model, test)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with Progress(console=console) as progress:
        train(brasa.compile(step) if wanted.compiled else step, learnt, wanted.steps, progress)
    after = evaluate(model, test)
    console.print(write(model, tokenizer, "The ", 300))
    console.print(
        f"After {wanted.steps} steps, the loss of sentences that the network has not seen is {after:.2f} instead of "
        f"{before:.2f}: {after / before:.0%}."
    )
    return int(after >= 0.6 * before)


if __name__ == "__main__":
    raise SystemExit(main())
