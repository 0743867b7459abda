"""schedule: which steps are recorded, as PyTorch has it."""

from __future__ import annotations

from itertools import product

import pytest

from brasa.ir.errors import ValueError
from brasa.profiler import ProfilerAction, schedule


def test_steps() -> None:
    action = schedule(wait=1, warmup=2, active=2, repeat=1, skip_first=1)
    words = [action(step).name for step in range(8)]
    assert words == ["NONE", "NONE", "WARMUP", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "NONE"]


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="schedule: wait=1, warmup=0, active=0, repeat=0, skip_first=0: negative, or"):
        schedule(wait=1, warmup=0, active=0)


def test_the_same_as_pytorch() -> None:
    theirs = pytest.importorskip("torch.profiler")
    for wait, warmup, active, repeat, skip in product((0, 1, 3), (1, 2), (1, 3), (0, 2), (0, 4)):
        words = {"wait": wait, "warmup": warmup, "active": active, "repeat": repeat, "skip_first": skip}
        mine, its = schedule(**words), theirs.schedule(**words)
        assert [mine(step).name for step in range(30)] == [its(step).name for step in range(30)], words
    assert all(theirs.ProfilerAction[each.name].value == each.value for each in ProfilerAction)
