"""What the outputs of a program have to do with each other: which share functions, and which are computed of others."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.ir.graph import Graph, topological
from brasa.ir.layout import is_view
from brasa.ir.ops import control
from brasa.ir.ops.source import make_input
from brasa.passes.autodiff import carrying


def used_up_together(graph: Graph, wanted: Sequence[bool]) -> tuple[frozenset[int], ...]:
    """Of each output those, itself among them, whose gradients go through functions that its own go through.

    wanted: which inputs have gradients. On a tape of these functions a backward frees each that it goes through, and
    none of the views.
    """
    inputs = [node for node, each in zip(graph.inputs, wanted, strict=True) if each]
    through = carrying(graph.nodes, inputs)
    cut = [node for node in (*graph.inputs, *graph.nodes) if node not in through]
    behind = [
        {node for node in topological((output,), cut) if node in through and node not in inputs and not is_view(node)}
        for output in graph.outputs
    ]
    return tuple(
        frozenset(i for i, other in enumerate(behind) if i == number or not own.isdisjoint(other))
        for number, own in enumerate(behind)
    )


def gradient_by_output(graph: Graph, index: int, coming: Sequence[bool]) -> tuple[Graph, tuple[int, ...]] | None:
    """The gradient by an output of those that are computed of it, itself among them, and which these are.

    coming: for which outputs there are gradients. None where no other one with a gradient is computed of it.
    """
    value = graph.outputs[index]
    through = carrying(graph.nodes, (value,))
    roots = tuple(
        i for i, (node, each) in enumerate(zip(graph.outputs, coming, strict=True)) if each and node in through
    )
    if not roots or roots == (index,):
        return None
    ends = [graph.outputs[i] for i in roots]
    seeds = [make_input(f"gradient{i}", end.tensor) for i, end in zip(roots, ends, strict=True)]
    made = control.gradient(*ends, *seeds, value, outputs=len(ends))
    found = control.item(made, index=0)
    return Graph(graph.name, (*graph.inputs, *seeds), (*graph.nodes, made, found), (found,)), roots
