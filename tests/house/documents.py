"""Documents that are programs: their Python blocks run, and their generated blocks are made by the commands they name.

A generated block follows a comment that holds its command, and perhaps which part of the output it shows; or that
names a file to be shown:

    <!-- brasa ir examples/tiny.py:Tiny --input "f32[n,64]" --stage llvm | from "define" to "}" -->
    <!-- show examples/tiny.py -->

A program that shall fail follows `<!-- raises -->`, and is followed by what it raises. What a Python block prints may
follow it, after `<!-- prints -->`.
"""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Callable

from brasa import BrasaError

_PYTHON = re.compile(r"(?<!-->\n)^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(
    r'^<!-- (?P<command>(?:brasa|show) .*?)(?: \| from "(?P<start>.*?)" to "(?P<end>.*?)")? -->\n'
    r"```\w*\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_RAISING = re.compile(
    r"^<!-- raises -->\n```python\n(?P<code>.*?)^```\n```text\n(?P<error>.*?)^```$", re.DOTALL | re.MULTILINE
)
_PRINTED = re.compile(r"^```\n\n<!-- prints -->\n```text\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "\0"  # printed where a shown output ends


def python_of(document: str) -> str:
    """The document's own Python blocks as one program, each line where it stands in the document."""
    lines = [""] * (document.count("\n") + 1)
    for block in _PYTHON.finditer(document):
        first = document[: block.start(1)].count("\n")
        code = block.group(1).splitlines()
        lines[first : first + len(code)] = code
    for shown in _PRINTED.finditer(document):
        lines[document[: shown.start()].count("\n")] = f"print({_MARK!r}, flush=True)"
    return "\n".join(lines)


def reprint(document: str, printed: str) -> str:
    """The document with its shown outputs made anew; printed: what the program of its Python blocks printed."""
    outputs = iter(printed.split(f"{_MARK}\n"))

    def block(shown: re.Match[str]) -> str:
        return f"{shown.group()[: shown.start('text') - shown.start()]}{next(outputs).rstrip()}\n```"

    return _PRINTED.sub(block, document)


def commands_of(document: str) -> list[list[str]]:
    """Each command whose output the document shows, as words."""
    return [shlex.split(block["command"]) for block in _GENERATED.finditer(document)]


def regenerate(document: str, run: Callable[[list[str]], str]) -> str:
    """The document with its generated blocks made anew; `run` gives the output of a command, given as words."""

    def block(match: re.Match[str]) -> str:
        output = run(shlex.split(match["command"]))
        if match["start"] is not None:
            output = excerpt(output, match["start"], match["end"])
        head = match.group()[: match.start("text") - match.start()]
        return f"{head}{output.rstrip()}\n```"

    return _GENERATED.sub(block, document)


def reraise(document: str) -> str:
    """The document with what its failing programs raise made anew; a warning is an error there."""

    def block(match: re.Match[str]) -> str:
        head = match.group()[: match.start("error") - match.start()]
        return f"{head}{raised_by(match['code'])}\n```"

    return _RAISING.sub(block, document)


def raised_by(code: str) -> str:
    """The error that a program raises, as Python prints it; the program is known as example.py."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(code, "example.py", "exec"), {"__name__": "example"})
    except (BrasaError, Warning) as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError(f"raises nothing:\n{code}")


def excerpt(text: str, start: str, end: str) -> str:
    """The lines from the first that starts like the pattern `start` to the next that starts like `end`."""
    lines = text.splitlines()
    first = _find(lines, start, 0)
    return "\n".join(lines[first : _find(lines, end, first + 1) + 1])


def _find(lines: list[str], pattern: str, after: int) -> int:
    for number in range(after, len(lines)):
        if re.match(pattern, lines[number]):
            return number
    raise ValueError(f"no line of the output starts like {pattern!r}")
