"""Prints a kernel as LLVM functions: statements of the kernel language, and nothing of what they are for.

One walk over the statements writes everything: a `vector` loop's body is walked once for full rounds and once for the
masked rest, an `unrolled` loop's once for each iteration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from brasa.codegen.llvm import arithmetic, memory
from brasa.codegen.llvm.expressions import Expressions, Register
from brasa.codegen.llvm.module import Module
from brasa.codegen.llvm.parallel import Captures, run_in_pieces
from brasa.codegen.llvm.reading import Reading
from brasa.codegen.llvm.values import Linear, Result, Value, constant_of, linear
from brasa.codegen.llvm.writer import Block, Writer
from brasa.ir.kernel import (
    LANES,
    Assign,
    Barrier,
    Buffer,
    Check,
    Expr,
    For,
    If,
    Kernel,
    Let,
    Local,
    Prefetch,
    Statement,
    Store,
)

# A vector loop whose body has more expressions is written once, with a mask in every round: what takes that long waits
# little for memory. Shorter ones took over twice as long so on an EPYC, which seems not to read ahead of masked loads.
_LARGE_BODY = 250
_NO_POSITION = (1 << 63) - 1


def emit_kernel(module: Module, kernel: Kernel, name: str) -> None:
    """Write the function of a kernel, and those of its parallel loops, into the module."""
    writer = Writer(module.target, module.declarations)
    emitter = Emitter(module, name, writer, Reading())
    parameters = [Value("%context", "ptr"), Value("%checks", "ptr")]
    for number, buffer in enumerate(kernel.arguments):
        emitter.pointers[buffer] = Value(f"%b{number}", "ptr")
        parameters.append(emitter.pointers[buffer])
    for number, size in enumerate(kernel.sizes):
        parameters.append(Value(f"%s{number}", "i64"))
        emitter.bind(size, parameters[-1])
    emitter.block(kernel.body)
    writer.effect("ret void")
    module.add_function(name, parameters, writer)


def _plain(name: str) -> str:
    """The name without what LLVM does not take in names."""
    return re.sub(r"[^\w.]", "_", name, flags=re.ASCII)


def _register_name(register: Register) -> str:
    return ".".join([_plain(register[0].name), *map(str, register[1])])


class Emitter(Expressions):
    """Writes statements into one function.

    kept: while the masked round of a vector loop is written, the locals that outlive it.
    captures: what this function takes from the one around it, if it is the body of a parallel loop.
    """

    def __init__(
        self, module: Module, name: str, writer: Writer, reading: Reading, captures: Captures | None = None
    ) -> None:
        super().__init__(writer, reading)
        self.module = module
        self.name = name
        self.captures = captures
        self.kept: frozenset[Register] = frozenset()
        self._in_loop = captures is not None

    @property
    def checks(self) -> Value:
        """Where failing checks report."""
        return Value("%checks", "ptr") if self.captures is None else self.captures.value(Value("%checks", "ptr"))

    def foreign_value(self, expr: Expr) -> Result:
        """A variable that the function around this one has bound."""
        return super().foreign_value(expr) if self.captures is None else self.captures.expression(expr)

    def foreign_pointer(self, buffer: Buffer) -> Value | None:
        """A buffer that the function around this one has."""
        return None if self.captures is None else self.captures.pointer(buffer)

    def block(self, statements: Sequence[Statement]) -> None:
        """Write the statements, one after the other."""
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Let(var, value):
                self.bind(var, self.value(value))
            case Assign(local, index, value):
                self._assign(self.register(local, index), value)
            case Store():
                self._store(statement)
            case If(condition, then, orelse):
                truth = self.scalar(condition)
                self._branch(truth, then, lambda: self.block(then), orelse, lambda: self.block(orelse))
            case For():
                self._loop(statement)
            case Check():
                self._check(statement)
            case Prefetch(buffer, index, cache):
                memory.prefetch(self.writer, self.pointer(buffer), buffer.dtype, self.index(index), cache)
            case Barrier():
                raise ValueError("a CPU has no barrier")

    def _assign(self, register: Register, value: Expr) -> None:
        result = self.value(value)
        if self.mask is not None and register[0].lanes > 1 and register in self.kept:
            new, old = self.writer.vector(result), self.in_register(register)
            result = self.writer.pure(new.type, LANES, f"select {self.mask}, {new}, {old}", self.mask, new, old)
        self.registers[register] = result
        self.changed(frozenset())

    def _store(self, statement: Store) -> None:
        buffer = statement.buffer
        mask = self.active_lanes(statement.mask, statement.index.lanes > 1)
        index, value = self.value(statement.index), self.value(statement.value)
        memory.store(self.writer, self.pointer(buffer), buffer.dtype, index, value, mask, statement.streamed)
        self.changed(frozenset((buffer,)))

    def _check(self, check: Check) -> None:
        """Out of line, lower the reported position to the least failing one."""
        writer, position = self.writer, self.value(check.position)
        lanes = max(check.ok.lanes, check.position.lanes)
        ok = self.value(check.ok)
        fails = writer.vector(ok) if lanes > 1 else writer.scalar(ok)
        fails = writer.pure("i1", lanes, f"xor {fails}, {constant_of(True, 'i1', lanes).text}", fails)
        if lanes > 1 and self.mask is not None:
            fails = writer.pure("i1", lanes, f"and {fails}, {self.mask.text}", fails, self.mask)
        hit = memory.any_lane(writer, fails) if lanes > 1 else fails
        number, before, checks = writer.fresh(""), writer.block, self.checks
        with writer.region(f"fail{number}", is_arm=True):
            least = self._least(position, fails) if lanes > 1 else writer.scalar(position)
            place = memory.address(writer, checks, "i64", linear({}, check.code))
            writer.effect(f"%old{number} = atomicrmw umin {place}, {least} monotonic")
            writer.effect(f"br label %pass{number}")
        before.lines.append(f"br {hit}, label %fail{number}, label %pass{number}, !prof !0")
        writer.continue_in(f"pass{number}")

    def _least(self, position: Result, fails: Value) -> Value:
        places, none = self.writer.vector(position), constant_of(_NO_POSITION, "i64", LANES)
        kept = self.writer.pure("i64", LANES, f"select {fails}, {places}, {none}", fails, places)
        return self.writer.call(f"llvm.vector.reduce.umin.v{LANES}i64", "i64", 1, kept)

    # Loops

    def _iteration(self, loop: For, at: Result) -> None:
        self.bind(loop.var, at)
        self.block(loop.body)

    def _loop(self, loop: For) -> None:
        if loop.kind == "parallel" and not self._in_loop:
            self._parallel(loop)
            return
        outer, self._in_loop = self._in_loop, True
        match loop.kind:
            case "unrolled":
                self._unrolled(loop)
            case "vector":
                self._vector(loop)
            case "serial" | "parallel":
                self._counted(loop, self.index(loop.extent), 1, lambda at: self._iteration(loop, at))
            case _:
                raise ValueError(f"a CPU has no loop over a {loop.kind}")
        self._in_loop = outer

    def _unrolled(self, loop: For) -> None:
        extent = self.index(loop.extent).number
        if extent is None:
            raise ValueError(f"the extent of the unrolled loop over {loop.var.attr} is not a constant")
        for number in range(extent):
            with self.frame():
                self._iteration(loop, linear({}, number))

    def _counted(
        self, loop: For, extent: Linear, step: int, body: Callable[[Linear], None], start: Value | None = None
    ) -> None:
        """body(i) for i from 0 (or start) to extent by step, with the locals it sets carried round."""
        if start is None and extent.number is not None and extent.number <= step:
            if extent.number > 0:
                with self.frame():
                    body(linear({}))
            return
        effects = self.reading.effects(loop.body)
        before = tuple(self.registers)
        carried = [register for register in before if register[0] in effects.assigns]
        values = {_register_name(register): self.in_register(register) for register in carried}
        self.changed(effects.writes)
        first = constant_of(0, "i64") if start is None else start
        name = _plain(loop.var.attr)
        with self.writer.loop(name, first, self.writer.scalar(extent), step, values) as written, self.frame():
            self.registers.update(zip(carried, written.carried, strict=True))
            body(Linear({written.counter: 1}))
            written.results = [self.in_register(register) for register in carried]
        self.registers = {register: self.registers[register] for register in before}
        self.registers.update(zip(carried, written.carried, strict=True))
        self.changed(effects.writes)

    def _vector(self, loop: For) -> None:
        """Full rounds without a mask, then the rest with one."""
        extent, effects = self.index(loop.extent), self.reading.effects(loop.body)
        if self.mask is not None:
            raise ValueError(f"the vector loop over {loop.var.attr} is inside another")

        def round_from(at: Linear) -> None:
            self._iteration(loop, linear(at.terms, at.constant, linear({}, 1)))

        def masked_round(at: Linear, *, is_last: bool = False) -> None:
            self.mask = arithmetic.compare_lanes(self.writer, "slt", extent.plus(at, -1), is_near=is_last)
            self.kept = frozenset(self.registers)
            round_from(at)
            self.mask, self.kept = None, frozenset()

        if extent.multiple_of(LANES):
            self._counted(loop, extent, LANES, round_from)
        elif extent.number is None and effects.expressions > _LARGE_BODY:
            self._counted(loop, extent, LANES, masked_round)
        elif extent.number is not None:
            full = linear({}, extent.number // LANES * LANES)
            self._counted(loop, full, LANES, round_from)
            with self.frame():
                masked_round(full)
        else:
            end = self.writer.scalar(extent)
            full_end = self.writer.pure("i64", 1, f"and {end}, {-LANES}", end)
            self._counted(loop, Linear({replace(full_end, multiple=LANES): 1}), LANES, round_from)
            rest = self.writer.pure("i1", 1, f"icmp slt {full_end}, {end.text}", full_end, end)
            # Like the counter of the loop it is added to addresses last, so that both rounds share what comes before.
            full = Linear({replace(full_end, multiple=LANES, depth=self.writer.depth + 1): 1})
            self._branch(rest, loop.body, lambda: masked_round(full, is_last=True), (), lambda: None)

    def _parallel(self, loop: For) -> None:
        """The body becomes a function over a range of iterations, which threads call."""
        writer = Writer(self.module.target, self.module.declarations)
        captures = Captures(self, writer)
        name = self.module.unique(f"{self.name}.{_plain(loop.var.attr)}")
        inner = Emitter(self.module, name, writer, self.reading, captures)
        effects = self.reading.effects(loop.body)
        for register in self.registers:
            if register[0] in effects.reads | effects.assigns:
                inner.registers[register] = captures.value(self.in_register(register))
        begin, end = Value("%begin", "i64"), Value("%end", "i64")
        inner._counted(loop, Linear({end: 1}), 1, lambda at: inner._iteration(loop, at), begin)
        writer.effect("ret void")
        self.module.add_function(name, [Value("%captured", "ptr"), begin, end], writer)
        extent = self.writer.scalar(self.index(loop.extent))
        cost = None if loop.cost is None else self.scalar(loop.cost)
        run_in_pieces(self.writer, name, captures, extent, cost)
        self.changed(effects.writes)

    # Branches

    def _branch(
        self,
        truth: Value,
        then: Sequence[Statement],
        write_then: Callable[[], None],
        orelse: Sequence[Statement],
        write_orelse: Callable[[], None],
    ) -> None:
        """Either arm, as the condition says; the locals that they set are merged."""
        if truth.number is not None:
            with self.frame():
                (write_then if truth.number else write_orelse)()
            return
        writer, number = self.writer, self.writer.fresh("")
        effects = [self.reading.effects(each) for each in (then, orelse)]
        assigned = effects[0].assigns | effects[1].assigns
        for register in self.registers:
            if register[0] in assigned:
                self.registers[register] = self.in_register(register)
        before, start = writer.block, self.registers
        ends: list[tuple[Block, dict[Register, Result]]] = []
        for label, write in ((f"then{number}", write_then), (f"else{number}", write_orelse)):
            self.registers = dict(start)
            with writer.region(label, is_arm=True), self.frame(is_arm=True):
                write()
                for register in self.registers:
                    if register[0] in assigned:
                        self.registers[register] = self.in_register(register)
                ends.append((writer.block, self.registers))
                writer.effect(f"br label %join{number}")
        before.lines.append(f"br {truth}, label %then{number}, label %else{number}")
        writer.continue_in(f"join{number}")
        self.registers = self._merged(ends, assigned)
        self.changed(effects[0].writes | effects[1].writes)

    def _merged(
        self, ends: Sequence[tuple[Block, dict[Register, Result]]], assigned: frozenset[Local]
    ) -> dict[Register, Result]:
        """The registers after both arms; one that only one arm has set holds nothing."""
        (then_end, then), (else_end, orelse) = ends
        merged: dict[Register, Result] = {}
        for register, value in then.items():
            other = orelse.get(register)
            if other is value:
                merged[register] = value
            elif isinstance(value, Value) and isinstance(other, Value):
                merged[register] = self.writer.merge([(then_end, value), (else_end, other)])
        return merged
