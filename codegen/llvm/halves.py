"""Conversions of bfloat16 and half precision to and from single precision, and what makes two roundings one.

Integer arithmetic does what processors lack: some have no conversion of halves, and where there is one to bfloat16 it
flushes subnormal numbers.
"""

from __future__ import annotations

from brasa.codegen.llvm.values import Value, constant_of
from brasa.codegen.llvm.writer import Writer


def convert_lanes(writer: Writer, name: str, value: Value, type: str) -> Value:
    """An LLVM conversion of all lanes of the value to another LLVM type."""
    to = type if value.lanes == 1 else f"<{value.lanes} x {type}>"
    return writer.pure(type, value.lanes, f"{name} {value} to {to}", value)


class _Bits:
    """32-bit integer arithmetic on as many lanes as a value has."""

    def __init__(self, writer: Writer, lanes: int) -> None:
        self.writer = writer
        self.lanes = lanes

    def number(self, number: int) -> Value:
        return constant_of(number, "i32", self.lanes)

    def apply(self, name: str, x: Value, y: Value | int) -> Value:
        other = self.number(y) if isinstance(y, int) else y
        type = "i1" if name.startswith(("icmp", "fcmp")) else x.type
        return self.writer.pure(type, self.lanes, f"{name} {x}, {other.text}", x, other)

    def choose(self, condition: Value, yes: Value | int, no: Value | int) -> Value:
        parts = [condition, *(self.number(each) if isinstance(each, int) else each for each in (yes, no))]
        return self.writer.pure("i32", self.lanes, f"select {', '.join(map(str, parts))}", *parts)

    def cast(self, name: str, x: Value, type: str) -> Value:
        return convert_lanes(self.writer, name, x, type)


def widen_bfloat16(writer: Writer, value: Value) -> Value:
    """The float that has the bits of a bfloat16 as its upper half."""
    bits = _Bits(writer, value.lanes)
    return bits.cast("bitcast", bits.apply("shl", bits.cast("zext", value, "i32"), 16), "float")


def narrow_to_bfloat16(writer: Writer, value: Value) -> Value:
    """The bits of the bfloat16 nearest to a float, half to even."""
    bits = _Bits(writer, value.lanes)
    whole = bits.cast("bitcast", value, "i32")
    odd = bits.apply("and", bits.apply("lshr", whole, 16), 1)
    rounded = bits.apply("add", whole, bits.apply("add", odd, 0x7FFF))
    chosen = bits.choose(bits.apply("fcmp uno", value, value), bits.apply("or", whole, 0x400000), rounded)
    return bits.cast("trunc", bits.apply("lshr", chosen, 16), "i16")


def widen_half(writer: Writer, value: Value) -> Value:
    """A half as a float: its exponent and digits moved in place, and 2**112 more to make up for the exponents' bias."""
    bits = _Bits(writer, value.lanes)
    if _has_halves(writer):
        return bits.cast("fpext", value, "float")
    whole = bits.cast("zext", bits.cast("bitcast", value, "i16"), "i32")
    size = bits.apply("shl", bits.apply("and", whole, 0x7FFF), 13)
    scale = constant_of(2.0**112, "float", value.lanes)
    scaled = bits.cast("bitcast", bits.apply("fmul", bits.cast("bitcast", size, "float"), scale), "i32")
    is_finite = bits.apply("icmp ult", size, 0x0F800000)
    sign = bits.apply("shl", bits.apply("and", whole, 0x8000), 16)
    result = bits.apply("or", bits.choose(is_finite, scaled, bits.apply("or", scaled, 0x7F800000)), sign)
    return bits.cast("bitcast", result, "float")


def narrow_to_half(writer: Writer, value: Value) -> Value:
    """The half nearest to a float, half to even. Adding 0.5 rounds what becomes subnormal, to multiples of 2**-24."""
    bits = _Bits(writer, value.lanes)
    if _has_halves(writer):
        return bits.cast("fptrunc", value, "half")
    whole = bits.cast("bitcast", value, "i32")
    size = bits.apply("and", whole, 0x7FFFFFFF)
    odd = bits.apply("and", bits.apply("lshr", size, 13), 1)
    normal = bits.apply("lshr", bits.apply("add", size, bits.apply("add", odd, 0xFFF - (112 << 23))), 13)
    raised = bits.apply("fadd", bits.cast("bitcast", size, "float"), constant_of(0.5, "float", value.lanes))
    subnormal = bits.apply("sub", bits.cast("bitcast", raised, "i32"), 0x3F000000)
    finite = bits.choose(bits.apply("icmp ult", size, 113 << 23), subnormal, normal)
    special = bits.choose(bits.apply("icmp ugt", size, 0x7F800000), 0x7E00, 0x7C00)
    chosen = bits.choose(bits.apply("icmp ult", size, 143 << 23), finite, special)
    sign = bits.apply("and", bits.apply("lshr", whole, 16), 0x8000)
    return bits.cast("bitcast", bits.cast("trunc", bits.apply("or", chosen, sign), "i16"), "half")


def _has_halves(writer: Writer) -> bool:
    return "-f16c" not in writer.target.features.split(",")


def round_to_odd(writer: Writer, value: Value) -> Value:
    """A double as a float whose last bit is set if bits were lost, so that rounding again is as rounding once."""
    bits = _Bits(writer, value.lanes)
    near = bits.cast("fptrunc", value, "float")
    back = bits.cast("fpext", near, "double")
    name = "llvm.fabs.f64" if value.lanes == 1 else f"llvm.fabs.v{value.lanes}f64"
    size, back_size = (writer.call(name, "double", value.lanes, each) for each in (value, back))
    whole = bits.cast("bitcast", near, "i32")
    cut = bits.choose(bits.apply("fcmp ogt", back_size, size), bits.apply("sub", whole, 1), whole)
    lost = bits.apply("fcmp one", back_size, size)
    return bits.cast("bitcast", bits.choose(lost, bits.apply("or", cut, 1), cut), "float")


def shorten(writer: Writer, value: Value) -> Value:
    """A 64-bit integer that a double holds and that rounds as the value does: large ones put their last bits in one."""

    def pure(name: str, x: Value, number: int) -> Value:
        type = "i1" if name.startswith("icmp") else "i64"
        return writer.pure(type, value.lanes, f"{name} {x}, {constant_of(number, 'i64', value.lanes).text}", x)

    odd = pure("and", pure("add", pure("and", value, 0x7FF), 0x7FF), 0x800)
    cut = pure("and", value, -0x800)
    short = writer.pure("i64", value.lanes, f"or {cut}, {odd.text}", cut, odd)
    is_small = pure("icmp ult", pure("add", value, 1 << 53), 1 << 54)
    return writer.pure("i64", value.lanes, f"select {is_small}, {value}, {short}", is_small, value, short)
