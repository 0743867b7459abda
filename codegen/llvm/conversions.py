"""Conversions between element types, with one rounding each; floats become integers by saturation."""

from __future__ import annotations

from brasa.codegen.llvm.halves import (
    convert_lanes,
    narrow_to_bfloat16,
    narrow_to_half,
    round_to_odd,
    shorten,
    widen_bfloat16,
    widen_half,
)
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
    if source is target:
        return value
    if source.kind == "float" and source.bits == 16:
        value = (widen_bfloat16 if source.name == "bf16" else widen_half)(writer, value)
        source = float32
    if target.kind == "bool":
        compare = "fcmp une" if source.kind == "float" else "icmp ne"
        zero = constant_of(0, value.type, value.lanes)
        return writer.pure("i1", value.lanes, f"{compare} {value}, {zero.text}", value)
    if target.kind == "float":
        return _to_float(writer, value, source, target)
    if source.kind == "float":
        return _saturate(writer, value, target)
    if source.kind != "bool" and target.bits <= source.bits:
        return value if target.bits == source.bits else convert_lanes(writer, "trunc", value, register_type(target))
    return convert_lanes(writer, "sext" if source.kind == "int" else "zext", value, register_type(target))


def _to_float(writer: Writer, value: Value, source: DType, target: DType) -> Value:
    if target.bits == 16:
        single = _to_single(writer, value, source, target)
        return (narrow_to_bfloat16 if target.name == "bf16" else narrow_to_half)(writer, single)
    if source.kind != "float":
        return _from_integer(writer, value, source, register_type(target))
    if source.bits == target.bits:
        return value
    return convert_lanes(writer, "fpext" if target.bits > source.bits else "fptrunc", value, register_type(target))


def _to_single(writer: Writer, value: Value, source: DType, target: DType) -> Value:
    """As a float that rounds to the same number of 16 bits as the value itself."""
    if source.kind == "float":
        return value if source.bits == 32 else round_to_odd(writer, value)
    if target.name == "f16" or source.kind == "bool" or source.bits <= 16:
        # A float holds every integer that a half does not round to infinity.
        return _from_integer(writer, value, source, "float")
    if source.bits == 64:
        value = shorten(writer, value)
    return round_to_odd(writer, _from_integer(writer, value, source, "double"))


def _from_integer(writer: Writer, value: Value, source: DType, type: str) -> Value:
    return convert_lanes(writer, "sitofp" if source.kind == "int" else "uitofp", value, type)


def suffix(type: str, lanes: int) -> str:
    """How the names of intrinsics write a type."""
    short = {"half": "f16", "float": "f32", "double": "f64"}.get(type, type)
    return short if lanes == 1 else f"v{LANES}{short}"


def _saturate(writer: Writer, value: Value, target: DType) -> Value:
    """A float as the nearest integer toward zero that the type has; NaN as 0.

    llvm.fptosi.sat does the same lane by lane, some 15 times as many instructions.
    """
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
    whole = convert_lanes(writer, name, inside, wide)
    if not exact:
        too_large = writer.pure(
            "i1", lanes, f"fcmp oge {value}, {constant_of(most + 1, value.type, lanes).text}", value
        )
        whole = writer.pure(
            wide, lanes, f"select {too_large}, {constant_of(most, wide, lanes)}, {whole}", too_large, whole
        )
    is_nan = writer.pure("i1", lanes, f"fcmp uno {value}, {value.text}", value)
    whole = writer.pure(wide, lanes, f"select {is_nan}, {constant_of(0, wide, lanes)}, {whole}", is_nan, whole)
    return whole if target.bits >= 32 else convert_lanes(writer, "trunc", whole, register_type(target))
