"""A compiled function never uses Python state that has changed since it was captured."""

import functools

import numpy as np
import pytest

import brasa
from brasa import nn, optim

pytestmark = pytest.mark.usefixtures("either_way")

SCALE = 2.0
TABLE = {"scale": 2.0}
NESTED = [[2.0]]


class Holder:
    shared = 2.0

    def __init__(self):
        self.scale = 2.0
        self.option = None

    def by_attribute(self, x):
        return x * self.scale

    def by_class(self, x):
        return x * self.shared

    def by_none(self, x):
        return x if self.option is None else x * self.option


def run(function, x=3.0, times=6):
    """The results of enough calls to record, follow, observe and seal."""
    return [function(brasa.tensor([x])).item() for _ in range(times)]


def by_global(x):
    return x * SCALE


def by_dict(x):
    return x * TABLE["scale"]


def by_nested(x):
    return x * NESTED[0][0]


def by_default(x, scale=2.0):
    return x * scale


def helper(x):
    return x * 2.0


def by_helper(x):
    return helper(x)


def test_attribute():
    holder = Holder()
    function = brasa.compile(holder.by_attribute)
    assert set(run(function)) == {6.0}
    holder.scale = 5.0
    assert set(run(function)) == {15.0}


def test_class_attribute():
    holder = Holder()
    function = brasa.compile(holder.by_class)
    assert set(run(function)) == {6.0}
    Holder.shared = 5.0
    try:
        assert set(run(function)) == {15.0}
    finally:
        Holder.shared = 2.0


def test_attribute_that_shadows_the_class():
    holder = Holder()
    function = brasa.compile(holder.by_class)
    assert set(run(function)) == {6.0}
    holder.shared = 7.0
    assert set(run(function)) == {21.0}


def test_none_to_object():
    holder = Holder()
    function = brasa.compile(holder.by_none)
    assert set(run(function)) == {3.0}
    holder.option = 4.0
    assert set(run(function)) == {12.0}


def test_global(monkeypatch):
    function = brasa.compile(by_global)
    assert set(run(function)) == {6.0}
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert set(run(function)) == {15.0}


def test_dict(monkeypatch):
    function = brasa.compile(by_dict)
    assert set(run(function)) == {6.0}
    monkeypatch.setitem(TABLE, "scale", 5.0)
    assert set(run(function)) == {15.0}


def test_nested_list():
    function = brasa.compile(by_nested)
    assert set(run(function)) == {6.0}
    NESTED[0][0] = 5.0
    try:
        assert set(run(function)) == {15.0}
    finally:
        NESTED[0][0] = 2.0


def test_cell():
    scale = 2.0

    def by_cell(x):
        return x * scale

    function = brasa.compile(by_cell)
    assert set(run(function)) == {6.0}
    scale = 5.0
    assert set(run(function)) == {15.0}


def test_default(monkeypatch):
    function = brasa.compile(by_default)
    assert set(run(function)) == {6.0}
    monkeypatch.setattr(by_default, "__defaults__", (5.0,))
    assert set(run(function)) == {15.0}


def test_code(monkeypatch):
    function = brasa.compile(by_helper)
    assert set(run(function)) == {6.0}
    monkeypatch.setattr(helper, "__code__", (lambda x: x * 5.0).__code__)
    assert set(run(function)) == {15.0}


def test_monkeypatched_function(monkeypatch):
    function = brasa.compile(by_helper)
    assert set(run(function)) == {6.0}
    monkeypatch.setitem(globals(), "helper", lambda x: x * 5.0)
    assert set(run(function)) == {15.0}


def test_requires_grad_and_gradient_mode():
    weight = brasa.tensor([2.0])

    def by_weight(x):
        return x * weight

    function = brasa.compile(by_weight)
    assert set(run(function)) == {6.0}
    weight.requires_grad_()
    assert function(brasa.tensor([3.0])).requires_grad
    with brasa.no_grad():
        assert not function(brasa.tensor([3.0])).requires_grad
    function(brasa.tensor([3.0])).sum().backward()
    assert weight.grad.tolist() == [3.0]


def test_evaluation_before_training():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    compiled, x = brasa.compile(model), brasa.tensor([[1.0, -2.0], [0.5, 3.0]])

    @brasa.compile
    def step(frozen):
        with brasa.set_grad_enabled(not frozen):
            loss = model(x).square().sum()
        if not frozen:
            loss.backward()
        return loss

    for _ in range(3):
        with brasa.no_grad():
            compiled(x)
        grads = []
        for run in (model, compiled, step):
            model.zero_grad()
            if run is step:
                step(True)
                step(False)
            else:
                run(x).square().sum().backward()
            grads.append([parameter.grad.tolist() for parameter in model.parameters()])
        assert grads[0] == grads[1] == grads[2]
        assert any(value != 0 for row in grads[0][0] for value in row)


def test_replaced_data():
    weight = brasa.tensor([2.0])
    function = brasa.compile(lambda x: x * weight)
    assert set(run(function)) == {6.0}
    weight.data = brasa.tensor([5.0])
    assert set(run(function)) == {15.0}


def test_method_of_a_layer_exchanged(monkeypatch):
    layer = brasa.nn.Linear(1, 1, bias=False)
    layer.weight.data = brasa.tensor([[2.0]])
    compiled = brasa.compile(layer)
    with brasa.no_grad():
        assert {compiled(brasa.tensor([[3.0]])).item() for _ in range(6)} == {6.0}
        monkeypatch.setattr(brasa.nn.Linear, "forward", lambda self, x: x * 5.0)
        assert {compiled(brasa.tensor([[3.0]])).item() for _ in range(6)} == {15.0}


def test_layers_exchanged_and_hooks_added():
    model = brasa.nn.Sequential(brasa.nn.Linear(1, 1), brasa.nn.ReLU())
    compiled = brasa.compile(model)
    x = brasa.tensor([[3.0]])
    with brasa.no_grad():
        for change in (
            lambda: setattr(model[0], "weight", brasa.nn.Parameter(brasa.tensor([[7.0]]))),
            lambda: setattr(model, "1", brasa.nn.Tanh()),
            lambda: model[0].register_forward_hook(lambda module, args, result: result * 2.0),
            lambda: model[0].weight.data.fill_(0.25),
        ):
            for _ in range(6):
                assert compiled(x).item() == model(x).item()
            change()
        for _ in range(6):
            assert compiled(x).item() == model(x).item()


def test_a_partial_is_looked_into():
    table = {"scale": 2.0}
    function = brasa.compile(functools.partial(lambda x, table: x * table["scale"], table=table))
    assert set(run(function)) == {6.0}
    table["scale"] = 5.0
    assert set(run(function)) == {15.0}


def test_foreign_state_is_followed():
    generator = np.random.default_rng(0)

    def by_generator(x):
        return x * float(generator.integers(1, 1000))

    function = brasa.compile(by_generator)
    assert len(set(run(function, times=12))) > 3
    assert not function.sealed


def test_values_of_arguments_that_python_reads_are_followed():
    function = brasa.compile(lambda x, count: x * int(count))
    counts = [function(brasa.ones(2), brasa.tensor(count)).tolist()[0] for count in range(9)]
    assert counts == list(range(9))
    assert not function.sealed


def test_what_was_written_is_seen_by_whoever_reads():
    def step(x):
        x.add_(1)
        return x.tolist(), x.numpy().copy(), float(x[0])

    x, function = brasa.zeros(1), brasa.compile(step)
    assert [function(x) for _ in range(6)] == [([float(i)], np.float32(i), float(i)) for i in range(1, 7)]


def test_writes_through_views_land_in_what_they_are_views_of():
    def step(x, w):
        x[0] = 7.0
        x[1:].mul_(2)
        total = x.sum().item()
        x[2] = total
        y = brasa.zeros(3)
        y[0:2] = w * 2
        y[1:].add_(1)
        return y

    function = brasa.compile(step)
    for _ in range(6):
        results = []
        for run in (step, function):
            x, w = brasa.ones(3), brasa.ones(2, requires_grad=True)
            y = run(x, w)
            y.sum().backward()
            results.append((x.tolist(), y.tolist(), w.grad.tolist()))
        assert results[0] == results[1] == ([7, 2, 11], [2, 3, 1], [2, 2])


def test_an_object_is_not_taken_for_another_in_its_place() -> None:
    """Python gives the memory of an object that is gone to the next one, and so its id."""
    scaled = brasa.compile(lambda holder, x: x * holder.scale)
    one, two = Holder(), Holder()
    two.scale = 5.0
    for _ in range(6):
        assert run(functools.partial(scaled, one), times=1) == [6]
        assert run(functools.partial(scaled, two), times=1) == [15]
    assert scaled.sealed
    del one, two
    for scale in range(8):
        passing = Holder()
        passing.scale = float(scale)
        assert run(functools.partial(scaled, passing), times=1) == [3 * scale]
        del passing


@pytest.mark.parametrize("function", [by_global, by_dict, by_nested, by_default, by_helper])
def test_these_programs_are_sealed(function):
    compiled = brasa.compile(function)
    run(compiled)
    assert compiled.sealed, compiled.reasons


def test_a_training_step_is_proven_pure() -> None:
    """What brasa makes on the way, as named tuples, does not keep the step from being sealed."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: brasa.Tensor, y: brasa.Tensor) -> brasa.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = brasa.compile(step)
    for _ in range(4):
        run(brasa.ones(2, 1, 8, 8), brasa.tensor([0, 2]))
    assert run.sealed
    assert run.reasons == []
