"""Types: mypy --strict over the rooms behind the front end, and a typed program over the public face."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.type_links import ROOT, link_types

SAMPLE = ROOT / "tests" / "house" / "typed_sample.py"
BAD_USE = "from brasa.ir.dim import symbol\n\nsize: str = symbol('n')\n"


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of links, with a cache for mypy beside it."""
    return link_types(tmp_path_factory.mktemp("types"))


def mypy(links: Path, *arguments: str | Path) -> str:
    """What mypy --strict says."""
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", links / "cache"]
    command += ["--follow-imports=silent", "--config-file", ROOT / "pyproject.toml", *arguments]
    environment = os.environ | {"MYPYPATH": str(links)}
    done = subprocess.run(command, cwd=links, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_rooms(links: Path) -> None:
    rooms = [word for room in ("ir", "passes", "codegen", "runtime") for word in ("-p", f"brasa.{room}")]
    said = mypy(links, *rooms)
    assert said.startswith("Success"), said


def test_public_face(links: Path) -> None:
    said = mypy(links, SAMPLE)
    assert said.startswith("Success"), said


def test_sample_runs() -> None:
    runpy.run_path(str(SAMPLE), run_name="__main__")


def test_wrong_types_are_found(links: Path) -> None:
    sample = links / "bad.py"
    sample.write_text(BAD_USE)
    assert 'expression has type "Dim", variable has type "str"' in mypy(links, sample)
