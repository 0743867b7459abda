"""From graphs to results: compiling through all rooms, and running executables on eager tensors."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakSet

from brasa import runtime
from brasa.execution.checking import checked_code, checked_pipeline, code_difference, numbers_of
from brasa.execution.failing import failing_index
from brasa.execution.roomy import roomy
from brasa.execution.stages import Choose, Stages
from brasa.execution.tuning import Tuner, tuner_for
from brasa.execution.user_passes import Passes, passed
from brasa.ir.dim import evaluate
from brasa.ir.errors import BrasaError, IndexError, Operand, ValueError
from brasa.ir.graph import Graph
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.printing import places_of, print_graph
from brasa.ir.program import CheckNote, Signature
from brasa.ir.target import Target
from brasa.passes import PIPELINE
from brasa.passes.pipeline import Pass
from brasa.runtime import Executable, Frame, allocate
from brasa.runtime.forking import hold_while_forking
from brasa.runtime.settings import ENTRIES
from brasa.tensors.spec import Spec, spec_of
from brasa.tensors.tensor import Tensor, make
from brasa.tracing.places import user_location

_executables: dict[tuple[str, tuple[str, ...], str], Executable] = {}
_lock = RLock()
hold_while_forking(_lock, 0)
LOGGER = logging.getLogger("brasa")
RUNNERS: WeakSet[Runner] = WeakSet()
WATCHING: list[Callable[[Runner, tuple[Spec | None, ...], Bound], None]] = []  # told of what is made ready
LOADED: list[str] = []  # names of the graphs that executables were made of, in order: what tests count


@cache
def target() -> Target:
    """The processor that this process compiles for; ValueError if it is one that could not run here."""
    from brasa.codegen.llvm import can_run, host_target

    named = runtime.settings().cpu
    if named in ENTRIES:
        return host_target()
    if not can_run(named):
        raise ValueError(f"code for {named} does not run on this processor", op="BRASA_CPU")
    return host_target(named)


def executable(graph: Graph, tuner: Tuner | None = None) -> Executable:
    """The machine code of a graph: from memory, from disk, or compiled now, as a tuner chooses, if there is one."""
    text, places = print_graph(graph, places=False), places_of(graph)
    key = text, places, tuner.key if tuner else ""
    found = _executables.get(key)
    if found is None:
        with _lock:
            found = _executables.get(key)
            if found is None:
                found = _executables[key] = _load_or_compile(graph, text, places, tuner)
    return found


def forget_executables() -> None:
    """Make or load machine code anew for graphs that are run for the first time from now on."""
    with _lock:
        _executables.clear()


@roomy
def _load_or_compile(graph: Graph, text: str, places: tuple[str, ...], tuner: Tuner | None) -> Executable:
    """On disk, checks say by the number of a node where they stand: a program outlives changes of other lines."""
    LOADED.append(graph.name)
    numbers = numbers_of(graph)
    if runtime.settings().check:  # what was compiled before may not have been checked
        return runtime.load(*compile_graph(graph, tuner), numbers)
    key = runtime.cache_key(text + (tuner.key if tuner else ""), target().key)
    entry = runtime.disk_cache().read(key)
    if entry is not None:
        signature, sizes = entry.notes
        signature = _placed(signature, {str(i): place for i, place in enumerate(places)})
        return runtime.load(signature, entry.code, numbers, sizes=sizes)
    with _uncollected():
        signature, code = compile_graph(graph, tuner)
    first = {place: str(i) for i, place in reversed(list(enumerate(places)))}
    sizes = runtime.size_code(signature)
    runtime.disk_cache().write(key, (_placed(signature, first), sizes), code)
    return runtime.load(signature, code, numbers, sizes=sizes)


def _placed(signature: Signature, names: Mapping[str, str]) -> Signature:
    """The signature with what `names` says in place of where its checks stand."""
    checks = tuple(replace(check, where=names.get(check.where, "")) for check in signature.checks)
    return replace(signature, checks=checks)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cyclic garbage in the block: a compiler makes hundreds of thousands of objects that it needs.

    What it leaves counts as old afterwards, so that the next search for young garbage need not look at all of it.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def compile_graph(graph: Graph, choose: Choose | None = None) -> tuple[Signature, tuple[bytes, ...]]:
    """A graph through passes, schedules and LLVM to object files; checked where the environment asks for it."""
    if not runtime.settings().check:
        return _compile(graph, PIPELINE, choose)
    return checked_code(graph, _compile(graph, checked_pipeline(graph.name), choose), _compile)


def kernel_difference(text: str) -> str:
    """Where the machine code of a graph in text gives other results than it means; empty if nowhere."""
    graph = parse(text, OPS)
    return code_difference(graph, compile_graph(graph))


def _compile(
    graph: Graph, pipeline: Sequence[tuple[str, Pass]], choose: Choose | None = None
) -> tuple[Signature, tuple[bytes, ...]]:
    wishes = runtime.settings()
    stages = Stages(graph, check=wishes.check, pipeline=pipeline, choose=choose)
    code, signature = stages.object_files, stages.signature
    if wishes.time:
        LOGGER.info("%s: %s", graph.name, ", ".join(f"{name} {1e3 * t:.1f} ms" for name, t in stages.times.items()))
    if wishes.dump:
        _dump(graph.name, stages.all_texts(), wishes.dump_folder)
    return signature, code


def _dump(name: str, texts: dict[str, str], folder: Path | None) -> None:
    """All stages of a program: to the log, or to files of a folder of their own."""
    if folder is None:
        for stage, text in texts.items():
            LOGGER.info("%s %s\n%s", name, stage, text)
        return
    place = folder / f"{len(LOADED):04}-{name}"
    place.mkdir(parents=True, exist_ok=True)
    for stage, text in texts.items():
        (place / stage).write_text(text + "\n")


def frame_for(code: Executable, specs: tuple[Spec | None, ...]) -> Frame:
    """Machine code made ready for operands of given specs."""
    return code.prepare(
        tuple(() if spec is None else spec.stored_shape for spec in specs),
        tuple(() if spec is None else spec.stored_strides for spec in specs),
    )


class Bound:
    """A runner made ready for operands of given specs. sure: outputs whose memory is untouched when the call fails."""

    __slots__ = ("call", "nbytes", "specs", "sure")

    def __init__(
        self, call: Any, specs: tuple[Spec, ...], nbytes: tuple[int, ...], sure: frozenset[int] = frozenset()
    ) -> None:
        self.call, self.specs, self.nbytes, self.sure = call, specs, nbytes, sure


class Runner:
    """Runs one graph on eager operands: tensors, and Python numbers for the inputs that are numbers.

    pass_through: outputs that are inputs are given as they are, instead of copied. passes: what the user's passes are.
    """

    def __init__(self, graph: Graph, pass_through: bool = False, passes: Passes = ()) -> None:
        self.graph, self._passes = graph, passes
        self._updates = dict(graph.updates)
        self._given = [
            graph.inputs.index(node) if pass_through and node in graph.inputs else None for node in graph.outputs
        ]
        kept = tuple(node for node, given in zip(graph.outputs, self._given, strict=True) if given is None)
        self._run = Graph(graph.name, graph.inputs, graph.nodes, kept, graph.updates)
        self._bound: dict[tuple[Any, ...], Bound] = {}
        self._executable: Executable | None = None
        self._tensors = [i for i, node in enumerate(graph.inputs) if node.attrs.get("role") != "number"]
        self.simple = bool(kept) and not self._updates and all(given is None for given in self._given)
        RUNNERS.add(self)

    def bind(self, specs: tuple[Spec | None, ...]) -> Bound:
        """The executable ready for operands of these specs, None for numbers; nothing where nothing is computed."""
        bound = self._bound.get(specs)
        if bound is None:
            bound = self._bound[specs] = self._make_bound(specs)
            for watch in WATCHING:
                watch(self, specs, bound)
        return bound

    @property
    def bounds(self) -> Mapping[tuple[Spec | None, ...], Bound]:
        """What has been made ready, by the operands' specs."""
        return self._bound

    def program(self) -> Graph:
        """The graph that machine code is made of."""
        return passed(self._run, self._passes)

    def _machine_code(self, specs: tuple[Spec | None, ...]) -> Executable:
        """What runs on operands of these specs: the same for all, where nothing is tuned."""
        if self._executable is None or runtime.settings().tune:
            self._executable = executable(self.program(), tuner_for(self._run, specs, target))
        return self._executable

    def _make_bound(self, specs: tuple[Spec | None, ...]) -> Bound:
        if not self._run.outputs:
            return Bound(None, (), ())
        code = self._machine_code(specs)
        frame = frame_for(code, specs)
        types = [node.tensor for node in self._run.outputs]
        outputs = [
            spec_of(type.dtype, shape[: type.rank], None, type.device)
            for type, shape in zip(types, frame.shapes, strict=True)
        ]
        return Bound(frame.call, tuple(outputs), frame.nbytes, frozenset(code.signature.sure))

    def __call__(self, operands: Sequence[Any]) -> list[Tensor]:
        """The outputs; one that updates an input is that input."""
        specs: list[Spec | None] = [None] * len(operands)
        for i in self._tensors:
            specs[i] = operands[i]._spec
        return self.run(operands, tuple(specs))

    def run(self, operands: Sequence[Any], specs: tuple[Spec | None, ...]) -> list[Tensor]:
        """As a call, with the operands' specs at hand."""
        return self.execute(self.bind(specs), operands)

    def execute(self, bound: Bound, operands: Sequence[Any]) -> list[Tensor]:
        """As a call, bound already."""
        if self.simple:
            return self.launch(bound, operands)
        computed: list[Tensor] = []
        if self._run.outputs:
            pointers = self._pointers(operands)
            for index, (spec, nbytes) in enumerate(zip(bound.specs, bound.nbytes, strict=True)):
                landing = self._updates.get(index)
                made = make(allocate(nbytes), spec) if landing is None else operands[landing]
                computed.append(made)
                pointers.append(made._ptr)
            status = bound.call(*pointers)
            if status is not None:
                raise self.failure(status, operands)
            for landing in self._updates.values():
                operands[landing]._buffer.version += 1
        results = iter(computed)
        return [next(results) if given is None else operands[given] for given in self._given]

    def launch(self, bound: Bound, operands: Sequence[Any]) -> list[Tensor]:
        """The outputs, where none of them is or updates an input."""
        pointers = self._pointers(operands)
        outputs = []
        for spec, nbytes in zip(bound.specs, bound.nbytes, strict=True):
            buffer = allocate(nbytes)
            pointers.append(buffer.ptr)
            outputs.append(make(buffer, spec))
        status = bound.call(*pointers)
        if status is not None:
            raise self.failure(status, operands)
        return outputs

    def _pointers(self, operands: Sequence[Any]) -> list[Any]:
        """What machine code is given of the operands."""
        given = list(operands)
        for i in self._tensors:
            given[i] = given[i]._ptr
        return given

    def failure(self, status: int, operands: Sequence[Any]) -> BaseException:
        """The error that a status of machine code stands for."""
        assert self._executable is not None
        note, position = self._executable.describe_failure(status)  # checks are the same in all ways
        error = check_error(note, position, self._run, operands)
        error._failed_check = note  # type: ignore[attr-defined]
        return error


def failed_check(error: BaseException) -> CheckNote | None:
    """The check of machine code that an error stands for, before which nothing was committed; None for other errors."""
    return getattr(error, "_failed_check", None)


def check_error(note: CheckNote, position: int, graph: Graph, operands: Sequence[Any]) -> BaseException:
    """The error of a failed run-time check: the value, its bound, and where it stands; or that of a host step."""
    raised = runtime.take_failure()
    if raised is not None:
        if isinstance(raised, BrasaError):
            raised.op = raised.op or graph.name
        return raised
    if note.fact:
        where = note.where or user_location()
        return BrasaError(f"{note.fact} (at element {position}{', ' if where else ''}{where})", op=graph.name)
    sizes = {
        str(size): int(actual)
        for node, o in zip(graph.inputs, operands, strict=True) if isinstance(o, Tensor)
        for size, actual in zip(node.tensor.shape, o._spec.shape, strict=True) if not isinstance(size, int)
    }  # fmt: skip
    shown: tuple[Operand, ...] = ()
    fact = ""
    if note.input is not None and isinstance(operands[note.input], Tensor):
        tensor = operands[note.input]
        flat = tensor.detach().reshape(-1)
        shown = (Operand("index", str(tensor._spec.type), graph.inputs[note.input].origin),)
        if position < tensor.numel():
            least, bound = evaluate(note.least, sizes), evaluate(note.bound, sizes)
            fact = f"index {flat[position].item()} is outside {least}..{bound - 1}"
    fact = fact or failing_index(note, graph, operands) or "an index is outside its axis"
    where = note.where or user_location()
    return IndexError(f"{fact} (at element {position}{', ' if where else ''}{where})", op=note.op, operands=shown)
