"""brasa.compile(f, passes=[...]): the user's passes run on every program, are checked, and are named in errors."""

import numpy as np
import pytest

import brasa
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Node, rewrite
from brasa.ir.ops.elementwise import add, exp, mul
from brasa.ir.ops.source import full_like

F = brasa.nn.functional


def tensor(*shape, seed=0, requires_grad=False):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return brasa.tensor(values, requires_grad=requires_grad)


def double_exponentials(graph):
    """exp(x) -> exp(x) * 2, which is seen in results and in gradients that read them."""
    return rewrite(graph, lambda node: mul(node, full_like(node, 2)) if node.op is exp else node)


def strength_reduce(graph):
    """x * 2 -> x + x, which has the same bits."""

    def change(node):
        if node.op is mul and node.operands[1].op.name == "constant" and node.operands[1].attrs["value"] == 2:
            return add(node.operands[0], node.operands[0])
        return node

    return rewrite(graph, change)


def loss_of(x):
    return (F.softmax(x, -1).exp() * 2).sum()


def test_a_pass_that_keeps_the_meaning_keeps_the_bits():
    seen = []

    def watched(graph):
        seen.append(sorted({node.op.name for node in graph.nodes}))
        return strength_reduce(graph)

    compiled = brasa.compile(loss_of, passes=[watched])
    for seed in range(6):
        x, y = tensor(3, 4, seed=seed, requires_grad=True), tensor(3, 4, seed=seed, requires_grad=True)
        results = [loss_of(x), compiled(y)]
        for result in results:
            result.backward()
        assert results[0].item() == results[1].item()
        assert x.grad.tolist() == y.grad.tolist()
    assert len(seen) == 2  # the forward and the backward, once
    assert all(not {"call", "gradient"} & set(names) for names in seen)
    assert "passes of the user's: watched" in str(brasa.explain(compiled))


def test_what_a_pass_makes_is_what_is_computed():
    def call(x):
        return x.exp() + 1

    plain, doubled = brasa.compile(call), brasa.compile(call, passes=[double_exponentials])
    for seed in range(6):  # followed and sealed
        x = tensor(5, seed=seed)
        assert plain(x).tolist() == call(x).tolist()
        assert doubled(x).tolist() == (x.exp() * 2 + 1).tolist()
    assert doubled.sealed

    @brasa.compile(passes=[double_exponentials, strength_reduce])
    def step(x):
        loss = x.exp().sum()
        loss.backward()
        return loss

    x = tensor(5, requires_grad=True)
    assert step(x).tolist() == (x.detach().exp() * 2).sum().tolist()


def no_graph(graph):
    return None


def another_type(graph):
    return Graph(graph.name, graph.inputs, graph.nodes, graph.inputs, graph.updates)


def ill_formed(graph):
    (output,) = graph.outputs
    return Graph(graph.name, graph.inputs, (Node(add, (output,), {}, output.type),), graph.outputs)


def other_inputs(graph):
    return Graph(graph.name, graph.inputs[:1], graph.nodes, graph.outputs, graph.updates)


@pytest.mark.parametrize(("bad", "message"), [
    (no_graph, "no_graph: gave a NoneType, not a Graph"),
    (another_type, r"another_type: made a program that gives f32\[x_0\], f32\[y_0\]; it gave f32\[x_0\]"),
    (ill_formed, r"ill_formed made a graph that is not well-formed \(passes before it: autodiff, inline, strength"),
    (other_inputs, "other_inputs: changed the inputs of the program, or which of them it writes to"),
])  # fmt: skip
def test_errors_name_the_pass(bad, message):
    compiled = brasa.compile(lambda x, y: x.exp() + brasa.cat([y, y])[:1], passes=[strength_reduce, bad])
    with pytest.raises(GraphError, match=message):
        compiled(brasa.ones(3), brasa.ones(2))


def test_what_is_no_pass():
    with pytest.raises(TypeError, match="compile: a pass is a function from graph to graph, not a str"):
        brasa.compile(lambda x: x, passes=["fold"])
