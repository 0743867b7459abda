"""examples/dqn.py: it learns, with the same bits compiled, by one program however full its memory is."""

from __future__ import annotations

import numpy as np
import pytest

import brasa
from examples import dqn
from tests.compiling import assert_compiles

pytest.importorskip("gymnasium")


def test_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs, for actions and updates, do what eager code does, however full the memory is."""
    monkeypatch.setattr(dqn, "WARM", 60)
    runs = []
    for compiled, programs in ((False, 0), (True, 2)):
        with assert_compiles(programs):
            runs.append(dqn.train(6, compiled))
    weights = [[parameter.detach().numpy() for parameter in network.parameters()] for network, _ in runs]
    assert sum(runs[0][1]) > 100 and runs[0][1] == runs[1][1]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_it_learns() -> None:
    _, returns = dqn.train(60, compiled=True)
    assert np.mean(returns[:40]) < 25 and np.mean(returns[-6:]) > 100


def test_update_follows_the_targets() -> None:
    """With a memory of one transition that ends, both networks come to know its reward."""
    brasa.manual_seed(0)
    network = dqn.QNetwork(hidden=8)
    act, update = dqn.make_functions(network, compiled=True)
    state = np.array([0.1, -0.2, 0.3, 0.4], np.float32)
    memory = dqn.Memory()
    memory.add(state, 1, 5.0, state, True)
    for _ in range(800):
        update(memory.rows, brasa.tensor(1))
    assert abs(network(brasa.from_numpy(state))[1].item() - 5) < 0.1
    assert act(brasa.from_numpy(state)).item() == 1


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new takes the place of what is oldest."""
    monkeypatch.setattr(dqn, "CAPACITY", 3)
    memory = dqn.Memory()
    for number in range(5):
        memory.add([number] * 4, number % 2, 1.0, [number + 1] * 4, number == 4)
    assert memory.rows[:, 0].tolist() == [3, 4, 2]
    assert memory.rows[1].tolist() == [4, 4, 4, 4, 0, 1, 5, 5, 5, 5, 1]
