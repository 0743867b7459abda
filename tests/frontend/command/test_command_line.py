"""The command line: what it prints, and how it answers mistakes."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brasa.__main__ import main
from brasa.execution.stages import CODE_STAGES, GRAPH_STAGES, STAGES
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse

GRAPH = """\
graph f(x: f32[n,4], y: f32[n,4]) {
  %0: f32[n,4] = neg(x)                                          # model.py:3
  %1: f32[n,4] = neg(x)                                          # model.py:4
  %2: f32[n,4] = exp(y)
  %3: f32[n,4] = add(%0, %1)
  return %3
}
"""

PROGRAM = """\
import brasa
from brasa import nn

SIZE = 4


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(SIZE, 3)

    def forward(self, x):
        return brasa.relu(self.linear(x))


class Greedy(nn.Module):
    def __init__(self, size):
        super().__init__()


def twice(x):
    return x + x


def broken(x):
    return x.no_such_method()
"""


@pytest.fixture
def graph(tmp_path: Path) -> str:
    """A file with a graph."""
    path = tmp_path / "graph.txt"
    path.write_text(GRAPH)
    return str(path)


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A file with a program."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


@pytest.fixture
def brasa(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must succeed; gives what it printed."""

    def run(*arguments: str) -> str:
        status = main(arguments)
        captured = capsys.readouterr()
        assert status == 0, captured.err
        return captured.out

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused; gives the message."""

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("brasa: ")
        assert "Traceback" not in captured.err
        return captured.err

    return run


def test_parse_prints_the_graph(brasa: Callable[..., str], graph: str) -> None:
    assert brasa("ir", "--parse", graph) == GRAPH


def test_parse_reads_standard_input(brasa: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(GRAPH))
    assert brasa("ir", "--parse", "-") == GRAPH


def test_run_applies_just_these_passes(brasa: Callable[..., str], graph: str) -> None:
    assert brasa("ir", "--parse", graph, "--run", "eliminate-dead") == GRAPH.replace(
        "  %2: f32[n,4] = exp(y)\n", ""
    ).replace("%3", "%2")
    assert brasa("ir", "--parse", graph, "--run", "eliminate-common,eliminate-dead") == (
        "graph f(x: f32[n,4], y: f32[n,4]) {\n"
        "  %0: f32[n,4] = neg(x)                                          # model.py:3\n"
        "  %1: f32[n,4] = add(%0, %0)\n"
        "  return %1\n"
        "}\n"
    )


@pytest.mark.parametrize("stage", GRAPH_STAGES)
def test_graph_stages_parse_back(brasa: Callable[..., str], graph: str, tmp_path: Path, stage: str) -> None:
    text = brasa("ir", "--parse", graph, "--stage", stage)
    (tmp_path / "again.txt").write_text(text)
    assert brasa("ir", "--parse", str(tmp_path / "again.txt")) == text


def test_after_stops_at_a_pass(brasa: Callable[..., str], graph: str) -> None:
    assert "exp" in brasa("ir", "--parse", graph, "--after", "autodiff")
    assert "exp" not in brasa("ir", "--parse", graph, "--after", "fuse")


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("kernels", ["kernel ", "for ", "vector"]),
        ("memory", ["program f(x: f32[n,4], y: f32[n,4]) {", "return result0: f32[n,4]"]),
        ("llvm", ["define i64 @entry", "fneg"]),
        ("asm", [".globl\tentry", "ret"]),
        ("cuda", ['extern "C" __global__']),
    ],
)
def test_code_stages(brasa: Callable[..., str], graph: str, stage: str, words: list[str]) -> None:
    text = brasa("ir", "--parse", graph, "--stage", stage)
    assert all(word in text for word in words), text


def test_all_writes_numbered_files(brasa: Callable[..., str], graph: str, tmp_path: Path) -> None:
    folder = tmp_path / "stages"
    assert brasa("ir", "--parse", graph, "--all", str(folder)) == ""
    names = sorted(path.name for path in folder.iterdir())
    assert [name[:2] for name in names] == [f"{number:02}" for number in range(len(names))]
    assert names[0] == "00-traced.txt"
    assert [name.partition("-")[2] for name in names[-len(CODE_STAGES) :]] == [
        f"{stage}.{suffix}" for stage, suffix in CODE_STAGES.items()
    ]
    assert (folder / "00-traced.txt").read_text() == GRAPH
    for name in names[1 : -len(CODE_STAGES)]:
        parse((folder / name).read_text(), OPS)


def test_drawings(brasa: Callable[..., str], graph: str, tmp_path: Path) -> None:
    dot, svg = tmp_path / "graph.dot", tmp_path / "graph.svg"
    assert brasa("ir", "--parse", graph, "--dot", str(dot), "--svg", str(svg)) == ""
    assert "digraph" in dot.read_text()
    assert "exp" in dot.read_text()
    assert "<svg" in svg.read_text()


def test_time_goes_to_the_error_stream(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", "--parse", graph, "--stage", "llvm", "--time"]) == 0
    captured = capsys.readouterr()
    assert "define i64 @entry" in captured.out
    rows = dict(line.rsplit(maxsplit=2)[:2] for line in captured.err.splitlines())
    assert {"autodiff", "fuse", "kernels", "llvm"} <= set(rows)
    assert all(float(milliseconds) >= 0 for milliseconds in rows.values())


def test_without_a_stage_time_is_that_of_the_whole_way(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", "--parse", graph, "--time"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert names[0] == "autodiff" and names[-1] == "object"


def test_a_stage_runs_only_what_it_needs(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", "--parse", graph, "--stage", "autodiff", "--time"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["autodiff", "inline"]


def test_programs_are_traced(brasa: Callable[..., str], program: str) -> None:
    text = brasa("ir", f"{program}:Net", "--input", "f32[n,4]")
    assert "\ngraph Net(x: f32[n,4], " in text
    assert '"linear.weight"' in text
    assert "program.py:13" in text
    assert parse(text, OPS).outputs[0].tensor.shape[1] == 3
    assert "add(x, x)" in brasa("ir", f"{program}:twice", "--input", "f64[2]", "--stage", "optimized")


def test_train_adds_gradients(brasa: Callable[..., str], program: str) -> None:
    joint = parse(brasa("ir", f"{program}:Net", "--input", "f32[n,4]", "--train"), OPS)
    assert [str(node.type) for node in joint.outputs] == ["f32[n,3]", "f32[3,4]", "f32[3]"]
    assert "gradient(" in str(joint)
    assert "gradient(" not in brasa("ir", f"{program}:Net", "--input", "f32[n,4]", "--train", "--stage", "autodiff")


MISTAKES = [
    (["ir"], "give either FILE.py:NAME or --parse FILE"),
    (["ir", "{program}:Net", "--parse", "{graph}"], "give either FILE.py:NAME or --parse FILE"),
    (["ir", "--parse", "{graph}", "--train"], "not with --parse"),
    (["ir", "{program}"], "not of the form FILE.py:NAME"),
    (["ir", "nowhere.py:Net"], "nowhere.py: there is no such file"),
    (["ir", "{graph}:Net"], "graph.txt: is not a Python file"),
    (["ir", "{program}:Nett"], "no 'Nett'; it defines Net, Greedy, twice, broken"),
    (["ir", "{program}:SIZE"], "SIZE is of type int"),
    (["ir", "{program}:Greedy", "--input", "f32[4]"], "Greedy() cannot be made: TypeError: "),
    (["ir", "{program}:broken", "--input", "f32[4]"], "no_such_method"),
    (["ir", "{program}:Net", "--input", "f32[n,4"], "line 1, column 8: expected ',', found the end\n  f32[n,4\n"),
    (["ir", "{program}:Net", "--input", "float[4]"], "there is no dtype 'float'"),
    (["ir", "{program}:Net", "--input", "f32[n,5]"], "ShapeError"),
    (["ir", "{program}:Net", "--input", "f32[n,4], f32[n]"], "Net"),
    (["ir", "{program}:Net"], "Net"),
    (["ir", "--parse", "{graph}", "--stage", "tracd"], "no stage 'tracd'; the stages are traced, autodiff"),
    (["ir", "--parse", "{graph}", "--after", "fus"], "no pass 'fus'; the passes are"),
    (["ir", "--parse", "{graph}", "--run", "autodiff,fus"], "no pass 'fus'; the passes are"),
    (["ir", "--parse", "{graph}", "--stage", "llvm", "--dot", "{folder}/x.dot"], "only a graph can be drawn"),
    (["ir", "--parse", "{graph}", "--stage", "llvm", "--after", "fuse"], "not allowed with"),
    (["ir", "--parse", "nowhere.txt"], "No such file or directory: 'nowhere.txt'"),
    (["ir", "--parse", "{folder}"], "Is a directory"),
    (["ir", "--parse", "{binary}"], "is not text"),
    (["ir", "--parse", "{graph}", "--dot", "{folder}/nowhere/x.dot"], "No such file or directory"),
    (["ir", "--parse", "{graph}", "--all", "{graph}"], "File exists"),
    (["cache"], "required: ACTION"),
    (["cache", "burn"], "invalid choice: 'burn'"),
    (["go"], "invalid choice: 'go'"),
    ([], "required: COMMAND"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_mistakes_are_answered(
    refused: Callable[..., str], program: str, graph: str, tmp_path: Path, arguments: list[str], message: str
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    before = sorted(tmp_path.rglob("*"))
    given = [each.format(program=program, graph=graph, folder=tmp_path, binary=binary) for each in arguments]
    assert message in refused(*given)
    assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in path.parts] == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GRAPH.replace("exp(y)", "exq(y)"), "line 4, column 18: there is no op 'exq'"),
        (GRAPH.replace("exp(y)", "exp(z)"), "line 4, column 22: 'z' is not defined here"),
        (GRAPH.replace("%3: f32[n,4]", "%3: f32[n,5]"), "add gives f32[n,4], the text says f32[n,5]"),
        ("", "expected a graph, found the end"),
        ("hello", "expected 'graph', found 'hello'"),
    ],
)
def test_broken_text_is_marked(refused: Callable[..., str], tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(text)
    said = refused("ir", "--parse", str(path))
    assert message in said
    assert said.rstrip().endswith("^")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = x / 0\n", "ZeroDivisionError: division by zero (line 2)"),
        ("import no_such_module_at_all\n", "ModuleNotFoundError: No module named 'no_such_module_at_all' (line 1)"),
        ("def f(:\n", "SyntaxError: "),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
def test_programs_that_do_not_import(refused: Callable[..., str], tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(text)
    assert message in refused("ir", f"{path}:Net", "--input", "f32[4]")


def test_a_failing_stage_leaves_no_folder(
    refused: Callable[..., str], graph: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPS, "exp", OPS["log"])  # the text names an op that gives another graph than it did
    Path(graph).write_text(GRAPH.replace("exp(y)", "matmul(y)"))
    refused("ir", "--parse", graph, "--all", str(tmp_path / "stages"))
    assert not (tmp_path / "stages").exists()


def test_traceback_is_shown_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "program.py"
    path.write_text("y = 1 / 0\n")
    assert main(["ir", f"{path}:Net", "--traceback"]) == 2
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "ZeroDivisionError: division by zero" in said


def test_help_names_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["ir", "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(stage in said for stage in STAGES)


def test_cache(tmp_path: Path) -> None:
    def run(action: str) -> list[str]:
        command = [sys.executable, "-m", "brasa", "cache", action]
        done = subprocess.run(command, env={"BRASA_CACHE": str(tmp_path)}, capture_output=True, text=True, check=True)
        return done.stdout.split()

    (tmp_path / "one.brasa").write_bytes(b"0" * (1 << 20))
    assert run("info") == f"folder {tmp_path} programs 1 size 1.0 MiB of at most 1024 MiB".split()
    assert run("clear") == f"removed 1 programs from {tmp_path}".split()
    assert run("info")[3] == "0"


def test_a_closed_pipe_is_no_error(graph: str) -> None:
    command = f"{sys.executable} -m brasa ir --parse {graph} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
