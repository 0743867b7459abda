"""Programs traced from the types of their inputs."""

from __future__ import annotations

import pytest

import brasa
from brasa import Tensor, nn
from brasa.capture.outline import outline
from brasa.ir.errors import ArgumentError, BrasaError, ShapeError
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse, parse_types
from brasa.ir.verify import verify
from brasa.nn import functional as F


def trace(target: object, types: str = "", train: bool = False) -> str:
    """The program's graph as text that parses back."""
    graph = verify(outline(target, parse_types(types) if types else [], train))
    assert str(parse(str(graph), OPS)) == str(graph)
    return str(graph).split("\n\n")[-1]


def test_inputs_have_the_names_of_parameters_and_sizes() -> None:
    assert trace(lambda left, *rest: left + rest[0] + rest[1], "f32[n], f32[n], f32[1]").startswith(
        "graph lambda(left: f32[n], rest0: f32[n], rest1: f32[1]) {"
    )


def test_modules_have_roles_and_paths() -> None:
    head = trace(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm2d(2)).eval()[0], "f32[n,4]").splitlines()[0]
    assert 'weight: f32[3,4] param "weight"' in head
    text = trace(nn.BatchNorm2d(2), "f32[n,2,5,5]")
    assert 'running_mean: f32[2] buffer "running_mean"' in text
    assert "into running_mean" not in text


def test_training_mode_writes_buffers() -> None:
    text = trace(nn.BatchNorm2d(2), "f32[n,2,5,5]", train=True)
    assert "into running_mean" in text
    assert "into num_batches_tracked" in text
    assert text.count("item(") >= 2


def test_gradients_of_parameters() -> None:
    graph = outline(nn.Linear(4, 3), parse_types("f32[n,4]"), train=True)
    assert [str(node.type) for node in graph.outputs] == ["f32[n,3]", "f32[3,4]", "f32[3]"]
    assert [node.attrs["name"] for node in graph.inputs][-1] == "grad0"


def test_gradients_of_a_functions_inputs() -> None:
    graph = outline(lambda x, i: brasa.gather(x, 1, i), parse_types("f32[n,4], i64[n,m]"), train=True)
    assert [str(node.type) for node in graph.outputs] == ["f32[n,m]", "f32[n,4]"]


def test_a_training_step_is_one_graph() -> None:
    model = nn.Linear(4, 3)
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    before = model.weight.detach().clone()
    text = trace(step, "f32[n,4], i64[n]")
    assert "gradient(" in text
    assert text.count(" into ") == 2
    assert brasa.all(model.weight == before).item()


def test_composites_have_no_lines_of_their_own() -> None:
    calling = str(outline(lambda x: brasa.softmax(x, 1), parse_types("f32[n,4]")))
    assert calling.count("# test_outline.py:") == 1


@pytest.mark.parametrize(
    ("target", "types", "kind", "message"),
    [
        (lambda x, y: x, "f32[n]", ArgumentError, "missing a required argument: 'y'"),
        (lambda x: x, "f32[n], f32[n]", ArgumentError, "too many positional arguments"),
        (lambda x: x @ x, "f32[3,4]", ShapeError, "matmul"),
        (lambda x: 1.0 if x.sum() > 0 else x, "f32[n]", BrasaError, "a value is needed while the program is traced"),
    ],
)
def test_mistakes(target: object, types: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        outline(target, parse_types(types))


def test_nothing_to_differentiate() -> None:
    with pytest.raises(BrasaError, match="nothing in this program has a gradient"):
        outline(lambda x: x + 1, parse_types("i64[n]"), train=True)
