"""brasa.compile: functions, modules and whole training steps, run as native programs."""

from __future__ import annotations

import functools
from typing import Any

from brasa.capture.compiled import CompiledFunction
from brasa.capture.retracing import Retraced
from brasa.runtime import settings


def compile(
    target: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, mode: str | None = None,
    backend: str | None = None, options: Any = None, disable: bool = False,
) -> Any:  # fmt: skip
    """The same function, module or training step, run as native programs.

    fullgraph: an error, instead of several programs, where a value is needed in the middle.
    dynamic: False compiles for each input size anew. mode, backend and options are accepted for PyTorch's sake.
    """
    if target is None:
        return functools.partial(compile, fullgraph=fullgraph, dynamic=dynamic, disable=disable)
    if disable:
        return target
    sizes = dynamic is not False
    if hasattr(target, "_modules"):
        return compiled_module(target, fullgraph, sizes)
    return _kind()(target, fullgraph=fullgraph, dynamic=sizes)


def _kind() -> type[CompiledFunction]:
    return Retraced if settings().retrace else CompiledFunction


def compiled_module(module: Any, fullgraph: bool, dynamic: bool) -> Any:
    """An object of a subclass of the module's class that shares all its state, and whose calls are compiled."""
    original = type(module)
    call_it = functools.partial(original.__call__, module)
    run = _kind()(call_it, module=module, fullgraph=fullgraph, dynamic=dynamic)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return run(*args, **kwargs)

    members = {"__call__": call, "__module__": original.__module__, "_compiled": staticmethod(run)}
    kind = type(original)(original.__name__, (original,), members)
    made = object.__new__(kind)
    object.__setattr__(made, "__dict__", module.__dict__)
    return made
