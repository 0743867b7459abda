"""Support code in new processes: compiled by the first, taken from the cache by the next, whatever state it is in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
import numpy as np
from brasa.runtime import cache, cpu_object, cpu_text
assert "llvmlite" not in sys.modules
compiled = []
def compile_and_note(text, real=cpu_object.compile_text):
    compiled.append(text)
    return real(text)
cpu_text.compile_text = compile_and_note
cache._source_hash = lambda: "sources"  # even while somebody edits them
from tests.runtime import programs
from tests.runtime.programs import program, run
executable = program(programs.MULTIPLY, ("f32[n]", "f32[n]"), ("f32[n]",), sizes=("n",))
x, y, z = np.arange(100, dtype="f"), np.arange(100, dtype="f"), np.zeros(100, "f")
assert run(executable.prepare(((100,), (100,))), x, y, z) is None
assert (z == x * y).all()
print(len(compiled))
"""


def compilations(cache: Path, entry: str, warning: str = "error") -> int:
    """How often a new process compiles support code."""
    environment = os.environ | {"BRASA_CACHE": str(cache), "BRASA_CPU": entry}
    command = [sys.executable, "-W", warning, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return int(done.stdout)


@pytest.mark.parametrize("entry", ["native", "portable"])
def test_cold_and_warm(tmp_path: Path, entry: str) -> None:
    cache = tmp_path / "brasa"
    assert [compilations(cache, entry) for _ in range(2)] == [1, 0]
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    assert compilations(cache, entry) == 1


def test_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert compilations(tmp_path / "file" / "brasa", "native", "ignore") == 1
