"""The proof that a call reads and changes nothing that its guard does not hold, so that Python may be skipped.

While one call runs, a profile hook collects the code that ran and the C functions that it called. Roots are the
function with its cells and defaults, the arguments, and the globals that the code names. From there containers are
walked fully, functions by their own cells and globals, and of instances, classes and modules the attributes whose
names occur in code that ran. What was read is the guard, and so is what was looked for and is not there. Pure is a
call that leaves all of it as it was, and that met nothing that cannot be judged: a foreign C function, an opaque
object, a computed attribute.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from brasa.capture.facts import MISSING, ClassOf, Facts, content_of
from brasa.capture.moving import Moving, watching_tables
from brasa.capture.names import FORBIDDEN, computes_names, globals_of, names_in, names_of_class, reads_unsaid
from brasa.ir.dtype import DType
from brasa.nn.registry import ModuleType as ClassOfModules
from brasa.nn.registry import Registries, Registry, RegistryList
from brasa.tensors.spec import Device
from brasa.tensors.tensor import Tensor
from brasa.tracing.places import FRONTEND, OWN_FOLDERS

_STATEFUL = tuple(FRONTEND + name + os.sep for name in ("nn", "optim", "autograd"))
_SCHEDULES = os.path.join(FRONTEND, "optim", "lr_scheduler") + os.sep
# Whose functions close over those of users.
_TRANSFORMS = FRONTEND + "func" + os.sep
_AROUND_USERS = (_TRANSFORMS, FRONTEND + os.path.join("autograd", "modes.py"))
_STANDARD, _NUMPY = os.path.dirname(os.__file__) + os.sep, os.path.dirname(np.__file__) + os.sep
_PLAIN = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis), DType, Device, range, slice)
_MATH = ("math", "builtins", "functools", "operator", "collections", "_operator", "itertools")


class Impure(Exception):
    """Why a call cannot be proven pure."""


class Observation:
    """What ran during one call. names: all that occur in it; said: those in code that is not brasa's own.

    stepping: whether a schedule of learning rates makes its step; consulted, called: whether code that is not brasa's
    ran in one, and whether one was asked for its state. watched, touched: tables that were, and which of their items.
    transforms: whether some of brasa.func ran.
    """

    def __init__(self) -> None:
        self.stepping = self.called = self.consulted = self.transforms = False
        self.watched, self.touched = set[int](), set[tuple[int, str]]()
        self.codes: set[CodeType] = set()
        self.names: set[str] = set()
        self.said: set[str] = set()
        self.fault = ""

    def hook(self, frame: Any, event: str, argument: Any) -> None:
        """What sys.setprofile calls."""
        code = frame.f_code
        inside = _is_trusted(frame)
        if self.stepping:
            self.called = self.called or not inside
        elif event == "call":
            self.transforms = self.transforms or code.co_filename.startswith(_TRANSFORMS)
            self.consulted = self.consulted or (code.co_filename.startswith(_SCHEDULES) and code.co_name != "step")
            if not inside:
                self.codes.add(code)
                self.said.update(names_in(code))
                computing = computes_names(code)
                if computing and not self.fault:
                    self.fault = f"it uses {computing}, by which it may read anything"
            if not inside or code.co_filename.startswith(_STATEFUL):
                self.names.update(names_in(code))
        elif event == "c_call" and not inside and not self.fault:
            self._judge(argument)

    def _judge(self, function: Any) -> None:
        name = getattr(function, "__name__", "?")
        owner = getattr(function, "__self__", None)
        module = getattr(function, "__module__", None)
        if module in _MATH and (module != "builtins" or name not in FORBIDDEN):
            return
        if isinstance(owner, list | dict | tuple | str | set | float | int | type) and module is None:
            return
        self.fault = f"it calls {name}, which may do anything"


def _is_trusted(frame: Any) -> bool:
    """Whether a frame is brasa's own, or a library's that brasa called."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(OWN_FOLDERS) or frame.f_globals.get("__name__", "").startswith("brasa."):
            return True
        made = frame.f_globals.get("__name__", "").startswith("namedtuple_")  # what makes a named tuple, by its caller
        library = name.startswith((_NUMPY, "<frozen ")) or (name.startswith(_STANDARD) and "site-packages" not in name)
        if not made and not library:
            return False
        frame = frame.f_back
    return False


@contextmanager
def watching(observation: Observation | None, tables: Iterable[Registry]) -> Iterator[None]:
    """A block in which the observation, if there is one, sees what runs on this thread, and who looks at the tables."""
    if observation is None:
        yield
        return
    collects = gc.isenabled()
    gc.disable()  # what a search for garbage calls is none of the program's doing
    try:
        with watching_tables(tables, observation):
            sys.setprofile(observation.hook)
            try:
                yield
            finally:
                sys.setprofile(None)
    finally:
        if collects:
            gc.enable()


class Walk:
    """Collects the facts that are reachable from roots."""

    def __init__(self, observation: Observation, moving: Moving) -> None:
        if moving.stepped and (observation.consulted or moving.looks_on(observation)):
            raise Impure("it looks at what a schedule changes")
        self.free, self.stepped = moving.free(observation), moving.stepped
        self.names, self.said, self.codes = observation.names, observation.said, observation.codes
        self.facts = Facts()
        self.seen: set[Any] = set()
        self.reached: set[CodeType] = set()
        self.tensors: list[Tensor] = []
        self._class(Tensor)

    def finish(self) -> Facts:
        """The facts, when every piece of code that ran was found on the way; else Impure."""
        for code in self.codes - self.reached:
            raise Impure(f"it runs {code.co_name}, which the proof did not reach")
        self.facts.codes = tuple(self.codes)
        return self.facts

    def value(self, value: Any, what: str) -> None:
        """Walk one value."""
        if isinstance(value, _PLAIN) or id(value) in self.seen:
            return
        self.seen.add(id(value))
        if isinstance(value, Tensor):
            self.tensors.append(value)
        elif isinstance(value, Registry | Registries):
            self.seen.discard(id(value))
            self._table(value, what)
        elif isinstance(value, tuple | list | set | frozenset):
            self._sequence(value, what)
        elif isinstance(value, dict):
            self._mapping(value, what)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self.value(value.__func__, what)
            self.value(value.__self__, what)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self.value(part, what)
        elif reads_unsaid(value):
            raise Impure(f"it reads {what}, by which it may read anything")
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, ModuleType):
            self._module(value)
        elif isinstance(value, BuiltinFunctionType):
            return
        elif hasattr(value, "__dict__"):
            self._instance(value, what)
        else:
            raise Impure(f"it reads {what}, whose {type(value).__name__} cannot be looked into")

    def _sequence(self, value: Any, what: str) -> None:
        if isinstance(value, list | set):
            known = self.facts.lists if isinstance(value, RegistryList) else self.facts.sequences
            known.append((value, tuple(value)))
            self.facts.words[id(value)] = what
        if isinstance(value, set | frozenset) and not all(isinstance(item, _PLAIN) for item in value):
            raise Impure(f"it reads {what}, a set of objects")
        for item in value:
            self.value(item, what)

    def _mapping(self, value: Any, what: str) -> None:
        self.facts.sequences.append((value, tuple(value)))
        self.facts.words[id(value)] = f"the keys of {what}"
        for key, item in list(value.items()):
            self.facts.polled.append((value, key, item))
            self.value(item, f"{what}[{key!r}]")

    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        if code.co_filename.startswith(OWN_FOLDERS):
            if code.co_filename.startswith(_AROUND_USERS):
                self._closure(function)
            return
        self.facts.functions.append((function, code, function.__defaults__, function.__kwdefaults__))
        self._code(code, function.__globals__)
        self._closure(function)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.value(default, "a default")

    def _closure(self, function: FunctionType) -> None:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            content = content_of(cell)
            self.facts.cells.append((cell, content))
            self.facts.words[id(cell)] = name
            if content is not MISSING:
                self.value(content, name)

    def _code(self, code: CodeType, scope: dict[str, Any]) -> None:
        self.reached.add(code)
        for name in globals_of(code):
            self.facts.polled.append((scope, name, scope.get(name, MISSING)))
            if name in scope:
                self.value(scope[name], name)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant, scope)

    def _class(self, kind: type) -> None:
        for base in kind.__mro__:
            if (id(base), "attributes") in self.seen or base.__module__ == "builtins":
                continue
            self.seen.add((id(base), "attributes"))
            if _is_own(base):  # its code is ours, but somebody may exchange it
                own = vars(base)
                for name in self.names & own.keys():
                    facts = self.facts.polled if name in self.said else self.facts.steady
                    facts.append((own, name, own[name]))
            else:
                self._attributes(base)

    def _attributes(self, kind: type) -> None:
        """The attributes of one class, and that it has no others: they would come before those of its bases.

        Whatever is set on a class of modules bumps the epoch.
        """
        known = self.facts
        watched = isinstance(kind, ClassOfModules)
        shapes, facts = (known.tables, known.steady) if watched else (known.shapes, known.polled)
        shapes.append((vars(kind), tuple(vars(kind))))
        for name in names_of_class(kind, self.names) & vars(kind).keys():
            attribute = vars(kind)[name]
            facts.append((vars(kind), name, attribute))
            inner = getattr(attribute, "__func__", attribute)
            if isinstance(inner, property):
                self.value(inner.fget, name)
            elif isinstance(inner, FunctionType | type) or not hasattr(inner, "__get__"):
                self.value(inner, name)

    def _module(self, module: ModuleType) -> None:
        name = module.__name__
        own = name.split(".")[0] in ("brasa", *_MATH, "typing", "__future__", "warnings") or _is_own(type(module))
        looked_for = self.said & vars(module).keys() if own else self.said
        self.facts.polled += [(vars(module), key, vars(module).get(key, MISSING)) for key in looked_for]
        if own:
            for key in looked_for:
                if isinstance(vars(module)[key], ModuleType):
                    self.value(vars(module)[key], key)
            return
        if not getattr(module, "__file__", "").endswith(".py"):
            raise Impure(f"it reads the module {name}, which cannot be looked into")
        if name.split(".")[0] in ("numpy", "random", "time", "os", "sys", "torch"):
            raise Impure(f"it reads the module {name}, whose state is not known")
        for key in self.said & vars(module).keys():
            self.value(vars(module)[key], f"{name}.{key}")

    def _instance(self, value: Any, what: str) -> None:
        kind, state = type(value), vars(value)
        layer = "_modules" in state and "_parameters" in state
        self._class(kind)
        if getattr(kind, "__getattribute__", None) is not object.__getattribute__:
            raise Impure(f"{what} computes its attributes")
        if hasattr(kind, "__getattr__") and not _is_own_method(kind, "__getattr__"):
            raise Impure(f"{what} computes its attributes")
        if not layer and not _is_own(kind) and kind.__module__ not in sys.modules:
            raise Impure(f"{what} is of a type that cannot be judged")
        if not layer and hasattr(kind, "__next__"):
            raise Impure(f"{what} is an iterator")
        if callable(value) and not isinstance(kind.__call__, FunctionType):
            raise Impure(f"it reads {what}, a {kind.__name__} that cannot be looked into")
        if layer:
            self._layer(value, kind, state, what)
            return
        self.facts.kinds.append((value, kind))
        self.facts.shapes.append((state, tuple(state)))
        if id(value) in self.stepped:
            self._stepped(state)
            return
        for name in names_of_class(kind, self.names) & state.keys():
            self.facts.polled.append((state, name, state[name]))
            self.value(state[name], f"{what}.{name}")

    def _stepped(self, state: dict[str, Any]) -> None:
        """A schedule that made its step: what it holds changes, and nobody else may read it."""
        if not self.said.isdisjoint(state.keys() - {"optimizer"} | {"__dict__"}):
            raise Impure("it looks at what a schedule changes")
        self.value(state["optimizer"], "the optimizer")

    def _layer(self, value: Any, kind: type, state: dict[str, Any], what: str) -> None:
        """A module: what is set on it bumps the epoch."""
        self.facts.steady.append((ClassOf(value), "__class__", kind))
        self.facts.tables.append((state, tuple(state)))
        self._table(kind._everywhere, "the global hooks")
        for name in list(state):
            self.facts.steady.append((state, name, state[name]))
            if isinstance(state[name], dict) and name.startswith("_"):
                self._table(state[name], name)
            elif name in self.names or isinstance(state[name], Tensor):
                self.value(state[name], f"{what}.{name}")

    def _table(self, table: dict[str, Any], what: str) -> None:
        """A table of a layer's (parameters, buffers, layers, hooks) or optimiser's: its changes bump the epoch."""
        if id(table) in self.seen:
            return
        self.seen.add(id(table))
        self.facts.tables.append((table, tuple(table)))
        for key, item in table.items():
            if (id(table), key) in self.free:
                continue
            self.facts.steady.append((table, key, item))
            if what.endswith("hooks") and not _is_readable(item):
                raise Impure(f"one of {what} cannot be looked into")
            self.value(item, f"{what}[{key!r}]")


def _is_readable(hook: Any) -> bool:
    """Whether a hook is Python code; what brasa calls itself is not observed otherwise."""
    if isinstance(hook, tuple):
        return all(map(_is_readable, hook))
    if isinstance(hook, functools.partial):
        return _is_readable(hook.func)
    return not isinstance(hook, BuiltinFunctionType | type)


def _is_own(kind: type) -> bool:
    return kind.__module__.split(".")[0] == "brasa"


def _is_own_method(kind: type, name: str) -> bool:
    code = getattr(getattr(kind, name), "__code__", None)
    return code is not None and code.co_filename.startswith(OWN_FOLDERS)


def roots_of(function: Callable[..., Any], arguments: Any) -> Iterator[tuple[Any, str]]:
    """What a call can reach at first: the function and its arguments."""
    if isinstance(function, functools.partial):
        yield from roots_of(function.func, (function.args, function.keywords))
    elif isinstance(function, FunctionType | MethodType):
        yield function, getattr(function, "__name__", "the function")
    else:
        yield function, type(function).__name__
        yield type(function), type(function).__name__
    yield arguments, "an argument"
