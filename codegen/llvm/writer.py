"""Writes one LLVM function: blocks, value numbering, hoisting, loops and branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from brasa.codegen.llvm.values import Linear, Result, Value, constant_of, linear, numbers
from brasa.ir.kernel import LANES
from brasa.ir.target import Target


@dataclass(eq=False)
class Block:
    label: str
    phis: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Scope:
    """A region of the function that is left in one place: the function, a loop's body, an arm of a branch.

    block: where the region's own code goes on; code hoisted out of inner regions lands there too.
    """

    block: Block
    known: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Loop:
    """A loop while it is written: its counter, the values it carries, and (set by the body) what becomes of them."""

    counter: Value
    carried: list[Value]
    results: list[Value]


class Writer:
    """Writes one LLVM function.

    A pure instruction lands in the outermost loop where its operands are known, and once. There is no pass that
    would do this later. Out of the arms of a branch only integer arithmetic moves: it is cheap.
    """

    def __init__(self, target: Target, declarations: set[str]) -> None:
        self.target = target
        self.declarations = declarations
        entry = Block("entry")
        self.blocks = [entry]
        self.scopes = [Scope(entry)]
        self.allocations: list[str] = []
        self.memory_version = 0
        self._zeros: Value | None = None
        self._waste: Value | None = None
        self._count = 0
        self._arms = [0]  # the depths of the arms of branches that are being written

    @property
    def depth(self) -> int:
        return len(self.scopes) - 1

    @property
    def block(self) -> Block:
        return self.scopes[-1].block

    def fresh(self, prefix: str = "v") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def pure(self, type: str, lanes: int, text: str, *operands: Value) -> Value:
        """The value of an instruction without effects, written where and if it is not known yet."""
        home = max([operand.depth for operand in operands], default=0)
        for scope in self.scopes[home:]:
            found = scope.known.get(text)
            if found is not None:
                return found
        floor = home if lanes == 1 and (type == "ptr" or type[0] == "i") else max(home, self._arms[-1])
        scope = self.scopes[floor]
        value = Value("%" + self.fresh(), type, lanes, floor)
        scope.block.lines.append(f"{value.text} = {text}")
        scope.known[text] = value
        return value

    def read(self, type: str, lanes: int, text: str, key: str) -> Value:
        """The value of a load, written here unless the same was loaded since memory last changed (`key` says that)."""
        for scope in self.scopes:
            found = scope.known.get(key)
            if found is not None:
                return found
        value = Value("%" + self.fresh(), type, lanes, self.depth)
        self.block.lines.append(f"{value.text} = {text}")
        self.scopes[-1].known[key] = value
        return value

    def effect(self, line: str) -> None:
        """An instruction that is written here, whatever it does."""
        self.block.lines.append(line)

    def call(self, name: str, type: str, lanes: int, *operands: Value) -> Value:
        """The value of a pure intrinsic, with the name's suffix already on it."""
        result = type if lanes == 1 else f"<{lanes} x {type}>"
        self.declare(f"declare {result} @{name}({', '.join(operand.full_type for operand in operands)})")
        return self.pure(type, lanes, f"call {result} @{name}({', '.join(map(str, operands))})", *operands)

    def declare(self, line: str) -> None:
        self.declarations.add(line)

    def allocate(self, type: str, alignment: int) -> Value:
        """Stack memory of the function, taken once at its start."""
        name = "%" + self.fresh("stack")
        self.allocations.append(f"{name} = alloca {type}, align {alignment}")
        return Value(name, "ptr")

    def safe_place(self) -> Value:
        """Memory of the function's own that holds zeros: what masked lanes load."""
        if self._zeros is None:
            self._zeros = self.allocate("i64", 8)
            self.allocations.append(f"store i64 0, {self._zeros}, align 8")
        return self._zeros

    def waste_place(self) -> Value:
        """Memory of the function's own that nobody reads: where masked lanes store."""
        if self._waste is None:
            self._waste = self.allocate("i64", 8)
        return self._waste

    # From linear forms to values and back

    def scalar(self, result: Result) -> Value:
        """The one value that all lanes share."""
        if isinstance(result, Value):
            assert result.lanes == 1, "a value of many lanes where one is expected"
            return result
        assert result.step is None, "an index of many lanes where one is expected"
        total: Value | None = None
        for term, factor in sorted(result.terms.items(), key=_order) if len(result.terms) > 1 else result.terms.items():
            if total is None:
                total = self._scaled(term, factor)
                continue
            added = term if factor == -1 else self._scaled(term, factor)
            total = self.pure("i64", 1, f"{'sub' if factor == -1 else 'add'} {total}, {added.text}", total, added)
        if total is None:
            return constant_of(result.constant, "i64")
        if result.constant:
            return self.pure("i64", 1, f"add {total}, {result.constant}", total)
        return total

    def _scaled(self, term: Value, factor: int) -> Value:
        if factor == 1:
            return term
        return self.pure("i64", 1, f"sub i64 0, {term.text}" if factor == -1 else f"mul {term}, {factor}", term)

    def vector(self, result: Result) -> Value:
        """The value with LANES lanes."""
        if isinstance(result, Linear):
            return self.vector(self.scalar(result)) if result.step is None else self.ramp(result, "i64")
        if result.lanes > 1:
            return result
        if result.number is not None:
            return constant_of(result.number, result.type, LANES)
        full = f"<{LANES} x {result.type}>"
        one = self.pure(result.type, LANES, f"insertelement {full} poison, {result}, i64 0", result)
        return self.pure(
            result.type, LANES, f"shufflevector {one}, {full} poison, <{LANES} x i32> zeroinitializer", one
        )

    def ramp(self, index: Linear, type: str) -> Value:
        """base + lane // repeat * step in integers of that type, whose width may cut it."""
        assert index.step is not None
        step, first, lanes = index.step.number, index.base.number, [lane // index.repeat for lane in range(LANES)]
        if step is not None and first is not None:
            return numbers([_wrap(first + lane * step, type) for lane in lanes], type)
        if step is not None:
            rises = numbers([_wrap(lane * step, type) for lane in lanes], type)
        else:
            every = self.vector(self._cut(self.scalar(index.step), type))
            rises = self.pure(type, LANES, f"mul {every}, {numbers(lanes, type).text}", every)
        if first == 0:
            return rises
        base = self.vector(self._cut(self.scalar(index.base), type))
        return self.pure(type, LANES, f"add {base}, {rises.text}", base, rises)

    def _cut(self, value: Value, type: str) -> Value:
        if type == "i64":
            return value
        if value.number is not None:
            return constant_of(_wrap(int(value.number), type), type)
        return self.pure(type, 1, f"trunc {value} to {type}", value)

    def linear(self, result: Result) -> Linear:
        """A one-lane i64 value or a linear form, as a linear form."""
        if isinstance(result, Linear):
            return result
        assert result.type == "i64" and result.lanes == 1
        return linear({}, int(result.number)) if result.number is not None else Linear({result: 1})

    # Control flow

    @contextmanager
    def region(self, label: str, *, is_arm: bool) -> Iterator[Block]:
        """A new region that starts in a block of that label; memory may have changed whenever it starts or ends."""
        block = Block(label)
        self.blocks.append(block)
        self.scopes.append(Scope(block))
        self._arms.append(self.depth if is_arm else self._arms[-1])
        yield block
        self._arms.pop()
        self.scopes.pop()

    def continue_in(self, label: str) -> Block:
        """Go on in a new block of the current region."""
        block = Block(label)
        self.blocks.append(block)
        self.scopes[-1].block = block
        return block

    @contextmanager
    def loop(self, name: str, start: Value, end: Value, step: int, carried: Mapping[str, Value]) -> Iterator[Loop]:
        """A loop from start to end; the body sets `results`, and after the loop `carried` holds the last ones."""
        name = self.fresh(f"{name}.")
        before, depth = self.block, self.depth + 1
        counter = Value(f"%{name}", "i64", 1, depth, multiple=step if start.number == 0 else 1)
        inside = [Value(f"%{own}.{name}", value.type, value.lanes, depth) for own, value in carried.items()]
        loop = Loop(counter, inside, list(inside))
        with self.region(f"{name}.body", is_arm=False) as body:
            yield loop
            latch = self.block
            latch.lines += [
                f"%{name}.next = add i64 {counter.text}, {step}",
                f"%{name}.more = icmp slt i64 %{name}.next, {end.text}",
                f"br i1 %{name}.more, label %{body.label}, label %{name}.done",
            ]
        from_start, from_latch = f", %{before.label} ]", f", %{latch.label} ]"
        body.phis.append(f"{counter.text} = phi i64 [ {start.text}{from_start}, [ %{name}.next{from_latch}")
        always = start.number is not None and end.number is not None and start.number < end.number
        if always:
            before.lines.append(f"br label %{body.label}")
        else:
            before.lines.append(f"%{name}.any = icmp slt i64 {start.text}, {end.text}")
            before.lines.append(f"br i1 %{name}.any, label %{body.label}, label %{name}.done")
        done = self.continue_in(f"{name}.done")
        loop.carried = []
        for outer, inner, result in zip(carried.values(), inside, loop.results, strict=True):
            phi = f"phi {inner.full_type}"
            body.phis.append(f"{inner.text} = {phi} [ {outer.text}{from_start}, [ {result.text}{from_latch}")
            after = Value(f"{inner.text}.done", inner.type, inner.lanes, self.depth)
            skipped = "" if always else f"[ {outer.text}{from_start}, "
            done.phis.append(f"{after.text} = {phi} {skipped}[ {result.text}{from_latch}")
            loop.carried.append(after)

    def merge(self, arms: Sequence[tuple[Block, Value]]) -> Value:
        """In the block just begun: the value of whichever block control comes from."""
        first = arms[0][1]
        value = Value("%" + self.fresh(), first.type, first.lanes, self.depth)
        ways = ", ".join(f"[ {each.text}, %{block.label} ]" for block, each in arms)
        self.block.phis.append(f"{value.text} = phi {first.full_type} {ways}")
        return value

    def text(self) -> str:
        """The function's body."""
        parts = []
        for block in self.blocks:
            allocations = self.allocations if block is self.blocks[0] else []
            parts += [f"{block.label}:", *(f"  {line}" for line in (*block.phis, *allocations, *block.lines))]
        return "\n".join(parts)


def _wrap(value: int, type: str) -> int:
    bits = int(type[1:])
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def _order(item: tuple[Value, int]) -> tuple[int, bool, int, str]:
    """Outermost first, so that what inner loops add is least; then by sign and age, so that equal sums look alike."""
    term, factor = item
    return term.depth, factor < 0, len(term.text), term.text
