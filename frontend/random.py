"""The state of random numbers: generators, and which call draws from them next. brasa.functions.sampling draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa._state import STATE
from brasa.ir.dtype import int64
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import Draw


class Generator:
    """The state behind random numbers: a seed, and how many random calls have been made."""

    def __init__(self, device: Any = None) -> None:
        self.seed_value, self.offset = 0x5EED, 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to this seed."""
        self._set(seed & ((1 << 63) - 1), 0)
        return self

    def _set(self, seed: int, offset: int) -> None:
        _note_use()
        self.seed_value, self.offset = seed, offset

    def initial_seed(self) -> int:
        """The seed in use."""
        _note_use()
        return self.seed_value

    def seed(self) -> int:
        """Start from a seed that cannot be foreseen, and return it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self.seed_value

    def draw(self, calls: int = 1) -> tuple[int, int]:
        """(seed, number of this call): what one random function depends on. calls: how many numbers are used up."""
        seed, number = self.seed_value, self.offset
        self.offset += calls
        if STATE.trace is not None:
            first = STATE.trace.generators.setdefault(self, number)
            return Draw(seed, self, "seed", 0), Draw(number, self, "call", number - first)
        return seed, number

    def get_state(self) -> Tensor:
        """The state as an int64 tensor."""
        _note_use()
        return tensor([self.seed_value, self.offset], dtype=int64)

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a state that get_state() gave."""
        self._set(*(int(x) for x in state.tolist()))
        return self


def _note_use() -> None:
    """Tell a program that is being recorded that it uses a generator otherwise than for drawing."""
    if STATE.trace is not None:
        STATE.trace.seeds_used = True


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator's sequence that belongs to this seed."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def seed() -> int:
    """Give the default generator a seed that cannot be foreseen."""
    return default_generator.seed()


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Set the default generator's state."""
    default_generator.set_state(state)


def next_draw(generator: Generator | None = None) -> tuple[int, Any]:
    """(seed, call number) of the next random call; in a loop that is traced, the number is a tensor."""
    chosen = generator or default_generator
    return chosen.draw() if STATE.trace is None else STATE.trace.draw(chosen)
