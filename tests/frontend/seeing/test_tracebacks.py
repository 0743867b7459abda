"""What an uncaught error shows: the user's frames and the message."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import brasa
from brasa import nn
from brasa.ir.dtype import float32
from brasa.ir.errors import GraphError, ShapeError
from brasa.ir.graph import Graph
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.ir.verify import verify

PROGRAM = """\
import sys
import brasa
from brasa import nn

class Inner(nn.Module):
    def forward(self, x):
        if sys.argv[1] == "user":
            raise KeyError("mine")
        return x @ brasa.ones(4, 5)

class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(Inner())

    def forward(self, x):
        return self.inner(x)

def main():
    net = Outer()
    if sys.argv[1] == "compiled":
        net = brasa.compile(net)
    if sys.argv[1] == "chained":
        try:
            net(brasa.ones(3, 3))
        except ValueError as error:
            raise RuntimeError("it failed") from error
    return net(brasa.ones(3, 3))

if __name__ == "__main__":
    main()
"""
FORWARD = ["main", "forward", "forward"]


def shown(tmp_path: Path, how: str, words: str = "") -> tuple[list[str], list[str]]:
    """The functions whose frames a failing program shows, and all lines."""
    (tmp_path / "program.py").write_text(PROGRAM)
    run = subprocess.run(
        [sys.executable, "program.py", how], cwd=tmp_path, env={**os.environ, "BRASA": words}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    return re.findall(r'File ".*", line \d+, in (\S+)', run.stderr), run.stderr.splitlines()


@pytest.mark.parametrize("how", ["eager", "compiled"])
def test_frames_are_the_users(tmp_path: Path, how: str) -> None:
    frames, lines = shown(tmp_path, how)
    assert frames == ["<module>", *FORWARD]
    assert all("program.py" in line for line in lines if line.startswith("  File"))
    assert "ShapeError: matmul: inner sizes differ, 3 (last of lhs) and 4 (second to last of rhs)" in lines[-3]


def test_errors_of_the_user_too(tmp_path: Path) -> None:
    frames, lines = shown(tmp_path, "user")
    assert frames == ["<module>", *FORWARD]
    assert lines[-1] == "KeyError: 'mine'"


def test_of_a_chain_every_error(tmp_path: Path) -> None:
    frames, lines = shown(tmp_path, "chained")
    assert frames == [*FORWARD, "<module>", "main"]
    assert lines[-1] == "RuntimeError: it failed"


def test_all_frames_on_request(tmp_path: Path) -> None:
    frames, _ = shown(tmp_path, "eager", "source")
    assert len(frames) > 6 and "__call__" in frames


def test_a_debugger_sees_all_frames(capsys: pytest.CaptureFixture[str]) -> None:
    """The hook shows a shorter error, and leaves the error as it is."""
    with pytest.raises(ShapeError) as caught:
        nn.Linear(3, 4)(brasa.ones(2, 5))
    error, whole = caught.value, caught.value.__traceback__
    sys.excepthook(type(error), error, whole)
    assert error.__traceback__ is whole
    assert len(caught.traceback) > 2
    assert capsys.readouterr().err.count("  File") == 1
    assert sum("File" in line for line in error._render_traceback_()) == 1  # type: ignore[attr-defined]


def test_a_bug_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    unfinished = Graph("f", (), (), (make_input("x", TensorType((3,), float32)),))
    for broken, kind in ((3, AttributeError), (unfinished, GraphError)):
        with pytest.raises(kind) as caught:
            verify(broken)  # type: ignore[arg-type]
        sys.excepthook(kind, caught.value, caught.value.__traceback__)
        assert capsys.readouterr().err.count("  File") == len(caught.traceback) > 1
