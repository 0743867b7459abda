"""The list of packages in pyproject.toml: a package that it forgets works in an editable install only."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.house.source import PACKAGES, ROOT


def packages_on_disk(root: Path) -> set[str]:
    """Every folder with Python files in it, as the package that it is."""
    found = set()
    for room, package in PACKAGES.items():
        for path in (root / room).rglob("*.py"):
            found.add(".".join([package, *path.parent.relative_to(root / room).parts]))
    return found


def test_list_equals_disk() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert sorted(setuptools["packages"]) == sorted(packages_on_disk(ROOT))
    assert setuptools["package-dir"] == {package: room for room, package in PACKAGES.items()}


def test_every_package_has_its_own_file() -> None:
    for room in PACKAGES:
        for folder in {path.parent for path in (ROOT / room).rglob("*.py")}:
            assert (folder / "__init__.py").exists(), folder


def test_forgotten_packages_are_found(tmp_path: Path) -> None:
    (tmp_path / "codegen" / "metal").mkdir(parents=True)
    (tmp_path / "codegen" / "metal" / "__init__.py").touch()
    assert packages_on_disk(tmp_path) == {"brasa.codegen.metal"}
