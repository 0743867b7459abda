"""examples/digits_cnn.py at a small size: it learns, and compiled it does to the last bit what it does eagerly."""

from __future__ import annotations

import pytest

import brasa
from examples import digits_cnn

pytest.importorskip("sklearn")
progress = pytest.importorskip("rich.progress")


def test_digits() -> None:
    digits = digits_cnn.load_digits()
    with progress.Progress(disable=True) as bars:
        eager, compiled = (digits_cnn.train(digits, way, bars, epochs=3) for way in (False, True))
    assert eager.losses == compiled.losses and len(eager.losses) == 3 * 23
    for pair in zip(eager.model.parameters(), compiled.model.parameters(), strict=True):
        assert brasa.equal(*pair)
    assert eager.losses[0] > 2.2 and eager.accuracies[-1] > 0.8
