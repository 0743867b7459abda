"""Memory that several tensors see, written by a compiled program: every reader sees what eager code would see."""

import warnings

import numpy as np
import pytest

import brasa


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def overlapping():
    """Written first through a part, then through the whole, read through another part."""
    state = brasa.tensor(numbers(3, 4))
    row, column = state[1], state[:, 2]

    def call(x):
        row.add_(x)
        state.mul_(2.0)
        column.sub_(1.0)
        return row * 1.0, state.sum(), column[1:]

    return call, [state], brasa.ones(4)


def apart():
    """Parts that do not overlap are no more than tensors that lie next to each other."""
    state = brasa.tensor(numbers(6))
    low, high = state[:3], state[3:]

    def call(x):
        low.add_(x)
        high.mul_(low)
        return low + high

    return call, [state], brasa.ones(3)


def through_arguments():
    """A function that is given the same memory twice."""
    state = brasa.tensor(numbers(4))

    def call(x):
        return shift(state, state[1:], x)

    def shift(whole, rest, x):
        rest.add_(x)
        whole.mul_(3.0)
        return rest + 1, whole - 1

    return call, [state], brasa.ones(3)


def with_gradients():
    """A gradient reads what was there before the memory was written."""
    state, weight = brasa.tensor(numbers(4)), brasa.tensor(numbers(4, seed=1), requires_grad=True)
    half = state[::2]

    def call(x):
        loss = (x * state * weight).sum()
        shown = loss.item()
        half.mul_(2.0)
        again = state.sum().item()
        loss.backward()
        return weight.grad.clone(), shown, again

    return call, [state, weight], brasa.ones(4)


def with_gradients_of_turned_memory():
    """As above, where what was there does not lie row-major."""
    state, weight = brasa.tensor(numbers(3, 4)).T, brasa.tensor(numbers(4, 3, seed=1), requires_grad=True)

    def call(x):
        loss = (state * x * weight).sum()
        shown = loss.item()
        state[1:].mul_(2.0)
        again = state.sum().item()
        loss.backward()
        return weight.grad.clone(), shown, again

    return call, [state, weight], brasa.ones(3)


def moved_along():
    """What is written is read from the same memory, by a tensor that shows it in another order."""
    state = brasa.tensor(numbers(4, 4))

    def call(x):
        turned = state.T
        shown = (turned * x).sum().item()
        turned[1:] = turned[:-1]
        state.sub_(1.0)
        state.copy_(turned)
        return shown, state.sum()

    return call, [state], brasa.ones(4)


def flat_parameters():
    """Parameters that are parts of one vector, which an optimiser changes as a whole."""
    flat = brasa.tensor(numbers(6))
    first, second = (brasa.nn.Parameter(part) for part in (flat[:2], flat[2:]))
    first.data, second.data = flat[:2], flat[2:]

    def call(x):
        loss = (first.sum() * x + second * x).exp().sum()
        first.grad = second.grad = None
        loss.backward()
        with brasa.no_grad():
            flat.sub_(brasa.cat([first.grad, second.grad]) * 0.01)
        return loss, (first * 2).sum() + second[0]

    return call, [flat], brasa.ones(4) * 0.1


def plain(value):
    if isinstance(value, brasa.Tensor):
        return value.detach().numpy().tobytes()
    return tuple(map(plain, value)) if isinstance(value, tuple | list) else value


MAKERS = [
    overlapping, apart, through_arguments, with_gradients, with_gradients_of_turned_memory, moved_along,
    flat_parameters,
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("retrace", [False, True])
def test_is_as_in_eager_mode(make, retrace, request):
    if retrace:
        request.getfixturevalue("retracing")
    outcomes = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for compile in (lambda call: call, brasa.compile):
            call, state, x = make()
            run = compile(call)
            outcomes.append([(plain(run(x)), plain(state)) for _ in range(6)])
    assert outcomes[0] == outcomes[1]


def test_the_relation_is_that_of_each_call():
    """The same function on memory that is shared and on memory that is not."""

    def call(x, y):
        x.add_(1.0)
        y.mul_(2.0)
        return x + y

    compiled = brasa.compile(call)
    for turn in range(8):
        results = []
        for run in (call, compiled):
            memory = brasa.tensor(numbers(6, seed=turn))
            shifts = ((memory[:4], memory[2:]), (memory[:3], memory[3:]), (memory[:4], memory[:4]))
            x, y = shifts[turn % 2 if turn < 4 else 2]
            results.append((plain(run(x, y)), plain(memory)))
        assert results[0] == results[1]


def test_a_whole_program_is_not_to_be_had():
    call, _, x = overlapping()
    with pytest.raises(brasa.BrasaError, match=r"test_shared_memory.py:\d+: memory that was written is read through"):
        brasa.compile(call, fullgraph=True)(x)


@pytest.mark.parametrize("copy", [lambda y, x: y.copy_(x), lambda y, x: y.__setitem__(slice(None), x)])
def test_what_was_copied_is_in_memory_of_its_own(copy):
    """Also where that is all: values with one name are no memory with one name."""

    def function(x):
        one, two = brasa.empty(3), x * 2
        copy(one, x)
        three = brasa.empty(3)
        copy(three, two)
        return one, two, three

    compiled = brasa.compile(function, fullgraph=True)
    for _ in range(6):  # followed, then sealed
        x = brasa.tensor([1.0, 2.0, 3.0])
        one, two, three = compiled(x)
        assert len({each.data_ptr() for each in (x, one, two, three)}) == 4
        three.zero_()
        assert (x.tolist(), one.tolist(), two.tolist()) == ([1, 2, 3], [1, 2, 3], [2, 4, 6])


def test_a_leaf_that_was_copied_has_gradients_of_its_own():
    def function(x):
        leaf = brasa.empty(2)
        leaf.copy_(x)
        leaf.requires_grad_()
        return brasa.autograd.grad((leaf * leaf * x).sum(), leaf)[0]

    x = brasa.tensor([2.0, 3.0])
    assert brasa.compile(function)(x).tolist() == function(x).tolist() == [8.0, 18.0]
