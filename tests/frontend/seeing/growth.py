"""A step of training in a process of its own: prints by how many bytes the process grew, and what was planned.

Run as `python growth.py MODEL WAY`: WAY is eager or compiled, with " checkpoint" behind it for regions that are
computed again. The step has run on two samples before, so that all code is made; what grows is memory for values.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

import brasa
from brasa import nn
from brasa.nn import functional as F
from brasa.utils.checkpoint import checkpoint

STEPS = 4


def peak() -> int:
    """The most bytes that were resident since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


class Block(nn.Module):
    """One block of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(64), nn.LayerNorm(64)
        self.inner, self.outer = nn.Linear(64, 192), nn.Linear(64, 64)
        self.up, self.down = nn.Linear(64, 256), nn.Linear(256, 64)

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        """f32[n,t,64] -> f32[n,t,64]."""
        n, t, _ = x.shape
        query, key, value = self.inner(self.first(x)).view(n, t, 3, 4, 16).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.outer(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, t, 64))
        return x + self.down(F.gelu(self.up(self.second(x))))


def perceptron() -> tuple[list[nn.Module], tuple[int, ...]]:
    """Layers of a perceptron, and a sample's shape."""
    layers = [nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128), nn.GELU()) for _ in range(3)]
    return [*layers, nn.Linear(128, 5)], (16384, 128)


def convolutional() -> tuple[list[nn.Module], tuple[int, ...]]:
    """Layers of a convolutional network, and a batch's shape."""
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
    body = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
    return [stem, body, nn.Flatten(), nn.Linear(32 * 64, 5)], (128, 3, 32, 32)


def transformer() -> tuple[list[nn.Module], tuple[int, ...]]:
    """Blocks of a transformer, and a batch's shape."""
    return [*(Block() for _ in range(3)), nn.Flatten(), nn.Linear(64 * 60, 5)], (68, 60, 64)


def main(model: str, way: str) -> None:
    """Print the plan for two samples, the plan for all, and the growth."""
    brasa.manual_seed(0)
    layers, shape = {"perceptron": perceptron, "convolutional": convolutional, "transformer": transformer}[model]()
    optimizer = brasa.optim.SGD(nn.ModuleList(layers).parameters(), lr=0.01, momentum=0.9)
    apart = way.endswith("checkpoint")

    def step(x: brasa.Tensor, y: brasa.Tensor) -> None:
        optimizer.zero_grad()
        for layer in layers[:-2]:
            x = checkpoint(layer, x) if apart else layer(x)
        F.cross_entropy(layers[-1](layers[-2](x)), y).backward()
        optimizer.step()

    x, y = brasa.rand(*shape), brasa.arange(shape[0]) % 5
    few = x[:2].clone(), y[:2].clone()
    run: Any = brasa.compile(step) if way.startswith("compiled") else step
    for _ in range(STEPS):
        run(*few)
    small, planned = brasa.plan(step, *few).arena_bytes, brasa.plan(step, x, y).arena_bytes
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    for _ in range(STEPS):
        run(x, y)
    print(small, planned, peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
