"""Rows of calls so small that only the way from Python to machine code counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from benchmarks.row import Program, Row


def rows() -> Iterator[Row]:
    """Small operators in eager mode."""
    for name, function in CALLS.items():
        yield Row("calls", f"{name}, eager", _calling(function, False), eager=True)
    yield Row(
        "calls", "add of 8 elements, with gradient, eager", _calling(CALLS["add of 8 elements"], True), eager=True
    )


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "add of 8 elements": lambda a, b: a + b,
    "exp of 8 elements": lambda a, b: a.exp(),
    "softmax of 8 elements": lambda a, b: a.softmax(0),
    "view of 8 elements": lambda a, b: a.view(2, 4),
}


def _calling(function: Callable[[Any, Any], Any], gradient: bool) -> Callable[[ModuleType], Program]:
    return lambda module: Program(function, (module.ones(8, requires_grad=gradient), module.ones(8)))
