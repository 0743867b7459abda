"""Grows random graphs of loops and branches in one another, over vectors of one length."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import float64
from brasa.ir.graph import Graph, Node
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops.control import items
from brasa.ir.ops.nested import cond, scan
from brasa.ir.ops.reduce import expand, sum_
from brasa.ir.ops.source import full, make_input
from brasa.ir.types import TensorType
from brasa.ir.verify import verify

VECTOR = TensorType((dim.symbol("n"),), float64)
STEPS = TensorType((dim.symbol("t"),), float64)


def nested_graph(seed: int) -> Graph:
    """A graph over two vectors with a scan of as many steps as `steps` is long, and a cond; both may hold more of them.

    The values stay bounded, so that differences in rounding do too.
    """
    growth = _Growth(np.random.default_rng(seed), 2, [make_input("a", VECTOR), make_input("b", VECTOR)])
    inputs = (*growth.values, make_input("steps", STEPS))
    growth.scan(dim.symbol("t"))
    growth.cond()
    outputs = tuple(growth.any(3))
    return verify(Graph("nested", inputs, tuple(growth.nodes), outputs))


class _Growth:
    """Nodes made so far, and the vectors among the values. depth: how many graphs may still lie in one another."""

    def __init__(self, random: np.random.Generator, depth: int, values: list[Node]) -> None:
        self.random, self.depth, self.values = random, depth, values
        self.nodes: list[Node] = []

    def up_to(self, most: int, least: int = 0) -> int:
        return int(self.random.integers(least, most + 1))

    def any(self, count: int) -> list[Node]:
        """Some of the vectors."""
        return [self.values[self.up_to(len(self.values) - 1)] for _ in range(count)]

    def add(self, node: Node) -> Node:
        self.nodes.append(node)
        if node.type == VECTOR:
            self.values.append(node)
        return node

    def body(self, name: str, inputs: int, outputs: int) -> Graph:
        """A graph over vectors that gives vectors."""
        given = [make_input(f"{name}{i}", VECTOR) for i in range(inputs)]
        inner = _Growth(self.random, self.depth - 1, list(given))
        for _ in range(self.up_to(3, 1)):
            inner.step()
        return Graph(name, tuple(given), tuple(inner.nodes), tuple(inner.any(outputs)))

    def step(self) -> None:
        """One more value, or the results of one more loop or branch."""
        x, y = self.any(2)
        match self.up_to(5 if self.depth else 3):
            case 0:
                self.add(ops.add(x, y))
            case 1 | 2:
                self.add(ops.tanh(self.add(ops.mul(x, y))))
            case 3:
                self.add(ops.neg(x))
            case 4:
                self.scan(self.up_to(3))
            case _:
                self.cond()

    def results(self, node: Node) -> tuple[Node, ...]:
        found = items(self.add(node))
        return found if found == (node,) else tuple(map(self.add, found))

    def scan(self, length: Size) -> None:
        carries, sequences, constants = self.up_to(2), self.up_to(1), self.up_to(2, 1)
        stacked = self.up_to(2, 0 if carries else 1)
        over = [self.add(expand(x, shape=(length, *VECTOR.shape))) for x in self.any(sequences)]
        graph = self.body("step", carries + sequences + constants, carries + stacked)
        node = scan(*self.any(carries), *over, *self.any(constants), graph=graph, carries=carries,
                    sequences=sequences, length=length, reverse=bool(self.up_to(1)))  # fmt: skip
        for result in self.results(node)[carries:]:
            self.add(ops.tanh(self.add(sum_(result, axes=(0,)))))

    def cond(self) -> None:
        (x,) = self.any(1)
        bound = self.add(full(TensorType((), float64), float(self.random.normal())))
        choice = self.add(ops.lt(self.add(sum_(x, axes=(0,))), bound))
        inputs, outputs = self.up_to(2, 1), self.up_to(2, 1)
        then, otherwise = (self.body(name, inputs, outputs) for name in ("then", "otherwise"))
        self.results(cond(choice, *self.any(inputs), then=then, otherwise=otherwise))


def arrays_for(graph: Graph, seed: int, length: int, steps: int) -> list[Any]:
    """Random vectors for the graph's inputs."""
    random = np.random.default_rng(seed)
    return [random.normal(size=steps if node.type == STEPS else length) for node in graph.inputs]
