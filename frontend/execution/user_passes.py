"""Passes of the user's: run on a program after its gradients are made and its calls put in line, before all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeAlias

from brasa.execution.checking import checked_user_passes
from brasa.ir.errors import ArgumentError, GraphError
from brasa.ir.graph import Graph
from brasa.passes import PIPELINE, run
from brasa.runtime import settings

Passes: TypeAlias = tuple[tuple[str, Callable[[Graph], Graph]], ...]
_FIRST = PIPELINE[: [name for name, _ in PIPELINE].index("inline") + 1]


def named_passes(passes: Sequence[Callable[[Graph], Graph]]) -> Passes:
    """The passes with their names; ArgumentError for what cannot be called."""
    for each in passes:
        if not callable(each):
            raise ArgumentError(f"a pass is a function from graph to graph, not a {type(each).__name__}", op="compile")
    return tuple((getattr(each, "__name__", type(each).__name__), each) for each in passes)


def passed(graph: Graph, passes: Passes) -> Graph:
    """The graph after the user's passes; GraphError names the one that made a graph which cannot stand for its own.

    Under `BRASA=check` one that changes what the graph means is left out, with a warning.
    """
    if not passes:
        return graph
    steps = [(name, _checked(name, function)) for name, function in passes]
    if settings().check:
        steps = checked_user_passes(graph.name, steps)
    return run(graph, [*_FIRST, *steps], check=True)


def _checked(name: str, function: Callable[[Graph], Graph]) -> Callable[[Graph], Graph]:
    @wraps(function)
    def change(graph: Graph) -> Graph:
        made = function(graph)
        if not isinstance(made, Graph):
            raise GraphError(f"gave a {type(made).__name__}, not a Graph", op=name)
        if made.inputs != graph.inputs or made.updates != graph.updates:
            raise GraphError("changed the inputs of the program, or which of them it writes to", op=name)
        before, after = ([node.type for node in each.outputs] for each in (graph, made))
        if before != after:
            have, want = (", ".join(map(str, types)) or "nothing" for types in (after, before))
            raise GraphError(f"made a program that gives {have}; it gave {want}", op=name)
        return made

    return change
