"""Regions: which schedule writes which form, and the text that tells equal regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from brasa.codegen.schedules.attention import write_attention
from brasa.codegen.schedules.contract import write_contract
from brasa.codegen.schedules.cumulate import write_cumulate
from brasa.codegen.schedules.map import write_map
from brasa.codegen.schedules.rows import write_rows
from brasa.codegen.schedules.scatter import write_scatter
from brasa.codegen.schedules.search import write_search
from brasa.codegen.schedules.sort import write_sort
from brasa.codegen.schedules.trellis import write_trellis
from brasa.codegen.schedules.window import write_window
from brasa.codegen.schedules.writer import Layouts, Lowered, Writer
from brasa.ir import dim
from brasa.ir.dim import Dim
from brasa.ir.graph import Graph, Node
from brasa.ir.region import Form, form
from brasa.ir.sizes import substitute_attr, substitute_type
from brasa.ir.target import Target

Schedules: TypeAlias = Mapping[Form, Callable[[Writer], None]]

CPU_SCHEDULES: Schedules = {
    "map": write_map,
    "rows": write_rows,
    "contract": write_contract,
    "window": write_window,
    "scatter": write_scatter,
    "cumulate": write_cumulate,
    "sort": write_sort,
    "search": write_search,
    "attend": write_attention,
    "trellis": write_trellis,
}


def lower_region(region: Graph, layouts: Layouts, target: Target, schedules: Schedules) -> Lowered:
    """The region's kernel, by the schedule of its form."""
    writer = Writer(region, layouts, target)
    schedules[form(region)](writer)
    return writer.lower()


def region_symbols(region: Graph) -> tuple[str, ...]:
    """The named sizes of a region, in the order in which its text names them."""
    found: dict[str, None] = {}

    def visit(value: object) -> None:
        if isinstance(value, Dim):
            found.update(dict.fromkeys(dim.symbols(value)))
        elif isinstance(value, tuple):
            for part in value:
                visit(part)

    for node in (*region.inputs, *region.nodes):
        visit(node.tensor.shape)
        for value in node.attrs.values():
            visit(value)
    return tuple(found)


def region_key(region: Graph, layouts: Layouts) -> str:
    """A text that is equal for regions that differ only in names of values and sizes, and in places in the source."""
    renaming = {name: dim.symbol(f"s{i}") for i, name in enumerate(region_symbols(region))}
    numbers: dict[Node, int] = {}
    lines = [str(layouts)]
    for node in (*region.inputs, *region.nodes):
        numbers[node] = len(numbers)
        attrs = (
            ()
            if node.op.name == "input"
            else sorted((key, substitute_attr(value, renaming)) for key, value in node.attrs.items())
        )
        operands = [numbers[operand] for operand in node.operands]
        lines.append(f"{node.op.name} {operands} {attrs} {substitute_type(node.type, renaming)}")
    return "\n".join([*lines, str([numbers[output] for output in region.outputs])])
