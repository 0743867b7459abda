"""profile: what runs between its start and its stop, kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import get_ident
from time import perf_counter_ns
from typing import Any

from brasa import runtime
from brasa.execution.runner import RUNNERS, WATCHING, Bound, Runner
from brasa.ir.errors import ArgumentError, BrasaError
from brasa.profiler.averages import Averages, average
from brasa.profiler.clocked import Clocked
from brasa.profiler.events import Event, chrome_trace
from brasa.profiler.limits import machine_limits
from brasa.profiler.ranges import OPEN
from brasa.profiler.schedules import ProfilerAction, ProfilerActivity, record_always
from brasa.tensors.spec import Spec

_SAVES = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile:
    """Records what runs in the block: every kernel of eager and compiled code, when, for how long, and of which line.

    activities: which to record; there are kernels of the CPU alone. schedule: which steps to record (`schedule`); tell
    where one ends with step(). on_trace_ready: called with the profile when a recording ends. record_shapes: tables
    keep calls with inputs of different shapes apart, traces show the shapes. with_stack, with_flops, with_modules:
    lines, FLOPs and the paths of modules are recorded with and without them. print() shows key_averages().

    While it records, programs run that note when each kernel begins and ends; they are compiled when they are first
    called, which is an event of its own. All other code runs as ever. One call of a program runs at a time.
    BrasaError where another profile records, ArgumentError for profile_memory.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], object] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
    ) -> None:
        if profile_memory:
            raise ArgumentError("memory is not recorded; brasa.plan() tells it before anything runs", op="profile")
        for each in activities or ():
            if not isinstance(each, ProfilerActivity):
                raise ArgumentError(f"an activity is a ProfilerActivity, not {type(each).__name__}", op="profile")
        self._action = schedule or record_always
        self._ready, self._shapes = on_trace_ready, record_shapes
        self._events: list[Event] = []
        self._lost, self._elapsed, self._since = 0, 0, 0
        self._replaced: list[tuple[Bound, Any]] = []
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._step_began = 0

    # recording

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with the first step."""
        self._turn(self._action(self.step_num))

    def stop(self) -> None:
        """End, and call on_trace_ready if something was being recorded."""
        recorded = self.current_action in _SAVES
        self._note_step()
        self._turn(ProfilerAction.NONE)
        if recorded and self._ready is not None:
            self._ready(self)

    def step(self) -> None:
        """The step that the schedule counts has ended, and the next begins."""
        last = self.current_action
        self._note_step()
        self.step_num += 1
        action = self._action(self.step_num)
        if last is ProfilerAction.RECORD_AND_SAVE:
            self._turn(ProfilerAction.NONE)
            if self._ready is not None:
                self._ready(self)
        self._turn(action)

    def _note_step(self) -> None:
        if self.current_action in _SAVES and self._action is not record_always:
            name = f"ProfilerStep#{self.step_num}"
            self.add([Event("range", name, "", "", self._step_began, perf_counter_ns(), get_ident())])
        self._step_began = perf_counter_ns()

    def _turn(self, action: ProfilerAction) -> None:
        """From what is being done to what is to be done."""
        was, self.current_action = self.current_action, action
        if (was in _SAVES) and action not in _SAVES:
            self._elapsed += perf_counter_ns() - self._since
        if was is ProfilerAction.NONE and action is not ProfilerAction.NONE:
            self._watch()
        if action in _SAVES and was not in _SAVES:
            self._events, self._lost, self._elapsed = [], 0, 0
            self._since = self._step_began = perf_counter_ns()
        if was is not ProfilerAction.NONE and action is ProfilerAction.NONE:
            self._unwatch()

    def _watch(self) -> None:
        """Let programs note their times from now on."""
        if OPEN:
            raise BrasaError("another profile is recording", op="profile")
        OPEN.append(self)
        WATCHING.append(self._replace)
        for runner in list(RUNNERS):
            for specs, bound in list(runner.bounds.items()):
                self._replace(runner, specs, bound)

    def _unwatch(self) -> None:
        OPEN.remove(self)
        WATCHING.remove(self._replace)
        for bound, call in self._replaced:
            bound.call = call
        self._replaced = []

    def _replace(self, runner: Runner, specs: tuple[Spec | None, ...], bound: Bound) -> None:
        if bound.call is not None:
            self._replaced.append((bound, bound.call))
            bound.call = Clocked(runner, specs, self.add)

    def add(self, events: Sequence[Event], lost: int = 0) -> None:
        """Take down what has run; lost: how many kernels more."""
        if self.current_action in _SAVES:
            self._events += events if self._shapes else [each._replace(shapes=()) for each in events]
            self._lost += lost

    # results

    def events(self) -> list[Event]:
        """All that was recorded, in the order in which it ended."""
        return list(self._events)

    def key_averages(self, group_by_input_shape: bool = False) -> Averages:
        """The events of each kernel and line added up: what print() shows as a table."""
        return Averages(average(self._events, group_by_input_shape or self._shapes), self._facts())

    def _facts(self) -> list[str]:
        kernels = sum(each.end - each.begin for each in self._events if each.kind in ("kernel", "host"))
        elapsed = self._elapsed or perf_counter_ns() - self._since
        limits = machine_limits()
        return [
            f"{kernels / 1e6:.3f} ms in kernels of {elapsed / 1e6:.3f} ms ({100 * kernels / max(1, elapsed):.0f} %), "
            f"{runtime.get_num_threads()} threads",
            f"limits: {limits.copying[-1][1] / 1e9:.1f} GB/s copied, from the cache {limits.copying[0][1] / 1e9:.0f}; "
            f"{limits.flops / 1e9:.0f} GFLOP/s",
            *([f"{self._lost} more launches were not recorded"] if self._lost else []),
        ]

    def __str__(self) -> str:
        return self.key_averages().table()

    def _repr_html_(self) -> str:
        return self.key_averages()._repr_html_()

    def export_chrome_trace(self, path: str) -> None:
        """Write the events to a file that Perfetto (ui.perfetto.dev) and chrome://tracing show."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(chrome_trace(self._events))
