"""Leaves that are made in a compiled function: what comes from them has their gradients after the call, too."""

import numpy as np
import pytest

import brasa


def made_of_nothing(x):
    scale = brasa.ones(3, requires_grad=True)
    return scale, (x * scale).sum()


def detached(x):
    start = (x * 2).detach().requires_grad_()
    return {"start": start}, (x * start.exp()).sum()


def a_row(x):
    row = x.expand(2, 3).clone()[1].detach().requires_grad_()
    return row, (row * row).sum() + x.sum()


def after_a_look(x):
    start = x.detach().clone().requires_grad_()
    result = (start * float(x.sum())).sum()
    return start, result + start.sin().sum()


def written_before(x):
    start = x.detach().clone().requires_grad_()
    with brasa.no_grad():
        start.add_(1)
    return start, (start * start).sum()


def already_differentiated(x):
    start = x.detach().clone().requires_grad_()
    (grad,) = brasa.autograd.grad((start * start).sum(), start)
    with brasa.no_grad():
        x.add_(grad)
    return start, (start * grad).sum()


PROGRAMS = [made_of_nothing, detached, a_row, after_a_look, written_before, already_differentiated]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_gradients_after_the_call(program):
    compiled = brasa.compile(program)
    for _ in range(4):
        both = []
        for run in (program, compiled):
            x = brasa.tensor([0.5, -1.0, 2.0])
            leaf, result = run(x)
            leaf = leaf["start"] if isinstance(leaf, dict) else leaf
            assert leaf.is_leaf and leaf.requires_grad
            result.backward()
            both.append([each.detach().numpy() for each in (leaf, result, leaf.grad, x)])
        for one, other in zip(*both, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_leaves_that_nothing_comes_from_are_part_of_the_program():
    compiled = brasa.compile(lambda x: (x * 2).detach().requires_grad_())
    for _ in range(4):
        leaf = compiled(brasa.ones(3))
        assert leaf.is_leaf and leaf.requires_grad and leaf.tolist() == [2, 2, 2]
    assert len(brasa.explain(compiled).programs[0].segments) == 1


@pytest.mark.parametrize("program", [made_of_nothing, detached, written_before], ids=lambda program: program.__name__)
def test_one_program_cannot_give_both_a_leaf_and_what_comes_from_it(program):
    compiled, x = brasa.compile(program, fullgraph=True), brasa.tensor([0.5, -1.0, 2.0])
    with pytest.raises(brasa.BrasaError, match="a leaf is made here, and what comes from it is a result") as raised:
        compiled(x)
    assert raised.value.op.startswith("test_own_leaves.py:")
    assert "leave out fullgraph=True" in raised.value.hint
    assert x.tolist() == [0.5, -1.0, 2.0]


def its_gradient(x):
    start = x.detach().requires_grad_()
    (grad,) = brasa.autograd.grad((start * start.exp()).sum(), start)
    return grad


def what_backward_gave(x):
    start = x.detach().requires_grad_()
    (start * start.exp()).sum().backward()
    return start.grad


def twice(x):
    for _ in range(2):
        start = x.detach().requires_grad_()
        (start * start).sum().backward()
        x = x - start.grad
    return x


def written_aside(x):
    start = x.clone().requires_grad_()
    with brasa.no_grad():
        start.mul_(2)
    (start * start).sum().backward()
    return start.grad + 1


@pytest.mark.parametrize("program", [its_gradient, what_backward_gave, twice, written_aside], ids=lambda f: f.__name__)
def test_leaves_that_nobody_holds_are_gone_with_the_call(program):
    """Calls are then sealed, for nothing is left of them but their result."""
    compiled = brasa.compile(program)
    for _ in range(6):
        x = brasa.randn(2, 3)
        np.testing.assert_array_equal(compiled(x).numpy(), program(x).numpy(), strict=True)
    assert compiled.sealed and not compiled.reasons


def test_leaves_that_somebody_holds_keep_their_gradients():
    kept = {}

    def step(x, number):
        start = x.detach().requires_grad_()
        (start * number).sum().backward()
        kept[number] = start
        return start.grad

    compiled = brasa.compile(step)
    for number in (1, 2, 3):
        grad = compiled(brasa.ones(3), number)
        assert kept[number].is_leaf and kept[number].grad is grad
        assert kept[number].grad.tolist() == [number] * 3 and kept[number].tolist() == [1] * 3


def test_what_comes_from_a_lost_leaf_can_be_differentiated():
    def step(x, y):
        start = x.detach().requires_grad_()
        return (start * y).sum()

    compiled = brasa.compile(step)
    for _ in range(4):
        y = brasa.ones(3, requires_grad=True)
        compiled(brasa.arange(3.0), y).backward()
        assert y.grad.tolist() == [0, 1, 2]
