"""Runs all variants of a graph beside it: each call of its machine code is theirs, too, on the same operands."""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from brasa import runtime
from brasa.execution import runner
from brasa.execution.checking import executable_difference
from brasa.ir.graph import Graph
from brasa.ir.program import CheckNote
from brasa.passes import run
from brasa.runtime import Buffer, Executable, Frame
from tests.fuzz.kernels import Kernels, remember
from tests.fuzz.variants import WHOLE, variants_of
from tests.passes.checks import same_bits

Array = np.ndarray[Any, Any]
_MOST = 1000  # graphs that are remembered
_USUAL_EVERY = 4


class Shadow(NamedTuple):
    """What a variant has done otherwise than the whole pipeline. is_error: whether only one of the two has failed."""

    variant: str
    fact: str
    is_error: bool


class Shadowed:
    """Stands in for the executable of a graph: runs those of its variants before it, and notes what differs."""

    def __init__(self, graph: Graph, executables: dict[str, Executable], note: Callable[[Shadow], None]) -> None:
        self._graph, self._whole = graph, executables.pop(WHOLE)
        self.signature = self._whole.signature
        self._others = executables
        self._note = note
        self._frames: dict[Any, Frame] = {}

    def prepare(self, shapes: tuple[Any, ...], strides: tuple[Any, ...] = ()) -> Frame:
        """As of an executable."""
        key = shapes, strides
        if key not in self._frames:
            whole = self._whole.prepare(*key)
            others = {variant: each.prepare(*key) for variant, each in self._others.items()}
            call = _Call(self._whole, whole, others, key, self._note)
            self._frames[key] = Frame(call, whole.shapes, whole.nbytes, whole.arena_bytes)
        return self._frames[key]

    @cached_property
    def difference(self) -> str:
        """Where it does not compute what the graph means."""
        return executable_difference(self._graph, self._whole)

    def describe_failure(self, status: int) -> tuple[CheckNote, int]:
        """As of an executable."""
        return self._whole.describe_failure(status)


class _Call:
    """The call of a frame, and before it those of its variants: on copies of what it writes."""

    def __init__(
        self, executable: Executable, whole: Frame, others: dict[str, Frame], key: Any, note: Callable[[Shadow], None]
    ) -> None:  # fmt: skip
        self.whole, self.others, self.note = whole, others, note
        self.shapes, self.strides = key
        self.inputs = [each.type.dtype for each in executable.signature.inputs]
        self.outputs = [each.dtype for each in executable.signature.outputs]
        self.landing = dict(executable.signature.updates)

    def __call__(self, *given: Any) -> int | None:
        found = {variant: self._run(frame, given) for variant, frame in self.others.items()}
        status: int | None = self.whole.call(*given)
        wanted = self._results(given)
        for variant, (failed, results, _) in found.items():
            if failed != (status is not None):
                self.note(Shadow(variant, f"a check {'fails' if failed else 'does not fail'}", True))
            for number, (one, other) in enumerate(zip(wanted, results, strict=True)):
                if status is None and not failed and not same_bits(one, other):
                    self.note(Shadow(variant, f"output {number}: {first_difference(one, other)}", False))
        return status

    def _run(self, frame: Frame, given: Sequence[Any]) -> tuple[bool, list[Array], list[Buffer]]:
        """Whether a check failed; the results, and the memory in which they are."""
        count, taken, memory = len(self.inputs), list(given), []
        for output, nbytes in enumerate(frame.nbytes):
            updated = self.landing.get(output)
            span = nbytes if updated is None else self._span(updated) * self.inputs[updated].itemsize
            memory.append(runtime.allocate(span))
            taken[count + output] = memory[-1].ptr
            if updated is not None:
                ctypes.memmove(memory[-1].ptr, given[updated], span)
                taken[updated] = memory[-1].ptr
        failed = frame.call(*taken) is not None
        runtime.take_failure()
        return failed, self._results(taken), memory

    def _results(self, given: Sequence[Any]) -> list[Array]:
        """The outputs' values."""
        arrays = []
        for output, (dtype, shape) in enumerate(zip(self.outputs, self.whole.shapes, strict=True)):
            updated = self.landing.get(output)
            strides = self.strides[updated] if updated is not None and self.strides else ()
            arrays.append(_read(given[len(self.inputs) + output], dtype.numpy, shape, strides))
        return arrays

    def _span(self, number: int) -> int:
        """How many elements lie between the first and the last of an input."""
        return _span(self.shapes[number], self.strides[number] if self.strides else ())


def _span(shape: Sequence[int], strides: Sequence[int]) -> int:
    if not strides or 0 in shape:
        return int(np.prod(shape))
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


def _read(address: int, dtype: Any, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """A copy of what lies in memory."""
    kind = np.dtype(dtype)
    memory = ctypes.string_at(address, _span(shape, strides) * kind.itemsize)
    flat = np.frombuffer(memory, kind)
    if not strides or 0 in shape:
        return flat.reshape(shape)
    return np.lib.stride_tricks.as_strided(flat, shape, [stride * kind.itemsize for stride in strides])


def first_difference(one: Array, other: Array) -> str:
    """The first element that differs, in both forms."""
    differs = [place for place in np.ndindex(one.shape) if not same_bits(one[place], other[place])]
    return f"{one[differs[0]]!r} at {differs[0]} became {other[differs[0]]!r}; {len(differs)} of {one.size} differ"


class Compiler:
    """Compiles the graphs of `compile` in the place of disk cache and pipeline, with all their variants.

    variants_too: whether variants are of interest; variants: how many were made. Since `start`: found is what variants
    did, loaded are the graphs that were asked for.
    """

    def __init__(self) -> None:
        self.kernels = Kernels()
        self.made: dict[tuple[str, bool], Shadowed] = {}
        self.eager: dict[str, Executable] = {}  # places do not matter: they are what messages of checks say
        self.variants_too, self.variants = True, 0
        self.start()

    def start(self) -> None:
        """Forget what was found."""
        self.loaded: list[Shadowed] = []
        self.found: list[Shadow] = []

    def load(self, graph: Graph, text: str, places: tuple[str, ...], tuner: Any = None) -> Any:
        """The executable of a graph; of eager mode's every fourth is optimised as users have it, and goes to disk."""
        if not graph.name.startswith("compiled"):
            if text not in self.eager:
                usual = zlib.crc32(text.encode()) % _USUAL_EVERY == 0
                made = _usual(graph, text, places, tuner) if usual else self.kernels.compile(run(graph))
                remember(self.eager, text, made)
            return self.eager[text]
        key = text, self.variants_too
        if key not in self.made:
            if len(self.made) >= _MOST:
                self.made.clear()
            results = variants_of(graph) if self.variants_too else {WHOLE: run(graph)}
            executables = {variant: self.kernels.compile(each) for variant, each in results.items()}
            self.variants += len(executables)
            self.made[key] = Shadowed(graph, executables, lambda shadow: self.found.append(shadow))
        self.loaded.append(self.made[key])
        return self.made[key]

    @contextmanager
    def working(self) -> Iterator[Compiler]:
        """Compile this way inside the block."""
        runner._load_or_compile = self.load  # type: ignore[assignment]
        try:
            yield self
        finally:
            runner._load_or_compile = _usual
            for key in [key for key, each in runner._executables.items() if isinstance(each, Shadowed)]:
                del runner._executables[key]


_usual = runner._load_or_compile
