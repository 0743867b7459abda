"""Attention against NumPy in all its forms, its first and second gradients; the layer with several heads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.nn import functional as f
from tests.frontend.functions.harness import Case, check, same_bits

Array = Any
attend = f.scaled_dot_product_attention
rng = np.random.default_rng(2)


def draw(*shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def attention(
    q: Array, k: Array, v: Array, mask: Array = None, causal: bool = False, scale: float | None = None
) -> Array:
    """In full; rows that see nothing give 0."""
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    raised = np.exp(scores - np.where(np.isinf(top), 0, top))
    total = raised.sum(-1, keepdims=True)
    return raised / np.where(total == 0, 1, total) @ v


Q, K, V = draw(2, 3, 5, 4), draw(2, 3, 7, 4), draw(2, 3, 7, 6)
SEEN = rng.random((2, 1, 5, 7)) < 0.6
SEEN[0, 0, 2] = False  # a query that sees nothing
ADDED = draw(5, 7)
LONG = [draw(1, 2, n, 8) for n in (70, 131, 131)]
SHARED = [draw(2, n, 5, 4) for n in (6, 2, 2)]

CASES = [
    Case(lambda q, k, v: attend(q, k, v), attention, (Q, K, V)),
    Case(lambda q, k, v: attend(q, k, v, scale=0.3), lambda q, k, v: attention(q, k, v, scale=0.3), (Q, K, V)),
    Case(lambda q, k, v: attend(q, k, v, is_causal=True), lambda q, k, v: attention(q, k, v, causal=True), (Q, K, V)),
    Case(lambda q, k, v, m: attend(q, k, v, m), attention, (Q, K, V, SEEN)),
    Case(lambda q, k, v, m: attend(q, k, v, m), attention, (Q, K, V, ADDED)),
    Case(lambda q, k, v: attend(q, k, v, is_causal=True), lambda q, k, v: attention(q, k, v, causal=True), LONG),
    Case(lambda q, k, v: attend(q, k, v, is_causal=True),
         lambda q, k, v: attention(q, k, v, causal=True), (LONG[1], LONG[0], LONG[0] + 1)),
    Case(lambda q, k, v: attend(q, k, v), attention, (Q[0, 0], K[0, 0], V[0, 0])),
    Case(lambda q, k, v: attend(q, k, v), attention, (Q, K[:, :1], V[:1])),
    Case(lambda q, k, v: attend(q, k, v, enable_gqa=True),
         lambda q, k, v: attention(q, np.repeat(k, 3, 1), np.repeat(v, 3, 1)), SHARED),
    Case(lambda q, k, v: attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2),
         lambda q, k, v: attention(*(x.swapaxes(1, 2) for x in (q, k, v))).swapaxes(1, 2), (Q, Q[:, :, ::-1], Q + 1)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_attention(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "options", [{}, {"is_causal": True}, {"attn_mask": brasa.tensor(SEEN)}], ids=["plain", "causal", "masked"]
)
def test_gradients_of_the_gradients(options: Any) -> None:
    """Along random directions: how the gradients change, by backward of them and by finite differences."""
    arrays = [x.astype(np.float64) for x in (Q, K, V)]
    ways = [rng.standard_normal(x.shape) for x in arrays]
    slope, weights = rng.standard_normal((2, 3, 5, 6)), [rng.standard_normal(x.shape) for x in arrays]

    def total(by: float) -> tuple[Any, list[Any]]:
        inputs = [brasa.tensor(x + by * way, requires_grad=True) for x, way in zip(arrays, ways, strict=True)]
        first = brasa.autograd.grad((attend(*inputs, **options) * brasa.tensor(slope)).sum(), inputs, create_graph=True)
        return sum((g * brasa.tensor(w)).sum() for g, w in zip(first, weights, strict=True)), inputs

    value, inputs = total(0)
    value.backward()
    along = sum(float((x.grad.numpy() * way).sum()) for x, way in zip(inputs, ways, strict=True))
    step = 1e-5
    np.testing.assert_allclose(along, (total(step)[0].item() - total(-step)[0].item()) / (2 * step), rtol=1e-6)


def test_one_program_for_all_lengths() -> None:
    """Lengths are sizes at run time; a row's result depends on neither the number of rows nor that of threads."""
    run = brasa.compile(lambda q, k, v: attend(q, k, v), fullgraph=True)
    k, v = brasa.tensor(draw(2, 150, 16)), brasa.tensor(draw(2, 150, 16))
    q = brasa.tensor(draw(2, 100, 16))
    whole = attend(q, k, v)
    threads = brasa.get_num_threads()
    for rows in (1, 5, 64, 100):
        for count in (1, 2):
            brasa.set_num_threads(count)
            same_bits(run(q[:, :rows], k, v), whole[:, :rows].contiguous())
    brasa.set_num_threads(threads)
    for columns in (1, 63, 65, 128):
        same_bits(run(q, k[:, :columns], v[:, :columns]), attend(q, k[:, :columns], v[:, :columns]))


def test_half_precision_is_rounded_once() -> None:
    half = [brasa.tensor(x).bfloat16() for x in (Q, K, V)]
    same_bits(attend(*half), attend(*(x.float() for x in half)).bfloat16())


def test_dropout() -> None:
    """The chance and the sum are right, the numbers the same compiled, and the gradient is that of the same weights."""
    q, k, v = (brasa.tensor(x) for x in (draw(4, 100, 8), draw(4, 120, 8), np.ones((4, 120, 1), np.float32)))
    brasa.manual_seed(1)
    dropped = attend(q, k, v, dropout_p=0.4)
    assert abs(dropped.mean().item() - 1) < 0.02 and dropped.std().item() > 0.05
    brasa.manual_seed(1)
    same_bits(dropped, brasa.compile(lambda q, k, v: attend(q, k, v, dropout_p=0.4), fullgraph=True)(q, k, v))
    assert not attend(q, k, v, dropout_p=1.0).numpy().any()

    def seeded(*inputs: Any) -> Any:
        brasa.manual_seed(3)
        return attend(*inputs, dropout_p=0.3)

    check(Case(seeded, lambda *_: seeded(*map(brasa.tensor, (Q, K, V))).numpy(), (Q, K, V), compiled=False))


def test_nothing_to_see() -> None:
    assert (
        attend(brasa.ones(2, 3, 4), brasa.ones(2, 0, 4), brasa.ones(2, 0, 5)).tolist() == np.zeros((2, 3, 5)).tolist()
    )
    assert tuple(attend(brasa.ones(2, 0, 4), brasa.ones(2, 3, 4), brasa.ones(2, 3, 5)).shape) == (2, 0, 5)


# several heads

D, HEADS = 6, 2
IN, OUT = draw(3 * D, D), draw(D, D)
IN_BIAS, OUT_BIAS = draw(3 * D), draw(D)
BIAS_K, BIAS_V = draw(1, 1, D), draw(1, 1, D)
T, S, N = 3, 4, 2
QUERY, KEY = draw(T, N, D), draw(S, N, D)
PADDING = np.array([[False, False, True, False], [False, True, False, False]])
HIDDEN = np.triu(np.ones((T, S), bool), 2)


def heads(
    query: Array, key: Array, hidden: Array = None, padding: Array = None, extra: bool = False, zero: bool = False
) -> tuple[Array, Array]:
    """The layer's result, and each head's weights [n, heads, t, s]."""
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, key), np.split(IN, 3), np.split(IN_BIAS, 3), strict=True))
    t, n, _ = q.shape
    mask = np.zeros((n, 1, t, len(key)))
    if hidden is not None:
        mask = mask + np.where(hidden, -np.inf, 0)
    if padding is not None:
        mask = mask + np.where(padding, -np.inf, 0)[:, None, None]
    for flag, k_row, v_row in ((extra, BIAS_K, BIAS_V), (zero, 0 * BIAS_K, 0 * BIAS_V)):
        if flag:
            k, v = (np.concatenate([x, np.repeat(row, n, 1)]) for x, row in ((k, k_row), (v, v_row)))
            mask = np.concatenate([mask, np.zeros((n, 1, t, 1))], -1)
    q, k, v = (x.reshape(len(x), n, HEADS, -1).transpose(1, 2, 0, 3) for x in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(D / HEADS) + mask
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return (weights @ v).transpose(2, 0, 1, 3).reshape(t, n, D) @ OUT.T + OUT_BIAS, weights


def layer(query: Any, key: Any, **options: Any) -> Any:
    given = {"bias_k": None, "bias_v": None, "add_zero_attn": False, **options}
    weights = {"in_proj_weight": IN, "in_proj_bias": IN_BIAS, "out_proj_weight": OUT, "out_proj_bias": OUT_BIAS}
    tensors = {name: brasa.tensor(x) if isinstance(x, np.ndarray) else x for name, x in (weights | given).items()}
    return f.multi_head_attention_forward(query, key, key, D, HEADS, dropout_p=0.0, **tensors)


@pytest.mark.parametrize("options", [
    {}, {"hidden": HIDDEN}, {"padding": PADDING}, {"hidden": HIDDEN, "padding": PADDING, "extra": True, "zero": True},
], ids=["plain", "hidden", "padding", "all"])  # fmt: skip
def test_several_heads(options: Any) -> None:
    """With the weights, their mean, and without them, where the weights are never all in memory."""
    names = {"hidden": "attn_mask", "padding": "key_padding_mask", "zero": "add_zero_attn"}
    given = {names[name]: value for name, value in options.items() if name in names}
    if "extra" in options:
        given |= {"bias_k": BIAS_K, "bias_v": BIAS_V}
    want, weights = heads(QUERY.astype(np.float64), KEY.astype(np.float64), **options)
    query, key = brasa.tensor(QUERY), brasa.tensor(KEY)
    for more, shown in (
        ({}, weights.mean(1)),
        ({"average_attn_weights": False}, weights),
        ({"need_weights": False}, None),
    ):
        result, seen = layer(query, key, **given, **more)
        np.testing.assert_allclose(result.numpy(), want, rtol=1e-4, atol=1e-5)
        assert (seen is None) == (shown is None)
        if seen is not None:
            np.testing.assert_allclose(seen.numpy(), shown, rtol=1e-4, atol=1e-6)


def test_one_sample_needs_no_batch() -> None:
    single, seen = layer(brasa.tensor(QUERY[:, 0]), brasa.tensor(KEY[:, 0]))
    both, all_seen = layer(brasa.tensor(QUERY[:, :1]), brasa.tensor(KEY[:, :1]))
    same_bits(single, both[:, 0].contiguous())
    same_bits(seen, all_seen[0].contiguous())


def test_projections_of_their_own() -> None:
    q, k, v = np.split(IN, 3)
    own = {
        "in_proj_weight": None,
        "use_separate_proj_weight": True,
        "q_proj_weight": q,
        "k_proj_weight": k,
        "v_proj_weight": v,
    }
    query, key = brasa.tensor(QUERY), brasa.tensor(KEY)
    same_bits(layer(query, key, **own)[0], layer(query, key)[0])


ERRORS = [
    (lambda q, k, v: attend(q, k, v[:, :, :3]),
     "scaled_dot_product_attention: query [2, 3, 5, 4], key [2, 3, 7, 4] and "
     "value [2, 3, 3, 6] do not fit"),
    (lambda q, k, v: attend(q, k.double(), v), "scaled_dot_product_attention: query, key and value must have one dtype "
     "of floats, they have f32, f64 and f32"),
    (lambda q, k, v: attend(q, k, v, brasa.ones(5, 7), is_causal=True),
     "scaled_dot_product_attention: a mask and is_causal cannot both be given"),
    (lambda q, k, v: attend(q, k, v, brasa.ones(5, 7).int()),
     "scaled_dot_product_attention: attn_mask must be bool or f32, it is i32"),
    (lambda q, k, v: attend(q, k, v, dropout_p=2), "scaled_dot_product_attention: dropout_p must be in 0..1, it is 2"),
    (lambda q, k, v: attend(q, k[:, :2], v[:, :2], enable_gqa=True),
     "scaled_dot_product_attention: 3 heads of queries do not divide among 2 of keys and values"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=range(len(ERRORS)))
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        call(*map(brasa.tensor, (Q, K, V)))
    assert str(caught.value).split("\n")[0] == message
