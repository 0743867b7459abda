"""README and the other documents: what they show runs, and what they print is what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from brasa.__main__ import main
from brasa.ir import errors
from tests.house.documents import commands_of, excerpt, python_of, regenerate, reprint
from tests.house.source import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
WITH_PYTHON = [path for path in DOCUMENTS if python_of(path.read_text()).strip()]
RAISING = [path for path in DOCUMENTS if "<!-- raises -->" in path.read_text()]
GENERATED = [path for path in DOCUMENTS if commands_of(path.read_text())]


@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: path.name)
def test_python_runs(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / path.with_suffix(".py").name).write_text(python_of(path.read_text()))
    command = [sys.executable, "-W", "error", path.with_suffix(".py").name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = reprint(path.read_text(), done.stdout)
    if request.config.getoption("--update-golden"):
        path.write_text(made)
    assert made == path.read_text()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_generated_blocks(
    path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(words: list[str]) -> str:
        if words[0] == "show":
            return (ROOT / words[1]).read_text()
        assert main(words[1:]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    monkeypatch.chdir(ROOT)
    made = regenerate(path.read_text(), run)
    if request.config.getoption("--update-golden"):
        path.write_text(made)
    assert made == path.read_text()


@pytest.mark.parametrize("path", RAISING, ids=lambda path: path.name)
def test_errors_are_what_is_raised(path: Path, request: pytest.FixtureRequest) -> None:
    """In a process of its own, where no other test has left anything, as a device."""
    code = "import sys; from tests.house.documents import reraise; sys.stdout.write(reraise(sys.stdin.read()))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, input=path.read_text(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = done.stdout
    if request.config.getoption("--update-golden"):
        path.write_text(made)
    assert made == path.read_text()


def test_every_error_is_in_the_index() -> None:
    """With the builtin that it is, too, and what its docstring says."""
    page = (ROOT / "docs" / "errors.md").read_text()
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.BrasaError)]
    for kind in kinds:
        builtin = "".join(f"({base.__name__})" for base in kind.__bases__ if base.__module__ == "builtins")
        if kind is not errors.BrasaError:
            assert f"## {kind.__name__}{builtin}\n\n{kind.__doc__}\n\n<!-- raises -->\n" in page


def test_readme_is_checked() -> None:
    assert ROOT / "README.md" in WITH_PYTHON
    assert ROOT / "README.md" in GENERATED


DOCUMENT = """# A
```python
x = 1
```
text
<!-- brasa ir a.py:A --input "f32[n, 2]" -->
```text
old
```
<!-- show b.py -->
```python
shown
```
```python
assert x == 2
```
"""


def test_python_keeps_its_lines() -> None:
    with pytest.raises(AssertionError) as caught:
        exec(compile(python_of(DOCUMENT), "README.md", "exec"), {})
    assert caught.traceback[-1].lineno + 1 == 15


def test_generated_blocks_are_replaced() -> None:
    made = regenerate(DOCUMENT, lambda words: " ".join(words) + "\n")
    expected = DOCUMENT.replace("old", "brasa ir a.py:A --input f32[n, 2]").replace("shown", "show b.py")
    assert made == expected


def test_outputs_are_replaced() -> None:
    block = "```python\nprint({})\n```\n\n<!-- prints -->\n```text\n{}\n```\n"
    document = block.format("1", "old") + "```python\nx = 2\n```\n" + block.format("x", "old")
    captured = StringIO()
    with redirect_stdout(captured):
        exec(python_of(document), {})
    made = reprint(document, captured.getvalue())
    assert made == document.replace("old", "1", 1).replace("old", "2")


def test_excerpts() -> None:
    assert excerpt("a\ndefine x {\n  b\n}\nc\n}\n", "define", "}") == "define x {\n  b\n}"
    document = DOCUMENT.replace('2]" -->', '2]" | from "b" to "c" -->')
    assert "```text\nb\nc\n```" in regenerate(document, lambda _: "a\nb\nc\nd")
    assert excerpt("a:\n  b\n\tjl x\n", "a:", r"\s+jl") == "a:\n  b\n\tjl x"
