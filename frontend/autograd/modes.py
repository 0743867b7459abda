"""Whether functions are recorded for backward: context managers that are decorators too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from brasa._state import STATE

_C = TypeVar("_C", bound=Callable[..., Any])


class _GradMode:
    """Sets the gradient mode inside a block, or inside a function that it decorates.

    outer: the mode outside of the block, then outside of the one around it that this object has opened, too.
    """

    mode: bool
    outer: Any = None

    def __enter__(self) -> None:
        self.outer = STATE.grad_enabled, self.outer
        STATE.grad_enabled = self.mode

    def __exit__(self, *_: object) -> None:
        STATE.grad_enabled, self.outer = self.outer

    def __call__(self, function: _C) -> _C:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with type(self)(*self._arguments()):
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    def _arguments(self) -> tuple[Any, ...]:
        return ()


class no_grad(_GradMode):
    """Nothing inside is recorded for backward."""

    mode = False

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        return made if function is None else made(function)


class inference_mode(no_grad):
    """As no_grad."""


class enable_grad(_GradMode):
    """What is inside is recorded again, inside a no_grad block."""

    mode = True


class set_grad_enabled(_GradMode):
    """Sets the mode at once; as a context manager it is set back at the end."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        super().__enter__()

    def __enter__(self) -> None:
        STATE.grad_enabled = self.mode

    def __call__(self, function: _C) -> _C:
        self.__exit__()  # it sets the mode in the function alone
        return super().__call__(function)

    def _arguments(self) -> tuple[Any, ...]:
        return (self.mode,)


def is_grad_enabled() -> bool:
    """Whether functions are recorded for backward on this thread."""
    return STATE.grad_enabled
