"""What a profile has seen: one record for each kernel that ran, and for what ran around kernels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple


class Event(NamedTuple):
    """Something that took time.

    kind: "kernel", "host" (a step that NumPy or the user's Python computes), "program" (a call of machine code, which
    runs kernels), "compile" or "range" (of `record_function`). program: the function, or "compiled", that a kernel is
    of. where: the user's line. begin, end: nanoseconds of time.perf_counter_ns(). flops: two for each product of a
    matrix product, convolution or attention, one for other arithmetic on an element. nbytes: of what is read and
    written, each counted once. shapes: of the program's inputs.
    """

    kind: str
    name: str
    program: str
    where: str
    begin: int
    end: int
    thread: int
    flops: int = 0
    nbytes: int = 0
    shapes: tuple[tuple[int, ...], ...] = ()
    dtype: str = "f32"


def chrome_trace(events: Iterable[Event]) -> str:
    """The events as a trace file of Chrome's format, which Perfetto and chrome://tracing show."""
    process = os.getpid()
    written: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": "brasa"}}
    ]
    for event in sorted(events, key=lambda each: (each.begin, -each.end)):
        facts: dict[str, Any] = {"line": event.where, "program": event.program}
        if event.kind in ("kernel", "host"):
            facts |= {"flops": event.flops, "bytes": event.nbytes}
        if event.shapes:
            facts["Input Dims"] = event.shapes
        written.append({
            "ph": "X", "name": event.name, "cat": event.kind, "pid": process, "tid": event.thread,
            "ts": event.begin / 1e3, "dur": (event.end - event.begin) / 1e3, "args": facts,
        })  # fmt: skip
    return json.dumps({"displayTimeUnit": "ns", "traceEvents": written})
