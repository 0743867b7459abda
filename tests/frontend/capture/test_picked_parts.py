"""x[t] with a tensor of no axes is a view, as in eager mode: what outlives a program shows the memory that it is of."""

import pytest

import brasa
from brasa.ir.errors import GradientError


def of_an_argument(x, t):
    return x, x[t]


def of_a_result(x, t):
    y = x * 1
    return y, y[t]


def of_a_view(x, t):
    y = x * 1
    return y, y[1:].mT[t]


def a_view_of_it(x, t):
    y = x * 1
    return y, y[t][1:]


def by_what_is_computed(x, t):
    y = x * 1
    return y, y[(y * y).sum(1).argmax()]


def by_several(x, t):
    y = x * 1
    return y, y[:, t, None]


def by_what_is_written_later(x, t):
    y = x * 1
    part = y[t]
    t.add_(1)
    return y, part


def looked_at(x, t):
    y = x * 1
    part = y[t]
    assert y.sum().item() != 0.5
    return y, part


def after_a_look(x, t):
    y, part = looked_at(x, t)
    y.mul_(3)
    return y, part


def written_after_a_look(x, t):
    y, part = looked_at(x, t)
    part.mul_(3)
    return y, part


PROGRAMS = [of_an_argument, of_a_result, of_a_view, a_view_of_it, by_what_is_computed, by_several,
            by_what_is_written_later, after_a_look, written_after_a_look]  # fmt: skip


def left(program, requires_grad, write):
    """What a program and a write after it leave in the whole and the part, and the gradient of both."""
    brasa.manual_seed(0)
    leaf = brasa.randn(3, 3)
    if requires_grad:
        leaf.requires_grad_()
    whole, part = program(leaf * 2 if requires_grad else leaf, brasa.tensor(1))
    write(whole, part)
    found = [whole.tolist(), part.tolist()]
    if requires_grad:
        found.append(brasa.autograd.grad((whole.sin().sum() + part.cos().sum()), leaf)[0].tolist())
    return found


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("write", [
    lambda whole, part: None, lambda whole, part: part.mul_(5), lambda whole, part: whole.mul_(5),
], ids=["nothing", "part", "whole"])  # fmt: skip
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_is_as_in_eager_mode(program, write, requires_grad):
    compiled = brasa.compile(program)
    for _ in range(4):
        assert left(compiled, requires_grad, write) == left(program, requires_grad, write)


def test_why_it_is_not_sealed():
    compiled = brasa.compile(of_an_argument)
    for _ in range(6):
        compiled(brasa.ones(3, 3), brasa.tensor(1))
    assert "a part that a tensor has picked" in str(brasa.explain(compiled))


def test_a_part_of_what_is_gone_is_a_value_like_others():
    compiled = brasa.compile(lambda x, t: (x * 2)[t])
    for _ in range(6):
        assert compiled(brasa.ones(3, 3), brasa.tensor(1)).tolist() == [2, 2, 2]
    assert brasa.explain(compiled).way == "sealed"


def part_of_a_leaf(x, t):
    return x[t]


def view_of_such_a_part(x, t):
    return x.mT[t][1:]


def part_of_what_is_computed(x, t):
    return (x * 2)[t]


def part_beside_others(x, t):
    found = x[brasa.unique(t)[0]]
    (found * x).sum().backward()
    return found


@pytest.mark.parametrize(
    "program", [part_of_a_leaf, view_of_such_a_part, part_of_what_is_computed, part_beside_others],
    ids=lambda program: program.__name__,
)  # fmt: skip
def test_a_backward_frees_what_it_frees_in_eager_mode(program):
    compiled, said = brasa.compile(program), []
    for run in (program, compiled, compiled, compiled):
        x, heard = brasa.ones(3, 3, requires_grad=True), []
        found = run(x, brasa.tensor(1))
        for _ in range(2):
            try:
                found.sin().sum().backward()
                heard.append(x.grad.tolist())
            except GradientError as error:
                heard.append(str(error).partition(": ")[2])
        said.append(heard)
    assert said[1:] == said[:1] * 3
    assert ("freed" in str(said[0])) == (program is part_of_what_is_computed)
