"""What is other in each run of a program and guarded by nothing: numbers that optimisers are given, and schedules.

An optimiser hands its numbers on to functions without a look at them, so that each run reads them where they are held.
A schedule's step is Python code that changes nothing but itself and these numbers: after a sealed program it runs as
ever. Both hold while nobody else looks, and that is what observed calls find out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brasa.ir.dtype import float64
from brasa.ir.graph import Node
from brasa.nn.registry import Registry
from brasa.tracing.held import Held, held_numbers

if TYPE_CHECKING:
    from brasa.capture.follow import Capture
    from brasa.capture.purity import Observation

_KEYS = ("lr", "momentum", "betas")  # what schedules change


class Moving:
    """The numbers that were held in one call, and the schedules that made a step. fault: why it cannot be sealed."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.tables: dict[int, Registry] = {}
        self.held: list[Held] = []
        self.inputs: dict[Held, Node] = {}  # what stands for them in the program
        self.schedules: list[Any] = []  # in the order of their steps, without those that others let make one
        self.stepped: dict[int, Any] = {}  # all of them
        self.last: Any = None  # the step of the program after which the last one was made
        self.fault, self._inside = "", False

    def numbers(self, table: Any) -> dict[str, Any]:
        """The table, with numbers that each run reads anew."""
        if any(table is each for schedule in self.stepped.values() for each in schedule.optimizer.param_groups):
            self.fault = "a schedule makes its step before its optimiser"
        made, held = held_numbers(table, _KEYS)
        self.held += held
        self.tables[id(table)] = table
        return made

    def input_of(self, held: Held) -> Node:
        """What stands for a number in the program: one input, however many functions are given it."""
        bindings, node = self.capture.bindings, self.inputs.get(held)
        if node is None or bindings[node] != held.value:
            node = self.inputs[held] = self.capture.new_number(float64)
            bindings[node], self.capture.anew[node] = held.value, held
        return node

    def step(self, schedule: Any, step: Callable[[], Any]) -> Any:
        """Let a schedule make its step."""
        observation, here, outer = self.capture.observation, self.capture.here, self._inside
        self.stepped[id(schedule)] = schedule
        if not outer:
            self.schedules.append(schedule)
        self._inside = True
        if observation is not None:
            observation.stepping = True
        try:
            return step()
        finally:
            self._inside = outer
            if observation is not None:
                observation.stepping = outer
            self.last = self.capture.here
            if self.last is not here:
                self.fault = "a schedule computes with tensors"

    def free(self, observation: Observation) -> set[tuple[int, str]]:
        """The numbers, by table and key, that only functions were given in an observed call."""
        looked = observation.touched | {(id(each.table), each.key) for each in self.held if each.looked}
        return {(table, key) for table in self.tables if table in observation.watched for key in _KEYS} - looked

    def looks_on(self, observation: Observation) -> bool:
        """Whether an observed call looked at what its schedules change: it may have been after they did."""
        changed = (id(table) for schedule in self.stepped.values() for table in schedule.optimizer.param_groups)
        return any(
            table not in observation.watched or any((table, key) in observation.touched for key in _KEYS)
            for table in changed
        )

    def distinct(self, free: set[tuple[int, str]]) -> list[Held]:
        """Those of the numbers that are free, each once: one that was asked whether it is zero, if any was."""
        held = [each for each in self.held if (id(each.table), each.key) in free]
        return list(dict.fromkeys(sorted(held, key=lambda each: each.truth is None)))


class _Watched(Registry):
    """A table that tells its observation which of its items are read or changed."""


def _telling(name: str, keyed: bool) -> Callable[..., Any]:
    plain = getattr(Registry, name)

    def method(self: _Watched, *args: Any, **kwargs: Any) -> Any:
        observation: Observation = vars(self)["_observation"]
        if not observation.stepping:
            observation.touched.update((id(self), key) for key in (args[:1] if keyed else _KEYS))
        return plain(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in ("__getitem__", "get", "__setitem__", "__delitem__", "setdefault"):
    setattr(_Watched, _name, _telling(_name, keyed=True))
for _name in (
    "__iter__", "__reversed__", "items", "values", "copy", "pop", "popitem", "clear", "update", "__or__", "__ror__",
    "__ior__", "__eq__", "__ne__", "__repr__",
):  # fmt: skip
    setattr(_Watched, _name, _telling(_name, keyed=False))


@contextmanager
def watching_tables(tables: Iterable[Registry], observation: Observation) -> Iterator[None]:
    """A block in which the tables tell the observation who looks at them."""
    watched = [table for table in tables if type(table) is Registry]
    for table in watched:
        vars(table)["_observation"] = observation
        table.__class__ = _Watched
        observation.watched.add(id(table))
    try:
        yield
    finally:
        for table in watched:
            table.__class__ = Registry
            del vars(table)["_observation"]
