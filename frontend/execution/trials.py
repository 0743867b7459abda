"""Trials of a kernel that can be made in several ways: machine code of each, on scratch memory of its own."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brasa import runtime
from brasa.ir import dim
from brasa.ir.dtype import DType
from brasa.ir.layout import row_major
from brasa.ir.program import CheckNote, Input, Launch, Place, Program, Signature
from brasa.ir.target import Target
from brasa.ir.types import TensorType

if TYPE_CHECKING:
    from brasa.codegen.schedules import Ways
    from brasa.codegen.schedules.writer import Lowered

_MOST_BYTES = 1 << 30  # of all operands and results
_PATTERN = 1 << 16  # random numbers, which repeat


@dataclass(frozen=True)
class Trial:
    """A kernel ready to run. wanted: the choices that it makes in another way than the cost model."""

    wanted: Mapping[str, Any]
    call: Callable[[], int | None]


class Trials:
    """Makes kernels of the ways to lower a region, and runs them on operands of the given sizes.

    Floats are random numbers between -1 and 1, integers are 0, which is a place of whatever is not empty.
    """

    def __init__(self, ways: Ways, sizes: Mapping[str, int], target: Target) -> None:
        self._ways, self._sizes, self._target = ways, sizes, target
        self._memory: dict[Place, runtime.Buffer] = {}
        self._given: dict[Place, np.ndarray[Any, Any]] = {}  # what operands hold that kernels overwrite
        self._seen: set[str] = set()
        self._expected: list[bytes] | None = None

    def make(self, wanted: Mapping[str, Any]) -> Trial | None:
        """A kernel; nothing if it was made before, cannot run on such operands, or gives other bits than the first."""
        lowered = self._ways.make(wanted) if wanted else self._ways.first
        text = str(replace(lowered.kernel, name=""))
        if text in self._seen or not self._provide(lowered):
            return None
        self._seen.add(text)
        trial = Trial(wanted, self._machine_code(lowered))
        for place, given in self._given.items():
            self._array(place)[:] = given
        if trial.call() is not None:
            return None
        written = [
            self._array(place).tobytes()
            for place, buffer in zip(lowered.buffers, lowered.kernel.arguments, strict=True)
            if buffer.access in ("out", "inout")
        ]
        if self._expected is None:
            self._expected = written
        return trial if written == self._expected else None

    def _provide(self, lowered: Lowered) -> bool:
        """Have memory for all that the kernel reads and writes; whether that is not too much."""
        for place, buffer in zip(lowered.buffers, lowered.kernel.arguments, strict=True):
            if place.role == "temporary":
                nbytes = dim.evaluate(lowered.scratch[place.index], self._sizes)
            else:
                shape, strides = self._shape(place), self._strides(place)
                last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
                nbytes = (last + 1) * buffer.dtype.itemsize if min(shape, default=1) else 0
            if place not in self._memory or self._memory[place].nbytes < nbytes:
                if sum(each.nbytes for each in self._memory.values()) + nbytes > _MOST_BYTES:
                    return False
                self._memory[place] = runtime.allocate(max(nbytes, 1))
                self._fill(place, buffer.dtype)
                if buffer.access == "inout":
                    self._given[place] = self._array(place).copy()
        return True

    def _fill(self, place: Place, dtype: DType) -> None:
        memory = self._array(place)
        memory[:] = 0
        if place.role == "input" and dtype.kind == "float":
            pattern = np.random.default_rng(place.index).uniform(-1, 1, _PATTERN).astype(dtype.numpy)
            memory[:] = np.resize(pattern.view(np.uint8), len(memory))

    def _array(self, place: Place) -> np.ndarray[Any, Any]:
        buffer = self._memory[place]
        return np.frombuffer((ctypes.c_uint8 * buffer.nbytes).from_address(buffer.ptr), np.uint8)

    def _shape(self, place: Place) -> list[int]:
        region = self._ways.region
        nodes = region.inputs if place.role == "input" else region.outputs
        return [dim.evaluate(size, self._sizes) for size in nodes[place.index].tensor.shape]

    def _strides(self, place: Place) -> Sequence[int]:
        """Strides that fit the layout: as of a tensor whose axes lie in another order."""
        layouts, shape = self._ways.layouts, self._shape(place)
        marks = (layouts.inputs if place.role == "input" else layouts.outputs)[place.index]
        if not marks:
            return [dim.evaluate(stride, {}) for stride in row_major(shape)]
        strides, length = [0] * len(shape), 1
        for axis in sorted(range(len(shape)), key=lambda axis: (marks[axis] != "1", -axis)):
            if marks[axis] != "0":
                strides[axis] = 1 if marks[axis] == "1" else length
                length = max(length, strides[axis] * shape[axis])
        return strides

    def _machine_code(self, lowered: Lowered) -> Callable[[], int | None]:
        """The call of a program that is this one kernel."""
        from brasa.codegen.llvm import compile_text, emit_program

        kernel, numbers = lowered.kernel, range(len(lowered.buffers))
        sizes = tuple(
            dim.evaluate(size, self._sizes) if isinstance(size, dim.Dim | int) else self._strides(size.place)[size.axis]
            for size in lowered.sizes
        )
        memory = [self._memory[place] for place in lowered.buffers]
        types = [TensorType((each.nbytes // buffer.dtype.itemsize,), buffer.dtype)
                 for each, buffer in zip(memory, kernel.arguments, strict=True)]  # fmt: skip
        signature = Signature(
            "trial", tuple(Input(f"x{n}", type) for n, type in enumerate(types)), (),
            checks=tuple(CheckNote("trial", "", 0) for _ in lowered.checks),
        )  # fmt: skip
        launch = Launch(kernel, tuple(Place("input", n) for n in numbers), sizes, tuple(range(len(lowered.checks))))
        text = emit_program(Program(signature, (launch,)), self._target)
        code = runtime.load(signature, [compile_text(text, self._target, 3)])
        call = code.prepare(tuple(type.shape for type in types)).call
        return lambda kept=memory: call(*(each.ptr for each in kept))  # type: ignore[misc]
