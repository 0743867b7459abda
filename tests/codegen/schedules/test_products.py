"""Tests of matrix products: the order of summation bit for bit, sizes, layouts, dtypes and epilogues."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.codegen.schedules.products import blocks
from brasa.ir import dim
from brasa.ir.dtype import BY_NAME
from tests.codegen.schedules.orders import chained, laned, same_bits
from tests.codegen.schedules.running import Array, machine, reference, region

BFLOAT16 = BY_NAME["bf16"].numpy
_random = np.random.default_rng(13)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


def product(m: object, k: object, n: object, order: str = "chain", dtype: str = "f32") -> str:
    """x @ w, or x @ w.T for dot."""
    if order == "chain":
        return region(
            f' %0: {dtype}[{m},{n}] = matmul(x, w, order="chain")\n return %0',
            inputs=f"x: {dtype}[{m},{k}], w: {dtype}[{k},{n}]", results=[f"{dtype}[{m},{n}]"], name="matmul",
        )  # fmt: skip
    return region(
        f" %0: {dtype}[{k},{n}] = permute(w, axes=[1,0])\n"
        f' %1: {dtype}[{m},{n}] = matmul(x, %0, order="dot")\n return %1',
        inputs=f"x: {dtype}[{m},{k}], w: {dtype}[{n},{k}]", results=[f"{dtype}[{m},{n}]"], name="matmul",
    )  # fmt: skip


def close(text: str, *arrays: Array) -> None:
    """Within 4 units of rounding of the sum of the terms' sizes."""
    found, wanted = machine(text).run(*arrays).outputs[0], reference(text, *arrays)[0]
    bound = reference(text, *map(np.abs, arrays))[0]
    assert found.shape == wanted.shape
    assert np.all(np.abs(found - wanted) <= 4 * np.finfo(np.float32).eps * np.maximum(bound, 1e-30))


SIZES = [
    (1, 1, 1),
    (5, 7, 9),
    (13, 40, 33),
    (64, 20, 10),
    (37, 600, 70),
    (130, 520, 40),
    (1, 100, 200),
    (3, 0, 5),
    (0, 4, 5),
    (4, 3, 0),
]


@pytest.mark.parametrize(("m", "k", "n"), SIZES)
@pytest.mark.parametrize("order", ["chain", "dot"])
def test_sizes_known_and_unknown_give_the_same_bits(m: int, k: int, n: int, order: str) -> None:
    x, w = floats(m, k), floats(k, n)
    w = w if order == "chain" else np.ascontiguousarray(w.T)
    close(product(m, k, n, order), x, w)
    known = machine(product(m, k, n, order)).run(x, w).outputs[0]
    for text in (product("m", "k", "n", order), product("m", k, n, order)):
        for piece in (1, 1000):
            same_bits(machine(text).run(x, w, piece=piece).outputs[0], known)


@pytest.mark.parametrize("k", [1, 3, 513, 1100])
def test_chain_order(k: int) -> None:
    x, w = floats(2, k), floats(k, 3)
    found = machine(product("m", "k", "n")).run(x, w).outputs[0]
    for i, j in np.ndindex(2, 3):
        chunks = [[(x[i, p], w[p, j]) for p in range(s, min(s + 512, k))] for s in range(0, k, 512)]
        same_bits(found[i, j], chained(chunks))


@pytest.mark.parametrize("k", [1, 17, 4100])
def test_dot_order(k: int) -> None:
    x, w = floats(2, k), floats(2, k)
    found = machine(product("m", "k", "n", "dot")).run(x, w).outputs[0]
    for i, j in [(0, 1), (1, 0)]:
        chunks = [[(p % 16, x[i, p], w[j, p]) for p in range(s, min(s + 4096, k))] for s in range(0, k, 4096)]
        same_bits(found[i, j], laned(chunks))


PAIRS = 1 if host_target().adds_products else 0


@pytest.mark.parametrize("k", [1, 2, 33, 515])
def test_chain_order_of_bfloat16(k: int) -> None:
    """Where the processor adds products of pairs, the second of a pair is added first."""
    x, w = floats(2, k).astype(BFLOAT16), floats(k, 3).astype(BFLOAT16)
    found = machine(product("m", "k", "n", dtype="bf16")).run(x, w).outputs[0]
    for i, j in np.ndindex(2, 3):
        chunks = [
            [(x[i, q], w[q, j]) for p in range(s, min(s + 512, k)) if (q := p ^ PAIRS) < k or (q := p) < k]
            for s in range(0, k, 512)
        ]
        same_bits(found[i, j], chained(chunks).astype(BFLOAT16))


@pytest.mark.parametrize("k", [1, 33, 4100])
def test_dot_order_of_bfloat16(k: int) -> None:
    """Pairs share a lane where the processor adds products of pairs."""
    x, w = floats(2, k).astype(BFLOAT16), floats(2, k).astype(BFLOAT16)
    found = machine(product("m", "k", "n", "dot", "bf16")).run(x, w).outputs[0]
    for i, j in [(0, 1), (1, 0)]:
        chunks = []
        for s in range(0, k, 4096):
            places = [p if p ^ PAIRS >= k else p ^ PAIRS for p in range(s, min(s + 4096, k))]
            chunks.append([((p >> PAIRS) % 16, x[i, p], w[j, p]) for p in places])
        same_bits(found[i, j], laned(chunks).astype(BFLOAT16))


@pytest.mark.parametrize(("m", "k", "n"), [(1, 100, 200), (37, 601, 70), (130, 520, 40), (3, 0, 5)])
@pytest.mark.parametrize("order", ["chain", "dot"])
def test_sizes_and_layouts_of_bfloat16(m: int, k: int, n: int, order: str) -> None:
    """Known, unknown, turned, few rows: the same bits."""
    x, w = floats(m, k).astype(BFLOAT16), floats(k, n).astype(BFLOAT16)
    w = w if order == "chain" else np.ascontiguousarray(w.T)
    known = machine(product(m, k, n, order, "bf16")).run(x, w).outputs[0]
    text = product("m", "k", "n", order, "bf16")
    same_bits(machine(text).run(x, w).outputs[0], known)
    same_bits(machine(text).run(x[:1].copy(), w).outputs[0], known[:1])
    turned = text.replace("graph main(x: bf16[m,k],", "graph main(x: bf16[m,k] strides(1,s),")
    same_bits(machine(turned).run(np.asfortranarray(x), w).outputs[0], known)


@pytest.mark.parametrize("processor", ["x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("order", ["chain", "dot"])
def test_processors_without_products_of_pairs_widen_bfloat16(order: str, processor: str) -> None:
    target = host_target(processor)
    x, w = floats(19, 70).astype(BFLOAT16), floats(70, 33).astype(BFLOAT16)
    given = w if order == "chain" else np.ascontiguousarray(w.T)
    assert "dpbf16ps" not in machine(product("m", 70, 33, order, "bf16"), 0, target).text
    if target.vector_bits > host_target().vector_bits:
        pytest.skip("this processor cannot run it")
    found = machine(product("m", 70, 33, order, "bf16"), 0, target).run(x, given).outputs[0].astype(np.float64)
    wanted = x.astype(np.float64) @ w.astype(np.float64)
    assert np.all(np.abs(found - wanted) <= 8e-3 * np.abs(wanted) + 1e-5)


@pytest.mark.parametrize(("limit", "unit", "least"), [(64, 3, 0), (64, 4, 0), (516, 4, 16), (256, 12, 0), (1, 4, 0)])
def test_blocks_of_unknown_extents_have_room(limit: int, unit: int, least: int) -> None:
    """None is larger than what is taken for it, though blocks are rounded up; together they hold all."""
    made = blocks(dim.symbol("n"), limit, unit, least)
    for n in (*range(1, 140), 1000, 1033):
        each, count = (int(dim.evaluate(size, {"n": n})) for size in (made.each, made.count))
        assert each % unit == 0 and each <= made.size and (count - 1) * each < n <= count * each


def test_the_sign_of_zero_does_not_depend_on_what_is_known_of_the_sizes() -> None:
    """A product that underflows is -0; the other lanes of a dot product make it +0."""
    x, w = np.full((1, 1), -1e-30, np.float32), np.full((1, 1), 1e-30, np.float32)
    for order in ("chain", "dot"):
        for text in (product(1, 1, 1, order), product("m", "k", "n", order)):
            found = machine(text).run(x, w).outputs[0]
            assert found[0, 0] == 0
            assert np.signbit(found[0, 0]) == (order == "chain")


def test_sample_alone_gives_the_same_bits_as_in_a_batch() -> None:
    for order in ("chain", "dot"):
        x, w = floats(30, 70), floats(70, 20) if order == "chain" else floats(20, 70)
        whole = machine(product("m", 70, 20, order)).run(x, w).outputs[0]
        for row in (0, 11, 29):
            same_bits(
                whole[row : row + 1], machine(product("m", 70, 20, order)).run(x[row : row + 1].copy(), w).outputs[0]
            )


@pytest.mark.parametrize("shape", [(120, 1024, 40), (100, 20, 1100), (100, 30, 1030)])
def test_panels_do_not_change_the_bits(shape: tuple[int, int, int]) -> None:
    """Far or colliding lines are copied to panels, where enough rows use them; fewer rows read them where they lie."""
    m, k, n = shape
    x, w = floats(m, k), floats(k, n)
    known = machine(product(m, k, n))
    assert any(buffer.name == "panel" for buffer in known.program.kernels[0].buffers)
    whole = known.run(x, w).outputs[0]
    for open_ in (machine(product("m", k, n)), machine(product("m", "k", "n"))):
        assert any(buffer.name == "panel" for buffer in open_.program.kernels[0].buffers)
        same_bits(open_.run(x, w).outputs[0], whole)
        same_bits(open_.run(x[:5].copy(), w).outputs[0], whole[:5])


@pytest.mark.parametrize(("kilobytes", "columns"), [(256, 64), (512, 128), (1024, 256), (1 << 16, 512)])
def test_a_panel_fills_half_of_the_second_cache(kilobytes: int, columns: int) -> None:
    """Up to 2 MB of it; and the bits are those of any other width. What will be copied next is asked for."""
    m, k, n = 100, 520, 1100
    x, w = floats(m, k), floats(k, n)
    made = machine(product("m", "k", "n"), target=replace(host_target(), l2_bytes=kilobytes << 10))
    (panel,) = (buffer for buffer in made.program.kernels[0].buffers if buffer.name == "panel")
    assert panel.extent == columns * 512
    text = str(made.program.kernels[0])
    assert "prefetch x[" in text and "prefetch w[" in text and "into cache 2" in text
    same_bits(made.run(x, w).outputs[0], machine(product(m, k, n)).run(x, w).outputs[0])


@pytest.mark.parametrize("dtype", ["f64", "f16", "bf16", "i32", "i8", "u64"])
@pytest.mark.parametrize("order", ["chain", "dot"])
def test_dtypes(dtype: str, order: str) -> None:
    kind = BY_NAME[dtype].numpy
    x, w = (floats(33, 50) * 5).astype(kind), (floats(50, 40) * 5).astype(kind)
    given = w if order == "chain" else np.ascontiguousarray(w.T)
    for text in (product("m", 50, 40, order, dtype), product(33, 50, 40, order, dtype)):
        found = machine(text).run(x, given).outputs[0]
        if dtype[0] in "iu":
            np.testing.assert_array_equal(found, x @ w)
            continue
        wide, narrow = (1e-14, 1e-15) if dtype == "f64" else (4e-6, 1e-3 if dtype == "f16" else 8e-3)
        wanted = x.astype(np.float64) @ w.astype(np.float64)
        bound = np.abs(x.astype(np.float64)) @ np.abs(w.astype(np.float64))
        assert np.all(np.abs(found.astype(np.float64) - wanted) <= narrow * np.abs(wanted) + wide * bound)


EPILOGUE = region(
    """ %0: f32[m,30] = matmul(x, w, order="chain")
 %1: f32[m,30] = expand(b, shape=[m,30])
 %2: f32[m,30] = add(%0, %1)
 %3: f32[m,30] = constant(value=0.0)
 %4: f32[m,30] = maximum(%2, %3)
 %5: f32[m,30] = add(%4, r)
 return %5, %0""",
    inputs="x: f32[m,20], w: f32[20,30], b: f32[30], r: f32[m,30]", results=["f32[m,30]", "f32[m,30]"], name="linear",
)  # fmt: skip


@pytest.mark.parametrize("order", ["chain", "dot"])
def test_epilogue_rounds_like_ops_of_their_own(order: str) -> None:
    text = EPILOGUE.replace('"chain"', f'"{order}"')
    x, w, b, r = floats(40, 20), floats(20, 30), floats(30), floats(40, 30)
    result, plain = machine(text).run(x, w, b, r).outputs
    same_bits(result, np.maximum(plain + b, np.float32(0)) + r)


@pytest.mark.parametrize("order", ["chain", "dot"])
@pytest.mark.parametrize("k", [20, 4100])
def test_heavy_epilogues_run_in_a_loop_of_their_own(order: str, k: int) -> None:
    """Of the same sums as light ones, which are stored from registers."""

    def given(epilogue: str) -> list[Array]:
        text = region(
            f' %0: f32[m,30] = matmul(x, w, order="{order}")\n{epilogue}',
            inputs="x: f32[m,k], w: f32[k,30]", results=["f32[m,30]", "f32[m,30]"],
        )  # fmt: skip
        return machine(text).run(x, w).outputs

    x, w = floats(21, k), floats(k, 30)
    result, plain = given(" %1: f32[m,30] = tanh(%0)\n %2: f32[m,30] = exp(%1)\n return %2, %0")
    negative, light = given(" %1: f32[m,30] = neg(%0)\n return %1, %0")
    same_bits(plain, light)
    same_bits(negative, -light)
    np.testing.assert_allclose(result, np.exp(np.tanh(plain.astype(np.float64))), rtol=5e-7)


@pytest.mark.parametrize("order", ["chain", "dot"])
def test_batches_and_layouts(order: str) -> None:
    """Heads as strided views: the layout does not change the bits."""
    text = region(
        f' %0: f32[b,h,m,n] = matmul(q, k, order="{order}")\n return %0',
        inputs="q: f32[b,h,m,d], k: f32[b,h,d,n]", results=["f32[b,h,m,n]"],
    )  # fmt: skip
    head = "graph main(q: f32[b,h,m,d], k: f32[b,h,d,n])"
    strided = text.replace(head, "graph main(q: f32[b,h,m,d] strides(s,s,s,1), k: f32[b,h,d,n] strides(s,s,1,s))")
    q, k = floats(2, 9, 3, 20).transpose(0, 2, 1, 3), floats(2, 11, 3, 20).transpose(0, 2, 3, 1)
    found = machine(strided).run(q, k).outputs[0]
    np.testing.assert_allclose(found, q.astype(np.float64) @ k.astype(np.float64), atol=2e-5)
    same_bits(found, machine(text).run(np.ascontiguousarray(q), np.ascontiguousarray(k)).outputs[0])


@pytest.mark.parametrize("rows", [7, 60, 130])
def test_turned_operands(rows: int) -> None:
    """Of few rows they are read where they lie, of many they are copied line by line."""
    text = product("m", "k", "n")
    x, w = floats(530, rows).T, floats(530, 41)
    turned = text.replace("graph main(x: f32[m,k],", "graph main(x: f32[m,k] strides(1,s),")
    assert turned != text
    same_bits(machine(turned).run(x, w).outputs[0], machine(text).run(np.ascontiguousarray(x), w).outputs[0])


@pytest.mark.parametrize("order", ["chain", "dot"])
def test_other_processors_give_the_same_bits(order: str) -> None:
    x, w = floats(19, 70), floats(70, 33) if order == "chain" else floats(33, 70)
    text = product("m", 70, 33, order)
    small = host_target("x86-64-v3")
    assert small.vector_bits == 256
    same_bits(machine(text, 0, small).run(x, w).outputs[0], machine(text).run(x, w).outputs[0])
