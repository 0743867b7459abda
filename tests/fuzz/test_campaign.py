"""`make fuzz` outlives the programs that it runs."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.fuzz import __main__ as campaigns
from tests.fuzz.seeds import FOLDER, Finding


def _work(seeds: Connection) -> None:
    """Stands in for a worker: it dies of seed 11 and finds something at 13."""
    while (seed := seeds.recv()) is not None:
        if seed == 11:
            os.abort()
        seeds.send(Finding(seed, "odd", "") if seed == 13 else None)


def test_a_process_that_dies_is_a_finding_of_its_seed_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaigns, "work", _work)
    FOLDER.mkdir()
    campaign = campaigns.Campaign(10, 5, again=False)
    campaigns.run(campaign, 2)
    assert campaign.found == {11: "the process died of it", 13: "odd"}
    taken_up = campaigns.Campaign(10, 5, again=False)
    assert (taken_up.next, taken_up.found) == (15, campaign.found)
