"""brasa.compile: functions, modules and whole training steps, run as native programs."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from brasa._state import STATE
from brasa.capture.follow import Capture, CaptureError
from brasa.capture.tree import Step
from brasa.tensor import Tensor
from brasa.tracing import tracing, user_location


class CompileWarning(UserWarning):
    """Part of a compiled function runs eagerly."""


class CompiledFunction:
    """A function whose tensor work is compiled. Python runs on every call and sees everything that eager code sees."""

    def __init__(self, function: Callable[..., Any], *, fullgraph: bool = False, dynamic: bool = True) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.fullgraph, self.dynamic = function, fullgraph, dynamic
        self.root = Step(None, None, (), ())
        self._warned: set[str] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not None:
            return self.function(*args, **kwargs)
        arguments = list(tensors_in((args, kwargs)))
        capture = Capture(self.root, arguments, self.dynamic, self.fullgraph)
        try:
            with tracing(capture):
                result = self.function(*args, **kwargs)
                capture.flush()
        except CaptureError as error:
            if self.fullgraph:
                raise
            return self._eagerly(error, args, kwargs)
        except BaseException:
            with tracing(capture):
                capture.flush()
            raise
        return result

    def _eagerly(self, error: CaptureError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        where = user_location()
        if error.fact not in self._warned:
            self._warned.add(error.fact)
            warnings.warn(f"{self.__name__} runs eagerly: {error.fact} ({where})", CompileWarning, stacklevel=3)
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)


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
    return CompiledFunction(target, fullgraph=fullgraph, dynamic=sizes)


def compiled_module(module: Any, fullgraph: bool, dynamic: bool) -> Any:
    """An object of a subclass of the module's class that shares all its state, and whose calls are compiled."""
    original = type(module)
    run = CompiledFunction(functools.partial(original.__call__, module), fullgraph=fullgraph, dynamic=dynamic)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return run(*args, **kwargs)

    kind = type(original)(original.__name__, (original,), {"__call__": call, "__module__": original.__module__})
    made = object.__new__(kind)
    object.__setattr__(made, "__dict__", module.__dict__)
    return made
