"""Memory that is written in place, with gradients or past them, in programs that are split where a value was looked at:
gradients that are asked for after the call are those of eager mode, and of PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.capture.compiled import CompileWarning

VALUES = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)


def view_of_a_constant(b: Any, x: Any, buffer: Any) -> Any:
    v = x.detach() * 2
    w = v[1]
    float(x.mean())
    w.mul_(x[0])
    return v, w


def several_views(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    w, u = v[1], v[2:4]
    float(x.mean())
    w.mul_(x[0])
    float(v.sum())
    u.mul_(x[1])
    w.mul_(3)
    return v, w, u


def whole_below_views(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    w, u = v[1], v[1:3]
    float(x.mean())
    w.mul_(x[0])
    u.mul_(x[1])
    v.sin_()
    return v, w, u, v.requires_grad and w.requires_grad and not v.is_leaf


def twice_the_same_view(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    w, again = v[1], v[1]
    float(x.mean())
    again.mul_(x[0])
    w.add_(x[1])
    return v, w, again


def rows_of_a_buffer(b: Any, x: Any, buffer: Any) -> Any:
    w = buffer[4]
    float(buffer.sum())
    w.copy_(x[0])
    u = buffer[3:5]
    float(buffer.sum())
    u.exp_()
    return w, u


def zeros_in_a_buffer(b: Any, x: Any, buffer: Any) -> Any:
    w = buffer[4]
    float(buffer.sum())
    w.zero_()
    return w


def rows_one_by_one(b: Any, x: Any, buffer: Any) -> Any:
    v = x.detach() * 2
    rows = [v[i] for i in range(4)]
    float(x.mean())
    for i, row in enumerate(rows):
        row.mul_(x[i])
    return v, *rows


def gradient_through_what_was_written(b: Any, x: Any, buffer: Any) -> Any:
    v = x.detach() * 2
    w = v[1]
    float(x.mean())
    w.mul_(x[0])
    (slope,) = b.autograd.grad((v * x).sum(), x, create_graph=True)
    return v, w, slope


def backward_through_what_was_written(b: Any, x: Any, buffer: Any) -> Any:
    v = x.detach() * 2
    w = v[1]
    float(x.mean())
    w.mul_(x[0])
    ((v * x).sum() + w.sum()).backward()
    return x.grad * 1, x * 1


def detached_twin(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    d = v.detach()
    float(x.mean())
    d.mul_(x)
    return v, d, v * x, d * x


def whole_below_a_detached_twin(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    d = v.detach()
    float(x.mean())
    sine = d.sin()
    v.mul_(x)
    return v, d, sine, v * x, d * x


def view_under_no_grad(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    w = v[1]
    with b.no_grad():
        float(x.mean())
    return w


def compared(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    v.eq_(0)
    return v, x * 1


def past_gradients(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    with b.no_grad():
        v.mul_(3)
    return v * x


def past_gradients_after_a_look(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    float(v.sum())
    with b.no_grad():
        v[1].mul_(3)
    v.data.add_(1)
    return v, v * x


def past_gradients_of_a_buffer(b: Any, x: Any, buffer: Any) -> Any:
    with b.no_grad():
        buffer.mul_(3)
    buffer.data.sub_(1)
    return buffer * x


def past_gradients_of_a_leaf(b: Any, x: Any, buffer: Any) -> Any:
    before = x.sin()
    with b.no_grad():
        x.mul_(3)
        x[1].add_(1)
    x.data.sub_(1)
    return before, x * x


def past_gradients_of_a_leaf_of_its_own(b: Any, x: Any, buffer: Any) -> Any:
    v = (x * 2).detach().requires_grad_()
    with b.no_grad():
        v[1].mul_(3)
    (v * x).sum().backward()
    return v.grad * 1, x.grad * 1


def gradient_by_what_was_written_past_it(b: Any, x: Any, buffer: Any) -> Any:
    v = x * 2
    with b.no_grad():
        v.zero_()
    (slope,) = b.autograd.grad((v * x).sum(), x, create_graph=True)
    return slope, v


PROGRAMS = [
    view_of_a_constant, several_views, whole_below_views, twice_the_same_view, rows_of_a_buffer, zeros_in_a_buffer,
    rows_one_by_one, gradient_through_what_was_written, backward_through_what_was_written, detached_twin,
    whole_below_a_detached_twin, view_under_no_grad, compared, past_gradients, past_gradients_after_a_look,
    past_gradients_of_a_buffer, past_gradients_of_a_leaf, past_gradients_of_a_leaf_of_its_own,
    gradient_by_what_was_written_past_it,
]  # fmt: skip
UNLIKE = {rows_one_by_one, past_gradients_of_a_leaf}  # PyTorch refuses them


def outcome(b: ModuleType, program: Callable[..., Any], wrap: Callable[[Any], Any], on_tape: bool) -> list[Any]:
    """What two calls give, who requires gradients, and gradients of all of it; on_tape: whether the buffer has some."""
    run, found = wrap(lambda x, buffer: program(b, x, buffer)), list[Any]()
    for call in range(2):
        x, start = (b.tensor(each + np.float32(call), requires_grad=True) for each in (VALUES, 3 * VALUES))
        buffer = start * 1 if on_tape else start.detach()
        results = run(x, buffer)
        results = [*results, buffer] if isinstance(results, tuple) else [results, buffer]
        tensors = [each for each in results if not isinstance(each, bool)]
        values = [each.detach().numpy().copy() for each in tensors]
        total = b.zeros(())
        for number, each in enumerate(tensors, 1):
            total = total + (each * number).tanh().sum() if each.requires_grad else total
        x.grad = None
        if total.requires_grad:
            total.backward()
        grads = [None if each.grad is None else each.grad.numpy().copy() for each in (x, start)]
        found.append(([each.requires_grad for each in tensors], values, grads))
    return found


def alike(one: Any, other: Any, close: bool = False) -> bool:
    """Whether two outcomes are equal; close: up to rounding."""
    if isinstance(one, np.ndarray):
        return bool(np.allclose(one, other, 1e-4, 1e-5)) if close else one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(alike(*pair, close) for pair in zip(one, other, strict=True))
    return bool(one == other)


@pytest.mark.parametrize("on_tape", [False, True], ids=["constant", "computed"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_eager_and_compiled(program: Callable[..., Any], on_tape: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        compiled = outcome(brasa, program, brasa.compile, on_tape)
    assert alike(outcome(brasa, program, lambda run: run, on_tape), compiled)


@pytest.mark.parametrize("on_tape", [False, True], ids=["constant", "computed"])
@pytest.mark.parametrize("program", [each for each in PROGRAMS if each not in UNLIKE], ids=lambda each: each.__name__)
def test_eager_and_pytorch(program: Callable[..., Any], on_tape: bool) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of float() of what requires gradients
        wanted = outcome(torch, program, lambda run: run, on_tape)
    assert alike(wanted, outcome(brasa, program, lambda run: run, on_tape), close=True)


def test_what_is_written_to_views_of_a_leaf_is_refused() -> None:
    def program(x: Any) -> Any:
        w = x[1]
        float(x.mean())
        w.mul_(x[0])

    for run in (program, brasa.compile(program)):
        with pytest.raises(brasa.BrasaError, match="a leaf that requires gradients cannot be changed in place"):
            run(brasa.ones(3, 2, requires_grad=True))


def test_a_value_that_backward_needs_is_missed_in_eager_mode_alone() -> None:
    def program(x: Any) -> Any:
        v = x * 2
        w = v[1]
        float(x.mean())
        product = v * x
        float(product.mean())
        w.add_(x[0])
        return product

    with pytest.raises(brasa.BrasaError, match="has been changed in place since it was computed"):
        program(brasa.ones(3, 2, requires_grad=True)).sum().backward()
    x = brasa.ones(3, 2, requires_grad=True)
    brasa.compile(program)(x).sum().backward()  # which has the value as it was
    assert x.grad.tolist() == [[4.0, 4.0]] * 3


def test_a_buffer_with_gradients_is_read_in_the_same_program() -> None:
    """As a cache of keys is: no cut is needed between what is written and what is read."""

    def program(cache: Any, x: Any) -> Any:
        cache[1] = x * 2
        return cache * x

    compiled = brasa.compile(program, fullgraph=True)
    for run in (program, compiled, compiled):
        x, cache = brasa.ones(3, requires_grad=True), brasa.ones(2, 3)
        run(cache, x).sum().backward()
        assert x.grad.tolist() == [5.0, 5.0, 5.0] and cache.requires_grad


def test_rows_that_were_seen_before_there_were_gradients_follow_what_is_written() -> None:
    x, buffer = brasa.tensor([0.5, 1.0], requires_grad=True), brasa.zeros(3, 2)
    row = buffer[1]
    row.copy_(x)
    buffer[1:].mul_(3)
    row.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("program", [
    lambda x: x[..., ::2].flatten(), lambda x: x[:, :2].reshape(-1, 2), lambda x: x.mT.reshape(-1),
])  # fmt: skip
@pytest.mark.parametrize("sizes", [(4, 5, 8, 3, 1), (6, 5, 1, 4, 7)])
def test_whether_a_shape_is_a_view_is_decided_at_each_size(program, sizes):
    """Of every other column the lines follow each other in equal steps where there is an even number of columns."""
    compiled = brasa.compile(program)
    for columns in sizes:
        for _ in range(3):  # the last one sealed
            one, other = brasa.zeros(4, columns), brasa.zeros(4, columns)
            compiled(one).fill_(3)
            program(other).fill_(3)
            assert one.tolist() == other.tolist()
