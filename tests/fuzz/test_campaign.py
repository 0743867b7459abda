"""`make fuzz` outlives the programs that it runs."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.fuzz import __main__ as campaigns
from tests.fuzz.seeds import FOLDER, Finding


def _work(seeds: Connection) -> None:
    """Stands in for a worker: it dies of seed 11, finds something at 13, and comes to no end at 14."""
    while (seed := seeds.recv()) is not None:
        if seed == 14:
            time.sleep(100)
        if seed == 11:
            os.abort()
        seeds.send(Finding(seed, "odd", "") if seed == 13 else None)


def test_a_process_that_dies_or_takes_too_long_is_a_finding_of_its_seed_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaigns, "work", _work)
    monkeypatch.setattr(campaigns, "_LONGEST", 2)
    FOLDER.mkdir()
    campaign = campaigns.Campaign(10, 5, again=False)
    campaigns.run(campaign, 2)
    lost = "the process died of it, or took more than 2 seconds"
    assert campaign.found == {11: lost, 13: "odd", 14: lost}
    taken_up = campaigns.Campaign(10, 5, again=False)
    assert (taken_up.next, taken_up.found) == (15, campaign.found)
