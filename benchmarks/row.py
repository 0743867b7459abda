"""What a row of the table is: a program over a module that is brasa or torch, and what it costs at least."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """A function and what it is called with; the model whose weights must agree; what else it writes.

    Tensors are in memory of their library's own, aligned as it does that.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    model: Any = None
    written: tuple[Any, ...] = ()


Make = Callable[[ModuleType], Program]


@dataclass(frozen=True)
class Row:
    """A program that is timed in one process, beside what the peers make of it.

    jax: given the module jax, the same function of its arrays; models are translated by benchmarks.jax_models.
    others: further forms of PyTorch's program, such as with `out=`. symbolic: whether brasa compiles it for all sizes
    (else only eager calls are timed). compiled_peer: whether torch.compile is worth its minute: not where it
    calls the library routine that eager mode calls. flops, bytes: what must be computed and moved.
    """

    group: str
    name: str
    make: Make
    jax: Callable[[Any], Callable[..., Any]] | None = None
    others: Mapping[str, Make] = field(default_factory=dict)
    eager: bool = False
    compiled_peer: bool = False
    training: bool = False
    threads: int = 2
    flops: float = 0
    bytes: float = 0
    tolerance: float = 1e-4

    @property
    def key(self) -> str:
        """The name by which results remember the row."""
        return f"{self.group}: {self.name}"


@dataclass(frozen=True)
class Fresh:
    """A row whose programs run in fresh processes and print one number; the fewer, the better.

    programs: Python text for each competitor. unit: s or MB. warm: whether the caches hold what the program needs.
    whole: whether not the number counts but the seconds of the process.
    """

    group: str
    name: str
    programs: Mapping[str, str]
    unit: str = "s"
    warm: bool = True
    whole: bool = False

    @property
    def key(self) -> str:
        """The name by which results remember the row."""
        return f"{self.group}: {self.name}"


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers of a normal distribution, float32, the same in every process."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def labels(count: int, classes: int = 10) -> np.ndarray:
    """A class for each sample."""
    return np.random.default_rng(1).integers(0, classes, count)
