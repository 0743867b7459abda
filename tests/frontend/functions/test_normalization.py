"""Normalisations and distances against NumPy, their gradients against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brasa
from brasa.ir.errors import GradientError
from brasa.nn import functional as f
from tests.frontend.functions.harness import Case, check, check_values, same_bits

Array = Any
rng = np.random.default_rng(5)
X = rng.standard_normal((3, 4, 5)).astype(np.float32)
IMAGE = rng.standard_normal((2, 6, 3, 2)).astype(np.float32)
G, B = rng.uniform(0.5, 2, (2, 5)).astype(np.float32)
GC, BC = rng.uniform(0.5, 2, (2, 6)).astype(np.float32)
A, C = rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal((5, 3)).astype(np.float32)


def standard(x: Array, axes: tuple[int, ...], eps: float = 1e-5) -> Array:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def column(vector: Array, rank: int) -> Array:
    return vector.reshape(1, -1, *[1] * (rank - 2))


def groups(x: Array, count: int, eps: float = 1e-5) -> Array:
    return standard(x.reshape(len(x), count, -1), (2,), eps).reshape(x.shape)


def local_response(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    total = np.zeros_like(x)
    for c in range(x.shape[1]):
        window = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        total[:, c] = (window**2).sum(1)
    return x / (k + alpha * total / size) ** beta


def pairs(a: Array, b: Array, p: float) -> Array:
    return np.array([[np.linalg.norm(u - v, p) for v in b] for u in a])


def condensed(x: Array, p: float) -> Array:
    return np.array([np.linalg.norm(x[i] - x[j], p) for i in range(len(x)) for j in range(i + 1, len(x))])


CASES = [
    Case(lambda x, g, b: f.layer_norm(x, (5,), g, b), lambda x, g, b: standard(x, (2,)) * g + b, (X, G, B)),
    Case(lambda x: f.layer_norm(x, (4, 5), eps=0.1), lambda x: standard(x, (1, 2), 0.1), (X,)),
    Case(lambda x, b: f.layer_norm(x, [5], None, b), lambda x, b: standard(x, (2,)) + b, (X, B)),
    Case(lambda x, g: f.rms_norm(x, (5,), g, 1e-3),
         lambda x, g: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-3) * g, (X, G)),
    Case(lambda x: f.rms_norm(x, (4, 5)), lambda x: x / np.sqrt((x * x).mean((1, 2), keepdims=True) + 2**-23), (X,)),
    Case(lambda x, g, b: f.group_norm(x, 3, g, b), lambda x, g, b: groups(x, 3) * column(g, 4) + column(b, 4),
         (IMAGE, GC, BC)),
    Case(lambda x: f.group_norm(x, 2), lambda x: groups(x, 2), (X,)),
    Case(lambda x, g, b: f.instance_norm(x, weight=g, bias=b),
         lambda x, g, b: standard(x, (2, 3)) * column(g, 4) + column(b, 4), (IMAGE, GC, BC)),
    Case(lambda x, m, v: f.instance_norm(x, m, v, use_input_stats=False),
         lambda x, m, v: (x - column(m, 4)) / np.sqrt(column(v, 4) + 1e-5), (IMAGE, GC, BC)),
    Case(lambda x, g, b: f.batch_norm(x, None, None, g, b, training=True),
         lambda x, g, b: standard(x, (0, 2, 3)) * column(g, 4) + column(b, 4), (IMAGE, GC, BC)),
    Case(lambda x, m, v, g: f.batch_norm(x, m, v, g),
         lambda x, m, v, g: (x - column(m, 4)) / np.sqrt(column(v, 4) + 1e-5) * column(g, 4), (IMAGE, GC, BC, GC)),
    Case(lambda x: f.local_response_norm(x, 3, 0.5, 0.6, 1.5), lambda x: local_response(x, 3, 0.5, 0.6, 1.5), (IMAGE,)),
    Case(lambda x: f.local_response_norm(x, 2), lambda x: local_response(x, 2, 1e-4, 0.75, 1.0), (X,)),
    *[Case(lambda x, p=p: f.normalize(x, p, 2), lambda x, p=p: x / np.linalg.norm(x, p, 2, keepdims=True), (X,))
      for p in (1, 2, 3, np.inf)],
    Case(lambda x: f.normalize(x, eps=3.0), lambda x: x / np.maximum(np.linalg.norm(x, 2, 1, keepdims=True), 3), (X,)),
    Case(lambda a, b: f.cosine_similarity(a, b), lambda a, b: (a * b).sum(1) / (
        np.linalg.norm(a, 2, 1) * np.linalg.norm(b, 2, 1)), (X, X[::-1].copy())),
    *[Case(lambda a, b, p=p: f.pairwise_distance(a, b, p), lambda a, b, p=p: np.linalg.norm(a - b + 1e-6, p, -1),
           (X, X[0, ::-1].copy())) for p in (1, 2, 3.5, np.inf, -np.inf)],
    *[Case(lambda a, b, p=p: brasa.cdist(a, b, p), lambda a, b, p=p: pairs(a, b, p), (A, C), gradient=p > 0)
      for p in (0, 0.5, 1, 2, 3, np.inf)],
    *[Case(lambda x, p=p: brasa.pdist(x, p), lambda x, p=p: condensed(x, p), (C,), gradient=p > 0)
      for p in (0, 1, 2, 3, np.inf)],
    Case(lambda a, b, w, c: f.bilinear(a, b, w, c), lambda a, b, w, c: np.einsum("ni,oij,nj->no", a, w, b) + c,
         (A, C[:4], rng.standard_normal((2, 3, 3)).astype(np.float32), G[:2])),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_normalization(case: Case) -> None:
    check(case)


def test_native_forms_give_the_statistics() -> None:
    """Values, mean and reciprocal standard deviation, as the gradient of the plain form uses them."""

    def layer(x: Array, g: Array) -> tuple[Array, ...]:
        mean, rstd = x.mean(-1, keepdims=True), 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return (x - mean) * rstd * g, mean, rstd

    def grouped(x: Array) -> tuple[Array, ...]:
        rows = x.reshape(2, 3, -1)
        return groups(x, 3), rows.mean(-1), 1 / np.sqrt(rows.var(-1) + 1e-5)

    def batch(x: Array) -> tuple[Array, ...]:
        return standard(x, (0, 2, 3)), x.mean((0, 2, 3)), 1 / np.sqrt(x.var((0, 2, 3)) + 1e-5)

    check_values(Case(lambda x, g: brasa.native_layer_norm(x, (5,), g, None, 1e-5), layer, (X, G)))
    check_values(Case(lambda x: brasa.native_group_norm(x, None, None, 2, 6, 6, 3, 1e-5), grouped, (IMAGE,)))
    check_values(Case(lambda x: brasa.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5), batch, (IMAGE,)))
    slopes = []
    for call in (lambda x: brasa.native_layer_norm(x, (5,), None, None, 1e-5)[0], lambda x: f.layer_norm(x, (5,))):
        x = brasa.tensor(X, requires_grad=True)
        (call(x) ** 3).sum().backward()
        slopes.append(x.grad)
    same_bits(*slopes)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_normalisations_give_beside_is_detached(compiled: bool) -> None:
    def run(x: Any, g: Any) -> Any:
        batch = brasa.native_batch_norm(x, g, None, None, None, True, 0.1, 1e-5)
        return (*batch, *brasa.native_layer_norm(x, (2,), None, None, 1e-5))

    x, g = (brasa.tensor(array, requires_grad=True) for array in (IMAGE, GC))
    found = (brasa.compile(run) if compiled else run)(x, g)
    assert [each.requires_grad for each in found] == [True, False, False] * 2
    with pytest.raises(GradientError, match="does not depend on anything that requires gradients"):
        found[1].sum().backward()


@pytest.mark.parametrize("norm", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("compiled", [False, True])
def test_running_statistics(norm: str, compiled: bool) -> None:
    """They move towards the batch's mean and unbiased variance in place."""
    mean, variance = brasa.zeros(6), brasa.ones(6)
    options = {"training": True} if norm == "batch_norm" else {}

    def run(x: Any, mean: Any, variance: Any) -> Any:
        return getattr(f, norm)(x, mean, variance, momentum=0.3, **options)

    (brasa.compile(run, fullgraph=True) if compiled else run)(brasa.tensor(IMAGE), mean, variance)
    wide = IMAGE.astype(np.float64)
    if norm == "batch_norm":
        want = wide.mean((0, 2, 3)), wide.var((0, 2, 3), ddof=1)
    else:
        want = wide.mean((2, 3)).mean(0), wide.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(mean.numpy(), 0.3 * want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance.numpy(), 0.7 + 0.3 * want[1], rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["layer_norm", "rms_norm", "group_norm", "batch_norm", "normalize", "cosine_similarity"]
)
def test_half_precision_is_rounded_once(name: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "layer_norm": ((5,),), "rms_norm": ((5,),), "group_norm": (2,), "batch_norm": (None, None, None, None, True),
        "cosine_similarity": (brasa.tensor(X[::-1].copy()).bfloat16(),),
    }  # fmt: skip
    x = brasa.tensor(X).bfloat16()
    wide = [a.float() if isinstance(a, brasa.Tensor) else a for a in arguments.get(name, ())]
    same_bits(getattr(f, name)(x, *arguments.get(name, ())), getattr(f, name)(x.float(), *wide).bfloat16())


def test_gradient_at_distance_zero() -> None:
    """It is 0, not NaN."""
    for p in (0.5, 1, 1.5, 2, 3, float("inf")):
        a = brasa.tensor(A, requires_grad=True)
        brasa.cdist(a, a.detach(), p).sum().backward()
        assert np.isfinite(a.grad.numpy()).all()
    x = brasa.zeros(2, 3, requires_grad=True)
    (brasa.pdist(x).sum() + f.normalize(x).sum() + f.cosine_similarity(x, x).sum()).backward()
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("rows", [0, 1, 2, 50, 213])
def test_pairs_of_many_rows(rows: int) -> None:
    """Row numbers follow from a square root, which is right for each pair."""
    x = np.arange(rows, dtype=np.float64)[:, None] ** 2
    got = brasa.pdist(brasa.tensor(x), 1.0).numpy()
    first, second = np.triu_indices(rows, 1)
    np.testing.assert_array_equal(got, second**2 - first**2)


def test_nothing_to_normalise() -> None:
    for shape in ((0, 4, 5), (3, 4, 0)):
        assert tuple(f.layer_norm(brasa.zeros(*shape), shape[2:]).shape) == shape
    assert tuple(f.batch_norm(brasa.zeros(0, 3, 2), None, None, training=True).shape) == (0, 3, 2)
    assert brasa.cdist(brasa.zeros(2, 0), brasa.zeros(3, 0)).tolist() == [[0, 0, 0], [0, 0, 0]]


ERRORS = [
    (lambda x: f.layer_norm(x, (4,)), "layer_norm: the last sizes of f32[3,4,5] are not [4]"),
    (lambda x: f.layer_norm(x, (5,), brasa.ones(4)), "layer_norm: the sizes of weight are not [5]"),
    (lambda x: f.layer_norm(x, ()), "layer_norm: normalized_shape must have at least one size"),
    (lambda x: f.group_norm(x, 3), "group_norm: 4 channels do not divide into 3 groups"),
    (lambda x: f.group_norm(x, 2, brasa.ones(3)), "group_norm: weight has shape [3], there are 4 channels"),
    (lambda x: f.batch_norm(x, brasa.ones(2), None), "batch_norm: running_mean has shape [2], there are 4 channels"),
    (lambda x: f.batch_norm(x, None, None), "batch_norm: needs running statistics outside training"),
    (lambda x: f.batch_norm(x[:1, :, :1], None, None, training=True),
     "batch_norm: needs more than one value per channel when training, the shape is [1, 4, 1]"),
    (lambda x: f.instance_norm(x[:, :, 0]),
     "instance_norm: needs an axis of values in each channel, the shape is [3, 4]"),
    (lambda x: f.local_response_norm(x[0], 2), "local_response_norm: input must have at least 3 axes, it has 2"),
    (lambda x: brasa.cdist(x, x, -1), "cdist: p must not be negative, it is -1"),
    (lambda x: brasa.cdist(x, x[..., :2]), "cdist: rows of [3, 4, 5] and of [3, 4, 2] have no differences"),
    (lambda x: brasa.pdist(x), "pdist: input must have 2 axes, it has 3"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=range(len(ERRORS)))
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        call(brasa.tensor(X))
    assert str(caught.value).split("\n")[0] == message
