"""brasa.compile: functions, modules and whole training steps, run as native programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from brasa.capture.compiled import CompiledFunction
from brasa.capture.retracing import Retraced
from brasa.execution.user_passes import named_passes
from brasa.ir.graph import Graph
from brasa.runtime import settings


def compile(
    target: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, mode: str | None = None,
    backend: str | None = None, options: Any = None, disable: bool = False,
    passes: Sequence[Callable[[Graph], Graph]] = (),
) -> Any:  # fmt: skip
    """The same function, module or training step, run as native programs.

    fullgraph: an error, instead of several programs, where a value is needed in the middle.
    dynamic: False compiles for each input size anew. mode, backend and options are accepted for PyTorch's sake.
    passes: functions from graph to graph (brasa.ir.graph), which run in this order on each program, after its gradients
    are made and its calls put in line and before all other passes. Each must leave inputs, updates and the types of
    the outputs as they are; what it makes is verified, and a GraphError names it. They may do with the meaning as they
    like: their result is what is computed.
    """
    if target is None:
        return functools.partial(compile, fullgraph=fullgraph, dynamic=dynamic, disable=disable, passes=passes)
    if disable:
        return target
    kind = Retraced if settings().retrace else CompiledFunction
    made = functools.partial(kind, fullgraph=fullgraph, dynamic=dynamic is not False, passes=named_passes(passes))
    return compiled_module(target, made) if hasattr(target, "_modules") else made(target)


def compiled_module(module: Any, made: Callable[..., CompiledFunction]) -> Any:
    """An object of a subclass of the module's class that shares all its state, and whose calls are compiled."""
    original = type(module)
    run = made(functools.partial(original.__call__, module), module=module)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return run(*args, **kwargs)

    members = {"__call__": call, "__module__": original.__module__, "_compiled": staticmethod(run)}
    kind = type(original)(original.__name__, (original,), members)
    made = object.__new__(kind)
    object.__setattr__(made, "__dict__", module.__dict__)
    return made
