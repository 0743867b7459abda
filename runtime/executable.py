"""Executables: machine code with its signature; and frames, which are ready for tensors of given sizes."""

from __future__ import annotations

import ctypes
import marshal
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

from brasa.ir.dim import Atom, Compound, Monomial, Size, atom_of, symbol
from brasa.ir.errors import GraphError
from brasa.ir.packing import pack
from brasa.ir.program import CheckNote, Signature, Stride
from brasa.runtime.cpu import entry
from brasa.runtime.cpu_invoke import ADDRESS, FLOAT, INTEGER, pack_record
from brasa.runtime.cpu_native import Call
from brasa.runtime.cpu_object import Code, link
from brasa.runtime.host import Host

Shape: TypeAlias = tuple[int, ...]
Evaluate: TypeAlias = Callable[[Sequence[Shape], Sequence[Shape]], tuple[Any, ...]]

_FRAMES = 1024  # that one executable remembers
_RELEASE_BYTES = 128 << 10  # touching this much takes some 20 microseconds: worth letting other Python threads run


class Frame:
    """An executable made ready for inputs of given shapes and strides.

    call: takes the address of each input (a Python number instead for those in `numbers`), then of each output (for one
        that updates an input, the input's); gives None, or a number for `describe_failure` when a check failed.
    shapes, nbytes: of each output. arena_bytes: of the memory for intermediate values, which `call` provides.
    """

    __slots__ = ("arena_bytes", "call", "nbytes", "shapes")

    def __init__(self, call: Call, shapes: tuple[Shape, ...], nbytes: tuple[int, ...], arena_bytes: int) -> None:
        self.call, self.shapes, self.nbytes, self.arena_bytes = call, shapes, nbytes, arena_bytes


class Executable:
    """Machine code and how to call it. Made by `load`."""

    def __init__(self, signature: Signature, code: Code, numbers: Collection[int], sizes: bytes) -> None:
        self.signature = signature
        self._code = code
        self._host = Host(signature.steps) if signature.steps else None
        self._kinds = _kinds(signature, numbers)
        self._evaluate = _size_function(sizes)
        numbers_of = {size: number for number, size in enumerate(dict.fromkeys(signature.slots))}
        self._slots = [numbers_of[size] for size in signature.slots]
        self._lives = signature.lives or [(0, 0)] * len(signature.slots)
        self._frames: dict[tuple[Sequence[Shape], Sequence[Shape]], Frame] = {}

    def prepare(self, shapes: tuple[Shape, ...], strides: tuple[Shape, ...] = ()) -> Frame:
        """The frame for inputs of these shapes; strides (in elements) are read of inputs that are not row-major."""
        key = (shapes, strides)
        frame = self._frames.get(key)
        if frame is None:
            if len(self._frames) >= _FRAMES:
                self._frames.clear()
            frame = self._frames[key] = self._make_frame(shapes, strides)
        return frame

    def _make_frame(self, shapes: tuple[Shape, ...], strides: tuple[Shape, ...]) -> Frame:
        expected, sizes, slots, results, nbytes, read = self._evaluate(shapes, strides)
        if expected != shapes:
            raise GraphError(f"inputs of shapes {shapes} given for {expected}", op=self.signature.name)
        offsets, arena_bytes = pack([slots[i] for i in self._slots], self._lives)
        release = read + sum(nbytes) + arena_bytes >= _RELEASE_BYTES
        target = self._code.addresses["entry"]
        host = self._host.address if self._host is not None else 0
        record = pack_record(target, self._kinds, (*sizes, *offsets), arena_bytes, release, host)
        return Frame(entry().bind(record, (self._code, self._host)), results, nbytes, arena_bytes)

    def describe_failure(self, status: int) -> tuple[CheckNote, int]:
        """Which check failed, and at which position, from what a frame's call gave."""
        return self.signature.checks[(status & 0xFFFF) - 1], status >> 16


def load(
    signature: Signature, object_files: Iterable[bytes], numbers: Collection[int] = (), log: int = 0, sizes: bytes = b""
) -> Executable:  # fmt: skip
    """Link the object files of a program. numbers: inputs (f64 or i64, rank 0) that are passed as Python numbers.

    sizes: what `size_code` gives for the signature, where that is at hand. log: where a program that was compiled with
    clocks notes when its launches begin and end.
    """
    code = link(object_files, ("entry", "clocks") if log else ("entry",))
    if log:
        ctypes.c_void_p.from_address(code.addresses["clocks"]).value = log
    return Executable(signature, code, numbers, sizes or size_code(signature))


def _kinds(signature: Signature, numbers: Collection[int]) -> bytes:
    kinds = bytearray([ADDRESS]) * (len(signature.inputs) + len(signature.outputs))
    for index in numbers:
        name = str(signature.inputs[index].type)
        if name not in ("f64[]", "i64[]"):
            raise GraphError(f"input {index} is {name}: only f64[] and i64[] can be passed as numbers")
        kinds[index] = FLOAT if name == "f64[]" else INTEGER
    return bytes(kinds)


def _size_function(sizes: bytes) -> Evaluate:
    code, made = marshal.loads(sizes)
    exec(code, made)
    evaluate: Evaluate = made["evaluate"]
    return evaluate


def size_code(signature: Signature) -> bytes:
    """A function of the inputs' shapes and strides, compiled to Python code because it runs for each new size.

    The code is that of this version of Python. The function gives the shapes that the inputs must have, the sizes that
    entry expects, the different bytes of the arena's slots, the shapes and bytes of the outputs, and the bytes of all
    inputs.
    """
    names: dict[Size | Compound, str] = {}
    known: dict[tuple[Size, ...], str] = {}
    lines = ["def evaluate(shapes, strides):"]
    for i, given in enumerate(signature.inputs):
        for axis, size in enumerate(given.type.shape):
            if not isinstance(size, int) and size.is_symbol and size not in names:
                names[size] = f"size{len(names)}"
                lines.append(f"    {names[size]} = shapes[{i}][{axis}]")
    spelling = _Spelling(names, lines)

    def spell_all(sizes: Sequence[Size | Stride]) -> str:
        return f"({''.join(spelling.of(size) + ',' for size in sizes)})"

    def spell_shapes(shapes: Sequence[Sequence[Size]]) -> str:
        return f"({''.join(spell_shape(tuple(shape)) + ',' for shape in shapes)})"

    def spell_shape(shape: tuple[Size, ...]) -> str:  # most are those of parameters: they need no text
        is_known = all(size.__class__ is int for size in shape)
        return known.setdefault(shape, f"known{len(known)}") if is_known else spell_all(shape)

    try:
        results = (
            spell_shapes([given.type.shape for given in signature.inputs]),
            spell_all(signature.sizes),
            spell_all(tuple(dict.fromkeys(signature.slots))),
            spell_shapes([type.shape for type in signature.outputs]),
            spell_all([type.nbytes for type in signature.outputs]),
            f"sum({spell_all([given.type.nbytes for given in signature.inputs])})",
        )
    except KeyError as error:
        raise GraphError(f"no axis of an input is the size {error}", op=signature.name) from None
    lines.append(f"    return {', '.join(results)}")
    code = compile("\n".join(lines), "<sizes>", "exec")
    return marshal.dumps((code, {name: shape for shape, name in known.items()}))


class _Spelling:
    """Sizes as Python: each that depends on others is a line of its own, once, that gives it a name."""

    def __init__(self, names: dict[Size | Compound, str], lines: list[str]) -> None:
        self._names, self._lines = names, lines

    def of(self, size: Size | Stride) -> str:
        """An expression for the size. KeyError for a named size that has no name here."""
        if isinstance(size, int):
            return str(size)
        if isinstance(size, Stride):
            return f"strides[{size.input}][{size.axis}]"
        if size not in self._names:
            if size.is_symbol:
                raise KeyError(str(size))
            if (only := atom_of(size)) is not None:
                return self._atom(only)
            self._name(size, " + ".join(self._term(monomial, factor) for monomial, factor in size.terms))
        return self._names[size]

    def _term(self, monomial: Monomial, factor: int) -> str:
        return "*".join([*([] if factor == 1 and monomial else [str(factor)]), *map(self._atom, monomial)])

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, str):
            return self.of(symbol(atom))
        if atom not in self._names:
            lhs, rhs = self.of(atom.lhs), self.of(atom.rhs)
            quotient = f"{lhs} {atom.function} {rhs}"
            if not isinstance(atom.rhs, int):
                quotient += f" if {rhs} else 0"  # nothing empty is divided in the end
            self._name(atom, f"{atom.function}({lhs}, {rhs})" if atom.function in ("min", "max") else quotient)
        return self._names[atom]

    def _name(self, size: Size | Compound, text: str) -> None:
        self._names[size] = f"size{len(self._names)}"
        self._lines.append(f"    {self._names[size]} = {text}")
