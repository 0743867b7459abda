"""Calls of functions in traces: what one has found out holds for the next of operands of the same types alone."""

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.tracing.function import Function


@pytest.fixture
def chosen(monkeypatch):
    """The names of functions of which a form is looked for."""
    names = []
    specialize = Function.specialize

    def counted(function, *given):
        names.append(function.name)
        return specialize(function, *given)

    monkeypatch.setattr(Function, "specialize", counted)
    return names


def test_a_deep_network_looks_for_few_forms(chosen):
    """The first layer tells how wide the input is; all others are alike."""
    model, x = nn.Sequential(*[nn.Linear(8, 8) for _ in range(10)]), brasa.randn(4, 8)
    found = brasa.compile(model)(x)
    assert chosen.count("linear") == 2
    np.testing.assert_array_equal(found.detach().numpy(), model(x).detach().numpy())


@pytest.mark.parametrize(("second", "forms"), [
    (lambda x: x, 1), (lambda x: x.T, 2), (lambda x: x.double(), 2), (lambda x: x[:2], 2), (lambda x: x[None], 2),
])  # fmt: skip
def test_other_types_and_other_layouts_are_other_operands(chosen, second, forms):
    def function(x):
        return brasa.tanh(x).sum() + brasa.tanh(second(x)).sum()

    x = brasa.randn(3, 3)
    found = brasa.compile(function)(x)
    assert chosen.count("tanh") == forms
    np.testing.assert_array_equal(found.numpy(), function(x).numpy())


def test_sizes_that_are_found_equal_at_the_first_call_are_so_at_the_second(chosen):
    """The guards of a call that is like one before hold already: the program is right for other sizes."""

    def function(x, y):
        return x + y, x * 2 + y, x + y * 3

    compiled = brasa.compile(function)
    for rows in (3, 5):
        x, y = brasa.randn(rows, 4), brasa.randn(rows, 4)
        for now, then in zip(compiled(x, y), function(x, y), strict=True):
            np.testing.assert_array_equal(now.numpy(), then.numpy())
    x, y = brasa.randn(1, 4), brasa.randn(5, 4)
    for now, then in zip(compiled(x, y), function(x, y), strict=True):
        np.testing.assert_array_equal(now.numpy(), then.numpy())
