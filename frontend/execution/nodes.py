"""What stands on the tape: nodes that know where gradients go, and how these are named."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brasa.ir.errors import GradientError
from brasa.tensors.tensor import Tensor

# What PyTorch calls the gradients of functions that have other names here.
_NAMES = {
    "binary_logits": "binary_cross_entropy_with_logits", "cast": "to_copy", "constant_pad": "constant_pad_nd",
    "contiguous": "clone", "conv": "convolution", "copy": "clone", "cross_entropy": "nll_loss",
    "euclidean": "linalg_vector_norm", "flatten": "view", "inv": "linalg_inv_ex", "layer_norm": "native_layer_norm",
    "max_along": "max", "median_of_all": "median", "min_along": "min", "mse": "mse_loss", "read": "index",
    "read_rows": "index", "reshape": "view", "square": "pow", "triangle": "tril", "true_divide": "div",
}  # fmt: skip
SEQUENCE = itertools.count()


class Edge(NamedTuple):
    """Where a value's gradient goes: output `index` of a node."""

    node: TapeNode
    index: int


def edge_from(node: TapeNode, index: int = 0, _make: Any = tuple.__new__) -> Edge:
    """Edge(node, index), in a third of the time."""
    return _make(Edge, (node, index))  # type: ignore[no-any-return]


class TapeNode:
    """One executed function. Gradients of its outputs come in, gradients of its inputs go along `edges`."""

    is_leaf = False
    where = ""  # the user's line that ran the function, noted while anomalies are looked for
    hooks: dict[int, dict[int, Callable[[Tensor], Tensor | None]]] | None = None
    retained: dict[int, Any] | None = None  # weak references to outputs that want their gradient in .grad

    def __init__(self, name: str, edges: Sequence[Edge | None], outputs: int) -> None:
        self._name, self.edges, self.outputs = name, edges, outputs
        self.sequence = next(SEQUENCE)

    def name(self) -> str:
        """The function's name, as `grad_fn` shows it."""
        return f"{_NAMES.get(self._name, self._name).title().replace('_', '')}Backward0"

    @functools.cached_property
    def metadata(self) -> dict[str, Any]:
        """A place for anything that a user wants to note of the node."""
        return {}

    @property
    def next_functions(self) -> tuple[tuple[TapeNode | None, int], ...]:
        return tuple((None, 0) if edge is None else (edge.node, edge.index) for edge in self.edges)

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        """The gradients of the inputs."""
        raise NotImplementedError

    def begun(self, present: Callable[[Edge], Tensor | None]) -> Sequence[Tensor | None]:
        """Of each input, the sum of gradients so far that its own are to be added to one by one; () for none."""
        return ()

    def backward_onto(
        self, grads: list[Tensor | None], begun: Sequence[Tensor | None], create_graph: bool
    ) -> Sequence[Tensor | None]:  # fmt: skip
        """As backward(), with what is begun added up already."""
        raise NotImplementedError

    def at(self, grads: Sequence[Tensor | None], index: int) -> Tensor | None:
        """The gradient of an output, where these have come."""
        return grads[index]

    def release(self, used: Sequence[int]) -> None:
        """Forget what was kept for the backward of these outputs."""

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class LeafNode(TapeNode):
    """The end of the tape: gradients of a leaf gather here."""

    is_leaf = True
    after: dict[int, Callable[[Tensor], None]] | None = None  # hooks that run when the gradient lies in .grad

    def __init__(self, tensor: Tensor) -> None:
        super().__init__("accumulate_grad", (), 1)
        self.sequence = -1
        self.tensor = tensor


class ViewNode(TapeNode):
    """A view: its backward is a function of the gradient alone."""

    def __init__(self, name: str, source: Tensor, back: Callable[[Tensor], Tensor]) -> None:
        self._name, self.edges, self.outputs = name, (source._edge or edge_of(source),), 1
        self.back, self.sequence = back, next(SEQUENCE)

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        assert grads[0] is not None
        return (self.back(grads[0]),)


class FreedNode(TapeNode):
    """Stands for a graph that a backward inside a compiled program has used up."""

    def __init__(self) -> None:
        super().__init__("compiled", (), 1)

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        raise GradientError("the graph has been freed by an earlier backward", op=self.name(),
                            hint="pass retain_graph=True to the first backward")  # fmt: skip


def edge_of(value: Any) -> Edge | None:
    """Where gradients of a value go, made on first demand for leaves; None when it needs none."""
    if not isinstance(value, Tensor) or not value._requires_grad:
        return None
    if value._edge is None:
        value._edge = Edge(LeafNode(value), 0)
    return value._edge
