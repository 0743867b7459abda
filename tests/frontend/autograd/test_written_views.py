"""Gradients of tensors whose memory was written through one name and is read through another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import Tensor


def beside(x: Tensor) -> Tensor:
    y = x * 2
    other, first = y[:], y[0]
    first.mul_(3)
    return other


def whole(x: Tensor) -> Tensor:
    y = x * 2
    other = y[:]
    y.mul_(3)
    return other


def late(x: Tensor) -> Tensor:
    y = brasa.zeros(2, 2)
    other = y.t()
    y[0] = x[0] * 5
    return other


def itself(x: Tensor) -> Tensor:
    y = brasa.ones(2, 2) * 7
    row = y[1]  # of what needs no gradient yet
    row.mul_(x[0])
    return row


def windows(x: Tensor) -> Tensor:
    y = (x * 2).reshape(-1)
    y.unfold(0, 2, 1).square_()  # windows that share elements, each of which is written to the last of them
    return y


def parts(x: Tensor) -> Tensor:
    pairs = brasa.view_as_real(brasa.complex(x, x))
    pairs.flatten()[0] = 5
    return pairs


@pytest.mark.parametrize(("write", "wanted"), [
    (windows, [[8, 8], [8, 8]]), (parts, [[1, 2], [2, 2]]),
    (beside, [[6, 6], [2, 2]]), (whole, [[6, 6], [6, 6]]), (late, [[5, 5], [0, 0]]), (itself, [[7, 7], [0, 0]]),
])  # fmt: skip
@pytest.mark.parametrize("compiled", [False, True])
def test_views_made_before_a_write_know_of_it(
    write: Callable[[Tensor], Tensor], wanted: list[list[float]], compiled: bool
) -> None:  # fmt: skip
    x = brasa.ones(2, 2, requires_grad=True)
    shown = (brasa.compile(write) if compiled else write)(x)
    assert shown.requires_grad
    (grad,) = brasa.autograd.grad(shown.sum(), x)
    assert grad.tolist() == wanted


def test_second_gradients_through_a_view_that_was_written() -> None:
    x = brasa.full((2,), 0.5, dtype=brasa.float64, requires_grad=True)
    y = x * x
    y[0].mul_(x[0])
    (grad,) = brasa.autograd.grad((y * y).sum(), x, create_graph=True)  # of x0^6 + x1^4
    (second,) = brasa.autograd.grad(grad.sum(), x)
    assert brasa.allclose(grad, brasa.tensor([6 * 0.5**5, 4 * 0.5**3], dtype=brasa.float64))
    assert brasa.allclose(second, brasa.tensor([30 * 0.5**4, 12 * 0.5**2], dtype=brasa.float64))


def test_views_that_are_gone_are_forgotten() -> None:
    x = brasa.ones(4)
    for _ in range(1000):
        x[:2]
    assert x._views is not None and len(x._views) < 100


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("make", [lambda: brasa.ones(2, 3).t(), lambda: brasa.ones(6)[1:4], lambda: brasa.ones(3)])
def test_a_view_of_a_leaf_that_is_a_view_cannot_be_written(make: Callable[[], Tensor], compiled: bool) -> None:
    def write(x: Tensor) -> None:
        x[-1:].copy_(x[:1] * 2)

    x = make().requires_grad_()
    with pytest.raises(RuntimeError, match="copy_: a leaf that requires gradients cannot be changed in place"):
        (brasa.compile(write) if compiled else write)(x)
    assert x.is_leaf and bool((x == 1).all())


def copied(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """A copy has a gradient of its own, and is no leaf though what it copies is one."""
    x.copy_(w)
    return brasa.autograd.grad((x * 2 + w * 3).sum(), (x, w))


def copied_and_changed(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    x.copy_(w)
    x.mul_(2)
    return brasa.autograd.grad((x * x).sum(), (x, w))


def copied_without_gradients(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    with brasa.no_grad():
        x.copy_(w)
    return brasa.autograd.grad((x * w).sum(), (w,))


def copied_to_what_is_detached(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """Which then has a gradient, but not what it was detached from."""
    part = x.detach()
    part.copy_(w)
    return brasa.autograd.grad((part * part + x * w).sum(), (part, w))


@pytest.mark.filterwarnings("ignore::brasa.capture.compiled.CompileWarning")
@pytest.mark.parametrize("way", [lambda function: function, brasa.compile])
@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        (copied, [[2, 2], [5, 5]]), (copied_and_changed, [[12, 20], [24, 40]]), (copied_without_gradients, [[3, 5]]),
        (copied_to_what_is_detached, [[6, 10], [9, 15]]),
    ],
)  # fmt: skip
def test_what_another_tensor_was_copied_to(program: Any, wanted: list[list[float]], way: Any) -> None:
    x, w = brasa.zeros(2), brasa.tensor([3.0, 5.0], requires_grad=True)
    assert [grad.tolist() for grad in way(program)(x, w)] == wanted
    assert x.tolist() == ([6, 10] if program is copied_and_changed else [3, 5])
