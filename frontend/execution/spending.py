"""What a backward from some outputs of a program leaves for the others: those that share no function with them."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.ir.graph import Graph, topological
from brasa.ir.layout import is_view
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
