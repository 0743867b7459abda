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
        np.testing.assert_allclose(left, right, rtol=1e-5)
