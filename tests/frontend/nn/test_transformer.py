"""Layers of attention and transformers: the values of formulas, gradients by differences, compiled as eager."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from tests.frontend.functions.harness import flat, same_bits
from tests.frontend.nn import judges
from tests.frontend.nn.judges import Array, arrays_of, assert_gradients
from tests.frontend.nn.training import same_after_training

RANDOM = np.random.default_rng(0)
State = dict[str, Array]


def under(state: State, name: str) -> State:
    """The part of a state that belongs to a submodule."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def attend(state: State, heads: int, query: Array, key: Array, value: Array, mask: Any = 0.0) -> tuple[Array, Array]:
    """Attention of query[t, n, e] to key and value[s, n, ...], head by head and sequence by sequence; its weights."""
    size = query.shape[2]
    bias = np.split(state.get("in_proj_bias", np.zeros(3 * size)), 3)
    parts = np.split(state["in_proj_weight"], 3) if "in_proj_weight" in state else [
        state[f"{name}_proj_weight"] for name in "qkv"]  # fmt: skip
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, value), parts, bias, strict=True))
    if "bias_k" in state:
        k, v = (np.concatenate([x, np.broadcast_to(state[f"bias_{name}"], (1, *x.shape[1:]))])
                for name, x in (("k", k), ("v", v)))  # fmt: skip
    result, seen = np.zeros(q.shape), np.zeros((q.shape[1], heads, len(q), len(k)))
    for n in range(q.shape[1]):
        for head in range(heads):
            at = slice(head * (size // heads), (head + 1) * (size // heads))
            scores = q[:, n, at] @ k[:, n, at].T / math.sqrt(size // heads) + mask
            seen[n, head] = np.exp(judges.log_softmax(scores, 1))
            result[:, n, at] = seen[n, head] @ v[:, n, at]
    return judges.linear(result, state["out_proj.weight"], state.get("out_proj.bias")), seen


def norm(state: State, x: Array) -> Array:
    """LayerNorm over the last axis."""
    return judges.normalize(x, (2,)) * state["weight"] + state.get("bias", 0.0)


def layer(state: State, module: Any, x: Array, memory: Array | None = None, mask: Any = 0.0) -> Array:
    """A layer of an encoder, or with a memory of a decoder."""

    def own(x: Array) -> Array:
        return attend(under(state, "self_attn"), 2, x, x, x, mask)[0]

    def other(x: Array) -> Array:
        assert memory is not None
        return attend(under(state, "multihead_attn"), 2, x, memory, memory)[0]

    def feed(x: Array) -> Array:
        inner = np.maximum(judges.linear(x, state["linear1.weight"], state.get("linear1.bias")), 0)
        return judges.linear(inner, state["linear2.weight"], state.get("linear2.bias"))

    for number, part in enumerate((own, feed) if memory is None else (own, other, feed), 1):
        normal = under(state, f"norm{number}")
        x = x + part(norm(normal, x)) if module.norm_first else norm(normal, x + part(x))
    return x


def array(*shape: int) -> Array:
    """Random numbers."""
    return RANDOM.standard_normal(shape)


def drawn(module: nn.Module) -> Any:
    """The module in float64, with all its parameters random: norms and biases, too."""
    for parameter in module.double().parameters():
        nn.init.uniform_(parameter, -0.7, 0.7)
    return module


@pytest.mark.parametrize("options", [
    {}, {"bias": False, "batch_first": True}, {"kdim": 3, "vdim": 5}, {"add_bias_kv": True, "kdim": 3, "vdim": 5},
])  # fmt: skip
def test_attention(options: dict[str, Any]) -> None:
    module = drawn(nn.MultiheadAttention(6, 2, **options))
    query, key, value = array(4, 3, 6), array(5, 3, module.kdim), array(5, 3, module.vdim)
    wanted, weights = attend(arrays_of(module), 2, query, key, value)

    def turned(x: Array) -> Any:
        return brasa.tensor(x.swapaxes(0, 1) if module.batch_first else x)

    given = list(map(turned, (query, key, value)))
    output, seen = module(*given, average_attn_weights=False)
    result = output.transpose(0, 1) if module.batch_first else output
    np.testing.assert_allclose(result.detach().numpy(), wanted, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(seen.detach().numpy(), weights, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(module(*given)[1].detach().numpy(), weights.mean(1), rtol=1e-11, atol=1e-12)
    alone = module(*(brasa.tensor(x[:, 1]) for x in (query, key, value)))
    np.testing.assert_allclose(alone[0].detach().numpy(), wanted[:, 1], rtol=1e-11, atol=1e-12)
    output, nothing = module(*given, need_weights=False)
    assert nothing is None
    result = output.transpose(0, 1) if module.batch_first else output
    np.testing.assert_allclose(result.detach().numpy(), wanted, rtol=1e-11, atol=1e-12)
    assert_gradients(lambda *inputs: module(*map(brasa.as_tensor, inputs))[0], *(x.numpy() for x in given))


def test_masks_hide_keys() -> None:
    module = drawn(nn.MultiheadAttention(6, 2, add_zero_attn=True))
    query, key = array(3, 2, 6), array(4, 2, 6)
    hidden = np.array([[False, False, True, True], [False, False, True, True]])
    wanted = module(brasa.tensor(query), *[brasa.tensor(key[:2])] * 2)[0].detach().numpy()
    given = (brasa.tensor(query), *[brasa.tensor(key)] * 2)
    later = np.broadcast_to(hidden[0], (3, 4))
    for masks in (
        {"key_padding_mask": brasa.tensor(hidden)}, {"attn_mask": brasa.tensor(later.copy())},
        {"attn_mask": brasa.tensor(np.where(later, -np.inf, 0.0))},
        {"attn_mask": brasa.tensor(np.broadcast_to(later, (4, 3, 4)).copy())},
        {"key_padding_mask": brasa.tensor(hidden), "attn_mask": brasa.tensor(later.copy())},
    ):  # fmt: skip
        for need in (True, False):
            result, weights = module(*given, need_weights=need, **masks)
            np.testing.assert_allclose(result.detach().numpy(), wanted, rtol=1e-11, atol=1e-12)
            assert weights is None or bool((weights[:, :, 2:4] == 0).all())


@pytest.mark.parametrize("norm_first", [False, True])
def test_layers(norm_first: bool) -> None:
    options = {"dropout": 0.0, "norm_first": norm_first, "bias": not norm_first}
    encoder = drawn(nn.TransformerEncoderLayer(6, 2, 8, **options))
    decoder = drawn(nn.TransformerDecoderLayer(6, 2, 8, **options))
    x, memory = array(3, 2, 6), array(4, 2, 6)
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=brasa.float64)
    numbers = np.triu(np.full((3, 3), -np.inf), 1)
    np.testing.assert_array_equal(mask.numpy(), numbers)
    wanted = layer(arrays_of(encoder), encoder, x, mask=numbers)
    for causal in (False, True):
        result = encoder(brasa.tensor(x), mask, is_causal=causal)
        np.testing.assert_allclose(result.detach().numpy(), wanted, rtol=1e-10, atol=1e-11)
    wanted = layer(arrays_of(decoder), decoder, x, memory, numbers)
    result = decoder(brasa.tensor(x), brasa.tensor(memory), mask)
    np.testing.assert_allclose(result.detach().numpy(), wanted, rtol=1e-10, atol=1e-11)
    assert_gradients(lambda *given: decoder(*map(brasa.as_tensor, given)), x, memory)


def test_a_stack_is_its_layers() -> None:
    single = nn.TransformerEncoderLayer(6, 2, 8, 0.0, "gelu", batch_first=True)
    stack = nn.TransformerEncoder(single, 3, nn.LayerNorm(6))
    x = brasa.tensor(array(2, 4, 6).astype(np.float32))
    assert len({id(parameter) for parameter in stack.parameters()}) == 3 * 12 + 2
    assert single.linear1.weight is not stack.layers[0].linear1.weight
    same_bits(stack(x), stack.norm(single(single(single(x)))))
    hidden = brasa.tensor([[False] * 3 + [True]] * 2)
    nn.init.zeros_(stack.layers[1].linear1.weight)
    wanted = single(stack.layers[1](single(x, None, hidden), None, hidden), None, hidden)
    same_bits(stack(x, src_key_padding_mask=hidden), stack.norm(wanted))


def test_a_transformer_is_its_encoder_and_decoder() -> None:
    module = drawn(nn.Transformer(6, 2, 2, 1, 8, 0.0, batch_first=False))
    src, tgt = array(4, 2, 6), array(3, 2, 6)
    state, memory = arrays_of(module), src
    for number, each in enumerate(module.encoder.layers):
        memory = layer(under(state, f"encoder.layers.{number}"), each, memory)
    memory = norm(under(state, "encoder.norm"), memory)
    wanted = norm(
        under(state, "decoder.norm"), layer(under(state, "decoder.layers.0"), module.decoder.layers[0], tgt, memory)
    )
    result = module(brasa.tensor(src), brasa.tensor(tgt))
    np.testing.assert_allclose(result.detach().numpy(), wanted, rtol=1e-10, atol=1e-11)
    custom = nn.Transformer(6, custom_encoder=module.encoder, custom_decoder=module.decoder)
    same_bits(custom(brasa.tensor(src), brasa.tensor(tgt)), module(brasa.tensor(src), brasa.tensor(tgt)))


STEPS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MultiheadAttention": (lambda: nn.MultiheadAttention(6, 2, 0.1), (0, 1, 1)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(6, 2, 8), (0,)),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(6, 2, 8, norm_first=True), (0, 1)),
    "Transformer": (lambda: nn.Transformer(6, 2, 1, 1, 8, 0.1, nn.GELU(), batch_first=True), (0, 0)),
}


@pytest.mark.parametrize(
    "name", [*list(STEPS)[:3], *(pytest.param(name, marks=pytest.mark.long) for name in list(STEPS)[3:])]
)
def test_training_compiles_to_the_same_bits(name: str) -> None:
    make, places = STEPS[name]
    inputs = [brasa.tensor(array(length, 2, 6).astype(np.float32)) for length in (3, 4)]
    same_after_training(make, *(inputs[place] for place in places))


def test_one_program_for_all_lengths_even_1() -> None:
    module = nn.MultiheadAttention(64, 2, batch_first=True)
    run = brasa.compile(module)
    for length in (3, 1, 5):
        x, y = (brasa.tensor(array(2, size, 64).astype(np.float32)) for size in (4, length))
        for one, other in zip(flat(run(x, y, y)), flat(module(x, y, y)), strict=True):
            same_bits(one, other)


def test_initial_weights() -> None:
    brasa.manual_seed(0)
    attention = nn.MultiheadAttention(64, 2, add_bias_kv=True)
    bounds = {"in_proj_weight": math.sqrt(6 / (4 * 64)), "out_proj.weight": 1 / 8}
    for name, bound in bounds.items():
        values = np.sort(attention.get_parameter(name).detach().numpy().ravel())
        even = (np.arange(len(values)) + 0.5) / len(values)
        assert abs((values + bound) / (2 * bound) - even).max() < 1.95 / math.sqrt(len(values))
    assert not attention.in_proj_bias.any() and not attention.out_proj.bias.any()
    assert 0.7 < attention.bias_k.std().item() / math.sqrt(2 / (64 + 64)) < 1.3
    module = nn.Transformer(32, 2, 1, 1, 16)
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            bound = math.sqrt(6 / sum(parameter.shape))
            assert 0.9 * bound < parameter.abs().max().item() <= bound, name


ERRORS: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "MultiheadAttention: embed_dim must be divisible by num_heads":
        (lambda: nn.MultiheadAttention(5, 2), AssertionError),
    "MultiheadAttention: embed_dim and num_heads must be greater than 0, got embed_dim=0 and num_heads=2 instead":
        (lambda: nn.MultiheadAttention(0, 2), ValueError),
    "TransformerEncoderLayer: activation should be relu/gelu, not silu":
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="silu"), RuntimeError),
    "Transformer: the batch number of src and tgt must be equal":
        (lambda: nn.Transformer(4, 2, 1, 1, 4)(brasa.ones(3, 2, 4), brasa.ones(3, 1, 4)), RuntimeError),
    "Transformer: the feature number of src and tgt must be equal to d_model":
        (lambda: nn.Transformer(4, 2, 1, 1, 4)(brasa.ones(3, 2, 4), brasa.ones(3, 2, 5)), RuntimeError),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    call, kind = ERRORS[message]
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
