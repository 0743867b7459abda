"""A compiled function never uses containers, modes or defaults that have changed since it was captured."""

import numpy as np
import pytest

import brasa
from brasa import nn

pytestmark = pytest.mark.usefixtures("either_way")


def run(function, x=3.0, times=6):
    """The results of enough calls to record, follow, observe and seal."""
    return [function(brasa.tensor([x])).item() for _ in range(times)]


class Shelf:
    """Lists and dicts as attributes, one in the other."""

    def __init__(self):
        self.scales, self.table = [1.0, 2.0], {"by": {"scale": 2.0}, "order": {"a": 1.0, "b": 2.0}}

    def by_list(self, x):
        return x * self.scales[1] * len(self.scales)

    def by_table(self, x):
        return x * self.table["by"]["scale"]

    def by_order(self, x):
        for scale in self.table["order"].values():
            x = x * 2.0 + scale
        return x


@pytest.mark.parametrize(("name", "change", "before", "after"), [
    ("by_list", lambda shelf: shelf.scales.__setitem__(1, 5.0), 12, 30),
    ("by_list", lambda shelf: shelf.scales.append(5.0), 12, 18),
    ("by_list", lambda shelf: setattr(shelf, "scales", [1.0, 5.0]), 12, 30),
    ("by_table", lambda shelf: shelf.table["by"].__setitem__("scale", 5.0), 6, 15),
    ("by_table", lambda shelf: shelf.table.__setitem__("by", {"scale": 5.0}), 6, 15),
    ("by_order", lambda shelf: shelf.table["order"].__setitem__("a", shelf.table["order"].pop("a")), 16, 17),
])  # fmt: skip
def test_lists_and_dicts_as_attributes(name, change, before, after):
    shelf = Shelf()
    function = brasa.compile(getattr(shelf, name))
    assert set(run(function)) == {before}
    assert function.sealed
    change(shelf)
    assert set(run(function)) == {after}


def test_the_order_of_a_dict_that_is_given():
    def folded(parts):
        total = brasa.zeros(1)
        for part in parts.values():
            total = total * 2.0 + part
        return total

    function, a, b = brasa.compile(folded), brasa.ones(1), brasa.ones(1) * 3.0
    for _ in range(6):
        assert function({"a": a, "b": b}).item() == 5.0
        assert function({"b": b, "a": a}).item() == 7.0


def test_training_and_evaluation():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    compiled, x = brasa.compile(model), brasa.tensor(np.arange(32, dtype=np.float32).reshape(8, 4))
    for train in (True, False, True):
        for part in (model, model[1]):
            part.train(train)
        for _ in range(6):
            results = []
            for call in (model, compiled):
                saved = {key: value.clone() for key, value in model.state_dict().items()}
                brasa.manual_seed(1)
                results.append(call(x).detach().numpy().tobytes())
                after = [value.numpy().tobytes() for value in model.state_dict().values()]
                results.append(after)
                model.load_state_dict(saved)
            assert results[:2] == results[2:]


def test_default_dtype():
    def made(x):
        return x.sum() + brasa.ones(1) + brasa.tensor([0.1])

    function = brasa.compile(made)
    assert {function(brasa.ones(2)).dtype for _ in range(6)} == {brasa.float32}
    brasa.set_default_dtype(brasa.float64)
    try:
        eager = made(brasa.ones(2))
        found = [function(brasa.ones(2)) for _ in range(6)]
        assert {each.dtype for each in found} == {eager.dtype}
        assert {each.item() for each in found} == {eager.item()}
    finally:
        brasa.set_default_dtype(brasa.float32)
    assert function(brasa.ones(2)).dtype is brasa.float32


def test_a_gradient_that_is_read():
    weight = brasa.ones(1, requires_grad=True)
    function = brasa.compile(lambda x: x if weight.grad is None else x * weight.grad)
    assert set(run(function)) == {3.0}
    (weight * 5.0).sum().backward()
    assert set(run(function)) == {15.0}
    weight.grad = brasa.ones(1) * 2.0
    assert set(run(function)) == {6.0}
    weight.grad = None
    assert set(run(function)) == {3.0}
