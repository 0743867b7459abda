"""What the tests run in other processes."""

from __future__ import annotations

import os
import signal
from typing import Any

import brasa
from brasa import nn


def change(tasks: Any, done: Any, shared: brasa.Tensor, end: Any) -> None:
    """Add 1 to each tensor that comes, until None does; then double the one that was an argument.

    At last change what comes through a pipe, and send back a part of it.
    """
    while (tensor := tasks.get()) is not None:
        tensor.add_(1)
        done.put(tensor.tolist())
    shared.mul_(2)
    tensor = end.recv()["x"]
    tensor.zero_()
    end.send((tensor[1], os.getpid()))


def give(queue: Any) -> None:
    """Send a tensor, a view of it, and a parameter; and end at once."""
    x = brasa.arange(6).view(2, 3)
    queue.put([x, x.t(), nn.Parameter(brasa.ones(2)), "text"])


def square(x: brasa.Tensor) -> brasa.Tensor:
    return x * x


def note(number: int, notes: brasa.Tensor) -> None:
    notes[number] = number + 1.0


def fail(number: int, how: str) -> None:
    """Fail in one process, while the other waits to be ended."""
    if number == 0:
        signal.pause()
    if how == "raise":
        raise KeyError("the reason")
    if how == "exit":
        raise SystemExit(7)
    os.kill(os.getpid(), signal.SIGKILL)


def train(model: nn.Module, x: brasa.Tensor, y: brasa.Tensor, steps: int) -> None:
    """Steps of training on a model that others train too."""
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
