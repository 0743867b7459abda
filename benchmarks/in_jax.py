"""Models in JAX: the modules of benchmarks.models as functions of their weights, jitted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.row import Program

Weights = dict[str, Any]


def load() -> Any:
    """JAX, which computes products in full precision."""
    jax = import_module("jax")
    jax.config.update("jax_default_matmul_precision", "highest")
    return jax


def array(jax: Any, tensor: Any) -> Any:
    """A tensor's values as JAX's array; bfloat16 stays what it is."""
    if str(tensor.dtype).endswith("bfloat16"):
        return jax.numpy.asarray(tensor.float().numpy()).astype(jax.numpy.bfloat16)
    return jax.numpy.asarray(np.array(tensor.detach().numpy()))


def inference(jax: Any, program: Program) -> Callable[[], Any]:
    """A call of the model."""
    weights, (x,) = _weights(jax, program.model), [array(jax, argument) for argument in program.arguments]
    function = jax.jit(partial(_apply, jax, program.model, prefix="", training=False))
    return lambda: function(weights, x).block_until_ready()


def training(jax: Any, program: Program) -> Callable[[], Any]:
    """A training step like that of benchmarks.models; the statistics of batch norms are not kept up."""
    weights, numpy = _weights(jax, program.model), jax.numpy
    inputs = [array(jax, argument) for argument in program.arguments]
    forward = partial(_apply, jax, program.model, prefix="", training=True)

    def loss(weights: Weights, x: Any, *y: Any) -> Any:
        result = forward(weights, x)
        if not y:
            return (result * result).mean()
        return -numpy.take_along_axis(jax.nn.log_softmax(result), y[0][:, None], 1).mean()

    def update(weights: Weights, momenta: Weights, *inputs: Any) -> tuple[Weights, Weights, Any]:
        value, gradients = jax.value_and_grad(loss)(weights, *inputs)
        momenta = jax.tree.map(lambda m, g: 0.9 * m + g, momenta, gradients)
        return jax.tree.map(lambda w, m: w - 1e-4 * m, weights, momenta), momenta, value

    compiled = jax.jit(update, donate_argnums=(0, 1))
    state = [weights, jax.tree.map(numpy.zeros_like, weights)]

    def step() -> Any:
        state[0], state[1], value = compiled(*state, *inputs)
        return value.block_until_ready()

    return step


def _weights(jax: Any, model: Any) -> Weights:
    return {name: array(jax, value) for name, value in model.state_dict().items() if "num_batches" not in name}


def _apply(jax: Any, model: Any, weights: Weights, x: Any, *, prefix: str, training: bool) -> Any:
    """What a module computes, by the name of its class."""
    name = type(model).__name__
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](jax, x)
    if name == "Sequential":
        for child, part in model.named_children():
            x = _apply(jax, part, weights, x, prefix=f"{prefix}{child}.", training=training)
        return x

    def apply(child: str, x: Any) -> Any:
        return _apply(jax, getattr(model, child), weights, x, prefix=f"{prefix}{child}.", training=training)

    if name == "Residual":
        return apply("body", x) + apply("shortcut", x)
    if name == "Attention":
        return apply("outer", _attention(jax, apply("inner", x), model.heads, model.causal))
    if name == "Embeddings":
        words, places = weights[f"{prefix}word.weight"], weights[f"{prefix}place.weight"]
        return apply("norm", words[x] + places[: x.shape[1]])
    if name == "BatchNorm2d":
        return _batch_norm(jax, model, weights, x, prefix, training)
    own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    return _LAYERS[name](jax, model, own, x)


def _max_pool(jax: Any, x: Any) -> Any:
    return jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "ReLU": lambda jax, x: jax.nn.relu(x),
    "GELU": lambda jax, x: jax.nn.gelu(x, approximate=False),
    "Identity": lambda jax, x: x,
    "Flatten": lambda jax, x: x.reshape(x.shape[0], -1),
    "AdaptiveAvgPool2d": lambda jax, x: x.mean((2, 3), keepdims=True),
    "MaxPool2d": _max_pool,
}


def _linear(jax: Any, model: Any, own: Weights, x: Any) -> Any:
    return x @ own["weight"].T + own["bias"]


def _convolve(jax: Any, model: Any, own: Weights, x: Any) -> Any:
    padding = [(size, size) for size in model.padding]
    y = jax.lax.conv_general_dilated(x, own["weight"], model.stride, padding)
    return y + own["bias"][:, None, None] if "bias" in own else y


def _layer_norm(jax: Any, model: Any, own: Weights, x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    normal = centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + model.eps)
    return normal * own["weight"] + own["bias"]


def _lstm(jax: Any, model: Any, own: Weights, x: Any) -> Any:
    lstm, numpy = model.lstm, jax.numpy
    weights = {name.removeprefix("lstm."): value for name, value in own.items()}
    inner = x @ weights["weight_ih_l0"].T + weights["bias_ih_l0"] + weights["bias_hh_l0"]

    def step(carry: Any, inner: Any) -> Any:
        h, c = carry
        i, f, g, o = numpy.split(inner + h @ weights["weight_hh_l0"].T, 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * numpy.tanh(g)
        h = jax.nn.sigmoid(o) * numpy.tanh(c)
        return (h, c), h

    start = numpy.zeros((x.shape[1], lstm.hidden_size))
    return jax.lax.scan(step, (start, start), inner)[1]


_LAYERS: dict[str, Callable[..., Any]] = {
    "Linear": _linear,
    "Conv2d": _convolve,
    "LayerNorm": _layer_norm,
    "Recurrent": _lstm,
}


def _attention(jax: Any, inner: Any, heads: int, causal: bool) -> Any:
    n, t, _ = inner.shape
    q, k, v = inner.reshape(n, t, 3, heads, -1).transpose(2, 0, 1, 3, 4)
    return jax.nn.dot_product_attention(q, k, v, is_causal=causal).reshape(n, t, -1)


def _batch_norm(jax: Any, model: Any, weights: Weights, x: Any, prefix: str, training: bool) -> Any:
    def own(name: str) -> Any:
        return weights[prefix + name][:, None, None]

    mean, variance = (x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)) if training else (
        own("running_mean"), own("running_var")
    )  # fmt: skip
    return (x - mean) * jax.lax.rsqrt(variance + model.eps) * own("weight") + own("bias")
