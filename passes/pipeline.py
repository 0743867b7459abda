"""The passes in the order in which they run, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, TypeAlias

from brasa.ir.errors import BrasaError, GraphError
from brasa.ir.graph import Graph, Kind, Node, rewrite
from brasa.ir.ops.nested import bodies, bound_sizes
from brasa.ir.sizes import substitute_graph
from brasa.ir.verify import verify
from brasa.passes.autodiff import autodiff
from brasa.passes.eliminate_common import eliminate_common
from brasa.passes.eliminate_dead import eliminate_dead
from brasa.passes.fold_constants import fold_constants
from brasa.passes.fuse import fuse
from brasa.passes.inline import inline
from brasa.passes.scatter_by_comparison import scatter_by_comparison
from brasa.passes.simplify import simplify
from brasa.passes.split_complex import split_complex
from brasa.passes.transpose_products import transpose_products

Pass: TypeAlias = Callable[[Graph], Graph]
Observer: TypeAlias = Callable[[str, Graph, float], object]


def optimize_bodies(graph: Graph, passes: tuple[tuple[str, Pass], ...] | None = None) -> Graph:
    """Run the passes (the whole pipeline) on the graphs of loops and branches, in the names of sizes of the one around.

    graph body(h: f32[n]) { %0 = call(h, graph=@silu); return %0 }, read by %0 = scan(x, graph=@body, ...); x: f32[m]
    -> graph body(h: f32[m]) { %0 = fused(h, graph=@neg_exp_add_div); return %0 }
    """

    def change(node: Node) -> Node:
        if node.op.kind is not Kind.NESTED:
            return node
        held: dict[str, Any] = {
            name: run(substitute_graph(body, bound_sizes(node, body)), passes or PIPELINE)
            for name, body in bodies(node).items()
        }
        return node.replace(node.operands, **held)

    return rewrite(graph, change)


# simplify makes constants of views of constants, which fold; what folds may be simplified.
PIPELINE: tuple[tuple[str, Pass], ...] = (
    ("autodiff", autodiff),
    ("inline", inline),
    ("split-complex", split_complex),
    ("simplify", simplify),
    ("fold-constants", fold_constants),
    ("transpose-products", transpose_products),
    ("simplify", simplify),
    ("eliminate-common", eliminate_common),
    ("eliminate-dead", eliminate_dead),
    ("scatter-by-comparison", scatter_by_comparison),
    ("optimize-bodies", optimize_bodies),
    ("fuse", fuse),
)


def run(
    graph: Graph, passes: Iterable[tuple[str, Pass]] = PIPELINE, observe: Observer | None = None, check: bool = False
) -> Graph:
    """The graph after the passes. observe: called with each pass's name, its graph and the seconds that it took.

    check: verify the graph after every pass; the GraphError names the pass and those that ran before it.
    """
    before: list[str] = []
    for name, function in passes:
        start = perf_counter()
        graph = function(graph)
        seconds = perf_counter() - start
        if check:
            _check(graph, name, before)
        before.append(name)
        if observe is not None:
            observe(name, graph, seconds)
    return graph


def _check(graph: Graph, name: str, before: list[str]) -> None:
    try:
        verify(graph)
    except BrasaError as error:
        ran = ", ".join(before) or "none"
        raise GraphError(f"{name} made a graph that is not well-formed (passes before it: {ran})\n{error}") from error
