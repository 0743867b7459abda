"""What a kernel expression becomes: an LLVM value, or a linear form of indices that is not yet computed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from brasa.ir.dtype import DType
from brasa.ir.kernel import LANES

Number: TypeAlias = int | float | bool


@dataclass(eq=False, slots=True)
class Value:
    """One LLVM value of one or LANES lanes. Nobody changes one: but there are so many that frozen ones take too long.

    type: of one lane. depth: of the innermost scope it depends on, 0 for the function itself. number: a constant's;
    numbers: those of a constant whose lanes differ. multiple: what the value is known to be a multiple of.
    positive: whether it is known to be above 0.
    """

    text: str
    type: str
    lanes: int = 1
    depth: int = 0
    number: Number | None = None
    numbers: tuple[Number, ...] | None = None
    multiple: int = 1
    positive: bool = False

    @property
    def full_type(self) -> str:
        return self.type if self.lanes == 1 else f"<{self.lanes} x {self.type}>"

    @property
    def constants(self) -> Sequence[Number]:
        """What each lane holds, if that is constant."""
        return self.numbers or (() if self.number is None else (self.number,) * self.lanes)

    def __str__(self) -> str:
        """The operand with its type, as calls and stores write it."""
        return f"{self.full_type} {self.text}"


@dataclass(eq=False, slots=True)
class Linear:
    """constant + the sum of factor * term + lane // repeat * step, modulo 2**64; what index arithmetic is kept as.

    The form survives `let` and multiplication by sizes, so a memory access sees how its index moves with the lane,
    and each term is added in the outermost loop where it is known.
    """

    terms: dict[Value, int] = field(default_factory=dict)
    constant: int = 0
    step: Linear | None = None
    repeat: int = 1

    @property
    def base(self) -> Linear:
        """The value in lane 0."""
        return self if self.step is None else Linear(self.terms, self.constant)

    @property
    def number(self) -> int | None:
        """The value, if it is one constant."""
        return None if self.terms or self.step is not None else self.constant

    @property
    def fixed_step(self) -> int | None:
        """How much the value grows from lane to lane, if that is a constant."""
        return 0 if self.step is None else self.step.number if self.repeat == 1 else None

    def plus(self, other: Linear, factor: int = 1) -> Linear:
        """self + factor * other, of which lanes that repeat must do so alike."""
        if not other.terms and other.step is None:
            return linear(self.terms, self.constant + factor * other.constant, self.step, self.repeat)
        terms = dict(self.terms)
        for term, count in other.terms.items():
            total = _wrapped(terms.get(term, 0) + factor * count)
            if total:
                terms[term] = total
            else:
                terms.pop(term, None)
        step = (self.step or ZERO).plus(other.step or ZERO, factor) if self.step or other.step else None
        repeat = max(self.repeat, other.repeat)
        return linear(terms, self.constant + factor * other.constant, step, repeat)

    def repeats_like(self, other: Linear) -> bool:
        """Whether the sum with another form is one."""
        return self.step is None or other.step is None or self.repeat == other.repeat

    def times(self, factor: int) -> Linear:
        """factor * self."""
        return ZERO.plus(self, factor)

    def multiple_of(self, divisor: int) -> bool:
        """Whether the form shows that the value (of lane 0) is a multiple of the divisor."""
        terms = self.terms.items()
        return self.constant % divisor == 0 and all(count * term.multiple % divisor == 0 for term, count in terms)


def linear(terms: dict[Value, int], constant: int = 0, step: Linear | None = None, repeat: int = 1) -> Linear:
    """The form with its constant brought into the range of i64 and without a step of zero."""
    if step is None or step.number == 0:
        return Linear(terms, _wrapped(constant))
    return Linear(terms, _wrapped(constant), step, repeat)


def _wrapped(number: int) -> int:
    return number if -(1 << 63) <= number < 1 << 63 else (number + (1 << 63)) % (1 << 64) - (1 << 63)


ZERO = Linear()
Result: TypeAlias = Value | Linear


def is_uniform(result: Result) -> bool:
    """Whether all lanes share one value."""
    return result.step is None if isinstance(result, Linear) else result.lanes == 1


def register_type(dtype: DType) -> str:
    """The LLVM type that one lane has in registers; bf16 is carried as its bits."""
    if dtype.name == "bf16":
        return "i16"
    if dtype.kind == "float":
        return {16: "half", 32: "float", 64: "double"}[dtype.bits]
    if dtype.kind in ("int", "uint"):
        return f"i{dtype.bits}"
    if dtype.kind == "bool":
        return "i1"
    raise ValueError(f"{dtype.name} has no register type; it is split before it reaches a kernel")


def memory_type(dtype: DType) -> str:
    """The LLVM type that one element has in memory: truth values take a byte."""
    return "i8" if dtype.kind == "bool" else register_type(dtype)


def constant(value: Number, dtype: DType, lanes: int = 1) -> Value:
    """A constant of that element type."""
    if dtype.name == "bf16":
        return constant_of(int(np.float32(value).astype(dtype.numpy).view(np.uint16)), "i16", lanes)
    return constant_of(value, register_type(dtype), lanes)


def constant_of(value: Number, type: str, lanes: int = 1) -> Value:
    """A constant of an LLVM type."""
    text = _literal(value, type)
    if lanes > 1:
        text = f"splat ({type} {text})"
    return Value(text, type, lanes, 0, value)


def _literal(value: Number, type: str) -> str:
    if type == "i1":
        return "true" if value else "false"
    if type.startswith("i"):
        return str(int(value))
    with np.errstate(over="ignore"):
        if type == "half":
            return f"0xH{int(np.float16(value).view(np.uint16)):04X}"
        value = float(np.float32(value) if type == "float" else value)
    if abs(value) < 1e4 and (value * 1024).is_integer() and (value or str(value) == "0.0"):
        return repr(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def numbers(values: Sequence[Number], type: str) -> Value:
    """A vector of constants, lane by lane."""
    assert len(values) == LANES
    text = "<" + ", ".join(f"{type} {_literal(value, type)}" for value in values) + ">"
    return Value(text, type, LANES, numbers=tuple(values))
