"""The runner of the examples, and the table that README has of them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from examples import __main__ as runner
from examples.__main__ import END, README, START, Result, first_sentence, paths, rewrite, row, rows, run
from tests.house.source import ROOT

DAY = date(2026, 3, 1)


def test_readme_names_files() -> None:
    """The table has the examples that there are, and says what their first sentences say."""
    lines = rows(README.read_text())
    assert lines.keys() == paths().keys(), "run `python -m examples NAME` for what differs"
    for name, line in lines.items():
        assert first_sentence(paths()[name].read_text()) in line, f"run `python -m examples {name}`"
    assert paths().keys() == {path.stem for path in (ROOT / "examples").glob("*.py")} - {"__main__", "tiny"}


def test_rows() -> None:
    text = '"""It learns\nto read. It takes\n\na minute."""\nprint(1)\n'
    made = row(Result("reader", "It reads |x| = 97.2%.", 12.34), first_sentence(text), DAY)
    link = "[reader](examples/reader.py)"
    assert made == rf"| {link} | It learns to read. | It reads \|x\| = 97.2%. | 12 s | 2026-03-01 |"
    assert row(Result("reader", "", 1.26), "", DAY).endswith("| 1.3 s | 2026-03-01 |")


def test_rewriting() -> None:
    """New lines come in, those of examples that were not run stay, and those of examples that are gone do not."""
    kept, old, gone = (f"| [{name}](examples/{name}.py) | old |" for name in ("a", "b", "c"))
    document = f"before\n{START}| x |\n{kept}\n{old}\n{gone}\n\nnote\n{END}\nafter\n"
    made = rewrite(document, {"b": "| [b](examples/b.py) | new |"}, ["d", "b", "a"], "2 cores")
    assert list(rows(made).items()) == [("a", kept), ("b", "| [b](examples/b.py) | new |")]
    assert made.startswith(f"before\n{START}| example |") and made.endswith(
        f"the last time on 2 cores.\n{END}\nafter\n"
    )
    assert rewrite(made, {}, ["a", "b"], "2 cores") == made


def test_running(tmp_path: Path) -> None:
    """The last line is the figure, and nothing that goes to the other stream."""
    said: list[str] = []
    path = tmp_path / "small.py"
    path.write_text('import sys\nprint(1)\nprint(sys.argv[1:], "--compiled")\nprint()\nprint("no", file=sys.stderr)\n')
    result = run(path, said.append)
    assert (result.name, result.figure, result.code, result.errors) == ("small", "['--compiled'] --compiled", 0, "no\n")
    assert said == ["1", "['--compiled'] --compiled"] and 0 < result.seconds < 60


def test_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An example that fails is named, and the others' lines are written."""
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}{END}")
    for name, code in (("bad", "raise SystemExit('no data')"), ("good", '"""Good."""\nprint("It is 3.")')):
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setattr(runner, "FOLDER", tmp_path)
    monkeypatch.setattr(runner, "README", readme)
    monkeypatch.setattr("sys.argv", ["examples"])
    assert runner.main() == 1
    told = capsys.readouterr().out
    assert "exit code 1\nno data" in told and "failed: bad" in told
    lines = rows(readme.read_text())
    assert list(lines) == ["good"] and re.search(
        r"\| Good\. \| It is 3\. \| \d\.\d s \| \d{4}-\d\d-\d\d \|$", lines["good"]
    )
