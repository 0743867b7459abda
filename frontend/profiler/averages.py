"""Events added up by kernel and line, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from brasa.ir.errors import ArgumentError
from brasa.profiler.events import Event
from brasa.profiler.limits import machine_limits
from brasa.seeing.tables import html_table, text_table

_HEAD = ("name", "of", "calls", "time", "share", "per call", "bytes/call", "GB/s", "GFLOP/s", "of limit", "line")
_COMPUTES = ("kernel", "host")
_ORDERS = {"cpu_time_total": "nanoseconds", "self_cpu_time_total": "nanoseconds", "cpu_time": "per_call",
           "count": "count", "flops": "flops", "bytes": "nbytes"}  # fmt: skip


@dataclass
class Average:
    """All calls of one kernel (or step of the host, or range) at one line.

    nanoseconds, count, flops, nbytes: of all calls. least: the seconds that the machine would need at its limits.
    """

    key: str
    kind: str
    program: str
    where: str
    input_shapes: tuple[tuple[int, ...], ...] = ()
    nanoseconds: int = 0
    count: int = 0
    flops: int = 0
    nbytes: int = 0
    least: float = 0.0

    @property
    def cpu_time_total(self) -> float:
        """Microseconds of all calls."""
        return self.nanoseconds / 1e3

    @property
    def self_cpu_time_total(self) -> float:
        """As cpu_time_total, but 0 for ranges: what computes in them has a row of its own."""
        return self.cpu_time_total if self.kind in _COMPUTES else 0.0

    @property
    def cpu_time(self) -> float:
        """Microseconds of one call."""
        return self.per_call / 1e3

    @property
    def per_call(self) -> float:
        """Nanoseconds of one call."""
        return self.nanoseconds / self.count

    @property
    def share_of_limit(self) -> float:
        """How much of what the machine can do at most; 0 where there is nothing to count."""
        return 1e9 * self.least / self.nanoseconds if self.nanoseconds else 0.0


class Averages(list[Average]):
    """The rows of a table; print() shows it, the longest time first."""

    def __init__(self, rows: Iterable[Average], facts: Iterable[str] = ()) -> None:
        super().__init__(rows)
        self.facts = list(facts)

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return html_table(_HEAD, list(self._rows("cpu_time_total", 100)), self.facts)

    def table(self, sort_by: str | None = None, row_limit: int = 100, max_name_column_width: int | None = 55) -> str:
        """The table as text. sort_by: cpu_time_total (as None), self_cpu_time_total, cpu_time, count, flops or bytes.

        row_limit: rows at most; -1 for all. ArgumentError for another order.
        """
        return text_table(_HEAD, list(self._rows(sort_by or "cpu_time_total", row_limit, max_name_column_width)),
                          self.facts)  # fmt: skip

    def _rows(self, order: str, most: int, width: int | None = None) -> Iterator[list[str]]:
        if order not in _ORDERS:
            raise ArgumentError(f"{order!r} is not one of {', '.join(_ORDERS)}", op="table")
        rows = sorted(self, key=lambda row: -getattr(row, _ORDERS[order]))
        total = sum(row.nanoseconds for row in self if row.kind in _COMPUTES) or 1
        for row in rows if most < 0 else rows[:most]:
            name = row.key if width is None or len(row.key) <= width else row.key[: width - 3] + "..."
            cells = [name, row.program, str(row.count), _time(row.nanoseconds)]
            if row.kind not in _COMPUTES:
                yield [*cells, "", _time(row.per_call), "", "", "", "", row.where]
                continue
            share, rates = 100 * row.nanoseconds / total, (row.nbytes / row.nanoseconds, row.flops / row.nanoseconds)
            yield [*cells, f"{share:.1f} %", _time(row.per_call), f"{row.nbytes // row.count:,}", f"{rates[0]:.1f}",
                   f"{rates[1]:.1f}", f"{100 * row.share_of_limit:.0f} %", row.where]  # fmt: skip


def _time(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3f} {unit}"
    return f"{nanoseconds / 1e3:.3f} us"


def average(events: Iterable[Event], by_shape: bool = False) -> list[Average]:
    """The events of each kernel, host step and range, added up; by_shape: apart for each shape of inputs."""
    limits = machine_limits()
    rows: dict[tuple[Any, ...], Average] = {}
    for event in events:
        if event.kind == "program":
            continue
        key = (event.name, event.kind, event.program, event.where, event.shapes if by_shape else ())
        row = rows.get(key)
        if row is None:
            row = rows[key] = Average(
                event.name, event.kind, event.program, event.where, event.shapes if by_shape else ()
            )
        row.nanoseconds += event.end - event.begin
        row.count += 1
        row.flops += event.flops
        row.nbytes += event.nbytes
        if event.kind == "kernel":
            row.least += limits.seconds(event.flops, event.nbytes, event.dtype)
    return list(rows.values())
