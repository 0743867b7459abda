"""Expressions of the kernel language while a function is written: what each is worth at this point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from brasa.codegen.llvm import arithmetic, memory
from brasa.codegen.llvm.reading import Reading
from brasa.codegen.llvm.values import Linear, Result, Value, constant, linear, memory_type, numbers
from brasa.codegen.llvm.writer import Writer
from brasa.ir.kernel import LANES, Buffer, Expr, Local

Register: TypeAlias = tuple[Local, tuple[int, ...]]


class _Known(NamedTuple):
    """What an expression is worth: until the state of memory and locals changes (0: for longer), or its frame ends."""

    state: int
    frame: int
    result: Result


class Expressions:
    """What variables, locals and memory hold at the point where the function is being written.

    registers: the locals. mask: the lanes that the incomplete round of a vector loop works on.
    """

    def __init__(self, writer: Writer, reading: Reading) -> None:
        self.writer = writer
        self.reading = reading
        self._known: dict[Expr, _Known] = {}
        self._frames: list[list[Expr]] = [[]]
        self._arm = 0
        self.pointers: dict[Buffer, Value] = {}
        self.registers: dict[Register, Result] = {}
        self.mask: Value | None = None
        self._state = 1
        self._memory: dict[Buffer | None, int] = {}

    def value(self, expr: Expr) -> Result:
        """What the expression is worth here; its operands are worked out first, however deep they lie."""
        known, valid = self._known, (0, self._state)
        pending = [expr]
        while pending:
            top = pending[-1]
            if top not in known or known[top].state not in valid:
                missing = [arg for arg in reversed(top.args) if arg not in known or known[arg].state not in valid]
                if missing:
                    pending += missing
                    continue
                self._work_out(top)
            pending.pop()
        return known[expr].result

    def _work_out(self, expr: Expr) -> None:
        result = self._evaluate(expr)
        if self.reading.depends_on_state(expr):
            self._remember(expr, result, self._state, len(self._frames) - 1)
        else:
            self._remember(expr, result, 0, max([self._arm, *[self._known[arg].frame for arg in expr.args]]))

    def _remember(self, expr: Expr, result: Result, state: int, frame: int) -> None:
        self._known[expr] = _Known(state, frame, result)
        self._frames[frame].append(expr)

    def bind(self, var: Expr, result: Result) -> None:
        """Set a variable, until the end of the frame."""
        self._remember(var, result, 0, len(self._frames) - 1)

    def scalar(self, expr: Expr) -> Value:
        """What an expression of one lane is worth."""
        return self.writer.scalar(self.value(expr))

    def index(self, expr: Expr) -> Linear:
        """What an index of one lane is worth."""
        return self.writer.linear(self.value(expr))

    def _evaluate(self, expr: Expr) -> Result:
        match expr.op:
            case "const":
                if expr.dtype.name == "i64":
                    return linear({}, int(expr.attr))
                return constant(expr.attr, expr.dtype)
            case "lane":
                return linear({}, 0, linear({}, 1))
            case "var" | "size":
                return self.foreign_value(expr)
            case "local":
                register = self.register(expr.attr, expr.args)
                if register not in self.registers:
                    raise ValueError(f"local {expr.attr.name} is read before it is set")
                return self.registers[register]
            case "load":
                return self._load(expr)
            case "aligned":
                return memory.is_aligned(self.writer, self.pointer(expr.attr))
        return arithmetic.apply(self.writer, expr, [self._known[arg].result for arg in expr.args])

    def _load(self, expr: Expr) -> Value:
        buffer: Buffer = expr.attr
        own = expr.args[1] if len(expr.args) > 1 else None
        mask, place = self.active_lanes(own, expr.args[0].lanes > 1), self.value(expr.args[0])
        version, pointer = str(self._memory.get(_family(buffer), 0)), self.pointer(buffer)
        return memory.load(self.writer, pointer, buffer.dtype, place, mask, version, is_own=own is not None)

    def foreign_value(self, expr: Expr) -> Result:
        """A variable that this function has not bound."""
        raise ValueError(f"{expr.attr} is used before it is set")

    def foreign_pointer(self, buffer: Buffer) -> Value | None:
        """A buffer that is no argument of this function, if its surroundings have it."""
        return None

    def pointer(self, buffer: Buffer) -> Value:
        """Where the buffer begins; memory of the kernel's own is taken when it is first used."""
        known = self.pointers.get(buffer) or self.foreign_pointer(buffer)
        if known is None:
            if buffer.access != "stack" or buffer.extent is None:
                raise ValueError(f"buffer {buffer.name} is neither an argument nor on the stack")
            known = self.writer.allocate(f"[{buffer.extent} x {memory_type(buffer.dtype)}]", 64)
        self.pointers[buffer] = known
        return known

    def register(self, local: Local, index: Sequence[Expr]) -> Register:
        """Which register a local with this index is."""
        places = tuple(self.index(part).number for part in index)
        if None in places:
            raise ValueError(f"local {local.name} is indexed by what is not a constant")
        return local, tuple(place for place in places if place is not None)

    def in_register(self, register: Register) -> Value:
        """What a local holds, as one LLVM value with the local's lanes."""
        result = self.registers[register]
        return self.writer.vector(result) if register[0].lanes > 1 else self.writer.scalar(result)

    def active_lanes(self, mask: Expr | None, lanes_differ: bool) -> Value | None:
        """The lanes that an access may touch (None for all): its own mask, and those the vector loop works on."""
        own = None if mask is None else arithmetic.level(self.writer, [self.value(mask)])[0]
        if own is not None and own.number is True:
            own = None
        loop = self.mask if lanes_differ or (own is not None and own.lanes > 1) else None
        if own is None or loop is None:
            return own or loop
        own = self.writer.vector(own)
        if own.constants and loop.constants:
            return numbers([a and b for a, b in zip(own.constants, loop.constants, strict=True)], "i1")
        return self.writer.pure("i1", LANES, f"and {own}, {loop.text}", own, loop)

    def changed(self, writes: frozenset[Buffer]) -> None:
        """Forget what is known of locals and of these buffers."""
        self._state += 1
        for buffer in writes:
            self._memory[_family(buffer)] = self._state

    def frame(self, *, is_arm: bool = False) -> _Frame:
        """Names bound inside are forgotten at the end, and all that was found out inside the arm of a branch."""
        return _Frame(self, is_arm)


class _Frame:
    """A block that is a frame; one of a generator takes three times as long, and every round of a loop has one."""

    __slots__ = ("_is_arm", "_outer", "_owner")

    def __init__(self, owner: Expressions, is_arm: bool) -> None:
        self._owner, self._is_arm, self._outer = owner, is_arm, owner._arm

    def __enter__(self) -> None:
        self._owner._frames.append([])
        if self._is_arm:
            self._owner._arm = len(self._owner._frames) - 1

    def __exit__(self, *_: object) -> None:
        self._owner._arm = self._outer
        for expr in self._owner._frames.pop():
            self._owner._known.pop(expr, None)


def _family(buffer: Buffer) -> Buffer | None:
    """Arguments may share memory with each other; the kernel's own and the plan's scratch with nothing."""
    return buffer if buffer.access in ("stack", "scratch") else None
