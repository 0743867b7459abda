"""A program as one graph, traced from the types of its inputs alone: nothing is computed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from brasa.capture.follow import Capture
from brasa.capture.tree import Step
from brasa.ir import dim
from brasa.ir.errors import ArgumentError, BrasaError
from brasa.ir.graph import Graph, Node
from brasa.ir.ops import control
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import tracing

# What named sizes are taken for where the program's course depends on them: unequal, and no usual size of a layer.
_HINTS = (61, 67, 71, 73, 79, 83, 89, 97)


class _Outline(Capture):
    """A capture whose inputs from outside have the names that a module gives them."""

    def __init__(self, names: dict[int, tuple[str, str]]) -> None:
        super().__init__(Step(None, None, (), ()), (), dynamic=False, fullgraph=True)
        self._names = names  # by the id of a tensor: its role and path

    def _external(self, tensor: Tensor, symbolic: bool) -> Node:
        role, path = self._names.get(id(tensor), ("", ""))
        name = path.replace(".", "_") or f"x{len(self.bindings)}"
        type = TensorType(tuple(tensor._spec.shape), tensor._spec.dtype, tensor._spec.device)
        return make_input(name, type, role=role, path=path, strides=tensor._spec.marks)

    def materialize(self, tensor: Tensor) -> None:
        raise BrasaError("a value is needed while the program is traced, and there is none: inputs have only types")

    def graph(self, name: str, results: Iterable[Tensor]) -> Graph:
        """What was recorded: its results, and the tensors from outside that it wrote."""
        outputs = [self.node_of(tensor) for tensor in results]
        self.inputs += self.bindings
        updates = []
        for cell, tensor in self.written.items():
            home = next(node for node, bound in self.bindings.items() if bound is tensor)
            updates.append((len(outputs), self.inputs.index(home)))
            outputs.append(cell.node)
        return self.finish(name, outputs, tuple(updates))


def outline(target: Any, types: Sequence[TensorType], train: bool = False) -> Graph:
    """The graph of a module or function on inputs of these types.

    train: a module in training mode, and with the gradients of its parameters (of a function: of its inputs) among
    the outputs; the gradients of the results are further inputs.
    """
    is_module = hasattr(target, "named_parameters")
    names: dict[int, tuple[str, str]] = {}
    if is_module:
        names = {id(tensor): ("buffer", path) for path, tensor in target.named_buffers()}
        names |= {id(tensor): ("param", path) for path, tensor in target.named_parameters()}
    trace = _Outline(names)
    symbols = dict.fromkeys(name for type in types for size in type.shape for name in dim.symbols(size))
    trace.scope.hints.update(zip(symbols, _HINTS, strict=False))
    name = re.sub(r"\W+", "_", getattr(target, "__name__", type(target).__name__)).strip("_")
    with tracing(trace), _in_mode(target if is_module else None, train):
        inputs = [trace.input(each, type) for each, type in zip(_input_names(target, types, name), types, strict=True)]
        for tensor in inputs:
            tensor._requires_grad = train and not is_module and tensor.dtype.is_floating_point
        graph = trace.graph(name, tensors_in(target(*inputs)))
    return with_gradients(graph, not is_module) if train else graph


@contextmanager
def _in_mode(module: Any, train: bool) -> Iterator[None]:
    """A module in training or in evaluation, and then each part of it as it was before."""
    before = {} if module is None else {each: each.training for each in module.modules()}
    for each in before:
        each.training = train
    try:
        yield
    finally:
        for each, training in before.items():
            each.training = training


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in lists, tuples and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def _input_names(target: Any, types: Sequence[TensorType], name: str) -> list[str]:
    """The names of the parameters that take the inputs."""
    parameters = inspect.signature(target.forward if hasattr(target, "forward") else target)
    try:
        bound = parameters.bind(*types)
    except TypeError as error:
        raise ArgumentError(f"{error}; inputs of {len(types)} types were given", op=name) from error
    names = []
    for key, value in bound.arguments.items():
        several = parameters.parameters[key].kind is inspect.Parameter.VAR_POSITIONAL
        names += [f"{key}{i}" for i in range(len(value))] if several else [key]
    return names


def with_gradients(graph: Graph, of_inputs: bool = False) -> Graph:
    """The graph with the gradients of its parameters, or of all its inputs, as further outputs."""
    wanted = [
        node
        for node in graph.inputs
        if (of_inputs or node.attrs.get("role") == "param") and node.tensor.dtype.is_floating_point
    ]
    landed = dict(graph.updates)
    ends = [
        node for index, node in enumerate(graph.outputs) if index not in landed and node.tensor.dtype.is_floating_point
    ]
    if not wanted or not ends:
        raise BrasaError("nothing in this program has a gradient", op=graph.name)
    seeds = [make_input(f"grad{index}", node.tensor) for index, node in enumerate(ends)]
    made = control.gradient(*ends, *seeds, *wanted, outputs=len(ends))
    gradients = control.items(made)
    count = len(graph.outputs) - len(landed)
    outputs = (*graph.outputs[:count], *gradients, *graph.outputs[count:])
    updates = tuple((output + len(gradients), target) for output, target in graph.updates)
    return Graph(graph.name, (*graph.inputs, *seeds), (*graph.nodes, made, *gradients), outputs, updates)
