"""Schedule of map regions for GPUs: one thread for each element of the domain."""

from __future__ import annotations

from brasa.codegen.schedules.cuda.threads import one_thread_each
from brasa.codegen.schedules.map import Trial, output_stores, spread
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim


def write_map(writer: Writer) -> None:
    """Write the kernel of a map region."""
    domain = writer.region.outputs[0].tensor.shape
    trial = Trial(writer, domain, lambda values, index: [value for _, _, value, _ in output_stores(values, index)])
    groups = trial.joint_groups(range(len(domain)))
    axes = [(f"i{group[0]}", dim.product(domain[axis] for axis in group)) for group in groups]
    with one_thread_each(writer, axes) as places:
        values = Values(writer)
        values.put(output_stores(values, spread(groups, places, len(domain))))
