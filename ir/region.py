"""Regions: the graphs that become one kernel each. The fusion pass makes these forms, the schedules take them.

In every form a region's inputs may be read through VIEW nodes, and nothing in it is a control op.

map       No REDUCE, CONTRACT, WINDOW or scatter. Every output has the same shape, the domain. Other nodes may have
          other shapes; views connect them. MOVE nodes and gather read their operands at computed places, so an operand
          of theirs that is not a region input is computed again at each place.
rows      One or more REDUCE nodes, all over the same axes of operands of one shape, the domain. Elementwise and random
          nodes have the domain's shape or the reduced shape. A reduced value is used in the domain through expand, if
          need be after a reshape that adds axes of size 1. A gather along the one reduced axis may pick an element of
          each row: its shape is the reduced one with an axis of size 1. All else is sources and views of region inputs.
          Outputs have the domain's or the reduced shape.
contract  One CONTRACT node. Its operands are region inputs seen through VIEW and cast nodes. Its result may go through
          elementwise nodes of its own shape, whose other operands are sources, region inputs seen through views, and
          elementwise or random nodes of that shape over these. Every output has the result's shape.
window    One WINDOW node, under the rules of contract, but that elementwise nodes may also make its operands.
scatter   One SCATTER node, alone. Its x is a region input or a constant, its index a region input; elementwise nodes
          may make its value.
cumulate  One CUMULATE node, under the rules of window, but that elementwise and random nodes may make its operands.
sort      One SORT node, alone. Its operand is a region input seen through views.
search    One SEARCH node, alone. Its operands are region inputs seen through views.
attend    One ATTEND node, alone. Its operands are region inputs seen through views.
trellis   One TRELLIS node, alone. Its operands are region inputs seen through views.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from brasa.ir.dim import Size
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Kind, Node

Form: TypeAlias = Literal[
    "map", "rows", "contract", "window", "scatter", "cumulate", "sort", "search", "attend", "trellis"
]

# Kinds of nodes that are a region alone, on operands from memory.
LONE: Mapping[Kind, Form] = {
    Kind.SORT: "sort", Kind.SEARCH: "search", Kind.ATTEND: "attend", Kind.TRELLIS: "trellis",
}  # fmt: skip
_ANCHORED: Mapping[Kind, Form] = {
    Kind.CONTRACT: "contract", Kind.WINDOW: "window", Kind.CUMULATE: "cumulate", **LONE,
}  # fmt: skip


def form(region: Graph) -> Form:
    """Which of the forms a region has."""
    kinds = {node.op.kind for node in region.nodes}
    for kind, made in _ANCHORED.items():
        if kind in kinds:
            return made
    if any(node.op.kind is Kind.SCATTER for node in region.nodes):
        return "scatter"
    return "rows" if Kind.REDUCE in kinds else "map"


def anchor(region: Graph) -> Node | None:
    """The node that a region is built around, but for maps and rows."""
    return next((node for node in region.nodes
                 if node.op.kind in _ANCHORED or node.op.kind is Kind.SCATTER), None)  # fmt: skip


_LEAVES = (Kind.SOURCE, Kind.VIEW)
_COMPUTED = (Kind.ELEMENTWISE, Kind.RANDOM)


def check_region(region: Graph) -> Graph:
    """The region itself, if it has one of the forms; else GraphError with what is wrong and the region's text."""
    fault = _fault(region)
    if fault:
        raise GraphError(f"region {region.name} is not a {form(region)} region: {fault}\n{region}")
    return region


def _fault(region: Graph) -> str:
    if any(node.op.kind is Kind.CONTROL for node in region.nodes):
        return "it holds a control op"
    shapes = {node.tensor.shape for node in region.outputs}
    center = anchor(region)
    match form(region):
        case "map":
            return "its outputs differ in shape" if len(shapes) > 1 else ""
        case "rows":
            return _rows_fault(region)
        case "scatter":
            assert center is not None
            return _scatter_fault(region, center)
        case "sort" | "search" | "attend" | "trellis":
            assert center is not None
            return _lone_fault(region, center)
    assert center is not None
    if shapes != {center.tensor.shape}:
        return "an output has not the result's shape"
    return _anchored_fault(region, center)


def is_view_of_leaf(node: Node, through: tuple[str, ...] = ()) -> bool:
    """Whether the value is a region input or a source, seen through views (and ops of these names)."""
    while node.op.kind is Kind.VIEW or node.op.name in through:
        node = node.operands[0]
    return node.op.kind is Kind.SOURCE


def _anchored_fault(region: Graph, center: Node) -> str:
    before: set[Node] = set()
    stack = list(center.operands)
    while stack:
        node = stack.pop()
        before.add(node)
        stack.extend(node.operands)
    if center.op.kind is Kind.CONTRACT:
        if not all(is_view_of_leaf(operand, ("cast",)) for operand in center.operands):
            return "an operand is computed"
        if any(node.op.name in ("constant", "iota") for node in before):
            return "an operand is not a region input"
    for node in region.nodes:
        if node is center or node in before or is_view_of_leaf(node):
            continue
        if node.op.kind not in _COMPUTED or node.tensor.shape != center.tensor.shape:
            return f"{node.op.name} is no elementwise node of the result's shape"
    makers = (*_LEAVES, *_COMPUTED) if center.op.kind is Kind.CUMULATE else (*_LEAVES, Kind.ELEMENTWISE)
    if any(node.op.kind not in makers for node in before):
        return "an operand is not made by elementwise nodes"
    return ""


def _rows_fault(region: Graph) -> str:
    reduces = [node for node in region.nodes if node.op.kind is Kind.REDUCE]
    domain, axes = reduces[0].operands[0].tensor.shape, reduces[0].attrs["axes"]
    if any(node.operands[0].tensor.shape != domain or node.attrs["axes"] != axes for node in reduces):
        return "reductions differ in domain or axes"
    reduced = tuple(size for axis, size in enumerate(domain) if axis not in axes)
    ones = tuple(1 if axis in axes else size for axis, size in enumerate(domain))
    for node in region.nodes:
        fits = {
            Kind.REDUCE: True,
            Kind.VIEW: is_view_of_leaf(node) or _is_connection(node, domain, reduced, ones),
            Kind.INDEX: node.op.name == "gather" and node.tensor.shape == ones and axes == (node.attrs["axis"],),
            Kind.MOVE: False,
        }.get(node.op.kind, node.op.kind is Kind.SOURCE or node.tensor.shape in (domain, reduced))
        if not fits:
            return f"{node.op.name} of {node.type} has no place between [{_text(domain)}] and [{_text(reduced)}]"
    if any(node.tensor.shape not in (domain, reduced) for node in region.outputs):
        return "an output has neither the domain's nor the reduced shape"
    return ""


def _is_connection(view: Node, domain: object, reduced: object, ones: object) -> bool:
    """Whether the view leads from the reduced shape to its form with axes of size 1, back, or on to the domain."""
    ends = (view.operands[0].tensor.shape, view.tensor.shape)
    reshapes = ((reduced, ones), (ones, reduced), (reduced, reduced))
    return ends in (reshapes if view.op.name == "reshape" else ((ones, domain), (reduced, domain)))


def _text(shape: Iterable[Size]) -> str:
    return ",".join(map(str, shape))


def _lone_fault(region: Graph, center: Node) -> str:
    if region.outputs != (center,):
        return "it has another result"
    for operand in center.operands:
        if not is_view_of_leaf(operand):
            return "an operand is computed"
    if any(node.op.name in ("constant", "iota") for node in region.nodes):
        return "an operand is not a region input"
    return ""


def _scatter_fault(region: Graph, center: Node) -> str:
    if region.outputs != (center,):
        return "it has another result"
    x, index, _ = center.operands
    if not is_view_of_leaf(x) or not is_view_of_leaf(index) or index.op.name in ("constant", "iota"):
        return "x or index is computed"
    others = (node for node in region.nodes if node is not center)
    if any(node.op.kind not in (*_LEAVES, Kind.ELEMENTWISE) for node in others):
        return "the value is not made by elementwise nodes"
    return ""
