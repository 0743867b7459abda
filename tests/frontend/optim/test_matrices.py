"""Optimisers that see a parameter as a whole: Adafactor and Muon on matrices, L-BFGS on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import optim
from brasa.optim.line_search import Point, cubic_minimum, strong_wolfe

Array = np.ndarray[Any, Any]

RANDOM = np.random.default_rng(7)
LEFT, GOAL = RANDOM.standard_normal((6, 4)), RANDOM.standard_normal((6, 3))
STARTS = [RANDOM.standard_normal((4, 3)), RANDOM.standard_normal(3)]


def gradients(w: Array, b: Array) -> list[Array]:
    """Of mean((LEFT @ w + b - GOAL) ** 2)."""
    gap = (LEFT @ w + b - GOAL) / 9
    return [LEFT.T @ gap, gap.sum(0)]


def train(kind: Any, steps: int, dtype: Any = brasa.float64, **options: Any) -> list[Array]:
    """The parameters, w and where two are given b, after so many steps."""
    parameters = [brasa.nn.Parameter(brasa.tensor(start, dtype=dtype)) for start in STARTS]
    optimizer = kind(parameters if kind is not optim.Muon else parameters[:1], **options)
    left, goal = brasa.tensor(LEFT, dtype=dtype), brasa.tensor(GOAL, dtype=dtype)
    for _ in range(steps):
        optimizer.zero_grad()
        ((left @ parameters[0] + parameters[1] - goal) ** 2).mean().backward()
        optimizer.step()
    return [parameter.detach().numpy() for parameter in parameters]


def adafactor(steps: int, lr: float = 0.01, weight_decay: float = 0.0, d: float = 1.0) -> list[Array]:
    """As PyTorch documents Adafactor, with its default eps and beta2_decay."""
    values = [start.copy() for start in STARTS]
    moments: list[Any] = [(np.zeros((4, 1)), np.zeros((1, 3))), np.zeros(3)]
    eps = np.finfo(np.float64).eps
    for t in range(1, steps + 1):
        for i, g in enumerate(gradients(*values)):
            rate = max(1e-3, np.sqrt(np.mean(values[i] ** 2))) * min(lr, 1 / np.sqrt(t))
            share = t**-0.8
            if i == 0:
                row, column = moments[0]
                row = row + share * ((g * g).mean(1, keepdims=True) - row)
                column = column + share * ((g * g).mean(0, keepdims=True) - column)
                moments[0] = row, column
                spread = row @ column / max(row.mean(), eps)
            else:
                spread = moments[1] = moments[1] + share * (g * g - moments[1])
            update = g / np.sqrt(np.maximum(spread, eps * eps))
            size = max(1.0, np.sqrt(np.mean(update**2)) / d)
            values[i] = values[i] * (1 - lr * weight_decay) - rate / size * update
    return values


@pytest.mark.parametrize("options", [{}, {"lr": 0.1, "weight_decay": 0.1, "d": 2.0}])
def test_adafactor(options: dict[str, float]) -> None:
    for found, wanted in zip(train(optim.Adafactor, 10, **options), adafactor(10, **options), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_adafactor_keeps_little() -> None:
    weight = brasa.nn.Parameter(brasa.ones(2, 5, 7))
    weight.grad = brasa.ones(2, 5, 7)
    optimizer = optim.Adafactor([weight])
    optimizer.step()
    assert {key: tuple(value.shape) for key, value in optimizer.state[weight].items()} == {
        "step": (), "row_var": (2, 5, 1), "col_var": (2, 1, 7),
    }  # fmt: skip


def rounded(x: Array) -> Array:
    """The values in bfloat16."""
    import ml_dtypes

    return x.astype(ml_dtypes.bfloat16).astype(np.float64)


def orthogonal(x: Array) -> Array:
    """Five Newton-Schulz steps in bfloat16, on the wide form."""
    x = rounded(x if x.shape[0] <= x.shape[1] else x.T)
    x = rounded(x / max(float(rounded(np.array(np.sqrt((x * x).sum())))), 1e-7))
    for _ in range(5):
        gram = rounded(x @ x.T)
        gram = rounded(-4.775 * gram + 2.0315 * (gram @ gram))
        x = rounded(3.4445 * x + gram @ x)
    return x


@pytest.mark.parametrize(
    ("nesterov", "adjust", "ratio"), [(True, None, np.sqrt(4 / 3)), (False, "match_rms_adamw", 0.4)]
)
def test_muon(nesterov: bool, adjust: str | None, ratio: float) -> None:
    wanted, before, buffer = STARTS[0], STARTS[0], np.zeros_like(STARTS[0])
    for steps in range(1, 5):
        (found, _) = train(optim.Muon, steps, lr=0.1, nesterov=nesterov, adjust_lr_fn=adjust)
        g = gradients(wanted, STARTS[1])[0]
        buffer = 0.95 * buffer + 0.05 * g
        direction = 0.05 * g + 0.95 * buffer if nesterov else buffer
        before, wanted = wanted, wanted * (1 - 0.1 * 0.1) - 0.1 * ratio * orthogonal(direction).T
        np.testing.assert_allclose(found, wanted, atol=2e-3)
    turned = (before * (1 - 0.1 * 0.1) - found) / (0.1 * ratio)
    assert np.all(np.abs(np.linalg.svd(turned, compute_uv=False) - 1) < 0.4)


def rosenbrock(w: brasa.Tensor) -> brasa.Tensor:
    """A valley whose minimum is at ones."""
    return (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


@pytest.mark.parametrize("options", [{"lr": 0.5}, {"line_search_fn": "strong_wolfe"},
                                     {"line_search_fn": "strong_wolfe", "history_size": 3}])  # fmt: skip
def test_lbfgs_finds_the_minimum(options: dict[str, Any]) -> None:
    w = brasa.nn.Parameter(brasa.tensor([-1.2, 1.0, -0.5, 0.8], dtype=brasa.float64))
    optimizer = optim.LBFGS([w], **options)

    def closure() -> brasa.Tensor:
        optimizer.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(8)]
    assert losses[0] > 100 > losses[1] > losses[2]
    np.testing.assert_allclose(w.detach().numpy(), np.ones(4), atol=1e-3)
    state = optimizer.state[w]
    assert len(state["old_dirs"]) <= options.get("history_size", 100)
    assert state["func_evals"] >= state["n_iter"] > 20


def test_lbfgs_solves_least_squares_with_several_parameters() -> None:
    parameters = [brasa.nn.Parameter(brasa.tensor(start, dtype=brasa.float64)) for start in STARTS]
    optimizer = optim.LBFGS(parameters, max_iter=100, line_search_fn="strong_wolfe")
    left, goal = brasa.tensor(LEFT), brasa.tensor(GOAL)

    def closure() -> brasa.Tensor:
        optimizer.zero_grad()
        loss = ((left @ parameters[0] + parameters[1] - goal) ** 2).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    wide = np.concatenate([LEFT, np.ones((6, 1))], axis=1)
    wanted = np.linalg.lstsq(wide, GOAL, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([p.detach().numpy() for p in parameters]), wanted, atol=1e-5)


def on_a_line(f: Any, slope: Any) -> Iterator[Any]:
    """(what computes a point of a function of one number, the point at 0)."""

    def at(step: float) -> Point:
        return Point(step, f(step), brasa.zeros(1), slope(step))

    yield from (at, at(0.0))


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 30.0])
def test_line_search(first: float) -> None:
    at, start = on_a_line(lambda t: (t - 2) ** 4 + np.sin(3 * t) / 3, lambda t: 4 * (t - 2) ** 3 + np.cos(3 * t))
    found, used = strong_wolfe(at, start, first, 1.0, 25)
    assert found.loss <= start.loss + 1e-4 * found.step * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert used <= 15


def test_cubic_minimum() -> None:
    at, _ = on_a_line(lambda t: t**3 - 3 * t, lambda t: 3 * t * t - 3)
    assert cubic_minimum(at(0.0), at(3.0)) == pytest.approx(1.0)
    assert cubic_minimum(at(3.0), at(0.0)) == pytest.approx(1.0)
    assert cubic_minimum(at(0.0), at(3.0), (1.5, 2.0)) == 1.5


ERRORS = {
    "Adafactor: needs beta2_decay <= 0, d >= 1 and eps >= 0, found 0.5, 1.0 and None":
        lambda: optim.Adafactor([brasa.nn.Parameter(brasa.ones(1))], beta2_decay=0.5),
    "Muon: takes matrices only, a parameter has the shape [3]": lambda: optim.Muon([brasa.nn.Parameter(brasa.ones(3))]),
    "Muon: adjust_lr_fn must be one of original, match_rms_adamw, not 'other'":
        lambda: optim.Muon([brasa.nn.Parameter(brasa.ones(3, 3))], adjust_lr_fn="other"),
    "LBFGS: step() needs a closure that computes the loss":
        lambda: optim.LBFGS([brasa.nn.Parameter(brasa.ones(3))]).step(),
    "LBFGS: line_search_fn must be None or 'strong_wolfe', not 'golden'":
        lambda: optim.LBFGS([brasa.nn.Parameter(brasa.ones(3))], line_search_fn="golden"),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
