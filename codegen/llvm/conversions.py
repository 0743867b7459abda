"""Conversions between element types, with one rounding each; floats become integers by saturation."""

from __future__ import annotations

from brasa.codegen.llvm.values import Linear, Result, Value, constant_of, register_type
from brasa.codegen.llvm.writer import Writer
from brasa.ir.dtype import DType, float32
from brasa.ir.kernel import LANES


def convert(writer: Writer, result: Result, source: DType, target: DType) -> Result:
    """The value of type `source` as a value of type `target`."""
    if isinstance(result, Linear) and result.step is not None:
        if target.kind in ("int", "uint"):
            return writer.ramp(result, register_type(target))
        result = writer.ramp(result, "i64")
    value = result if isinstance(result, Value) else writer.scalar(result)
    if target.kind == "bool":
        return _is_nonzero(writer, value, source)
    if source.name == "bf16":
        value, source = widen_bfloat16(writer, value), float32
    if source is target:
        return value
    if target.name == "bf16":
        return narrow_to_bfloat16(writer, _to_float(writer, value, source))
    kinds = source.kind == "float", target.kind == "float"
    if kinds == (True, False):
        return _saturate(writer, value, source, target)
    if kinds == (False, True):
        if target.bits == 16:
            return instruction(writer, "fptrunc", convert_integer(writer, value, source, "float"), "half")
        return convert_integer(writer, value, source, register_type(target))
    if kinds == (True, True):
        if source.bits == 64 and target.bits == 16:
            return instruction(writer, "fptrunc", _round_to_odd(writer, value), "half")
        name = "fpext" if target.bits > source.bits else "fptrunc"
        return instruction(writer, name, value, register_type(target))
    if source.bits == target.bits and source.kind != "bool":
        return value
    if source.kind != "bool" and target.bits < source.bits:
        return instruction(writer, "trunc", value, register_type(target))
    return instruction(writer, "sext" if source.kind == "int" else "zext", value, register_type(target))


def instruction(writer: Writer, name: str, value: Value, type: str) -> Value:
    """An LLVM conversion of all lanes of the value to another LLVM type."""
    to = type if value.lanes == 1 else f"<{value.lanes} x {type}>"
    return writer.pure(type, value.lanes, f"{name} {value} to {to}", value)


def convert_integer(writer: Writer, value: Value, source: DType, type: str) -> Value:
    """An integer or truth value as a float, rounded once."""
    return instruction(writer, "sitofp" if source.kind == "int" else "uitofp", value, type)


def _is_nonzero(writer: Writer, value: Value, source: DType) -> Value:
    if source.kind == "bool":
        return value
    if source.name == "bf16":
        value, source = widen_bfloat16(writer, value), float32
    compare = "fcmp une" if source.kind == "float" else "icmp ne"
    zero = constant_of(0, value.type, value.lanes)
    return writer.pure("i1", value.lanes, f"{compare} {value}, {zero.text}", value)


def widen_bfloat16(writer: Writer, value: Value) -> Value:
    """The float that has the bits of a bfloat16 as its upper half."""
    wide = instruction(writer, "zext", value, "i32")
    sixteen = constant_of(16, "i32", value.lanes)
    return instruction(writer, "bitcast", writer.pure("i32", value.lanes, f"shl {wide}, {sixteen.text}", wide), "float")


def narrow_to_bfloat16(writer: Writer, value: Value) -> Value:
    """The bits of the nearest bfloat16, half to even. The processor's own conversion would flush denormals."""

    def with_number(name: str, x: Value, number: int) -> Value:
        return writer.pure("i32", x.lanes, f"{name} {x}, {constant_of(number, 'i32', x.lanes).text}", x)

    bits = instruction(writer, "bitcast", value, "i32")
    odd = with_number("and", with_number("lshr", bits, 16), 1)
    half = with_number("add", odd, 0x7FFF)
    rounded = writer.pure("i32", value.lanes, f"add {bits}, {half.text}", bits, half)
    quiet = with_number("or", bits, 0x400000)
    is_nan = writer.pure("i1", value.lanes, f"fcmp uno {value}, {value.text}", value)
    chosen = writer.pure("i32", value.lanes, f"select {is_nan}, {quiet}, {rounded}", is_nan, quiet, rounded)
    return instruction(writer, "trunc", with_number("lshr", chosen, 16), "i16")


def _to_float(writer: Writer, value: Value, source: DType) -> Value:
    """As a float that rounds to the same bfloat16 as the value itself."""
    if source.kind == "float":
        if source.bits == 64:
            return _round_to_odd(writer, value)
        return value if source.bits == 32 else instruction(writer, "fpext", value, "float")
    if source.kind == "bool" or source.bits <= 16:
        return convert_integer(writer, value, source, "float")
    return _round_to_odd(writer, convert_integer(writer, value, source, "double"))


def _round_to_odd(writer: Writer, value: Value) -> Value:
    """A double as a float whose last bit is set if bits were lost, so that rounding again is as rounding once."""

    def pure(type: str, text: str, *operands: Value) -> Value:
        return writer.pure(type, value.lanes, text, *operands)

    one = constant_of(1, "i32", value.lanes)
    near = instruction(writer, "fptrunc", value, "float")
    bits = instruction(writer, "bitcast", near, "i32")
    size, back = (
        writer.call(f"llvm.fabs.{suffix('double', value.lanes)}", "double", value.lanes, each)
        for each in (value, instruction(writer, "fpext", near, "double"))
    )
    above = pure("i1", f"fcmp ogt {back}, {size.text}", back, size)
    lost = pure("i1", f"fcmp one {back}, {size.text}", back, size)
    less = pure("i32", f"sub {bits}, {one.text}", bits)
    cut = pure("i32", f"select {above}, {less}, {bits}", above, less, bits)
    odd = pure("i32", f"or {cut}, {one.text}", cut)
    return instruction(writer, "bitcast", pure("i32", f"select {lost}, {odd}, {cut}", lost, odd, cut), "float")


def suffix(type: str, lanes: int) -> str:
    """How the names of intrinsics write a type."""
    short = {"half": "f16", "float": "f32", "double": "f64"}.get(type, type)
    return short if lanes == 1 else f"v{LANES}{short}"


def _saturate(writer: Writer, value: Value, source: DType, target: DType) -> Value:
    """A float as the nearest integer toward zero that the type has; NaN as 0.

    llvm.fptosi.sat does the same lane by lane, some 15 times as many instructions.
    """
    if source.bits == 16:
        value = instruction(writer, "fpext", value, "float")
    lanes, signed = value.lanes, target.kind == "int"
    least = -(1 << (target.bits - 1)) if signed else 0
    most = (1 << (target.bits - signed)) - 1
    digits = 24 if value.type == "float" else 53
    exact = most.bit_length() <= digits
    top = most if exact else most + 1 - (1 << (most.bit_length() - digits))

    def bounded(x: Value, compare: str, bound: int) -> Value:
        limit = constant_of(bound, x.type, lanes)
        beyond = writer.pure("i1", lanes, f"fcmp {compare} {x}, {limit.text}", x)
        return writer.pure(x.type, lanes, f"select {beyond}, {x}, {limit}", beyond, x)

    inside = bounded(bounded(value, "ogt", least), "olt", top)
    wide = f"i{max(32, target.bits)}"
    name = "fptosi" if signed or target.bits < 32 else "fptoui"
    whole = instruction(writer, name, inside, wide)
    if not exact:
        too_large = writer.pure(
            "i1", lanes, f"fcmp oge {value}, {constant_of(most + 1, value.type, lanes).text}", value
        )
        whole = writer.pure(
            wide, lanes, f"select {too_large}, {constant_of(most, wide, lanes)}, {whole}", too_large, whole
        )
    is_nan = writer.pure("i1", lanes, f"fcmp uno {value}, {value.text}", value)
    whole = writer.pure(wide, lanes, f"select {is_nan}, {constant_of(0, wide, lanes)}, {whole}", is_nan, whole)
    return whole if target.bits >= 32 else instruction(writer, "trunc", whole, register_type(target))
