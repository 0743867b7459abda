"""Calls that enter machine code by a shortcut: whatever changes afterwards, results are those of the eager function."""

import itertools

import numpy as np
import pytest

import brasa
from brasa.capture.compiled import CompiledFunction


def settled(function, *args):
    """The compiled function after calls that have made a shortcut, which is counted in what is returned with it."""
    compiled = CompiledFunction(function)
    for _ in range(6):
        compiled(*args)
    assert compiled.shortcuts
    general = []
    fits = compiled.sealed[0].fits
    compiled.sealed[0].fits = lambda *given: general.append(given) or fits(*given)
    compiled(*args)
    assert not general
    return compiled


def same(compiled, function, *args):
    now, then = compiled(*args), function(*args)
    assert now.requires_grad == then.requires_grad
    np.testing.assert_array_equal(now.detach().numpy(), then.detach().numpy(), strict=True)


def softmax(x):
    return x.softmax(-1)


def total(x, y, z):
    return x * y + z


WEIGHT = brasa.tensor([2.0, 3.0, 4.0])


def weighted(x):
    return x * WEIGHT


def test_values_and_sizes_change():
    x, y = brasa.randn(3, 4), brasa.randn(3, 4)
    compiled = settled(softmax, x)
    same(compiled, softmax, y)
    same(compiled, softmax, brasa.randn(2, 7))
    same(compiled, softmax, x.T)
    same(compiled, softmax, x.double())
    same(compiled, softmax, x)
    assert compiled(x).data_ptr() != x.data_ptr()


@pytest.mark.parametrize("read", [
    read for count in (1, 2, 3) for read in itertools.product((False, True), repeat=count) if any(read)
])  # fmt: skip
@pytest.mark.parametrize("weighs", [False, True])
def test_any_arguments_may_be_read(read, weighs):
    def function(*args):
        total = None
        for arg, is_read in zip(args, read, strict=True):
            if is_read:
                total = arg if total is None else total - arg
        return total * WEIGHT if weighs else total.exp()

    compiled = settled(function, *[brasa.rand(2, 3) for _ in read])
    for _ in range(2):
        same(compiled, function, *[brasa.rand(2, 3) for _ in read])


def test_a_gradient_is_wanted():
    x, wanted = brasa.randn(3, 4), brasa.randn(3, 4, requires_grad=True)
    compiled = settled(softmax, x)
    same(compiled, softmax, wanted)
    with brasa.no_grad():
        same(compiled, softmax, wanted)
    compiled = settled(total, x, x + 1, x + 2)
    same(compiled, total, x, wanted, x + 2)
    layer = brasa.nn.Linear(4, 2)
    with brasa.no_grad():
        compiled = settled(lambda x: layer(x), x)
    same(compiled, layer, x)


def test_the_same_tensor_twice():
    x, y, z = brasa.randn(5), brasa.randn(5), brasa.randn(5)
    compiled = settled(total, x, y, z)
    same(compiled, total, z, x, y)
    same(compiled, total, x, x, y)
    same(compiled, total, x, y, y)
    same(compiled, total, x, y, brasa.randn(1))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'z'"):
        compiled(x, y)
    same(compiled, total, x, y, 2.0)

    def compared(x, y):
        return x + 1 if x is y else x + y

    compiled = settled(compared, x, y)
    same(compiled, compared, x, x)


def test_what_it_reads_is_replaced(monkeypatch):
    x = brasa.randn(2, 3)
    compiled = settled(weighted, x)
    WEIGHT.mul_(2)
    same(compiled, weighted, x)
    WEIGHT.data = brasa.tensor([0.5, 1.0, 2.0])
    same(compiled, weighted, x)
    monkeypatch.setitem(globals(), "WEIGHT", brasa.tensor([-1.0, 0.0, 1.0]))
    same(compiled, weighted, x)


def test_its_code_is_replaced():
    def scaled(x):
        return x * 2

    x = brasa.randn(5)
    compiled = settled(scaled, x)
    scaled.__code__ = (lambda x: x * 3).__code__
    same(compiled, scaled, x)


def test_modules_and_closures():
    model, limit = brasa.nn.Sequential(brasa.nn.Linear(3, 4), brasa.nn.ReLU()), [0.5]

    def limited(x):
        return model(x).clamp(max=limit[0])

    x = brasa.randn(2, 3)
    with brasa.no_grad():
        compiled = settled(limited, x)
        limit[0] = 0.25
        same(compiled, limited, x)
        model[0].weight.copy_(-model[0].weight)
        same(compiled, limited, x)
        model[1] = brasa.nn.Tanh()
        same(compiled, limited, x)
    same(compiled, limited, x)


def test_modes_change():
    x = brasa.randn(4, 4)
    compiled = settled(softmax, x)
    with brasa.autocast("cpu", dtype=brasa.bfloat16):
        same(compiled, softmax, x)
    with brasa.no_grad():
        same(compiled, softmax, x)
    brasa.set_default_dtype(brasa.float64)
    try:
        same(compiled, softmax, x)
    finally:
        brasa.set_default_dtype(brasa.float32)


def test_a_check_of_machine_code_fails():
    def picked(x, index):
        return x[index]

    x, index = brasa.arange(5.0), brasa.tensor([0, 4, 2])
    compiled = settled(picked, x, index)
    with pytest.raises(IndexError, match="index 7"):
        compiled(x, brasa.tensor([1, 7, 0]))
    same(compiled, picked, x, index)


def test_as_many_shortcuts_as_are_of_use():
    compiled = settled(softmax, brasa.randn(1, 3))
    for rows in range(2, 600):
        compiled(brasa.zeros(rows, 3))
    assert len(compiled.shortcuts) <= 256
