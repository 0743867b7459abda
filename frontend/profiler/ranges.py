"""record_function: parts of a program that a profile shows by name."""

from __future__ import annotations

from contextlib import ContextDecorator
from threading import get_ident
from time import perf_counter_ns
from typing import Any

from brasa.profiler.events import Event
from brasa.tracing.places import user_location

OPEN: list[Any] = []  # what is told of the ranges that end: the profile that records


class record_function(ContextDecorator):
    """A part of the program, under a name in tables and traces: a context manager, or a decorator.

    In compiled code it times what Python does: kernels run where a value is needed, at the latest at the end of the
    call, and where a compiled function runs without Python nothing is noted.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._begins: list[int] = []

    def __enter__(self) -> record_function:
        self._begins.append(perf_counter_ns())
        return self

    def __exit__(self, *error: object) -> None:
        begin = self._begins.pop()
        for profile in OPEN:
            name = self.name if self.args is None else f"{self.name} {self.args}"
            profile.add([Event("range", name, "", user_location(), begin, perf_counter_ns(), get_ident())])
