"""What the tests of the passes share: graphs from text, comparison of graphs and of bits, random arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.graph import Graph
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.region import check_region
from brasa.ir.sizes import graph_symbols
from brasa.ir.verify import verify
from brasa.passes import fuse

SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-42, -1e-42, 3.4e38, 2.0, 0.5)


def graph(text: str) -> Graph:
    """The verified graph that the text gives."""
    return verify(parse(text, OPS))


def plain(graph: Graph) -> str:
    """The graph's text without the places in the user's program."""
    return "\n".join(line.split("  #")[0].rstrip() for line in str(graph).split("\n"))


def assert_pass(change: Callable[[Graph], Graph], before: str, after: str) -> None:
    """The pass makes of the one graph the other, up to the names of values; and what it makes is well-formed."""
    found, wanted = plain(verify(change(graph(before)))), plain(graph(after))
    assert found == wanted, f"found\n{found}\nwanted\n{wanted}"


def same_bits(left: Any, right: Any) -> bool:
    """Whether two arrays have the same dtype, shape and bits, all NaNs being the same."""
    left, right = np.asarray(left), np.asarray(right)
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.kind in "fV":  # bfloat16 is of kind V
        nan = np.isnan(left)
        if not np.array_equal(nan, np.isnan(right)):
            return False
        left, right = np.where(nan, 0, left).astype(left.dtype), np.where(nan, 0, right).astype(right.dtype)
    return left.tobytes() == right.tobytes()


def random_arrays(
    graph: Graph, sizes: Mapping[str, int], seed: int, special: bool = False, highest: int = 1
) -> list[np.ndarray]:
    """Arrays for the graph's inputs; integers are at most `highest`: 1 indexes everything. special: with odd values."""
    random = np.random.default_rng(seed)
    arrays = []
    for node in graph.inputs:
        shape = [dim.evaluate(size, sizes) for size in node.tensor.shape]
        dtype = node.tensor.dtype
        if dtype.kind == "float":
            values = random.standard_normal(shape) * 2
            if special:
                values = np.where(random.random(shape) < 0.6, random.choice(SPECIAL, shape), values)
            with np.errstate(over="ignore"):
                arrays.append(np.asarray(values).astype(dtype.numpy))
        else:
            arrays.append(random.integers(0 if highest == 1 else -highest, highest + 1, shape).astype(dtype.numpy))
    return arrays


def evaluate(graph: Graph, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The graph's meaning, with no complaints about infinities and NaN."""
    with np.errstate(all="ignore"):
        return interpret(graph, arrays)


def assert_same_meaning(before: Graph, after: Graph, seed: int = 0, special: bool = False, highest: int = 1) -> None:
    """Both graphs give the same bits on random inputs, at several sizes."""
    for i, size in enumerate((2, 5, 3)):
        sizes = {name: size + j for j, name in enumerate(graph_symbols(before))}
        arrays = random_arrays(before, sizes, seed + i, special, highest)
        for number, (left, right) in enumerate(zip(evaluate(before, arrays), evaluate(after, arrays), strict=True)):
            assert same_bits(left, right), f"output {number} at {sizes}: {left} became {right}\n{before}\n{after}"


def assert_fused(graph: Graph) -> None:
    """The graph holds only regions of the known forms, items and reshapes of row-major values; outputs are its own."""
    regions = [node for node in graph.nodes if node.op.name == "fused"]
    for node in regions:
        check_region(node.attrs["graph"])
    for node in graph.nodes:
        assert node.op.name in ("fused", "item", "reshape"), f"{node.op.name} is left\n{graph}"
        if node.op.name == "reshape":
            assert not node.operands[0].attrs.get("strides"), f"a strided input is renamed\n{graph}"
    results = [each.operands[0] if each.op.name == "reshape" else each for each in graph.outputs]
    assert len(set(results)) == len(results), f"two outputs are one\n{graph}"
    assert all(each.op.name in ("fused", "item") for each in results), f"an output is no region's result\n{graph}"


def regions(text: str) -> list[Graph]:
    """The regions that fusion makes of a graph, after their forms and the graph's meaning have been checked."""
    before = graph(text)
    after = verify(fuse(before))
    assert_fused(after)
    assert_same_meaning(before, after)
    return [node.attrs["graph"] for node in after.nodes if node.op.name == "fused"]


def ops(region: Graph) -> list[str]:
    """The ops of a region but for views and constants."""
    return [node.op.name for node in region.nodes if node.op.kind not in ("view", "source")]
