"""Tests of lowering whole graphs: shared kernels, memory, updates of inputs, and the order of launches."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.codegen.schedules import lower
from brasa.ir.errors import GraphError
from brasa.ir.program import Place, Stride
from tests.codegen.schedules.running import Array, machine, read

_random = np.random.default_rng(29)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


STEP = """
graph grow(p: f32[SIZE], g: f32[SIZE]) {
  %0: f32[SIZE] = add(p, g)
  return %0
}
"""


def test_equal_regions_share_one_kernel() -> None:
    """Names of values, sizes and places in the source do not matter; constants and layouts do."""
    text = """
graph first(x: f32[n]) {
  %0: f32[n] = add(x, x)
  return %0
}
graph second(y: f32[m]) {
  %0: f32[m] = add(y, y)
  return %0
}
graph third(y: f32[8]) {
  %0: f32[8] = add(y, y)
  return %0
}
graph main(a: f32[n], b: f32[m], c: f32[8], d: f32[m] strides(s)) {
  %0: f32[n] = fused(a, graph=@first)
  %1: f32[m] = fused(b, graph=@second)
  %2: f32[8] = fused(c, graph=@third)
  %3: f32[m] = fused(d, graph=@second)
  return %0, %1, %2, %3
}"""
    program = machine(text).program
    assert [launch.kernel.name for launch in program.launches] == ["first", "first", "third", "second"]
    assert [str(size) for size in program.launches[1].sizes] == ["(m+4095)//4096", "m"]
    assert Stride(3, 0) in program.signature.sizes
    arrays = [floats(20), floats(30), floats(8), floats(60)[::2]]
    for found, given in zip(machine(text).run(*arrays).outputs, arrays, strict=True):
        np.testing.assert_array_equal(found, given + given)


def family(body: str, counts: range) -> str:
    """A program with the region once for each count, of as many columns; it gives all results."""
    regions = "".join(
        f"graph region{count}(x: f32[5,{count}], y: f32[{count},4]) {{\n{body}\n}}\n".replace("COLUMNS", str(count))
        for count in counts
    )
    head = ", ".join(f"x{count}: f32[5,{count}], y{count}: f32[{count},4]" for count in counts)
    calls = "".join(f"  %{i}: f32[5,4] = fused(x{c}, y{c}, graph=@region{c})\n" for i, c in enumerate(counts))
    return f"{regions}graph main({head}) {{\n{calls}  return {', '.join(f'%{i}' for i in range(len(counts)))}\n}}"


def test_one_kernel_does_for_many_sizes() -> None:
    """Eight kernels know their sizes, the others share one; all give the bits that a program of their own gives."""
    body = """  %0: f32[5,4] = matmul(x, y, order="chain")
  %1: f32[5,4] = exp(%0)
  return %1"""
    counts = range(10, 30)
    together = machine(family(body, counts))
    assert len({launch.kernel for launch in together.program.launches}) == 8 + 1
    arrays = [array for count in counts for array in (floats(5, count), floats(count, 4))]
    for i, (count, found) in enumerate(zip(counts, together.run(*arrays).outputs, strict=True)):
        (alone,) = machine(family(body, range(count, count + 1))).run(*arrays[2 * i : 2 * i + 2]).outputs
        np.testing.assert_array_equal(found, alone)


def test_names_of_kernels_are_unique() -> None:
    text = """
graph same(x: f32[4]) {
  %0: f32[4] = add(x, x)
  return %0
}
graph same_2(x: f32[4]) {
  %0: f32[4] = mul(x, x)
  return %0
}
graph main(x: f32[4]) {
  %0: f32[4] = fused(x, graph=@same)
  %1: f32[4] = fused(%0, graph=@same_2)
  return %1
}"""
    names = [launch.kernel.name for launch in lower(read(text), host_target()).launches]
    assert len(set(names)) == 2


def test_values_between_launches_are_temporaries_and_outputs_are_written_directly() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph main(x: f32[n], y: f32[n]) {
  %0: f32[n] = fused(x, y, graph=@grow)
  %1: f32[n] = fused(%0, y, graph=@grow)
  %2: f32[n] = fused(%1, %0, graph=@grow)
  return %2, %1
}"""
    )
    program = machine(text).program
    assert [launch.buffers[-1] for launch in program.launches] == [
        Place("temporary", 0), Place("output", 1), Place("output", 0),
    ]  # fmt: skip
    assert [str(size) for size in program.temporaries] == ["n*4"]
    x, y = floats(50), floats(50)
    found = machine(text).run(x, y).outputs
    np.testing.assert_array_equal(found[1], x + y + y)
    np.testing.assert_array_equal(found[0], (x + y + y) + (x + y))


def test_reshapes_rename_memory() -> None:
    text = """
graph double(x: f32[n,4]) {
  %0: f32[n,4] = add(x, x)
  return %0
}
graph main(x: f32[n*4], like: f32[n]) {
  %0: f32[n,4] = reshape(x, shape=[n,4])
  %1: f32[n,4] = fused(%0, graph=@double)
  %2: f32[n,2,2] = reshape(%1, shape=[n,2,2])
  return %2
}"""
    x, like = floats(24), floats(6)
    assert len(machine(text).program.launches) == 1
    np.testing.assert_array_equal(machine(text).run(x, like).outputs[0], (x + x).reshape(6, 2, 2))


def test_inputs_and_repeated_results_are_copied_to_outputs() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph main(x: f32[n] strides(s), y: f32[n]) {
  %0: f32[n] = fused(x, y, graph=@grow)
  return %0, x, %0
}"""
    )
    x, y = floats(40)[::2], floats(20)
    first, second, third = machine(text).run(x, y).outputs
    np.testing.assert_array_equal(second, x)
    np.testing.assert_array_equal(first, x + y)
    np.testing.assert_array_equal(third, x + y)


def test_an_elementwise_update_is_written_in_place() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph main(p: f32[n], g: f32[n]) {
  %0: f32[n] = fused(p, g, graph=@grow)
  return %0 into p
}"""
    )
    program = machine(text).program
    assert len(program.launches) == 1
    assert program.launches[0].buffers[0] == Place("input", 0)
    assert "inout p" in str(program.kernels[0])
    p, g = floats(30), floats(30)
    wanted = p + g
    assert machine(text).run(p, g).outputs[0] is p
    np.testing.assert_array_equal(p, wanted)


def test_a_result_that_is_an_update_and_an_output_too() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph main(p: f32[n], g: f32[n]) {
  %0: f32[n] = fused(p, g, graph=@grow)
  return %0, %0 into p
}"""
    )
    p, g = floats(20), floats(20)
    wanted = p + g
    first, second = machine(text).run(p, g).outputs
    np.testing.assert_array_equal(first, wanted)
    np.testing.assert_array_equal(second, wanted)


def test_an_update_of_a_strided_input_keeps_its_layout() -> None:
    text = (
        STEP.replace("SIZE", "n,c")
        + """
graph main(p: f32[n,c] strides(s,s), g: f32[n,c]) {
  %0: f32[n,c] = fused(p, g, graph=@grow)
  return %0 into p
}"""
    )
    p, g = floats(30, 20).T[::2, ::2], floats(10, 15)
    wanted = p + g
    machine(text).run(p, g)
    np.testing.assert_array_equal(p, wanted)


def test_an_update_that_later_launches_would_miss_runs_last() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph main(p: f32[n], g: f32[n]) {
  %0: f32[n] = fused(p, g, graph=@grow)
  %1: f32[n] = fused(g, p, graph=@grow)
  return %0 into p, %1
}"""
    )
    program = machine(text).program
    assert [launch.buffers[0].role for launch in program.launches] == ["input", "input"]
    assert len(program.launches) == 2
    p, g = floats(30), floats(30)
    wanted = p + g
    outputs = machine(text).run(p, g).outputs
    np.testing.assert_array_equal(outputs[1], wanted)
    np.testing.assert_array_equal(p, wanted)


CHECKED = (
    STEP.replace("SIZE", "n")
    + """
graph look(x: f32[n], i: i64[t]) {
  %0: f32[t] = gather(x, i, axis=0)
  return %0
}
graph main(p: f32[n], x: f32[n], y: f32[m], i: i64[t], j: i64[t]) {
  %0: f32[t] = fused(x, i, graph=@look)
  %1: f32[n] = fused(p, x, graph=@grow)
  %2: f32[t] = fused(AGAIN, graph=@look)
  return %1 into p, %0, %2
}"""
)


@pytest.mark.parametrize(
    ("again", "order", "sure"),
    [("x, i", "look grow look", (0, 2)), ("x, j", "look look grow", (0,)), ("y, i", "look look grow", (0,))],
)
def test_what_has_been_checked_before_cannot_fail(again: str, order: str, sure: tuple[int, ...]) -> None:
    """Another index, and the same in a tensor of another size, can."""
    program = machine(CHECKED.replace("AGAIN", again)).program
    assert " ".join(launch.kernel.name for launch in program.launches) == order
    assert program.signature.sure == sure


FLIPPED = """
graph flip(p: f32[n]) {
  %0: f32[n] = slice(p, starts=[n-1], sizes=[n], steps=[-1])
  return %0
}
graph main(p: f32[n]) {
  %0: f32[n] = fused(p, graph=@flip)
  return %0 into p
}"""

SWAPPED = (
    STEP.replace("SIZE", "n")
    + """
graph main(p: f32[n], q: f32[n]) {
  %0: f32[n] = fused(p, q, graph=@grow)
  return q into p, p into q, %0
}"""
)

SCATTERED = """
graph add_at(p: f32[n], i: i64[t], g: f32[t]) {
  %0: f32[n] = scatter_add(p, i, g, axis=0)
  return %0
}
graph main(p: f32[n], i: i64[t], g: f32[t]) {
  %0: f32[n] = fused(p, i, g, graph=@add_at)
  return %0 into p
}"""


def test_an_update_that_reads_elsewhere_goes_through_a_temporary() -> None:
    p = floats(50)
    wanted = p[::-1].copy()
    assert [launch.kernel.name for launch in machine(FLIPPED).program.launches] == ["flip", "copy"]
    machine(FLIPPED).run(p, piece=1)
    np.testing.assert_array_equal(p, wanted)


def test_inputs_can_be_exchanged() -> None:
    p, q = floats(50), floats(50)
    before = p.copy(), q.copy()
    found = machine(SWAPPED).run(p, q)
    np.testing.assert_array_equal(p, before[1])
    np.testing.assert_array_equal(q, before[0])
    np.testing.assert_array_equal(found.outputs[2], before[0] + before[1])


def test_an_input_is_returned_as_it_was_before_its_update() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph main(p: f32[n], g: f32[n]) {
  %0: f32[n] = fused(p, g, graph=@grow)
  return p, %0 into p, p into g
}"""
    )
    p, g = floats(20), floats(20)
    before = p.copy(), g.copy()
    outputs = machine(text).run(p, g).outputs
    np.testing.assert_array_equal(outputs[0], before[0])
    np.testing.assert_array_equal(p, before[0] + before[1])
    np.testing.assert_array_equal(g, before[0])


def test_an_input_that_stays_costs_nothing() -> None:
    text = "graph main(p: f32[n]) {\n return p into p\n}"
    assert machine(text).program.launches == ()


def test_nothing_is_written_to_inputs_when_a_check_fails() -> None:
    p, g = floats(10), floats(3)
    before = p.copy()
    assert machine(SCATTERED).run(p, np.array([1, 10, 2]), g).status == 1
    np.testing.assert_array_equal(p, before)
    assert machine(SCATTERED).run(p, np.array([1, 1, 2]), g).status == 0
    np.testing.assert_allclose(p[1], before[1] + g[0] + g[1], rtol=1e-6)


def test_an_update_waits_for_checks_of_other_launches() -> None:
    text = (
        STEP.replace("SIZE", "n")
        + """
graph pick(x: f32[n], i: i64[t]) {
  %0: f32[t] = gather(x, i, axis=0)
  return %0
}
graph main(p: f32[n], x: f32[n], i: i64[t]) {
  %0: f32[n] = fused(p, x, graph=@grow)
  %1: f32[t] = fused(x, i, graph=@pick)
  return %0 into p, %1
}"""
    )
    names = [launch.kernel.name for launch in machine(text).program.launches]
    assert names == ["pick", "grow"]
    p, x = floats(10), floats(10)
    before = p.copy()
    assert machine(text).run(p, x, np.array([3, -1])).status == 1
    np.testing.assert_array_equal(p, before)


def test_a_gradient_is_accumulated_in_place_by_the_product_that_makes_it() -> None:
    text = """
graph accumulate(x: f32[n,20], g: f32[n,9], total: f32[20,9]) {
  %0: f32[20,n] = permute(x, axes=[1,0])
  %1: f32[20,9] = matmul(%0, g, order="chain")
  %2: f32[20,9] = add(total, %1)
  return %2
}
graph main(x: f32[n,20], g: f32[n,9], total: f32[20,9]) {
  %0: f32[20,9] = fused(x, g, total, graph=@accumulate)
  return %0 into total
}"""
    assert len(machine(text).program.launches) == 1
    x, g, total = floats(700, 20), floats(700, 9), floats(20, 9)
    wanted = total + x.T.astype(np.float64) @ g
    machine(text).run(x, g, total)
    np.testing.assert_allclose(total, wanted, rtol=1e-4, atol=1e-4)


def test_what_is_not_fused_is_an_error() -> None:
    with pytest.raises(GraphError, match="add stands outside a region"):
        lower(read("graph main(x: f32[4]) {\n %0: f32[4] = add(x, x)\n return %0\n}"), host_target())
