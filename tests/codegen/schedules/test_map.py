"""Tests of map regions: every kind of node, dtypes, shapes and layouts, against the NumPy meaning."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.codegen.schedules import map as map_schedule
from brasa.ir.dtype import BY_NAME
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from tests.codegen.schedules.running import Array, machine, reference, region, ulps

SIZES = [0, 1, 5, 16, 33, 100]
_random = np.random.default_rng(7)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


def exact(text: str, *arrays: Array) -> None:
    """The machine code gives the very bits of the NumPy meaning in the same dtypes."""
    result = machine(text).run(*arrays)
    assert result.status == 0
    with np.errstate(all="ignore"):
        wanted = interpret(parse(text, OPS), arrays)
    for found, want in zip(result.outputs, wanted, strict=True):
        np.testing.assert_array_equal(found, want)


ADD_ROW = region(
    " %0: f32[n,c] = expand(b, shape=[n,c])\n %1: f32[n,c] = add(x, %0)\n %2: f32[n,c] = sqrt(%1)\n return %2",
    inputs="x: f32[n,c], b: f32[c]", results=["f32[n,c]"],
)  # fmt: skip

ADD_ALL = region(" %0: f32[n,c] = add(x, y)\n return %0", inputs="x: f32[n,c], y: f32[n,c]", results=["f32[n,c]"])


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("columns", [0, 1, 7, 64])
def test_broadcast_at_several_sizes(rows: int, columns: int) -> None:
    x, b = abs(floats(rows, columns)), abs(floats(columns))
    assert ulps(machine(ADD_ROW).run(x, b).outputs[0], reference(ADD_ROW, x, b)[0]) <= 1


def test_dense_operands_are_walked_as_one_axis() -> None:
    text = region(
        " %0: f32[n,3,8] = mul(x, y)\n return %0", inputs="x: f32[n,3,8], y: f32[n,3,8]", results=["f32[n,3,8]"]
    )
    kernel = str(machine(text).program.kernels[0])
    assert "0..minimum(4096, n*24 - piece * 4096) vector" in kernel
    exact(text, floats(5, 3, 8), floats(5, 3, 8))


@pytest.mark.parametrize("count", [1, 5, 15, 16])
def test_what_runs_backwards_through_joint_axes_is_found_by_division(count: int) -> None:
    """15 - i lies in column (15 - i) % 5 of row 3 - (i + 4) // 5; a normal form makes 3 + (-i) // 5 of the row."""
    text = region(
        f" %0: f32[2,4,3,5] = permute(x, axes=[0, 2, 1, 3])\n %1: f32[120] = reshape(%0, shape=[120])\n"
        f" %2: f32[{count}] = slice(%1, starts=[15], sizes=[{count}], steps=[-1])\n return %2",
        inputs="x: f32[2,3,4,5]", results=[f"f32[{count}]"],
    )  # fmt: skip
    exact(text, floats(2, 3, 4, 5))


@pytest.mark.parametrize("rows", [3, 4, 17])
def test_what_runs_backwards_through_joint_axes_of_unknown_size(rows: int) -> None:
    text = region(
        " %0: f32[n,3,5] = permute(x, axes=[1, 0, 2])\n %1: f32[n*15] = reshape(%0, shape=[n*15])\n"
        " %2: f32[n*15] = slice(%1, starts=[n*15-1], sizes=[n*15], steps=[-1])\n return %2",
        inputs="x: f32[3,n,5]", results=["f32[n*15]"],
    )  # fmt: skip
    exact(text, floats(3, rows, 5))


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u32", "u64"])
def test_arithmetic_in_every_dtype_is_exact(dtype: str) -> None:
    """Half precision is computed in float32 and rounded once per op."""
    text = region(
        f" %0: {dtype}[n] = mul(x, y)\n %1: {dtype}[n] = add(%0, x)\n %2: {dtype}[n] = maximum(%1, y)\n"
        f" %3: bool[n] = lt(%2, x)\n %4: {dtype}[n] = select(%3, %0, %2)\n return %4, %3",
        inputs=f"x: {dtype}[n], y: {dtype}[n]", results=[f"{dtype}[n]", "bool[n]"],
    )  # fmt: skip
    kind = BY_NAME[dtype].numpy
    for size in (1, 40):
        exact(text, *(_random.integers(0, 50, size).astype(kind) for _ in range(2)))


def test_two_outputs_and_strided_inputs() -> None:
    text = region(
        " %0: f32[n,c] = sub(x, y)\n %1: f32[n,c] = mul(%0, %0)\n return %1, %0",
        inputs="x: f32[n,c], y: f32[n,c]", results=["f32[n,c]", "f32[n,c]"],
        strides="x: f32[n,c] strides(1,s), y: f32[n,c] strides(s,0)",
    )  # fmt: skip
    x = floats(50, 9).T
    y = np.broadcast_to(floats(20, 1)[::2][:9], (9, 50))
    exact(text, x, y)


VIEWS = {
    "permute": (" %0: f32[c,n] = permute(x, axes=[1,0])\n", "f32[c,n]"),
    "flip": (" %0: f32[n,c] = slice(x, starts=[n-1,0], sizes=[n,c], steps=[-1,1])\n", "f32[n,c]"),
    "slice": (" %0: f32[n,4] = slice(x, starts=[0,1], sizes=[n,4], steps=[1,2])\n", "f32[n,4]"),
    "reshape": (" %1: f32[c,n] = permute(x, axes=[1,0])\n %0: f32[n*c] = reshape(%1, shape=[n*c])\n", "f32[n*c]"),
    "split": (" %1: f32[n*c] = reshape(x, shape=[n*c])\n %0: f32[c,n] = reshape(%1, shape=[c,n])\n", "f32[c,n]"),
    "pad": (
        " %1: f32[] = constant(value=1.5)\n %0: f32[n+3,c+2] = pad(x, %1, low=[1,0], high=[2,2])\n", "f32[n+3,c+2]"
    ),
    "concat": (" %0: f32[n*2+2,c] = concat(x, y, x, axis=0)\n", "f32[n*2+2,c]"),
    "concat last": (" %1: f32[n,4] = slice(x, starts=[0,0], sizes=[n,4], steps=[1,1])\n"
                    " %0: f32[n,c+4] = concat(x, %1, axis=1)\n", "f32[n,c+4]"),
    "update": (" %0: f32[n,c] = update(x, y, starts=[1,0], steps=[2,1])\n", "f32[n,c]"),
    "update upside down": (" %0: f32[n,c] = update(x, x, starts=[n-1,0], steps=[-1,1])\n", "f32[n,c]"),
    "update backwards": (" %0: f32[n,c] = update(x, y, starts=[3,0], steps=[-2,1])\n", "f32[n,c]"),
}  # fmt: skip


def _numbered(body: str, type: str) -> str:
    """Values in the order in which the body defines them."""
    names = [line.split(":")[0].strip() for line in body.strip().splitlines()]
    made = body + f" return {names[-1]}"
    for position, name in enumerate(names):
        made = made.replace(f"{name}:", f"%{position}#:").replace(f"{name},", f"%{position}#,")
        made = made.replace(f"{name})", f"%{position}#)").replace(f"return {name}", f"return %{position}#")
    return region(made.replace("#", ""), inputs="x: f32[n,c], y: f32[2,c]", results=[type])


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(("rows", "columns"), [(5, 20), (4, 9), (33, 17)])
def test_views_and_moves(name: str, rows: int, columns: int) -> None:
    body, type = VIEWS[name]
    exact(_numbered(body, type), floats(rows, columns), floats(2, columns))


def test_constant_reshape_needs_no_division() -> None:
    """Bounds of the loops show what a flat index divides into."""
    text = region(
        " %0: f32[n,6,4] = reshape(x, shape=[n,6,4])\n %1: f32[n,4,6] = permute(%0, axes=[0,2,1])\n return %1",
        inputs="x: f32[n,24]", results=["f32[n,4,6]"],
    )  # fmt: skip
    (kernel,) = machine(text).program.kernels
    assert not any("//" in line or "%" in line for line in str(kernel).splitlines() if "out[" in line)
    exact(text, floats(7, 24))


@pytest.mark.parametrize("size", [5, 16, 40])
def test_reads_across_are_done_in_blocks(size: int) -> None:
    """A transposed read takes all of a line of memory before it takes the next."""
    text = region(
        " %0: f32[c,n] = permute(x, axes=[1,0])\n %1: f32[c,n] = add(%0, y)\n return %1",
        inputs="x: f32[n,c], y: f32[c,n]", results=["f32[c,n]"],
    )  # fmt: skip
    assert "for block in 0..((c+15)//16) parallel" in str(machine(text).program.kernels[0])
    exact(text, floats(37, size), floats(size, 37))


def test_counters_and_random_bits_do_not_depend_on_pieces() -> None:
    text = region(
        " %0: i64[n,7] = iota(axis=1)\n %1: u32[n,7] = random_bits(seed, call, word=2, draw=3)\n return %0, %1",
        inputs="seed: i64[], call: i64[], x: f32[n]", results=["i64[n,7]", "u32[n,7]"],
    )  # fmt: skip
    seed, call = np.int64(-7), np.int64(1 << 33)
    arrays = (np.asarray(seed), np.asarray(call), floats(100))
    wanted = interpret(parse(text, OPS), arrays)
    for piece in (1, 1000):
        for found, want in zip(machine(text).run(*arrays, piece=piece).outputs, wanted, strict=True):
            np.testing.assert_array_equal(found, want)


GATHER = region(
    " %0: i64[t,1] = reshape(i, shape=[t,1])\n %1: i64[t,d] = expand(%0, shape=[t,d])\n"
    " %2: f32[t,d] = gather(x, %1, axis=0)\n return %2",
    inputs="x: f32[v,d], i: i64[t]", results=["f32[t,d]"],
)  # fmt: skip


def test_gather_checks_every_place_and_reports_the_first() -> None:
    table, places = floats(10, 20), _random.integers(0, 10, 40)
    np.testing.assert_array_equal(machine(GATHER).run(table, places).outputs[0], table[places])
    note = machine(GATHER).program.signature.checks[0]
    assert (note.op, str(note.bound), note.input) == ("gather", "v", 1)
    places[[13, 30]] = 10
    places[25] = -1
    for piece in (1, 7, 1000):
        result = machine(GATHER).run(table, places, piece=piece)
        assert (result.status, result.position) == (1, 13)


def test_gather_of_nothing() -> None:
    empty = np.zeros(0, np.int64)
    assert machine(GATHER).run(floats(0, 5), empty).status == 0
    assert machine(GATHER).run(floats(3, 0), empty).outputs[0].shape == (0, 0)


def test_gather_inside_a_move_is_checked_where_it_counts() -> None:
    """The place that the padding hides may be anything."""
    text = region(
        " %0: f32[n] = gather(x, i, axis=0)\n %1: f32[n*2] = concat(y, %0, axis=0)\n return %1",
        inputs="x: f32[v], i: i64[n], y: f32[n]", results=["f32[n*2]"],
    )  # fmt: skip
    exact(text, floats(9), _random.integers(0, 9, 21), floats(21))


@pytest.mark.parametrize("value", [np.nan, -0.0, np.inf])
def test_special_values_pass_through(value: float) -> None:
    text = region(" %0: f32[n] = maximum(x, y)\n return %0", inputs="x: f32[n], y: f32[n]", results=["f32[n]"])
    found = machine(text).run(np.full(20, value, np.float32), np.zeros(20, np.float32)).outputs[0]
    want = np.maximum(np.float32(value), np.float32(0))
    np.testing.assert_array_equal(found, np.full(20, want))
    assert not np.signbit(found[0]) or np.isnan(value)


def test_scalars_have_no_loop() -> None:
    text = region(" %0: f32[] = add(x, x)\n return %0", inputs="x: f32[]", results=["f32[]"])
    assert "for " not in str(machine(text).program.kernels[0])
    exact(text, np.asarray(np.float32(3)))


def test_long_chains_are_cut_into_lines() -> None:
    count = 1500
    lines = [f" %{i}: f32[n] = {'mul' if i % 2 else 'add'}({f'%{i - 1}' if i else 'x'}, x)" for i in range(count)]
    body = "\n".join([*lines, f" return %{count - 1}"])
    text = region(body, inputs="x: f32[n]", results=["f32[n]"])
    assert max(map(len, str(machine(text).program.kernels[0]).splitlines())) < 300
    exact(text, floats(40) / 4)


STREAMED = [
    ("f32", " %0: f32[n,c] = add(x, y)\n return %0", ["f32[n,c]"]),
    ("f64", " %0: f64[n,c] = mul(x, y)\n return %0", ["f64[n,c]"]),
    ("f16", " %0: f16[n,c] = add(x, y)\n return %0", ["f16[n,c]"]),
    ("i8", " %0: i8[n,c] = maximum(x, y)\n return %0", ["i8[n,c]"]),
    ("f32", " %0: bool[n,c] = lt(x, y)\n %1: f32[n,c] = sub(y, x)\n return %0, %1", ["bool[n,c]", "f32[n,c]"]),
]


@pytest.mark.parametrize(("dtype", "body", "results"), STREAMED, ids=str)
def test_large_outputs_go_past_the_caches(
    dtype: str, body: str, results: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_schedule, "_STREAMED", 1)
    text = region(body, inputs=f"x: {dtype}[n,c], y: {dtype}[n,c]", results=results, name="large")
    assert "stream out" in str(machine(text).program.kernels[0])
    for shape in ((1, 1), (3, 5), (4, 16), (1, 4096), (7, 601), (90, 91)):
        exact(text, *((9 * floats(*shape)).astype(BY_NAME[dtype].numpy) for _ in range(2)))


@pytest.mark.parametrize("offset", [0, 1, 16])
def test_what_begins_within_a_line_does_not(offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_schedule, "_STREAMED", 1)
    text = region(" %0: f32[n] = neg(x)\n return %0", inputs="x: f32[n]", results=["f32[n]"], name="landing")
    text = text.replace("main(x: f32[n])", "main(z: f32[n], x: f32[n])").replace("return %0\n}", "return %0 into z\n}")
    text = text.replace("return %0 into z", "return %0", 1)
    assert "stream out" in str(machine(text).program.kernels[0])
    memory = np.zeros(5100, np.float32)
    begin = -memory.ctypes.data % 64 // 4 + offset
    x, z = floats(5001), memory[begin : begin + 5001]
    assert machine(text).run(z, x).status == 0
    np.testing.assert_array_equal(z, -x)
    assert not memory[:begin].any() and not memory[begin + 5001 :].any()


def test_small_outputs_of_known_sizes_are_written_plainly() -> None:
    text = region(" %0: f32[n,8] = add(x, x)\n return %0", inputs="x: f32[n,8]", results=["f32[n,8]"])
    assert "stream" in str(machine(text).program.kernels[0])
    for known in (text.replace("n,", "20000,"), text.replace("add(x, x)", "exp(x)").replace("n,", "700,")):
        assert "stream" not in str(machine(known).program.kernels[0])
    assert "if aligned(out)" not in str(machine(text.replace("n,", "20000,")).program.kernels[0])
    assert "aligned(out)" in str(machine(text.replace("n,", "2097152,")).program.kernels[0])
    heavy = text.replace("add(x, x)", "tanh(x)")
    assert "stream" not in str(machine(heavy).program.kernels[0])


TURNED_TWICE = region(
    """ %0: f32[1,2,3] = permute(x, axes=[0,2,1])
    %1: f32[1,6] = reshape(%0, shape=[1,6])
    %2: f32[2,6] = expand(%1, shape=[2,6])
    %3: f32[12] = reshape(%2, shape=[12])
    %4: f32[6] = slice(%3, starts=[0], sizes=[6], steps=[1])
    %5: f32[2,3] = reshape(%4, shape=[2,3])
    %6: f32[3,2] = permute(%5, axes=[1,0])
    %7: f32[3,2] = add(%6, %6)
    return %7""",
    inputs="x: f32[1,3,2]", results=["f32[3,2]"],
)  # fmt: skip


def test_axes_are_not_walked_as_one_where_their_bounds_have_told_a_rest() -> None:
    """Elements lie as the result does, but a view between has them in another order."""
    exact(TURNED_TWICE, floats(1, 3, 2))
