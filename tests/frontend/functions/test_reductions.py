"""Reductions, statistics, cumulative functions, sorting, order statistics, searching, histograms, masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from brasa.ir.errors import BrasaError
from tests.frontend.functions.harness import Array, Case, check, check_values, flat, same_bits

RNG = np.random.default_rng(17)
NAN, INF = math.nan, math.inf


def reals(*shape: int) -> Array:
    return RNG.normal(size=shape)


def apart(*shape: int) -> Array:
    """Values in random order, no two of them close."""
    return (RNG.permutation(int(np.prod(shape))) - 5.5).reshape(shape)


def holed(*shape: int) -> Array:
    """With NaN here and there."""
    x = apart(*shape)
    x.flat[1::4] = NAN
    return x


X, HOLES = apart(3, 4), holed(3, 4)
MASK = RNG.random((3, 4)) < 0.6
MASK[1] = [True, False, True, False]


def take(x: Array, places: Array, axis: int) -> tuple[Array, Array]:
    return np.take_along_axis(x, places, axis), places


def removed(pair: tuple[Array, Array], axis: int) -> tuple[Array, ...]:
    return tuple(each.squeeze(axis) for each in pair)


def running_place(x: Array, best: Callable[[Any], Any]) -> Array:
    """The last place of the best so far, along the last axis."""
    rows = [[max(j for j in range(i + 1) if row[j] == best(row[: i + 1])) for i in range(len(row))] for row in x]
    return np.asarray(rows)


def softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_sums(x: Array) -> Array:
    return np.logaddexp.accumulate(x, axis=1)


def norm(x: Array, axis: Any = None, order: float = 2.0) -> Array:
    size = np.abs(np.where(MASK, x, 0))
    return size.max(axis) if order == INF else (size**order).sum(axis) ** (1 / order)


def over_mask(function: Callable[..., Any]) -> Callable[[Array], Array]:
    """A function of each row's elements at which the mask holds."""
    return lambda x: np.asarray([function(row[holds]) for row, holds in zip(x, MASK, strict=True)])


M = brasa.tensor(MASK)

CASES: dict[str, Case] = {
    "sum": Case(lambda x: brasa.sum(x, (0, -1), True), lambda x: x.sum((0, 1), keepdims=True), [X]),
    "sum 0-dim": Case(lambda x: brasa.sum(x, -1), lambda x: x, [reals()]),
    "prod": Case(lambda x: (x / 5).prod(1), lambda x: (x / 5).prod(1), [X]),
    "prod at zeros": Case(lambda x: x.prod(1), lambda x: x.prod(1), [np.array([[0.0, 2, 3], [0, 0, 4], [1, 2, 3]])]),
    "mean": Case(lambda x: x.mean(0), lambda x: x.mean(0), [X]),
    "nansum": Case(lambda x: brasa.nansum(x, 1), lambda x: np.nansum(x, 1), [HOLES], gradient=False),
    "nanmean": Case(lambda x: x.nanmean(1, True), lambda x: np.nanmean(x, 1, keepdims=True), [HOLES], gradient=False),
    "amax": Case(lambda x: x.amax((0,)), lambda x: x.max(0), [X]),
    "amin": Case(lambda x: x.amin(1, keepdim=True), lambda x: x.min(1, keepdims=True), [X]),
    "aminmax": Case(lambda x: brasa.aminmax(x, dim=1), lambda x: (x.min(1), x.max(1)), [X]),
    "any": Case(lambda x: (x > 4).any(1), lambda x: (x > 4).any(1), [X], gradient=False),
    "all": Case(lambda x: (x > -5).all(), lambda x: (x > -5).all(), [X], gradient=False),
    "count_nonzero": Case(lambda x: brasa.count_nonzero(x, 0), lambda x: np.count_nonzero(x, 0), [np.eye(3)],
                          gradient=False),
    "logsumexp": Case(lambda x: x.logsumexp(1), lambda x: np.log(np.exp(x).sum(1)), [X]),
    "argmax": Case(lambda x: x.argmax(1), lambda x: x.argmax(1), [X], gradient=False),
    "argmin flat": Case(lambda x: x.argmin(), lambda x: x.argmin(), [X], gradient=False),
    "max": Case(lambda x: x.max(1), lambda x: (x.max(1), x.argmax(1)), [X]),
    "min kept": Case(lambda x: x.min(0, True), lambda x: (x.min(0, keepdims=True), x.argmin(0)[None]), [X]),
    "max of two": Case(lambda x: brasa.max(x, other=x * 2), lambda x: np.maximum(x, 2 * x), [X]),
    "var": Case(lambda x: x.var(1), lambda x: x.var(1, ddof=1), [X]),
    "var unbiased": Case(lambda x: x.var(1, False), lambda x: x.var(1), [X]),
    "var of all": Case(lambda x: x.var(False), lambda x: x.var(), [X]),
    "std": Case(lambda x: x.std(0, correction=2, keepdim=True), lambda x: x.std(0, ddof=2, keepdims=True), [X]),
    "var_mean": Case(lambda x: brasa.var_mean(x, 1), lambda x: (x.var(1, ddof=1), x.mean(1)), [X]),
    "std_mean": Case(lambda x: brasa.std_mean(x, 1), lambda x: (x.std(1, ddof=1), x.mean(1)), [X]),
    "softmax": Case(lambda x: x.softmax(1), lambda x: softmax(x, 1), [X]),
    "log_softmax": Case(lambda x: x.log_softmax(0), lambda x: np.log(softmax(x, 0)), [X]),
    "softmin": Case(lambda x: brasa.nn.functional.softmin(x, 1), lambda x: softmax(-x, 1), [X]),
    "softmax backward": Case(lambda g, y: brasa._softmax_backward_data(g, y, 1, brasa.float64),
                             lambda g, y: y * (g - (g * y).sum(1, keepdims=True)), [X, softmax(X, 1)]),
    "cumsum": Case(lambda x: x.cumsum(1), lambda x: x.cumsum(1), [X]),
    "cumsum 0-dim": Case(lambda x: x.cumsum(0), lambda x: x, [reals()]),
    "cumprod": Case(lambda x: (x / 5).cumprod(0), lambda x: (x / 5).cumprod(0), [X]),
    "cumprod at zeros": Case(lambda x: x.cumprod(1), lambda x: x.cumprod(1),
                             [np.array([[2.0, 0, 3, 4], [0, 2, 0, 4], [1, 2, 3, 0]])]),
    "cummax": Case(lambda x: x.cummax(1), lambda x: take(x, running_place(x, max), 1), [X]),
    "cummin": Case(lambda x: x.cummin(1), lambda x: take(x, running_place(x, min), 1), [X]),
    "logcumsumexp": Case(lambda x: x.logcumsumexp(1), log_sums, [reals(3, 4)]),
    "diff": Case(lambda x: x.diff(2, 0), lambda x: np.diff(x, 2, 0), [X]),
    "diff with ends": Case(lambda x, y: brasa.diff(x, dim=1, prepend=y, append=y),
                           lambda x, y: np.diff(x, axis=1, prepend=y, append=y), [X, reals(3, 2)]),
    "trapezoid": Case(lambda y: brasa.trapezoid(y, dx=0.5), lambda y: np.trapezoid(y, dx=0.5), [X]),
    "trapz at": Case(lambda y, x: brasa.trapz(y, x, dim=0), lambda y, x: np.trapezoid(y, x, axis=0), [X, reals(3)]),
    "cumulative_trapezoid": Case(lambda y, x: brasa.cumulative_trapezoid(y, x),
                                 lambda y, x: np.cumsum((y[:, 1:] + y[:, :-1]) / 2 * np.diff(x), 1), [X, reals(4)]),
    "sort": Case(lambda x: x.sort(0, True), lambda x: take(x, np.argsort(-x, 0), 0), [X]),
    "argsort": Case(lambda x: brasa.argsort(x, stable=True), lambda x: np.argsort(x, 1), [X], gradient=False),
    "msort": Case(brasa.msort, lambda x: np.sort(x, 0), [X]),
    "topk": Case(lambda x: x.topk(2), lambda x: take(x, np.argsort(-x, 1)[:, :2], 1), [X]),
    "topk smallest": Case(lambda x: x.topk(2, 0, False), lambda x: take(x, np.argsort(x, 0)[:2], 0), [X]),
    "kthvalue": Case(lambda x: x.kthvalue(3), lambda x: removed(take(x, np.argsort(x, 1)[:, 2:3], 1), 1), [X]),
    "median": Case(lambda x: x.median(1), lambda x: removed(take(x, np.argsort(x, 1)[:, 1:2], 1), 1), [X]),
    "median of all": Case(lambda x: x.median(), lambda x: np.sort(x, None)[5], [X]),
    "nanmedian": Case(lambda x: x.nanmedian(), lambda x: np.sort(x, None)[4], [HOLES], gradient=False),
    "mode": Case(lambda x: x.mode(1), lambda x: (np.array([2.0, 3]), np.array([3, 3])),
                 [np.array([[2.0, 1, 3, 2, 1, 2][:4], [4, 3, 4, 3]])], gradient=False),
    "quantile": Case(lambda x: x.quantile(0.3, 1), lambda x: np.quantile(x, 0.3, axis=1), [X]),
    "quantiles": Case(lambda x, q: x.quantile(q, 0, True), lambda x, q: np.quantile(x, q, axis=0, keepdims=True),
                      [X, np.array([0.1, 0.45, 0.8])]),
    "nanquantile": Case(lambda x: x.nanquantile(0.7), lambda x: np.nanquantile(x, 0.7), [HOLES], gradient=False),
    "searchsorted": Case(lambda s, v: brasa.searchsorted(s, v, right=True),
                         lambda s, v: np.searchsorted(s, v, "right"), [np.arange(5.0), X], gradient=False),
    "searchsorted sorter": Case(lambda s, v: brasa.searchsorted(s, v, side="left", sorter=s.argsort()),
                                lambda s, v: np.searchsorted(np.sort(s), v), [apart(5), X], gradient=False),
    "bucketize": Case(lambda v, s: brasa.bucketize(v, s, out_int32=True), lambda v, s: np.searchsorted(s, v),
                      [X, np.arange(5.0)], gradient=False),
    "histc": Case(lambda x: x.histc(4, -5, 5), lambda x: np.histogram(x, 4, (-5, 5))[0], [X], gradient=False),
    "histogram": Case(lambda x: brasa.histogram(x, 5, density=True), lambda x: np.histogram(x, 5, density=True), [X],
                      gradient=False),
    "histogram weights": Case(lambda x, e, w: x.histogram(e, weight=w), lambda x, e, w: np.histogram(x, e, weights=w),
                              [X, np.array([-5.0, -1, 2, 3]), reals(3, 4)], gradient=False),
    "histogramdd": Case(lambda x: brasa.histogramdd(x, [2, 3]).hist, lambda x: np.histogramdd(x, [2, 3])[0],
                        [reals(9, 2)], gradient=False),
    "masked sum": Case(lambda x: brasa.masked.sum(x, 1, mask=M), over_mask(np.sum), [X]),
    "masked prod": Case(lambda x: brasa.masked.prod(x, 1, mask=M), over_mask(np.prod), [X]),
    "masked mean": Case(lambda x: brasa.masked.mean(x, 1, mask=M), over_mask(np.mean), [X]),
    "masked amax": Case(lambda x: brasa.masked.amax(x, 1, mask=M), over_mask(np.max), [X]),
    "masked amin": Case(lambda x: brasa.masked.amin(x, 1, mask=M), over_mask(np.min), [X]),
    "masked argmax": Case(lambda x: brasa.masked.argmax(x, 1, mask=M),
                          lambda x: np.where(MASK, x, -INF).argmax(1).astype(float), [X], gradient=False),
    "masked argmin": Case(lambda x: brasa.masked.argmin(x, 1, mask=M),
                          lambda x: np.where(MASK, x, INF).argmin(1).astype(float), [X], gradient=False),
    "masked median": Case(lambda x: brasa.masked.median(x, 1, mask=M),
                          over_mask(lambda row: np.sort(row)[(len(row) - 1) // 2]), [X]),
    "masked var": Case(lambda x: brasa.masked.var(x, 1, unbiased=False, mask=M), over_mask(np.var), [X]),
    "masked std": Case(lambda x: brasa.masked.std(x, 1, mask=M), over_mask(lambda row: np.std(row, ddof=1)), [X]),
    "masked norm": Case(lambda x: brasa.masked.norm(x, 2, 1, mask=M), lambda x: norm(x, 1), [X]),
    "masked norm 3": Case(lambda x: brasa.masked.norm(x, 3.0, mask=M), lambda x: norm(x, None, 3), [X]),
    "masked norm inf": Case(lambda x: brasa.masked.norm(x, INF, 0, mask=M), lambda x: norm(x, 0, INF), [X]),
    "masked normalize": Case(lambda x: brasa.masked.normalize(x, 2, 1, mask=M),
                             lambda x: np.where(MASK, x, 0) / norm(x, 1)[:, None], [X]),
    "masked cumsum": Case(lambda x: brasa.masked.cumsum(x, 1, mask=M), lambda x: np.where(MASK, x, 0).cumsum(1), [X]),
    "masked cumprod": Case(lambda x: brasa.masked.cumprod(x, 1, mask=M), lambda x: np.where(MASK, x, 1).cumprod(1),
                           [X]),
    "masked softmax": Case(lambda x: brasa.masked.softmax(x, 1, mask=M),
                           lambda x: softmax(np.where(MASK, x, -INF), 1), [X]),
    "masked log_softmax": Case(lambda x: brasa.where(M, brasa.masked.log_softmax(x, 1, mask=M), 0),
                               lambda x: np.where(MASK, x - np.log((np.exp(x) * MASK).sum(1, keepdims=True)), 0), [X]),
    "masked softmin": Case(lambda x: brasa.masked.softmin(x, 1, mask=M),
                           lambda x: softmax(np.where(MASK, -x, -INF), 1), [X]),
    "masked logsumexp": Case(lambda x: brasa.masked.logsumexp(x, 1, mask=M),
                             over_mask(lambda row: np.log(np.exp(row).sum())), [X]),
    "masked logaddexp": Case(lambda x, y: brasa.masked.logaddexp(x, y, input_mask=M),
                             lambda x, y: np.where(MASK, np.logaddexp(x, y), y), [X, reals(3, 4)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    check(CASES[name])


def test_functions_that_ask_for_a_value_run_when_compiled_too() -> None:
    x = np.array([[3, 1, 2], [4, 6, 5]])
    check_values(Case(lambda x: brasa.masked.median(x, 1), lambda x: np.median(x, 1), [x], compiled=False))
    with pytest.raises(ValueError, match="a row has no element at which the mask holds"):
        brasa.masked.median(brasa.tensor(x), 1, mask=brasa.tensor([[True] * 3, [False] * 3]))


@settings(max_examples=12)
@given(st.data())
def test_any_shape_and_dtype(data: st.DataObject) -> None:
    """Of any rank up to 3, empty and zero-dim ones too, along any dim."""
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=3)))
    dtype = data.draw(st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]))
    axis = data.draw(st.integers(-max(len(shape), 1), max(len(shape), 1) - 1))
    x = np.asarray(np.random.default_rng(3).integers(0, 4, shape), dtype)
    t, wide = brasa.tensor(x), x.astype(np.float64) if dtype.startswith("float") else x.astype(np.int64)
    along = wide.reshape(1) if not shape else wide
    total = dtype if dtype.startswith("float") else "int64"
    for found, wanted in (
        (t.sum(axis), along.sum(axis).astype(total)),
        (t.prod(axis), along.prod(axis).astype(total)),
        (t.cumsum(axis), along.cumsum(axis).astype(total).reshape(shape)),
        (t.count_nonzero(axis), np.count_nonzero(along, axis)),
        (t.argsort(axis), np.argsort(along, axis, kind="stable").reshape(shape)),
        (t.sort(axis, True).values, -np.sort(-along, axis).astype(wide.dtype).reshape(shape)),
    ):
        made = found.numpy()
        assert made.dtype == wanted.dtype or made.dtype == x.dtype
        np.testing.assert_array_equal(made.astype(np.float64), wanted.astype(np.float64))


@pytest.mark.parametrize("dtype", [brasa.bfloat16, brasa.float16])
def test_half_types_are_rounded_once(dtype: brasa.dtype) -> None:
    x = brasa.tensor(reals(3, 300)).to(dtype)
    wide = x.to(brasa.float32)
    for call in (
        lambda x: x.sum(1), lambda x: x.mean(1), lambda x: x.var(1), lambda x: x.std(0), lambda x: x.cumsum(1),
        lambda x: x.logsumexp(1), lambda x: x.softmax(1), lambda x: x.log_softmax(0), lambda x: x.logcumsumexp(1),
        lambda x: x.nanmean(1), lambda x: x.sort(1), lambda x: brasa.masked.mean(x, 1), lambda x: x.amax(1),
    ):  # fmt: skip
        for found, wanted in zip(flat(call(x)), flat(call(wide)), strict=True):
            same_bits(found, wanted.to(found.dtype))


def test_results_of_several_tensors_have_names() -> None:
    x = brasa.tensor(X)
    for made in (x.max(1), x.min(0), x.sort(), x.topk(2), x.kthvalue(1), x.median(0), x.mode(), x.cummax(0)):
        assert made._fields == ("values", "indices")
        assert made.values is made[0] and made.indices.dtype is brasa.int64
    assert brasa.aminmax(x)._fields == ("min", "max")
    assert brasa.histogram(x, 3)._fields == ("hist", "bin_edges")


def test_nan_is_larger_than_any_number() -> None:
    x = brasa.tensor([1.0, NAN, -INF, INF, NAN, 0.0])
    assert x.argsort().tolist() == [2, 5, 0, 3, 1, 4]
    assert x.argsort(descending=True).tolist() == [1, 4, 3, 0, 5, 2]
    assert x.topk(2).indices.tolist() == [1, 4]
    assert math.isnan(x.max()) and math.isnan(x.min()) and x.argmax().item() == 1
    assert x.median(0).indices.item() == 1 and x.nanmedian(0).values.item() == 0
    assert math.isnan(x.quantile(0.1)) and x[3:].nanquantile(0.0).item() == 0
    assert x.cummax(0).indices.tolist() == [0, 1, 1, 1, 4, 4]
    assert x[:1].kthvalue(1).values.item() == 1 and math.isnan(x.kthvalue(6).values)


def test_infinities_do_not_make_nan() -> None:
    low, high = brasa.tensor([-INF, -INF]), brasa.tensor([INF, 1.0])
    assert low.logsumexp(0).item() == -INF and high.logsumexp(0).item() == INF
    assert low.logcumsumexp(0).tolist() == [-INF, -INF] and high.logcumsumexp(0).tolist() == [INF, INF]
    assert brasa.tensor([-1000.0, 1000.0, -1000.0]).logcumsumexp(0).tolist() == [-1000, 1000, 1000]


def test_gradients_where_there_is_a_choice() -> None:
    """Equal elements share the gradient of amax and of the median of all; places take all of it elsewhere."""

    def slope(call: Callable[..., Any], values: list[float]) -> list[float]:
        x = brasa.tensor(values, dtype=brasa.float64, requires_grad=True)
        call(x).backward()
        return x.grad.tolist()

    assert slope(lambda x: x.amax(), [1, 3, 3]) == [0, 0.5, 0.5]
    assert slope(lambda x: x.median(), [2, 1, 2, 3]) == [0.5, 0, 0.5, 0]
    assert slope(lambda x: x.max(0).values, [1, 3, 3]) == [0, 1, 0]
    assert slope(lambda x: x.cummax(0).values.sum(), [1, 3, 2]) == [1, 2, 0]
    assert slope(lambda x: x.std(), [2, 2, 2]) == [0, 0, 0]


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "amax": (lambda: brasa.amax(brasa.zeros(2, 0), 1), IndexError, "there is no element to choose"),
    "max": (lambda: brasa.zeros(2, 0).max(1), IndexError, "there is no element to choose"),
    "median": (lambda: brasa.zeros(2, 0).median(1), IndexError, "there is no element to choose"),
    "mean": (lambda: brasa.tensor([1]).mean(), RuntimeError, "is not defined for i64"),
    "dim": (lambda: brasa.zeros(2).cumsum(1), IndexError, "dim 1 is outside -1..0"),
    "topk": (lambda: brasa.zeros(2).topk(3), RuntimeError, "k is 3"),
    "kthvalue": (lambda: brasa.zeros(2).kthvalue(0), RuntimeError, "k is 0"),
    "diff": (lambda: brasa.diff(brasa.tensor(1.0)), RuntimeError, "has no neighbours"),
    "order": (lambda: brasa.diff(brasa.zeros(3), -1), RuntimeError, "the order must not be negative"),
    "trapezoid": (lambda: brasa.trapezoid(brasa.zeros(3), brasa.zeros(3), dx=1), RuntimeError, "x or dx, not both"),
    "quantile": (lambda: brasa.quantile(brasa.zeros(3), 1.5), RuntimeError, "q must be between 0 and 1"),
    "quantiles": (lambda: brasa.quantile(brasa.zeros(3), brasa.tensor([1.5])), RuntimeError, "outside"),
    "interpolation": (lambda: brasa.quantile(brasa.zeros(3), 0.5, interpolation="x"), RuntimeError, "one of linear"),
    "side": (lambda: brasa.searchsorted(brasa.zeros(3), 1.0, right=True, side="left"), RuntimeError, "contradicts"),
    "values": (lambda: brasa.searchsorted(brasa.zeros(3), brasa.tensor([1])), RuntimeError, "the values are i64"),
    "boundaries": (lambda: brasa.bucketize(brasa.zeros(3), brasa.zeros(1, 1)), RuntimeError, "have 2 axes, not 1"),
    "bins": (lambda: brasa.histc(brasa.zeros(3), 0), RuntimeError, "there must be a bin or more"),
    "range": (lambda: brasa.histc(brasa.zeros(3), 2, 3, 1), RuntimeError, "not finite and ascending"),
    "weights": (lambda: brasa.histogram(brasa.zeros(3), 2, weight=brasa.zeros(2)), RuntimeError, "weight must be"),
    "correction": (lambda: brasa.var(brasa.zeros(3), 0, True, correction=1), RuntimeError, "not both"),
    "mask": (lambda: brasa.masked.sum(brasa.zeros(3), mask=brasa.zeros(2, 3)), IndexError, "more axes"),
    "sum of NaN": (lambda: brasa.nansum(brasa.zeros(3, dtype=brasa.complex64)), RuntimeError, "is not defined"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert isinstance(caught.value, BrasaError)
