"""brasa.explain says how a compiled function runs, for which sizes, and what made it compile again."""

from __future__ import annotations

import re
from typing import Any

import pytest

import brasa
from brasa import nn

SCALE = {"v": 1.0}


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 3), nn.Linear(12, 2)

    def forward(self, images: brasa.Tensor) -> brasa.Tensor:
        found = nn.functional.max_pool2d(self.first(images), 2)
        return self.last(self.second(found).view(-1, 12))


def scaled(x: brasa.Tensor) -> brasa.Tensor:
    return (x * SCALE["v"]).sum()


def branching(x: brasa.Tensor, best: float) -> brasa.Tensor:
    doubled = x * 2
    if x.shape[0] > 8:
        doubled = doubled + 1
    return doubled * 3 if doubled.sum().item() > best else doubled.exp()


def line_of(text: str) -> int:
    """The number of the line of this file that holds the text."""
    with open(__file__) as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


def test_a_model_of_images_takes_every_batch() -> None:
    """view(-1, n) fixes the sizes of what is pooled, not those of the images, nor how many there are."""
    compiled = brasa.compile(Network())
    assert str(brasa.explain(compiled)) == "Network is not called yet"
    for batch in (4, 1, 7):
        compiled(brasa.ones(batch, 1, 10, 10))
    found = brasa.explain(compiled)
    assert found.way == "followed"
    assert len(found.programs) == 1
    sides = [f"10 <= images.shape[{axis}] <= 11" for axis in (2, 3)]
    assert found.constraints == ("images.shape[1] == 1", *sides)
    assert "any images.shape[0], images.shape[2], images.shape[3]\n" in str(found)
    compiled(brasa.ones(2, 1, 11, 10))
    assert brasa.explain(compiled).turns == ()
    compiled(brasa.ones(2, 1, 8, 14))
    line = line_of("self.second(found).view")
    expected = f"test_explain.py:{line}: images.shape[2]//2 == 4 where there was images.shape[2]//2 == 5"
    assert brasa.explain(compiled).turns == (expected,)


def test_a_sealed_function_says_what_changed() -> None:
    compiled = brasa.compile(scaled)
    for _ in range(6):
        compiled(brasa.ones(3))
    found = brasa.explain(compiled)
    assert found.way == "sealed"
    assert found.sealed[0].facts >= 2
    assert found.changes == ()
    SCALE["v"] = 2.0
    compiled(brasa.ones(3))
    line = line_of('(x * SCALE["v"]).sum()')
    assert brasa.explain(compiled).changes == (f"v was 1.0 and is 2.0 (read at test_explain.py:{line})",)
    assert "compiled again" not in str(brasa.explain(compiled))


def test_guards_are_listed_with_what_they_cost() -> None:
    scale, steps = 2.0, [1.0, 3.0]

    def stepped(x: brasa.Tensor) -> brasa.Tensor:
        for step in steps:
            x = x * step + scale
        return x

    compiled = brasa.compile(stepped)
    for _ in range(6):
        compiled(brasa.ones(3))
    (form,) = brasa.explain(compiled).sealed
    assert len(form.guards) == form.facts
    texts = [guard.text for guard in form.guards]
    assert {"scale is 2.0", "steps is [1.0, 3.0]", "the code and defaults of stepped"} <= set(texts)
    assert all(0 <= guard.microseconds < 1000 for guard in form.guards)
    assert re.search(r"\d\.\d\d us  scale is 2.0", str(brasa.explain(compiled)))
    line = line_of("x = x * step + scale")
    steps.append(5.0)
    for _ in range(6):
        compiled(brasa.ones(3))
    expected = f"steps was [1.0, 3.0] and is [1.0, 3.0, 5.0] (read at test_explain.py:{line - 1})"
    assert brasa.explain(compiled).changes == (expected,)
    scale = 7.0
    compiled(brasa.ones(3))
    assert brasa.explain(compiled).changes[1:] == (f"scale was 2.0 and is 7.0 (read at test_explain.py:{line})",)


def test_what_lies_between_kernels() -> None:
    compiled = brasa.compile(lambda x, w: brasa.softmax(x @ w, 1))
    compiled(brasa.ones(3, 4), brasa.ones(4, 5))
    (program,) = brasa.explain(compiled).programs
    (border,) = program.borders
    assert border.reason == "a product and a reduction have loops of their own"
    assert border.where.startswith("test_explain.py:")
    assert f"\n    {border}" in str(brasa.explain(compiled))


def test_branches_are_named_with_their_lines() -> None:
    compiled = brasa.compile(branching)
    for n in (3, 9, 4):
        compiled(brasa.ones(n), 1.0)
    compiled(-brasa.ones(3), 1.0)
    compiled(brasa.ones(3, 2), 1.0)
    text = str(brasa.explain(compiled))
    assert text.startswith("branching is followed: Python runs on every call")
    assert "program 1: 4 + 3 nodes, cut where Python asks for values" in text
    assert "where x.shape[0] <= 8\n" in text
    assert "where x.shape[0] >= 9\n" in text
    branch, result, first = (line_of(part) for part in ("doubled + 1", "> best else", "doubled = x * 2"))
    turns = [re.sub(r"test_explain.py:", "", turn) for turn in brasa.explain(compiled).turns]
    assert turns == [
        f"{branch - 1}: 9 <= x.shape[0] where there was 9 > x.shape[0]",
        f"{result}: exp() where there was a Python int",
        f"{first}: a tensor f32[?, ?] where there was a tensor f32[?]",
    ]


def keeps(x: brasa.Tensor, loss: brasa.Tensor) -> None:
    loss.backward(retain_graph=True)
    x.exp()


@pytest.mark.parametrize(("first", "second", "words"), [
    (lambda x, loss: loss.backward(), lambda x, loss: brasa.autograd.grad(loss, x),
     "autograd.grad() where there was backward()"),
    (keeps, lambda x, loss: loss.backward(), "backward() where there was exp()"),
    (lambda x, loss: brasa.exp(x), lambda x, loss: loss[None].add_(1), "reshape() where there was exp()"),
])  # fmt: skip
def test_every_step_has_words(first: Any, second: Any, words: str) -> None:
    compiled = brasa.compile(lambda x, step: step(x, (x * 0).sum()))
    for step in (first, second):
        compiled(brasa.ones(3).requires_grad_(), step)
    (turn,) = brasa.explain(compiled).turns
    assert turn.endswith(words)


def test_why_it_is_not_sealed() -> None:
    compiled = brasa.compile(branching)
    for _ in range(6):
        compiled(brasa.ones(3), 1.0)
    assert "  not sealed, because it needs values in the middle\n" in str(brasa.explain(compiled))


def test_for_notebooks() -> None:
    compiled = brasa.compile(branching)
    compiled(brasa.ones(9), 1.0)
    assert "&gt;= 9" in brasa.explain(compiled)._repr_html_()


def test_what_is_not_compiled() -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        brasa.explain(Network())
    assert str(caught.value) == "explain: a Network is not compiled\n  hint: pass what brasa.compile gave"


def pooled_square(x):
    small = nn.functional.max_pool2d(x + x.transpose(2, 3), 4)
    return small.reshape(-1, 64) if small.shape[0] else small


@pytest.mark.parametrize(("program", "shape", "constraint"), [
    (pooled_square, (2, 1, 34, 34), "x takes square images of 32..35"),
    (lambda x: x + x.T, (4, 4), "x takes square matrices"),
    (lambda x: x + x.T if x.shape[1] >= 3 else x, (4, 4), "x takes square matrices of 3 or more"),
    (lambda x: x + x.transpose(1, 2), (2, 4, 4), "x.shape[1] == x.shape[2]"),
])  # fmt: skip
def test_two_sides_that_must_be_equal_make_a_square(program, shape, constraint):
    compiled = brasa.compile(program)
    compiled(brasa.ones(*shape))
    assert constraint in brasa.explain(compiled).constraints
