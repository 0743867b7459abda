"""What the outputs of a program have to do with each other: which share functions, and which are computed of others."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, Node, topological
from brasa.ir.layout import is_view
from brasa.ir.ops import control
from brasa.ir.ops.source import make_input
from brasa.passes.autodiff import autodiff, carrying


def used_up_together(graph: Graph, wanted: Sequence[bool]) -> tuple[frozenset[int], ...]:
    """Of each output those, itself among them, whose gradients go through functions that its own go through.

    wanted: which inputs have gradients. On a tape of these functions a backward frees each that it goes through, and
    none of the views: what is but a view of inputs is never used up.
    """

    def frees(node: Node) -> bool:
        return node in through and node not in inputs and not is_view(node) and not is_part(node)

    inputs = [node for node, each in zip(graph.inputs, wanted, strict=True) if each]
    through = carrying(graph.nodes, inputs)
    cut = [node for node in (*graph.inputs, *graph.nodes) if node not in through]
    behind = [set(filter(frees, topological((output,), cut))) for output in graph.outputs]
    return tuple(
        frozenset(i for i, other in enumerate(behind) if not own.isdisjoint(other)) for number, own in enumerate(behind)
    )


def is_part(node: Node) -> bool:
    """Whether the node is a place that tensors have picked: a view of its first operand in eager mode."""
    return node.op is control.call and node.attrs["graph"].name == "pick"


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
    return _gradient(graph, [graph.outputs[i] for i in roots], [value]), roots


def read_by_gradients_of_outputs(graph: Graph) -> set[Node]:
    """The inputs that gradients by outputs may read."""
    outputs = [node for node in dict.fromkeys(graph.outputs) if node.tensor.dtype.kind in ("float", "complex")]
    through = carrying(graph.nodes, outputs)
    behind = [output for output in outputs if not through.isdisjoint(output.operands)]
    return _read(graph, behind, outputs) if behind else set()


def _read(graph: Graph, ends: Sequence[Node], values: Sequence[Node]) -> set[Node]:
    try:
        found = autodiff(_gradient(graph, ends, values))
    except GradientError:  # an end that has no gradient
        return set[Node]().union(*(_read(graph, [end], values) for end in ends)) if len(ends) > 1 else set()
    return set(topological(found.outputs)).intersection(graph.inputs)


def _gradient(graph: Graph, ends: Sequence[Node], values: Sequence[Node]) -> Graph:
    """The gradients of some of a graph's values by others, given those of the first ones after the inputs."""
    seeds = [make_input(f"gradient{number}", end.tensor) for number, end in enumerate(ends)]
    made = control.gradient(*ends, *seeds, *values, outputs=len(ends))
    found = tuple(control.item(made, index=number) for number in range(len(values)))
    return Graph(graph.name, (*graph.inputs, *seeds), (*graph.nodes, made, *found), found)
