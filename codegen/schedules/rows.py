"""Schedule of row regions: reductions along some axes and what is computed from them, all in one kernel.

A row is the set of elements that combine to one. The kernel passes over each row as often as reductions depend on each
other; each pass folds the next reductions and stores the outputs that can be stored. The order of folding is part of
the meaning: adjacent reduced axes are one group, groups fold last to first; the group with the last axis of all folds
in chunks of 4096 by 16 lanes and a tree, any other in chunks of 256, one element after the other.
"""

from __future__ import annotations

from brasa.codegen.schedules.columns import Columns
from brasa.codegen.schedules.long_rows import LongColumns, LongRows
from brasa.codegen.schedules.row_folding import Rows
from brasa.codegen.schedules.row_plan import RowPlan
from brasa.codegen.schedules.writer import Writer


def write_rows(writer: Writer) -> None:
    """Write the kernel of a row region."""
    plan = RowPlan(writer)
    along, across = (LongRows, Rows) if plan.along_lanes else (LongColumns, Columns)

    def write() -> None:
        writer.either(plan.streams, lambda: across(writer, plan, True).write(), lambda: across(writer, plan).write())

    writer.either(plan.is_long, lambda: along(writer, plan).write(), write)
