"""Gather and scatter families, copies with a part replaced, and embeddings, against loops over single elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from tests.frontend.functions.harness import Array, Case, check

_random = np.random.default_rng(12)
EVEN, PLANE = np.arange(5) % 2 == 0, _random.random((4, 5)) > 0.5


def written(x: Array, key: Any, value: Any) -> Array:
    copy = x.copy()
    copy[key] = value
    return copy


def added(x: Array, at: Any, value: Array) -> Array:
    copy = x.copy()
    np.add.at(copy, at, value)
    return copy


WIDE = _random.standard_normal((4, 5))
SRC = _random.standard_normal((3, 6))
PLACES = _random.integers(0, 4, (3, 4))
VECTOR = np.array([2, 0, 2])


def scattered(combine: Callable[[list[float]], float], include_self: bool = True) -> Callable[..., Array]:
    """All values that come to a place, combined; what was there first, if it counts."""

    def scatter(x: Array, index: Array, src: Array, axis: int = 0) -> Array:
        found: dict[Any, list[float]] = {}
        for at in np.ndindex(index.shape):
            place = (*at[:axis], index[at], *at[axis + 1 :])
            found.setdefault(place, [x[place]] if include_self else []).append(src[at])
        result = x.copy()
        for place, values in found.items():
            result[place] = combine(values)
        return result

    return scatter


def by_vector(scatter: Callable[..., Array]) -> Callable[..., Array]:
    def call(x: Array, index: Array, src: Array) -> Array:
        return scatter(x, np.broadcast_to(index[:, None], src.shape), src)

    return call


REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum, "prod": lambda values: float(np.prod(values)), "mean": lambda values: sum(values) / len(values),
    "amax": max, "amin": min,
}  # fmt: skip


def _reduction(name: str, include_self: bool) -> Case:
    return Case(
        lambda x, i, v: brasa.scatter_reduce(x, 0, i, v, name, include_self=include_self),
        scattered(REDUCTIONS[name], include_self), [WIDE, PLACES, SRC],
    )  # fmt: skip


ROW_VALUES = _random.standard_normal((3, 5))
FAMILIES: dict[str, Case] = {
    "gather": Case(lambda x, i: x.gather(1, i), lambda x, i: np.take_along_axis(x, i, 1),
                   [WIDE, _random.integers(0, 5, (4, 7))]),
    "gather of a part": Case(lambda x, i: x.gather(0, i), lambda x, i: np.take_along_axis(x[:, :4], i, 0),
                             [WIDE, PLACES]),
    "gather from a number": Case(lambda x, i: x.gather(0, i), lambda x, i: x[None][i], [WIDE[0, 0], 0 * VECTOR]),
    "index_select": Case(lambda x, i: x.index_select(1, i), lambda x, i: x[:, i], [WIDE, VECTOR]),
    "take": Case(brasa.take, lambda x, i: x.reshape(-1)[i], [WIDE, PLACES - 20]),
    "take_along_dim": Case(lambda x, i: brasa.take_along_dim(x, i, 1), lambda x, i: np.take_along_axis(x, i, 1),
                           [WIDE, np.array([[0, -1, 2]])]),
    "scatter": Case(lambda x, i, v: x.scatter(0, i, v), scattered(lambda values: values[-1]), [WIDE, PLACES, SRC]),
    "scatter along rows": Case(lambda x, i, v: x.scatter(1, i, v),
                               lambda x, i, v: scattered(lambda values: values[-1])(x, i, v, 1), [WIDE, PLACES, SRC]),
    "scatter one value": Case(lambda x, i: x.scatter(0, i, 2.5),
                              lambda x, i: scattered(lambda _: 2.5)(x, i, np.zeros(i.shape)), [WIDE, PLACES]),
    "scatter and multiply": Case(lambda x, i, v: x.scatter(0, i, v, reduce="multiply"),
                                 scattered(REDUCTIONS["prod"]), [WIDE, PLACES, SRC]),
    "scatter_add": Case(lambda x, i, v: x.scatter_add(0, i, v), scattered(sum), [WIDE, PLACES, SRC]),
    "products with zeros": Case(
        lambda x, i, v: x.scatter_reduce(0, i, v, "prod"), scattered(REDUCTIONS["prod"]),
        [np.array([2.0, 0, 3, 0]), np.array([0, 0, 1, 2, 2, 2, 3]), np.array([0.0, 3, 4, 0, 5, 0, 0])], gradient=False),
    "index_add": Case(lambda x, i, v: x.index_add(0, i, v, alpha=-0.5),
                      lambda x, i, v: by_vector(scattered(sum))(x, i, -0.5 * v), [WIDE, VECTOR, ROW_VALUES]),
    "index_copy": Case(lambda x, i, v: x.index_copy(0, i, v), by_vector(scattered(lambda values: values[-1])),
                       [WIDE, VECTOR, ROW_VALUES]),
    "index_fill": Case(lambda x, i: x.index_fill(0, i, 2.0),
                       lambda x, i: by_vector(scattered(lambda _: 2.0))(x, i % 4, ROW_VALUES), [WIDE, VECTOR - 4]),
    "put": Case(lambda x, i, v: x.put(i, v),
                lambda x, i, v: scattered(lambda values: values[-1])(x.reshape(-1), i % 20, v).reshape(x.shape),
                [WIDE, VECTOR - 10, ROW_VALUES[0, :3]]),
    "put and add": Case(lambda x, i, v: x.put(i, v, accumulate=True),
                        lambda x, i, v: scattered(sum)(x.reshape(-1), i, v).reshape(x.shape),
                        [WIDE, VECTOR, ROW_VALUES[0, :3]]),
    "masked_fill": Case(lambda x, m: x.masked_fill(m, 3), lambda x, m: np.where(m, 3, x), [WIDE, EVEN]),
    "masked_scatter": Case(lambda x, m, v: x.masked_scatter(m, v), lambda x, m, v: _masked(x, m, v),
                           [WIDE, PLANE, _random.standard_normal(30)]),
    "select_scatter": Case(lambda x, v: brasa.select_scatter(x, v, 1, -2), lambda x, v: written(x, (slice(None), 3), v),
                           [WIDE, WIDE[:, 0] * 2]),
    "slice_scatter": Case(lambda x, v: brasa.slice_scatter(x, v, 1, 0, 9, 2),
                          lambda x, v: written(x, (slice(None), slice(0, 5, 2)), v), [WIDE, WIDE[:, :3] * 2]),
    "diagonal_scatter": Case(lambda x, v: brasa.diagonal_scatter(x, v, 1),
                             lambda x, v: written(x, (np.arange(4), np.arange(1, 5)), v), [WIDE, WIDE[:, 0] * 2]),
    "as_strided_scatter": Case(lambda x, v: brasa.as_strided_scatter(x, v, (2, 2), (5, 2), 1),
                               lambda x, v: written(x, (np.array([[0, 0], [1, 1]]), np.array([[1, 3]] * 2)), v),
                               [WIDE, WIDE[:2, :2] * 2]),
    "where": Case(lambda m, x: brasa.where(m, x, 0.0), lambda m, x: np.where(m, x, 0), [PLANE, WIDE]),
    **{f"{name}, {'with' if own else 'without'} self": _reduction(name, own)
       for name in REDUCTIONS for own in (True, False)},
    **{f"index_reduce {name}": Case(
        lambda x, i, v, name=name: brasa.index_reduce(x, 0, i, v, name), by_vector(scattered(REDUCTIONS[name])),
        [WIDE, VECTOR, ROW_VALUES]) for name in ("prod", "mean", "amax", "amin")},
}  # fmt: skip


def _masked(x: Array, mask: Array, source: Array) -> Array:
    result = x.copy()
    result[mask] = source[: mask.sum()]
    return result


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    check(FAMILIES[name])


def test_gradients_of_products_with_zeros() -> None:
    """A product has a derivative also where factors are 0; finite differences of each factor tell it."""
    x, index, v = (np.asarray(a) for a in FAMILIES["products with zeros"].arrays)
    tensors = [brasa.tensor(a, requires_grad=True) for a in (x, v)]
    tensors[0].scatter_reduce(0, brasa.tensor(index), tensors[1], "prod").sum().backward()
    multiplied = scattered(REDUCTIONS["prod"])
    for number, values in enumerate((x, v)):
        for at in range(len(values)):
            moved = [x.copy(), v.copy()]
            moved[number][at] += 1
            slope = multiplied(moved[0], index, moved[1]).sum() - multiplied(x, index, v).sum()
            grad = tensors[number].grad
            assert grad is not None
            assert grad[at].item() == pytest.approx(slope)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16", "bfloat16"])
def test_dtypes(dtype: str) -> None:
    kind = getattr(brasa, dtype)
    x, v = brasa.tensor(WIDE * 4).to(kind), brasa.tensor(SRC * 4).to(kind)
    index, key = brasa.tensor(PLACES), brasa.tensor(VECTOR)
    for made in (x.gather(0, index[:, :4]), x[key], x[:, key], x.scatter(0, index, v), x.masked_fill(x > 0, 1)):
        assert made.dtype is kind
    if dtype == "bool":
        both = x.scatter_reduce(0, index, v, "prod"), x.scatter_reduce(0, index, v, "amin")
        np.testing.assert_array_equal(both[0].numpy(), both[1].numpy())
        np.testing.assert_array_equal(x.index_add(0, key, v[:, :5], alpha=False).numpy(), x.numpy())
    got = x.index_put((key, key), v.reshape(-1)[:3], accumulate=True).float().numpy()
    wide = added(x.float().numpy(), (VECTOR, VECTOR), v.float().numpy().reshape(-1)[:3])
    want = np.minimum(wide, 1) if dtype == "bool" else wide % 256 if dtype == "uint8" else wide
    np.testing.assert_allclose(got, want, rtol=1e-2)


def test_many_halves_are_added_before_they_are_rounded() -> None:
    values = brasa.tensor(np.full(3000, 1.0)).to(brasa.float16)
    places = brasa.zeros(3000, dtype=brasa.int64)
    assert brasa.zeros(1, dtype=brasa.float16).scatter_add(0, places, values).item() == 3000


@settings(max_examples=15)
@given(st.data())
def test_any_shape(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 3))
    shape = data.draw(st.lists(st.integers(0, 4), min_size=rank, max_size=rank))
    axis = data.draw(st.integers(0, rank - 1))
    counts = [data.draw(st.integers(0, 5 if a == axis else n)) for a, n in enumerate(shape)]
    if not shape[axis]:
        counts[axis] = 0
    x = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    index = np.random.default_rng(0).integers(0, max(shape[axis], 1), counts)
    turn = data.draw(st.permutations(range(rank)))
    source = np.ascontiguousarray(x.transpose(turn))
    view = brasa.tensor(source).permute(*map(turn.index, range(rank)))
    part = x[tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(counts))]
    np.testing.assert_array_equal(view.gather(axis, brasa.tensor(index)).numpy(), np.take_along_axis(part, index, axis))
    values = np.random.default_rng(1).integers(-9, 9, counts).astype(np.float64)
    made = view.scatter_add(axis, brasa.tensor(index), brasa.tensor(values)).numpy()
    np.testing.assert_array_equal(made, scattered(sum)(x, index, values, axis))


# Embeddings

BAG, OFFSETS = np.array([1, 2, 4, 5, 4, 3, 2, 9]), np.array([0, 4, 4])
TABLE, WEIGHTS = _random.standard_normal((10, 3)), _random.standard_normal(8)


def bags(combine: Callable[[Array], Array], padding: int = -1) -> Callable[..., Array]:
    def call(table: Array, *weights: Array) -> Array:
        rows = table[BAG] * (weights[0][:, None] if weights else 1)
        parts = [rows[a:b][BAG[a:b] != padding] for a, b in zip(OFFSETS, [*OFFSETS[1:], len(BAG)], strict=True)]
        return np.stack([combine(part) if len(part) else np.zeros(3) for part in parts])

    return call


def embedding_bag(table: Any, *weights: Any, **options: Any) -> Any:
    given = {"per_sample_weights": weights[0]} if weights else {}
    return brasa.nn.functional.embedding_bag(brasa.tensor(BAG), table, brasa.tensor(OFFSETS), **given, **options)


EMBEDDINGS: dict[str, Case] = {
    "sum": Case(lambda t: embedding_bag(t, mode="sum"), bags(lambda rows: rows.sum(0)), [TABLE]),
    "mean": Case(embedding_bag, bags(lambda rows: rows.mean(0)), [TABLE]),
    "max": Case(lambda t: embedding_bag(t, mode="max"), bags(lambda rows: rows.max(0)), [TABLE]),
    "weights": Case(lambda t, w: embedding_bag(t, w, mode="sum"), bags(lambda rows: rows.sum(0)), [TABLE, WEIGHTS]),
    "padding": Case(lambda t: embedding_bag(t, padding_idx=4), bags(lambda rows: rows.mean(0), 4), [TABLE],
                    gradient=False),
    "the end": Case(lambda t: brasa.nn.functional.embedding_bag(brasa.tensor(BAG), t, brasa.tensor([0, 4, 4, 8]),
                                                                include_last_offset=True),
                    bags(lambda rows: rows.mean(0)), [TABLE]),
    "matrix": Case(lambda t: brasa.nn.functional.embedding_bag(brasa.tensor(BAG.reshape(2, 4)), t, mode="sum"),
                   lambda t: t[BAG.reshape(2, 4)].sum(1), [TABLE]),
    "rows": Case(lambda t: brasa.nn.functional.embedding(brasa.tensor(BAG.reshape(2, 4)), t),
                 lambda t: t[BAG.reshape(2, 4)], [TABLE]),
}  # fmt: skip


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings(name: str) -> None:
    check(EMBEDDINGS[name])


def test_gradients_of_rows_by_their_frequency_and_none_for_the_padding() -> None:
    table = brasa.tensor(TABLE, requires_grad=True)
    rows = brasa.nn.functional.embedding(brasa.tensor(BAG), table, padding_idx=-1, scale_grad_by_freq=True)
    np.testing.assert_array_equal(rows.detach().numpy(), TABLE[BAG])
    rows.sum().backward()
    assert table.grad is not None
    wanted = np.isin(np.arange(10), BAG) & (np.arange(10) != 9)
    np.testing.assert_allclose(table.grad.numpy(), np.broadcast_to(wanted[:, None], (10, 3)))


@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_rows_that_are_looked_up_are_shortened_in_the_table(p: float) -> None:
    table = brasa.tensor(TABLE)
    rows = brasa.nn.functional.embedding(brasa.tensor(BAG), table, max_norm=0.5, norm_type=p)
    norms = np.linalg.norm(TABLE, p, axis=1)
    wanted = TABLE * np.where(np.isin(np.arange(10), BAG) & (norms > 0.5), 0.5 / norms, 1)[:, None]
    np.testing.assert_allclose(table.numpy(), wanted, rtol=1e-5)
    np.testing.assert_array_equal(rows.numpy(), table.numpy()[BAG])


@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "max", "min"])
def test_segments(reduce: str) -> None:
    meaning = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min}[reduce]
    lengths = np.array([2, 1, 3])

    def call(x: Any) -> Any:
        return brasa._segment_reduce(x, reduce, lengths=brasa.tensor(lengths), axis=0)

    def reference(x: Array) -> Array:
        return np.stack([meaning(part, axis=0) for part in np.split(x, np.cumsum(lengths)[:-1])])

    check(Case(call, reference, [_random.standard_normal((6, 2))]))
    offsets = brasa.tensor([1, 3, 3])
    started = brasa._segment_reduce(brasa.tensor(TABLE[:6, 0]), reduce, offsets=offsets, initial=2.0).numpy()
    part = meaning([2.0, *TABLE[1:3, 0]]) if reduce != "mean" else (2 + TABLE[1:3, 0].sum()) / 2
    np.testing.assert_allclose(started, [part, 2.0])
