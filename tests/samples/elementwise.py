"""Samples of elementwise ops: every dtype, edge shapes, symbolic shapes, and the values at which functions go wrong."""

from __future__ import annotations

from collections.abc import Sequence

from tests.samples.sample import Draw, Sample, apart, between, special, special_slowly, usual

FLOATS = ("f64", "f32", "f16", "bf16")
SIGNED = ("i8", "i16", "i32", "i64")
UNSIGNED = ("u8", "u32", "u64")
INTEGERS = (*SIGNED, *UNSIGNED)
COMPLEX = ("c64", "c128")
_SHAPES: tuple[tuple[str, dict[str, int]], ...] = (
    ("", {}), ("1", {}), ("0,4", {}), ("3,0", {}), ("n,1", {"n": 3}), ("n,m", {"n": 2, "m": 5}), ("2,17", {}),
)  # fmt: skip


def unary(op: str, dtypes: Sequence[str], draw: Draw = usual) -> list[Sample]:
    """An op of one operand: all shapes in the first dtype, one shape in the others, special values in all."""

    def one(dtype: str, shape: str, sizes: dict[str, int], values: Draw, smooth: bool) -> Sample:
        return Sample(f"x: {dtype}[{shape}]", f"{dtype}[{shape}] = {op}(x)", sizes, {"x": values}, smooth)

    made = [one(dtypes[0], shape, sizes, draw, True) for shape, sizes in _SHAPES]
    made += [one(dtype, "2,3", {}, draw, True) for dtype in dtypes[1:]]
    return made + [one(dtype, "27", {}, special, False) for dtype in dtypes if dtype not in (*COMPLEX, "bool")]


def binary(op: str, dtypes: Sequence[str], x: Draw = usual, y: Draw = usual, result: str = "") -> list[Sample]:
    """As unary, for two operands; special values meet each other in all pairs."""

    def one(dtype: str, shape: str, sizes: dict[str, int], draws: tuple[Draw, Draw], smooth: bool) -> Sample:
        made = f"{result or dtype}[{shape}] = {op}(x, y)"
        inputs = f"x: {dtype}[{shape}], y: {dtype}[{shape}]"
        return Sample(inputs, made, sizes, {"x": draws[0], "y": draws[1]}, smooth)

    made = [one(dtypes[0], shape, sizes, (x, y), True) for shape, sizes in _SHAPES]
    made += [one(dtype, "2,3", {}, (x, y), True) for dtype in dtypes[1:]]
    met = (special, special_slowly)
    counts = {dtype: "81" if dtype in INTEGERS else "729" for dtype in dtypes if dtype not in (*COMPLEX, "bool")}
    return made + [one(dtype, count, {}, met, False) for dtype, count in counts.items()]


_positive, _nonzero = between(0.5, 2.0), between(1, 6)

SAMPLES = [
    *binary("add", (*FLOATS, *INTEGERS, *COMPLEX)),
    *binary("sub", (*FLOATS, *INTEGERS, *COMPLEX)),
    *binary("mul", (*FLOATS, *INTEGERS, *COMPLEX)),
    *binary("div", (*FLOATS, *COMPLEX), y=_nonzero),
    *binary("pow", (*FLOATS, *INTEGERS), _positive),
    *binary("floor_divide", (*FLOATS, *INTEGERS), y=_nonzero),
    *binary("remainder", (*FLOATS, *INTEGERS), y=_nonzero),
    *binary("maximum", (*FLOATS, *INTEGERS, "bool")),
    *binary("minimum", (*FLOATS, *INTEGERS, "bool")),
    *unary("neg", (*FLOATS, *INTEGERS, *COMPLEX)),
    *unary("abs", (*FLOATS, *INTEGERS)),
    *unary("sign", (*FLOATS, *INTEGERS)),
    *unary("floor", FLOATS),
    *unary("ceil", FLOATS),
    *unary("trunc", FLOATS),
    *unary("round", FLOATS),
    *unary("relu", (*FLOATS, *INTEGERS)),
    *unary("sqrt", FLOATS, _positive),
    *unary("exp", FLOATS),
    *unary("expm1", FLOATS),
    *unary("log", FLOATS, _positive),
    *unary("log1p", FLOATS, _positive),
    *unary("tanh", FLOATS),
    *unary("sin", FLOATS),
    *unary("cos", FLOATS),
    *unary("erf", FLOATS),
    *binary("and", (*INTEGERS, "bool")),
    *binary("or", (*INTEGERS, "bool")),
    *binary("xor", (*INTEGERS, "bool")),
    *unary("not", (*INTEGERS, "bool")),
    *[Sample(each.inputs, each.application, each.sizes, {"x": each.values["x"], "y": between(0, 8)})
      for op in ("shift_left", "shift_right") for each in binary(op, INTEGERS)],
    *binary("eq", (*FLOATS, *INTEGERS, *COMPLEX, "bool"), result="bool"),
    *binary("ne", (*FLOATS, *INTEGERS, *COMPLEX, "bool"), result="bool"),
    *binary("lt", (*FLOATS, *INTEGERS, "bool"), result="bool"),
    *binary("le", (*FLOATS, *INTEGERS, "bool"), result="bool"),
    *binary("gt", (*FLOATS, *INTEGERS, "bool"), result="bool"),
    *binary("ge", (*FLOATS, *INTEGERS, "bool"), result="bool"),
    *[Sample(f"c: bool[{shape}], x: f32[{shape}], y: f32[{shape}]", f"f32[{shape}] = select(c, x, y)", sizes)
      for shape, sizes in _SHAPES],
    *[Sample(f"c: bool[5], x: {dtype}[5], y: {dtype}[5]", f"{dtype}[5] = select(c, x, y)")
      for dtype in (*FLOATS, *INTEGERS, *COMPLEX, "bool")],
    *[Sample(f"x: f32[{shape}]", f"i64[{shape}] = cast(x, dtype=i64)", sizes) for shape, sizes in _SHAPES],
    *[Sample(f"x: {source}[4]", f"{target}[4] = cast(x, dtype={target})", {}, {"x": between(0, 100)})
      for source in (*FLOATS, *INTEGERS, "bool") for target in (*FLOATS, *INTEGERS, "bool")],
    *[Sample(f"x: {source}[27]", f"{target}[27] = cast(x, dtype={target})", {}, {"x": special}, False)
      for source in (*FLOATS, *INTEGERS) for target in (*FLOATS, *INTEGERS, "bool")],
    *[Sample(f"x: {source}[4]", f"{target}[4] = cast(x, dtype={target})")
      for source, target in (("c64", "c128"), ("c128", "f64"), ("f32", "c64"), ("c64", "bool"))],
]  # fmt: skip

# Where both operands are equal the gradient goes half to each, as central differences also say.
SAMPLES += [
    Sample("x: f32[3], y: f32[3]", f"f32[3] = {op}(x, y)", {}, {"x": [1, 2, -1], "y": [1, 1, -1]}, smooth=True)
    for op in ("maximum", "minimum")
]
SAMPLES += [Sample("x: f32[7]", f"f32[7] = {op}(x)", {}, {"x": apart}, False) for op in ("sign", "floor", "round")]
