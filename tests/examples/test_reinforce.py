"""examples/reinforce.py: it learns, with the same bits compiled, by one program for episodes of all lengths."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import brasa
from examples import reinforce
from tests.compiling import assert_compiles

pytest.importorskip("gymnasium")


def test_compiled() -> None:
    """Two programs, for actions and updates, do for episodes of all lengths what eager code does."""
    runs = []
    for compiled, programs in ((False, 0), (True, 2)):
        with assert_compiles(programs):
            runs.append(reinforce.train(8, compiled))
    weights = [[parameter.detach().numpy() for parameter in policy.parameters()] for policy, _ in runs]
    assert len(runs[0][1]) == 8 and runs[0][1] == runs[1][1]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_it_learns() -> None:
    """The figure that the example claims, at its full size."""
    _, returns = reinforce.train(reinforce.EPISODES, compiled=True)
    assert np.mean(returns[:20]) < 40 and np.mean(returns[-reinforce.MEANT :]) >= 150


def test_whole_episode_compiled() -> None:
    """A compiled loop over the steps of an environment, which ends when the data say so, plays the same episodes."""
    import gymnasium

    episodes = []
    for wrap in (lambda play: play, brasa.compile):
        brasa.manual_seed(0)
        environment = gymnasium.make("CartPole-v1", max_episode_steps=5)
        environment.reset(seed=0)
        act, _ = reinforce.make_functions(reinforce.Policy(hidden=8), compiled=False)
        play = wrap(reinforce.play)
        episodes.append([play(environment, act) for _ in range(2)])
        environment.close()
    for eager, compiled in zip(*episodes, strict=True):
        assert brasa.equal(eager[0], compiled[0]) and brasa.equal(eager[1], compiled[1])
        assert eager[2] == compiled[2]


def test_discounted() -> None:
    found = reinforce.discounted([1.0] * 40).numpy()
    left = np.arange(40, 0, -1)
    assert np.allclose(found, (1 - reinforce.DISCOUNT**left) / (1 - reinforce.DISCOUNT))


def test_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Too few episodes are not enough, and it says so."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(sys, "argv", ["reinforce.py", "--episodes", "3", "--output", str(tmp_path)])
    assert reinforce.main() == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("The mean return of the last 50 of 3 episodes is ")
    assert (tmp_path / "reinforce.png").exists()
