"""What is written where gradients do not look, to memory of which gradients are taken: they go on as if it were not."""

import numpy as np
import pytest

import brasa


def a_leaf(x):
    tripled = x * 3
    x.detach().add_(1)
    (grad,) = brasa.autograd.grad((x * 2 + tripled * 1.5).sum(), x)
    return grad, x.clone()


def a_leaf_that_is_used_no_more(x):
    tripled = x * 3
    x.data.add_(1)
    (grad,) = brasa.autograd.grad((tripled * 1.5).sum(), x, create_graph=True)
    return grad, tripled


def a_leaf_takes_the_value_of_another_tensor(x):
    other = brasa.full((4,), 0.25)
    x.detach().copy_(other)
    (grad,) = brasa.autograd.grad((x * 2 + other * 3).sum(), x)
    return grad, x.clone()


def a_leaf_twice(x):
    with brasa.no_grad():
        x.mul_(2)
    first = x * 3
    with brasa.no_grad():
        x.sub_(1)
    (grad,) = brasa.autograd.grad((first + x.tanh()).sum(), x, create_graph=True)
    (second,) = brasa.autograd.grad(grad.sum(), x)
    return grad.detach(), second


def a_computed_value(x):
    double = x * 2
    tripled = double * 3
    double.detach().add_(1)
    return *brasa.autograd.grad((tripled + double * 5).sum(), (double, x)), double.clone()


def a_computed_value_backward(x):
    double = x * 2
    with brasa.no_grad():
        double.clamp_(max=1)
    double.sin().sum().backward()
    return x.grad, double


def a_part_of_a_computed_value(x):
    double = x * 2
    double[1:3].detach().mul_(-1)
    with brasa.no_grad():
        double[0].zero_()
    part = double[:2] * 3
    return *brasa.autograd.grad((double.tanh().sum() + part.exp().sum()), (double, x)), double.clone()


def gradients_that_are_differentiated(x):
    double = x.sin()
    double.data.mul_(2)
    (grad,) = brasa.autograd.grad(double.exp().sum(), x, create_graph=True)
    (second,) = brasa.autograd.grad(grad.sum(), x)
    return grad.detach(), second


def a_result_that_the_tape_goes_on_from(x):
    double = x * 2
    double.detach().add_(1)
    return double.sin(), double


def by_a_look(x):
    double = x * 2
    tripled = double * 3
    double.detach().add_(float(tripled.mean()))
    return *brasa.autograd.grad((tripled + double.sin()).sum(), (double, x)), double.clone()


@pytest.mark.parametrize("program", [
    a_leaf, a_leaf_that_is_used_no_more, a_leaf_takes_the_value_of_another_tensor, a_leaf_twice, a_computed_value,
    a_computed_value_backward, a_part_of_a_computed_value, gradients_that_are_differentiated,
    a_result_that_the_tape_goes_on_from, by_a_look,
], ids=lambda program: program.__name__)  # fmt: skip
def test_gradients_are_those_of_eager_mode(program):
    compiled = brasa.compile(program)
    for round in range(3):
        both = []
        for run in (program, compiled):
            x = brasa.tensor(np.linspace(-1, 1 + round, 4, dtype="float32"), requires_grad=True)
            found = list(run(x))
            if program is a_result_that_the_tape_goes_on_from:
                (found[0] + found[1].cos()).sum().backward()
                found.append(x.grad)
            both.append([each.detach().numpy() for each in found])
        for one, other in zip(*both, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_an_argument_that_was_computed():
    def doubled(hidden):
        with brasa.no_grad():
            hidden.add_(1)
        return hidden * 5

    compiled = brasa.compile(doubled)
    for _ in range(3):
        grads = []
        for run in (doubled, compiled):
            x = brasa.tensor([0.5, -1.0], requires_grad=True)
            hidden = x * 2
            result = run(hidden)
            (result.sin() + hidden).sum().backward()
            grads.append(x.grad.tolist())
        assert grads[0] == grads[1]
    assert np.allclose(grads[0], 10 * np.cos(5 * (2 * np.array([0.5, -1.0]) + 1)) + 2)


def test_a_gradient_of_what_a_leaf_became_is_differentiated_later():
    def values(x):
        before = x + 0.25
        x.detach().add_(1)
        (grad,) = brasa.autograd.grad(x.tanh().sum() + (before.tanh() * 2).sum(), x, create_graph=True)
        return grad

    compiled = brasa.compile(values)
    for _ in range(3):
        found = []
        for run in (values, compiled):
            x = brasa.tensor([0.5, -0.3], requires_grad=True)
            found += brasa.autograd.grad(run(x).sum(), x)
        assert found[0].tolist() == found[1].tolist()
    start = np.array([0.5, -0.3])
    slopes = [-2 * np.tanh(at) / np.cosh(at) ** 2 for at in (start + 1, start + 0.25)]
    np.testing.assert_allclose(found[0].numpy(), slopes[0] + 2 * slopes[1], rtol=1e-5)
