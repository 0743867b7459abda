"""Grows random small kernels that the kernel language allows, with every index inside its buffer."""

from __future__ import annotations

from random import Random

import numpy as np

from brasa.ir import kernel
from brasa.ir.dtype import DType, bfloat16, bool_, float16, float32, float64, int32, int64, uint8
from brasa.ir.kernel import LANES, Buffer, Expr, Kernel, Local, cast, const, first, lane, select, shifted, spread
from brasa.ir.kernel_builder import KernelBuilder

ELEMENTS = 512
ROWS = 3
COMPUTED = (float32, float64, int32, int64, bool_)
STORED = (*COMPUTED, float16, bfloat16, uint8)


class Grower:
    """Grows one kernel; the random numbers decide.

    indices: index expressions in scope, each with a number that it stays below. vars: other values in scope.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.builder = KernelBuilder("random")
        self.sizes: dict[str, int] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self.indices: list[tuple[Expr, int]] = [(lane(), LANES), (const(3, int64), 4)]
        self.vars: list[Expr] = []
        self.locals: list[Local] = []
        self.base: Expr = const(0, int64)
        self.in_vector = False
        self.inputs = [self.buffer("in") for _ in range(3)]
        self.outputs = [self.buffer("inout") for _ in range(2)]

    def buffer(self, access: str) -> Buffer:
        dtype = self.random.choice(STORED)
        made = self.builder.buffer("b", dtype, access)  # type: ignore[arg-type]
        count = ELEMENTS * (ROWS if access == "inout" else 1)
        values = np.random.default_rng(self.random.randrange(1000)).normal(size=count) * 40
        self.arrays[made.name] = (
            values.astype(np.int64).astype(dtype.numpy) if dtype is uint8 else values.astype(dtype.numpy)
        )
        return made

    def size(self, value: int) -> Expr:
        made = self.builder.size("n")
        self.sizes[str(made.attr)] = value
        return made

    def extent(self, value: int) -> Expr | int:
        return value if self.random.random() < 0.4 else self.size(value)

    def grow(self) -> Kernel:
        if self.random.random() < 0.4:
            with self.builder.loop("row", ROWS, "parallel", cost=50_000) as row:
                self.base = row * ELEMENTS
                self.body()
        else:
            self.body()
        return self.builder.finish()

    def body(self) -> None:
        for dtype in (float32, int64, bool_):
            for lanes in (1, LANES):
                shape = self.random.choice(((), (2,)))
                self.locals.append(self.builder.local("l", dtype, 1, lanes=lanes, shape=shape))
        own = self.builder.buffer("own", float32, "stack", LANES)
        self.builder.store(own, lane(), cast(lane(), float32))
        self.own = own
        self.statements(self.random.randint(3, 6), 3)

    # Statements

    def statements(self, count: int, depth: int) -> None:
        indices, variables = len(self.indices), len(self.vars)
        for _ in range(count):
            grow = self.random.choice(
                (
                    self.let,
                    self.assign,
                    self.assign,
                    self.store,
                    self.store,
                    self.check,
                    self.branch,
                    self.loop,
                    self.loop,
                )
            )
            if grow in (self.branch, self.loop):
                if depth:
                    grow(depth - 1)  # type: ignore[call-arg]
            else:
                grow()  # type: ignore[call-arg]
        del self.indices[indices:], self.vars[variables:]

    def let(self) -> None:
        self.vars.append(self.builder.let("v", self.expr(self.random.choice(COMPUTED), 3, True)))

    def assign(self) -> None:
        local = self.random.choice(self.locals)
        value = self.expr(local.dtype, 3, local.lanes > 1)
        self.builder.assign(local, value, tuple(self.random.randrange(extent) for extent in local.shape))

    def store(self) -> None:
        index, _ = self.index(LANES if self.random.random() < 0.7 else 1)
        value_lanes = index.lanes > 1
        mask = self.expr(bool_, 2, value_lanes) if self.random.random() < 0.3 else None
        if self.random.random() < 0.2:
            self.builder.store(self.own, index % LANES, self.expr(float32, 2, value_lanes), mask)
            return
        buffer = self.random.choice(self.outputs)
        self.builder.store(buffer, self.base + index, self.stored(buffer.dtype, value_lanes), mask)

    def check(self) -> None:
        position, _ = self.index(LANES)
        self.builder.check(self.expr(bool_, 2, True) | self.expr(bool_, 2, True), position, self.random.randrange(3))

    def branch(self, depth: int) -> None:
        with self.builder.when(self.expr(bool_, 2, False)):
            self.statements(self.random.randint(1, 3), depth)

    def loop(self, depth: int) -> None:
        kinds = ("serial", "unrolled", "parallel") if self.in_vector else ("serial", "unrolled", "vector", "vector")
        kind = self.random.choice(kinds)
        value = self.random.randint(0, 40) if kind == "vector" else self.random.randint(0, 3)
        extent = value if kind == "unrolled" else self.extent(value)
        outer = self.in_vector
        with self.builder.loop("i", extent, kind) as var:  # type: ignore[arg-type]
            self.in_vector = outer or kind == "vector"
            self.indices.append((var, max(value + LANES, 1)))
            self.statements(self.random.randint(1, 4), depth)
            self.indices.pop()
        self.in_vector = outer

    # Expressions

    def index(self, lanes: int) -> tuple[Expr, int]:
        """An index of at most that many lanes, and a bound of it."""
        fitting = [pair for pair in self.indices if pair[0].lanes <= lanes]
        index, bound = self.random.choice(fitting)
        for _ in range(self.random.randint(0, 2)):
            other, limit = self.random.choice(fitting)
            factor = self.random.randint(1, 4)
            match self.random.randrange(4):
                case 0 if bound + limit * factor <= ELEMENTS:
                    index, bound = index + other * factor, bound + limit * factor
                case 1:
                    index, bound = index // factor, bound // factor + 1
                case 2:
                    index, bound = index % (factor + 3), min(bound, factor + 3)
                case 3 if bound <= ELEMENTS:
                    index = (bound - 1) - index
        return index, bound

    def stored(self, dtype: DType, many: bool) -> Expr:
        """A value of any dtype that memory holds."""
        return self.expr(dtype, 3, many) if dtype in COMPUTED else cast(self.expr(float32, 3, many), dtype)

    def expr(self, dtype: DType, depth: int, many: bool) -> Expr:
        """A value of that dtype; of one lane unless `many`."""
        if depth == 0 or self.random.random() < 0.15:
            return self.leaf(dtype, many)
        choices = [self.operation, self.operation, self.operation, self.choice, self.conversion]
        if not many:
            choices.append(self.reduced)
        return self.random.choice(choices)(dtype, depth - 1, many)

    def leaf(self, dtype: DType, many: bool) -> Expr:
        known: list[Expr] = [var for var in self.vars if var.dtype is dtype]
        for local in self.locals:
            if local.dtype is dtype:
                known.append(local[tuple(self.random.randrange(extent) for extent in local.shape)])
        known = [value for value in known if many or value.lanes == 1]
        kind = self.random.randrange(4)
        if kind == 0 and known:
            return self.random.choice(known)
        if kind == 1:
            return const(self.random.choice((0, 1, -1, 2, 7, 100)), dtype)
        if kind == 2 and dtype is int64:
            return self.index(LANES if many else 1)[0]
        return self.load(dtype, many)

    def load(self, dtype: DType, many: bool) -> Expr:
        index, _ = self.index(LANES if many else 1)
        mask = None
        if self.random.random() < 0.3:
            mask = self.leaf(bool_, many) if index.lanes > 1 or not many else self.leaf(bool_, False)
        if self.random.random() < 0.2:
            return cast(self.own.load(index % LANES, mask), dtype)
        buffer = self.random.choice([*self.inputs, *self.outputs])
        return cast(buffer.load(self.base + index if buffer in self.outputs else index, mask), dtype)

    def operation(self, dtype: DType, depth: int, many: bool) -> Expr:
        if dtype is bool_ and self.random.random() < 0.7:
            over = self.random.choice(COMPUTED)
            op = self.random.choice(kernel.COMPARE)
            return kernel.binary(op, self.expr(over, depth, many), self.expr(over, depth, many))
        if self.random.random() < 0.25:
            ops = {"float": kernel.UNARY[:2] + kernel.UNARY[3:], "bool": ("not",)}.get(dtype.kind, kernel.UNARY[:3])
            return kernel.unary(self.random.choice(ops), self.expr(dtype, depth, many))
        names = {
            "float": ("add", "sub", "mul", "div", "minimum", "maximum"),
            "bool": ("and", "or", "xor"),
        }.get(dtype.kind, [op for op in kernel.BINARY if op != "div"])
        return kernel.binary(self.random.choice(names), self.expr(dtype, depth, many), self.expr(dtype, depth, many))

    def choice(self, dtype: DType, depth: int, many: bool) -> Expr:
        return select(self.expr(bool_, depth, many), self.expr(dtype, depth, many), self.expr(dtype, depth, many))

    def conversion(self, dtype: DType, depth: int, many: bool) -> Expr:
        value = cast(self.expr(self.random.choice(COMPUTED), depth, many), dtype)
        return spread(value) if many and value.lanes == 1 else value

    def reduced(self, dtype: DType, depth: int, many: bool) -> Expr:
        value = spread(self.expr(dtype, depth, True)) if depth else self.leaf(dtype, True)
        by = 0 if self.in_vector else self.random.randrange(LANES)
        return first(shifted(value, by)) if value.lanes > 1 else value
