"""Schedule of map regions for GPUs: one thread for each element of the domain."""

from __future__ import annotations

from brasa.codegen.schedules.cuda.threads import one_thread_each
from brasa.codegen.schedules.map import Trial, output_parts, output_stores, spread
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim


def write_map(writer: Writer) -> None:
    """Write the kernel of a map region."""
    domain = writer.region.outputs[0].tensor.shape
    trial = Trial(writer, domain, lambda values, index: output_parts(values, lambda _: index))
    groups = trial.joint_groups(range(len(domain)))
    with one_thread_each(writer, [dim.product(domain[axis] for axis in group) for group in groups]) as places:
        values, index = Values(writer), spread(groups, places, len(domain))
        values.put(output_stores(values, lambda _: index))
