"""What an import loads: heavy libraries come when they are needed, not with `import brasa`."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "llvmlite", "networkx", "cupy", "matplotlib", "scipy", "sklearn", "rich", "torch", "PIL", "ml_dtypes",
    "safetensors",
)  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """The heavy libraries that a fresh interpreter holds after the statement."""
    script = f"import sys\n{statement}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["brasa", "brasa.ir.ops", "brasa.passes", "brasa.codegen", "brasa.runtime"])
def test_imports_are_light(module: str) -> None:
    assert loaded_by(f"import {module}") == set()


def test_heavy_imports_are_found() -> None:
    assert loaded_by("import networkx") == {"networkx"}
