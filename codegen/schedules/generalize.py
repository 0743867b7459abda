"""Regions with named sizes in place of numbers: one kernel for all of a program's regions that differ in sizes only.

Each kernel takes some hundredths of a second to compile. A program gets a few that know their sizes, for each family
of regions; the rest of a family, of however many sizes, runs one kernel that is told the sizes. Both sum in the same
order, so their results have the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from brasa.codegen.schedules.regions import region_symbols
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.types import TensorType, TupleType, Type
from brasa.ir.verify import verify

_KINDS = (Kind.SOURCE, Kind.ELEMENTWISE, Kind.VIEW, Kind.REDUCE)


def generalized(region: Graph) -> tuple[Graph, Mapping[str, Size]] | None:
    """The region with each number that is a size by name, and what the names stand for.

    Equal numbers get one name; 0 and 1 stay. None for ops whose kernels are worth little without numbers, and where
    only the numbers tell that sizes agree.
    """
    if not all(node.op.kind in _KINDS or node.op.name == "matmul" for node in region.nodes):
        return None
    naming = _Naming(region_symbols(region))
    new: dict[Node, Node] = {}
    for node in (*region.inputs, *region.nodes):
        attrs = MappingProxyType({key: naming.attr(key, value) for key, value in node.attrs.items()})
        operands = tuple(new[operand] for operand in node.operands)
        new[node] = Node(node.op, operands, attrs, naming.type(node.type), node.where)
    inputs, nodes, outputs = (
        tuple(new[node] for node in each) for each in (region.inputs, region.nodes, region.outputs)
    )
    try:
        return verify(Graph(region.name, inputs, nodes, outputs, region.updates)), naming.values
    except GraphError:
        return None


class _Naming:
    """Gives names to numbers. values: what each name stands for, those that were there before included."""

    def __init__(self, taken: Sequence[str]) -> None:
        self.values: dict[str, Size] = {name: dim.symbol(name) for name in taken}

    def size(self, size: Size) -> Size:
        if not isinstance(size, int) or size < 2:
            return size
        name = f"n{size}"
        while self.values.setdefault(name, size) != size:
            name += "_"
        return dim.symbol(name)

    def tensor(self, type: TensorType) -> TensorType:
        return TensorType(tuple(map(self.size, type.shape)), type.dtype, type.device)

    def type(self, type: Type) -> Type:
        return TupleType(tuple(map(self.tensor, type.items))) if isinstance(type, TupleType) else self.tensor(type)

    def attr(self, key: str, value: Any) -> Any:
        if isinstance(value, TensorType):
            return self.tensor(value)
        return tuple(map(self.size, value)) if key == "shape" else value
