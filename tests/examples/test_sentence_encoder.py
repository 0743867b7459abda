"""A pre-trained encoder of sentences, examples/sentence_encoder.py, beside the same in NumPy's float64."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import brasa
from examples.sentence_encoder import HEADS, LAYERS, SENTENCES, find_folder, load_encoder, tokenize

Arrays = dict[str, Any]
ERF = np.vectorize(math.erf)


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the model is, if its package is installed."""
    pytest.importorskip("tokenizers")
    found = find_folder()
    if found is None:
        pytest.skip("the package with the model is not installed")
    return found


def dense(weights: Arrays, name: str, x: Any) -> Any:
    """A linear layer."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(weights: Arrays, name: str, x: Any) -> Any:
    """A layer norm."""
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attend(weights: Arrays, name: str, x: Any, mask: Any) -> Any:
    """Attention of every word to those that the mask shows."""
    count, length, width = x.shape
    q, k, v = (dense(weights, f"{name}.{part}", x).reshape(count, length, HEADS, -1).swapaxes(1, 2)
               for part in ("query", "key", "value"))  # fmt: skip
    scores = q @ k.swapaxes(2, 3) / math.sqrt(width // HEADS)
    scores = np.where(mask[:, None, None], scores, -np.inf)
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return (raised / raised.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(count, length, width)


def encode(weights: Arrays, tokens: Any, mask: Any) -> Any:
    """The vectors of sentences."""
    tables = {part: weights[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type")}
    x = tables["word"][tokens] + tables["position"][: tokens.shape[1]] + tables["token_type"][0]
    x = norm(weights, "embeddings.LayerNorm", x)
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        seen = dense(weights, f"{name}.attention.output.dense", attend(weights, f"{name}.attention.self", x, mask))
        x = norm(weights, f"{name}.attention.output.LayerNorm", seen + x)
        inner = dense(weights, f"{name}.intermediate.dense", x)
        inner = inner * (1 + ERF(inner / math.sqrt(2))) / 2
        x = norm(weights, f"{name}.output.LayerNorm", dense(weights, f"{name}.output.dense", inner) + x)
    mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def test_vectors(folder: Path) -> None:
    tokens, mask = tokenize(folder, SENTENCES)
    assert mask.sum(1).tolist() == [9, 10, 9, 10] and tokens.shape == (4, 10)
    weights = {name: array.astype(np.float64) for name, array in load_file(folder / "model.safetensors").items()}
    model = load_encoder(folder)
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_713_216
    with brasa.no_grad():
        vectors = model(tokens, mask)
        compiled = brasa.compile(model)
        assert brasa.equal(compiled(tokens, mask), vectors)
        alone = tokenize(folder, SENTENCES[:1])
        assert brasa.allclose(compiled(*alone)[0], vectors[0], atol=1e-6)  # padding changes nothing
    expected = encode(weights, tokens.numpy(), mask.numpy())
    assert np.abs(vectors.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()
    similar = (vectors @ vectors.T).numpy()
    assert similar[0, 1] > 0.5 and similar[2, 3] > 0.4 and similar[:2, 2:].max() < 0.1
