"""Regions: the graphs that become one kernel each. The fusion pass makes these forms, the schedules take them.

In every form a region's inputs may be read through VIEW nodes, and nothing in it is a control op.

map       No REDUCE, CONTRACT, WINDOW or scatter. Every output has the same shape, the domain. Other nodes may have
          other shapes; views connect them. MOVE nodes and gather read their operands at computed places, so an operand
          of theirs that is not a region input is computed again at each place.
rows      One or more REDUCE nodes, all over the same axes of operands of one shape, the domain. Every node has the
          domain's shape, or the reduced shape, or (between a reduced value and its use in the domain) the reduced
          shape with axes of size 1, or is a source or view of region inputs. Outputs have the domain's or the reduced
          shape.
contract  One CONTRACT node. Its operands are region inputs seen through VIEW and cast nodes. Its result may go through
          elementwise nodes of its own shape, whose other operands are sources, region inputs seen through views, and
          elementwise nodes of that shape over these. Every output has the result's shape.
window    One WINDOW node, under the rules of contract; elementwise nodes may also come before it.
scatter   One scatter_add, alone; elementwise nodes and views of region inputs may make its value.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from brasa.ir.graph import Graph, Kind, Node

Form: TypeAlias = Literal["map", "rows", "contract", "window", "scatter"]


def form(region: Graph) -> Form:
    """Which of the forms a region has."""
    kinds = {node.op.kind for node in region.nodes}
    for kind in (Kind.CONTRACT, Kind.WINDOW):
        if kind in kinds:
            return "contract" if kind is Kind.CONTRACT else "window"
    if any(node.op.name == "scatter_add" for node in region.nodes):
        return "scatter"
    return "rows" if Kind.REDUCE in kinds else "map"


def anchor(region: Graph) -> Node | None:
    """The node that a contract, window or scatter region is built around."""
    return next((node for node in region.nodes
                 if node.op.kind in (Kind.CONTRACT, Kind.WINDOW) or node.op.name == "scatter_add"), None)  # fmt: skip
