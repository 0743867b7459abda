"""The kernel language's scalar operations as LLVM instructions on one or LANES lanes."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace

from brasa.codegen.llvm.conversions import convert, suffix
from brasa.codegen.llvm.halves import convert_lanes
from brasa.codegen.llvm.values import Linear, Result, Value, constant_of, is_uniform, linear, numbers, register_type
from brasa.codegen.llvm.writer import Writer
from brasa.ir.dtype import DType, float32
from brasa.ir.kernel import BINARY, COMPARE, LANES, UNARY, Expr

_COMPARE = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le}
_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTEGER = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
_ROUNDING = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "roundeven"}
_INTRINSICS = {"fma": "fma"}
# The bits of the double 2**52 + 2**51; those of that number plus an index are these plus the index.
_OFFSET_BITS = 0x4338 << 48


def apply(writer: Writer, expr: Expr, args: Sequence[Result]) -> Result:
    """The value of an operation without effects whose operands have these values."""
    dtype = expr.args[0].dtype if expr.args else expr.dtype
    match expr.op:
        case "cast":
            return convert(writer, args[0], dtype, expr.dtype)
        case "bitcast":
            return _bitcast(writer, args[0], expr.dtype)
        case "spread":
            return args[0]
        case "first":
            return _first(writer, args[0])
        case "shifted":
            return _shift_lanes(writer, args[0], expr.attr)
        case "evens" | "odds":
            return _every_other_group(writer, args[0], args[1], expr.attr, expr.op == "odds")
        case "joined":
            return _join(writer, args[0], args[1])
        case "select":
            return _select(writer, *args)
    if dtype.kind == "float" and dtype.bits == 16:
        return _apply_wide(writer, expr, args, dtype)
    if expr.op in UNARY:
        return _unary(writer, expr.op, dtype, args[0])
    if expr.op in COMPARE:
        kept = _compare_places(writer, expr.op, *args) if expr.attr == "index" else None
        return kept or _compare(writer, expr.op, dtype, *level(writer, args))
    if expr.op in BINARY:
        return _binary(writer, expr, dtype, args[0], args[1])
    if expr.op == "intrinsic" and expr.attr in _INTRINSICS:
        values = level(writer, args)
        kind = register_type(expr.dtype)
        return writer.call(
            f"llvm.{_INTRINSICS[expr.attr]}.{suffix(kind, values[0].lanes)}", kind, values[0].lanes, *values
        )
    if expr.op == "intrinsic" and expr.attr == "add_products" and writer.target.adds_products:
        return _add_products(writer, *map(writer.vector, args))
    raise ValueError(f"no machine code for {expr.op} {expr.attr or ''}")


def level(writer: Writer, args: Sequence[Result]) -> list[Value]:
    """The operands with equal numbers of lanes; one if none of them differs from lane to lane."""
    if all(is_uniform(arg) for arg in args):
        return [writer.scalar(arg) for arg in args]
    return [writer.vector(arg) for arg in args]


def _apply_wide(writer: Writer, expr: Expr, args: Sequence[Result], dtype: DType) -> Result:
    """Half precision through single precision: rounding twice is then as rounding once."""
    wide = [convert(writer, arg, dtype, float32) for arg in args]
    operands = tuple(Expr("operand", (), float32, arg.lanes) for arg in expr.args)
    result = apply(writer, Expr(expr.op, operands, float32, expr.lanes, expr.attr), wide)
    return result if expr.op in COMPARE else convert(writer, result, float32, dtype)


def _bitcast(writer: Writer, arg: Result, dtype: DType) -> Result:
    type = register_type(dtype)
    if type == "i64" and isinstance(arg, Linear):
        return arg
    value = level(writer, [arg])[0]
    return value if value.type == type else convert_lanes(writer, "bitcast", value, type)


def _first(writer: Writer, arg: Result) -> Result:
    if isinstance(arg, Linear):
        return arg.base
    return arg if arg.lanes == 1 else writer.pure(arg.type, 1, f"extractelement {arg}, i64 0", arg)


def _every_other_group(writer: Writer, x: Result, y: Result, width: int, odd: bool) -> Value:
    a, b = writer.vector(x), writer.vector(y)
    lanes = ", ".join(f"i32 {lane}" for lane in range(2 * LANES) if lane // width % 2 == odd)
    return writer.pure(a.type, LANES, f"shufflevector {a}, {b}, <{LANES} x i32> <{lanes}>", a, b)


def _join(writer: Writer, x: Result, y: Result) -> Value:
    a, b = writer.vector(x), writer.vector(y)
    lanes = ", ".join(f"i32 {lane}" for lane in range(2 * LANES))
    both = writer.pure(a.type, 2 * LANES, f"shufflevector {a}, {b}, <{2 * LANES} x i32> <{lanes}>", a, b)
    return writer.pure("i32", LANES, f"bitcast {both} to <{LANES} x i32>", both)


def _add_products(writer: Writer, x: Value, y: Value, total: Value) -> Value:
    sides = [writer.pure("bfloat", 2 * LANES, f"bitcast {side} to <{2 * LANES} x bfloat>", side) for side in (x, y)]
    return writer.call("llvm.x86.avx512bf16.dpbf16ps.512", "float", LANES, total, *sides)


def _shift_lanes(writer: Writer, arg: Result, by: int) -> Result:
    if isinstance(arg, Linear) and arg.repeat == 1:
        return arg if arg.step is None else arg.plus(arg.step, by)
    if is_uniform(arg):
        return arg
    arg = writer.vector(arg)
    places = ", ".join(f"i32 {lane + by}" if 0 <= lane + by < LANES else "i32 poison" for lane in range(LANES))
    return writer.pure(arg.type, LANES, f"shufflevector {arg}, {arg.full_type} poison, <{LANES} x i32> <{places}>", arg)


def _select(writer: Writer, condition: Result, yes: Result, no: Result) -> Result:
    if yes is no:
        return yes
    if is_uniform(condition):
        truth = writer.scalar(condition)
        if truth.number is not None:
            return yes if truth.number else no
        if isinstance(yes, Linear) and isinstance(no, Linear) and yes.fixed_step == no.fixed_step is not None:
            base = _choose(writer, truth, writer.scalar(yes.base), writer.scalar(no.base))
            return linear({base: 1}, 0, yes.step)
        return _choose(writer, truth, *level(writer, [yes, no]))
    return _choose(writer, *(writer.vector(arg) for arg in (condition, yes, no)))


def _choose(writer: Writer, condition: Value, yes: Value, no: Value) -> Value:
    return writer.pure(yes.type, yes.lanes, f"select {condition}, {yes}, {no}", condition, yes, no)


def _unary(writer: Writer, op: str, dtype: DType, arg: Result) -> Result:
    if op == "neg" and dtype.name == "i64" and not (isinstance(arg, Value) and arg.lanes > 1):
        return writer.linear(arg).times(-1)
    (x,) = level(writer, [arg])
    if dtype.kind == "float":
        if op == "neg":
            return writer.pure(x.type, x.lanes, f"fneg {x}", x)
        return writer.call(f"llvm.{_ROUNDING[op]}.{suffix(x.type, x.lanes)}", x.type, x.lanes, x)
    if op == "not":
        ones = constant_of(True if x.type == "i1" else -1, x.type, x.lanes)
        return writer.pure(x.type, x.lanes, f"xor {x}, {ones.text}", x)
    if op == "neg":
        return writer.pure(x.type, x.lanes, f"sub {constant_of(0, x.type, x.lanes)}, {x.text}", x)
    if op == "abs":
        if dtype.kind == "uint":
            return x
        return writer.call(f"llvm.abs.{suffix(x.type, x.lanes)}", x.type, x.lanes, x, constant_of(False, "i1"))
    raise ValueError(f"no machine code for {op} of {dtype.name}")


def _compare_places(writer: Writer, op: str, x: Result, y: Result) -> Value | None:
    """Indices compared, where neighbours in lanes meet what all lanes share: the lanes' numbers decide."""
    if (isinstance(x, Value) and x.lanes > 1) or (isinstance(y, Value) and y.lanes > 1):
        return None
    first, second = writer.linear(x), writer.linear(y)
    gap = second.plus(first, -1) if first.repeats_like(second) else Linear()
    if op not in ("lt", "le") or gap.fixed_step not in (-1, 1):
        return None
    more = linear({}, int(op == "le"))
    if gap.fixed_step == -1:
        return compare_lanes(writer, "slt", gap.base.plus(more))
    return compare_lanes(writer, "sge", linear({}, 1).plus(gap.base.plus(more), -1))


def compare_lanes(writer: Writer, code: str, number: Linear, *, is_near: bool = False) -> Value:
    """The lanes whose numbers are less (slt), or no less (sge), than a number. is_near: which is in 0..LANES."""
    if number.number is not None:
        return numbers([(lane < number.number) is (code == "slt") for lane in range(LANES)], "i1")
    bound = writer.scalar(number)
    if not is_near:
        bound = writer.call("llvm.smin.i64", "i64", 1, bound, constant_of(LANES, "i64"))
        bound = writer.call("llvm.smax.i64", "i64", 1, bound, constant_of(0, "i64"))
    narrow = writer.vector(writer.pure("i32", 1, f"trunc {bound} to i32", bound))
    lanes = numbers(list(range(LANES)), "i32")
    return writer.pure("i1", LANES, f"icmp {code} {lanes}, {narrow.text}", narrow)


def _compare(writer: Writer, op: str, dtype: DType, x: Value, y: Value) -> Value:
    if dtype.name == "i64" and x.constants and y.constants and x.lanes > 1:
        return numbers([_COMPARE[op](*pair) for pair in zip(x.constants, y.constants, strict=True)], "i1")
    if dtype.kind == "float":
        code = "fcmp " + {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole"}[op]
    else:
        code = "icmp " + (op if op in ("eq", "ne") else ("s" if dtype.kind == "int" else "u") + op)
    return writer.pure("i1", x.lanes, f"{code} {x}, {y.text}", x, y)


def _binary(writer: Writer, expr: Expr, dtype: DType, lhs: Result, rhs: Result) -> Result:
    op = expr.op
    if dtype.name == "i64" and op in ("add", "sub", "mul", "shl"):
        kept = _index_arithmetic(writer, op, lhs, rhs)
        if kept is not None:
            return kept
    if op in ("quotient", "modulo") and expr.attr == "index" and isinstance(lhs, Linear):
        kept = _divide_neighbours(writer, op, lhs, writer.linear(rhs).number if is_uniform(rhs) else None)
        if kept is not None:
            return kept
    x, y = level(writer, [lhs, rhs])
    if op in ("shl", "shr"):
        return _shift(writer, op, dtype, x, y)
    if op in ("minimum", "maximum"):
        return _extremum(writer, op, dtype, x, y)
    if op in ("quotient", "modulo"):
        if expr.attr == "index" and x.type == "i64" and x.lanes > 1:
            return _divide_indices(writer, op, x, y)
        return _divide(writer, op, dtype, x, y)
    name = (_FLOAT if dtype.kind == "float" else _INTEGER)[op]
    return writer.pure(x.type, x.lanes, f"{name} {x}, {y.text}", x, y)


def _index_arithmetic(writer: Writer, op: str, lhs: Result, rhs: Result) -> Linear | None:
    """The result as a linear form, if it has one."""
    for side in (lhs, rhs):
        if isinstance(side, Value) and (side.lanes > 1 or side.type != "i64"):
            return None
    x, y = writer.linear(lhs), writer.linear(rhs)
    if op in ("add", "sub"):
        return x.plus(y, 1 if op == "add" else -1) if x.repeats_like(y) else None
    if op == "shl":
        return x.times(1 << y.constant) if y.number is not None and 0 <= y.constant < 64 else None
    if x.number is not None or y.number is not None:
        return y.times(x.number) if x.number is not None else x.times(y.constant)
    if x.step is not None and y.step is not None:
        return None
    if x.step is not None:
        x, y = y, x
    product = _multiply(writer, x, y.base)
    if y.step is None:
        return product
    return linear(product.terms, product.constant, _multiply(writer, x, y.step), y.repeat)


def _multiply(writer: Writer, x: Linear, y: Linear) -> Linear:
    """The product of two forms of one lane: term by term while that is short, and what is a sum further out as one."""
    if _is_outer_sum(x, y):
        x = writer.linear(writer.scalar(x))
    elif _is_outer_sum(y, x):
        y = writer.linear(writer.scalar(y))
    if (len(x.terms) + bool(x.constant)) * (len(y.terms) + bool(y.constant)) > 4:
        x, y = (writer.linear(writer.scalar(each)) for each in (x, y))
    total = x.times(y.constant).plus(linear(y.terms).times(x.constant))
    for a, count in x.terms.items():
        for b, times in y.terms.items():
            first, second = sorted((a, b), key=lambda value: (value.depth, value.text))
            product = writer.pure("i64", 1, f"mul i64 {first.text}, {second.text}", first, second)
            total = total.plus(Linear({product: 1}), count * times)
    return total


def _is_outer_sum(x: Linear, y: Linear) -> bool:
    """Whether x is a sum that is known where y is not yet."""
    return len(x.terms) > 1 and bool(y.terms) and max(a.depth for a in x.terms) < min(b.depth for b in y.terms)


def _shift(writer: Writer, op: str, dtype: DType, x: Value, y: Value) -> Value:
    """Shifts beyond the width shift everything out."""
    if y.type != x.type:
        y = convert_lanes(writer, "trunc" if int(y.type[1:]) > int(x.type[1:]) else "zext", y, x.type)
    signed = op == "shr" and dtype.kind == "int"
    name = "shl" if op == "shl" else "ashr" if signed else "lshr"
    if y.number is not None and 0 <= y.number < dtype.bits:
        return writer.pure(x.type, x.lanes, f"{name} {x}, {y.text}", x, y)
    most = constant_of(dtype.bits - 1, y.type, y.lanes)
    inside = writer.pure("i1", y.lanes, f"icmp ule {y}, {most.text}", y)
    by = _choose(writer, inside, y, most)
    shifted = writer.pure(x.type, x.lanes, f"{name} {x}, {by.text}", x, by)
    return shifted if signed else _choose(writer, inside, shifted, constant_of(0, x.type, x.lanes))


def _divide(writer: Writer, op: str, dtype: DType, x: Value, y: Value) -> Value:
    """Integer division that never traps: by 0 the quotient is 0 and the remainder x; by -1 it wraps."""
    name = {"quotient": "div", "modulo": "rem"}[op]
    zero, one = constant_of(0, x.type, x.lanes), constant_of(1, x.type, x.lanes)
    signed = dtype.kind == "int"
    code = f"{'s' if signed else 'u'}{name}"
    if y.positive or (y.number is not None and y.number not in (0, -1)):
        return writer.pure(x.type, x.lanes, f"{code} {x}, {y.text}", x, y)
    is_zero = writer.pure("i1", y.lanes, f"icmp eq {y}, {zero.text}", y)
    safe = _choose(writer, is_zero, one, y)
    if signed:
        is_minus = writer.pure("i1", y.lanes, f"icmp eq {y}, {constant_of(-1, y.type, y.lanes).text}", y)
        safe = _choose(writer, is_minus, one, safe)
    result = writer.pure(x.type, x.lanes, f"{code} {x}, {safe.text}", x, safe)
    if op == "modulo":
        return _choose(writer, is_zero, x, result)
    result = _choose(writer, is_zero, zero, result)
    if not signed:
        return result
    negated = writer.pure(x.type, x.lanes, f"sub {zero}, {x.text}", x)
    return _choose(writer, is_minus, negated, result)


def _divide_neighbours(writer: Writer, op: str, x: Linear, divisor: int | None) -> Linear | None:
    """The result where lanes hold neighbours of which all, or groups in step with the lanes, have one quotient."""
    if x.fixed_step != 1 or not divisor:
        return None
    repeat = math.gcd(divisor, LANES)
    if not x.multiple_of(repeat) or repeat < min(divisor, LANES) or (op == "modulo" and repeat < LANES):
        return None
    base = writer.scalar(x.base)
    made = writer.pure("i64", 1, f"{'udiv' if op == 'quotient' else 'urem'} {base}, {divisor}", base)
    if op == "modulo":
        return linear({replace(made, multiple=LANES): 1}, 0, x.step)
    return linear({made: 1}, 0, x.step if repeat < LANES else None, repeat)


def _divide_indices(writer: Writer, op: str, x: Value, y: Value) -> Value:
    """Division of vectors of indices, which are below 2**51, in double precision: that is exact.

    Processors divide integers one by one; vectors of doubles take a quarter of the time.
    """
    size = int(y.number or 0)
    if size > 0 and size & (size - 1) == 0:
        name, by = ("lshr", size.bit_length() - 1) if op == "quotient" else ("and", size - 1)
        return writer.pure("i64", LANES, f"{name} {x}, {constant_of(by, 'i64', LANES).text}", x)
    bits, offset = constant_of(_OFFSET_BITS, "i64", LANES), constant_of(1.5 * 2.0**52, "double", LANES)

    def pure(type: str, name: str, a: Value, b: Value) -> Value:
        return writer.pure(type, LANES, f"{name} {a}, {b.text}", a, b)

    def to_double(index: Value) -> Value:
        return pure(
            "double", "fsub", convert_lanes(writer, "bitcast", pure("i64", "add", index, bits), "double"), offset
        )

    dividend, divisor = to_double(x), to_double(y)
    ratio = pure("double", "fdiv", dividend, divisor)
    whole = writer.call(f"llvm.trunc.{suffix('double', LANES)}", "double", LANES, ratio)
    if op == "modulo":
        whole = pure("double", "fsub", dividend, pure("double", "fmul", whole, divisor))
    return pure("i64", "sub", convert_lanes(writer, "bitcast", pure("double", "fadd", whole, offset), "i64"), bits)


def _extremum(writer: Writer, op: str, dtype: DType, x: Value, y: Value) -> Value:
    if dtype.kind == "bool":
        name = "and" if op == "minimum" else "or"
        return writer.pure("i1", x.lanes, f"{name} {x}, {y.text}", x, y)
    if dtype.kind == "float":
        return _float_extremum(writer, op, x, y)
    name = ("s" if dtype.kind == "int" else "u") + op[:3]
    made = writer.call(f"llvm.{name}.{suffix(x.type, x.lanes)}", x.type, x.lanes, x, y)
    made.positive = any(each.positive or (each.number or 0) > 0 for each in (x, y)) and op == "maximum"
    return made


def _float_extremum(writer: Writer, op: str, x: Value, y: Value) -> Value:
    """NaN wins and -0 is below +0. x86 has `a < b ? a : b` as one instruction; llvm.minimum there takes seven."""
    if not writer.target.triple.startswith("x86"):
        return writer.call(f"llvm.{op}.{suffix(x.type, x.lanes)}", x.type, x.lanes, x, y)

    def better(a: Value, b: Value) -> Value:
        wins = writer.pure("i1", a.lanes, f"fcmp {'olt' if op == 'minimum' else 'ogt'} {a}, {b.text}", a, b)
        return _choose(writer, wins, a, b)

    if x.number is not None:
        x, y = y, x
    if y.number is not None and not math.isnan(y.number) and x.number is None:
        # b is returned for equal operands and for NaN, so a constant that is not zero stands first.
        chosen = better(y, x)
        if y.number or (op == "minimum") == (str(y.number) != "-0.0"):
            return chosen
        if op == "maximum":
            return writer.pure(x.type, x.lanes, f"fadd {chosen}, {y.text}", chosen)
    integer = "i32" if x.type == "float" else "i64"
    left, right = (convert_lanes(writer, "bitcast", each, integer) for each in (better(x, y), better(y, x)))
    merged = writer.pure(integer, x.lanes, f"{'or' if op == 'minimum' else 'and'} {left}, {right.text}", left, right)
    result = convert_lanes(writer, "bitcast", merged, x.type)
    if op == "minimum":
        return result
    is_nan = writer.pure("i1", x.lanes, f"fcmp uno {x}, {y.text}", x, y)
    return _choose(writer, is_nan, constant_of(float("nan"), x.type, x.lanes), result)
