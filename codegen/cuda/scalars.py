"""Scalar operations of the kernel language as CUDA C++: each rounds once and nothing is contracted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brasa.ir.dtype import DType, float32, int64
from brasa.ir.kernel import BINARY, COMPARE, UNARY, Expr

# How tightly the outermost operation of a text binds.
ATOM, PREFIX, PRODUCT, SUM, SHIFT, ORDER, EQUALITY, AND, XOR, OR, ALL, ANY, CHOICE = range(13, 0, -1)

_TYPES = {"f64": "double", "f32": "float", "f16": "__half", "bf16": "__nv_bfloat16"}
_INFIX = {
    "mul": ("*", PRODUCT), "quotient": ("/", PRODUCT), "modulo": ("%", PRODUCT), "add": ("+", SUM), "sub": ("-", SUM),
    "shl": ("<<", SHIFT), "shr": (">>", SHIFT), "lt": ("<", ORDER), "le": ("<=", ORDER), "eq": ("==", EQUALITY),
    "ne": ("!=", EQUALITY), "and": ("&", AND), "xor": ("^", XOR), "or": ("|", OR),
}  # fmt: skip
_LOGIC = _INFIX | {
    "and": ("&&", ALL), "minimum": ("&&", ALL), "or": ("||", ANY), "maximum": ("||", ANY), "xor": ("!=", EQUALITY),
}  # fmt: skip
_ROUNDED = ("add", "sub", "mul", "div", "sqrt")
_MAY_OVERFLOW = ("add", "sub", "mul", "shl")
_GUARDED = ("quotient", "modulo", "shl", "shr")  # in C++ undefined for some right operands
_NAMED = {"abs": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "rint"}
_INDEX_OPERATIONS = ("add", "sub", "mul", "quotient", "modulo", "shr", "minimum", "maximum")
_EXTREMA = {"minimum": "least", "maximum": "greatest"}
_WIDEN = {"f16": "__half2float", "bf16": "__bfloat162float"}
_NARROW = {
    ("f32", "f16"): "__float2half_rn", ("f64", "f16"): "__double2half",
    ("f32", "bf16"): "__float2bfloat16_rn", ("f64", "bf16"): "__double2bfloat16",
}  # fmt: skip
_TO_BITS = {
    "f16": ("i16", "__half_as_short"), "bf16": ("i16", "__bfloat16_as_short"),
    "f32": ("i32", "__float_as_int"), "f64": ("i64", "__double_as_longlong"),
}  # fmt: skip
_FROM_BITS = {
    "f16": "__short_as_half", "bf16": "__short_as_bfloat16", "f32": "__int_as_float", "f64": "__longlong_as_double",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """An expression as text.

    index: whether it holds sizes and loop variables only, and so cannot overflow. below: a bound of a natural number.
    """

    text: str
    level: int = ATOM
    index: bool = False
    below: float = math.inf

    def inside(self, level: int) -> str:
        """The text as an operand of an operation that binds that tightly."""
        return self.text if self.level >= level else f"({self.text})"


def type_name(dtype: DType) -> str:
    """The C++ type of a value in registers."""
    return _TYPES.get(dtype.name, dtype.name)


def memory_type(dtype: DType) -> str:
    """The C++ type of an element in memory; a bool is a byte, 0 or 1."""
    return "u8" if dtype.kind == "bool" else type_name(dtype)


def constant(value: float, dtype: DType, typed: bool = False) -> Text:
    """A constant; `typed` where its neighbours do not tell an integer its width."""
    if dtype.kind == "bool":
        return Text("true" if value else "false")
    if dtype.name in _WIDEN:
        widened = constant(float(np.asarray(value, dtype.numpy)), float32)
        return Text(f"{_NARROW['f32', dtype.name]}({widened.text})")
    if dtype.kind == "float":
        return _float_constant(np.asarray(value, dtype.numpy), dtype)
    whole = int(value)
    if whole == -(1 << (dtype.bits - 1)) and dtype.bits >= 32:  # which C++ has no literal for
        return Text(f"(-{-whole - 1}{'ll' if dtype.bits == 64 else ''} - 1)")
    wide = not -(1 << 31) < whole < 1 << 31 and dtype.bits == 64
    text = f"{whole}{'u' if dtype.kind == 'uint' and dtype.bits >= 32 else ''}{'ll' if wide else ''}"
    below = whole + 1 if whole >= 0 else math.inf
    if typed:
        return Text(f"{dtype.name}({text})", ATOM, dtype is int64, below)
    return Text(text, ATOM if whole >= 0 else PREFIX, dtype is int64, below)


def _float_constant(value: np.ndarray, dtype: DType) -> Text:
    if not np.isfinite(value):
        bits = value.view(np.uint32 if dtype is float32 else np.uint64)
        return Text(f"{_FROM_BITS[dtype.name]}({int(bits):#x})")
    text = str(value[()]) + "f" * (dtype is float32)
    return Text(text, PREFIX if text.startswith("-") else ATOM)


def format_operation(expr: Expr, args: Sequence[Text]) -> Text:
    """The text of a scalar operation whose arguments are text already."""
    if expr.op == "select":
        condition, yes, no = args
        text = f"{condition.inside(ANY)} ? {yes.inside(ANY)} : {no.inside(CHOICE)}"
        return Text(text, CHOICE, yes.index and no.index)
    if expr.op == "cast":
        return _cast(args[0], expr.args[0].dtype, expr.dtype)
    if expr.op == "bitcast":
        return _bitcast(args[0].text, expr.args[0].dtype.name, expr.dtype.name)
    if expr.op == "intrinsic" and expr.attr == "fma" and expr.dtype.kind == "float":
        return _call("__fmaf_rn" if expr.dtype is float32 else "__fma_rn", *args)
    if expr.op not in (*UNARY, *BINARY, *COMPARE):
        raise NotImplementedError(f"{expr.op} {expr.attr or ''} has no CUDA text")
    dtype = expr.args[0].dtype
    if expr.op in _GUARDED and expr.attr != "index" and args[-1].below > dtype.bits:
        return _call(f"{expr.op}<{dtype.name}>", *args)
    if dtype.name not in _WIDEN:
        return _arithmetic(expr.op, dtype, args)
    result = _arithmetic(expr.op, float32, [_call(_WIDEN[dtype.name], arg) for arg in args])
    return result if expr.op in COMPARE else _call(_NARROW["f32", dtype.name], result)


def _call(function: str, *args: Text) -> Text:
    return Text(f"{function}({', '.join(arg.text for arg in args)})")


def _arithmetic(op: str, dtype: DType, args: Sequence[Text]) -> Text:
    if dtype.kind == "float":
        return _float_arithmetic(op, dtype is float32, args)
    if dtype.kind == "bool":
        return Text(f"!{args[0].inside(ATOM)}", PREFIX) if op == "not" else _infix(*_LOGIC[op], args)
    return _integer_arithmetic(op, dtype, args)


def _float_arithmetic(op: str, single: bool, args: Sequence[Text]) -> Text:
    if op == "neg":
        return Text(f"-{args[0].inside(ATOM)}", PREFIX)
    if op in _ROUNDED:
        return _call(f"__{'f' if single else 'd'}{op}_rn", *args)
    if op in _NAMED:
        return _call(_NAMED[op] + "f" * single, *args)
    if op in ("minimum", "maximum"):
        return _call(op, *args)
    return _infix(*_INFIX[op], args)


def _integer_arithmetic(op: str, dtype: DType, args: Sequence[Text]) -> Text:
    """Integers wrap: signed ones through unsigned arithmetic, as C++ wants it; narrow ones are computed as int."""
    index = op in _INDEX_OPERATIONS and all(arg.index for arg in args)
    if op in _EXTREMA:
        return Text(_call(f"{_EXTREMA[op]}<{dtype.name}>", *args).text, ATOM, index)
    if op == "abs":
        return args[0] if dtype.kind == "uint" else _call(f"absolute<{dtype.name}>", *args)
    if op == "not":
        result = Text(f"~{args[0].inside(ATOM)}", PREFIX)
    elif op == "neg":
        result = _integer_arithmetic("sub", dtype, (constant(0, dtype), args[0]))
    elif op in _MAY_OVERFLOW and dtype.kind == "int" and dtype.bits >= 32 and not index:
        unsigned = "u" + dtype.name[1:]
        lhs, rhs = _call(unsigned, args[0]), args[1] if op == "shl" else _call(unsigned, args[1])
        return _call(dtype.name, _infix(*_INFIX[op], (lhs, rhs)))
    else:
        result = _infix(*_INFIX[op], args)
    narrow = dtype.bits < 32 and op not in (*COMPARE, "neg")
    return _call(dtype.name, result) if narrow else Text(result.text, result.level, index)


def _infix(mark: str, level: int, args: Sequence[Text]) -> Text:
    """Parentheses stand where C++ wants them, and around what is inside of & ^ |, whose rank few know."""
    least = PREFIX if level in (AND, XOR, OR) else level
    left = args[0].text if args[0].level == level else args[0].inside(least)
    right = args[1].inside(max(least, level + 1))
    return Text(f"{left} {mark} {right}", level)


def _cast(x: Text, source: DType, result: DType) -> Text:
    if source.name in _WIDEN:
        x, source = _call(_WIDEN[source.name], x), float32
        if result is float32:
            return x
    if result.kind == "bool":
        return Text(f"{x.inside(EQUALITY)} != 0", EQUALITY)
    if (source.name, result.name) in _NARROW:
        return _call(_NARROW[source.name, result.name], x)
    if result.name in _WIDEN:
        return _call(_NARROW["f32", result.name], _call("float", x))
    if source.kind == "float" and result.kind != "float":
        return _call(f"saturate<{result.name}>", x)
    return _call(type_name(result), x)


def _bitcast(text: str, source: str, result: str) -> Text:
    if source in _TO_BITS:
        source, function = _TO_BITS[source]
        text = f"{function}({text})"
    bits = _TO_BITS[result][0] if result in _TO_BITS else result
    if bits != source:
        text = f"{bits}({text})"
    return Text(f"{_FROM_BITS[result]}({text})" if result in _FROM_BITS else text)
