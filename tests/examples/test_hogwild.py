"""The example examples/hogwild.py at a small size."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

import brasa
from brasa.utils.data import Subset
from examples import hogwild

pytest.importorskip("sklearn")


def test_hogwild() -> None:
    """The processes' losses fall, the model learns, and no process is lost."""
    learnt, tested = hogwild.load_digits()
    brasa.manual_seed(0)
    model = hogwild.Net()
    before = hogwild.accuracy(model, tested)
    told = hogwild.train_together(model, learnt, processes=2, epochs=2, compiled=False)
    assert sorted(row[:2] for row in told) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    losses = {(number, epoch): loss for number, epoch, loss in told}
    assert losses[0, 1] < losses[0, 0] and losses[1, 1] < losses[1, 0]
    assert before < 0.3 and hogwild.accuracy(model, tested) > 0.6  # how much depends on the race
    assert multiprocessing.active_children() == []


def test_compiled() -> None:
    """One process alone gives the same bits compiled."""
    learnt = Subset(hogwild.load_digits()[0], range(320))
    threads, weights = brasa.get_num_threads(), []
    for compiled in (False, True):
        brasa.manual_seed(0)
        model = hogwild.Net()
        model.share_memory()
        hogwild.train(0, model, learnt, 1, compiled, None)
        weights.append([parameter.detach().numpy() for parameter in model.parameters()])
    brasa.set_num_threads(threads)
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
