"""plan(): the memory that a call will take, before it runs."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brasa.capture.compiled import CompiledFunction, signature
from brasa.capture.follow import Capture
from brasa.capture.reach import needing_gradients
from brasa.capture.tree import Segment, Step
from brasa.capture.words import argument_names
from brasa.execution.stages import Stages
from brasa.execution.tape import GradientPlan
from brasa.execution.user_passes import Passes, passed
from brasa.ir import dim
from brasa.ir.errors import ArgumentError, BrasaError
from brasa.ir.graph import Graph
from brasa.ir.sizes import bind
from brasa.ir.types import TensorType
from brasa.passes import PlannedValue, measure_memory
from brasa.seeing.tables import bytes_text, html_table, text_table
from brasa.tensors.tensor import Tensor
from brasa.tracing.places import user_location
from brasa.tracing.trace import CaptureError, tracing

_HEAD = ("value", "bytes", "launches", "line")
_SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """The memory of one call; prints with the five largest values.

    arena_bytes: of the memory for values between inputs and results. output_bytes: of results and gradients, in new
    memory. values: what lies in the arena, the largest first. launches: how many kernels and host steps there are.
    stops: the user's line at which Python needs a value, if there is one; what follows there is not planned.
    """

    name: str
    arena_bytes: int
    output_bytes: int
    values: tuple[PlannedValue, ...]
    launches: int
    stops: str = ""

    @property
    def total_bytes(self) -> int:
        """What the memory of the process grows by, if none of it was there before."""
        return self.arena_bytes + self.output_bytes

    def __str__(self) -> str:
        return "\n".join([*self._facts(), "", text_table(_HEAD, self._rows())]) if self.values else self._facts()[0]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEAD, self._rows(), self._facts())

    def _facts(self) -> list[str]:
        facts = [
            f"{self.name}: {self.arena_bytes:,} bytes of arena ({bytes_text(self.arena_bytes)}), "
            f"{self.output_bytes:,} of results, in {self.launches} launches"
        ]
        return facts + ([f"planned up to {self.stops}, where Python needs a value"] if self.stops else [])

    def _rows(self) -> list[list[str]]:
        return [
            [value.kernel, f"{value.nbytes:,}", f"{value.first} to {value.last}", value.where]
            for value in self.values[:_SHOWN]
        ]


def plan(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Plan:
    """The memory that `target(*args, **kwargs)` takes when it is compiled: print the result, or read its fields.

    target: a function, a module, or what brasa.compile gave. Only dtypes, sizes and strides of tensors are looked at:
    what `brasa.empty` gives costs nothing, however large. Nothing is computed, and nothing changes: the call is traced
    in a copy of the process, where it prints nothing. Raises what the call raises while it is traced.
    """
    if not callable(target):
        raise ArgumentError(f"expects a function or a module, found {type(target).__name__}", op="plan")
    if not hasattr(os, "fork"):
        raise BrasaError("the system has no fork, in whose copy of the process a call is traced", op="plan")
    compiled = target if isinstance(target, CompiledFunction) else getattr(target, "_compiled", None)
    run = compiled if isinstance(compiled, CompiledFunction) else CompiledFunction(target)
    found = _in_copy(lambda: _plan(run, args, kwargs))
    if isinstance(found, BaseException):
        raise found
    return found  # type: ignore[no-any-return]


def _in_copy(compute: Callable[[], Any]) -> Any:
    """What `compute` gives or raises in a copy of this process, which then ends."""
    source, sink = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: the copy does not wait for them
        child = os.fork()
    if child == 0:
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            found = compute()
        finally:
            try:
                with open(sink, "wb") as pipe:
                    pipe.write(_pickled(sys.exception() or found))
            finally:  # whatever was raised, the copy ends here
                os._exit(0)
    os.close(sink)
    try:
        with open(source, "rb") as pipe:
            answer = pipe.read()
    finally:
        os.waitpid(child, 0)
    if not answer:
        raise BrasaError("the copy of the process ended before the call was traced", op="plan")
    return pickle.loads(answer)


def _pickled(found: Any) -> bytes:
    """A plan, or an error; one that cannot be sent is told in words."""
    try:
        answer = pickle.dumps(found)
        pickle.loads(answer)
    except (pickle.PickleError, TypeError, AttributeError):
        lines = "".join(traceback.format_exception(found))
        return pickle.dumps(BrasaError(f"the call cannot be traced\n{lines}", op="plan"))
    return answer


class _Ready(BaseException):
    """Ends the trace where its graph would run; no handler of errors should see it."""

    def __init__(self, segment: Segment, operands: Sequence[Any], tracked: bool) -> None:
        super().__init__()
        self.segment, self.operands, self.tracked, self.stops = segment, operands, tracked, ""


class _Planning(Capture):
    """A capture that stops where it would run."""

    def run_segment(self, wanted: Any, landing: Any, alive: Any) -> None:
        tracked = needing_gradients(alive) - self.freed
        segment = self.segment(wanted, landing, alive, tracked)
        raise _Ready(segment, [self.bindings[node] for node in segment.inputs], bool(tracked))

    def materialize(self, tensor: Tensor) -> None:
        try:
            super().materialize(tensor)
        except _Ready as ready:
            ready.stops = user_location()
            raise

    def leave(self, error: CaptureError) -> None:
        try:
            self.flush()
        except _Ready as ready:
            last = ready
        else:
            last = _Ready(Segment(Graph("compiled", (), (), ()), ()), (), False)
        last.stops = user_location()
        raise last


def _plan(compiled: CompiledFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan:
    tensors: list[Tensor] = []
    signature((args, kwargs), tensors)
    capture = _Planning(
        Step(None, None, (), ()),
        tensors,
        compiled.dynamic,
        False,
        lambda: argument_names(compiled.spoken, args, kwargs),
    )
    try:
        with tracing(capture):
            result = compiled.function(*args, **kwargs)
            capture.flush()
            del result
    except _Ready as ready:
        return _measured(compiled.name, ready, compiled.passes)
    return Plan(compiled.name, 0, 0, (), 0)


def _measured(name: str, ready: _Ready, passes: Passes) -> Plan:
    graph, operands = ready.segment.graph, ready.operands
    wanted = tuple(isinstance(operand, Tensor) and operand._requires_grad for operand in operands)
    if ready.tracked and any(wanted):
        graph = GradientPlan(graph, wanted, views=len(ready.segment.views)).forward.graph
    given = [TensorType(operand._spec.shape, operand.dtype) if isinstance(operand, Tensor) else node.tensor
             for node, operand in zip(graph.inputs, operands, strict=True)]  # fmt: skip
    sizes: Any = bind([node.tensor for node in graph.inputs], given)
    report = measure_memory(Stages(passed(graph, passes), check=False).program, sizes)
    landed = dict(graph.updates)
    fresh = [node.tensor.nbytes for index, node in enumerate(graph.outputs) if index not in landed]
    outputs = sum(dim.evaluate(nbytes, sizes) for nbytes in fresh)
    return Plan(name, report.arena_bytes, outputs, report.values, report.launches, ready.stops)
