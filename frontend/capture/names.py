"""Which names a piece of code speaks of: what it may read is bounded by them, where none is computed."""

from __future__ import annotations

import functools
import operator
from types import BuiltinFunctionType, CodeType
from typing import Any

# Functions that do more than their arguments tell, or read what no name in the code says.
FORBIDDEN = {"print", "input", "open", "exec", "eval", "compile", "__import__", "globals", "locals", "vars", "getattr",
             "setattr", "delattr", "id", "next", "breakpoint"}  # fmt: skip
_COMPUTING = {"__dict__", "__getattribute__", "__getattr__", "attrgetter", "methodcaller"}
_BY_POSITION = "__match_args__"  # stands for the attributes that a class pattern reads by their positions


@functools.cache
def names_in(code: CodeType) -> frozenset[str]:
    """The names of the attributes and variables that the code may read; those in patterns of classes are constants."""
    names = set(code.co_names)
    if any(step.opname == "MATCH_CLASS" for step in _steps(code)):
        names.add(_BY_POSITION)
        tuples = (constant for constant in code.co_consts if isinstance(constant, tuple))
        names.update(item for constant in tuples for item in constant if isinstance(item, str))
    return frozenset(names)


def names_of_class(kind: type, names: set[str]) -> set[str]:
    """The names, with those that patterns read of this class by their positions."""
    return names | {*getattr(kind, _BY_POSITION, ())} if _BY_POSITION in names else names


@functools.cache
def globals_of(code: CodeType) -> tuple[str, ...]:
    """The names that the code looks up among globals and builtins."""
    found = (step.argval for step in _steps(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    return tuple(dict.fromkeys(found))


@functools.cache
def computes_names(code: CodeType) -> str:
    """What lets the code read attributes whose names it does not say; empty if nothing does.

    Where it calls a forbidden function itself, that is observed. Given to another function, as to map, it is not.
    """
    passed = (
        step.argval for step in _steps(code)
        if step.opname == "LOAD_NAME" or (step.opname == "LOAD_GLOBAL" and not (step.arg or 0) & 1)
    )  # fmt: skip
    return next(iter(sorted(_COMPUTING.intersection(code.co_names) | FORBIDDEN.intersection(passed))), "")


def reads_unsaid(value: Any) -> bool:
    """Whether a value is a function or class that reads what no name in the code says."""
    if isinstance(value, BuiltinFunctionType):
        return value.__module__ == "builtins" and value.__name__ in FORBIDDEN
    return value is operator.attrgetter or value is operator.methodcaller


def _steps(code: CodeType) -> Any:
    import dis

    return dis.get_instructions(code)
