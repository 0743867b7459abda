"""Room for the frames of Python functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_WORDS = 1 << 14  # of 8 bytes: CPython then takes 256 KB, of which the half is left


def roomy(function: Callable[P, T]) -> Callable[P, T]:
    """The function with a frame so large that the frames of all that it calls lie behind it in one piece of memory.

    CPython keeps frames in pieces of 16 KB. A call that crosses the end of one asks the system for the next, which is
    given back when the call returns. A compiler whose inner loops happen to lie there takes half as long again.
    """
    function.__code__ = function.__code__.replace(co_stacksize=_WORDS)  # type: ignore[attr-defined]
    return function
