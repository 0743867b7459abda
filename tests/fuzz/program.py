"""A program of the fuzzer: Python source over tensors, cut into statements that can be left out one by one."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

import brasa
from brasa import Tensor

HEAD = "import brasa\nfrom brasa import nn\nfrom tests.fuzz.supply import fit, paired, positive, total\n"
FILENAME = "<fuzz>"  # of the source, in tracebacks
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38, 1.0, -1.0)


@dataclass(frozen=True)
class Input:
    """A tensor that a program is called with. shape: sizes, or letters that stand for sizes of the call.

    layout: "" for row-major, "transposed" or "strided". special: whether odd floats are among the values.
    """

    name: str
    shape: tuple[str | int, ...]
    dtype: str
    requires_grad: bool = False
    layout: str = ""
    special: bool = False

    def make(self, sizes: Mapping[str, int], random: np.random.Generator) -> Tensor:
        """A tensor of random values."""
        shape = tuple(sizes[size] if isinstance(size, str) else size for size in self.shape)
        laid = shape[::-1] if self.layout == "transposed" else shape
        if self.layout == "strided" and shape:
            laid = (*shape[:-1], 2 * shape[-1])
        if self.dtype.startswith(("int", "uint", "bool")):
            values: Any = random.integers(0, 2 if self.dtype == "bool" else 5, laid)
        else:
            values = random.standard_normal(laid).round(3)
            if self.special:
                values = np.where(random.random(laid) < 0.2, random.choice(SPECIAL, laid), values)
        with np.errstate(over="ignore"):
            tensor = brasa.tensor(np.asarray(values)).to(getattr(brasa, self.dtype))
        if self.layout == "transposed":
            tensor = tensor.permute(tuple(range(len(shape)))[::-1])
        elif self.layout == "strided" and shape:
            tensor = tensor[..., ::2]
        return tensor.requires_grad_() if self.requires_grad else tensor


@cache
def names(statement: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a statement gives values, and those that it reads."""
    found = [node for node in ast.walk(ast.parse(statement)) if isinstance(node, ast.Name)]
    stored = frozenset(node.id for node in found if isinstance(node.ctx, ast.Store))
    return stored, frozenset(node.id for node in found if isinstance(node.ctx, ast.Load))


@dataclass(frozen=True)
class Program:
    """Statements are lines of Python at one level; what follows an `if` or a `for` is indented further.

    setup: statements that run once, and make what lives from call to call. sizes: those of each call.
    """

    inputs: tuple[Input, ...]
    setup: tuple[str, ...]
    body: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: tuple[Mapping[str, int], ...]
    seed: int = 0

    @cached_property
    def source(self) -> str:
        """The program as Python: a function `make`, which gives the function `program`."""
        arguments = ", ".join(each.name for each in self.inputs)
        lines = [HEAD, "", "def make():"]
        lines += [f"    {line}" for each in self.setup for line in each.splitlines()]
        lines.append(f"    def program({arguments}):")
        lines += [f"        {line}" for each in self.body for line in each.splitlines()]
        returned = "".join(f"{name}, " for name in self.outputs)
        lines += [f"        return ({returned})", "    return program", ""]
        return "\n".join(lines)

    def make(self) -> Any:
        """The function, with whatever it keeps new; random numbers start anew."""
        brasa.manual_seed(self.seed)
        names: dict[str, Any] = {}
        exec(self._code, names)
        return names["make"]()

    @cached_property
    def _code(self) -> Any:
        return compile(self.source, FILENAME, "exec")

    def arguments(self, call: int) -> list[Tensor]:
        """The tensors of one call."""
        random = np.random.default_rng((self.seed, call))
        return [each.make(self.sizes[call], random) for each in self.inputs]

    def without(self, number: int) -> Program:
        """The program without one statement and all that needs what it makes."""
        lost: set[str] = set()
        kept = []
        for i, each in enumerate(self.body):
            makes, reads = names(each)
            if i == number or reads & lost:
                lost |= makes
            else:
                lost -= makes
                kept.append(each)
        return replace(self, body=tuple(kept), outputs=tuple(name for name in self.outputs if name not in lost))

    def with_all_results(self) -> Program:
        """The program that also returns all that its plain statements make: a compiler leaves out what nobody reads."""
        plain = (each for each in self.body if not re.match(r"(if|for|while|with|try)\b", each))
        made = {name: None for each in plain for name in sorted(names(each)[0])}
        return replace(self, outputs=tuple(dict.fromkeys((*self.outputs, *made))))

    def test(self) -> str:
        """A test that fails while the program has more than one answer, to be pasted into test_found.py."""
        body = "\n".join(f"                {each!r}," for each in self.body)
        parts = [
            "def test_found() -> None:", "    assert_one_answer(", "        Program(",
            f"            inputs={self.inputs!r},", f"            setup={self.setup!r},",
            f"            body=(\n{body}\n            ),", f"            outputs={self.outputs!r},",
            f"            sizes={self.sizes!r},", f"            seed={self.seed},", "        )", "    )", "",
        ]  # fmt: skip
        return "\n".join(parts)
