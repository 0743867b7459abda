"""Compiles the graphs of `compile` anew for each variant of the pipeline, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from brasa import runtime
from brasa.codegen.llvm import compile_text, emit_program
from brasa.codegen.schedules import lower
from brasa.execution import runner
from brasa.execution.checking import numbers_of
from brasa.ir.graph import Graph
from brasa.passes import PIPELINE, plan_memory, run
from brasa.passes.check_meaning import NEEDED, fuse_nothing
from brasa.runtime import Executable

_PLACES = {f"{name}:{place}": place for place, (name, _) in enumerate(PIPELINE) if name not in NEEDED}
WHOLE, UNFUSED = "", "fuse"
VARIANTS = (WHOLE, *_PLACES, UNFUSED)
_MOST = 1500  # executables that are remembered


def after_passes(graph: Graph, variant: str) -> Graph:
    """The graph after the pipeline, but for the pass that the variant leaves out."""
    if variant == UNFUSED:
        return run(graph, (*PIPELINE[:-1], ("fuse", fuse_nothing)))
    left_out = _PLACES.get(variant)
    return run(graph, [step for place, step in enumerate(PIPELINE) if place != left_out])


def _with_changes(graph: Graph) -> tuple[Graph, set[str]]:
    """The graph after the whole pipeline, and the variants whose pass has changed something."""
    changed = set()
    names = {place: name for name, place in _PLACES.items()}
    for place, (_, function) in enumerate(PIPELINE):
        before, graph = graph, function(graph)
        if place in names and (len(graph.nodes) != len(before.nodes) or str(graph) != str(before)):
            changed.add(names[place])
    return graph, changed


class Compiler:
    """Stands in for the disk cache and the pipeline while programs of the fuzzer are compiled.

    variant: how graphs are compiled now. graphs: those compiled since `start`. useful: variants that differ for them.
    """

    def __init__(self) -> None:
        self.variant = WHOLE
        self.made: dict[str, Executable] = {}
        self.graphs: list[Graph] = []
        self.loaded: list[tuple[Graph, Executable]] = []
        self.optimized = 0
        self.useful: set[str] = set()

    def load(self, graph: Graph, *key: Any) -> Executable:
        """The executable of a graph, as this variant makes it."""
        if not graph.name.startswith("compiled"):
            return self.usual(graph, *key)
        self.graphs.append(graph)
        if self.variant is WHOLE:
            result, changed = _with_changes(graph)
            self.useful |= changed
        else:
            result = after_passes(graph, self.variant)
        text = "\n".join(line.split("  #")[0] for line in str(result).splitlines())
        if len(self.made) > _MOST:
            self.made.clear()
        if text not in self.made:
            target = runner.target()
            program = plan_memory(lower(result, target))
            code = compile_text(emit_program(program, target), target, self.optimized)
            self.made[text] = runtime.load(program.signature, (code,), numbers_of(graph))
        self.loaded.append((graph, self.made[text]))
        return self.made[text]

    usual: Callable[..., Executable] = staticmethod(runner._load_or_compile)

    @contextmanager
    def working(self) -> Iterator[Compiler]:
        """Compile this way inside the block."""
        usual = runner._load_or_compile
        runner._load_or_compile = self.load  # type: ignore[assignment]
        try:
            yield self
        finally:
            runner._load_or_compile = usual
            runner.forget_executables()

    def start(self, variant: str) -> None:
        """Compile graphs of that variant from now on."""
        self.variant, self.graphs, self.loaded = variant, [], []
        if variant is WHOLE:
            self.useful = {UNFUSED}
        runner.forget_executables()
