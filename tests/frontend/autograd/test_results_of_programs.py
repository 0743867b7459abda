"""Gradients by results of compiled functions of which other results were computed."""

import numpy as np
import pytest

import brasa


def values(x):
    hidden = x.cos()
    flipped = hidden.flip(0)
    return hidden, flipped * 2, (flipped + hidden).exp(), x.sin()


def both(ask):
    found = []
    for run in (values, brasa.compile(values)):
        x = brasa.tensor(np.linspace(-1, 2, 5, dtype="float32"), requires_grad=True)
        results = run(x)
        given = ask(x, *results)
        found.append([None if each is None else each.detach().numpy() for each in given])
    return found


ASKED = {
    "of a later one": lambda x, h, f, e, s: brasa.autograd.grad(f.sum(), (h,)),
    "of two and itself": lambda x, h, f, e, s: brasa.autograd.grad((f * e * h).sum(), (h, x)),
    "of others": lambda x, h, f, e, s: brasa.autograd.grad((s + f).sum(), (x, h, s)),
    "of none": lambda x, h, f, e, s: brasa.autograd.grad(s.sum(), (h, f), allow_unused=True),
    "of the last": lambda x, h, f, e, s: brasa.autograd.grad(e.sum(), (f, h), allow_unused=True),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_gradients_are_those_of_eager_mode(ask):
    one, other = both(ask)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_gradient_is_kept():
    def ask(x, hidden, flipped, exponential, sine):
        hidden.retain_grad()
        (exponential.sum() + flipped.sum()).backward()
        return hidden.grad, x.grad

    one, other = both(ask)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_gradients_of_gradients():
    def ask(x, hidden, flipped, exponential, sine):
        (grad,) = brasa.autograd.grad((exponential * hidden).sum(), hidden, create_graph=True)
        return grad, *brasa.autograd.grad(grad.sum(), x)

    one, other = both(ask)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def written(x):
    double = x * 2
    return double, brasa.where(double > 0, double * 0.5, -double), x[1:], double.sum(0)


@pytest.mark.parametrize("run", [written, brasa.compile(written)])
def test_what_eager_mode_does_not_keep_may_be_written(run):
    """A program computes a mask again from what it is a mask of, and keeps that; a sum needs no more than sizes."""
    x = brasa.tensor([[1.0], [-2.0], [3.0]], requires_grad=True)
    double, folded, _, total = run(x)
    double.add_(10)
    (folded.sum() + total.sum()).backward()
    assert x.grad.tolist() == [[3.0], [0.0], [3.0]]


def test_a_view_of_an_argument_is_never_used_up():
    """As on the tape: backward frees what computes, and a view does not."""

    def function(x):
        return x.T, x.exp()

    for run in (function, brasa.compile(function)):
        x = brasa.tensor([[1.0, 2.0]], requires_grad=True)
        turned, other = run(x)
        for _ in range(2):
            turned.sum().backward()
        other.sum().backward()
        turned.sum().backward()
        assert x.grad.tolist() == (3 + x.exp()).tolist()
        (grad,) = brasa.autograd.grad(turned.sum(), x, create_graph=True)
        assert grad.tolist() == [[1.0, 1.0]]
        for roots in ((other,), (x.sum(), turned, other)):  # alone, and added to what has come to x
            with pytest.raises(RuntimeError, match="has been freed"):
                brasa.autograd.grad(roots, x, [brasa.ones_like(root) for root in roots])
