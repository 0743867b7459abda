"""Host steps: what Python runs between kernels, called back from machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import prod
from threading import local
from types import TracebackType
from typing import Any

import numpy as np

from brasa.ir.dim import Dim
from brasa.ir.errors import BrasaError, LinAlgError
from brasa.ir.ops import OPS
from brasa.ir.packing import ALIGNMENT
from brasa.ir.program import HostStep
from brasa.ir.types import TensorType
from brasa.runtime.blas import one_thread

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64)
)
_state = local()


def take_failure() -> BaseException | None:
    """The error that ended this thread's last host step, which is forgotten; None if that did not fail."""
    error: BaseException | None = getattr(_state, "failure", None)
    _state.failure = None
    return error


class _Kept:
    """Keeps the error that its block ends with, because machine code lies between it and its user."""

    failed = False

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is not None:
            self.failed, _state.failure = True, _in_our_words(error)
        return True


def _in_our_words(error: BaseException) -> BaseException:
    if isinstance(error, np.linalg.LinAlgError) and not isinstance(error, BrasaError):
        return LinAlgError(str(error))
    return error


class Host:
    """The host steps of one program. address: of the C function that runs the step of a given number."""

    def __init__(self, steps: Sequence[HostStep]) -> None:
        self._steps = steps
        self._callback = _CALLBACK(self._serve)
        self.address = ctypes.cast(self._callback, ctypes.c_void_p).value or 0

    def _serve(self, _: int, number: int, pointers: Any, sizes: Any) -> int:
        with _Kept() as kept:
            run_step(self._steps[number], pointers, sizes)
        return int(kept.failed)


def run_step(step: HostStep, pointers: Sequence[int], sizes: Sequence[int]) -> None:
    """Run a step on the memory at these addresses; sizes: the values of `step.sizes`."""
    given = iter(sizes[: len(step.sizes)])
    arrays = [
        _array(pointers[i], type, tuple(next(given) for _ in type.shape))
        for i, type in enumerate((*step.operands, *step.results))
    ]
    attrs = {name: next(given) if isinstance(value, Dim) else value for name, value in step.attrs}
    count = len(step.operands)
    run = OPS[step.op].run
    assert run is not None
    with one_thread(), np.errstate(all="ignore"):
        run(tuple(map(_aligned, arrays[:count])), tuple(arrays[count:]), **attrs)


def _array(pointer: int, type: TensorType, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    dtype = type.dtype.numpy
    if not prod(shape):
        return np.empty(shape, dtype)
    memory = memoryview((ctypes.c_char * (prod(shape) * dtype.itemsize)).from_address(pointer))
    return np.frombuffer(memory, dtype).reshape(shape)


def _aligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array itself, or a copy at an aligned address: libraries may give other bits at others."""
    if array.ctypes.data % ALIGNMENT:
        memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        copy[...] = array
        array = copy
    array.flags.writeable = False
    return array
