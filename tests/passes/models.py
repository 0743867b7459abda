"""Graphs of real layers, written with ops: what fusion is for."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.ir.dim import Size, product, symbol
from brasa.ir.dtype import float32, int64
from brasa.ir.graph import Graph, Node, graph_of
from brasa.ir.ops import OPS
from brasa.ir.ops.control import gradient, items
from brasa.ir.ops.source import full_like, make_input
from brasa.ir.types import TensorType


def tensor(name: str, *shape: Size, role: str = "") -> Node:
    """A float32 input."""
    return make_input(name, TensorType(shape, float32), role=role)


def op(name: str, *operands: Node, **attrs: object) -> Node:
    """The op of that name, operands broadcast to the shape of the largest rank."""
    if OPS[name].kind == "elementwise":
        shape = max((x.tensor.shape for x in operands), key=lambda s: (len(s), sum(n != 1 for n in s)))
        operands = tuple(x if x.tensor.shape == shape else OPS["expand"](x, shape=shape) for x in operands)
    return OPS[name](*operands, **attrs)


def mean(x: Node, axes: tuple[int, ...]) -> Node:
    """The mean with its axes kept."""
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.tensor.shape))
    total = op("reshape", op("sum", x, axes=axes), shape=kept)
    count = product(x.tensor.shape[axis] for axis in axes)
    if not isinstance(count, int):
        return op("mul", total, full_like(total, 1 / 64))
    return op("div", total, full_like(total, float(count)))


def rows(x: Node, name: str) -> Node:
    """A reduction over the last axis, kept."""
    last = x.tensor.rank - 1
    return op("reshape", op(name, x, axes=(last,)), shape=(*x.tensor.shape[:-1], 1))


def softmax(x: Node) -> Node:
    raised = op("exp", op("sub", x, op("stop_gradient", rows(x, "max"))))
    total = rows(raised, "sum")
    return op("mul", raised, op("div", full_like(total, 1.0), total))


def log_softmax(x: Node) -> Node:
    shifted = op("sub", x, op("stop_gradient", rows(x, "max")))
    return op("sub", shifted, op("log", rows(op("exp", shifted), "sum")))


def normalize(x: Node, axes: tuple[int, ...], weight: Node, bias: Node) -> Node:
    """Layer or batch normalisation; weight and bias broadcast."""
    gap = op("sub", x, mean(x, axes))
    spread = mean(op("mul", gap, gap), axes)
    root = op("sqrt", op("add", spread, full_like(spread, 1e-5)))
    return op("add", op("mul", op("mul", gap, op("div", full_like(root, 1.0), root)), weight), bias)


def gelu(x: Node) -> Node:
    half, root = full_like(x, 0.5), full_like(x, 0.7071067811865476)
    return op("mul", op("mul", x, half), op("add", op("erf", op("mul", x, root)), full_like(x, 1.0)))


def relu(x: Node) -> Node:
    return op("maximum", x, full_like(x, 0.0))


def linear(x: Node, weight: Node, bias: Node) -> Node:
    """x[..., i] by weight[o, i]."""
    flat = x
    if x.tensor.rank > 2:
        flat = op("reshape", x, shape=(product(x.tensor.shape[:-1]), x.tensor.shape[-1]))
    result = op("add", op("matmul", flat, op("permute", weight, axes=(1, 0)), order="dot"), bias)
    return op("reshape", result, shape=(*x.tensor.shape[:-1], weight.tensor.shape[0]))


def cross_entropy(x: Node, target: Node) -> Node:
    """The mean over rows of minus the log-probability of the target class."""
    places = op("reshape", target, shape=(*target.tensor.shape, 1))
    picked = op("neg", op("gather", log_softmax(x), places, axis=1))
    return op("reshape", mean(picked, (0, 1)), shape=())


class Parameters:
    """Inputs that a model asks for, in order."""

    def __init__(self) -> None:
        self.made: list[Node] = []

    def __call__(self, *shape: Size) -> Node:
        self.made.append(tensor(f"p{len(self.made)}", *shape, role="param"))
        return self.made[-1]


def attention_block(x: Node, parameter: Parameters, heads: int) -> Node:
    """One layer of a transformer with normalisation first."""
    batch, length, width = x.tensor.shape
    normal = normalize(x, (2,), parameter(width), parameter(width))
    parts = []
    for _ in range(3):
        flat = linear(normal, parameter(width, width), parameter(width))
        split = op("reshape", flat, shape=(batch, length, heads, width // heads))
        parts.append(op("permute", split, axes=(0, 2, 1, 3)))
    query, key, value = parts
    scores = op("matmul", query, op("permute", key, axes=(0, 1, 3, 2)), order="dot")
    scores = op("mul", scores, full_like(scores, 0.125))
    mixed = op("matmul", softmax(scores), value, order="chain")
    joined = op("reshape", op("permute", mixed, axes=(0, 2, 1, 3)), shape=(batch, length, width))
    x = op("add", x, linear(joined, parameter(width, width), parameter(width)))
    normal = normalize(x, (2,), parameter(width), parameter(width))
    inner = gelu(linear(normal, parameter(4 * width, width), parameter(4 * width)))
    return op("add", x, linear(inner, parameter(width, 4 * width), parameter(width)))


def transformer(layers: int = 2, length: Size = 16) -> Graph:
    """A training step of a small transformer that classifies sequences: loss and new parameters."""
    parameter, batch, width = Parameters(), symbol("batch"), 32
    x = tensor("x", batch, length, width)
    target = make_input("target", TensorType((batch,), int64))
    hidden = x
    for _ in range(layers):
        hidden = attention_block(hidden, parameter, 4)
    summed = op("sum", hidden, axes=(1,))
    loss = cross_entropy(linear(summed, parameter(10, width), parameter(10)), target)
    return trained("step", (x, target), parameter.made, loss)


def perceptron(batch: Size = 64) -> Graph:
    """A training step of a perceptron with two hidden layers."""
    parameter = Parameters()
    x, target = tensor("x", batch, 784), make_input("target", TensorType((batch,), int64))
    hidden = relu(linear(x, parameter(512, 784), parameter(512)))
    hidden = relu(linear(hidden, parameter(512, 512), parameter(512)))
    loss = cross_entropy(linear(hidden, parameter(10, 512), parameter(10)), target)
    return trained("step", (x, target), parameter.made, loss)


def convolutional() -> Graph:
    """A training step of a convolution with batch normalisation, ReLU, pooling and a linear layer."""
    parameter, batch = Parameters(), symbol("n")
    x, target = tensor("x", batch, 3, 32, 32), make_input("target", TensorType((batch,), int64))
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    hidden = op("conv", x, parameter(8, 3, 3, 3), groups=1, **options)
    hidden = relu(normalize(hidden, (0, 2, 3), parameter(1, 8, 1, 1), parameter(1, 8, 1, 1)))
    window = {"window": (2, 2), "positions": (16, 16), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    hidden = op("window_max", hidden, **window)
    flat = op("reshape", hidden, shape=(batch, 8 * 16 * 16))
    loss = cross_entropy(linear(flat, parameter(10, 8 * 16 * 16), parameter(10)), target)
    return trained("step", (x, target), parameter.made, loss)


def trained(name: str, inputs: Sequence[Node], parameters: Sequence[Node], loss: Node) -> Graph:
    """The graph of the loss and of the parameters less a little of their gradients, in place."""
    slopes = items(gradient(loss, full_like(loss, 1.0), *parameters, outputs=1))
    if len(parameters) == 1:
        slopes = (OPS["item"](slopes[0], index=0),)
    rate = tensor("rate", role="number")
    news = [op("sub", p, op("mul", g, rate)) for p, g in zip(parameters, slopes, strict=True)]
    outputs = (loss, *news)
    graph = graph_of(name, (*inputs, *parameters, rate), outputs)
    updates = tuple((1 + i, len(inputs) + i) for i in range(len(parameters)))
    return Graph(graph.name, graph.inputs, graph.nodes, outputs, updates)
