"""The repository's own files, as the house tests read them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "ir": "brasa.ir",
    "passes": "brasa.passes",
    "codegen": "brasa.codegen",
    "runtime": "brasa.runtime",
    "frontend": "brasa",
}
ROOMS = tuple(PACKAGES)
OTHER_CODE = ("tests", "examples", "benchmarks", "docs")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The file, parsed."""
        return ast.parse(self.text, self.path)

    @property
    def room(self) -> str:
        """The top folder that the file lies in."""
        return self.path.split("/", maxsplit=1)[0]

    @property
    def module(self) -> str:
        """The name that the file is imported as."""
        room, *rest = self.path.removesuffix(".py").split("/")
        return ".".join([PACKAGES.get(room, room), *rest]).removesuffix(".__init__")


def read_files(*rooms: str) -> list[Source]:
    """Every Python file in these folders."""
    paths = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def product_files() -> list[Source]:
    """Every Python file that is installed."""
    return read_files(*ROOMS)


def all_files() -> list[Source]:
    """Every Python file of the repository."""
    return read_files(*ROOMS, *OTHER_CODE)


def assert_none(complaints: Iterable[str]) -> None:
    """Fails with all the complaints, one a line."""
    found = list(complaints)
    assert not found, "\n".join(["", *found])
