"""Runs the examples at full size, each as a process of its own, and keeps README's table of what came out.

    python -m examples [NAME ...]

The last line that an example prints is its figure. An example that fails is named, and the exit code is 1; its row, and
those of examples that were not asked for, stay as they are.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

FOLDER = Path(__file__).parent
README = FOLDER.parent / "README.md"
START, END = "<!-- examples -->\n", "<!-- the end of the examples -->"
HEAD = "| example | what it shows | what it printed last | took | on |\n|---|---|---|--:|---|\n"
PIPE = r"\|"
OF_THE_TOUR = "tiny"


@dataclass(frozen=True)
class Result:
    """What one run gave: the last line that it printed, its seconds, and its exit code with all that it said."""

    name: str
    figure: str
    seconds: float
    code: int = 0
    errors: str = ""


def paths() -> dict[str, Path]:
    """The examples by their names."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path.stem not in ("__main__", OF_THE_TOUR)}


def run(path: Path, say: Callable[[str], None]) -> Result:
    """Run one example, compiled where it has the choice; `say` gets each line as it is printed."""
    command = [sys.executable, str(path), *(["--compiled"] if '"--compiled"' in path.read_text() else [])]
    environment = os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"}  # a sentence shall stay on one line
    figure, start = "", perf_counter()
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=README.parent, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            if line.strip():
                figure = line.strip()
                say(figure)
        code = process.wait()
        seconds = perf_counter() - start
        errors.seek(0)
        return Result(path.stem, figure, seconds, code, errors.read())


def row(result: Result, sentence: str, day: date) -> str:
    """The line of the table for one result."""
    took = f"{result.seconds:.1f} s" if result.seconds < 10 else f"{result.seconds:.0f} s"
    cells = (f"[{result.name}](examples/{result.name}.py)", sentence, result.figure, took, day.isoformat())
    return f"| {' | '.join(cell.replace('|', PIPE) for cell in cells)} |"


def first_sentence(text: str) -> str:
    """The first sentence of a program's docstring, on one line."""
    words = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
    return re.split(r"(?<=\.) ", words, maxsplit=1)[0]


def rows(document: str) -> dict[str, str]:
    """The lines that the table of a document has, by the names of the examples."""
    table = document[document.index(START) : document.index(END)]
    return {match[1]: match[0] for match in re.finditer(r"^\| \[(\w+)\].*$", table, re.MULTILINE)}


def rewrite(document: str, made: dict[str, str], names: Iterable[str], machine: str) -> str:
    """The document with these lines in its table, which keeps those of `names` alone."""
    lines = rows(document) | made
    table = "".join(f"{lines[name]}\n" for name in sorted(names) if name in lines)
    note = f"\n`make examples` runs them at full size and writes this table; the last time on {machine}.\n"
    return document[: document.index(START)] + START + HEAD + table + note + document[document.index(END) :]


def machine() -> str:
    """What runs this program."""
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = found[1] if found else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores ({name}) with Python {platform.python_version()}"


def main() -> int:
    """Run the examples, and write README; 1 if one failed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    known = paths()
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which; all without it: {', '.join(known)}")
    names = parser.parse_args().names or list(known)
    if unknown := set(names) - set(known):
        parser.error(f"no example is named {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    console, failed = Console(), []
    columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            result = run(known[name], lambda line, name=name: progress.update(task, description=f"{name}: {line[:80]}"))
            progress.advance(task)
            console.print(f"[bold]{name}[/bold] ({result.seconds:.1f} s): ", end="")
            console.print(result.figure, markup=False, highlight=False)
            if result.code:
                failed.append(name)
                console.print(f"exit code {result.code}\n{result.errors}", markup=False, highlight=False)
                continue
            made = {name: row(result, first_sentence(known[name].read_text()), date.today())}
            README.write_text(rewrite(README.read_text(), made, known, machine()))
    if failed:
        console.print(f"failed: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
