"""Writes kernels statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product

from brasa.ir.dtype import DType, int64
from brasa.ir.kernel import (
    LANES,
    Access,
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
    LoopKind,
    Number,
    Prefetch,
    Recurrence,
    Statement,
    Store,
    as_expr,
    spread,
)


class KernelBuilder:
    """Writes a kernel statement by statement; `with builder.loop(...)` and `builder.when(...)` open nested blocks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.buffers: list[Buffer] = []
        self.sizes: list[Expr] = []
        self._blocks: list[list[Statement]] = [[]]
        self._names: set[str] = set()

    def unique(self, name: str) -> str:
        """The name, or one like it that nothing in the kernel has yet."""
        made, count = name, 1
        while made in self._names:
            count += 1
            made = f"{name}_{count}"
        self._names.add(made)
        return made

    def buffer(self, name: str, dtype: DType, access: Access, extent: int | None = None) -> Buffer:
        made = Buffer(self.unique(name), dtype, access, extent)
        self.buffers.append(made)
        return made

    def size(self, name: str) -> Expr:
        """A run-time size or stride, an argument of the kernel."""
        made = Expr("size", (), int64, 1, self.unique(name))
        self.sizes.append(made)
        return made

    def local(self, name: str, dtype: DType, init: Number, *, lanes: int = 1, shape: tuple[int, ...] = ()) -> Local:
        """Registers, every one set to `init`."""
        made = Local(self.unique(name), dtype, shape, lanes)
        for index in product(*map(range, shape)):
            self.assign(made, init, index)
        return made

    @property
    def level(self) -> int:
        """How many blocks are open around the next statement: 0 in the kernel's own."""
        return len(self._blocks) - 1

    @property
    def block(self) -> list[Statement]:
        """The innermost of these, while it is open."""
        return self._blocks[-1]

    def is_open(self, block: list[Statement]) -> bool:
        """Whether what has been named in the block is in reach."""
        return any(each is block for each in self._blocks)

    def let(self, name: str, value: Expr, level: int | None = None) -> Expr:
        """A name for the value, computed once: here, or in the enclosing block of that level."""
        var = Expr("var", (), value.dtype, value.lanes, self.unique(name))
        self._blocks[-1 if level is None else level].append(Let(var, value))
        return var

    def assign(self, local: Local, value: Number, index: tuple[Number, ...] = ()) -> None:
        self._add(Assign(local, tuple(as_expr(part, int64) for part in index), as_expr(value, local.dtype)))

    def store(
        self, buffer: Buffer, index: Number, value: Number, mask: Expr | None = None, streamed: bool = False
    ) -> None:  # fmt: skip
        self._add(Store(buffer, as_expr(index, int64), as_expr(value, buffer.dtype), mask, streamed))

    def check(self, ok: Expr, position: Number, code: int) -> None:
        self._add(Check(ok, as_expr(position, int64), code))

    def prefetch(self, buffer: Buffer, index: Number, cache: int = 1) -> None:
        self._add(Prefetch(buffer, as_expr(index, int64), cache))

    def barrier(self) -> None:
        self._add(Barrier())

    @contextmanager
    def loop(self, name: str, extent: Number, kind: LoopKind = "serial", cost: Number | None = None) -> Iterator[Expr]:
        """A loop over 0..extent; gives its variable."""
        var = Expr("var", (), int64, LANES if kind == "vector" else 1, self.unique(name))
        self._blocks.append([])
        yield var
        body = tuple(self._blocks.pop())
        self._add(For(var, as_expr(extent, int64), kind, body, None if cost is None else as_expr(cost, int64)))

    def repeat(
        self, made: Recurrence, settle: Callable[[Sequence[Expr]], Sequence[Expr]] = lambda values: values
    ) -> Expr:
        """The value of a recurrence, after the loop that computes it. settle: names parts that values share."""
        given = [self._named(each) for each in settle([*made.state, *made.fixed])]
        state, fixed = given[: len(made.state)], given[len(made.state) :]
        lanes = max(each.lanes for each in given)
        registers = [
            self.local("state", each.dtype, spread(each) if lanes > 1 else each, lanes=lanes) for each in state
        ]
        with self.loop("round", made.rounds) as number:
            values = settle(made.step(number, [register.value for register in registers], fixed))
            following = [self._named(value) for value in values]
            for register, value in zip(registers, following, strict=True):
                self.assign(register, spread(value) if lanes > 1 else value)
        return self.let("result", made.result([register.value for register in registers], fixed))

    def _named(self, value: Expr) -> Expr:
        return value if value.op in ("const", "var", "size") else self.let("part", value)

    @contextmanager
    def when(self, condition: Expr) -> Iterator[None]:
        """Statements that run if the (one-lane) condition holds."""
        self._blocks.append([])
        yield
        self._add(If(condition, tuple(self._blocks.pop())))

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """Statements that run if the condition of the `when` just before does not hold."""
        last = self._blocks[-1].pop()
        assert isinstance(last, If), last
        self._blocks.append([])
        yield
        self._add(If(last.condition, last.then, tuple(self._blocks.pop())))

    def _add(self, statement: Statement) -> None:
        self._blocks[-1].append(statement)

    def finish(self) -> Kernel:
        """The kernel written so far."""
        return Kernel(self.name, tuple(self.buffers), tuple(self.sizes), tuple(self._blocks[0]))
