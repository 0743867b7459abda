"""Programs on a GPU, through cupy, which is imported when the first one is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from brasa.ir import dim
from brasa.ir.dtype import from_numpy
from brasa.ir.errors import IndexError
from brasa.ir.grid import evaluate_extent, function_name, kernel_grid
from brasa.ir.kernel import Kernel
from brasa.ir.program import Launch, Place, Program, SizeValue, Stride, place_slots
from brasa.ir.sizes import bind
from brasa.ir.types import TensorType

_PASSED = (1 << 63) - 1  # what a check holds until it fails
_OPTIONS = ("--std=c++17", "--fmad=false")


class CudaExecutable:
    """A program whose kernels are compiled for the current GPU from their CUDA C++ source."""

    def __init__(self, program: Program, source: str) -> None:
        self.program = program
        self._cupy = import_module("cupy")
        module = self._cupy.RawModule(code=source, options=_OPTIONS)
        self._functions = {kernel: module.get_function(function_name(kernel)) for kernel in program.kernels}
        self._grids = {kernel: kernel_grid(kernel) for kernel in program.kernels}

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs, as arrays on the GPU; inputs that are not there yet are copied.

        Raises IndexError when a check fails; an output that updates an input is that input's array.
        """
        run = _Run(self.program, self._cupy, inputs)
        for launch in self.program.launches:
            assert isinstance(launch, Launch)  # no program for a GPU has loops, branches or host steps
            assert isinstance(launch.kernel, Kernel)
            grid = self._grids[launch.kernel]
            values = [run.size(size) for size in launch.sizes]
            names = [size.attr for size in launch.kernel.sizes]
            blocks = evaluate_extent(grid.blocks, dict(zip(names, values, strict=True)))
            checks = [self._cupy.full(len(launch.checks), _PASSED, "int64")] if launch.checks else []
            arguments = [*checks, *map(run.array, launch.buffers), *map(self._cupy.int64, values)]
            if blocks:
                self._functions[launch.kernel]((blocks,), (grid.threads,), tuple(arguments))
            for check in checks:
                self._report(launch, check, run)
        return tuple(run.outputs)

    def _report(self, launch: Launch, positions: Any, run: _Run) -> None:
        for number, position in zip(launch.checks, positions.tolist(), strict=True):
            if position != _PASSED:
                note = self.program.signature.checks[number]
                fact = f"an index is outside 0..{run.size(note.bound) - 1} (at element {position})"
                raise IndexError(fact, op=note.op)


class _Run:
    """The memory of one run."""

    def __init__(self, program: Program, cupy: Any, inputs: Sequence[Any]) -> None:
        signature = program.signature
        self.inputs = [
            cupy.asarray(array) if given.strides else cupy.asarray(array, order="C")
            for given, array in zip(signature.inputs, inputs, strict=True)
        ]
        given = [TensorType(array.shape, from_numpy(array.dtype)) for array in self.inputs]
        bound = bind([TensorType(each.type.shape, each.type.dtype) for each in signature.inputs], given)
        self.sizes = {name: size for name, size in bound.items() if isinstance(size, int)}
        updated = dict(signature.updates)
        self.outputs = [
            self.inputs[updated[number]] if number in updated else cupy.empty(self.shape(type), type.dtype.numpy)
            for number, type in enumerate(signature.outputs)
        ]
        slots = program.slots or range(len(program.temporaries))
        planned = signature if program.slots else replace(signature, slots=program.temporaries)
        offsets, total = place_slots(planned, self.sizes)
        arena = cupy.empty(total, "uint8")
        self.temporaries = [arena[offsets[slot] :] for slot in slots]

    def shape(self, type: TensorType) -> tuple[int, ...]:
        return tuple(dim.evaluate(size, self.sizes) for size in type.shape)

    def size(self, size: SizeValue) -> int:
        if isinstance(size, Stride):
            array = self.inputs[size.input]
            return int(array.strides[size.axis] // array.itemsize)
        return dim.evaluate(size, self.sizes)

    def array(self, place: Place) -> Any:
        return {"input": self.inputs, "output": self.outputs, "temporary": self.temporaries}[place.role][place.index]
