"""What ops evaluate to, against loops over single elements, and against NumPy where it has the function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from brasa.ir.dtype import BY_NAME
from brasa.ir.errors import IndexError
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.sizes import substitute_attrs
from tests.samples import SAMPLES

Array = Any


def places(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*map(range, shape))


def products(
    x: tuple[int, ...], w: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: int
) -> Iterator[tuple[Any, Any, Any]]:
    """Each product of a convolution of these shapes: the places of its sum, of its element of x and of its one of w."""
    for sample, channel, *position in places((x[0], w[0], *counts(x, w, stride, padding, dilation))):
        for c, *tap in places(w[1:]):
            place = [i * s + t * d - p for i, s, t, d, p in zip(position, stride, tap, dilation, padding, strict=True)]
            if all(0 <= i < n for i, n in zip(place, x[2:], strict=True)):
                source = channel // (w[0] // groups) * w[1] + c
                yield (sample, channel, *position), (sample, source, *place), (channel, c, *tap)


def counts(x: tuple[int, ...], w: tuple[int, ...], stride: Any, padding: Any, dilation: Any) -> list[int]:
    """How many positions there are along each axis."""
    sizes = zip(x[2:], w[2:], stride, padding, dilation, strict=True)
    return [len(range(0, n + 2 * p - d * (k - 1), s)) for n, k, s, p, d in sizes]


def conv(x: Array, w: Array, *, groups: int, **options: Any) -> Array:
    x, w = wide(x), wide(w)
    result = np.zeros((x.shape[0], w.shape[0], *counts(x.shape, w.shape, **options)), x.dtype)
    for at, i, j in products(x.shape, w.shape, groups=groups, **options):
        result[at] += x[i] * w[j]
    return result


def conv_input_grad(g: Array, w: Array, *, spatial: Any, **options: Any) -> Array:
    result = np.zeros((g.shape[0], w.shape[1] * options["groups"], *spatial))
    for at, i, j in products(result.shape, w.shape, **options):
        result[i] += float(g[at]) * float(w[j])
    return result


def conv_weight_grad(x: Array, g: Array, *, window: Any, **options: Any) -> Array:
    result = np.zeros((g.shape[1], x.shape[1] // options["groups"], *window))
    for at, i, j in products(x.shape, result.shape, **options):
        result[j] += float(x[i]) * float(g[at])
    return result


def windows(x: Array, window: Any, positions: Any, stride: Any, padding: Any, dilation: Any) -> Iterator[Any]:
    """For each element of the result: its place, and the flat places of its window's elements with their values."""
    rank = len(window)
    spatial = x.shape[x.ndim - rank :]
    for lead in places(x.shape[: x.ndim - rank]):
        for position in places(tuple(positions)):
            found = []
            for tap in places(tuple(window)):
                place = [
                    i * s + t * d - p for i, s, t, d, p in zip(position, stride, tap, dilation, padding, strict=True)
                ]
                if all(0 <= i < n for i, n in zip(place, spatial, strict=True)):
                    found.append((int(np.ravel_multi_index(place, spatial)), x[(*lead, *place)]))
            yield (*lead, *position), found


def window_max(x: Array, **options: Any) -> Array:
    result = np.zeros((*x.shape[: x.ndim - len(options["window"])], *options["positions"]), x.dtype)
    least = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    for place, found in windows(x, **options):
        values = [value for _, value in found]
        result[place] = math.nan if any(map(np.isnan, values)) else max(values, default=least)
    return result


def window_argmax(x: Array, **options: Any) -> Array:
    result = np.full((*x.shape[: x.ndim - len(options["window"])], *options["positions"]), -1)
    for place, found in windows(x, **options):
        nans = [where for where, value in found if np.isnan(value)]
        best = max((value for _, value in found), default=None)
        result[place] = nans[0] if nans else next((where for where, value in found if value == best), -1)
    return result


def window_sum(x: Array, **options: Any) -> Array:
    result = np.zeros((*x.shape[: x.ndim - len(options["window"])], *options["positions"]))
    for place, found in windows(x, **options):
        result[place] = sum(value for _, value in found)
    return result


def window_spread(g: Array, *, spatial: Any, **options: Any) -> Array:
    lead, positions = g.shape[: g.ndim - len(spatial)], g.shape[g.ndim - len(spatial) :]
    result = np.zeros((*lead, *spatial))
    for place, found in windows(result, positions=positions, **options):
        for where, _ in found:
            result[(*place[: len(lead)], *np.unravel_index(where, tuple(spatial)))] += g[place]
    return result


def window_scatter(g: Array, place: Array, *, spatial: Any, **_: Any) -> Array:
    lead = g.shape[: g.ndim - len(spatial)]
    result = np.zeros((*lead, *spatial))
    for index in (each for each in places(g.shape) if place[each] >= 0):
        result[(*index[: len(lead)], *np.unravel_index(place[index], tuple(spatial)))] += g[index]
    return result


def gather(x: Array, index: Array, *, axis: int) -> Array:
    result = np.zeros(index.shape, x.dtype)
    for place in places(index.shape):
        result[place] = x[(*place[:axis], index[place], *place[axis + 1 :])]
    return result


def scattering(combine: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    def scatter(x: Array, index: Array, value: Array, *, axis: int) -> Array:
        result = np.array(x)
        for place in places(index.shape):
            at = (*place[:axis], index[place], *place[axis + 1 :])
            result[at] = combine(result[at], value[place])
        return result

    return scatter


def index(index: Array, *, bound: int) -> Array:
    return np.array([range(bound)[place] for place in index.flat], np.int64).reshape(index.shape)


def slices(starts: Any, sizes: Any, steps: Any) -> tuple[Any, ...]:
    """As Python writes them; one that goes down to the first element has no end."""
    return tuple(
        slice(start, end if (end := start + size * step) >= 0 else None, step) if size else slice(0, 0)
        for start, size, step in zip(starts, sizes, steps, strict=True)
    )


def update(x: Array, value: Array, *, starts: Any, steps: Any) -> Array:
    result = np.array(x)
    result[slices(starts, value.shape, steps)] = value
    return result


def total(of: np.ufunc) -> Callable[..., Array]:
    """In double precision; integers wrap."""

    def reduce(x: Array, *, axes: Any) -> Array:
        return of.reduce(x, axis=axes, dtype=x.dtype) if x.dtype.kind in "iu" else of.reduce(wide(x), axis=axes)

    return reduce


def argument(best: Callable[[Any], Any]) -> Callable[..., Array]:
    def find(x: Array, *, axes: Any) -> Array:
        kept = [a for a in range(x.ndim) if a not in axes]
        result = np.full([x.shape[a] for a in kept], -1)
        for place in places(result.shape):
            values = (
                x[tuple(place[kept.index(a)] if a in kept else slice(None) for a in range(x.ndim))].reshape(-1).tolist()
            )
            nans = [i for i, value in enumerate(values) if np.isnan(value)]
            if values:
                result[place] = nans[0] if nans else values.index(best(values))
        return result

    return find


def cumulated(best: Callable[[Any], Any]) -> Callable[..., Array]:
    """Each element's result from all elements up to it."""

    def along(x: Array, *, axis: int, reverse: bool) -> Array:
        rows = np.moveaxis(x, axis, -1)
        result = np.zeros(rows.shape, np.float64 if x.dtype.kind != "c" else np.complex128)
        for place in places(rows.shape):
            row = wide(rows[place[:-1]])
            result[place] = best(row[place[-1] :][::-1] if reverse else row[: place[-1] + 1])
        return np.moveaxis(result, -1, axis)

    return along


def last_best(sign: int) -> Callable[..., Array]:
    """The last place of the best so far."""

    def along(x: Array, *, axis: int, reverse: bool) -> Array:
        def place(row: Array) -> int:
            keys = [math.inf if np.isnan(v) else sign * v for v in row]
            nans = [i for i, v in enumerate(row) if np.isnan(v)]
            return nans[-1] if nans else max(i for i, key in enumerate(keys) if key == max(keys))

        found = cumulated(place)(x, axis=axis, reverse=reverse)
        return x.shape[axis] - 1 - found if reverse else found

    return along


def argsort(x: Array, *, axis: int, descending: bool, count: int | None = None) -> Array:
    def order(row: Array) -> list[int]:
        def key(place: int) -> tuple[bool, float]:
            return bool(np.isnan(row[place])), 0 if np.isnan(row[place]) else row[place].item()

        if not descending:
            return sorted(range(len(row)), key=key)
        return sorted(range(len(row)), key=lambda place: (not key(place)[0], -key(place)[1]))

    found = np.apply_along_axis(order, axis, x) if x.size else np.zeros(x.shape, np.int64)
    return found if count is None else np.moveaxis(np.moveaxis(found, axis, 0)[:count], 0, axis)


def searchsorted(sequence: Array, values: Array, *, right: bool) -> Array:
    """The place of the first element that each value is not behind."""
    result = np.zeros(values.shape, np.int64)
    for place in places(values.shape):
        row, value = sequence[place[:-1]].tolist(), values[place]
        result[place] = next((i for i, e in enumerate(row) if (value < e if right else value <= e)), len(row))
    return result


def pad(x: Array, value: Array, *, low: Any, high: Any) -> Array:
    return np.pad(x, list(zip(low, high, strict=True)), constant_values=value) if x.ndim else x


LOOPS: dict[str, Callable[..., Array]] = {
    "conv": conv,
    "conv_input_grad": conv_input_grad,
    "conv_weight_grad": conv_weight_grad,
    "window_max": window_max,
    "window_argmax": window_argmax,
    "window_sum": window_sum,
    "window_scatter": window_scatter,
    "window_spread": window_spread,
    "gather": gather,
    "scatter_add": scattering(lambda old, new: old + new),
    "scatter": scattering(lambda old, new: new),
    "scatter_mul": scattering(lambda old, new: old * new),
    "scatter_max": scattering(lambda old, new: old if np.isnan(old) or old >= new else new),
    "scatter_min": scattering(lambda old, new: old if np.isnan(old) or old <= new else new),
    "index": index,
    "slice": lambda x, starts, sizes, steps: x[slices(starts, sizes, steps)],
    "update": update,
    "pad": pad,
    "concat": lambda *xs, axis: np.concatenate(xs, axis),
    "reshape": lambda x, shape: np.array(x.reshape(-1).tolist(), x.dtype).reshape(shape),
    "permute": lambda x, axes: np.moveaxis(x, axes, range(len(axes))),
    "expand": lambda x, shape: x + np.zeros(shape, x.dtype),
    "matmul": lambda x, y, order: (wide(x)[..., :, :, None] * wide(y)[..., None, :, :]).sum(-2),
    "sum": total(np.add),
    "sum_copies": total(np.add),
    "prod": total(np.multiply),
    "argmax": argument(max),
    "argmin": argument(min),
    "cumsum": cumulated(np.sum),
    "cumprod": cumulated(np.prod),
    "cumargmax": last_best(1),
    "cumargmin": last_best(-1),
    "logcumsumexp": cumulated(np.logaddexp.reduce),
    "argsort": argsort,
    "searchsorted": searchsorted,
}  # fmt: skip


def wide(x: Array) -> Array:
    """In double precision."""
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


@pytest.mark.parametrize("name", LOOPS)
def test_against_loops(name: str) -> None:
    for sample in SAMPLES[name]:
        arrays = dict(zip(sample.graph.inputs, sample.arrays(), strict=True))
        node = sample.graph.outputs[0]
        (got,) = interpret(sample.graph, list(arrays.values()), sample.sizes)
        with np.errstate(all="ignore"):
            attrs = substitute_attrs(node.attrs, sample.sizes)
            wanted = LOOPS[name](*(arrays[operand] for operand in node.operands), **attrs)
        part = got.itemsize // (2 if got.dtype.kind == "c" else 1)
        digits = 0 if got.dtype.kind in "iub" else {2: 2e-2, 4: 1e-5, 8: 1e-12}[part]
        np.testing.assert_allclose(wide(got), wide(np.asarray(wanted)), digits, digits, err_msg=str(sample))


def evaluated(name: str, *arrays: Any, **attrs: Any) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(OPS[name].evaluate(*map(np.asarray, arrays), **attrs))


def test_reductions_of_nothing() -> None:
    empty = np.zeros((2, 0), np.float32)
    assert evaluated("sum", empty, axes=(1,)).tolist() == [0, 0]
    assert evaluated("prod", empty, axes=(1,)).tolist() == [1, 1]
    assert evaluated("max", empty, axes=(1,)).tolist() == [-np.inf, -np.inf]
    assert evaluated("min", empty.astype(np.uint8), axes=(1,)).tolist() == [255, 255]
    assert evaluated("max", empty.astype(np.bool_), axes=(1,)).tolist() == [False, False]
    assert evaluated("argmax", empty, axes=(1,)).tolist() == [-1, -1]


def test_nan_wins() -> None:
    x = np.array([[1, np.nan, 3], [np.inf, 2, -np.inf]], np.float32)
    np.testing.assert_array_equal(evaluated("max", x, axes=(1,)), [np.nan, np.inf])
    np.testing.assert_array_equal(evaluated("min", x, axes=(1,)), [np.nan, -np.inf])
    assert evaluated("argmin", x, axes=(1,)).tolist() == [1, 2]
    np.testing.assert_array_equal(evaluated("maximum", x, x[::-1]), [[np.inf, np.nan, 3]] * 2)


@pytest.mark.parametrize("name", ["gather", "scatter_add", "scatter"])
@pytest.mark.parametrize("place", [3, -1])
def test_places_outside(name: str, place: int) -> None:
    arrays = [np.zeros(3, np.float32), np.array([0, place])] + [np.zeros(2, np.float32)] * (name != "gather")
    with pytest.raises(IndexError, match=rf"^index {place} is outside 0\.\.2$"):
        evaluated(name, *arrays, axis=0)


@pytest.mark.parametrize("place", [3, -4])
def test_places_outside_from_both_ends(place: int) -> None:
    with pytest.raises(IndexError, match=rf"^index {place} is outside -3\.\.2$"):
        evaluated("index", np.array([0, place]), bound=3)


def test_casts_saturate() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 255.9, -0.9, 127.5])
    assert evaluated("cast", x, dtype=BY_NAME["i8"]).tolist() == [0, 127, -128, 127, -128, 127, 0, 127]
    assert evaluated("cast", x, dtype=BY_NAME["u8"]).tolist() == [0, 255, 0, 255, 0, 255, 0, 127]
    largest, least = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    assert evaluated("cast", x, dtype=BY_NAME["i64"]).tolist() == [0, largest, least, largest, least, 255, 0, 127]
    assert evaluated("cast", x, dtype=BY_NAME["u64"]).tolist()[:3] == [0, np.iinfo(np.uint64).max, 0]
    assert evaluated("cast", np.array([300, -1]), dtype=BY_NAME["u8"]).tolist() == [44, 255]
    assert evaluated("cast", x, dtype=BY_NAME["bool"]).all()


def test_casts_round_once() -> None:
    """Next to the middle between two numbers of half precision, nearer than single precision can tell."""
    tiny = 2.0**-40
    x = np.array([1 + 2.0**-8 + tiny, 1 + 2.0**-8 - tiny, 1 + 2.0**-8, -1 - 2.0**-8 - tiny, np.inf, 1e300, 1e-45, -0.0])
    rounded = evaluated("cast", x, dtype=BY_NAME["bf16"]).astype(np.float64)
    np.testing.assert_array_equal(rounded, [1 + 2.0**-7, 1, 1, -1 - 2.0**-7, np.inf, np.inf, 0, 0])
    assert np.isnan(evaluated("cast", np.array([np.nan]), dtype=BY_NAME["bf16"]).astype(np.float64)).all()
    whole = np.array([(1 << 40) + (1 << 32) + 1, 3, -(1 << 62)])
    assert evaluated("cast", whole, dtype=BY_NAME["bf16"]).astype(np.int64).tolist() == [
        (1 << 40) + (1 << 33),
        3,
        -(1 << 62),
    ]
    x = np.array([1 + 2.0**-11 + tiny, 1 + 2.0**-11])
    assert evaluated("cast", x, dtype=BY_NAME["f16"]).tolist() == [1 + 2.0**-10, 1]


def test_integer_divisions_round_down_and_zero_gives_zero() -> None:
    x, y = np.array([7, -7, 7, -7, 5, -5]), np.array([2, 2, -2, -2, 0, 0])
    assert evaluated("floor_divide", x, y).tolist() == [3, -4, -4, 3, 0, 0]
    assert evaluated("remainder", x, y).tolist() == [1, 1, -1, -1, 0, 0]
