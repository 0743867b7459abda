"""A program as one LLVM module: its kernels, and `entry`, which runs them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from brasa.codegen.llvm.clocks import TEXT
from brasa.codegen.llvm.emitter import emit_kernel
from brasa.codegen.llvm.memory import address
from brasa.codegen.llvm.module import Module
from brasa.codegen.llvm.values import Value, constant_of, linear
from brasa.codegen.llvm.writer import Writer
from brasa.ir.dim import Compound, Dim
from brasa.ir.kernel import Kernel
from brasa.ir.program import Branch, HostStep, Launch, Loop, Place, Program, SizeValue, Step, Stride, all_launches
from brasa.ir.target import Target

_PART = 64  # launches in one function
_NO_POSITION = (1 << 63) - 1
_FAILED_OFFSET, _HOST_OFFSET = 8, 16


def emit_program(program: Program, target: Target, clocks: bool = False) -> str:
    """The text of one LLVM module that runs the program. clocks: it notes when launches begin and end."""
    modules = Modules(target, math.inf, clocks)
    for kernel in program.kernels:
        modules.add(kernel)
    return modules.finish(program)[0]


class Modules:
    """The text of a program in modules of some size, so that one is compiled while the next is being written.

    They are linked together: kernels are called from the last one, which has `entry`. most: lines, about. clocks:
    the program notes when launches begin and end (clocks.py).
    """

    def __init__(self, target: Target, most: float, clocks: bool = False) -> None:
        self.names: dict[Kernel, str] = {}
        self._most, self._clocks = most, clocks
        self._module = Module(target)
        self._lines = 0
        self._elsewhere: list[str] = []  # declarations of the kernels in modules that are complete
        self._here: list[str] = []
        self._written: dict[tuple[str, ...], str] = {}

    def add(self, kernel: Kernel) -> str | None:
        """Write a kernel, if none has the same text; the module, if it is large enough now."""
        module = self._module
        single = Module(module.target)
        single.declarations = module.declarations
        emit_kernel(single, kernel, "kernel")
        text = tuple(single.functions)
        if text not in self._written:
            name = self._written[text] = module.unique(re.sub(r"[^\w.]", "_", kernel.name, flags=re.ASCII))
            module.functions += [_names(kernel), *(self._named(each, name) for each in text)]
            self._lines += sum(each.count("\n") for each in text)
            types = ["ptr"] * (2 + len(kernel.arguments)) + ["i64"] * len(kernel.sizes)
            self._here.append(f'declare hidden void @"{name}"({", ".join(types)})')
        self.names[kernel] = self._written[text]
        return self._complete() if self._lines > self._most else None

    def _named(self, function: str, name: str) -> str:
        if math.isfinite(self._most):
            function = function.replace('define internal void @"kernel"(', 'define hidden void @"kernel"(')
        return function.replace('@"kernel', f'@"{name}')

    def finish(self, program: Program) -> tuple[str, ...]:
        """The last module; or, where the entry has several parts, the last one with kernels and one of the entry.

        That is long and says little: it is compiled as quickly as can be.
        """
        parts, numbers = _parts(program.launches), count() if self._clocks else None
        kernels = (self._complete(),) if len(parts) > 1 and math.isfinite(self._most) else ()
        module = self._module
        module.functions += [TEXT] if self._clocks else []
        bodies = [
            _Entry(program, steps, self.names, Writer(module.target, module.declarations), numbers).text()
            for steps in parts
        ]
        if len(bodies) > 1:
            called = [f"entry.part{number}" for number in range(1, len(bodies) + 1)]
            module.functions += [
                _definition(f"internal i64 @{name}", body) for name, body in zip(called, bodies, strict=True)
            ]
            bodies = [_one_after_the_other(called)]
        module.functions.append(_definition("i64 @entry", bodies[0]))
        module.declarations.update(self._elsewhere)
        return *kernels, self._complete()

    def _complete(self) -> str:
        """The text of the module with what has been written since the last one."""
        module = self._module
        text = "\n".join(
            [
                f'target triple = "{module.target.triple}"\n',
                *module.functions,
                *sorted(module.declarations),
                f'\nattributes #0 = {{ nounwind "prefer-vector-width"="{module.target.vector_bits}" }}',
                '!0 = !{!"branch_weights", i32 1, i32 100000}\n',
            ]
        )
        self._elsewhere += self._here
        self._here, self._lines = [], 0
        module.functions, module.declarations = [], set()
        return text


def _parts(steps: Sequence[Step]) -> list[Sequence[Step]]:
    """The steps in parts that are functions of their own: LLVM takes its time over a function of thousands of calls.

    A loop stays together with all that follows it, which may read what has changed places in it.
    """
    end = next((number for number, step in enumerate(steps) if isinstance(step, Loop)), len(steps))
    starts = list(range(0, max(1, end), _PART))
    return [steps[start:stop] for start, stop in zip(starts, [*starts[1:], len(steps)], strict=True)]


def _definition(head: str, body: str) -> str:
    return f"define {head}(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {{\n{body}\n}}\n"


def _one_after_the_other(names: Sequence[str]) -> str:
    """The body of an entry that calls others until one fails."""
    lines = ["entry:"]
    for number, name in enumerate(names):
        lines += [
            f"  %status{number} = call i64 @{name}(ptr %context, ptr %pointers, ptr %sizes, ptr %arena)",
            f"  %failed{number} = icmp ne i64 %status{number}, 0",
            f"  br i1 %failed{number}, label %fail{number}, label %pass{number}, !prof !0",
            f"fail{number}:",
            f"  ret i64 %status{number}",
            f"pass{number}:",
        ]
    return "\n".join([*lines, "  ret i64 0"])


def _names(kernel: Kernel) -> str:
    """A comment: what the parameters are called, which is no part of the function so that equal ones are equal."""
    buffers = [f"%b{number} {buffer.name}" for number, buffer in enumerate(kernel.arguments)]
    sizes = [f"%s{number} {size.attr}" for number, size in enumerate(kernel.sizes)]
    return f"; {kernel.name}: {', '.join([*buffers, *sizes])}"


class _Entry:
    """Writes `entry`: addresses of all values, then the launches in order, each followed by its checks.

    numbers: of the launches to come, if there is to be a note of each.
    """

    def __init__(
        self, program: Program, steps: Sequence[Step], names: dict[Kernel, str], writer: Writer,
        numbers: Iterator[int] | None,
    ) -> None:  # fmt: skip
        self.program, self.steps, self.names = program, steps, names
        self.writer, self.numbers = writer, numbers
        self.places = {str(size): number for number, size in enumerate(program.signature.sizes)}
        most = max((len(launch.checks) for launch in all_launches(steps)), default=0)
        self.checks = writer.allocate(f"[{most} x i64]", 8) if most else Value("null", "ptr")
        self.parts: dict[Place, Value] = {}  # where the loops that are being written are at
        self.swapped: dict[Place, Value] = {}  # where temporaries lie that have changed places

    def text(self) -> str:
        self._steps(self.steps)
        self.writer.effect("ret i64 0")
        return self.writer.text()

    def _steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Loop):
                self._loop(step)
            elif isinstance(step, Branch):
                self._branch(step)
            elif isinstance(step.kernel, HostStep):
                self._host_step(step, step.kernel)
            else:
                self._launch(step, self.names[step.kernel])

    def _loop(self, loop: Loop) -> None:
        """A loop that looks before each iteration whether there is one; temporaries change places by two addresses."""
        writer, label = self.writer, self.writer.fresh("loop")
        places = [place for pair in loop.swaps for place in pair]
        start = [self._pointer(place) for place in places]
        extent = None if loop.extent is None else self._size(loop.extent)
        bases = [(part, self._pointer(part.base), self._size(part.start), self._size(part.step)) for part in loop.parts]
        before = writer.block
        with writer.region(label, is_arm=False) as head:
            depth = writer.depth
            counter = Value(f"%{label}.iteration", "i64", 1, depth)
            now = [Value(f"%{label}.place{number}", "ptr", 1, depth) for number in range(len(places))]
            self.swapped.update(zip(places, now, strict=True))
            more = f"icmp slt {counter}, {extent.text}" if extent else f"trunc {self._flag(loop.flag)} to i1"
            writer.effect(f"%{label}.more = {more}")
            writer.effect(f"br i1 %{label}.more, label %{label}.body, label %{label}.done")
            writer.continue_in(f"{label}.body")
            for part, base, first, step in bases:
                moved = self._i64(f"mul {counter}, {step.text}", counter, step)
                offset = self._i64(f"add {moved}, {first.text}", moved, first)
                self.parts[part.place] = writer.pure("ptr", 1, f"getelementptr i8, {base}, {offset}", base, offset)
            self._steps(loop.steps)
            writer.effect(f"%{label}.next = add {counter}, 1")
            writer.effect(f"br label %{label}")
            latch = writer.block.label
        before.lines.append(f"br label %{label}")  # only now, after what was moved out of the loop
        head.phis.append(f"{counter.text} = phi i64 [ 0, %{before.label} ], [ %{label}.next, %{latch} ]")
        for number, (inside, outside) in enumerate(zip(now, start, strict=True)):
            other = now[number ^ 1]
            ways = f"[ {outside.text}, %{before.label} ], [ {other.text}, %{latch} ]"
            head.phis.append(f"{inside.text} = phi ptr {ways}")
        writer.continue_in(f"{label}.done")
        self.swapped.update(
            {place: Value(each.text, "ptr", 1, writer.depth) for place, each in zip(places, now, strict=True)}
        )

    def _flag(self, place: Place | None) -> Value:
        assert place is not None
        value = Value(self.writer.fresh("%flag"), "i8", 1, self.writer.depth)
        self.writer.effect(f"{value.text} = load i8, {self._pointer(place)}, align 1")
        return value

    def _branch(self, branch: Branch) -> None:
        writer, label = self.writer, self.writer.fresh("branch")
        writer.effect(f"%{label}.true = trunc {self._flag(branch.flag)} to i1")
        before = writer.block
        for name, steps in (("then", branch.then), ("otherwise", branch.otherwise)):
            with writer.region(f"{label}.{name}", is_arm=True):
                self._steps(steps)
                writer.effect(f"br label %{label}.done")
        before.lines.append(f"br i1 %{label}.true, label %{label}.then, label %{label}.otherwise")
        writer.continue_in(f"{label}.done")

    def _host_step(self, launch: Launch, step: HostStep) -> None:
        """Call back to the host with the addresses and sizes of the step; return if it fails."""
        writer, label = self.writer, self.writer.fresh("")
        number = self.program.signature.steps.index(step)
        pointers = self._array("ptr", [self._pointer(place) for place in launch.buffers])
        sizes = self._array("i64", [self._size(size) for size in launch.sizes])
        place = writer.fresh("%host_at")
        writer.effect(f"{place} = getelementptr i8, ptr %context, i64 {_HOST_OFFSET}")
        writer.effect(f"%host{label} = load ptr, ptr {place}, align 8")
        with self._noted():
            writer.effect(f"%status{label} = call i64 %host{label}(ptr %context, i64 {number}, {pointers}, {sizes})")
        writer.effect(f"%failed{label} = icmp ne i64 %status{label}, 0")
        self._return_if_failed(label, constant_of(0, "i64"), launch.checks[0])

    def _array(self, type: str, values: Sequence[Value]) -> Value:
        """Memory on the stack that holds the values."""
        memory = self.writer.allocate(f"[{max(1, len(values))} x {type}]", 8)
        for index, value in enumerate(values):
            self.writer.effect(f"store {value}, {self._element(type, memory, index)}, align 8")
        return memory

    def _launch(self, launch: Launch, name: str) -> None:
        writer = self.writer
        slots = [self._element("i64", self.checks, code) for code in range(len(launch.checks))]
        for slot in slots:
            writer.effect(f"store i64 {_NO_POSITION}, {slot}, align 8")
        pointers = [self._pointer(place) for place in launch.buffers]
        sizes = [self._size(size) for size in launch.sizes]
        arguments = [Value("%context", "ptr"), self.checks, *pointers, *sizes]
        with self._noted():
            writer.effect(f'call void @"{name}"({", ".join(map(str, arguments))})')
        for slot, number in zip(slots, launch.checks, strict=True):
            self._test(slot, number)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Around the call of a kernel or the host: when it began and ended, where that is asked for."""
        if self.numbers is None:
            yield
            return
        begin = self.writer.fresh("%begin")
        self.writer.effect(f"{begin} = call i64 @clocks.now()")
        yield
        self.writer.effect(f"call void @clocks.note(i64 {next(self.numbers)}, i64 {begin})")

    def _test(self, slot: Value, number: int) -> None:
        """Return the check's number if it has failed."""
        writer, label = self.writer, self.writer.fresh("")
        position = Value(f"%position{label}", "i64")
        writer.effect(f"{position.text} = load i64, {slot}, align 8")
        writer.effect(f"%failed{label} = icmp ne {position}, {_NO_POSITION}")
        self._return_if_failed(label, position, number)

    def _return_if_failed(self, label: str, position: Value, number: int) -> None:
        """Where %failed<label> holds, leave the position in the context and return the number of the check."""
        writer = self.writer
        writer.effect(f"br i1 %failed{label}, label %fail{label}, label %pass{label}, !prof !0")
        writer.continue_in(f"fail{label}")
        place = writer.fresh("%where")
        writer.effect(f"{place} = getelementptr i8, ptr %context, i64 {_FAILED_OFFSET}")
        writer.effect(f"store {position}, ptr {place}, align 8")
        writer.effect(f"ret i64 {1 + number}")
        writer.continue_in(f"pass{label}")

    def _element(self, type: str, pointer: Value, index: int) -> Value:
        return address(self.writer, pointer, type, linear({}, index))

    def _load(self, type: str, pointer: str, index: int) -> Value:
        place = self._element(type, Value(pointer, "ptr"), index)
        return self.writer.read(type, 1, f"load {type}, {place}, align 8", f"{type} {place.text}")

    def _pointer(self, place: Place) -> Value:
        signature = self.program.signature
        if place in self.swapped:
            return self.swapped[place]
        if place.role == "part":
            return self.parts[place]
        if place.role == "temporary":
            offset = self._load("i64", "%sizes", len(signature.sizes) + self.program.slots[place.index])
            return self.writer.pure("ptr", 1, f"getelementptr i8, ptr %arena, {offset}", offset)
        return self._load("ptr", "%pointers", place.index + (len(signature.inputs) if place.role == "output" else 0))

    def _size(self, size: SizeValue) -> Value:
        """A size that entry is given, or one computed from those."""
        if isinstance(size, int):
            return constant_of(size, "i64")
        if str(size) in self.places:
            return self._load("i64", "%sizes", self.places[str(size)])
        if isinstance(size, Stride):
            raise ValueError(f"the signature does not pass {size}")
        return self._polynomial(size)

    def _polynomial(self, size: Dim) -> Value:
        total = constant_of(0, "i64")
        for monomial, factor in size.terms:
            term = constant_of(factor, "i64")
            for atom in monomial:
                value = self._size(Dim((((atom,), 1),))) if isinstance(atom, str) else self._compound(atom)
                term = self._i64(f"mul {term}, {value.text}", term, value)
            total = self._i64(f"add {total}, {term.text}", total, term)
        return total

    def _compound(self, atom: Compound) -> Value:
        lhs, rhs = self._size(atom.lhs), self._size(atom.rhs)
        if atom.function in ("min", "max"):
            return self.writer.call(f"llvm.s{atom.function}.i64", "i64", 1, lhs, rhs)
        rest = self._i64(f"srem {lhs}, {rhs.text}", lhs, rhs)
        is_below = self.writer.pure("i1", 1, f"icmp slt {rest}, 0", rest)
        if atom.function == "%":
            raised = self._i64(f"add {rest}, {rhs.text}", rest, rhs)
            return self._i64(f"select {is_below}, {raised}, {rest}", is_below, raised, rest)
        quotient = self._i64(f"sdiv {lhs}, {rhs.text}", lhs, rhs)
        lower = self._i64(f"sub {quotient}, 1", quotient)
        return self._i64(f"select {is_below}, {lower}, {quotient}", is_below, lower, quotient)

    def _i64(self, text: str, *operands: Value) -> Value:
        return self.writer.pure("i64", 1, text, *operands)
