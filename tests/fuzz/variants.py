"""The pipeline of passes with each of them left out in turn, and every op a kernel of its own."""

from __future__ import annotations

from collections.abc import Mapping

from brasa.ir.graph import Attr, Graph, Node
from brasa.ir.printing import print_attr
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
        if (made := _without(place, steps)) is not None:
            unfused[variant] = made
    fused = {variant: run(each, PIPELINE[-1:]) for variant, each in _distinct(unfused).items()}
    return _distinct(fused | {UNFUSED: fuse_nothing(steps[-1])})


def _without(place: int, steps: list[Graph]) -> Graph | None:
    """The graph before fusion, without the pass at a place; None where the passes after it do what it would have done.

    steps: the graph before the first pass and after each.
    """
    graph = steps[place]
    for (_, function), usual in zip(PIPELINE[place + 1 : -1], steps[place + 1 :], strict=False):
        if are_alike(graph, usual):
            return None
        graph = function(graph)
    return None if are_alike(graph, steps[-1]) else graph


def are_alike(one: Graph, other: Graph) -> bool:
    """Whether two graphs say the same, whatever the names of their inputs and places in the source."""
    if len(one.nodes) != len(other.nodes) or len(one.inputs) != len(other.inputs) or one.updates != other.updates:
        return False
    twins: dict[Node, Node] = {}
    for node, twin in zip((*one.inputs, *one.nodes), (*other.inputs, *other.nodes), strict=True):
        twins[node] = twin
        if node is not twin and (node.op is not twin.op or node.type != twin.type):
            return False
        if [twins[operand] for operand in node.operands] != list(twin.operands):
            return False
        if node.op.name != "input" and node.attrs is not twin.attrs and not _are_attrs_alike(node.attrs, twin.attrs):
            return False
    return [twins[output] for output in one.outputs] == list(other.outputs)


def _are_attrs_alike(one: Mapping[str, Attr], other: Mapping[str, Attr]) -> bool:
    return one.keys() == other.keys() and all(_is_attr_alike(value, other[name]) for name, value in one.items())


def _is_attr_alike(one: Attr, other: Attr) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_is_attr_alike, one, other))
    return are_alike(one, other) if isinstance(one, Graph) else print_attr(one, {}) == print_attr(other, {})


def _distinct(graphs: dict[str, Graph]) -> dict[str, Graph]:
    """The first of each that say the same."""
    found: dict[str, Graph] = {}
    for variant, graph in graphs.items():
        if not any(are_alike(graph, each) for each in found.values()):
            found[variant] = graph
    return found


def after_passes(graph: Graph, variant: str) -> Graph:
    """The graph after the pipeline, but for the pass that the variant leaves out."""
    if variant == UNFUSED:
        return run(graph, (*PIPELINE[:-1], ("fuse", fuse_nothing)))
    left_out = _PLACES.get(variant)
    return run(graph, [step for place, step in enumerate(PIPELINE) if place != left_out])
