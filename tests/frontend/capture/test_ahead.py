"""The quick way through a followed program: it must tell all that the key of a step tells, at every turn."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.tracing.function import Function

_TURNS = (0, 0, 0, 1, 0, 1, 1, 1, 0, 2, 2, 0, 1, 2, 0)


def numbers(*shape, seed=0, dtype=np.float32):
    return brasa.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


class Scene:
    """What a program uses besides its argument, and changes from turn to turn; the same for eager and compiled."""

    def __init__(self):
        self.seen = []  # written to in each call, so that nothing is ever sealed
        self.held = [numbers(2, 4, seed=1), numbers(2, 4, seed=2), numbers(2, 4, seed=3)]
        self.weight = nn.Parameter(numbers(2, 4, seed=4))
        self.whole = brasa.arange(8).reshape(2, 4)

    def turns_to(self, turn):
        """Called before each call, outside of the program."""


def kinds_of_numbers(scene, x, turn):
    y = scene.whole * 3
    return (y * (2, 2.0, True)[turn]) + (y + (1.5, 1, scene.whole)[turn])


def other_functions(scene, x, turn):
    y = x + x
    z = (brasa.add, brasa.mul, brasa.Tensor.__sub__)[turn](y, x)
    return (brasa.exp, brasa.sin, brasa.Tensor.tanh)[turn](z + y)


def first_operands(scene, x, turn):
    y, z = x * 2.0, x + 1.0
    return (y, z, x)[turn] - y


def second_operands(scene, x, turn):
    y, z = x * 2.0, x + 1.0
    return y - (y, z, x)[turn]


def first_outer_operands(scene, x, turn):
    y = x * 2.0 + scene.held[0] + scene.held[1] + scene.held[2]
    return scene.held[turn] - y


def second_outer_operands(scene, x, turn):
    y = x * 2.0 + scene.held[0] + scene.held[1] + scene.held[2]
    return y - scene.held[turn]


def swapped_memory(scene, x, turn):
    y = x + scene.held[0]
    z = y + x
    if turn:
        scene.held[0].data = scene.held[turn].detach().clone()
    return y * scene.held[0] + scene.held[0], z


def written_operand(scene, x, turn):
    y = x * 2.0
    z = y + 1.0
    if turn == 1:
        y.mul_(scene.weight)
    if turn == 2:
        y.copy_(y)
    return y + z + y, (y * z).requires_grad


def written_outside(scene, x, turn):
    y = x + scene.held[0]
    if turn:
        scene.held[0].add_(turn)
    return y + scene.held[0] + scene.held[0]


def written_view(scene, x, turn):
    y = x * 2.0
    part = y[0] if turn else x[0]
    z = y + 1.0
    if turn == 2:
        part.add_(5.0)
    return y + z + part


def seen_otherwise(scene, x, turn):
    y = x * 2.0
    z = y + y
    if turn:
        y = y.view(4, 2).T if turn == 1 else y.T.contiguous().view(2, 4)
    return y + z


def itself_or_a_view(scene, x, turn):
    y = x * 2.0
    views = y, y.view(4, 2).T, y.detach()
    return views[turn] + x, x * views[turn]


def resized(scene, x, turn):
    y = x * 2.0
    if turn:
        y.resize_(1, 4)
    return y + y


def turned_in_place(scene, x, turn):
    y = x * 2.0
    z = y * 3.0
    if turn:
        y.t_()
    return y + y, z


def gradients_wanted(scene, x, turn):
    y = x * 2.0
    if turn:
        y.requires_grad_()
    z = y * 3.0
    return z + z, z.requires_grad


def gradients_dropped(scene, x, turn):
    y = x * scene.weight
    if turn == 1:
        y.detach_()
    if turn == 2:
        y = y.detach()
    z, w = y * 3.0, x * y
    return z + y, z.requires_grad, w.requires_grad


def gradient_mode(scene, x, turn):
    y = x * scene.weight
    with brasa.set_grad_enabled(turn != 1):
        z = y * 2.0 + scene.weight
    return z + y, z.requires_grad


def frozen_weight(scene, x, turn):
    scene.weight.requires_grad_(turn == 0)
    y = x * scene.weight
    return y + scene.weight, y.requires_grad


def gradients_reach(scene, x, turn):
    y = x * scene.weight
    z = y * 2.0 if turn != 1 else y.detach() * 2.0
    ((z + y) * (turn + 1.0)).sum().backward()
    found, scene.weight.grad = scene.weight.grad, None
    return found


def looked_at(scene, x, turn):
    y = x * 2.0
    z = y + 1.0
    if turn:
        scene.seen.append(z.sum().item())
    return z + y + z


def default_dtypes(scene, x, turn):
    before, whole = brasa.get_default_dtype(), scene.whole * 2
    brasa.set_default_dtype(brasa.float64 if turn else brasa.float32)
    y = whole / 3
    z = whole.sqrt()
    brasa.set_default_dtype(before)
    return y, z, y + z


def lower_precision(scene, x, turn):
    y = x + x
    with brasa.autocast("cpu", enabled=turn == 1):
        z = y @ scene.held[0].T
    return z @ z


def axes(scene, x, turn):
    y = (x + x).softmax(-1 if turn == 0 else 0)
    return y.cumsum(turn) if turn < 2 else y.cumsum(0, dtype=brasa.float64)


def one_and_two(scene, x, turn):
    y = x + x
    return (brasa.sum, lambda y: brasa.sum(y, 0), lambda y: brasa.sum(y, dim=0, keepdim=True))[turn](y) + y


def parameters_and_tensors(scene, x, turn):
    other = (scene.weight, scene.held[0], scene.weight.detach())[turn]
    y = x + other
    return y + other, y.requires_grad


def shared_memory(scene, x, turn):
    one = scene.held[0]
    two = one.view(-1).view(2, 4) if turn else one
    y = x + one
    if turn == 2:
        two.mul_(2.0)
    return y + one + two


def many_steps(scene, x, turn):
    """More than are made before tensors that nobody holds are let go."""
    y, held = x, []
    for step in range(100):
        z = y * 0.5
        y = z + x
        if step % (7 + turn) == 0:
            held.append((y.view(-1), y, z.T)[step % 3])
    held[turn][0] += 1.0
    return y, *held


SCENES = [
    kinds_of_numbers, other_functions, first_operands, second_operands, first_outer_operands, second_outer_operands,
    swapped_memory, written_operand, written_outside, written_view, seen_otherwise, itself_or_a_view, resized,
    turned_in_place, gradients_wanted, gradients_dropped, gradient_mode, frozen_weight, gradients_reach, looked_at,
    default_dtypes, lower_precision, axes, one_and_two, parameters_and_tensors, shared_memory, many_steps,
]  # fmt: skip


def answers(program, compiled):
    """What a program gives at each turn, and the state that it leaves behind."""
    scene = Scene()

    def function(x, turn):
        scene.seen.append(turn[0])
        return program(scene, x, turn[0])

    call = brasa.compile(function) if compiled else function
    turn, found = [0], []  # the turn is no argument that a signature holds
    for number, turn[0] in enumerate(_TURNS):
        results = call(numbers(2, 4, seed=number), turn)
        results = results if isinstance(results, tuple) else (results,)
        found += [r if isinstance(r, bool) else (str(r.dtype), r.detach().double().numpy().tolist()) for r in results]
    return found, scene.seen, [held.tolist() for held in scene.held]


@pytest.mark.filterwarnings("ignore:.*a tensor is given other memory")
@pytest.mark.parametrize("program", SCENES, ids=lambda program: program.__name__)
def test_every_turn_is_as_in_eager_mode(program):
    assert answers(program, compiled=True) == answers(program, compiled=False)


def test_a_call_that_came_next_before_is_not_looked_up(monkeypatch):
    seen, weight = [], nn.Parameter(numbers(4, seed=1))
    calls = []
    stepped = Function.stepped
    monkeypatch.setattr(Function, "stepped", lambda made, *rest: calls.append(made.name) or stepped(made, *rest))

    def function(x):
        seen.append(0)
        y = x * 2.0
        for _ in range(5):
            y = brasa.tanh(y + x).mul(3) - y / weight
        return y.softmax(0).exp()

    compiled = brasa.compile(function)
    for _ in range(4):
        calls.clear()
        compiled(numbers(4))
    assert len(calls) <= 3, calls  # the first op that sees a tensor from outside


def test_operands_of_another_thread_are_not_taken_for_this_ones():
    def function(x, log):
        log.append(0)
        y = x * 2.0
        for _ in range(20):
            y = y + x
        return y - x

    compiled = brasa.compile(function)
    inputs = [numbers(3, seed=seed) for seed in range(4)]
    expected = [function(x, []).tolist() for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert [y.tolist() for y in pool.map(lambda x: compiled(x, []), inputs)] == expected


def test_a_context_that_was_copied_in_a_call_knows_when_that_is_over():
    contexts = []

    def function(x):
        contexts.append(copy_context())
        y = x * 2.0
        return (y + x) * y

    compiled, x = brasa.compile(function), numbers(3)
    for _ in range(3):
        compiled(x)
    for context in list(contexts):
        assert context.run(function, x).tolist() == function(x).tolist()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(context.run, compiled, x).result().tolist() == function(x).tolist()


def test_a_context_from_before_a_call_is_entered_in_it():
    weight, log, context = numbers(3, seed=1), [], copy_context()

    def inside(x, y):
        stacked = brasa.stack([y, x])
        z = weight * x + (y - weight) + x.relu() + stacked[1] + stacked.T[:, 0] + stacked.unsqueeze(0)[0, 1]
        return z.sum(), brasa.nn.functional.linear(z, stacked, y[:2]).softmax(-1)

    def function(x):
        log.append(0)
        y = x * 2.0
        return context.run(inside, x, y), y + weight

    compiled, x = brasa.compile(function), numbers(3)
    expected, rest = function(x)
    for _ in range(3):
        found, beside = compiled(x)
        assert [each.tolist() for each in found] == [each.tolist() for each in expected]
        assert beside.tolist() == rest.tolist()
    assert context.run(lambda: (x * 2.0).tolist()) == (x * 2.0).tolist()


def test_another_thread_in_a_copied_context_records_nothing():
    weight, log = numbers(3, seed=1), []

    def function(x):
        log.append(0)
        y = x * 2.0 + weight
        context = copy_context()
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(context.run, lambda: weight * 3.0).result()
        assert other.is_leaf and other._cell is None
        return weight * 3.0 + y, other

    compiled, x = brasa.compile(function), numbers(3)
    for _ in range(4):
        assert [each.tolist() for each in compiled(x)] == [each.tolist() for each in function(x)]


def fine(x, log):
    log.append(0)
    return (x * 2.0 + x) * x


def failing(x, log):
    y = fine(x, log) * x
    raise KeyError(str(y.shape))


def failing_in_the_program(x, log):
    return brasa.gather(fine(x, log), 0, brasa.tensor([7])) + x


def left(x, log):
    y = fine(x, log) + x
    y.data = x * 2.0
    return y * 2.0


@pytest.mark.filterwarnings("ignore:.*a tensor is given other memory")
@pytest.mark.parametrize("function", [fine, failing, failing_in_the_program, left])
def test_steps_keep_nothing_of_a_call(function):
    compiled = brasa.compile(function)
    for _ in range(6):  # one of the first ones is remembered until the next one shows whether it can be sealed
        given = numbers(3), []
        gone = [weakref.ref(given[0]), weakref.ref(given[0]._buffer)]
        try:
            compiled(*given)
        except (KeyError, IndexError):
            assert function is not fine
        del given
    gc.collect()
    assert [each() for each in gone] == [None, None]
