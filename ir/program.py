"""A program: kernels, the order in which they run, and where every value lies. What machine code is made from.

Machine code of a program is one function, on every CPU:

    i64 entry(ptr context, ptr pointers, ptr sizes, ptr arena)

pointers: addresses of the inputs, then of the outputs. sizes: the i64 values of `Signature.sizes`, then the byte offset
of each of `Signature.slots` in the arena. It returns 0, or 1 + the number of the check that failed, whose position is
then in the context. The context begins with

    ptr parallel_for    void (ptr context, ptr body, ptr arguments, i64 extent, i64 cost); runs
                        body(arguments, begin, end) over pieces of 0..extent, of which one iteration takes some `cost`
                        nanoseconds: no piece is too short for a thread, and no worker is woken for a short job
    i64 failed          where entry writes the position of a failed check
    ptr host            i64 (ptr context, i64 step, ptr pointers, ptr sizes); runs one of `Signature.steps` on the
                        memory of its operands and results, and gives 0, or 1 after an error, which the caller keeps

Launches stand in loops and branches as well: machine code that runs them again and again, or one of two.

A kernel is a function void (ptr context, ptr checks, ptr buffer..., i64 size...); `checks` has one i64 for each check,
at first the largest i64, and a failing check lowers it to its position. entry looks at them after each launch that has
some and returns at once, so no later launch runs: launches that write updated inputs come last. A failed host step
counts as a failed check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Graph
from brasa.ir.kernel import Buffer, Kernel
from brasa.ir.packing import Life, Packing, pack
from brasa.ir.types import TensorType


@dataclass(frozen=True)
class Stride:
    """The stride, in elements, of one axis of an input: known when the program is called."""

    input: int
    axis: int

    def __str__(self) -> str:
        return f"stride({self.input}, {self.axis})"


SizeValue: TypeAlias = "Size | Stride"


@dataclass(frozen=True)
class Input:
    """strides: per axis "0", "1" or "s" (run-time); () for row-major."""

    name: str
    type: TensorType
    strides: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckNote:
    """What a failed check says: the op and operand, the user's line, and that values must be in least..bound-1.

    input: which input holds the offending value, if it is one, so that the message can show it; the position then
    counts that input's elements, else those of the index operand. fact: what is wrong, where it is no index.
    """

    op: str
    where: str
    bound: Size
    input: int | None = None
    least: Size = 0
    fact: str = ""


@dataclass(frozen=True)
class HostStep:
    """An op that runs on the host between kernels, on row-major operands and results. Stands where kernels do.

    attrs: the op's, in order; values are plain, or sizes, which are known when the step runs.
    """

    op: str
    operands: tuple[TensorType, ...]
    results: tuple[TensorType, ...]
    attrs: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What the step is called in texts."""
        return self.op

    @cached_property
    def arguments(self) -> tuple[Buffer, ...]:
        """Its operands, then its results."""
        return (
            *(Buffer(f"x{i}", type.dtype, "in") for i, type in enumerate(self.operands)),
            *(Buffer(f"y{i}", type.dtype, "out") for i, type in enumerate(self.results)),
        )

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """What it must be told: the shape of each operand and result, then the sizes among the attributes."""
        shapes = [size for type in (*self.operands, *self.results) for size in type.shape]
        return (*shapes, *(value for _, value in self.attrs if isinstance(value, dim.Dim)))


@dataclass(frozen=True)
class Signature:
    """All that a caller must know to run the machine code of a program.

    updates: pairs (output, input): that output's pointer is the input's own.
    sizes: the values that entry expects, in order. slots: the bytes of each part of the arena; lives: between which
    launches it is in use, so that parts may overlap, or () if all always are. steps: what the host runs, by number.
    sure: the outputs whose memory is untouched when a check fails.
    """

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[TensorType, ...]
    updates: tuple[tuple[int, int], ...] = ()
    sizes: tuple[SizeValue, ...] = ()
    slots: tuple[Size, ...] = ()
    checks: tuple[CheckNote, ...] = ()
    steps: tuple[HostStep, ...] = ()
    lives: tuple[Life, ...] = ()
    sure: tuple[int, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a kernel's argument lies: an input, output or temporary by number, or the part of one that a loop is at."""

    role: Literal["input", "output", "temporary", "part"]
    index: int


@dataclass(frozen=True)
class Launch:
    """One run of a kernel or host step. checks: the program's number for each of its check codes 0, 1, ...

    region: what the kernel computes, for those who count; it is no part of what is to be done.
    """

    kernel: Kernel | HostStep
    buffers: tuple[Place, ...]
    sizes: tuple[SizeValue, ...]
    checks: tuple[int, ...] = ()
    where: str = ""
    region: Graph | None = field(default=None, compare=False, repr=False)

    @property
    def touched(self) -> tuple[Place, ...]:
        """What it reads or writes."""
        return self.buffers


@dataclass(frozen=True)
class Part:
    """What lies `start + step * iteration` bytes behind `base` is called Place("part", number) inside a loop."""

    number: int
    base: Place
    start: Size
    step: Size

    @property
    def place(self) -> Place:
        """Its name inside the loop."""
        return Place("part", self.number)


@dataclass(frozen=True)
class Loop:
    """Steps that run `extent` times, or as long as there is a true bool at `flag` when they would start.

    swaps: pairs of temporaries that change places after each iteration, and so they stay when the loop is left.
    """

    steps: tuple[Step, ...]
    extent: Size | None = None
    flag: Place | None = None
    parts: tuple[Part, ...] = ()
    swaps: tuple[tuple[Place, Place], ...] = ()
    where: str = ""

    @property
    def sizes(self) -> tuple[Size, ...]:
        """What it must be told."""
        extent = () if self.extent is None else (self.extent,)
        return (*extent, *(size for part in self.parts for size in (part.start, part.step)))

    @property
    def touched(self) -> tuple[Place, ...]:
        """What it reads or writes a part of."""
        return tuple(part.base for part in self.parts)


@dataclass(frozen=True)
class Branch:
    """Steps of which the first run where there is a true bool at `flag`, else the second."""

    flag: Place
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]
    where: str = ""
    sizes: ClassVar[tuple[Size, ...]] = ()
    touched: ClassVar[tuple[Place, ...]] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All its steps."""
        return (*self.then, *self.otherwise)


Step: TypeAlias = "Launch | Loop | Branch"


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps and those that they hold, in the order of the text."""
    for step in steps:
        yield step
        if not isinstance(step, Launch):
            yield from all_steps(step.steps)


def all_launches(steps: Iterable[Step]) -> Iterator[Launch]:
    """The launches of the steps, in the order of the text."""
    return (step for step in all_steps(steps) if isinstance(step, Launch))


@dataclass(frozen=True)
class Program:
    """launches: what runs, in order. temporaries: bytes of each value that lives only during the run.

    slots: for each temporary, which of `signature.slots` it lies in; () before memory has been planned.
    """

    signature: Signature
    launches: tuple[Step, ...]
    temporaries: tuple[Size, ...] = ()
    slots: tuple[int, ...] = ()

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels that are launched, each once."""
        return tuple(
            dict.fromkeys(each.kernel for each in all_launches(self.launches) if isinstance(each.kernel, Kernel))
        )


def place_slots(signature: Signature, sizes: Mapping[str, int]) -> Packing:
    """Where each slot of the arena lies when the named sizes have these values."""
    bounds = [dim.evaluate(slot, sizes) for slot in signature.slots]
    return pack(bounds, signature.lives or [(0, 0)] * len(bounds))
