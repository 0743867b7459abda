"""One value that is the gradient of several tensors, or that somebody keeps: each `.grad` has memory of its own."""

from __future__ import annotations

import pytest

import brasa
from brasa import Tensor, nn


def leaf() -> nn.Parameter:
    """Three ones."""
    return nn.Parameter(brasa.ones(3))


@pytest.mark.parametrize("create_graph", [False, True])
def test_two_leaves(create_graph: bool) -> None:
    a, b = leaf(), leaf()
    ((a + b) * brasa.tensor([1.0, 2.0, 3.0])).sum().backward(create_graph=create_graph)
    with brasa.no_grad():
        a.grad *= 2
    assert a.grad.tolist() == [2, 4, 6] and b.grad.tolist() == [1, 2, 3]


def test_clipping() -> None:
    """Clipped gradients of two biases that are added up are scaled once, eagerly as compiled."""

    def step(a: Tensor, b: Tensor, x: Tensor) -> None:
        a.grad = b.grad = None
        ((a + b) * x).sum().backward()
        nn.utils.clip_grad_norm_([a, b], 1.0)

    for run in (step, brasa.compile(step)):
        a, b = leaf(), leaf()
        run(a, b, brasa.tensor([2.0, 2.0, 1.0]))
        for each in (a, b):
            assert each.grad.tolist() == pytest.approx([2 / 18**0.5, 2 / 18**0.5, 1 / 18**0.5], rel=1e-5)


def test_kept_by_others() -> None:
    """What the user gave, what a hook keeps, and what another tensor retains stay what they are."""
    given, a = brasa.ones(3), leaf()
    a.backward(given)
    a.grad.mul_(5)
    assert given.tolist() == [1, 1, 1]
    kept: list[Tensor] = []
    b = leaf()
    b.register_hook(kept.append)
    (b * 2).sum().backward()
    b.grad.mul_(5)
    assert kept[0].tolist() == [2, 2, 2]
    c, d = leaf() * 1, leaf() * 1
    c.retain_grad()
    d.retain_grad()
    (c + d).sum().backward()
    c.grad.mul_(5)
    assert d.grad.tolist() == [1, 1, 1]


def test_nothing_is_copied_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(value: Tensor) -> Tensor:
        raise AssertionError("a gradient was copied")

    monkeypatch.setattr("brasa.autograd.engine.clone", refuse)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    model(brasa.rand(3, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_of_a_value_and_what_it_was_made_of() -> None:
    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        y = x + 1.0
        by_y, by_x, again = brasa.autograd.grad(y.exp().sum(), (y, x, x))
        assert by_x is again
        return by_y, by_x.mul_(2.0)

    x = leaf()
    for run in (function, brasa.compile(function, fullgraph=True)):
        by_y, by_x = run(x)
        assert by_y.tolist() == (x.detach() + 1).exp().tolist()
        assert by_x.tolist() == (by_y * 2).tolist()


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_lie_in_rows(create_graph: bool) -> None:
    """Whichever views they came through."""

    def by_grad(w: Tensor) -> Tensor:
        return brasa.autograd.grad((brasa.ones(3, 5) @ w.mT).sum(), w, create_graph=create_graph)[0]

    def by_backward(w: Tensor) -> Tensor:
        w.grad = None
        (brasa.ones(3, 5) @ w.mT).sum().backward(create_graph=create_graph)
        return w.grad

    for function in (by_grad, by_backward):
        for run in (function, brasa.compile(function)):
            assert run(nn.Parameter(brasa.ones(7, 5))).stride() == (5, 1)
