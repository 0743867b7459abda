"""Losses against NumPy, in all their forms; their gradients against finite differences; what they say of mistakes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.nn import functional
from tests.frontend.functions.harness import Case, check, check_values, same_bits

Array = Any
rng = np.random.default_rng(11)
X, Y = rng.standard_normal((2, 4, 3)).astype(np.float32)
P, Q = rng.uniform(0.05, 0.95, (2, 4, 3)).astype(np.float32)
W = rng.uniform(0.5, 2, (4, 3)).astype(np.float32)
SIGNS = np.array([[1, -1, 1], [-1, 1, -1], [1, 1, -1], [-1, -1, 1]])
COUNTS = np.array([[0, 1, 2], [3, 0, 5], [2, 1, 1], [4, 0, 7]])
CLASSES = np.array([2, 0, 1, 2])
KINDS = np.array([0.5, 2.0, 1.5], np.float32)
CUBE = rng.standard_normal((2, 3, 4)).astype(np.float32)
CUBE_CLASSES = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])


def reduced(loss: Array, how: str = "mean", weight: Array = None) -> Array:
    """NumPy's reduction of losses."""
    if how == "none":
        return loss
    return loss.sum() if how == "sum" else loss.sum() / (loss.size if weight is None else weight.sum())


def log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def nll(logs: Array, target: Array, weight: Array = None, ignore: int = -100, how: str = "mean") -> Array:
    """Element by element; classes are axis 1, or 0 of a vector."""
    flat = np.moveaxis(logs, min(1, logs.ndim - 1), -1).reshape(-1, logs.shape[min(1, logs.ndim - 1)])
    labels = np.ravel(target)
    scale = np.array([0.0 if t == ignore else 1.0 if weight is None else weight[t] for t in labels])
    loss = np.array([-row[t] * s if t != ignore else 0.0 for row, t, s in zip(flat, labels, scale, strict=True)])
    return loss.reshape(np.shape(target)) if how == "none" else loss.sum() / (scale.sum() if how == "mean" else 1)


def bce(x: Array, t: Array) -> Array:
    return -(t * np.log(x) + (1 - t) * np.log(1 - x))


def huber(d: Array, delta: float) -> Array:
    return np.where(np.abs(d) <= delta, 0.5 * d * d, delta * (np.abs(d) - 0.5 * delta))


def distances(a: Array, b: Array, p: float = 2, eps: float = 1e-6) -> Array:
    return np.linalg.norm(a - b + eps, p, -1)


def cosine(a: Array, b: Array) -> Array:
    return (a * b).sum(-1) / np.sqrt(((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12))


def hinge(x: Array) -> Array:
    return np.maximum(x, 0)


def multi_margin(x: Array, t: Array, p: int = 1, margin: float = 1.0, weight: Array = None) -> Array:
    result = np.zeros(len(x))
    for n, row in enumerate(x):
        parts = [hinge(margin - row[t[n]] + row[j]) ** p for j in range(len(row)) if j != t[n]]
        result[n] = sum(parts) * (1 if weight is None else weight[t[n]]) / len(row)
    return result


def multilabel_margin(x: Array, t: Array) -> Array:
    result = np.zeros(len(x))
    for n, (row, labels) in enumerate(zip(x, t, strict=True)):
        own = [int(k) for k in labels[: list(labels).index(-1)]] if -1 in labels else [int(k) for k in labels]
        others = [j for j in range(len(row)) if j not in own]
        result[n] = sum(hinge(1 - row[k] + row[j]) for k in own for j in others) / len(row)
    return result


def poisson(x: Array, t: Array, log_input: bool = True, full: bool = False) -> Array:
    loss = np.exp(x) - t * x if log_input else x - t * np.log(x + 1e-8)
    safe = np.where(t > 1, t, 1)
    stirling = safe * np.log(safe) - safe + 0.5 * np.log(2 * math.pi * safe)
    return loss + np.where(t > 1, stirling, 0) * full


def gaussian(x: Array, t: Array, var: Array, full: bool = False) -> Array:
    var = np.maximum(var, 1e-6)
    return 0.5 * (np.log(var) + (x - t) ** 2 / var) + full * 0.5 * math.log(2 * math.pi)


f = functional
HOWS = ("none", "mean", "sum")


def on(call: Callable[..., Any], reference: Callable[..., Any], *arrays: Any, **options: Any) -> Case:
    return Case(lambda *t: call(*t, **options), reference, arrays)


CASES = [
    *[on(f.mse_loss, lambda x, y, h=h: reduced((x - y) ** 2, h), X, Y, reduction=h) for h in HOWS],
    Case(lambda x, y, w: f.mse_loss(x, y, weight=w), lambda x, y, w: reduced(w * (x - y) ** 2, "mean", w), (X, Y, W)),
    on(f.l1_loss, lambda x, y: reduced(np.abs(x - y)), X, Y),
    Case(lambda x, y, w: f.l1_loss(x, y, weight=w), lambda x, y, w: reduced(w * np.abs(x - y), "mean", w), (X, Y, W)),
    on(f.smooth_l1_loss, lambda x, y: reduced(huber(x - y, 0.7) / 0.7, "sum"), X, Y, beta=0.7, reduction="sum"),
    on(f.smooth_l1_loss, lambda x, y: reduced(np.abs(x - y)), X, Y, beta=0),
    on(f.huber_loss, lambda x, y: reduced(huber(x - y, 0.6), "none"), X, Y, delta=0.6, reduction="none"),
    Case(lambda x, y, w: f.huber_loss(x, y, weight=w),
         lambda x, y, w: reduced(w * huber(x - y, 1), "mean", w), (X, Y, W)),
    on(f.poisson_nll_loss, lambda x, t: reduced(poisson(x, t)), X, COUNTS),
    on(f.poisson_nll_loss, lambda x, t: reduced(poisson(x, t, False, True)), P, COUNTS, log_input=False, full=True),
    on(f.gaussian_nll_loss, lambda x, t, v: reduced(gaussian(x, t, v)), X, Y, W),
    on(f.gaussian_nll_loss, lambda x, t, v: reduced(gaussian(x, t, v[:, None], True), "sum"), X, Y, W[:, 0], full=True,
       reduction="sum"),
    Case(lambda x, t: f.gaussian_nll_loss(x, t, 0.5), lambda x, t: reduced(gaussian(x, t, 0.5)), (X, Y)),
    on(f.kl_div, lambda x, t: reduced(t * (np.log(t) - x)), X, P),
    on(f.kl_div, lambda x, t: (t * (np.log(t) - x)).sum() / 4, X, P, reduction="batchmean"),
    on(f.kl_div, lambda x, t: reduced(np.exp(t) * (t - x), "sum"), X, Y, log_target=True, reduction="sum"),
    on(f.nll_loss, lambda x, t: nll(x, t), X, CLASSES),
    Case(lambda x, w: f.nll_loss(x, brasa.tensor(CLASSES), w, ignore_index=1),
         lambda x, w: nll(x, CLASSES, w, 1), (X, KINDS), compiled=False),
    on(f.nll_loss, lambda x, t: nll(x, t, how="none"), CUBE, CUBE_CLASSES, reduction="none"),
    on(f.nll_loss, lambda x, t: nll(x, t, how="sum"), X[0], np.array(1), reduction="sum"),
    on(f.cross_entropy, lambda x, t: nll(log_softmax(x, 1), t), CUBE, CUBE_CLASSES),
    Case(lambda x, t, w: f.cross_entropy(x, t, w, ignore_index=2, reduction="sum", label_smoothing=0.1),
         lambda x, t, w: 0.9 * nll(log_softmax(x, 1), t, w, 2, "sum")
         - 0.1 * ((log_softmax(x, 1) * w).mean(1) * (t != 2)).sum(), (X, CLASSES, KINDS)),
    Case(lambda x, t, w: f.cross_entropy(x, t, w, label_smoothing=0.2),
         lambda x, t, w: -((log_softmax(x, 1) * w) * (0.8 * t + 0.2 / 3)).sum() / 4, (X, P, KINDS)),
    Case(lambda x, w, b, t: f.linear_cross_entropy(x, w, t, linear_bias=b),
         lambda x, w, b, t: nll(log_softmax(x @ w.T + b, 1), t), (X, W[:3], KINDS, CLASSES)),
    *[on(f.binary_cross_entropy, lambda x, t, h=h: reduced(bce(x, t), h), P, Q, reduction=h) for h in HOWS],
    on(f.binary_cross_entropy, lambda x, t, w: reduced(w * bce(x, t)), P, Q, W),
    Case(lambda x, t, w, p: f.binary_cross_entropy_with_logits(x, t, w, pos_weight=p),
         lambda x, t, w, p: reduced(w * (t * p * softplus(-x) + (1 - t) * softplus(x))), (X, Q, W, KINDS)),
    on(f.binary_cross_entropy_with_logits, lambda x, t: reduced(softplus(x) - t * x, "none"),
       np.array([0.0, 200, -200, 3], np.float32), np.array([0.3, 1, 0, 0], np.float32), reduction="none"),
    on(f.multilabel_soft_margin_loss, lambda x, t: reduced((softplus(x) - t * x).mean(-1)), X, Q),
    on(f.soft_margin_loss, lambda x, t: reduced(softplus(-x * t)), X, SIGNS),
    on(f.hinge_embedding_loss, lambda x, t: reduced(np.where(t == 1, x, hinge(0.8 - x))), X, SIGNS, margin=0.8),
    on(f.margin_ranking_loss, lambda a, b, t: reduced(hinge(0.3 - t * (a - b))), X, Y, SIGNS, margin=0.3),
    on(f.cosine_embedding_loss, lambda a, b, t: reduced(np.where(t == 1, 1 - cosine(a, b), hinge(cosine(a, b) - 0.1))),
       X, Y, SIGNS[:, 0], margin=0.1),
    on(f.multi_margin_loss, lambda x, t: reduced(multi_margin(x, t)), X, CLASSES),
    Case(lambda x, t, w: f.multi_margin_loss(x, t, 2, 0.7, w, reduction="none"),
         lambda x, t, w: multi_margin(x, t, 2, 0.7, w), (X, CLASSES, KINDS)),
    on(f.multilabel_margin_loss, lambda x, t: reduced(multilabel_margin(x, t)),
       X, np.array([[2, -1, 0], [0, 1, -1], [-1, 0, 0], [1, 2, 0]])),
    on(f.triplet_margin_loss, lambda a, b, c: reduced(hinge(distances(a, b) - distances(a, c) + 1)), X, Y, P),
    on(f.triplet_margin_loss, lambda a, b, c: reduced(hinge(
        distances(a, b, 3) - np.minimum(distances(a, c, 3), distances(b, c, 3)) + 0.5)), X, Y, P, p=3, swap=True,
       margin=0.5),
    Case(lambda a, b, c: f.triplet_margin_with_distance_loss(
        a, b, c, distance_function=lambda u, v: (u - v).abs().sum(-1)),
         lambda a, b, c: reduced(hinge(np.abs(a - b).sum(-1) - np.abs(a - c).sum(-1) + 1)), (X, Y, P)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_loss(case: Case) -> None:
    check(case)


NAMED: dict[str, tuple[Any, ...]] = {
    "mse_loss": (X, Y), "cross_entropy": (X, CLASSES), "nll_loss": (X, CLASSES), "kl_div": (X, P),
    "binary_cross_entropy_with_logits": (X, Q), "poisson_nll_loss": (X, COUNTS), "soft_margin_loss": (X, SIGNS),
    "multi_margin_loss": (X, CLASSES), "huber_loss": (X, Y),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_half_precision_is_rounded_once(name: str) -> None:
    """The result in bfloat16 is float32's, of the same operands, rounded."""
    half = [brasa.tensor(a).bfloat16() if a.dtype.kind == "f" else brasa.tensor(a) for a in NAMED[name]]
    got = getattr(functional, name)(*half)
    wide = getattr(functional, name)(*[x.float() if x.is_floating_point() else x for x in half])
    assert got.dtype is brasa.bfloat16
    same_bits(got, wide.bfloat16())


def test_nothing_to_average() -> None:
    """As PyTorch's: the mean of no losses is NaN, their sum 0; so is that of labels that are all ignored."""
    empty = brasa.zeros(0, 3)
    labels = brasa.zeros(0, dtype=brasa.int64)
    assert math.isnan(functional.mse_loss(empty, empty).item())
    assert functional.mse_loss(empty, empty, reduction="sum").item() == 0
    assert math.isnan(functional.cross_entropy(empty, labels).item())
    ignored = brasa.tensor([-100, -100])
    assert math.isnan(functional.cross_entropy(brasa.zeros(2, 3), ignored).item())
    assert functional.cross_entropy(brasa.zeros(2, 3), ignored, reduction="none").tolist() == [0, 0]


def test_certain_predictions() -> None:
    """Where a probability is 0 or 1 the loss is at most 100, and its slope 1e12, as PyTorch has it."""
    x = brasa.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = functional.binary_cross_entropy(x, brasa.tensor([1.0, 0.0, 0.0, 1.0]), reduction="none")
    assert loss.tolist() == [100, 100, 0, 0]
    loss.sum().backward()
    assert x.grad.tolist() == [np.float32(-1e12), np.float32(1e12), 0, 0]


def test_old_ways_to_say_the_reduction() -> None:
    x, y = brasa.tensor(X), brasa.tensor(Y)
    for options, how in (({"reduce": False}, "none"), ({"size_average": False}, "sum"), ({"reduce": True}, "mean")):
        with pytest.warns(UserWarning, match=f"reduction='{how}'"):
            old = functional.mse_loss(x, y, **options)
        same_bits(old, functional.mse_loss(x, y, reduction=how))


def test_shapes_that_differ_are_worth_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"the target \[3\] is broadcast with the input \[4, 3\]"):
        loss = functional.mse_loss(brasa.tensor(X), brasa.tensor(Y[0]))
    np.testing.assert_allclose(loss.item(), ((X - Y[0]) ** 2).mean(), rtol=1e-6)


def _labels_outside(x: Any, t: Any) -> Any:
    return functional.cross_entropy(x, t)


@pytest.mark.parametrize("compiled", [False, True])
def test_labels_outside(compiled: bool) -> None:
    """An error with the place, the number of classes and the user's line, eager and compiled."""
    call = brasa.compile(_labels_outside) if compiled else _labels_outside
    with pytest.raises(IndexError) as caught:
        call(brasa.zeros(3, 4), brasa.tensor([1, 4, 0]))
    message = str(caught.value)
    assert "is outside 0..3" in message and "(at element 1" in message
    assert isinstance(caught.value, RuntimeError)


ERRORS = [
    (lambda: f.mse_loss(brasa.tensor(X), brasa.tensor(Y), reduction="average"),
     "mse_loss: reduction must be 'none', 'mean' or 'sum', not 'average'"),
    (lambda: f.mse_loss(brasa.tensor(X), brasa.tensor(Y), weight=brasa.ones(3)),
     "mse_loss: weight has shape [3], input [4, 3]"),
    (lambda: f.mse_loss(X, brasa.tensor(Y)), "mse_loss: input must be a tensor, not ndarray"),
    (lambda: f.smooth_l1_loss(brasa.tensor(X), brasa.tensor(Y), beta=-1),
     "smooth_l1_loss: beta must not be negative, it is -1"),
    (lambda: f.huber_loss(brasa.tensor(X), brasa.tensor(Y), delta=0), "huber_loss: delta must be positive, it is 0"),
    (lambda: f.cross_entropy(brasa.tensor(X), brasa.tensor([1, 2])),
     "cross_entropy: input has shape [4, 3], target [2]: the target must have input's shape without axis 1, the "
     "classes"),
    (lambda: f.cross_entropy(brasa.tensor(X), brasa.tensor(P[:2])),
     "cross_entropy: input has shape [4, 3], the probabilities [2, 3]"),
    (lambda: f.nll_loss(brasa.tensor(X), brasa.tensor(CLASSES).int()), "nll_loss: class numbers must be i64, not i32"),
    (lambda: f.nll_loss(brasa.tensor(X), brasa.tensor(CLASSES), brasa.ones(2)),
     "nll_loss: weight has shape [2], there are 3 classes"),
    (lambda: f.cross_entropy(brasa.tensor(X), brasa.tensor(CLASSES), label_smoothing=2),
     "cross_entropy: label_smoothing must be in 0..1, not 2"),
    (lambda: f.binary_cross_entropy(brasa.tensor(P), brasa.ones(3)),
     "binary_cross_entropy: input has shape [4, 3], target [3]"),
    (lambda: f.gaussian_nll_loss(brasa.tensor(X), brasa.tensor(Y), 0 * brasa.tensor(X) - 1),
     "gaussian: a variance is negative (at element 0, test_losses.py)"),
    (lambda: f.binary_cross_entropy(brasa.tensor(P) + 1, brasa.tensor(Q)),
     "binary: a probability is not in 0..1 (at element 0, test_losses.py)"),
    (lambda: f.gaussian_nll_loss(brasa.tensor(X), brasa.tensor(Y), brasa.ones(2)),
     "gaussian_nll_loss: var has shape [2], input [4, 3]"),
    (lambda: f.multi_margin_loss(brasa.tensor(X), brasa.tensor(CLASSES), p=3),
     "multi_margin_loss: p must be 1 or 2, it is 3"),
    (lambda: f.margin_ranking_loss(brasa.tensor(X), brasa.tensor(Y), brasa.ones(3)),
     "margin_ranking_loss: all must have as many axes, they have 2, 2 and 1"),
    (lambda: f.triplet_margin_loss(brasa.tensor(X), brasa.tensor(Y), brasa.tensor(P), margin=0),
     "triplet_margin_loss: margin must be positive, it is 0"),
    (lambda: f.linear_cross_entropy(brasa.tensor(X), brasa.ones(5, 2), brasa.tensor(CLASSES)),
     "linear_cross_entropy: input has 3 features, linear_weight 2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"), ERRORS, ids=[message.split(":")[0] + str(i) for i, (_, message) in enumerate(ERRORS)]
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        call()
    assert re.sub(r"(test_losses.py):\d+", r"\1", str(caught.value).split("\n")[0]) == message


# connectionist temporal classification


def ctc(logs: Array, target: list[int], blank: int = 0) -> float:
    """Minus the log of the summed probabilities of all ways to write the target: by trying each."""
    times, classes = logs.shape
    total = -math.inf
    for way in np.ndindex(*(classes,) * times):
        letters = [c for i, c in enumerate(way) if c != blank and (i == 0 or way[i - 1] != c)]
        if letters == target:
            total = np.logaddexp(total, sum(logs[t, c] for t, c in enumerate(way)))
    return -total


TARGETS = [[1, 2], [1, 1], [], [2]]
PADDED = np.array([[1, 2], [1, 1], [2, 0], [2, 1]])
SPANS, ENDS = [4, 4, 3, 2], [2, 2, 0, 1]
SCORES = rng.standard_normal((4, 4, 3)).astype(np.float32)


def ctc_reference(x: Array) -> Array:
    logs = log_softmax(x, 2)
    return np.array([ctc(logs[: SPANS[n], n], TARGETS[n]) for n in range(4)])


def test_ctc() -> None:
    """Repeated labels, an empty target, and samples of several lengths; rows of labels, padded or one after another."""
    spans, ends = brasa.tensor(SPANS), brasa.tensor(ENDS)
    check(Case(lambda x, t: f.ctc_loss(x.log_softmax(2), t, spans, ends, reduction="none"),
               lambda x, t: ctc_reference(x), (SCORES, PADDED), compiled=False))  # fmt: skip
    check_values(Case(lambda x, t, n, m: f.ctc_loss(x.log_softmax(2), t, n, m), lambda x, t, n, m: (
        ctc_reference(x) / np.maximum(ENDS, 1)).mean(), (SCORES, PADDED, np.array(SPANS), np.array(ENDS))))  # fmt: skip
    logs = brasa.tensor(SCORES).log_softmax(2)
    flat = brasa.tensor([1, 2, 1, 1, 2])
    for lengths in ((spans, ends), (tuple(SPANS), tuple(ENDS))):
        same_bits(f.ctc_loss(logs, flat, *lengths), f.ctc_loss(logs, brasa.tensor(PADDED), spans, ends))
    one = f.ctc_loss(logs[:, 1], flat[2:4], (4,), (2,), reduction="none")
    same_bits(one, f.ctc_loss(logs, brasa.tensor(PADDED), spans, ends, reduction="none")[1])


def test_ctc_of_what_does_not_fit() -> None:
    """Three times cannot hold two equal labels and the blank between them and one more: infinite, or 0 if so wished."""
    logs = brasa.tensor(SCORES[:2, :1]).log_softmax(2).detach().requires_grad_()
    target = brasa.tensor([[1, 1]])
    assert f.ctc_loss(logs, target, (2,), (2,)).item() == math.inf
    loss = f.ctc_loss(logs, target, (2,), (2,), zero_infinity=True)
    assert loss.item() == 0
    loss.backward()
    assert not logs.grad.numpy().any()
    with pytest.raises(IndexError, match=r"is outside 0\.\.2"):
        f.ctc_loss(logs, brasa.tensor([[3]]), (2,), (1,))
