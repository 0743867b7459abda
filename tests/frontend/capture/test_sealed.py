"""Programs that are sealed: with eager's bits for every size, and never with what was true before."""

import numpy as np
import pytest

import brasa
from brasa import nn, optim

SCALE = 2.0


def numbers(*shape, seed=0, requires_grad=False):
    values = np.random.default_rng(seed).standard_normal(shape)
    return brasa.tensor(values.astype(np.float32), requires_grad=requires_grad)


def bits(result):
    return [each.detach().numpy().tobytes() if isinstance(each, brasa.Tensor) else each for each in result]


def way(compiled):
    explanation = brasa.explain(compiled)
    return explanation.way, explanation.reasons


def shown_twice(x):
    y = x * 2.0
    return y[0], y, y[1:, 0]


VIEWS = {
    "a row": lambda x: ((x * 2.0)[0],),
    "turned": lambda x: (x.softmax(1).T,),
    "a stretch": lambda x: ((x * 2.0).view(-1)[2:-1],),
    "of a view": lambda x: ((x + 1.0)[1:].T[0],),
    "beside what it shows": shown_twice,
    "of two values": lambda x: ((x * 2.0)[0], (x + 1.0)[:, 1]),
    "its sizes": lambda x: (x * 2.0, x.shape[0], x.shape[1] * 2),
}


@pytest.mark.parametrize("program", VIEWS)
@pytest.mark.usefixtures("either_way")
def test_views_of_what_is_computed(program):
    """Sizes that a view's place depends on are those of the call at hand."""
    function = VIEWS[program]
    compiled = brasa.compile(function)
    for shape in ((3, 4), (3, 4), (5, 2), (3, 4), (5, 2), (7, 3), (5, 2), (3, 4), (7, 3)):
        x, y = (numbers(*shape, requires_grad=True) for _ in range(2))
        results, expected = compiled(x), function(y)
        assert bits(results) == bits(expected)
        assert [type(each) for each in results] == [type(each) for each in expected]
        sum(each.square().sum() for each in results if isinstance(each, brasa.Tensor)).backward()
        sum(each.square().sum() for each in expected if isinstance(each, brasa.Tensor)).backward()
        assert bits([x.grad]) == bits([y.grad])
    assert way(compiled) == ("sealed", ())


def test_a_view_shares_memory_with_what_it_shows():
    compiled = brasa.compile(shown_twice)
    for _ in range(6):
        row, whole, _ = compiled(numbers(3, 4))
        row.zero_()
        assert not whole[0].any()
        assert row._base is whole
    assert way(compiled)[0] == "sealed"


def test_what_a_view_shows_is_not_sealed_away_from_who_keeps_it():
    kept = []

    def function(x):
        y = x * 2.0
        kept[:] = [y]
        return y[0]

    compiled = brasa.compile(function)
    for seed in range(6):
        row = compiled(numbers(3, 4, seed=seed))
        assert bits([kept[0][0]]) == bits([row])


def test_a_computed_value_that_is_made_a_leaf():
    compiled = brasa.compile(lambda x: (x * 2.0).requires_grad_())
    for _ in range(6):
        assert compiled(numbers(3)).requires_grad


def test_a_size_that_the_program_stored_is_a_number_afterwards():
    sizes = []
    compiled = brasa.compile(lambda x: (sizes.append(x.shape[0]), x + 1.0)[1])
    for size in (3, 4, 5):
        compiled(numbers(size))
    assert [int(size) + 1 for size in sizes] == [4, 5, 6]
    assert len(brasa.explain(compiled).programs) == 1


@pytest.mark.usefixtures("either_way")
def test_two_backwards_to_the_same_leaves():
    def made():
        brasa.manual_seed(0)
        model = nn.Linear(3, 3)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            first, second = model(x).square().mean(), model(x).abs().sum()
            first.backward()
            second.backward()
            optimizer.step()
            return first, second, *(parameter.grad for parameter in model.parameters())

        return model, optimizer, step

    (model, optimizer, step), (other, other_optimizer, eager) = made(), made()
    compiled = brasa.compile(step)
    for number in range(8):
        optimizer.param_groups[0]["lr"] = other_optimizer.param_groups[0]["lr"] = 0.1 if number < 6 else 0.3
        x = numbers(4, 3, seed=number)
        assert bits(compiled(x)) == bits(eager(x))
        assert bits(model.parameters()) == bits(other.parameters())
    assert way(compiled)[0] == "sealed"


MODES = {
    "no_grad": brasa.no_grad(), "bare": brasa.no_grad, "inference_mode": brasa.inference_mode(),
    "enable_grad": brasa.enable_grad(),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", ["inside", "itself"])
@pytest.mark.usefixtures("either_way")
def test_functions_that_a_gradient_mode_decorates(mode, where, monkeypatch):
    decorated = MODES[mode](lambda x: x * SCALE)
    function = decorated if where == "itself" else lambda x: decorated(x) + 1.0
    compiled = brasa.compile(function)
    for number in range(12):
        monkeypatch.setitem(globals(), "SCALE", 2.0 if number < 6 else 3.0)
        x = numbers(3, seed=number, requires_grad=True)
        result, expected = compiled(x), function(x)
        assert bits([result]) == bits([expected])
        assert result.requires_grad is expected.requires_grad
        if number == 5:
            assert way(compiled)[0] == "sealed"


def test_a_mode_that_decorates_a_function_is_set_in_it_alone():
    try:
        decorated = brasa.set_grad_enabled(False)(lambda x: x * 2.0)
        x = numbers(3, requires_grad=True)
        assert (x * 2.0).requires_grad
        assert not decorated(x).requires_grad
    finally:
        brasa.set_grad_enabled(True)


@pytest.mark.usefixtures("either_way")
def test_arguments_that_are_one_tensor_and_then_two():
    compiled = brasa.compile(lambda a, b: a * 2.0 + b)
    one, other = numbers(3), numbers(3, seed=1)
    for a, b in ((one, one), (one, one.view(3)), (one, other), (other, one), (other, other)):
        for _ in range(6):
            assert bits([compiled(a, b)]) == bits([a * 2.0 + b])


@pytest.mark.usefixtures("either_way")
def test_an_argument_that_is_what_the_program_reads_anyway():
    weight, other = numbers(3, requires_grad=True), numbers(3, seed=1, requires_grad=True)

    def function(x):
        weight.grad = x.grad = None
        (x * 3.0 + weight).sum().backward()
        return x * 2.0 + weight

    compiled = brasa.compile(function)
    for order in ((weight, other, weight), (other, weight, other)):
        for x in order:
            for _ in range(6):
                with brasa.no_grad():
                    expected = x * 2.0 + weight
                assert bits([compiled(x)]) == bits([expected])
                assert weight.grad.tolist() == ([4.0] * 3 if x is weight else [1.0] * 3)


def test_each_mode_has_a_sealed_form(monkeypatch):
    """A function that was called in one mode is not followed in another for ever."""
    compiled, x = brasa.compile(lambda x: x * 2.0 + brasa.ones(3)), numbers(3)
    modes = [brasa.no_grad(), brasa.enable_grad(), brasa.autocast("cpu", dtype=brasa.bfloat16)]
    for mode in modes * 3:
        with mode:
            for _ in range(4):
                assert bits([compiled(x)]) == bits([x * 2.0 + brasa.ones(3)])
    monkeypatch.setattr(type(compiled), "_followed", lambda *_: pytest.fail("Python was run again"))
    for mode in modes:
        with mode:
            compiled(x)
