"""Followed programs: every Python effect and every branch as in eager mode, bit for bit."""

import sys

import numpy as np
import pytest

import brasa
from tests.compiling import assert_compiles


def arrays(*shapes, seed=0):
    generator = np.random.default_rng(seed)
    return [brasa.tensor(generator.standard_normal(shape).astype(np.float32)) for shape in shapes]


def bits(tensor):
    return tensor.detach().numpy().view(np.uint32).tolist()


def test_results_equal_eager_at_many_sizes_with_one_compile():
    def function(x, y):
        return ((x * y).exp().sum(1) + 1.0).log()

    compiled = brasa.compile(function)
    for n in (3, 5, 1, 17, 64):
        x, y = arrays((n, 4), (n, 4), seed=n)
        assert bits(compiled(x, y)) == bits(function(x, y))
    compiled = brasa.compile(function)
    with assert_compiles(1):
        for n in range(1, 66):
            compiled(*arrays((n, 4), (n, 4), seed=n))


def test_python_effects_happen_on_every_call(capsys):
    losses = []
    counter = {"t": 0}

    def step(x):
        loss = (x * x).mean()
        counter["t"] += 1
        losses.append(loss.item())
        print(loss.item())
        return loss

    compiled = brasa.compile(step)
    for i in range(5):
        compiled(brasa.tensor([float(i), 1.0]))
    assert counter["t"] == 5
    assert losses == [(i * i + 1) / 2 for i in range(5)]
    assert [float(line) for line in capsys.readouterr().out.split()] == losses


def test_branches_on_values():
    def function(x):
        y = x * 2.0
        return y + 1.0 if y.sum().item() > 0 else y - 1.0

    compiled = brasa.compile(function)
    for value in (1.0, -1.0, 2.0, -3.0, 4.0):
        assert compiled(brasa.tensor([value])).tolist() == function(brasa.tensor([value])).tolist()


def test_loops_until_a_condition():
    def newton(a):
        x = a * 0.5
        while ((x * x - a).abs() > 1e-5).any():
            x = (x + a / x) * 0.5
        return x

    compiled = brasa.compile(newton)
    for value in (2.0, 9.0, 100.0):
        assert bits(compiled(brasa.tensor([value]))) == bits(newton(brasa.tensor([value])))


def test_decisions_about_sizes():
    def function(x):
        return x * 2.0 if x.shape[0] > 3 else x + 100.0

    compiled = brasa.compile(function)
    for n in (2, 5, 3, 9, 1):
        assert compiled(brasa.ones(n)).tolist() == function(brasa.ones(n)).tolist()


def test_a_value_kept_by_python_stays_usable():
    kept = []

    def function(x):
        y = x * 2.0
        kept.append(y)
        return y + 1.0

    compiled = brasa.compile(function)
    for i in range(4):
        compiled(brasa.tensor([float(i)]))
    assert [y.item() for y in kept] == [0.0, 2.0, 4.0, 6.0]


def test_in_place_writes_to_arguments_and_views():
    def function(x):
        x[1:3].mul_(10.0)
        view = x[0:1]
        x.add_(1.0)
        return view * 1.0

    compiled = brasa.compile(function)
    for i in range(6):
        eager, other = brasa.arange(4).float() + i, brasa.arange(4).float() + i
        assert function(eager).tolist() == compiled(other).tolist()
        assert eager.tolist() == other.tolist()


def test_views_of_results_share_memory():
    def function(x):
        y = x * 2.0
        return y, y[1:]

    compiled = brasa.compile(function)
    for _ in range(5):
        whole, part = compiled(brasa.ones(3))
        part.zero_()
        assert whole.tolist() == [2.0, 0.0, 0.0]


def test_an_argument_that_is_returned_is_that_argument():
    compiled = brasa.compile(lambda x: (x, x * 2.0))
    for _ in range(5):
        x = brasa.ones(2)
        assert compiled(x)[0] is x


def test_an_error_is_eagers_and_keeps_what_came_before():
    state = brasa.zeros(2)

    def function(x):
        state.add_(1.0)
        return x + brasa.ones(5)

    compiled = brasa.compile(function)
    for _ in range(3):
        with pytest.raises(brasa.BrasaError, match="cannot be broadcast"):
            compiled(brasa.ones(3))
    assert state.tolist() == [3.0, 3.0]


def test_the_first_error_counts_though_nobody_has_what_failed():
    """A division whose result is lost, then an index: eager mode comes upon the first."""

    def function(x):
        (brasa.arange(3) % x.shape[0]).abs()
        return x[0]

    compiled, nothing = brasa.compile(function), brasa.ones(0, 3)
    for run in (function, compiled, compiled, compiled):
        with pytest.raises(brasa.BrasaError, match="zero"):
            run(nothing)


def test_training_step_equals_eager():
    x, y = arrays((8, 4), (8, 4))

    def train(compile):
        weight = brasa.tensor(np.linspace(-1, 1, 4).astype(np.float32), requires_grad=True)

        def step(x, y, rate):
            weight.grad = None
            loss = ((x * weight - y) ** 2).mean()
            loss.backward()
            with brasa.no_grad():
                weight.sub_(weight.grad * rate)
            return loss

        run = brasa.compile(step) if compile else step
        losses = [run(x, y, 0.1 / (i + 1)).item() for i in range(20)]
        return losses, bits(weight), bits(weight.grad), run

    eager, compiled = train(False), train(True)
    assert eager[:3] == compiled[:3]


def test_eager_gradients_flow_through_compiled_functions():
    weight = brasa.tensor([1.0, 2.0], requires_grad=True)

    def function(x):
        return (x * weight).exp()

    compiled = brasa.compile(function)
    for i in range(6):
        grads = []
        for run in (function, compiled):
            weight.grad = None
            (run(brasa.tensor([0.5, float(i)])) * 3.0).sum().backward()
            grads.append(bits(weight.grad))
        assert grads[0] == grads[1]


def test_gradients_accumulate():
    weight = brasa.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        loss = (x * weight).sum()
        loss.backward()
        return loss

    compiled = brasa.compile(step)
    for i in range(1, 8):
        compiled(brasa.tensor([1.0, 3.0]))
        assert weight.grad.tolist() == [float(i), 3.0 * i]


def test_second_backward_is_refused():
    weight = brasa.tensor([1.0], requires_grad=True)

    def step(x):
        loss = (x * weight).sum()
        loss.backward()
        return loss

    compiled = brasa.compile(step)
    for _ in range(5):
        with pytest.raises(brasa.BrasaError, match="freed"):
            compiled(brasa.tensor([1.0])).backward()


def test_fullgraph_refuses_a_value_in_the_middle():
    compiled = brasa.compile(lambda x: x * x.sum().item(), fullgraph=True)
    with pytest.raises(brasa.BrasaError, match="middle"):
        compiled(brasa.ones(2))


def test_nested_structures():
    def function(batch):
        return {"sum": batch["a"] + batch["b"][0], "rest": [batch["b"][1] * 2.0, 7]}

    compiled = brasa.compile(function)
    for _ in range(6):
        result = compiled({"a": brasa.ones(2), "b": [brasa.ones(2), brasa.ones(3)]})
        assert result["sum"].tolist() == [2.0, 2.0]
        assert result["rest"][0].tolist() == [2.0] * 3
        assert result["rest"][1] == 7
    assert compiled.sealed


def test_what_cannot_be_captured_runs_eagerly_with_one_warning():
    state = brasa.zeros(4)

    def function(x):
        state.add_(x)
        pairs = state.view(brasa.float64)
        return pairs.view(brasa.float32) * 2.0

    compiled = brasa.compile(function)
    with pytest.warns(UserWarning, match=r"runs eagerly from test_follow.py:\d+ on: a view of a dtype"):
        assert compiled(brasa.ones(4)).tolist() == [2.0] * 4
    assert compiled(brasa.ones(4)).tolist() == [4.0] * 4


def test_gradient_inside_and_second_order():
    def penalty(x):
        x = x.detach().requires_grad_()
        (slope,) = brasa.autograd.grad((x * x * x).sum(), x, create_graph=True)
        (curve,) = brasa.autograd.grad(slope.sum(), x)
        return slope, curve

    compiled = brasa.compile(penalty)
    for i in range(4):
        for ours, eager in zip(compiled(brasa.tensor([1.0, i])), penalty(brasa.tensor([1.0, i])), strict=True):
            assert bits(ours) == bits(eager)


def test_second_gradients_add_up_in_the_same_order():
    def twice(x):
        x = x.detach().requires_grad_()
        (slope,) = brasa.autograd.grad((x * x * x).sum(), x, create_graph=True)
        (curve,) = brasa.autograd.grad((slope * slope).sum(), x)
        return slope, curve

    (x,) = arrays((1000,))
    for ours, eager in zip(brasa.compile(twice)(x), twice(x), strict=True):
        assert bits(ours) == bits(eager)


def test_products_with_one_row_or_column_have_one_order():
    """A column is contiguous along both axes; eager mode sees that it is one, a trace has a name for its width."""
    scores = brasa.compile(lambda q, k: q @ k.transpose(-2, -1))
    plain = brasa.compile(lambda x, y: x @ y)
    for rows, columns in ((5, 5), (5, 1), (1, 5), (1, 1), (7, 3)):
        q, k = arrays((2, rows, 300), (2, columns, 300))
        assert bits(scores(q, k)) == bits(q @ k.transpose(-2, -1))
        x, y = arrays((2, rows, 300), (2, 300, columns))
        assert bits(plain(x, y)) == bits(x @ y)


def test_indexing_by_tensors_keeps_sizes_open():
    table = brasa.arange(12).reshape(6, 2).float()

    def function(x, index):
        return x[index] * 2.0 + table[index - 1]

    compiled = brasa.compile(function)
    with assert_compiles(1):
        for n in (6, 3, 5):
            x, index = brasa.ones(n, 2), brasa.arange(n) % 3 - 1
            assert compiled(x, index).tolist() == function(x, index).tolist()


def test_a_value_asked_for_under_no_grad_leaves_the_graph_whole():
    @brasa.compile
    def function(x):
        y = x * 2
        with brasa.no_grad():
            scale = y.sum().item()
        return y * scale

    x = brasa.ones(2, requires_grad=True)
    function(x).sum().backward()
    assert x.grad.tolist() == [8, 8]


def test_a_program_under_a_profiler_is_followed_until_that_is_gone():
    events = set()

    def watch(frame, event, argument):
        events.add(event)

    compiled = brasa.compile(lambda x: x * 2)
    sys.setprofile(watch)
    try:
        for _ in range(6):
            compiled(brasa.ones(2))
        assert sys.getprofile() is watch
    finally:
        sys.setprofile(None)
    assert "call" in events
    assert not compiled.sealed
    for _ in range(6):
        compiled(brasa.ones(2))
    assert compiled.sealed


def test_nothing_watches_after_an_error():
    compiled, bad = brasa.compile(lambda x: x * 2 + brasa.ones(3)), brasa.ones(2)
    for _ in range(3):
        compiled(brasa.ones(3))
        with pytest.raises(ValueError):
            compiled(bad)
        assert sys.getprofile() is None
