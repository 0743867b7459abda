"""A backward from some results of a program uses up what they are made of, and nothing else."""

import numpy as np
import pytest

import brasa
from brasa.capture.compiled import CompileWarning
from brasa.execution.runner import Runner
from brasa.ir.errors import GradientError


def results(x, y):
    shared = y.exp()
    return x.sin() * x, shared * 2, shared.tanh(), x.detach().cos() + y.reshape(-1).abs()


def two():
    return (brasa.tensor(np.linspace(-1, 1, 4, dtype="float32"), requires_grad=True) for _ in range(2))


ORDERS = [(0, 1), (1, 0), (3, 2), (1, 3, 0), (0, 0), (1, 2), (2, 3, 1), (0, 3, 3)]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("create_graph", [False, True])
def test_backwards_follow_each_other_as_on_a_tape_of_functions(order, create_graph):
    compiled = brasa.compile(results)
    for _ in range(3):
        said = []
        for run in (results, compiled):
            x, y = two()
            found, heard = run(x, y), []
            for place in order:
                try:
                    found[place].sum().backward(create_graph=create_graph, retain_graph=False)
                    heard.append([None if each.grad is None else each.grad.detach().numpy().copy() for each in (x, y)])
                except GradientError as error:
                    heard.append(str(error).partition(": ")[2])
            said.append(heard)
        np.testing.assert_equal(*said)
    assert len(said[0]) == len(order)


def test_nothing_is_kept_once_nothing_is_left():
    x, y = two()
    found = brasa.compile(results)(x, y)
    node = found[0].grad_fn
    for place, kept in ((0, True), (1, True), (3, False)):
        found[place].sum().backward()
        assert bool(node.kept) is kept
    with pytest.raises(GradientError, match="freed by an earlier backward"):
        found[2].sum().backward()


def test_what_hangs_together_is_freed_at_once():
    def loss_and_scores(x, y):
        scores = x * y
        return scores.exp().sum(), scores

    x, y = two()
    loss, scores = brasa.compile(loss_and_scores)(x, y)
    loss.backward()
    assert not loss.grad_fn.kept
    with pytest.raises(GradientError, match="freed by an earlier backward"):
        scores.sum().backward()


def test_machine_code_is_given_numbers_and_addresses_alone(monkeypatch):
    """Numbers that a second backward does not read, after the first has freed what was kept of the program, too."""

    def program(x, w):
        size, part = brasa.where(w > 0, w, -w), x[1:]
        size.sum().backward()
        return brasa.autograd.grad(part.sum(), (x,), create_graph=True)[0]

    given, pointers = [], Runner._pointers
    monkeypatch.setattr(Runner, "_pointers", lambda *args: given.extend(found := pointers(*args)) or found)
    x, leaf = two()
    with pytest.warns(CompileWarning, match="outside the compiled function"):
        assert brasa.compile(program)(x, leaf * 1).tolist() == [0, 1, 1, 1]
    assert set(map(type, given)) == {int}
