"""Lowers graphs written as text and runs them as machine code, through ctypes, for tests."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from brasa.codegen.llvm import compile_text, emit_program, host_target
from brasa.codegen.schedules import COST_MODEL, Ways, lower
from brasa.ir import dim
from brasa.ir.graph import Graph
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.program import Program, Stride, place_slots
from brasa.ir.sizes import bind
from brasa.ir.target import Target
from brasa.ir.types import TensorType
from brasa.ir.verify import verify
from brasa.runtime.cpu_object import link
from brasa.runtime.host import Host
from tests.codegen.llvm.native import BODY, ENTRY, POOL, Context

Array = np.ndarray[Any, Any]
Choose: TypeAlias = Callable[[Ways], Mapping[str, Any]]
_GUARD = 256


@dataclass(frozen=True)
class Result:
    """status: 0, or 1 + the check that failed, at `position`."""

    outputs: tuple[Array, ...]
    status: int
    position: int


class Machine:
    """A graph as machine code. Parallel loops are cut into pieces of `piece` iterations, the last one first."""

    def __init__(
        self, graph: Graph, target: Target, speed: int = 0, choose: Choose = lambda ways: COST_MODEL
    ) -> None:  # fmt: skip
        self.graph = graph
        self.program = placed(lower(graph, target, choose=choose))
        self.text = emit_program(self.program, target)
        self._code = link([compile_text(self.text, target, speed)], ("entry",))
        self.entry = ENTRY(self._code.addresses["entry"])
        self.piece = 3
        self._host = Host(self.program.signature.steps)
        self._context = Context(POOL(self._parallel_for), 0, self._host.address)

    def _parallel_for(self, _: int, body: int, arguments: int, extent: int, cost: int) -> None:
        for begin in reversed(range(0, extent, self.piece)):
            BODY(body)(arguments, begin, min(begin + self.piece, extent))

    def run(self, *arrays: Array, piece: int = 3) -> Result:
        """Run on arrays, strided ones as they lie; every output and the arena is guarded against stray writes."""
        self.piece = piece
        signature = self.program.signature
        given = [TensorType(array.shape, each.type.dtype) for array, each in zip(arrays, signature.inputs, strict=True)]
        names = {n: int(v) for n, v in bind([each.type for each in signature.inputs], given).items()}  # type: ignore[call-overload]
        landing = dict(signature.updates)
        memory: list[Array] = []
        outputs: list[Array] = []
        for number, type in enumerate(signature.outputs):
            shape = tuple(dim.evaluate(size, names) for size in type.shape)
            if number in landing:
                outputs.append(arrays[landing[number]])
                continue
            memory.append(_guarded(int(np.prod(shape)) * type.dtype.itemsize))
            inner = memory[-1][_GUARD : len(memory[-1]) - _GUARD]
            outputs.append(inner.view(type.dtype.numpy).reshape(shape))
        offsets, nbytes = place_slots(signature, names)
        arena = _guarded(nbytes)
        memory.append(arena)
        sizes = [self._size(size, arrays, names) for size in signature.sizes] + [offset + _GUARD for offset in offsets]
        pointers = [array.ctypes.data for array in (*arrays, *outputs)]
        status = self.entry(
            ctypes.addressof(self._context), (ctypes.c_void_p * len(pointers))(*pointers),
            (ctypes.c_int64 * (len(sizes) + 1))(*sizes), arena.ctypes.data,
        )  # fmt: skip
        for block in memory:
            assert (block[:_GUARD] == 0xA5).all() and (block[len(block) - _GUARD :] == 0xA5).all(), "stray write"
        return Result(tuple(outputs), status, self._context.failed)

    def _size(self, size: Any, arrays: Sequence[Array], names: dict[str, int]) -> int:
        if isinstance(size, Stride):
            return arrays[size.input].strides[size.axis] // arrays[size.input].itemsize
        return dim.evaluate(size, names)


def placed(program: Program) -> Program:
    """The program with a place of its own for each temporary."""
    slots = tuple(range(len(program.temporaries)))
    return replace(program, signature=replace(program.signature, slots=program.temporaries), slots=slots)


def _guarded(nbytes: int) -> Array:
    """Memory that holds nonsense (NaN, if read as floats of any size), with guards on both sides."""
    block = np.full(nbytes + 2 * _GUARD + 64, 0xFF, np.uint8)
    shift = -block.ctypes.data % 64
    block = block[shift : shift + nbytes + 2 * _GUARD]
    block[:_GUARD] = block[_GUARD + nbytes :] = 0xA5
    return block


def read(text: str) -> Graph:
    """The graph of a text, verified."""
    return verify(parse(text, OPS))


@cache
def machine(text: str, speed: int = 0, target: Target | None = None) -> Machine:
    """The machine code of a graph's text."""
    return Machine(read(text), target or host_target(), speed)


def region(body: str, *, inputs: str, results: Sequence[str], name: str = "region", strides: str = "") -> str:
    """The text of a graph `main` of one fused region.

    inputs: as a graph's head writes them; results: the types of what the body returns; strides: a comma-separated
    input head with strides for main, if it differs.
    """
    outer = strides or inputs
    operands = ", ".join(part.split(":")[0].strip() for part in _split(outer))
    head = f"graph {name}({inputs}) {{\n{body}\n}}\n"
    if len(results) == 1:
        return f"{head}graph main({outer}) {{\n %0: {results[0]} = fused({operands}, graph=@{name})\n return %0\n}}"
    items = "".join(f" %{i + 1}: {type} = item(%0, index={i})\n" for i, type in enumerate(results))
    names = ", ".join(f"%{i + 1}" for i in range(len(results)))
    return (
        f"{head}graph main({outer}) {{\n %0: ({', '.join(results)}) = fused({operands}, graph=@{name})\n"
        f"{items} return {names}\n}}"
    )


def _split(text: str) -> list[str]:
    """Splits at commas outside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def reference(text: str, *arrays: Array) -> tuple[Array, ...]:
    """What the graph means, by `evaluate`; floats are widened to float64 first."""
    graph = parse(text.replace("f32", "f64"), OPS)
    wide = [array.astype(np.float64) if array.dtype == np.float32 else array for array in arrays]
    return interpret(graph, wide)


def ulps(found: Array, wanted: Array) -> float:
    """The largest distance between float32 results and float64 ones, in units of the last place."""
    if found.size == 0:
        return 0.0
    wanted = np.asarray(wanted, np.float64)
    rounded = wanted.astype(np.float32)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    step = np.spacing(np.maximum(np.abs(rounded), np.finfo(np.float32).tiny)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        gap = np.abs(found.astype(np.float64) - wanted) / step
    return float(np.max(np.where(same, 0.0, gap)))
