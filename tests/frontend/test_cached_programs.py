"""Programs that an earlier process left on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import brasa
from brasa.runtime import cache_info

table = brasa.arange(12.0).view(4, 3)
compiled = brasa.compile(lambda index: table.exp()[index].sum())
print(float(compiled(brasa.tensor([0, 3]))) > 0, cache_info().entries)
try:
    compiled(brasa.tensor([0, 7]))
except IndexError as error:
    print(error)
"""


def run(text: str, folder: Path) -> list[str]:
    """What the program prints when it is run as a file: the first line, the others."""
    file = folder / "program.py"
    file.write_text(text)
    environment = {"BRASA_CACHE": str(folder / "cache")}
    done = subprocess.run([sys.executable, str(file)], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n", 1)


def test_lines_may_move(tmp_path: Path) -> None:
    """A program whose lines have moved is loaded from disk, and its errors name the lines of today."""
    (before, error), (after, later) = run(PROGRAM, tmp_path), run("\n\n\n" + PROGRAM, tmp_path)
    assert before == after
    assert before.startswith("True ")
    assert "program.py:6" in error
    assert later == error.replace("program.py:6", "program.py:9").replace("program.py:8", "program.py:11")
