"""What is installed: a wheel built from the source distribution, in an environment with nothing else."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from tests.house.documents import python_of
from tests.house.source import ROOT, product_files

MEGABYTE = 1 << 20


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(folder: Path) -> Path:
    """The wheel, built through the source distribution."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    assert len(list(folder.glob("brasa-*.tar.gz"))) == 1
    return next(folder.glob("brasa-*.whl"))


def assert_holds_every_file(wheel: Path) -> None:
    """The wheel has the files of the rooms, under the names they are imported by, and nothing else."""
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        source.module.replace(".", "/") + ("/__init__.py" if source.path.endswith("__init__.py") else ".py")
        for source in product_files()
    }
    packaged = {name for name in names if ".dist-info/" not in name}
    assert packaged == expected | {"brasa/py.typed", "brasa/tensors/tensor_methods.pyi"}


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder, but for what Python writes there when it imports."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")


def test_readme_runs_from_the_wheel(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    assert_holds_every_file(wheel)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python, empty = environment / "bin" / "python", size_of(environment)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    assert size_of(environment) - empty < 300 * MEGABYTE
    (tmp_path / "readme.py").write_text(python_of((ROOT / "README.md").read_text()))
    run(python, "-W", "error", "readme.py", cwd=tmp_path)
    assert "usage: brasa" in run(environment / "bin" / "brasa", "--help", cwd=tmp_path)
