"""Every vjp against finite differences, in double precision; and the vjp of that vjp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from brasa.ir.dtype import complex128, float64
from brasa.ir.graph import Graph, Node, graph_of
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.ops.control import item
from brasa.ir.ops.elementwise import add, mul
from brasa.ir.ops.source import full_like, make_input
from brasa.ir.types import TensorType
from tests.samples import SAMPLES, Sample

STEP = 1e-5
DIFFERENTIABLE = [name for name, op in OPS.items() if op.vjp is not None]


def only_once(sample: Sample) -> bool:
    """Whether the gradient is right there but cannot be differentiated again.

    At a zero, that of prod does not know how it depends on the other elements; where two elements meet, the gradient of
    their maximum jumps.
    """
    arrays = sample.arrays()
    if sample.op in ("prod", "cumprod"):
        return 0 in arrays[0]
    return sample.op in ("maximum", "minimum") and bool(np.any(arrays[0] == arrays[1]))


def smooth_samples(name: str) -> Iterator[Sample]:
    """The samples at which an op has derivatives, in f64."""
    for sample in SAMPLES[name]:
        double = sample.in_double_precision()
        if sample.smooth and floats(double.taken_apart.outputs):
            yield double


def floats(nodes: Sequence[Node]) -> list[Node]:
    """Those that have gradients: complex ones have them by both parts."""
    return [node for node in nodes if node.tensor.dtype in (float64, complex128)]


def normal(rng: np.random.Generator, like: Any) -> Any:
    """Normal numbers, or complex ones with normal parts, in the shape of an array."""
    shape = np.shape(like)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape) if np.iscomplexobj(like) else rng.normal(size=shape)


def gradients(graph: Graph) -> Graph:
    """The graph that takes a graph's inputs and a weight for each output, and gives the gradient of each f64 input.

    By the ops' own vjps alone: reverse accumulation.
    """
    weights = [make_input(f"{graph.name}{i}", node.tensor) for i, node in enumerate(graph.outputs)]
    found: dict[Node, Node] = {}
    for node, weight in zip(graph.outputs, weights, strict=True):
        found[node] = add(found[node], weight) if node in found else weight
    for node in reversed(graph.nodes):
        given = given_to(node, found)
        if given is not None and node.op.vjp is not None:
            for operand, gradient in zip(node.operands, node.op.vjp(node, given), strict=True):
                if gradient is not None:
                    assert gradient.type == operand.type, f"{operand} has a gradient of type {gradient.type}"
                    found[operand] = add(found[operand], gradient) if operand in found else gradient
    results = [found[node] if node in found else full_like(node, 0) for node in floats(graph.inputs)]
    return graph_of(f"{graph.name}_", (*graph.inputs, *weights), results)


def given_to(node: Node, found: Mapping[Node, Node]) -> Any:
    """What the node's vjp is given, None where no gradient reaches the node."""
    if isinstance(node.type, TensorType):
        return found.get(node)
    of_results: list[Node | None] = [None] * len(node.type.items)
    for each, gradient in found.items():
        if each.op is item and each.operands[0] is node:
            before = of_results[each.attrs["index"]]
            of_results[each.attrs["index"]] = gradient if before is None else add(before, gradient)
    return None if not any(of_results) else tuple(of_results)


def check(graph: Graph, arrays: Sequence[Any], sizes: Mapping[str, int], what: object) -> tuple[Graph, list[Any]]:
    """Both ways give the derivative of the outputs, weighted at random, along a random direction of the inputs.

    Gives the graph of the gradients and inputs for it.
    """
    rng = np.random.default_rng(5)
    directions = {i: normal(rng, arrays[i]) for i, node in enumerate(graph.inputs) if floats([node])}

    def moved(by: float) -> tuple[Any, ...]:
        return interpret(graph, [a + by * directions[i] if i in directions else a for i, a in enumerate(arrays)], sizes)

    weights = [normal(rng, each) for each in moved(0)]
    slopes = [(ahead - behind) / (2 * STEP) for ahead, behind in zip(moved(STEP), moved(-STEP), strict=True)]
    made, given = gradients(graph), [*arrays, *weights]
    got = inner(interpret(made, given, sizes), directions.values())
    np.testing.assert_allclose(got, inner(weights, slopes), rtol=2e-6, atol=2e-7, err_msg=str(what))
    return made, given


def inner(left: Any, right: Any) -> float:
    return sum(float(np.sum((np.conj(a) * b).real)) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient(name: str) -> None:
    samples = list(smooth_samples(name))
    assert samples or name in ("stop_gradient", "eig")  # the latter's results are complex: see test_linalg
    for sample in samples:
        graph = sample.taken_apart
        outputs = floats(graph.outputs)[: 1 if name == "eig" else None]  # eigenvectors have a phase of any kind
        graph = Graph(graph.name, graph.inputs, graph.nodes, tuple(outputs))
        made, given = check(graph, sample.arrays(), sample.sizes, sample)
        if not only_once(sample):
            check(made, given, sample.sizes, f"again: {sample}")


def test_wrong_gradients_are_found() -> None:
    """The judge itself: a vjp that is off by a thousandth does not pass."""
    sample = next(smooth_samples("exp"))
    wrong = replace(OPS["exp"], vjp=lambda node, g: (mul(g, mul(node, full_like(node, 1.001))),))
    node = wrong(*sample.graph.inputs)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(Graph("wrong", sample.graph.inputs, (node,), (node,)), sample.arrays(), sample.sizes, sample)
