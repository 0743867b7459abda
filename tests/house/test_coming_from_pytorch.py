"""docs/coming-from-pytorch.md says what is so: of brasa everywhere, of PyTorch where it is installed."""

from __future__ import annotations

import pytest

import brasa
from brasa.compat.facts import VERSION
from tests.house.pytorch_names import outcome, relist, retable
from tests.house.source import ROOT

PAGE = ROOT / "docs" / "coming-from-pytorch.md"


def test_tables_say_what_brasa_does(request: pytest.FixtureRequest) -> None:
    made = retable(PAGE.read_text(), None)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(made)
    assert made == PAGE.read_text()


def test_tables_and_names_against_pytorch(request: pytest.FixtureRequest) -> None:
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith(VERSION):
        pytest.skip(f"the page is about PyTorch {VERSION}")
    made = relist(retable(PAGE.read_text(), torch), torch)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(made)
    assert made == PAGE.read_text()
    differing = [line.strip("| ").split(" | ") for line in made.splitlines() if line.startswith("| `torch")]
    assert differing and all(theirs != ours for _, theirs, ours in differing)


def test_outcomes() -> None:
    assert outcome("x = torch.ones(2); x[0] = 2; x", brasa) == "`[2.0, 1.0]`"
    assert outcome("torch.ones(2).nothing", brasa) == "raises `AttributeError`"
