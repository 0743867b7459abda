"""Lowers fused graphs to programs of kernels for a GPU."""

from __future__ import annotations

from brasa.codegen.schedules.cuda.contract import write_contract
from brasa.codegen.schedules.cuda.map import write_map
from brasa.codegen.schedules.cuda.rows import write_rows
from brasa.codegen.schedules.cuda.scatter import write_scatter
from brasa.codegen.schedules.cuda.window import write_window
from brasa.codegen.schedules.lowering import lower
from brasa.codegen.schedules.regions import Schedules
from brasa.ir.errors import DeviceError
from brasa.ir.graph import Graph, Kind
from brasa.ir.ops.control import fused
from brasa.ir.program import Program
from brasa.ir.region import form
from brasa.ir.target import Target

_SCHEDULES: Schedules = {
    "map": write_map,
    "rows": write_rows,
    "contract": write_contract,
    "window": write_window,
    "scatter": write_scatter,
}
_GPU = Target("nvptx64-nvidia-cuda", "sm_80", "", vector_bits=32, vector_registers=255)


def lower_for_gpu(graph: Graph) -> Program:
    """The program that computes a graph of fused nodes on a GPU; its kernels run in blocks of threads."""
    for node in graph.nodes:
        if node.op.kind is Kind.NESTED:
            raise DeviceError("has no schedule for a GPU yet", op=node.op.name)
        if node.op.kind is Kind.HOST:
            raise DeviceError("runs on the processor alone: nothing computes it on a GPU", op=node.op.name)
        if node.op is fused and form(node.attrs["graph"]) not in _SCHEDULES:
            raise DeviceError("has no schedule for a GPU", op=form(node.attrs["graph"]))
    return lower(graph, _GPU, _SCHEDULES)
