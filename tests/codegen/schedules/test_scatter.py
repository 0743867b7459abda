"""Tests of scatter regions: the order in which values are added, checks, dtypes and layouts."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen.schedules.orders import same_bits
from tests.codegen.schedules.running import Array, machine, region

_random = np.random.default_rng(23)

ROWS = region(
    """ %0: i64[t,1] = reshape(i, shape=[t,1])
 %1: i64[t,d] = expand(%0, shape=[t,d])
 %2: f32[t,d] = neg(g)
 %3: f32[v,d] = scatter_add(x, %1, %2, axis=0)
 return %3""",
    inputs="x: f32[v,d], i: i64[t], g: f32[t,d]", results=["f32[v,d]"],
)  # fmt: skip


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns", "count"), [(10, 70, 40), (1, 200, 33), (5, 0, 4), (4, 3, 0), (0, 3, 0)])
def test_rows_are_added_in_the_order_of_the_index(rows: int, columns: int, count: int) -> None:
    x, g = floats(rows, columns), floats(count, columns)
    i = _random.integers(0, max(rows, 1), count)
    wanted = x.copy()
    for place, values in zip(i, g, strict=True):
        wanted[place] += -values
    for piece in (1, 1000):
        result = machine(ROWS).run(x, i, g, piece=piece)
        assert result.status == 0
        same_bits(result.outputs[0], wanted)


def test_places_outside_write_nothing_and_the_first_is_reported() -> None:
    x, g = np.zeros((4, 3), np.float32), floats(20, 3)
    i = _random.integers(0, 4, 20)
    i[[7, 15]] = 4, -1
    for piece in (1, 1000):
        result = machine(ROWS).run(x, i, g, piece=piece)
        assert (result.status, result.position) == (1, 7)
    note = machine(ROWS).program.signature.checks[0]
    assert (note.op, str(note.bound), note.input) == ("scatter_add", "v", 1)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f32", "f16", "i32"])
def test_every_axis_and_dtype(axis: int, dtype: str) -> None:
    shape, count = [4, 5, 6], 9
    given = [count if a == axis else size for a, size in enumerate(shape)]
    head = f"x: {dtype}{shape}, i: i64{given}, g: {dtype}{given}"
    text = region(f" %0: {dtype}{shape} = scatter_add(x, i, g, axis={axis})\n return %0", inputs=head,
                  results=[f"{dtype}{shape}"])  # fmt: skip
    kind = {"f32": np.float32, "f16": np.float16, "i32": np.int32}[dtype]
    x, g = (floats(*shape) * 9).astype(kind), (floats(*given) * 9).astype(kind)
    i = _random.integers(0, shape[axis], given)
    wanted = x.copy()
    for place in np.ndindex(*given):
        at = tuple(int(i[place]) if a == axis else p for a, p in enumerate(place))
        wanted[at] = wanted[at] + g[place]
    same_bits(machine(text).run(x, i, g).outputs[0], wanted)
