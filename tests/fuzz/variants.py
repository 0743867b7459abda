"""The pipeline of passes with each of them left out in turn, and every op a kernel of its own."""

from __future__ import annotations

from brasa.ir.graph import Graph
from brasa.ir.printing import print_graph
from brasa.passes import PIPELINE, run
from brasa.passes.check_meaning import NEEDED, fuse_nothing

_PLACES = {f"{name}:{place}": place for place, (name, _) in enumerate(PIPELINE) if name not in NEEDED}
WHOLE, UNFUSED = "", "fuse"
VARIANTS = (WHOLE, *_PLACES, UNFUSED)


def variants_of(graph: Graph) -> dict[str, Graph]:
    """The graph after the whole pipeline, and what else becomes of it without a pass: by variant, equal ones once."""
    steps = [graph]
    for _, function in PIPELINE[:-1]:
        steps.append(function(steps[-1]))
    unfused = {WHOLE: steps[-1]}
    for variant, place in _PLACES.items():
        if not _are_alike(steps[place], steps[place + 1]):  # else the pass has nothing to do
            unfused[variant] = run(steps[place], PIPELINE[place + 1 : -1])
    made = {variant: run(each, PIPELINE[-1:]) for variant, each in _distinct(unfused).items()}
    return _distinct(made | {UNFUSED: fuse_nothing(steps[-1])})


def _are_alike(one: Graph, other: Graph) -> bool:
    """Whether two graphs print the same."""
    if (one.nodes, one.outputs) == (other.nodes, other.outputs):
        return True
    return len(one.nodes) == len(other.nodes) and _text(one) == _text(other)


def _distinct(graphs: dict[str, Graph]) -> dict[str, Graph]:
    """The first of each that print the same."""
    first: dict[str, str] = {}
    for variant, graph in graphs.items():
        first.setdefault(_text(graph), variant)
    return {variant: graphs[variant] for variant in first.values()}


def after_passes(graph: Graph, variant: str) -> Graph:
    """The graph after the pipeline, but for the pass that the variant leaves out."""
    if variant == UNFUSED:
        return run(graph, (*PIPELINE[:-1], ("fuse", fuse_nothing)))
    left_out = _PLACES.get(variant)
    return run(graph, [step for place, step in enumerate(PIPELINE) if place != left_out])


def _text(graph: Graph) -> str:
    return print_graph(graph, places=False)
