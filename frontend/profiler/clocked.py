"""Programs that note when their kernels begin and end: what runs in place of all others during a profile."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import RLock, get_ident
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from brasa import runtime
from brasa.execution.checking import numbers_of
from brasa.execution.runner import Runner, frame_for, target
from brasa.execution.stages import Stages
from brasa.execution.tuning import Tuner, sizes_of, tuner_for
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Graph
from brasa.ir.printing import places_of, print_graph
from brasa.ir.program import HostStep, all_launches
from brasa.profiler.events import Event
from brasa.profiler.work import bytes_of, flops_of
from brasa.runtime.forking import hold_while_forking
from brasa.tensors.spec import Spec
from brasa.tracing.places import user_location

Program: TypeAlias = "tuple[runtime.Executable, tuple[LaunchNote, ...]]"

_programs: WeakKeyDictionary[Runner, dict[str, Program]] = WeakKeyDictionary()
_lock = RLock()  # there is one log
hold_while_forking(_lock, -1)


class LaunchNote(NamedTuple):
    """What is known of a launch before it runs. is_host: NumPy or the user's Python computes it."""

    name: str
    where: str
    is_host: bool
    dtype: str
    flops: Size
    nbytes: Size


@cache
def _log() -> Any:
    """The memory in which programs note when their launches begin and end."""
    from brasa.codegen.llvm.clocks import WORDS

    return np.zeros(WORDS, np.int64)


def _clocked(runner: Runner, specs: tuple[Spec | None, ...]) -> Program:
    graph = runner.program()
    tuner = tuner_for(graph, specs, target)
    found, key = _programs.setdefault(runner, {}), tuner.key if tuner else ""
    if key not in found:
        found[key] = _load_or_compile(graph, tuner)
    return found[key]


def _load_or_compile(graph: Graph, tuner: Tuner | None) -> Program:
    """The program of a graph that notes times, and what its launches are, by number."""
    text = "\n".join(["clocks", print_graph(graph, places=False), *places_of(graph), tuner.key if tuner else ""])
    key = runtime.cache_key(text, target().key)
    entry = runtime.disk_cache().read(key)
    if entry is None:
        stages = Stages(graph, clocks=True, choose=tuner)
        code, signature = stages.object_files, stages.signature
        notes = tuple(
            LaunchNote(each.kernel.name, each.where, isinstance(each.kernel, HostStep),
                       each.kernel.arguments[-1].dtype.name, flops_of(each), bytes_of(each))
            for each in all_launches(stages.program.launches)
        )  # fmt: skip
        runtime.disk_cache().write(key, (signature, notes), code)
    else:
        code, (signature, notes) = entry.code, entry.notes
    return runtime.load(signature, code, numbers_of(graph), _log().ctypes.data), notes


class Clocked:
    """A program made ready for operands of given specs, as a function that also reports what ran when.

    report: told of the events of each call, and of how many more there were than are noted.
    """

    def __init__(
        self, runner: Runner, specs: tuple[Spec | None, ...], report: Callable[[list[Event], int], None]
    ) -> None:
        self._runner, self._specs, self._report = runner, specs, report
        self._call: Callable[..., int | None] | None = None
        self._notes: list[tuple[LaunchNote, int, int]] = []
        self._name = runner.graph.name
        self._shapes = tuple(() if spec is None else tuple(spec.shape) for spec in specs)

    def _prepare(self) -> Callable[..., int | None]:
        """The machine code, compiled when it is called for the first time."""
        begin = perf_counter_ns()
        code, notes = _clocked(self._runner, self._specs)
        call = self._call = frame_for(code, self._specs).call
        sizes = sizes_of(self._runner.graph, self._specs)
        self._notes = [(note, dim.evaluate(note.flops, sizes), dim.evaluate(note.nbytes, sizes)) for note in notes]
        made = Event("compile", f"compile {self._name}", self._name, "", begin, perf_counter_ns(), get_ident())
        self._report([made], 0)
        return call

    def __call__(self, *pointers: Any) -> int | None:
        """As the program without clocks, of which it computes every bit."""
        with _lock:
            log = _log()  # one for all threads, which machine code knows the address of
            call = self._call or self._prepare()
            before = int(log[0])  # not 0 where a step of the host calls a program
            begin = perf_counter_ns()
            try:
                status = call(*pointers)
            finally:
                end = perf_counter_ns()
                after = int(log[0])
                found = log[1 + 3 * before : 1 + 3 * after].tolist()
                log[0] = before
        where, thread = user_location(), get_ident()
        events = [Event("program", self._name, self._name, where, begin, end, thread, shapes=self._shapes)]
        for number, start, stop in zip(found[::3], found[1::3], found[2::3], strict=True):
            note, flops, nbytes = self._notes[number]
            events.append(Event("host" if note.is_host else "kernel", note.name, self._name, note.where or where,
                                start, stop, thread, flops, nbytes, self._shapes, note.dtype))  # fmt: skip
        self._report(events, after - before - len(found) // 3)
        return status
