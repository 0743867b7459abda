"""`brasa ir`: a program, or a graph read from text, at any stage of its compilation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from brasa.command.target import CommandError, load_target
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph

PROCESSORS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64")
EPILOG = """\
stages: traced, autodiff, optimized, fused (graphs: they parse back), kernels, memory, llvm, asm, cuda

  brasa ir model.py:Net --input "f32[n,784]"                     the traced graph
  brasa ir model.py:Net --input "f32[n,784]" --train --stage fused
  brasa ir model.py:step --input "f32[n,784], i64[n]" --all folder --time
  brasa ir --parse graph.txt --run simplify,eliminate-dead
"""


def add_command(commands: Any) -> None:
    """Tell the parser of the command line about `ir` and its options."""
    parser = commands.add_parser(
        "ir",
        help="show a program at any stage of its compilation",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("target", nargs="?", metavar="FILE.py:NAME", help="a module's class, or a function")
    parser.add_argument("--input", metavar="TYPES", help='the types of its inputs, as "f32[n,1,8,8], i64[n]"')
    parser.add_argument("--train", action="store_true", help="the joint graph, with the gradients of the parameters")
    parser.add_argument("--parse", metavar="FILE", help="read a graph from text instead; - is the standard input")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stage", metavar="STAGE", help="the stage to show, at first `traced`")
    what.add_argument("--after", metavar="PASS", help="the graph as it is after this pass of the pipeline")
    what.add_argument("--run", dest="passes", metavar="PASS,...", help="the graph after these passes alone")
    what.add_argument("--all", metavar="FOLDER", help="every stage and pass, as numbered files in a folder")
    parser.add_argument("--dot", metavar="FILE", help="draw the graph, for graphviz, instead of printing it")
    parser.add_argument("--svg", metavar="FILE", help="draw the graph as a picture instead of printing it")
    parser.add_argument(
        "--cpu", choices=PROCESSORS, default="", help="make code for this processor, not the one at hand"
    )
    parser.add_argument(
        "--time", action="store_true", help="also print the time of each step, up to machine code if no stage is named"
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")


def run(options: argparse.Namespace) -> None:
    """Show what the options ask for."""
    from brasa.execution.stages import Stages

    check_options(options)
    stages = Stages(read_graph(options.parse) if options.parse else _trace(options), options.cpu)
    if options.all is not None:
        write_folder(Path(options.all), stages.all_texts())
    elif options.dot is not None or options.svg is not None:
        draw(_graph(stages, options), options)
    else:
        print(stages.text(options.stage) if options.stage else _graph(stages, options))
    if options.time:
        if options.stage is None and options.after is None and options.passes is None:
            _ = stages.object_files
        for name, seconds in stages.times.items():
            print(f"{name:<24} {seconds * 1e3:9.2f} ms", file=sys.stderr)


def check_options(options: argparse.Namespace) -> None:
    """Raise CommandError for options that contradict each other or name what there is not, before any work is done."""
    from brasa.execution.stages import GRAPH_STAGES, PASSES, STAGES

    if (options.target is None) == (options.parse is None):
        raise CommandError("give either FILE.py:NAME or --parse FILE")
    if options.parse is not None and (options.input is not None or options.train):
        raise CommandError("--input and --train go with FILE.py:NAME, not with --parse")
    if options.stage is not None and options.stage not in STAGES:
        raise CommandError(f"there is no stage {options.stage!r}; the stages are {', '.join(STAGES)}")
    for name in [options.after] if options.after else (options.passes or "").split(","):
        if name and name not in PASSES:
            raise CommandError(f"there is no pass {name!r}; the passes are {', '.join(PASSES)}")
    drawn = options.dot is not None or options.svg is not None
    if drawn and (options.all is not None or options.stage not in (None, *GRAPH_STAGES)):
        raise CommandError(f"only a graph can be drawn: --stage {', '.join(GRAPH_STAGES)}, --after or --run")


def _trace(options: argparse.Namespace) -> Graph:
    from brasa.capture.outline import outline
    from brasa.ir.parsing import parse_types

    types = parse_types(options.input) if options.input is not None else []
    target = load_target(options.target)
    try:
        return outline(target, types, options.train)
    except BrasaError:
        raise
    except Exception as error:
        raise CommandError(f"{options.target} cannot be traced: {type(error).__name__}: {error}") from error


def _graph(stages: Any, options: argparse.Namespace) -> Graph:
    """The one graph that is asked for."""
    if options.passes is not None:
        return stages.run([name for name in options.passes.split(",") if name])
    return stages.after(options.after) if options.after else stages.graph(options.stage or "traced")


def read_graph(path: str) -> Graph:
    """The verified graph in a text file."""
    from brasa.ir.ops import OPS
    from brasa.ir.parsing import parse
    from brasa.ir.verify import verify

    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{path}: is not text") from None
    return verify(parse(text, OPS))


def draw(graph: Graph, options: argparse.Namespace) -> None:
    """Write the picture of a graph to the files that the options name."""
    from brasa.passes.draw import to_dot, to_svg

    texts = {options.dot: to_dot, options.svg: to_svg}
    made = {Path(name): make(graph) for name, make in texts.items() if name is not None}
    for path, text in made.items():
        write_file(path, text)


def write_folder(folder: Path, texts: dict[str, str]) -> None:
    """Write each text to a file of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_file(folder / name, text + "\n")


def write_file(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
