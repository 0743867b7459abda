"""What lies in memory between two kernels, and why they are not one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from brasa.ir.graph import Graph
from brasa.ir.types import TensorType
from brasa.passes.costs import elements
from brasa.passes.flow import Flow
from brasa.passes.fuse import region_name
from brasa.passes.grouping import Group, Grouping
from brasa.passes.pipeline import PIPELINE, run
from brasa.passes.recompute import without_gates


@dataclass(frozen=True)
class Border:
    """A value that one kernel writes and another reads. where: the user's line; reason: what keeps the two apart."""

    producer: str
    consumer: str
    type: TensorType
    where: str
    reason: str

    def __str__(self) -> str:
        line = f" ({self.where})" if self.where else ""
        return f"{self.type} from {self.producer} to {self.consumer}{line}: {self.reason}"


def borders(graph: Graph) -> list[Border]:
    """All borders between the kernels of a traced graph, those with the largest values first."""
    graph, later = without_gates(run(graph, PIPELINE[:-1]))
    grouping = Grouping(Flow(graph), later)
    return sorted(_borders(grouping), key=lambda border: -elements(border.type) * border.type.dtype.itemsize)


def _borders(grouping: Grouping) -> Iterator[Border]:
    flow, seen = grouping.flow, set[tuple[Group, Group]]()
    for node in flow.computed:
        consumer = grouping.group_of[node]
        for read in flow.reads[node]:
            producer = grouping.group_of[read.base]
            if producer is consumer or (producer, consumer) in seen:
                continue
            seen.add((producer, consumer))
            found = grouping.joined(producer, consumer)
            reason = found if isinstance(found, str) else "others were joined before them"
            names = [region_name(sorted(each.spaces, key=flow.order.__getitem__)) for each in (producer, consumer)]
            yield Border(names[0], names[1], read.base.tensor, read.base.where, reason)
