"""What a process grows by: as planned within 2 MB, and no more than eagerly. Measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GROWTH = Path(__file__).with_name("growth.py")
SLACK = 2 << 20

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is told by Linux alone")


def growth(model: str, way: str) -> tuple[int, int, int]:
    """The plan of two samples, whose arena is there before; the plan of all; and the growth."""
    run = subprocess.run([sys.executable, GROWTH, model, way], text=True, capture_output=True, check=True)
    small, planned, grown = map(int, run.stdout.split())
    return small, planned, grown


@pytest.mark.parametrize("model", [
    "perceptron", *(pytest.param(name, marks=pytest.mark.long) for name in ("convolutional", "transformer")),
])  # fmt: skip
@pytest.mark.parametrize("apart", ["", pytest.param(" checkpoint", marks=pytest.mark.long)])
def test_it_grows_as_planned_and_no_more_than_eagerly(model: str, apart: str) -> None:
    small, planned, grown = growth(model, f"compiled{apart}")
    assert abs(grown - (planned - small)) < SLACK
    assert grown < growth(model, f"eager{apart}")[2] + SLACK
