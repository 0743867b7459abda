"""Grows random programs, statement by statement: each is run as it is added, and kept if it is a program's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import brasa
from brasa import BrasaError, Tensor
from tests.fuzz.program import HEAD, Input, Program
from tests.fuzz.statements import GRADIENTS, GROWERS
from tests.fuzz.training import training_statements

SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 17, 33)
_SHAPES: tuple[tuple[str | int, ...], ...] = (
    ("n", "m"), ("n", "m"), ("n", "m"), ("n",), (), ("m",), ("n", 1), (1, "m"), ("n", 4), ("m", 4), (2, "n", "m"),
    ("n", 3, 6, 6), (1,), ("n", "n"), ("n", 3, "m"),
)  # fmt: skip
_DTYPES = ("float32",) * 12 + ("int64",) * 3 + ("bool", "float64", "float64", "bfloat16", "float16", "int32", "uint8")
_MOST_ELEMENTS = 3000


class Grower:
    """A program under way: its statements, and the values that they had when they ran."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.values: dict[str, Tensor] = {}
        self.inputs: list[Input] = []
        self.scope: dict[str, Any] = {}
        self.body: list[str] = []
        self.made = 0
        exec(HEAD, self.scope)

    def pick(self, allowed: Callable[[Tensor], bool] = lambda value: True) -> str:
        """The name of one of the values that are allowed, rather a late one; LookupError if there is none."""
        found = [name for name, value in self.values.items() if allowed(value)]
        if not found:
            raise LookupError
        return found[max(self.random.randrange(len(found)) for _ in range(self.random.choice((1, 2, 3))))]

    def number(self, rank: int = 0) -> str:
        """The name of a value of floats with at least so many axes."""
        return self.pick(lambda value: value.dtype.is_floating_point and value.dim() >= rank)

    def like(self, name: str) -> str:
        """The name of a value that broadcasts with another's, or an expression for one."""
        shape = tuple(self.values[name].shape)
        try:
            return self.pick(lambda value: _fits(tuple(value.shape), shape) and not value.dtype.is_complex)
        except LookupError:
            return f"{name}.detach()"

    def axis(self, name: str) -> int:
        """An axis of a value, counted from the front or from the back."""
        rank = self.values[name].dim()
        return self.random.randrange(-rank, rank)

    def fresh(self) -> str:
        """A name that no value has."""
        self.made += 1
        return f"v{self.made}"

    def try_statement(self, text: str) -> bool:
        """Run a statement and keep it, unless it is none, or makes too much."""
        before = dict(self.scope)
        try:
            exec(text, self.scope)
        except (BrasaError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError):
            self.scope = before
            return False
        made = {name: value for name, value in self.scope.items() if before.get(name) is not value}
        tensors = {name: value for name, value in made.items() if isinstance(value, Tensor)}
        if any(value.numel() > _MOST_ELEMENTS or value.dim() > 5 for value in tensors.values()):
            self.scope = before
            return False
        self.values.update(tensors)
        self.body.append(text)
        return True

    def grow(self, count: int, growers: dict[Callable[[Grower], str], int]) -> None:
        """Add so many statements, or fewer where none will do."""
        kinds, weights = list(growers), list(growers.values())
        done = 0
        for _ in range(4 * count):
            if done == count:
                return
            try:
                text = self.random.choices(kinds, weights)[0](self)
            except (LookupError, ValueError):
                continue
            done += self.try_statement(text)


def _fits(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return len(shape) <= len(other) and all(
        a in (1, b) for a, b in zip(shape[::-1], other[::-1], strict=False)
    )  # fmt: skip


def grow_program(seed: int) -> Program:
    """The program of a seed."""
    random = Random(seed)
    grower = Grower(random)
    sizes = [{"n": random.choice(SIZES), "m": random.choice(SIZES)} for _ in range(2)]
    if random.random() < 0.8:
        sizes[0] = {"n": random.choice((2, 3, 5, 8)), "m": random.choice((3, 4, 7, 17))}
    differentiate = random.random() < 0.4
    special = random.random() < 0.25
    for number in range(random.randint(1, 4)):
        dtype = random.choice(_DTYPES) if number else "float32"
        grad = differentiate and dtype.startswith("float") and random.random() < 0.8
        layout = random.choice(("", "", "", "", "transposed", "strided"))
        grower.inputs.append(Input(f"x{number}", random.choice(_SHAPES), dtype, grad, layout, special))
    draft = Program(tuple(grower.inputs), (), (), (), (sizes[0],), seed)
    brasa.manual_seed(seed)
    for each, value in zip(grower.inputs, draft.arguments(0), strict=True):
        grower.values[each.name] = grower.scope[each.name] = value
    setup: tuple[str, ...] = ()
    if random.random() < 0.12:
        setup = training_statements(grower)
    else:
        grower.grow(random.randint(2, 12), GROWERS)
        if differentiate and random.random() < 0.8:
            grower.grow(random.randint(1, 2), GRADIENTS)
            grower.grow(random.randint(0, 4), GROWERS)
    names = list(grower.values)
    outputs = random.sample(names, min(len(names), random.randint(1, 4)))
    if names[-1] not in outputs:
        outputs.append(names[-1])
    if setup:
        outputs.append("weights")
    calls = (sizes[0], sizes[0], sizes[0], sizes[1], sizes[0])
    return Program(tuple(grower.inputs), setup, tuple(grower.body), tuple(outputs), calls, seed)
