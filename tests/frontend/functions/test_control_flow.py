"""Loops and branches of tensors: the values and gradients of the Python loop, the same bits compiled, one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import brasa
from brasa import Tensor, nn
from brasa.ir.errors import ArgumentError, BrasaError, DTypeError, GradientError, ShapeError
from brasa.tracing import function as functions
from tests.compiling import assert_compiles
from tests.frontend.functions.harness import flat, same_bits


def python_loop(step: Callable[..., Any], carry: Any, xs: Tensor, reverse: bool = False) -> tuple[Any, Tensor]:
    """What scan stands for."""
    made: list[Tensor] = []
    for index in range(len(xs))[:: -1 if reverse else 1]:
        carry, y = step(carry, xs[index])
        made.append(y)
    return carry, brasa.stack(made[::-1] if reverse else made)


def leaves(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Tensors that want gradients."""
    brasa.manual_seed(1)
    return [brasa.randn(*shape).requires_grad_() for shape in shapes]


def gradients(results: Any, inputs: list[Tensor]) -> list[Tensor]:
    """Of the sum of squares of all results."""
    total = sum((result * result).sum() for result in flat(results))
    return list(brasa.autograd.grad(total, inputs, retain_graph=True))


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_has_the_bits_of_the_loop(reverse: bool) -> None:
    xs, h, w, u = leaves((5, 2, 3), (2, 4), (3, 4), (4, 4))

    def step(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = brasa.tanh(x @ w + h @ u)
        return h, h * 2

    def run(xs: Tensor, h: Tensor) -> Any:
        return brasa.scan(step, h, xs, reverse=reverse)

    wanted = python_loop(step, h, xs, reverse)
    sums = gradients(wanted, [xs, h, w, u])
    for function in (run, brasa.compile(run, fullgraph=True)):
        results = function(xs, h)
        for got, want in zip(flat(results), flat(wanted), strict=True):
            same_bits(got, want)
        for got, want in zip(gradients(results, [xs, h, w, u]), sums, strict=True):
            same_bits(got, want)


def test_second_derivatives_of_a_scan() -> None:
    w = brasa.tensor(0.7, dtype=brasa.float64, requires_grad=True)
    xs = brasa.tensor([0.3, -0.2, 0.5], dtype=brasa.float64)

    def power(w: Tensor) -> Tensor:
        end, _ = brasa.scan(lambda h, x: (h * w + x, ()), xs[0] * 0, xs)
        return end  # 0.3 w^2 - 0.2 w + 0.5

    (first,) = brasa.autograd.grad(power(w), [w], create_graph=True)
    (second,) = brasa.autograd.grad(first, [w])
    assert abs(first.item() - (0.6 * 0.7 - 0.2)) < 1e-12
    assert abs(second.item() - 0.6) < 1e-12


class Point(NamedTuple):
    x: Tensor
    y: Tensor


def test_forms_of_what_is_carried_and_given() -> None:
    def step(carry: Any, x: Any) -> Any:
        point, seen = carry["point"], carry["seen"]
        return {"point": Point(point.y, point.x + x["a"]), "seen": [seen[0] + 1]}, (None, [point.x * x["b"][0]])

    start = {"point": Point(brasa.zeros(2), brasa.ones(2)), "seen": [brasa.tensor(0)]}
    xs = {"a": brasa.arange(6.0).reshape(2, 3), "b": (brasa.ones(2, 3),)}
    carry, (nothing, (seen,)) = brasa.scan(step, start, xs, dim=1)
    assert nothing is None and seen.shape == (2, 3)
    assert carry["seen"][0].item() == 3
    assert isinstance(carry["point"], Point)
    assert carry["point"].y.tolist() == [0 + 0 + 2, 0 + 3 + 5]  # each second addend
    assert brasa.map(lambda x: x.sum(), xs["a"]).tolist() == [3.0, 12.0]


def test_one_program_for_all_lengths_and_batches() -> None:
    cell, head = nn.Linear(7, 4), nn.Linear(4, 1)
    optimizer = brasa.optim.SGD([*cell.parameters(), *head.parameters()], lr=0.1)

    def train(xs: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        start = brasa.zeros(xs.shape[1], 4)
        h, _ = brasa.scan(lambda h, x: (cell(brasa.cat([h, x], 1)).tanh(), ()), start, xs)
        loss = ((head(h) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    def losses(function: Callable[..., Tensor]) -> list[float]:
        brasa.manual_seed(2)
        with brasa.no_grad():
            for parameter in (*cell.parameters(), *head.parameters()):
                parameter.copy_(brasa.randn(*parameter.shape) * 0.3)
        found = []
        for steps, batch in ((6, 3), (2, 3), (9, 5), (1, 2), (6, 3), (6, 4), (3, 3)):
            found.append(function(brasa.randn(steps, batch, 3), brasa.ones(batch, 1)).item())
        return found

    compiled = brasa.compile(train, fullgraph=True)
    wanted = losses(train)
    with assert_compiles(1):
        assert losses(compiled) == wanted
    assert compiled.sealed, compiled.reasons


def test_no_steps() -> None:
    (h,) = leaves((3,))
    end, made = brasa.scan(lambda h, x: (h * x, h + x), h, brasa.zeros(0, 3))
    same_bits(end, h)
    assert made.shape == (0, 3)
    assert gradients(end, [h])[0].tolist() == (2 * h).tolist()


def test_scan_in_scan() -> None:
    xs, w = leaves((3, 4), ())

    def inner(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = (h * w + x).sin()
        return h, h

    def loop(h: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        return python_loop(inner, h, row)

    def run(xs: Tensor) -> Any:
        return brasa.scan(lambda h, row: brasa.scan(inner, h, row), brasa.zeros(()), xs)

    wanted = python_loop(loop, brasa.zeros(()), xs)
    for function in (run, brasa.compile(run, fullgraph=True)):
        results = function(xs)
        for got, want in zip(flat(results), flat(wanted), strict=True):
            same_bits(got, want)
        for got, want in zip(gradients(results, [xs, w]), gradients(wanted, [xs, w]), strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-5)


def test_random_numbers_are_those_of_the_loop() -> None:
    def step(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = nn.functional.dropout(h + brasa.randn(3), 0.5) + x
        return h, brasa.map(lambda v: v * brasa.rand(()), h)

    def run(xs: Tensor) -> Any:
        return brasa.scan(step, xs[0], xs)

    def loop(xs: Tensor) -> Any:
        return python_loop(
            lambda h, x: (h := nn.functional.dropout(h + brasa.randn(3), 0.5) + x,
                          brasa.stack([v * brasa.rand(()) for v in h])), xs[0], xs)  # fmt: skip

    found = []
    for function in (loop, run, brasa.compile(run, fullgraph=True)):
        brasa.manual_seed(3)
        results = []
        for steps in (4, 4, 4, 2, 5):
            results += [*flat(function(brasa.arange(3.0 * steps).reshape(steps, 3))), brasa.rand(2)]
        found.append(results)
    for got in found[1:]:
        for one, other in zip(got, found[0], strict=True):
            same_bits(one, other)


def newton(a: Tensor, max_steps: int | None = None) -> Any:
    """The square root of `a`, and in how many steps."""
    return brasa.while_loop(
        lambda r, i: ((r * r - a).abs() > 1e-12 * a).any(), lambda r, i: ((r + a / r) * 0.5, i + 1),
        (brasa.ones_like(a), brasa.tensor(0)), max_steps=max_steps,
    )  # fmt: skip


def test_while_loop_solves_by_newton() -> None:
    a = brasa.tensor([2.0, 3.0, 50.0], dtype=brasa.float64)
    root, steps = newton(a)
    guess, count = np.ones(3), 0
    while (np.abs(guess * guess - a.numpy()) > 1e-12 * a.numpy()).any():
        guess, count = (guess + a.numpy() / guess) * 0.5, count + 1
    np.testing.assert_array_equal(root.numpy(), guess)
    assert steps.item() == count
    for got, want in zip(brasa.compile(newton, fullgraph=True)(a), (root, steps), strict=True):
        same_bits(got, want)
    for got, want in zip(newton(a, 20), (root, steps), strict=True):
        same_bits(got, want)
    assert newton(a, 3)[1].item() == 3


def test_while_loop_has_gradients_with_a_bound_on_its_steps() -> None:
    a = brasa.tensor([2.0, 3.0, 50.0], dtype=brasa.float64, requires_grad=True)
    root, _ = newton(a, 20)
    root.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 0.5 / np.sqrt(a.detach().numpy()), 1e-10)
    with pytest.raises(GradientError, match="while_loop: has no gradient"):
        newton(a)[0].sum().backward()


@pytest.mark.parametrize("choice", [False, True])
def test_cond_chooses_a_loss(choice: bool) -> None:
    x, w = leaves((3,), (3,))

    def run(x: Tensor, pred: Tensor) -> Tensor:
        return brasa.cond(pred, lambda v: (v * w).abs().sum(), lambda v: (v * v).sum(), (x,))

    wanted = (x * w).abs().sum() if choice else (x * x).sum()
    inputs = [x, w] if choice else [x]
    for function in (run, brasa.compile(run, fullgraph=True)):
        result = function(x, brasa.tensor([choice]))
        same_bits(result, wanted)
        for got, want in zip(gradients(result, inputs), gradients(wanted, inputs), strict=True):
            same_bits(got, want)
    same_bits(run(x, choice), wanted)


def test_only_the_branch_that_is_chosen_runs() -> None:
    places = brasa.tensor([0, 9])

    def run(pred: Tensor) -> Tensor:
        return brasa.cond(pred, lambda: brasa.arange(3)[places], lambda: places * 2)

    assert run(brasa.tensor(False)).tolist() == [0, 18]
    with pytest.raises(brasa.ir.errors.IndexError, match=r"index 9 is outside -3..2"):
        run(brasa.tensor(True))


def test_libraries_checks_and_gradients_run_in_loops() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 3, 3))
    matrices = brasa.tensor(root @ root.transpose(0, 2, 1) + 3 * np.eye(3))

    def factors(matrices: Tensor) -> Any:
        return brasa.scan(lambda total, m: (total + brasa.linalg.cholesky(m), ()), matrices[0] * 0, matrices)[0]

    wanted = np.linalg.cholesky(matrices.numpy()).sum(0)
    for function in (factors, brasa.compile(factors, fullgraph=True)):
        np.testing.assert_allclose(function(matrices).numpy(), wanted, 1e-12)
    table = brasa.arange(5.0)
    with pytest.raises(brasa.ir.errors.IndexError, match=r"index: .*test_control_flow.py:"):
        brasa.map(lambda place: table[place], brasa.tensor([4, 0, 5]))

    def descend(x: Tensor) -> tuple[Tensor]:
        (slope,) = brasa.autograd.grad(((x * x - 2.0) ** 2).sum(), [x])
        return (x - 0.05 * slope,)

    (found,) = brasa.while_loop(lambda x: ((x * x - 2.0).abs() > 1e-6).any(), descend, (brasa.ones(3),))
    np.testing.assert_allclose(found.numpy(), np.sqrt(2.0), 1e-6)


def test_numbers_read_from_outside_are_those_of_the_call() -> None:
    scale = brasa.ones(1)

    def run(xs: Tensor) -> Tensor:
        return brasa.map(lambda x: x * scale.item(), xs)

    compiled = brasa.compile(run)
    for factor in (1.0, 1.0, 1.0, 1.0, 3.0):
        scale.fill_(factor)
        assert compiled(brasa.ones(2)).tolist() == [factor, factor]


def test_loops_and_branches_in_one_another() -> None:
    def settle(x: Tensor) -> Tensor:
        (end,) = brasa.while_loop(lambda v: v.abs().max() < 10, lambda v: (v * 1.5,), (x,))
        return end

    def step(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = brasa.cond(x.sum() > 0, lambda: h + settle(x), lambda: h - x)
        return h, h

    def run(xs: Tensor) -> Any:
        return brasa.scan(step, brasa.zeros(2), xs)

    xs = brasa.randn(6, 2)
    h, wanted = np.zeros(2, np.float32), []
    for x in xs.numpy():
        end = x
        while x.sum() > 0 and np.abs(end).max() < 10:
            end = end * np.float32(1.5)
        h = h + end if x.sum() > 0 else h - x
        wanted.append(h)
    for function in (run, brasa.compile(run, fullgraph=True)):
        np.testing.assert_array_equal(function(xs)[1].numpy(), np.stack(wanted))


def message(kind: type[BrasaError], call: Callable[[], object]) -> str:
    """What the error says."""
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_errors() -> None:
    h, xs = brasa.zeros(3), brasa.ones(4, 3)
    wrong = message(ShapeError, lambda: brasa.scan(lambda h, x: ({"h": brasa.cat([h["h"], x])}, x), {"h": h}, xs))
    first, before, after = wrong.splitlines()
    assert first == "scan: a step changes the type of the carry"
    assert before.split()[:2] == ["init['h']", "f32[3]"]
    assert after.split()[:2] == ["carry['h']", "f32[6]"] and "test_control_flow.py:" in after
    assert message(DTypeError, lambda: brasa.while_loop(lambda h: h.any(), lambda h: h > 0, (h,))).splitlines()[0] == (
        "while_loop: a step changes the type of the carry"
    )
    assert message(ArgumentError, lambda: brasa.scan(lambda h, x: ((h, h), x), h, xs)) == (
        "scan: carry has another form than init: (tensor, tensor), not tensor"
    )
    assert message(ArgumentError, lambda: brasa.scan(lambda h, x: h, h, xs)) == (
        "scan: combine_fn gives (carry, y), not tensor"
    )
    assert message(ShapeError, lambda: brasa.scan(lambda h, x: (h, x), h, (xs, brasa.ones(5, 3)))) == (
        "scan: the sequences have different lengths\n  xs[0]  f32[4,3]\n  xs[1]  f32[5,3]"
    )
    assert message(ArgumentError, lambda: brasa.scan(lambda h, x: (h, x), 1.0, xs)) == (
        "scan: init must be a tensor, not float"
    )
    pred = brasa.tensor(True)
    apart = message(ShapeError, lambda: brasa.cond(pred, lambda x: x, lambda x: x.sum(), (h,)))
    assert [line.split()[:2] for line in apart.splitlines()[1:]] == [
        ["true_fn(...)", "f32[3]"], ["false_fn(...)", "f32[]"],
    ]  # fmt: skip
    assert message(BrasaError, lambda: brasa.scan(lambda h, x: (h.add_(x), x), h, xs)).startswith(
        "scan: the function writes in place to a tensor that it was given or that lies outside it"
    )
    asked = message(BrasaError, lambda: brasa.scan(lambda h, x: (h if x.sum() > 0 else -h, x), h, xs))
    assert asked.startswith("scan: the function asks for a value at test_control_flow.py:")
    w = brasa.ones(3).requires_grad_()
    assert message(BrasaError, lambda: brasa.map(lambda x: (w * x).register_hook(print), xs)).startswith("map: a hook")
    back = message(BrasaError, lambda: brasa.map(lambda x: (w * x).sum().backward(), xs))
    assert back.startswith("map: the function calls backward() at test_control_flow.py:")
    drawn = message(BrasaError, lambda: brasa.cond(pred, lambda: brasa.rand(3), lambda: brasa.zeros(3)))
    assert drawn.startswith("cond: random numbers cannot be drawn at test_control_flow.py:")


def test_a_loop_in_a_function_belongs_to_no_line_of_a_user() -> None:
    @functions.function
    def sums(xs: Tensor) -> Tensor:
        return brasa.scan(lambda h, x: (h + x, h + x), xs[0] * 0, xs)[1]

    assert sums(brasa.ones(3, 2)).tolist() == [[1, 1], [2, 2], [3, 3]]
    ((made,),) = sums.function.specializations.values()
    assert "scan(" in str(made.graph) and ".py" not in str(made.graph)


@pytest.mark.parametrize("part", [
    lambda v: brasa.cond(v.sum() > 0, lambda: v.tanh(), lambda: v),
    lambda v: brasa.cond(v.sum() > 0, lambda h: h.tanh(), lambda h: h, (v,)),
    lambda v: brasa.while_loop(lambda h, k: k < 3, lambda h, k: (h.tanh(), k + 1), (v, brasa.tensor(0)))[0],
    lambda v: brasa.while_loop(lambda h, k: k < 3, lambda h, k: (h + 1, k + 1), (v, brasa.tensor(0)), max_steps=4)[0],
    lambda v: brasa.scan(lambda h, y: ((h + y) * 1, h), v, brasa.ones(3))[1],
    lambda v: brasa.map(lambda y: brasa.cond(y > 0, lambda: v * y, lambda: v), brasa.ones(3)),
])  # fmt: skip
def test_sizes_that_have_turned_out_to_be_known(part: Callable[[Tensor], Tensor]) -> None:
    def program(x: Tensor) -> Tensor:
        half = x[::2]
        brasa.pow(x, half)  # so there is one row in it
        return part(half)

    x = brasa.full((2, 4), 0.5)
    assert brasa.compile(program, fullgraph=True)(x).tolist() == program(x).tolist()
