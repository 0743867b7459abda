"""Compiled functions: how calls are followed, when they are sealed, and what is remembered of them."""

from __future__ import annotations

import functools
import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from brasa._state import BUSY, STATE, trace_at_hand
from brasa.capture.ends import forget
from brasa.capture.follow import Capture
from brasa.capture.guards import change_of
from brasa.capture.purity import Impure, Observation, watching
from brasa.capture.sealed import Candidate, Entry, Sealed, seal
from brasa.capture.shortcut import Shortcut, shortcut
from brasa.capture.template import in_numbers
from brasa.capture.tree import Step
from brasa.capture.words import argument_names
from brasa.execution.hooks import is_hooked
from brasa.execution.runner import failed_check
from brasa.execution.user_passes import Passes
from brasa.nn.registry import Registry
from brasa.tensors.spec import Spec
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import CaptureError, tracing

_PATIENCE = 1024  # followed calls between two that are observed in the hope of sealing, at most
_FORMS = 16  # sealed forms of one function
_SHORTCUTS = 256


class CompileWarning(UserWarning):
    """Part of a compiled function runs eagerly."""


class CompiledFunction:
    """A function whose tensor work is compiled.

    Followed, Python runs on every call and sees all that eager code sees; sealed, when a call was proven pure, a
    guard is checked and native code runs at once.
    """

    def __init__(
        self, function: Callable[..., Any], *, module: Any = None, fullgraph: bool = False, dynamic: bool = True,
        passes: Passes = (),
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, function, updated=())
        named = function if module is None else type(module)
        self.name = getattr(named, "__name__", type(function).__name__)
        self.spoken = function if module is None else module.forward  # whose parameters have the arguments' names
        self.function, self.fullgraph, self.dynamic, self.passes = function, fullgraph, dynamic, passes
        self.root = Step(None, None, (), ())
        self.sealed: list[Sealed] = []
        self.shortcuts: dict[Spec, Shortcut] = {}  # by what the first argument is
        self.candidates: dict[Step, Candidate] = {}
        self.reasons: list[str] = []  # why it could not be sealed
        self.turns: list[str] = []  # what made it compile again
        self.changes: list[str] = []  # what its sealed forms no longer fitted
        self._settled = False
        self._tables: tuple[Registry, ...] = ()  # of optimisers, from which the last call was given numbers
        self._wait = self._pause = 1  # followed calls until the next is observed; doubled while none can be sealed
        self._warned: set[str] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if trace_at_hand() is None and not BUSY:
            if args and not kwargs and args[0].__class__ is Tensor:
                known = self.shortcuts.get(args[0]._spec)
                if known is not None and (found := known(args)) is not None:
                    return found
        elif STATE.trace is not None or STATE.anomaly is not None:
            return self.function(*args, **kwargs)  # anomalies are looked for op by op
        tensors: list[Tensor] = []
        key = signature_of(args, kwargs, tensors)
        for sealed in self.sealed:
            if sealed.fits(key, tensors):
                try:
                    result = sealed.run(tensors, key)
                except BaseException as error:
                    if failed_check(error) is not None:
                        break
                    raise
                for schedule in sealed.schedules:
                    schedule.step()
                if (way := shortcut(sealed, key)) is not None:
                    if len(self.shortcuts) >= _SHORTCUTS:
                        self.shortcuts.clear()
                    self.shortcuts[tensors[0]._spec] = way
                return result
        else:
            return self._followed(args, kwargs, key, tensors)
        return self.function(*args, **kwargs)  # nothing was committed: the error, and what precedes it, eagerly

    def _followed(self, args: Any, kwargs: Any, key: tuple[Any, ...], tensors: list[Tensor]) -> Any:
        for form in self.sealed:
            if key in form.bounds:
                _note(self.changes, form.change())
                break
        objects = _objects_in(key)
        holding = {end: candidate for end, candidate in self.candidates.items() if candidate.holds(objects)}
        entry = Entry([*tensors, *(tensor for candidate in holding.values() for tensor in candidate.tensors)])
        observation = self._observation() if self._settled and not holding else None
        names = functools.partial(argument_names, self.spoken, args, kwargs)
        capture = self._capture(tensors, names, observation)
        try:
            with tracing(capture), watching(observation, self._tables):
                result = self.function(*args, **kwargs)
                capture.ended = True
                capture.flush()
        except BaseException:
            try:
                with tracing(capture):
                    capture.flush()
            finally:
                self._end(capture)
            raise
        if capture.left is not None:
            self._warn(capture.left)
            self._end(capture)
            return in_numbers(result)
        if capture.turn:
            _note(self.turns, capture.turn)
        self._settled = not capture.recorded
        self._tables = tuple(capture.moving.tables.values())
        if self._settled:
            self._try_to_seal(capture, observation, holding, entry, (args, kwargs, key, tensors, result))
        self._end(capture)
        return in_numbers(result) if capture.scope.hints else result

    def _capture(
        self, tensors: list[Tensor], names: Callable[[], dict[int, str]], observation: Observation | None
    ) -> Capture:
        return Capture(self.root, tensors, self.dynamic, self.fullgraph, names, self.passes, observation)

    def _end(self, capture: Capture) -> None:
        capture.scope.end()
        forget(capture)

    def _observation(self) -> Observation | None:
        self._wait -= 1
        if self._wait > 0 or sys.getprofile() is not None:  # there is one place for what watches, and it is taken
            return None
        self._wait = self._pause = min(2 * self._pause, _PATIENCE)
        return Observation()

    def _try_to_seal(
        self, capture: Capture, observation: Observation | None, holding: dict[Step, Candidate], entry: Entry,
        call: tuple[Any, ...],
    ) -> None:  # fmt: skip
        args, kwargs, key, tensors, result = call
        end, objects = capture.here, _objects_in(key)
        try:
            if observation is not None:
                self.candidates = {**holding, end: Candidate(
                    observation, self.function, args, kwargs, objects, capture.moving)}  # fmt: skip
            elif end in holding:
                if not holding[end].holds(objects):
                    raise Impure(f"it changes what it reads: {change_of(holding[end].facts)}")
                made = seal(holding[end], entry, capture, key, tensors, result)
                made.note(key)
                self._keep(made, key)
                self._wait = self._pause = 1
        except Impure as reason:
            self.candidates.pop(end, None)
            _note(self.reasons, str(reason))

    def _keep(self, made: Sealed, key: tuple[Any, ...]) -> None:
        for sealed in self.sealed:
            if sealed.is_like(made):
                sealed.note(key)
                return
        self.sealed.insert(0, made)
        del self.sealed[_FORMS:]

    def _warn(self, error: CaptureError) -> None:
        """Say once for each line that the function runs eagerly from there on."""
        text = f"{self.name} runs eagerly from {error.op or 'here'} on: {error.fact}"
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(text, CompileWarning, stacklevel=4)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def _note(notes: list[str], text: str) -> None:
    """Keep a note, and not more than the last few."""
    if text not in notes:
        notes.append(text)
        del notes[:-_FORMS]


def signature_of(args: Any, kwargs: Any, tensors: list[Tensor]) -> tuple[Any, ...]:
    """What a call's arguments are but for the tensors' contents; the tensors are gathered on the way.

    Tensors that lie at the same place are one value of the program.
    """
    if kwargs:
        key = signature((args, kwargs), tensors)
    else:
        specs = []
        for item in args:  # nothing but plain tensors: what most calls are given
            if item.__class__ is not Tensor or item._requires_grad:
                tensors.clear()
                key = signature(args, tensors)
                break
            tensors.append(item)
            specs.append(item._spec)
        else:
            key = tuple(specs)
    if len(tensors) < 2 or (len(tensors) == 2 and tensors[0]._ptr != tensors[1]._ptr):
        return key
    places = [tensor._ptr for tensor in tensors]
    return key if len(set(places)) == len(places) else (*key, ("at", *map(places.index, places)))


def signature(value: Any, tensors: list[Tensor]) -> tuple[Any, ...]:
    """What values are but for the contents of the tensors in them, which are gathered on the way."""
    key: list[Any] = []
    for item in value:
        if isinstance(item, Tensor):
            tensors.append(item)
            key.append((item._spec, is_hooked(item)) if item._requires_grad else item._spec)
        elif isinstance(item, tuple | list):
            key.append((type(item), signature(item, tensors)))
        elif isinstance(item, dict):
            key.append((tuple(item), signature(item.values(), tensors)))
        elif isinstance(item, int | float | str | None):
            key.append((type(item), item))
        else:
            key.append(Identity(item))
    return tuple(key)


class Identity:
    """An object in a signature: equal to itself alone, even when another takes its place in memory."""

    __slots__ = ("number", "refer")

    def __init__(self, value: Any) -> None:
        self.number = id(value)
        try:
            self.refer: Callable[[], Any] = weakref.ref(value)
        except TypeError:  # not every object can be referred to weakly
            self.refer = lambda: value

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identity) or self.number != other.number:
            return False
        value = self.refer()
        return value is not None and value is other.refer()


def _objects_in(key: tuple[Any, ...]) -> list[Identity]:
    """The objects of a signature that are told apart by identity."""
    found: list[Identity] = []
    for part in key:
        if isinstance(part, Identity):
            found.append(part)
        elif part.__class__ is tuple:
            found += _objects_in(part)
    return found
