"""The meaning of the kernel language in plain Python: slow, one lane at a time, and the judge of every emitter.

Nothing here is shared with an emitter. Values are Python bools, ints and floats; every result is brought into its
dtype by NumPy, so it has that dtype's rounding and range. Threads and barriers of GPUs are not interpreted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from brasa.ir.dtype import DType, float32
from brasa.ir.kernel import LANES, Assign, Buffer, Check, Expr, For, If, Kernel, Let, Local, Prefetch, Statement, Store

Scalar = bool | int | float
Lanes = list[Scalar]


def run_kernel(kernel: Kernel, arrays: Mapping[str, np.ndarray[Any, Any]], sizes: Mapping[str, int]) -> dict[int, int]:
    """Run the kernel on flat arrays, by buffer name, which it writes; give the least position of each failed check.

    An access outside an array raises IndexError.
    """
    machine = _Machine(kernel, arrays, sizes)
    machine.block(kernel.body)
    return machine.failed


class _Machine:
    """active: which lanes the statement at hand works on."""

    def __init__(self, kernel: Kernel, arrays: Mapping[str, np.ndarray[Any, Any]], sizes: Mapping[str, int]) -> None:
        self.memory: dict[Buffer, np.ndarray[Any, Any]] = {}
        for buffer in kernel.buffers:
            if buffer.access == "stack":
                assert buffer.extent is not None
                self.memory[buffer] = np.zeros(buffer.extent, buffer.dtype.numpy)
            else:
                self.memory[buffer] = arrays[buffer.name]
        self.values: dict[Expr, Lanes] = {size: [sizes[size.attr]] for size in kernel.sizes}
        self.locals: dict[tuple[Local, tuple[int, ...]], Lanes] = {}
        self.active = [True] * LANES
        self.failed: dict[int, int] = {}
        self.computed: dict[Expr, Lanes] = {}

    # Statements

    def block(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        self.computed.clear()
        match statement:
            case Let(var, value):
                self.values[var] = self.lanes(value)
            case Assign(local, index, value):
                self._assign((local, tuple(self._index(part) for part in index)), self.lanes(value))
            case Store():
                self._store(statement)
            case If(condition, then, orelse):
                self.block(then if self._one(condition) else orelse)
            case For():
                self._loop(statement)
            case Check(ok, position, code):
                for lane in self._wanted(ok, position):
                    if not _lane(self.lanes(ok), lane):
                        place = int(_lane(self.lanes(position), lane))
                        self.failed[code] = min(place, self.failed.get(code, place))
            case Prefetch():
                pass
            case _:
                raise ValueError(f"{statement} is not interpreted")

    def _assign(self, register: tuple[Local, tuple[int, ...]], new: Lanes) -> None:
        if register[0].lanes == 1:
            self.locals[register] = new
            return
        old = self.locals.get(register, [0] * LANES)
        self.locals[register] = [_lane(new if self.active[n] else old, n) for n in range(LANES)]

    def _store(self, statement: Store) -> None:
        index, value = self.lanes(statement.index), self.lanes(statement.value)
        mask = [True] if statement.mask is None else self.lanes(statement.mask)
        array = self.memory[statement.buffer]
        for lane in self._wanted(statement.index):
            if _lane(mask, lane):
                array[_inside(array, _lane(index, lane))] = _lane(value, lane)

    def _wanted(self, *parts: Expr) -> list[int]:
        """The lanes that an access with these parts has."""
        if max(part.lanes for part in parts) == 1:
            return [0]
        return [lane for lane in range(LANES) if self.active[lane]]

    def _loop(self, loop: For) -> None:
        extent = self._index(loop.extent)
        if loop.kind != "vector":
            for number in range(extent):
                self.values[loop.var] = [number]
                self.block(loop.body)
            return
        for first in range(0, extent, LANES):
            self.values[loop.var] = [first + lane for lane in range(LANES)]
            self.active = [first + lane < extent for lane in range(LANES)]
            self.block(loop.body)
        self.active = [True] * LANES

    # Expressions

    def _one(self, expr: Expr) -> Scalar:
        (value,) = self.lanes(expr)
        return value

    def _index(self, expr: Expr) -> int:
        return int(self._one(expr))

    def lanes(self, expr: Expr) -> Lanes:
        """The value of an expression, lane by lane; an expression that a statement uses twice is computed once."""
        if expr not in self.computed:
            self.computed[expr] = self._compute(expr)
        return self.computed[expr]

    def _compute(self, expr: Expr) -> Lanes:
        match expr.op:
            case "const":
                return [bring(expr.attr, expr.dtype)]
            case "var" | "size":
                return self.values[expr]
            case "lane":
                return list(range(LANES))
            case "local":
                return self.locals[expr.attr, tuple(self._index(part) for part in expr.args)]
            case "load":
                return self._load(expr)
            case "aligned":
                return [True]
            case "spread":
                return self.lanes(expr.args[0]) * LANES
            case "first":
                return self.lanes(expr.args[0])[:1]
            case "shifted":
                x = self.lanes(expr.args[0])
                return [_lane(x, (lane + expr.attr) % LANES) for lane in range(len(x))]
            case "evens" | "odds":
                both = [value for arg in expr.args for value in self.lanes(arg) * (LANES // len(self.lanes(arg)))]
                return [both[lane] for lane in range(2 * LANES) if lane // expr.attr % 2 == (expr.op == "odds")]
            case "joined":
                halves = [_lane(self.lanes(arg), lane) for arg in expr.args for lane in range(LANES)]
                return list(np.array(halves, np.int16).view(np.int32).tolist())
        args = [self.lanes(arg) for arg in expr.args]
        count = max(map(len, args))
        return [scalar(expr, [_lane(arg, lane) for arg in args]) for lane in range(count)]

    def _load(self, expr: Expr) -> Lanes:
        array = self.memory[expr.attr]
        index = self.lanes(expr.args[0])
        mask = self.lanes(expr.args[1]) if len(expr.args) > 1 else [True]
        result: Lanes = []
        for lane in range(expr.lanes):
            wanted = _lane(mask, lane) and (expr.lanes == 1 or self.active[lane])
            result.append(array[_inside(array, _lane(index, lane))].item() if wanted else bring(0, expr.dtype))
        return result


def _lane(values: Lanes, lane: int) -> Scalar:
    return values[lane] if len(values) > 1 else values[0]


def _inside(array: np.ndarray[Any, Any], index: Scalar) -> int:
    if not 0 <= index < array.size:
        raise IndexError(f"element {index} of {array.size}")
    return int(index)


def bring(value: Scalar, dtype: DType) -> Scalar:
    """The value rounded to a float dtype, or wrapped to an integer dtype."""
    if dtype.kind == "bool":
        return bool(value)
    if dtype.kind == "float":
        with np.errstate(all="ignore"):
            return float(np.asarray(value, np.float64).astype(dtype.numpy))
    low = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
    return (int(value) - low) % (1 << dtype.bits) + low


def scalar(expr: Expr, args: Sequence[Scalar]) -> Scalar:
    """One lane of a scalar operation."""
    dtype = expr.args[0].dtype
    match expr.op:
        case "select":
            return args[1] if args[0] else args[2]
        case "cast":
            return convert(args[0], expr.dtype)
        case "bitcast":
            return np.asarray(args[0], dtype.numpy).view(expr.dtype.numpy).item()
        case "eq":
            return args[0] == args[1]
        case "ne":
            return args[0] != args[1]
        case "lt":
            return args[0] < args[1]
        case "le":
            return args[0] <= args[1]
        case "intrinsic" if expr.attr == "fma":
            return _fma(*map(float, args), expr.dtype)
        case "intrinsic" if expr.attr == "add_products":
            return _add_products(*args)
    compute = _float if dtype.kind == "float" else _integer
    return bring(compute(expr.op, dtype, *args), expr.dtype)


def convert(value: Scalar, dtype: DType) -> Scalar:
    """A cast: truth is `!= 0`; floats saturate to integers, NaN to 0; integers wrap."""
    if dtype.kind not in ("int", "uint") or not isinstance(value, float):
        return bool(value != 0) if dtype.kind == "bool" else _rounded(value, dtype)
    if math.isnan(value):
        return 0
    low = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
    high = low + (1 << dtype.bits) - 1
    return high if value > high else low if value < low else int(value)


def _rounded(value: Scalar, dtype: DType) -> Scalar:
    """Rounded once, also from values that a double cannot hold or that NumPy would round twice."""
    if dtype.kind != "float" or (isinstance(value, float) and not math.isfinite(value)):
        return bring(value, dtype)
    return round_fraction(Fraction(value), dtype, math.copysign(1.0, value))


def _fma(x: float, y: float, z: float, dtype: DType) -> Scalar:
    if not all(map(math.isfinite, (x, y, z))):
        with np.errstate(all="ignore"):
            return bring(float(np.float64(x) * np.float64(y) + np.float64(z)), dtype)
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return bring(x * y + z, dtype)
    return round_fraction(exact, dtype, 1.0)


def _add_products(x: Scalar, y: Scalar, total: Scalar) -> float:
    """The upper halves' product is added first; what is subnormal becomes zero before and after each addition."""

    def flushed(value: float) -> float:
        return math.copysign(0.0, value) if abs(value) < 2.0**-126 else value

    result = float(total)
    for cut in (0xFFFF0000, 0xFFFF):
        a, b = (np.uint32((int(each) & cut) << (16 if cut == 0xFFFF else 0)).view(np.float32) for each in (x, y))
        result = flushed(float(_fma(flushed(float(a)), flushed(float(b)), flushed(result), float32)))
    return result


def round_fraction(exact: Fraction, dtype: DType, zero_sign: float) -> float:
    """The nearest float of the dtype, ties to even; a zero takes the given sign."""
    digits, least = {"f16": (11, -24), "bf16": (8, -133), "f32": (24, -149), "f64": (53, -1074)}[dtype.name]
    most = {"f16": 16, "bf16": 128, "f32": 128, "f64": 1024}[dtype.name]
    if exact == 0:
        return math.copysign(0.0, zero_sign)
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent
    unit = Fraction(2) ** max(exponent - digits + 1, least)
    whole = round(size / unit)
    result = whole * unit
    value = math.inf if result >= Fraction(2) ** most else float(result)
    return math.copysign(value, 1 if exact > 0 else -1)


def _float(op: str, dtype: DType, x: Scalar, y: Scalar = 0.0) -> Scalar:
    """In double precision; rounding that again to the dtype is as rounding once, for these operations."""
    a, b = np.float64(x), np.float64(y)
    with np.errstate(all="ignore"):
        match op:
            case "neg":
                return float(-a)
            case "abs" | "sqrt" | "floor" | "ceil" | "trunc":
                return float(getattr(np, op)(a))
            case "round":
                return float(np.rint(a))
            case "add":
                return float(a + b)
            case "sub":
                return float(a - b)
            case "mul":
                return float(a * b)
            case "div":
                return float(a / b)
            case "minimum" | "maximum":
                return _extremum(op, float(a), float(b))
    raise ValueError(f"{op} of floats is not interpreted")


def _extremum(op: str, x: float, y: float) -> float:
    if math.isnan(x) or math.isnan(y):
        return math.nan
    order = sorted((x, y), key=lambda value: (value, math.copysign(1.0, value)))
    return order[0] if op == "minimum" else order[1]


def _integer(op: str, dtype: DType, x: Scalar, y: Scalar = 0) -> Scalar:
    a, b = int(x), int(y)
    bits = 1 if dtype.kind == "bool" else dtype.bits
    match op:
        case "neg":
            return -a
        case "abs":
            return abs(a)
        case "not":
            return not x if dtype.kind == "bool" else ~a
        case "add":
            return a + b
        case "sub":
            return a - b
        case "mul":
            return a * b
        case "and":
            return a & b
        case "or":
            return a | b
        case "xor":
            return a ^ b
        case "minimum":
            return min(a, b)
        case "maximum":
            return max(a, b)
        case "shl":
            return a << b if 0 <= b < bits else 0
        case "shr":
            return a >> b if 0 <= b < bits else -(a < 0)
        case "quotient":
            return 0 if b == 0 else int(Fraction(a, b))
        case "modulo":
            return a if b == 0 else a - b * int(Fraction(a, b))
    raise ValueError(f"{op} of integers is not interpreted")
