"""The second call of a function with gradients goes a shorter way to the tape than the first: both do the same."""

import numpy as np
import pytest

import brasa
from brasa.ir.errors import GradientError

CALLS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: y - x,
    "mul": lambda x, y: x * y,
    "square": lambda x, y: x * x,
    "div": lambda x, y: x / y,
    "float": lambda x, y: x * 2.5,
    "int": lambda x, y: x / 3,
    "matmul": lambda x, y: x @ y,
    "max": lambda x, y: brasa.maximum(x, y),
    "exp": lambda x, y: x.exp(),
    "relu": lambda x, y: x.relu(),
    "softmax": lambda x, y: x.softmax(0),
    "sum": lambda x, y: x.sum(),
    "cumsum": lambda x, y: x.cumsum(1),
    "comparison": lambda x, y: (x > y) * x,
}


def numbers(seed, requires_grad=True):
    values = np.random.default_rng(seed).uniform(0.5, 2.0, (3, 3))
    return brasa.tensor(values, requires_grad=requires_grad)


def gradients(call, wanted):
    """The value, the gradients, and theirs, of a call of operands of which some require gradients."""
    x, y = numbers(0, wanted[0]), numbers(1, wanted[1])
    result = call(x, y)
    inputs = [tensor for tensor in (x, y) if tensor.requires_grad]
    if not result.requires_grad:
        return [result.tolist()]
    first = brasa.autograd.grad(result.exp().sum(), inputs, create_graph=True, allow_unused=True)
    again = [g for g in first if g is not None and g.requires_grad]
    second = brasa.autograd.grad([g.sin().sum() for g in again], inputs, allow_unused=True) if again else ()
    names = result.grad_fn.name(), [node and node.name() for node, _ in result.grad_fn.next_functions]
    return [result.tolist(), names, *(None if g is None else g.tolist() for g in (*first, *second))]


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)], ids=("both", "first", "second"))
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_later_calls_give_what_the_first_gives(call, wanted):
    first = gradients(call, wanted)
    with brasa.no_grad():
        call(numbers(0), numbers(1))
    call(numbers(0, False), numbers(1, False))
    for _ in range(2):
        assert gradients(call, wanted) == first


@pytest.mark.parametrize("name", ["mul", "square", "exp"])
def test_hooks_take_what_later_calls_keep(name):
    call, seen = CALLS[name], []
    for _ in range(3):
        call(numbers(0), numbers(1))
    expected = gradients(call, (True, True))
    with brasa.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.tolist()) or t.clone(), lambda t: t):
        found = gradients(call, (True, True))
    assert found == expected
    assert numbers(0).tolist() in seen


@pytest.mark.parametrize("name", ["mul", "square", "exp", "int"])
def test_a_write_to_what_a_later_call_keeps_is_noticed(name):
    for _ in range(3):
        x, y = numbers(0) * 1.0, numbers(1)
        result = CALLS[name](x, y)
        (result if name == "exp" else x).detach().add_(1.0)
        if name == "int":  # which reads nothing of x
            result.sum().backward()
            continue
        with pytest.raises(GradientError, match="changed in place"):
            result.sum().backward()


def test_the_right_one_of_several_signatures_is_taken():
    for size in (2, 5, 2, 7, 5):
        for dtype in (brasa.float32, brasa.float64):
            x = brasa.ones(size, dtype=dtype, requires_grad=True)
            y = (x * 2 + x * 0.5) * x.T[:1]
            y.sum().backward()
            assert x.grad.dtype is dtype
            np.testing.assert_allclose(x.grad.numpy(), [2.5 + 2.5 * size] + [2.5] * (size - 1))
