"""Passes that are checked while they run: before and after each, the graph must mean the same at tiny sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from brasa.ir import dim
from brasa.ir.errors import BrasaError, GraphError
from brasa.ir.graph import Graph, Node, graph_of
from brasa.ir.interpret import interpret
from brasa.ir.ops.source import make_input
from brasa.ir.sizes import graph_symbols
from brasa.ir.types import TensorType
from brasa.ir.verify import verify
from brasa.passes import rules as ruleset
from brasa.passes.fuse import fuse
from brasa.passes.pipeline import PIPELINE, Pass, optimize_bodies
from brasa.passes.simplify import simplify

Arrays: TypeAlias = list[Any]

# What the rest cannot do without; of these two have a plainer form, and the others must be right.
NEEDED = ("autodiff", "inline", "split-complex", "optimize-bodies", "fuse")
_ROUND = ("split-complex", "transpose-products")  # NumPy rounds otherwise than the formula, or in another order
_SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-42)
_SIZES = (2, 3, 7, 16, 40)  # larger ones for graphs whose windows fit into no smaller one
_ENOUGH = 2  # sizes at which a graph has been evaluated
_MOST = 1 << 20  # elements of a value
_TRIES = 300  # graphs that are tried for a smaller one


@dataclass(frozen=True)
class Doubt:
    """A pass that was left out. rule: the one that is at fault, of `simplify`; before: a small graph that shows it."""

    name: str
    rule: str
    fact: str
    before: Graph


def checked_passes(
    report: Callable[[Doubt], object], passes: Iterable[tuple[str, Pass]] | None = None
) -> tuple[tuple[str, Pass], ...]:
    """The passes, which leave out what would change the meaning of a graph, a wrong rule from then on, and report it.

    GraphError where a pass that is needed changes it.
    """
    return tuple((name, _Checked(name, function, report)) for name, function in (passes or PIPELINE))


class _Checked:
    def __init__(self, name: str, function: Pass, report: Callable[[Doubt], object]) -> None:
        self.name, self.function, self.report = name, function, report

    def __call__(self, graph: Graph) -> Graph:
        after = self.function(graph)
        fact = self._difference(graph, after)
        if not fact:
            return after
        small = smallest(graph, lambda each: bool(self._difference(each, self.function(each))))
        rule = next(filter(self._is_at_fault(graph), ruleset.RULES), None) if self.name == "simplify" else None
        if rule is not None:  # fuse simplifies, too
            ruleset.RULES = _without(rule)
        instead = self.function(graph) if rule else self._instead(graph)
        left = self._difference(graph, instead)
        if left:
            raise GraphError(f"{self.name} changes what the graph means, and nothing is known instead: {left}\n{graph}")
        self.report(Doubt(self.name, rule.sentence if rule else "", fact, small))
        return instead

    def _difference(self, before: Graph, after: Graph) -> str:
        return difference(before, after, exact=is_exact(self.name))

    def _is_at_fault(self, graph: Graph) -> Callable[[ruleset.Rule], bool]:
        return lambda rule: not self._difference(graph, simplify(graph, _without(rule)))

    def _instead(self, graph: Graph) -> Graph:
        """The graph without what this pass makes of it."""
        if self.name == "optimize-bodies":
            return optimize_bodies(graph, tuple(step for step in PLAIN if step[0] in NEEDED))
        return PLAINER[self.name](graph) if self.name in PLAINER else graph


def is_exact(name: str) -> bool:
    """Whether NumPy gives the same bits before and after a pass of that name."""
    return name not in _ROUND


def _without(rule: ruleset.Rule) -> tuple[ruleset.Rule, ...]:
    return tuple(each for each in ruleset.RULES if each is not rule)


def fuse_nothing(graph: Graph) -> Graph:
    """As fuse, with one region for each node: what eager mode runs, one op after the other."""
    return fuse(graph, join=False)


PLAINER: dict[str, Pass] = {"fuse": fuse_nothing}
PLAIN = tuple((name, PLAINER.get(name, function)) for name, function in PIPELINE)


def difference(before: Graph, after: Graph, exact: bool = True) -> str:
    """Where two graphs over the same inputs do not mean the same, or the second is not well-formed; empty if nowhere.

    exact: bit by bit, all NaNs being alike; else within rounding. The second may have pairs of real numbers where the
    first has complex ones. Graphs that NumPy cannot evaluate are not compared.
    """
    if after is before:
        return ""
    try:
        verify(after)
    except BrasaError as error:
        return f"it is not well-formed: {error}"
    apart = [_is_apart(*each) for each in zip(before.inputs, after.inputs, strict=True)]
    apart_outputs = [_is_apart(*each) for each in zip(before.outputs, after.outputs, strict=True)]
    for sizes, arrays, wanted in samples(before, special=not any((*apart, *apart_outputs))):
        try:
            found = evaluate(after, _in_parts(arrays, apart))
        except BrasaError as error:
            return f"at {dict(sizes)}: {error}"
        for number, (one, other) in enumerate(zip(_in_parts(wanted, apart_outputs), found, strict=True)):
            if not (same_bits(one, other) if exact else _are_close(one, other)):
                return f"output {number} at {dict(sizes)}: {_first_difference(one, other)}"
    return ""


def _is_apart(before: Node, after: Node) -> bool:
    """Whether a complex value of one graph is pairs of its parts in the other."""
    return before.tensor.dtype.is_complex and not after.tensor.dtype.is_complex


def _in_parts(arrays: Iterable[Any], apart: Iterable[bool]) -> Arrays:
    """The arrays, some of them as pairs of parts along a last axis."""
    return [np.stack([x.real, x.imag], -1) if cut else x for x, cut in zip(arrays, apart, strict=True)]


def samples(graph: Graph, special: bool = True) -> Iterator[tuple[Mapping[str, int], Arrays, tuple[Any, ...]]]:
    """Sizes, random arrays for the inputs, and what the graph gives for them, where it can be evaluated."""
    found = 0
    for number, least in enumerate(_SIZES):
        sizes = {name: least + i % 2 for i, name in enumerate(graph_symbols(graph))}
        try:
            arrays = random_arrays(graph, sizes, number, special and number % 2 == 1)
            if not _is_small(graph, sizes):
                return
            results = evaluate(graph, arrays)
        except (BrasaError, ValueError, IndexError, ZeroDivisionError):  # of NumPy: places or sizes that do not fit
            continue
        yield sizes, arrays, results
        found += 1
        if found == _ENOUGH:
            return


def _is_small(graph: Graph, sizes: Mapping[str, int]) -> bool:
    """Whether no value of the graph is too much for NumPy at these sizes."""
    shapes = [node.type.shape for node in graph.nodes if isinstance(node.type, TensorType)]
    return all(dim.evaluate(dim.product(shape), sizes) <= _MOST for shape in shapes)


def random_arrays(graph: Graph, sizes: Mapping[str, int], seed: int, special: bool) -> Arrays:
    """Arrays for the inputs; integers in tensors are 0 or 1, which index everything. special: with odd floats."""
    random = np.random.default_rng(seed)
    arrays: Arrays = []
    for node in graph.inputs:
        shape, dtype = [dim.evaluate(size, sizes) for size in node.tensor.shape], node.tensor.dtype
        if any(size < 0 for size in shape):
            return arrays
        if dtype.kind not in ("float", "complex"):
            least, most = (2, 4) if node.attrs.get("role") == "number" else (0, 2)
            arrays.append(random.integers(least, most, shape).astype(dtype.numpy))
            continue
        values = random.standard_normal(shape)
        if special:
            values = np.where(random.random(shape) < 0.3, random.choice(_SPECIAL, shape), values)
        arrays.append(np.asarray(values).astype(dtype.numpy))
    return arrays


def evaluate(graph: Graph, arrays: Arrays, change: Callable[[Any], Any] | None = None) -> tuple[Any, ...]:
    """The graph's meaning, with no complaints about infinities and NaN. change: as `interpret` takes it."""
    with np.errstate(all="ignore"):
        return interpret(graph, arrays, change=change)


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays have the same dtype, shape and bits, all NaNs being the same."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind in "fcV":  # bfloat16 is of kind V
        nan = np.isnan(one)
        if not np.array_equal(nan, np.isnan(other)):
            return False
        one, other = (np.where(nan, 0, each).astype(each.dtype) for each in (one, other))
    return bool(one.tobytes() == other.tobytes())


def _are_close(one: Any, other: Any) -> bool:
    if one.dtype.kind not in "fc":
        return same_bits(one, other)
    least = 32 * float(np.finfo(one.dtype).eps)  # what is left where numbers of about 1 cancel
    with np.errstate(all="ignore"):
        return bool(np.allclose(one, other, 1e-4, 1e-4 * _scale(one) + least, equal_nan=True))


def _scale(array: Any) -> float:
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind in "fc" else np.zeros(0)
    return float(finite.max(initial=0.0))


def _first_difference(one: Any, other: Any) -> str:
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype}{list(one.shape)} became {other.dtype}{list(other.shape)}"
    place = next(place for place in np.ndindex(one.shape) if not same_bits(one[place], other[place]))
    return f"{one[place]} at {list(place)} became {other[place]}"


def smallest(graph: Graph, fails: Callable[[Graph], bool], keep_inputs: bool = False) -> Graph:
    """The smallest graph found that still fails: one value, and, but for keep_inputs, as much as can be an input."""
    tries = 0

    def holds(candidate: Graph) -> bool:
        nonlocal tries
        tries += 1
        try:
            return tries <= _TRIES and fails(verify(candidate))
        except BrasaError:
            return False

    results = [node for node in (*graph.nodes, *graph.outputs) if isinstance(node.type, TensorType)]
    graph = next(filter(holds, (graph_of(graph.name, graph.inputs, (node,)) for node in results)), graph)
    for node in () if keep_inputs else reversed(graph.nodes):
        if isinstance(node.type, TensorType) and node not in graph.outputs and node in graph.nodes:
            made = make_input(f"v{len(graph.inputs)}", node.tensor)
            candidate = _with_input(graph, node, made)
            graph = candidate if holds(candidate) else graph
    return graph


def _with_input(graph: Graph, node: Node, made: Node) -> Graph:
    """The graph that takes a value as an input instead of computing it."""
    new: dict[Node, Node] = {node: made}
    for each in graph.nodes:
        if each is not node:
            operands = tuple(new.get(operand, operand) for operand in each.operands)
            new[each] = each if operands == each.operands else each.replace(operands)
    outputs = tuple(new.get(output, output) for output in graph.outputs)
    whole = graph_of(graph.name, (*graph.inputs, made), outputs)
    read = {operand for each in whole.nodes for operand in each.operands} | set(outputs)
    inputs = tuple(each for each in whole.inputs if each in read)
    return Graph(graph.name, inputs, whole.nodes, outputs)
