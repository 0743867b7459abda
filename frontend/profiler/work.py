"""How much a kernel has to do: arithmetic, and bytes of memory that it must read and write."""

from __future__ import annotations

from math import prod

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Graph, Kind, Node, item_types
from brasa.ir.program import HostStep, Launch
from brasa.seeing.flops import count_flops

_OF_RESULT = (Kind.ELEMENTWISE, Kind.RANDOM, Kind.CHECK)
_OF_OPERAND = (Kind.REDUCE, Kind.CUMULATE, Kind.WINDOW)
_IN_PART = (Kind.VIEW, Kind.MOVE, Kind.INDEX)  # of their first operand they read no more elements than they give


def flops_of(launch: Launch) -> Size:
    """Two for each product of a matrix product, convolution or attention; one for other arithmetic on an element."""
    if launch.region is None:
        return 0
    nodes = launch.region.nodes
    return count_flops(nodes, {}) + sum(map(_arithmetic, nodes), 0)


def _arithmetic(node: Node) -> Size:
    if node.op.kind in _OF_OPERAND:
        return prod(node.operands[0].tensor.shape)
    return prod(node.tensor.shape) if node.op.kind in _OF_RESULT and node.op.name != "cast" else 0


def bytes_of(launch: Launch) -> Size:
    """What is read and what is written, each counted once."""
    if isinstance(launch.kernel, HostStep):
        return sum((type.nbytes for type in (*launch.kernel.operands, *launch.kernel.results)), 0)
    region = launch.region
    assert region is not None
    written = sum((type.nbytes for node in region.outputs for type in item_types(node.type)), 0)
    return written + sum((_read(region, node) for node in region.inputs), 0)


def _read(region: Graph, input: Node) -> Size:
    """What is read of an input: no more than what those give that read it in part."""
    users = region.users[input]
    if users and all(user.op.kind in _IN_PART and user.operands[0] is input for user in users):
        return dim.smallest(input.tensor.nbytes, sum((user.tensor.nbytes for user in users), 0))
    return input.tensor.nbytes
