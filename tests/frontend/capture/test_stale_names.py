"""A compiled function sees names that appear, change their meaning or go: on objects, classes, modules and globals."""

import operator

import pytest

import brasa
from brasa import nn

pytestmark = pytest.mark.usefixtures("either_way")


def run(function, times=6):
    """The results of enough calls to record, follow, observe and seal."""
    return [function(brasa.tensor([3.0])).item() for _ in range(times)]


def _class_chain():
    class Base:
        scale = 2.0

    class Derived(Base):
        pass

    holder = Derived()
    return lambda x: x * holder.scale, [lambda: setattr(Derived, "scale", 3.0), lambda: setattr(holder, "scale", 4.0)]


def _class_of_an_object():
    class Other:
        scale = 9.0

    class First:
        scale = 2.0

    holder = First()
    return lambda x: x * holder.scale, [lambda: setattr(holder, "__class__", Other)]


def _set():
    chosen = {1, 2}
    return lambda x: x * len(chosen), [lambda: chosen.add(9), lambda: chosen.clear()]


def _attribute_that_is_missing():
    holder = type("Empty", (), {})()
    return lambda x: x * (2.0 if hasattr(holder, "scale") else 3.0), [lambda: setattr(holder, "scale", 1.0)]


def _global_that_is_missing():
    def function(x):
        try:
            return x * MISSING
        except NameError:
            return x * 3.0

    return function, [lambda: globals().update(MISSING=5.0), lambda: globals().pop("MISSING")]


def _function_of_brasa():
    original = nn.functional.relu
    return lambda x: nn.functional.relu(x), [
        lambda: setattr(nn.functional, "relu", lambda x: x * 100),
        lambda: setattr(nn.functional, "relu", original),
    ]  # fmt: skip


def _method_of_tensors():
    original = brasa.Tensor.relu
    return lambda x: x.relu(), [
        lambda: setattr(brasa.Tensor, "relu", lambda x: x * 100),
        lambda: setattr(brasa.Tensor, "relu", original),
    ]  # fmt: skip


def _forward_of_a_layer():
    layer = nn.ReLU()
    original = nn.ReLU.forward
    return lambda x: layer(x), [
        lambda: setattr(nn.ReLU, "forward", lambda self, x: x * 7),
        lambda: setattr(nn.ReLU, "forward", original),
    ]  # fmt: skip


class Pair:
    __match_args__ = ("first",)

    def __init__(self):
        self.first = self.second = 2.0


def _pattern_of_a_class(by_position):
    holder = Pair()

    def function(x):
        match holder:
            case Pair(first) if by_position:
                return x * first
            case Pair(second=second):
                return x * second

    return function, [lambda: setattr(holder, "first", 5.0), lambda: setattr(holder, "second", 7.0)]


@pytest.mark.parametrize("make", [
    _class_chain, _class_of_an_object, _set, _attribute_that_is_missing, _global_that_is_missing, _function_of_brasa,
    _method_of_tensors, _forward_of_a_layer, lambda: _pattern_of_a_class(False), lambda: _pattern_of_a_class(True),
])  # fmt: skip
def test_what_appears_changes_or_goes_is_seen(make):
    function, changes = make()
    compiled = brasa.compile(function)
    run(compiled)
    assert compiled.sealed, compiled.reasons
    for change in changes:
        change()
        assert run(compiled) == run(function)


LOOK = {"up": getattr}


@pytest.mark.parametrize("read", [
    lambda holder: max(map(getattr, [holder], ["first"])),
    lambda holder: max(map(LOOK["up"], [holder], ["first"])),
    lambda holder: operator.attrgetter("first")(holder),
    lambda holder: holder.__dict__["first"],
    lambda holder: object.__getattribute__(holder, "first"),
])  # fmt: skip
def test_attributes_whose_names_are_computed(read):
    holder = Pair()
    compiled = brasa.compile(lambda x: x * read(holder))
    assert run(compiled) == [6.0] * 6
    holder.first = 5.0
    assert run(compiled) == [15.0] * 6


def test_a_hook_added_to_a_sealed_step_is_run():
    weight = brasa.ones(1, requires_grad=True)

    def step(x):
        weight.grad = None
        (x * weight).sum().backward()
        return weight.grad.clone()

    compiled = brasa.compile(step)
    assert run(compiled) == [3.0] * 6
    assert compiled.sealed
    handle = weight.register_hook(lambda grad: grad * 2)
    assert run(compiled) == [6.0] * 6
    handle.remove()
    assert run(compiled) == [3.0] * 6
