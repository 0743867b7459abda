"""Regions: which schedule writes which form, and the text that tells equal regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
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
from brasa.codegen.schedules.writer import COST_MODEL, Layouts, Lowered, Wanted, Writer
from brasa.ir import dim
from brasa.ir.dim import Dim
from brasa.ir.graph import Graph, Node
from brasa.ir.region import Form, form
from brasa.ir.target import Target
from brasa.ir.types import TensorType

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


def lower_region(
    region: Graph, layouts: Layouts, target: Target, schedules: Schedules, wanted: Wanted = COST_MODEL
) -> Lowered:  # fmt: skip
    """The region's kernel, by the schedule of its form."""
    writer = Writer(region, layouts, target, wanted)
    schedules[form(region)](writer)
    return writer.lower()


def region_symbols(region: Graph) -> tuple[str, ...]:
    """The named sizes of a region, in the order in which its text names them."""
    found: dict[str, None] = {}
    for node in (*region.inputs, *region.nodes):
        for size in _sizes((node.tensor.shape, *node.attrs.values())):
            found.update(dict.fromkeys(dim.symbols(size)))
    return tuple(found)


def _sizes(value: object) -> Iterator[Dim]:
    """All sizes with names in tuples of any depth."""
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            if not isinstance(part, int | str):
                yield from _sizes(part)


def region_key(region: Graph, layouts: Layouts, symbols: tuple[str, ...]) -> str:
    """A text that is equal for regions that differ only in names of values and sizes, and in places in the source.

    symbols: the region's.
    """
    numbers: dict[Node, int] = {}
    lines = [str(layouts)]
    for node in (*region.inputs, *region.nodes):
        numbers[node] = len(numbers)
        attrs = {} if node.op.name == "input" else node.attrs
        given = [f"{name}={_text(attrs[name], symbols)}" for name in sorted(attrs)]
        lines.append(f"{node.op.name} {[numbers[each] for each in node.operands]} {given} {_text(node.type, symbols)}")
    return "\n".join([*lines, str([numbers[output] for output in region.outputs])])


def _text(value: object, symbols: tuple[str, ...]) -> str:
    """The value as text, with numbers in place of the symbols."""
    if isinstance(value, Dim):
        return _numbered(value, symbols)
    if isinstance(value, TensorType):
        return f"{value.dtype.name}{_text(value.shape, symbols)}{value.device}"
    if isinstance(value, tuple):
        return f"({','.join([_text(part, symbols) for part in value])})"
    return repr(value)


@lru_cache(maxsize=1 << 12)
def _numbered(size: Dim, symbols: tuple[str, ...]) -> str:
    return str(dim.substitute(size, {name: dim.symbol(f"s{i}") for i, name in enumerate(symbols)}))
