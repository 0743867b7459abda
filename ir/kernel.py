"""The kernel language: loops, loads, stores and scalar or vector expressions, between a fused graph and machine code.

The whole grammar:

    kernel    = name(buffers; sizes) { statement* }
    statement = let var = expr                                  a name for a value, set once
              | local[index*] = expr                            registers: they carry values round loops
              | buffer[expr] = expr if mask?                    a store
              | for var in 0..extent kind { statement* }        kind: serial parallel vector unrolled block thread
              | if expr { statement* } else { statement* }      a uniform condition
              | check expr at expr                              run-time check: reports the least failing position
              | barrier                                         threads of one block wait for each other
    expr      = constant | var | size | lane | local[index*] | buffer[expr] if mask? | op(expr*)

An expression has one lane or LANES lanes; one lane next to many is spread. A `vector` loop takes its variable LANES
values at a time, so whatever depends on the variable has lanes; in the last, incomplete round the lanes beyond the
extent neither load, store nor assign. Outside vector loops `lane` is 0..LANES-1 and masks are written out.
Emitters know this page and nothing of the ops above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from brasa.ir.dtype import DType, bool_, float32, int32, int64
from brasa.ir.record import record

LANES = 16

LoopKind: TypeAlias = Literal["serial", "parallel", "vector", "unrolled", "block", "thread"]
Access: TypeAlias = Literal["in", "out", "inout", "scratch", "stack", "shared"]
Number: TypeAlias = "Expr | int | float | bool"


@dataclass(frozen=True, eq=False)
class Buffer:
    """Memory that a kernel reads or writes, by element.

    in, out, inout: an argument. scratch: an argument that the memory plan provides. stack, shared: the kernel's own,
    of `extent` elements, per iteration of the enclosing loop (stack) or per block (shared).
    """

    name: str
    dtype: DType
    access: Access
    extent: int | None = None

    def load(self, index: Number, mask: Expr | None = None) -> Expr:
        """The element at `index`; +0 where the mask is false, and then memory is not touched."""
        at = as_expr(index, int64)
        lanes = max(at.lanes, mask.lanes if mask is not None else 1)
        return Expr("load", (at,) if mask is None else (at, mask), self.dtype, lanes, self)

    def is_aligned(self) -> Expr:
        """Whether it begins where a line of 64 bytes does."""
        return Expr("aligned", (), bool_, 1, self)


@dataclass(frozen=True, eq=False)
class Local:
    """Registers: one value or a small array of them, indexed by constants once loops are unrolled."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    lanes: int

    def __getitem__(self, index: Number | tuple[Number, ...]) -> Expr:
        parts = index if isinstance(index, tuple) else (index,)
        return Expr("local", tuple(as_expr(part, int64) for part in parts), self.dtype, self.lanes, self)

    @property
    def value(self) -> Expr:
        """The value of a local that is not an array."""
        return Expr("local", (), self.dtype, self.lanes, self)


@record
class Expr:
    """A value of one element type and of 1 or LANES lanes. Pure but for loads and locals, which see earlier writes."""

    op: str
    args: tuple[Expr, ...]
    dtype: DType
    lanes: int = 1
    attr: Any = None

    def __add__(self, other: Number) -> Expr:
        return binary("add", self, other)

    def __radd__(self, other: Number) -> Expr:
        return binary("add", other, self)

    def __sub__(self, other: Number) -> Expr:
        return binary("sub", self, other)

    def __rsub__(self, other: Number) -> Expr:
        return binary("sub", other, self)

    def __mul__(self, other: Number) -> Expr:
        return binary("mul", self, other)

    def __rmul__(self, other: Number) -> Expr:
        return binary("mul", other, self)

    def __truediv__(self, other: Number) -> Expr:
        return binary("div", self, other)

    def __rtruediv__(self, other: Number) -> Expr:
        return binary("div", other, self)

    def __floordiv__(self, other: Number) -> Expr:
        """Division of sizes and indices, which are neither negative nor as large as 2**51."""
        return replace(binary("quotient", self, other), attr="index")

    def __mod__(self, other: Number) -> Expr:
        """Remainder of sizes and indices, which are neither negative nor as large as 2**51."""
        return replace(binary("modulo", self, other), attr="index")

    def __and__(self, other: Number) -> Expr:
        return binary("and", self, other)

    def __or__(self, other: Number) -> Expr:
        return binary("or", self, other)

    def __xor__(self, other: Number) -> Expr:
        return binary("xor", self, other)

    def __lshift__(self, other: Number) -> Expr:
        return binary("shl", self, other)

    def __rshift__(self, other: Number) -> Expr:
        """Shift right: filled with the sign for signed types, with zeros for unsigned ones."""
        return binary("shr", self, other)

    def __neg__(self) -> Expr:
        return unary("neg", self)

    def __invert__(self) -> Expr:
        return unary("not", self)

    def __lt__(self, other: Number) -> Expr:
        return binary("lt", self, other)

    def __le__(self, other: Number) -> Expr:
        return binary("le", self, other)

    def __gt__(self, other: Number) -> Expr:
        return binary("lt", other, self)

    def __ge__(self, other: Number) -> Expr:
        return binary("le", other, self)


# Scalar operations that every emitter prints. Arithmetic is IEEE with one rounding, integers wrap; `quotient` and
# `modulo` are C's integer / and %, by 0 any number but no trap, and those of indices, written // and %, say so in their
# attr; `minimum`/`maximum` propagate NaN and order -0 below +0; comparisons with NaN are false but for
# `ne`; `round` is half to even; shifts beyond the width shift everything out; casts from float to integer saturate,
# NaN gives 0.
UNARY = ("neg", "abs", "not", "sqrt", "floor", "ceil", "trunc", "round")
BINARY = ("add", "sub", "mul", "div", "quotient", "modulo", "minimum", "maximum", "and", "or", "xor", "shl", "shr")
COMPARE = ("eq", "ne", "lt", "le")


def const(value: int | float | bool, dtype: DType) -> Expr:
    """A constant."""
    plain = bool(value) if dtype.kind == "bool" else float(value) if dtype.kind == "float" else int(value)
    return Expr("const", (), dtype, 1, plain)


def as_expr(value: Number, dtype: DType) -> Expr:
    """The value itself if it is an expression, else a constant of that dtype."""
    return value if isinstance(value, Expr) else const(value, dtype)


def unary(op: str, x: Expr) -> Expr:
    """One of UNARY."""
    return Expr(op, (x,), x.dtype, x.lanes)


def binary(op: str, lhs: Number, rhs: Number) -> Expr:
    """One of BINARY or COMPARE; a Python number takes the other side's dtype."""
    if not isinstance(lhs, Expr):
        assert isinstance(rhs, Expr)
        lhs = const(lhs, rhs.dtype)
    rhs = as_expr(rhs, lhs.dtype)
    if lhs.dtype is not rhs.dtype and op not in ("shl", "shr"):
        raise TypeError(f"{op} of {lhs.dtype.name} and {rhs.dtype.name}")
    return Expr(op, (lhs, rhs), bool_ if op in COMPARE else lhs.dtype, max(lhs.lanes, rhs.lanes))


def eq(lhs: Number, rhs: Number) -> Expr:
    """lhs == rhs."""
    return binary("eq", lhs, rhs)


def ne(lhs: Number, rhs: Number) -> Expr:
    """lhs != rhs; true for NaN."""
    return binary("ne", lhs, rhs)


def minimum(lhs: Number, rhs: Number) -> Expr:
    """The lesser; NaN wins, and -0 is below +0."""
    return binary("minimum", lhs, rhs)


def maximum(lhs: Number, rhs: Number) -> Expr:
    """The greater; NaN wins, and +0 is above -0."""
    return binary("maximum", lhs, rhs)


def select(condition: Expr, yes: Number, no: Number) -> Expr:
    """yes where the condition holds, else no."""
    if not isinstance(yes, Expr):
        assert isinstance(no, Expr)
        yes = const(yes, no.dtype)
    no = as_expr(no, yes.dtype)
    return Expr("select", (condition, yes, no), yes.dtype, max(condition.lanes, yes.lanes, no.lanes))


def cast(x: Expr, dtype: DType) -> Expr:
    """Conversion of the value; to bool it is `x != 0`."""
    return x if x.dtype is dtype else Expr("cast", (x,), dtype, x.lanes)


def bitcast(x: Expr, dtype: DType) -> Expr:
    """The same bits read as another dtype of the same width."""
    return Expr("bitcast", (x,), dtype, x.lanes)


def fma(a: Number, b: Number, c: Expr) -> Expr:
    """a * b + c with one rounding."""
    x, y = as_expr(a, c.dtype), as_expr(b, c.dtype)
    return intrinsic("fma", (x, y, c), c.dtype)


def add_products(a: Expr, b: Expr, c: Expr) -> Expr:
    """c plus the products of what a and b hold in the upper and lower halves of 32 bits, which are bfloat16.

    That of the upper halves is added first; both additions are fused, and subnormal numbers count as zeros. For targets
    that `adds_products`.
    """
    return intrinsic("add_products", (a, b, c), float32)


def intrinsic(name: str, args: tuple[Expr, ...], dtype: DType) -> Expr:
    """A named operation that each emitter looks up in its own table (fma, mulhi, ...)."""
    return Expr("intrinsic", args, dtype, max((arg.lanes for arg in args), default=1), name)


def lane() -> Expr:
    """The lane's own number, 0..LANES-1, as an index."""
    return Expr("lane", (), int64, LANES)


def spread(x: Expr) -> Expr:
    """One lane's value in every lane."""
    return x if x.lanes > 1 else Expr("spread", (x,), x.dtype, LANES)


def shifted(x: Expr, by: int) -> Expr:
    """Lane i takes lane i + by; lanes that would come from beyond the end hold anything."""
    return Expr("shifted", (x,), x.dtype, x.lanes, by)


def evens(x: Expr, y: Expr, width: int) -> Expr:
    """Of the groups of `width` lanes of two vectors, the 1st, 3rd, ... of x, then those of y."""
    return Expr("evens", (x, y), x.dtype, LANES, width)


def odds(x: Expr, y: Expr, width: int) -> Expr:
    """Of the groups of `width` lanes of two vectors, the 2nd, 4th, ... of x, then those of y."""
    return Expr("odds", (x, y), x.dtype, LANES, width)


def joined(x: Expr, y: Expr) -> Expr:
    """Two vectors of 16 bits end to end, neighbours as the lower and upper half of 32 bits."""
    return Expr("joined", (x, y), int32, LANES)


def first(x: Expr) -> Expr:
    """The value of lane 0."""
    return Expr("first", (x,), x.dtype, 1)


def index_of(size: int | Expr) -> Expr:
    """A size or an index as an i64 expression."""
    return as_expr(size, int64)


@dataclass(frozen=True)
class Recurrence:
    """A value that takes a loop: `step(round, state, fixed)` gives the next state, `result(state, fixed)` the value.

    Rounds count from 0 to `rounds`. fixed: what every round reads. KernelBuilder.repeat writes the statements.
    """

    rounds: int
    state: tuple[Expr, ...]
    fixed: tuple[Expr, ...]
    step: Callable[[Expr, Sequence[Expr], Sequence[Expr]], Sequence[Expr]]
    result: Callable[[Sequence[Expr], Sequence[Expr]], Expr]


@dataclass(frozen=True)
class Let:
    var: Expr
    value: Expr


@dataclass(frozen=True)
class Assign:
    local: Local
    index: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True)
class Store:
    """streamed: past the caches, because nobody reads it soon; vectors of neighbours lie in lines of their own then."""

    buffer: Buffer
    index: Expr
    value: Expr
    mask: Expr | None = None
    streamed: bool = False


@dataclass(frozen=True)
class For:
    """cost: about how many nanoseconds one iteration takes; parallel loops are cut into chunks by it."""

    var: Expr
    extent: Expr
    kind: LoopKind
    body: tuple[Statement, ...]
    cost: Expr | None = None


@dataclass(frozen=True)
class If:
    condition: Expr
    then: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Check:
    """Where `ok` is false, report `position` (the least one of all reports counts); `code` says which check it is."""

    ok: Expr
    position: Expr
    code: int


@dataclass(frozen=True)
class Barrier:
    pass


@dataclass(frozen=True)
class Prefetch:
    """Bring what an element of the buffer lies in into the first or second cache; the index may be outside of it."""

    buffer: Buffer
    index: Expr
    cache: int


Statement: TypeAlias = Let | Assign | Store | For | If | Check | Barrier | Prefetch


@dataclass(frozen=True, eq=False, repr=False)
class Kernel:
    """One kernel: its arguments are pointers to `buffers` (but stack and shared ones), then `sizes` as i64."""

    name: str
    buffers: tuple[Buffer, ...]
    sizes: tuple[Expr, ...]
    body: tuple[Statement, ...]

    @property
    def arguments(self) -> tuple[Buffer, ...]:
        """The buffers whose pointers the caller passes."""
        return tuple(buffer for buffer in self.buffers if buffer.access not in ("stack", "shared"))

    def __str__(self) -> str:
        from brasa.ir.kernel_text import print_kernel

        return print_kernel(self)

    __repr__ = __str__
