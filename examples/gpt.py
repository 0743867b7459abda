"""A small GPT learns to write: causal attention, tied weights, a schedule, checkpoints, and sampling with a cache.

It reads Python's own manual, which every Python has in itself, or what `--text` names, as byte pairs or characters. Run
it with `--compiled` to compile the training step and the model that writes. With `--checkpoint FILE` a run that was
stopped goes on, to the same bits.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import brasa
from brasa import Tensor, nn, optim
from brasa.nn import functional as F
from brasa.text import CharacterTokenizer, SubwordTokenizer

if TYPE_CHECKING:
    from rich.progress import Progress

Past = list[Tensor]  # of each layer: the keys and values so far, float32[2, n, heads, t, width]
Step = Callable[[Tensor, Tensor], Tensor]


class Attention(nn.Module):
    """Every token looks at itself and those before it (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """past: the keys and values of the tokens before x, which is then one token."""
        parts = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        known = parts[1:] if past is None else brasa.cat([past, parts[1:]], 3)
        dropout = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(parts[0], *known, dropout_p=dropout, is_causal=past is None)
        return self.out(seen.transpose(1, 2).flatten(2)), known


class Block(nn.Module):
    """Attention, then two dense layers; what each adds to its input."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        seen, past = self.attention(self.norm1(x), past)
        x = x + self.dropout(seen)
        return x + self.dropout(self.dense(self.norm2(x))), past


class GPT(nn.Module):
    """Scores for the next token, at each token of a text (Radford et al. 2019)."""

    def __init__(
        self, tokens: int, context: int = 64, width: int = 128, layers: int = 2, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.context = context
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)
        self.head.weight = self.tokens.weight
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                last = name.endswith(("attention.out.weight", "dense.2.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor, past: Past | None = None, places: Tensor | None = None) -> tuple[Tensor, Past]:
        """Scores float32[n, t, tokens], and the keys and values, for ids int64[n, t].

        past: the keys and values of tokens before them; places int64[t]: where the ids stand, if not at the start. That
        is a tensor, not a number, so that one compiled program is right for all places.
        """
        x = self.tokens(ids) + self.places(brasa.arange(ids.shape[1]) if places is None else places)
        known: Past = []
        for number, block in enumerate(self.blocks):
            x, each = block(x, None if past is None else past[number])
            known.append(each)
        return self.head(self.norm(x)), known


class Training:
    """A model in training, which can be saved after any step. rate: the highest learning rate, after the warm-up."""

    def __init__(self, model: GPT, steps: int, rate: float = 0.004, warmup: int = 20, compiled: bool = False) -> None:
        self.model, self.steps, self.losses = model, steps, []  # type: ignore[var-annotated]
        parameters = list(model.parameters())
        groups = [
            {"params": [each for each in parameters if each.ndim >= 2], "weight_decay": 0.1},
            {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))
        self.scheduler = optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: share(step, warmup, steps))
        self.step: Step = brasa.compile(self._step) if compiled else self._step

    def _step(self, ids: Tensor, following: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        scores, _ = self.model(ids)
        loss = F.cross_entropy(scores.flatten(0, 1), following.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss

    def run(self, text: Tensor, count: int, progress: Progress, until: int | None = None) -> None:
        """Train on batches of `count` pieces of the text int64[n], up to the last step, or to step `until`."""
        bar = progress.add_task("training", total=self.steps, completed=len(self.losses))
        while len(self.losses) < (until or self.steps):
            self.losses.append(self.step(*draw(text, count, self.model.context)).item())
            self.scheduler.step()
            progress.update(bar, advance=1, description=f"loss {self.losses[-1]:.3f}")

    def save(self, path: Path) -> None:
        """Write all that it takes to go on, the state of the random numbers too."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "scheduler")}
        brasa.save({**parts, "losses": self.losses, "random": brasa.get_rng_state()}, path)

    def load(self, path: Path) -> None:
        """Go on from what was written."""
        parts = brasa.load(path)
        for name in ("model", "optimizer", "scheduler"):
            getattr(self, name).load_state_dict(parts[name])
        self.losses = parts["losses"]
        brasa.set_rng_state(parts["random"])


def share(step: int, warmup: int, steps: int) -> float:
    """The share of the highest learning rate: it rises in a line, then falls to a tenth in half a cosine."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2


def draw(text: Tensor, count: int, context: int, generator: brasa.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Pieces int64[count, context] of a text int64[n], and what follows each of their tokens."""
    starts = brasa.randint(len(text) - context, (count, 1), generator=generator)
    pieces = text[starts + brasa.arange(context + 1)]
    return pieces[:, :-1], pieces[:, 1:]


@brasa.no_grad()
def evaluate(model: GPT, text: Tensor, count: int = 16) -> float:
    """The mean loss over eight batches, always the same ones."""
    model.eval()
    generator, losses = brasa.Generator().manual_seed(0), []
    for _ in range(8):
        ids, following = draw(text, count, model.context, generator)
        losses.append(F.cross_entropy(model(ids)[0].flatten(0, 1), following.flatten()).item())
    model.train()
    return sum(losses) / len(losses)


def sample(scores: Tensor, temperature: float, top_k: int) -> Tensor:
    """One token for each row of scores[n, tokens], among the top_k best: int64[n, 1]. temperature 0: the best."""
    if temperature == 0:
        return scores.argmax(1, keepdim=True)
    best, tokens = (scores / temperature).topk(min(top_k, scores.shape[1]))
    return tokens.gather(1, brasa.multinomial(best.softmax(1), 1))


@brasa.no_grad()
def generate(
    model: GPT, ids: Tensor, count: int, temperature: float = 0.8, top_k: int = 50, cached: bool = True
) -> Tensor:
    """Texts ids[n, t] with `count` tokens more. cached: keys and values of known tokens are not computed again."""
    first, past = 0, None  # type: ignore[var-annotated]
    for _ in range(count):
        if ids.shape[1] - first > model.context:  # it looks at the last half from now on
            first, past = ids.shape[1] - model.context // 2, None
        if past is None:
            scores, known = model(ids[:, first:])
        else:
            scores, known = model(ids[:, -1:], past, brasa.tensor([ids.shape[1] - first - 1]))
        past = known if cached else None
        ids = brasa.cat([ids, sample(scores[:, -1], temperature, top_k)], 1)
    return ids


def read_text(path: Path | None) -> str:
    """The text in a file, or Python's manual."""
    if path is not None:
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n".join(topics.values())


def main() -> int:
    """Train, and let the model write; 1 if the loss is not below 60 % of what it was."""
    from rich.console import Console
    from rich.progress import Progress

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, help="a file to learn from, instead of Python's manual")
    parser.add_argument("--tokens", choices=("pairs", "characters"), default="pairs")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--checkpoint", type=Path, help="where to save every 50 steps; if it is there, go on from it")
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    brasa.manual_seed(0)
    text = read_text(wanted.text)
    pairs = wanted.tokens == "pairs"
    tokenizer = SubwordTokenizer.train([text], 512) if pairs else CharacterTokenizer.train([text], min_freq=10)
    ids = tokenizer.encode(text)
    learnt, test = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    model = GPT(len(tokenizer))
    before = evaluate(model, test)
    training = Training(model, wanted.steps, compiled=wanted.compiled)
    if wanted.checkpoint and wanted.checkpoint.exists():
        training.load(wanted.checkpoint)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with Progress(console=console) as progress:
        for until in [*range(50, wanted.steps, 50), wanted.steps]:
            training.run(learnt, 64, progress, until)
            if wanted.checkpoint:
                training.save(wanted.checkpoint)
    after = evaluate(model, test)
    model.eval()
    writer = brasa.compile(model) if wanted.compiled else model
    start = perf_counter()
    written = generate(writer, tokenizer.encode("The ")[None], 200)
    console.print(f"200 tokens in {perf_counter() - start:.1f} s:\n{tokenizer.decode(written[0])}")
    console.print(
        f"After {wanted.steps} steps, the loss of text that the model has not seen is {after:.2f} instead of "
        f"{before:.2f}: {after / before:.0%}."
    )
    return int(after >= 0.6 * before)


if __name__ == "__main__":
    raise SystemExit(main())
