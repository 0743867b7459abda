"""examples/actor_critic.py: it learns, with the same bits compiled, by one program for episodes of all lengths."""

from __future__ import annotations

import numpy as np
import pytest

from examples import actor_critic
from tests.compiling import assert_compiles

pytest.importorskip("gymnasium")


def test_compiled() -> None:
    """Two programs, for actions and updates, do for episodes of all lengths what eager code does."""
    runs = []
    for compiled, programs in ((False, 0), (True, 2)):
        with assert_compiles(programs):
            runs.append(actor_critic.train(8, compiled))
    weights = [[parameter.detach().numpy() for parameter in model.parameters()] for model, _ in runs]
    assert len(runs[0][1]) == 8 and runs[0][1] == runs[1][1]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_it_learns() -> None:
    """The figure that the example claims, at its full size."""
    _, returns = actor_critic.train(actor_critic.EPISODES, compiled=True)
    assert np.mean(returns[:5]) < 40 and np.mean(returns[-actor_critic.MEANT :]) >= 150


def test_targets() -> None:
    """The returns after each number of steps, where the critic goes on, in the shares that DECAY gives them."""
    noise = np.random.default_rng(0)
    rewards, values = noise.normal(size=6), noise.normal(size=7)
    discount, decay = actor_critic.DISCOUNT, actor_critic.DECAY
    expected = []
    for start in range(6):
        after = [
            sum(discount**i * rewards[start + i] for i in range(steps)) + discount**steps * values[start + steps]
            for steps in range(1, 7 - start)
        ]
        shares = [(1 - decay) * decay**i for i in range(len(after) - 1)] + [decay ** (len(after) - 1)]
        expected.append(np.dot(shares, after))
    assert np.allclose(actor_critic.targets_of(rewards.tolist(), values.tolist()).numpy(), expected, atol=1e-6)
