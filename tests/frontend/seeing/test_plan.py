"""brasa.plan: exact bytes before a call runs, and nothing that changes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.execution.runner import forget_executables
from brasa.ir.errors import ArgumentError, BrasaError, ShapeError
from brasa.nn import functional as F
from brasa.runtime import allocate, cpu_portable

Step = Callable[[brasa.Tensor, brasa.Tensor], brasa.Tensor]


def training_step(model: nn.Module, loss: Any = F.cross_entropy) -> Step:
    """A whole step of training."""
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: brasa.Tensor, y: brasa.Tensor) -> brasa.Tensor:
        optimizer.zero_grad()
        error = loss(model(x), y)
        error.backward()
        optimizer.step()
        return error

    step.optimizer = optimizer  # type: ignore[attr-defined]
    return step


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(20, 48), nn.GELU(), nn.Dropout(0.1), nn.Linear(48, 5))


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(36, 5))  # fmt: skip


def transformer() -> nn.Module:
    block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
    return nn.Sequential(block, nn.Flatten(), nn.Linear(16 * 7, 5))


def test_two_products_and_what_lies_between_them() -> None:
    """tanh(x @ w) @ v takes the values of the tanh, and no more: the second product gives the result."""
    w, v = brasa.rand(64, 32), brasa.rand(32, 16)
    found = brasa.plan(lambda x: brasa.tanh(x @ w) @ v, brasa.empty(1000, 64))
    assert (found.arena_bytes, found.output_bytes, found.total_bytes) == (4 * 1000 * 32, 4 * 1000 * 16, 4 * 1000 * 48)
    (value,) = found.values
    assert value.where.startswith("test_plan.py:")
    assert (value.offset, value.nbytes, value.first, value.last) == (0, 4 * 1000 * 32, 0, 1)
    first, _, head, _, row = str(found).splitlines()
    assert first == "<lambda>: 128,000 bytes of arena (125.00 KiB), 64,000 of results, in 2 launches"
    assert head.split() == ["value", "bytes", "launches", "line"]
    assert row == f"matmul_tanh.out  128,000  0 to 1    {value.where}"
    assert repr(found) == str(found)
    assert found._repr_html_().endswith("<p>&lt;lambda&gt;: 128,000 bytes of arena (125.00 KiB), 64,000 of results, "
                                        "in 2 launches</p>")  # fmt: skip


@pytest.mark.parametrize("model", [perceptron, convolutional, pytest.param(transformer, marks=pytest.mark.long)])
def test_the_highest_byte_of_the_arena(model: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    """A poisoned arena is changed up to just the byte that was planned, at the first sizes and at others."""
    arenas: list[tuple[Any, int]] = []
    poison = 0

    def poisoned(nbytes: int) -> Any:
        buffer = allocate(nbytes + 4096)
        ctypes.memset(buffer.ptr, poison, nbytes + 4096)
        arenas.append((buffer, nbytes))
        return buffer

    def changed(buffer: Any, nbytes: int) -> int:
        cells = np.frombuffer((ctypes.c_uint8 * (nbytes + 4096)).from_address(buffer.ptr), np.uint8)
        return int(np.flatnonzero(cells != poison).max(initial=-1)) + 1

    monkeypatch.setattr("brasa.runtime.executable.entry", lambda: cpu_portable)
    monkeypatch.setattr(cpu_portable, "allocate", poisoned)
    forget_executables()
    brasa.manual_seed(0)
    shape = {perceptron: (20,), convolutional: (2, 8, 8), transformer: (7, 16)}[model]
    step = training_step(model())
    compiled = brasa.compile(step)
    for batch, target in ((12, step), (37, compiled)):
        x, y = brasa.rand(batch, *shape), brasa.arange(batch) % 5
        planned = brasa.plan(target, x, y)
        assert planned.arena_bytes > 4 * batch * 30
        highest = set()
        for poison in (0xA5, 0x3C):  # noqa: B007 (the allocator reads it)
            del arenas[:]
            compiled(x, y)
            highest.add(max(changed(*arena) for arena in arenas if arena[1] == planned.arena_bytes))
        assert max(highest) == planned.arena_bytes
    forget_executables()


def test_nothing_changes() -> None:
    calls: list[int] = []
    model = convolutional()
    step = training_step(model)

    def counted(x: brasa.Tensor, y: brasa.Tensor) -> brasa.Tensor:
        calls.append(len(calls))
        print("heard by nobody")
        brasa.rand(3)
        return step(x, y)

    compiled = brasa.compile(counted)
    state, random = {name: value.numpy().copy() for name, value in model.state_dict().items()}, brasa.get_rng_state()
    x, y = brasa.rand(4, 2, 8, 8), brasa.arange(4)
    drawn = brasa.get_rng_state()
    brasa.plan(compiled, x, y)
    assert not calls
    assert brasa.equal(brasa.get_rng_state(), drawn) and not brasa.equal(random, drawn)
    assert all(np.array_equal(value.numpy(), state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not step.optimizer.state  # type: ignore[attr-defined]
    assert brasa.explain(compiled).way == "not called yet"


def test_a_module_keeps_what_backward_needs() -> None:
    """The results of a forward that is followed by a backward are its own, and what that reads."""
    model = nn.Sequential(nn.Linear(8, 100), nn.Tanh(), nn.Linear(100, 3))
    x = brasa.empty(64, 8)
    with brasa.no_grad():
        alone = brasa.plan(model, x)
    assert (alone.arena_bytes, alone.output_bytes) == (4 * 64 * 100, 4 * 64 * 3)
    kept = brasa.plan(brasa.compile(model), x)
    assert (kept.arena_bytes, kept.output_bytes) == (0, 4 * 64 * (3 + 100))


def test_where_python_needs_a_value_the_plan_ends() -> None:
    def looking(x: brasa.Tensor) -> brasa.Tensor:
        doubled = x.exp()
        return doubled + 1 if doubled.sum().item() > 3 else doubled

    found = brasa.plan(looking, brasa.ones(100))
    assert found.stops.startswith("test_plan.py:")
    assert found.output_bytes == 4 * 100 + 4
    assert f"planned up to {found.stops}, where Python needs a value" in str(found)
    assert brasa.plan(lambda x: x, brasa.ones(3)).total_bytes == 0


def test_errors_are_those_of_the_call() -> None:
    with pytest.raises(ShapeError, match="inner sizes differ, 3"):
        brasa.plan(lambda x: x @ brasa.ones(4, 5), brasa.ones(3, 3))
    with pytest.raises(KeyError, match="missing"):
        brasa.plan(lambda x: {}["missing"], brasa.ones(3))

    class Stubborn(Exception):
        """Cannot be pickled."""

    def refuse(x: brasa.Tensor) -> brasa.Tensor:
        raise Stubborn("for a reason")

    with pytest.raises(BrasaError, match="Stubborn: for a reason"):
        brasa.plan(refuse, brasa.ones(3))
    with pytest.raises(ArgumentError, match="expects a function or a module, found int"):
        brasa.plan(3)  # type: ignore[arg-type]
