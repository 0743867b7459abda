"""What a sample is: an op applied to inputs, written as a graph's text, and how the inputs' values are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from brasa.ir import dim
from brasa.ir.graph import Graph, graph_of
from brasa.ir.ops import OPS
from brasa.ir.ops.control import items
from brasa.ir.parsing import parse

Array: TypeAlias = np.ndarray[Any, Any]
Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...], np.dtype[Any]], Array]


@dataclass(frozen=True, eq=False)
class Sample:
    """One application of an op to inputs.

    sizes: what named sizes stand for. values: how inputs are drawn, or their values, where the usual ones will not do.
    smooth: whether the op is differentiable there. held: graphs that it holds. before: nodes it reads, a line each.
    """

    inputs: str
    application: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Draw | Sequence[Any]] = field(default_factory=dict)
    smooth: bool = True
    held: str = ""
    before: str = ""

    @property
    def text(self) -> str:
        """The text of a graph of this application alone."""
        if not self.application:
            return f"graph sample({self.inputs}) {{\n  return x\n}}"
        lines = [f"  %{i}: {line}" for i, line in enumerate([*self.before.splitlines(), self.application])]
        return f"{self.held}graph sample({self.inputs}) {{\n" + "\n".join(lines) + f"\n  return %{len(lines) - 1}\n}}"

    @cached_property
    def graph(self) -> Graph:
        """The graph."""
        return parse(self.text, OPS)

    @cached_property
    def taken_apart(self) -> Graph:
        """The graph, giving each of several results for itself."""
        nodes = items(self.graph.outputs[0])
        return self.graph if nodes == self.graph.outputs else graph_of(self.graph.name, self.graph.inputs, nodes)

    @property
    def op(self) -> str:
        """The name of the op."""
        return self.application.split(" = ")[1].split("(")[0] if self.application else "input"

    def arrays(self, seed: int = 0) -> list[Array]:
        """The inputs' arrays, the same ones for the same seed."""
        rng = np.random.default_rng(seed)
        made = []
        for node in self.graph.inputs:
            shape = tuple(dim.evaluate(size, self.sizes) for size in node.tensor.shape)
            given, dtype = self.values.get(node.attrs["name"], usual), node.tensor.dtype.numpy
            made.append(given(rng, shape, dtype) if callable(given) else np.asarray(given, dtype).reshape(shape))
        return made

    def in_double_precision(self) -> Sample:
        """The same with f64 for every float, c128 for complex numbers."""
        texts = [self.inputs, self.application, self.before]
        for narrow, wide in (("bf16", "f64"), ("f16", "f64"), ("f32", "f64"), ("c64", "c128")):
            for before, after in ((f"{narrow}[", f"{wide}["), (f"dtype={narrow})", f"dtype={wide})")):
                texts = [text.replace(before, after) for text in texts]
        return replace(self, inputs=texts[0], application=texts[1], before=texts[2])

    def __str__(self) -> str:
        shown = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        return f"{self.application or 'input'} over {self.inputs}" + (f" where {shown}" if shown else "")


@dataclass(frozen=True)
class ErrorSample:
    """An application that does not type, and the first line of what it says."""

    inputs: str
    application: str
    message: str
    held: str = ""
    before: str = ""

    @property
    def op(self) -> str:
        """The name of the op."""
        return self.application.split("(")[0]

    @property
    def text(self) -> str:
        """The text of a graph of this application, with any result type."""
        application = f"f32[] = {self.application}"
        return Sample(self.inputs, application, held=self.held, before=self.before).text


def usual(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Normal floats, small integers, any truth values."""
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(2, size=shape).astype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -5, 6, size=shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def between(low: float, high: float) -> Draw:
    """Values from low up to high."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        if dtype.kind in "iu":
            return rng.integers(int(low), int(high), size=shape).astype(dtype)
        return rng.uniform(low, high, size=shape).astype(dtype)

    return draw


def apart(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Values in random order, no two of them close."""
    count = int(np.prod(shape))
    return (rng.permutation(count) - count // 2).reshape(shape).astype(dtype)


def special(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros of both signs, infinities, NaN, subnormal and extreme values, in turn."""
    return np.resize(special_values(dtype), shape)


def special_slowly(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """As special, each value often enough to meet every special one."""
    values = special_values(dtype)
    return np.resize(np.repeat(values, len(values)), shape)


def special_values(dtype: np.dtype[Any]) -> Array:
    """The values of a dtype at which functions go wrong."""
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 7, bounds.max, bounds.max - 1, bounds.min, bounds.min + 1], dtype)
    half = dtype.itemsize == 2
    tiny = np.array([1], {2: np.uint16, 4: np.uint32, 8: np.uint64}[dtype.itemsize]).view(dtype).astype(np.float64)[0]
    large = 6e4 if dtype == np.float16 else 3e38 if half or dtype.itemsize == 4 else 1.7e308
    values = [0.0, 1.0, 0.5, 2.0, 2.5, 3.0, 7.5, 0.1, 100.0, tiny, 1000 * tiny, large, np.inf]
    return np.array([*values, *(-value for value in values), np.nan], dtype)
