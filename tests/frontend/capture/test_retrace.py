"""BRASA=retrace finds programs that are taken for granted and should not be."""

import pytest

import brasa
from brasa.capture.facts import Facts
from brasa.capture.follow import Capture
from brasa.functions import pointwise

pytestmark = pytest.mark.usefixtures("retracing")

CELL = """
import brasa
state = {"double": True, "scale": 2.0, "name": "first"}

@brasa.compile
def scaled(x):
    return x * state["scale"]

@brasa.compile
def turned(x):
    return (x.exp() if state["double"] else x.sin()) + 1

@brasa.compile
def named(x):
    return x + 1, state["name"]
"""


@pytest.fixture
def cell():
    """What a cell of a notebook leaves: names, and no file."""
    names = {}
    exec(compile(CELL, "<cell 3>", "exec"), names)
    return names


def sealed(function):
    for _ in range(6):
        function(brasa.ones(3))
    assert function.sealed
    return function


def message(function, error=brasa.BrasaError):
    with pytest.raises(error) as caught:
        function(brasa.ones(3))
    return str(caught.value)


def test_what_changes_openly_is_no_error(cell):
    function = sealed(cell["scaled"])
    cell["state"]["scale"] = 5.0
    for _ in range(6):
        assert function(brasa.ones(3)).tolist() == [5.0] * 3


def test_a_number_that_no_guard_holds(cell, monkeypatch):
    function = sealed(cell["scaled"])
    monkeypatch.setattr(Facts, "hold", lambda facts: True)
    cell["state"]["scale"] = 5.0
    assert message(function) == (
        "retrace: scaled is not what it was sealed as\n  sealed  number2 = 2.0\n  now     number2 = 5.0"
    )


def test_another_op_that_no_guard_holds(cell, monkeypatch):
    function = sealed(cell["turned"])
    monkeypatch.setattr(Facts, "hold", lambda facts: True)
    cell["state"]["double"] = False
    first, then, now = message(function).splitlines()
    assert first == "retrace: turned is not what it was sealed as"
    assert then == "  sealed  %0: f32[x_0] = exp(x) # <cell 3>:11"
    assert now == "  now     %0: f32[x_0] = sin(x) # <cell 3>:11"


def test_another_result_that_no_guard_holds(cell, monkeypatch):
    function = sealed(cell["named"])
    monkeypatch.setattr(Facts, "hold", lambda facts: True)
    cell["state"]["name"] = "second"
    assert "it returns something else" in message(function)
    assert "'second'" in message(function)


def test_a_step_whose_key_does_not_tell_all():
    """A step is known by its key; what it makes must not depend on more than that."""
    kinds = iter((pointwise.exp, pointwise.exp, pointwise.sin))

    class Holder:
        def make(self, trace, x):
            node = trace.node_of(x)
            kind = next(kinds)
            return trace.step(("odd", node), lambda: trace.node_of(kind(x)))

    def odd(x):
        trace = brasa._state.STATE.trace
        assert isinstance(trace, Capture)
        return trace.fresh(holder.make(trace, x))

    holder, compiled = Holder(), brasa.compile(odd)
    for _ in range(2):
        compiled(brasa.ones(3))
    assert message(compiled).splitlines() == [
        "retrace: a step is made otherwise, at test_retrace.py:93",
        "  followed  f32[x_0] = exp(f32[x_0])",
        "  now       f32[x_0] = sin(f32[x_0])",
    ]


def test_sizes_and_branches_are_retraced_as_they_were():
    def function(x, scale):
        y = x.reshape(-1) * scale
        return y[1:] if x.shape[0] > 3 and y.sum().item() > 0 else y + 1

    compiled = brasa.compile(function)
    for rows in (2, 5, 3, 8, 5):
        for scale in (1.0, -2.0, 3):
            x = brasa.ones(rows, 2)
            assert compiled(x, scale).tolist() == function(x, scale).tolist()
