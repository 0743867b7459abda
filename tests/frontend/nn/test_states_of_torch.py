"""Models' states to PyTorch and back through files: the same keys, the same values, the same outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa


def residual_network(library: Any) -> Any:
    """Convolutions with batch norms around which the input is led, at two widths."""
    nn = library.nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(after)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(inner + self.downsample(x))

    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), Block(4, 4, 1), Block(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 5),
    )  # fmt: skip


def recurrent_network(library: Any) -> Any:
    """Two layers of an LSTM that reads words both ways."""
    nn = library.nn

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 6, padding_idx=0)
            self.lstm = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
            self.head = nn.Linear(10, 3)

        def forward(self, words: Any) -> Any:
            return self.head(self.lstm(self.embedding(words))[0])

    return Reader()


def transformer(library: Any) -> Any:
    """An encoder and a decoder."""
    nn = library.nn

    class Translator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 8)
            self.body = nn.Transformer(8, 2, 2, 1, 16, dropout=0.1, batch_first=True)
            self.head = nn.Linear(8, 11, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, words: Any) -> Any:
            x = self.embedding(words)
            return self.head(self.body(x, x[:, :3]))

    return Translator()


RNG = np.random.default_rng(0)
IMAGES, WORDS = RNG.standard_normal((2, 3, 8, 8), np.float32), RNG.integers(0, 11, (2, 5))
MODELS = {residual_network: IMAGES, recurrent_network: WORDS, transformer: WORDS}


def result(library: Any, model: Any, given: Any) -> Any:
    """What a model gives in evaluation."""
    model.eval()
    with library.no_grad():
        return model(library.from_numpy(given)).numpy()


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_states_go_there_and_back(build: Any, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    given = MODELS[build]
    for number, (first, second) in enumerate(((brasa, torch), (torch, brasa))):
        first.manual_seed(number)
        one, other = build(first), build(second)
        if build is residual_network:
            one(first.from_numpy(given))  # so that the batch norms have seen something
        path = tmp_path / f"{number}.pt"
        first.save(one.state_dict(), path)
        other.load_state_dict(second.load(path))
        ours, theirs = one.state_dict(), other.state_dict()
        assert list(ours) == list(theirs)
        assert all(np.array_equal(ours[key].numpy(), theirs[key].numpy()) for key in ours)
        expected, found = result(first, one, given), result(second, other, given)
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
        second.save(other.state_dict(), path)
        again = first.load(path)
        assert all(np.array_equal(again[key].numpy(), ours[key].numpy()) for key in ours)
