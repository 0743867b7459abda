"""examples/gpt.py at a small size: it learns, goes on where it was stopped, and writes the same without its cache."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import brasa
from brasa import Tensor
from examples import gpt

progress = pytest.importorskip("rich.progress")

TOKENS, CONTEXT, STEPS = 11, 12, 30


def start(steps: int, compiled: bool) -> gpt.Training:
    """The training of a new model, always the same one."""
    brasa.manual_seed(0)
    model = gpt.GPT(TOKENS, CONTEXT, width=16, layers=1, heads=2, dropout=0.1)
    return gpt.Training(model, steps, rate=0.03, warmup=3, compiled=compiled)


def text() -> Tensor:
    """Counting: after each token comes the next one."""
    return brasa.arange(500) % TOKENS


def trained(training: gpt.Training, until: int | None = None) -> gpt.Training:
    """The same, trained further."""
    with progress.Progress(disable=True) as bars:
        training.run(text(), 4, bars, until)
    return training


@pytest.fixture(scope="module")
def whole() -> gpt.Training:
    """Trained compiled, without a break."""
    return trained(start(STEPS, compiled=True))


def test_learning(whole: gpt.Training) -> None:
    """It learns to count."""
    assert math.isclose(whole.losses[0], math.log(TOKENS), rel_tol=0.02)
    assert sum(whole.losses[-5:]) < 0.6 * sum(whole.losses[:5])
    model = whole.model.eval()
    assert gpt.generate(model, brasa.tensor([[3]]), 8, temperature=0).tolist() == [[3, 4, 5, 6, 7, 8, 9, 10, 0]]


def test_resuming(tmp_path: Path) -> None:
    """What was stopped and goes on in another model gives what was not stopped, eager and compiled: the same bits."""
    straight = trained(start(6, compiled=False))
    trained(start(6, compiled=True), 3).save(tmp_path / "a")
    for compiled in (False, True):
        resumed = start(6, compiled)
        brasa.rand(3)
        resumed.load(tmp_path / "a")
        assert trained(resumed).losses == straight.losses
        for pair in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
            assert brasa.equal(*pair)
        assert resumed.scheduler.get_last_lr() == straight.scheduler.get_last_lr()


def test_cache() -> None:
    """Scores of tokens one by one are those of all at once, bit for bit; so are the texts, beyond the context too."""
    model = gpt.GPT(TOKENS, CONTEXT, width=16, layers=2, heads=2).eval()
    ids = brasa.randint(TOKENS, (3, CONTEXT))
    with brasa.no_grad():
        together, _ = model(ids)
        part, past = model(ids[:, :5])
        parts = [part]
        for place in range(5, CONTEXT):
            part, past = model(ids[:, place : place + 1], past, brasa.tensor([place]))
            parts.append(part)
    assert brasa.equal(brasa.cat(parts, 1), together)
    written = []
    for cached, writer in ((False, model), (True, model), (True, brasa.compile(model))):
        brasa.manual_seed(1)
        written.append(gpt.generate(writer, ids[:, :3], 2 * CONTEXT, temperature=0.05, cached=cached))
    assert brasa.equal(written[0], written[1]) and brasa.equal(written[0], written[2])


def test_sampling() -> None:
    """Only the best are drawn, as often as softmax says at this temperature."""
    scores, temperature = np.array([1.0, 3.0, 2.0, -1.0, 2.5]), 0.7
    rows = brasa.tensor(scores, dtype=brasa.float32).expand(20_000, 5)
    assert gpt.sample(rows[:2], 0, 3).tolist() == [[1], [1]]
    brasa.manual_seed(0)
    counts = gpt.sample(rows, temperature, 3).flatten().bincount(minlength=5).numpy()
    expected = np.exp(scores / temperature) * [0, 1, 1, 0, 1]
    assert np.allclose(counts / 20_000, expected / expected.sum(), atol=0.012) and counts[[0, 3]].sum() == 0


def test_parts() -> None:
    """Tied weights are one parameter; matrices decay, biases and norms do not; the rate rises and falls."""
    training = start(10, compiled=False)
    model = training.model
    assert model.head.weight is model.tokens.weight
    decays, others = training.optimizer.param_groups
    assert decays["weight_decay"] == 0.1 and all(each.ndim == 2 for each in decays["params"])
    assert others["weight_decay"] == 0.0 and all(each.ndim == 1 for each in others["params"])
    assert len(decays["params"]) == 2 + 4 and len(others["params"]) == 8 + 2
    shares = [gpt.share(step, 4, 24) for step in range(25)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0] and math.isclose(shares[14], 0.55) and math.isclose(shares[24], 0.1)
