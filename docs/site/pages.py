"""The pages of the site that are made from code: the reference, and the gallery of the examples."""

from __future__ import annotations

import ast
import inspect
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from textwrap import indent
from types import ModuleType

import brasa
from docs.site.docstrings import to_rest
from docs.site.links import MADE
from docs.site.names import home_of, public_modules, public_names
from examples.__main__ import README, first_sentence, paths, rows

_LARGE = 100  # members without an underscore of a class that has a page of its own
_WIDE = ("CONTRIBUTING", "CHANGELOG", "SECURITY")  # documents at the root that are pages as they are


def write_pages(docs: Path) -> None:
    """Write every page that is made, in place of those of the last time."""
    shutil.rmtree(docs / MADE, ignore_errors=True)
    for name, text in (reference() | gallery() | documents()).items():
        path = docs / MADE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def documents() -> dict[str, str]:
    """The documents at the root of the repository."""
    return {f"{name}.md": f"```{{include}} ../../{name}.md\n```\n" for name in _WIDE}


# the reference


def reference() -> dict[str, str]:
    """A page for each public module, one for each very large class, and their list."""
    made: dict[str, str] = {}
    for module in public_modules(brasa):
        if names := public_names(module):
            made[f"api/{module.__name__}.rst"] = _module_page(module, names)
        for name in names:
            value, full = getattr(module, name), f"{module.__name__}.{name}"
            if inspect.isclass(value) and _is_large(value) and owners()[value] == full:
                made[f"api/{full}.rst"] = f"{_titled(full)}\n.. autoclass:: {full}\n   :members:\n"
    pages = [name.removeprefix("api/").removesuffix(".rst") for name in made]
    lead = "What the docstrings say, of every public name. :doc:`/operators` says which dtypes functions take.\n"
    about = "\n".join(f"- :doc:`{page}`: {_first_paragraph(page)}" for page in pages)
    listed = "\n".join([".. toctree::", "   :hidden:", "", *(f"   {page}" for page in pages), ""])
    return made | {"api/index.rst": f"{_titled('Reference')}\n{lead}\n{about}\n\n{listed}"}


def _first_paragraph(name: str) -> str:
    """What a module, or a class in one, first says of itself, on one line."""
    return " ".join(to_rest(inspect.getdoc(resolve_name(name)) or "").split("\n\n")[0].split())


def _module_page(module: ModuleType, names: Iterable[str]) -> str:
    """What the module says of itself, then its names by the files that they stand in."""
    homes: dict[ModuleType | None, list[str]] = {}
    for name in names:
        homes.setdefault(home_of(getattr(module, name)), []).append(name)
    parts = [_titled(module.__name__), f".. py:module:: {module.__name__}\n", to_rest(inspect.getdoc(module) or "")]
    for home in sorted(homes, key=lambda home: (home is not module, home is None, _title(home))):
        if home is not module:
            parts += [_titled(_title(home), "-"), to_rest(inspect.getdoc(home) or "") if home else ""]
        parts += [_entry(module, name) for name in homes[home]]
    return "\n".join(parts)


def _title(home: ModuleType | None) -> str:
    """A file's name as words."""
    if home is None:
        return "Values"
    return home.__name__.rpartition(".")[2].strip("_").replace("_", " ").capitalize()


def _titled(title: str, line: str = "=") -> str:
    return f"{title}\n{line * len(title)}\n"


def _entry(module: ModuleType, name: str) -> str:
    """What documents one name: functions where they are shown, a class in the module that it belongs to."""
    value, full = getattr(module, name), f"{module.__name__}.{name}"
    if not inspect.isclass(value):
        return f".. auto{'function' if inspect.isroutine(value) else 'data'}:: {full}\n"
    owner = owners()[value]
    if owner != full or _is_large(value):
        return f".. py:data:: {full}\n   :no-index:\n\n   The class :py:obj:`{owner}`.\n"
    if value.__name__ != name:  # autodoc would say no more than that
        return f".. py:class:: {full}\n\n{indent(to_rest(inspect.getdoc(value) or ''), '   ')}"
    return f".. autoclass:: {full}\n   :members:\n"


@cache
def owners() -> dict[type, str]:
    """The name that each public class is documented by: that in the public module nearest to the class's own file."""
    found: dict[type, tuple[int, str]] = {}
    for module in public_modules(brasa):
        for name in public_names(module):
            value = getattr(module, name)
            if inspect.isclass(value):
                near = len(module.__name__) if f"{value.__module__}.".startswith(f"{module.__name__}.") else 0
                if value not in found or near > found[value][0]:
                    found[value] = near, f"{module.__name__}.{name}"
    return {value: name for value, (_, name) in found.items()}


def _is_large(value: type) -> bool:
    return len([name for name in vars(value) if not name.startswith("_")]) > _LARGE


# the gallery


def gallery() -> dict[str, str]:
    """A page for each example, with what it printed when it last ran, and their list."""
    table = rows(README.read_text(encoding="utf-8"))
    made = {
        f"examples/{name}.md": _example(path, table.get(name, ""), pictures(name, README.parent / "demo-output"))
        for name, path in paths().items()
    }
    about = "".join(f"- [{name}]({name}.md): {first_sentence(path.read_text())}\n" for name, path in paths().items())
    listed = "".join(f"{name}\n" for name in paths())
    lead = "Programs as one writes them for PyTorch, with other import lines, and what they printed when they last ran."
    return made | {"examples/index.md": f"# Examples\n\n{lead}\n\n{about}\n```{{toctree}}\n:hidden:\n\n{listed}```\n"}


def pictures(name: str, folder: Path) -> list[Path]:
    """What an example has drawn in this folder, if it has run on this machine."""
    return sorted([*folder.glob(f"{name}*.png"), *folder.glob(f"{name}/*.png")])


def _example(path: Path, row: str, drawn: Iterable[Path]) -> str:
    """The program's docstring, the figure of its run, what it drew, and its text."""
    program = ast.parse(path.read_text(encoding="utf-8"))
    parts = [f"# {path.stem}", ast.get_docstring(program) or ""]
    if row:
        *_, figure, took, day = (cell.strip() for cell in row.strip("|").split(" | "))
        parts.append(f"> {figure}\n\nRun on {day}; it took {took}.")
    parts += [f"![{each.stem}](../../../{each.relative_to(README.parent).as_posix()})" for each in drawn]
    rest = program.body[1].lineno
    parts.append(f"```{{literalinclude}} ../../../examples/{path.name}\n:language: python\n:lines: {rest}-\n```\n")
    return "\n\n".join(parts)
