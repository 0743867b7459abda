"""All rows of the table, in the order in which it shows them."""

from __future__ import annotations

from benchmarks.row import Fresh, Row
from benchmarks.rows import calls, convolutions, models, optimisers, pointwise, processes, products

ROWS: tuple[Row | Fresh, ...] = tuple(
    row for group in (products, convolutions, pointwise, optimisers, models, calls, processes) for row in group.rows()
)
