"""Gradients across the border of compiled programs: what is computed there is what eager mode's tape computes."""

from __future__ import annotations

import numpy as np
import pytest

import brasa
from brasa import Tensor, nn
from tests.compiling import assert_compiles


def leaf(*values: float) -> Tensor:
    return brasa.tensor(values, requires_grad=True)


def gradients(*tensors: Tensor) -> list[object]:
    """The bits of each gradient, None where there is none; they are forgotten."""
    found = [None if each.grad is None else each.grad.numpy().tobytes() for each in tensors]
    for each in tensors:
        each.grad = None
    return found


def three(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return (x * w).sum(), brasa.asin(x).sum(), brasa.var_mean(w * 2)[0]


def test_only_the_outputs_that_are_differentiated_count() -> None:
    """asin has no slope at 2: times 0 it would be NaN; and what no gradient reaches has none."""
    found = []
    for function in (three, brasa.compile(three)):
        x, w = leaf(0.5, 2.0, -3.0), leaf(1.0, 2.0, 4.0)
        first, second, third = function(x, w)
        for loss in (first, third, first + third, second):
            loss.backward(retain_graph=True)
            found.append(gradients(x, w))
        grads = brasa.autograd.grad(first * 2, (x, w), create_graph=True)
        sum(grad.pow(2).sum() for grad in grads).backward()
        found.append(gradients(x, w))
    assert found[:5] == found[5:] and found[1][0] is None
    assert np.frombuffer(found[2][0], np.float32).tolist() == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_what_comes_from_outside_is_added_to_as_on_a_tape(create_graph: bool, together: bool) -> None:
    """Each of a program's functions adds its own gradient to the sum so far, not the sum of them all at once."""

    def inside(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        return x.sin() * x.exp() * w.cos(), x * w

    values, found = np.random.default_rng(0).standard_normal((2, 200)).astype(np.float32), []
    for function in (inside, brasa.compile(inside)):
        x, w = (brasa.tensor(each, requires_grad=True) for each in values)
        turned = x * 1.5
        first, second = function(turned, w)
        loss = (first + turned.tanh() * w * (second if together else 1)).sum()
        grads = brasa.autograd.grad(loss, (x, turned, w), create_graph=create_graph)
        found.append([grad.detach().numpy().tobytes() for grad in grads])
    assert found[0] == found[1]


def test_a_program_that_keeps_little_computes_some_gradients() -> None:
    """Of the values that its forward keeps for all of them."""
    layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.SiLU())

    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = layers(x)
        return hidden.softmax(1), hidden.exp().log1p()

    x, found = brasa.rand(5, 3, requires_grad=True), []
    for function in (both, brasa.compile(both)):
        for number in (0, 1):
            function(x)[number].square().sum().backward()
            found.append(gradients(x, *layers.parameters()))
    assert found[:2] == found[2:]


def test_views_of_views() -> None:
    """The gradients of a view and of its view meet in the view before they join those of the whole."""

    def function(x: Tensor) -> Tensor:
        whole = x * 1
        row = whole[..., 0]
        product = row.mT @ row
        return whole.tanh().mean() + (product.tanh() * 2).mean()

    x, found = brasa.tensor([[[0.3, 1.0], [-0.7, 2.0], [1.1, 3.0]]], requires_grad=True), []
    for call in (function, brasa.compile(function)):
        call(x).backward()
        found += gradients(x)
    assert found[0] == found[1]


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.t(), lambda x: x[1:]], ids=["whole", "turned", "part"])
def test_a_value_from_before_a_cut_is_still_that_value(view) -> None:
    def function(x: Tensor) -> tuple[Tensor | None, ...]:
        inner = view(x * 2)
        outer = inner.exp()
        if outer.sum().item() < 0:
            return ()
        return brasa.autograd.grad(outer.sum(), (x, inner), create_graph=True, allow_unused=True)

    x = brasa.rand(3, 4, requires_grad=True)
    for one, other in zip(function(x), brasa.compile(function)(x), strict=True):
        assert one.tolist() == other.tolist()


def test_what_a_backward_has_passed_does_not_need_gradients_afterwards() -> None:
    model = nn.Linear(4, 1)

    @brasa.compile
    def step(x: Tensor) -> Tensor:
        data = x.detach() * 2
        model(data).sum().backward()
        model.zero_grad()
        return data

    for _ in range(5):
        assert not step(brasa.rand(3, 4)).requires_grad
    assert "is sealed" in str(brasa.explain(step))


def test_products_of_turned_columns() -> None:
    """As eager mode, which sees that a row lies like a column; so do the gradients of a strided one."""

    def function(x: Tensor) -> Tensor:
        return x.mT @ x

    compiled = brasa.compile(function)
    for shape in ((33, 1), (1, 33), (33, 3), (1, 1)):
        for strided in (False, True):
            x = brasa.rand(*shape, 2)[..., 0] if strided else brasa.rand(*shape)
            found = []
            for call in (function, compiled):
                y = (x * 1 if strided else x.clone()).requires_grad_()
                result = call(y)
                result.square().sum().backward()
                found.append((result.detach().numpy().tobytes(), *gradients(y)))
            assert found[0] == found[1]


def test_one_compile_for_products_of_other_sizes() -> None:
    compiled = brasa.compile(lambda x: x.mT @ x)
    with assert_compiles(1):
        for size in (3, 5, 9):
            compiled(brasa.rand(size, 4))


def test_the_gradient_by_one_value_asked_for_twice_is_one_tensor() -> None:
    def function(x: Tensor) -> Tensor:
        one, other = brasa.autograd.grad((x**3).sum(), (x, x), create_graph=True)
        assert one is other
        return brasa.autograd.grad(one.sum(), other)[0]

    x = leaf(1.0, 2.0)
    assert function(x).tolist() == brasa.compile(function, fullgraph=True)(x).tolist() == [1, 1]


@pytest.mark.parametrize("way", ["backward", "grad"])
def test_a_gradient_that_is_an_argument(way: str) -> None:
    """It has the sizes of what it is the gradient of, whatever these are."""

    def function(x: Tensor, given: Tensor) -> Tensor:
        y = x.exp() * x
        if way == "grad":
            return brasa.autograd.grad(y, (x,), given)[0]
        x.grad = None
        y.backward(given)
        return x.grad * 1

    compiled = brasa.compile(function, fullgraph=True)
    with assert_compiles(1):
        for rows in (3, 5):
            x, given = brasa.rand(rows, 2, requires_grad=True), brasa.rand(rows, 2)
            assert compiled(x, given).tolist() == function(x, given).tolist()


def argument_written(v: Tensor, x: Tensor) -> Tensor:
    return v.mul_(x)


def written_after_a_look(v: Tensor, x: Tensor) -> Tensor:
    made = v.detach() * 1
    if made.sum() > 1000:
        return made
    made.mul_(x)
    return made


def written_twice_after_looks(v: Tensor, x: Tensor) -> Tensor:
    made = v * 1
    if made.sum() > 1000:
        return made
    made.mul_(x)
    if made.sum() > 1000:
        return made
    made[0].add_(x[1] * x[2])
    return made


@pytest.mark.parametrize("function", [argument_written, written_after_a_look, written_twice_after_looks])
def test_what_a_program_overwrites_has_the_gradients_of_what_it_was(function) -> None:
    """The gradient of v * x by x is v, also where the product takes v's place."""
    v, x = np.float32([3, -2, 5]), np.float32([2, 7, -4])
    more = np.float32([0, x[2], x[1]]) * (function is written_twice_after_looks)
    for way in (function, brasa.compile(function)):
        for _ in range(2):
            by = leaf(*x)
            made = way(brasa.tensor(v), by)
            assert made.requires_grad
            made.sum().backward(retain_graph=True)
            np.testing.assert_array_equal(by.grad.numpy(), v + more)
            weight = brasa.ones(3, requires_grad=True)
            (first,) = brasa.autograd.grad(made, by, weight, create_graph=True)
            (by_weight,) = brasa.autograd.grad(first.sum(), weight)
            np.testing.assert_array_equal(by_weight.numpy(), v + np.float32([more.sum(), 0, 0]))


def by_grad(x: Tensor, create_graph: bool) -> Tensor:
    (slope,) = brasa.autograd.grad((x**3).sum(), x, create_graph=create_graph)
    return slope * x


def by_backward(x: Tensor, create_graph: bool) -> Tensor:
    (x**3).sum().backward(create_graph=create_graph)
    return x.grad * x


@pytest.mark.parametrize("function", [by_grad, by_backward])
@pytest.mark.parametrize("inside", [False, True])
def test_a_gradient_without_a_graph_is_a_constant(function, inside: bool) -> None:
    """x**3 has the slope 3 * x**2; that times x has 9 * x**2 with the graph of the first, and 3 * x**2 without."""

    def second(x: Tensor, create_graph: bool) -> Tensor:
        made = function(x, create_graph)
        return brasa.autograd.grad(made.sum(), x)[0] if inside else made

    for way in (second, brasa.compile(second)):
        for create_graph, factor in ((False, 3), (True, 9), (False, 3)):
            x = leaf(1.0, 2.0, -3.0)
            made = way(x, create_graph)
            found = made if inside else brasa.autograd.grad(made.sum(), x)[0]
            assert found.tolist() == [factor, 4 * factor, 9 * factor]


def test_no_gradient_comes_to_what_tells_sizes_alone():
    def branch(x, y):
        brasa.where(y == 0, x, 1)  # from now on the sizes are those of y
        turned = x.index_select(-1, x.argsort(-1).flatten())
        return brasa.cond(turned.sum() > 0, lambda h: h + 1, lambda h: -h, (turned,))

    x, y = brasa.ones(2, 3).requires_grad_(), brasa.ones(2, 3).requires_grad_()
    result = brasa.compile(branch, fullgraph=True)(x, y)
    _, unread = brasa.autograd.grad(result.sum(), (x, y), allow_unused=True)
    assert unread is None


def test_a_gradient_by_what_is_not_read_is_as_in_eager_mode():
    def joined(x, nothing):
        return brasa.cat([x, nothing], -1)  # which leaves out what has no elements

    for function in (joined, brasa.compile(joined)):
        x, nothing = brasa.ones(2, 1).requires_grad_(), brasa.zeros(0).requires_grad_()
        found = brasa.autograd.grad(function(x, nothing).sum(), (x, nothing), allow_unused=True)
        assert [grad.tolist() for grad in found] == [[[1], [1]], []]


def test_views_made_behind_a_cut_of_views_before_it():
    """Gradients of both meet in the first, in eager mode's order."""

    def views(x):
        seen = x.view(x.shape)
        assert brasa.nonzero(x.reshape(-1)).numel() > 0
        return seen, seen.mT

    for run in (views, brasa.compile(views)):
        x = brasa.arange(6.0).reshape(2, 3).requires_grad_()
        seen, turned = run(x)
        (found,) = brasa.autograd.grad(turned.exp().sum(), seen)
        assert found.tolist() == x.exp().tolist()


def test_gradients_behind_a_cut_depend_on_what_those_of_eager_mode_depend_on():
    """igamma's slope by its first operand is NaN whatever comes: it has no gradient, rather than 0 times NaN."""

    def slope(a, x):
        value = brasa.igamma(a, x * 2)
        assert a.sum() < 100
        return brasa.autograd.grad(value.tanh().sum() + a.sin().sum(), a, create_graph=True)[0]

    found = []
    for run in (slope, brasa.compile(slope)):
        a, x = leaf(1.0, 2.0), leaf(0.5, 3.0)
        given = brasa.autograd.grad(run(a, x), (a, x), brasa.ones(2), allow_unused=True)
        found.append([None if each is None else each.tolist() for each in given])
    assert found[0] == found[1] and found[0] == [(-a.sin()).tolist(), None]
