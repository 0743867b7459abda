"""summary(): the layers of a model as a table, with what they hold, give and cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from brasa._state import STATE, get_default_dtype
from brasa.capture.outline import outline, tensors_in
from brasa.ir import dim
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError
from brasa.ir.types import TensorType
from brasa.nn.module import Module
from brasa.seeing.flops import count_flops
from brasa.seeing.tables import bytes_text, html_table, text_table
from brasa.tensors.tensor import Tensor

_HEAD = ("layer", "output", "parameters", "FLOPs", "bytes")


@dataclass
class Layer:
    """One layer. All numbers hold those of the layers inside it.

    name: its dotted path, empty for the model. depth: how many layers it lies inside of. outputs: the shapes of its
    last results. parameters, trainable: elements. nbytes: of parameters and buffers. output_bytes: of its own results.
    flops: two for each product in matrix products, convolutions and attention, of all its calls. calls: how many.
    """

    name: str
    kind: str
    depth: int
    parameters: int
    trainable: int
    nbytes: int
    outputs: tuple[tuple[int, ...], ...] = ()
    output_bytes: int = 0
    flops: int = 0
    calls: int = 0


@dataclass(frozen=True)
class Summary:
    """The layers of a model, in the order in which they are defined; prints as a table. layers[0] is the model."""

    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        return text_table(_HEAD, self._rows(), self._totals())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEAD, self._rows(), self._totals())

    def _rows(self) -> list[list[str]]:
        rows = []
        for layer in self.layers:
            name = layer.name.rpartition(".")[2]
            title = "  " * layer.depth + (f"{name}: {layer.kind}" if name else layer.kind)
            shapes = " ".join(str(list(shape)) for shape in layer.outputs) if layer.calls else "(not called)"
            rows.append([title, shapes, *(f"{n:,}" for n in (layer.parameters, layer.flops, layer.nbytes))])
        return rows

    def _results(self) -> int:
        """The bytes of what the innermost layers give."""
        inner = {_holder(layer) for layer in self.layers[1:]}
        return sum(layer.output_bytes for layer in self.layers if layer.name not in inner)

    def _totals(self) -> list[str]:
        model = self.layers[0]
        return [
            f"parameters: {model.parameters:,}, of which {model.trainable:,} are trained",
            f"FLOPs: {model.flops:,}",
            f"bytes: {bytes_text(model.nbytes)} of parameters and buffers, {bytes_text(self._results())} of results",
        ]


def summary(model: Module, input: Any) -> Summary:
    """The layers of a model as a tree: output shapes, parameters, FLOPs and bytes; print() shows them as a table.

    input: what forward() takes, a tensor or a shape, or a list or tuple of these; a shape stands for a tensor of the
    model's own float dtype. Nothing is computed: the model is traced, as in evaluation, and FLOPs are counted in the
    traced graph. BrasaError where the course of the program depends on values, ArgumentError for other inputs.
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"expects a module, found {type(model).__name__}", op="summary")
    dtype = next((parameter.dtype for parameter in model.parameters()), get_default_dtype())
    types = [_type_of(each, dtype) for each in ([input] if _is_one(input) else input)]
    layers = {path: _described(path, module) for path, module in model.named_modules()}
    with _noting(model, layers):
        outline(model, types)
    for layer in reversed(layers.values()):
        if not layer.calls:  # a list of layers is not called itself
            layer.flops = sum(each.flops for each in layers.values() if each.name and _holder(each) == layer.name)
    return Summary(tuple(layers.values()))


def _holder(layer: Layer) -> str:
    """The name of the layer that this one lies directly inside of."""
    return layer.name.rpartition(".")[0]


def _is_one(input: Any) -> bool:
    """Whether this is one tensor or one shape, not several."""
    if isinstance(input, list | tuple):
        return bool(input) and all(isinstance(size, int) for size in input)
    return True


def _type_of(input: Any, dtype: DType) -> TensorType:
    if isinstance(input, Tensor):
        return TensorType(tuple(input.shape), input.dtype)
    if isinstance(input, list | tuple) and all(isinstance(size, int) and size >= 0 for size in input):
        return TensorType(tuple(input), dtype)
    raise ArgumentError(f"an input must be a tensor or a shape, found {str(input)[:80]}", op="summary")


def _described(path: str, module: Module) -> Layer:
    parameters = list(module.parameters())
    trainable = sum(each.numel() for each in parameters if each.requires_grad)
    held = sum(each.nbytes for each in (*parameters, *module.buffers()))
    depth = path.count(".") + 1 if path else 0
    return Layer(path, type(module).__name__, depth, sum(each.numel() for each in parameters), trainable, held)


@contextmanager
def _noting(model: Module, layers: dict[str, Layer]) -> Iterator[None]:
    """Note what each layer gives and which part of the trace is its own, while the model is traced."""
    starts: list[int] = []
    handles = []

    def begin(module: Module, args: Any) -> None:
        assert STATE.trace is not None
        starts.append(len(STATE.trace.nodes))

    for path, module in model.named_modules():

        def end(module: Module, args: Any, result: Any, layer: Layer = layers[path]) -> None:
            trace, tensors = STATE.trace, tuple(tensors_in(result))
            assert trace is not None
            layer.outputs = tuple(tuple(tensor.shape) for tensor in tensors)
            layer.output_bytes += sum(tensor.nbytes for tensor in tensors)
            layer.flops += dim.evaluate(count_flops(trace.nodes[starts.pop() :], trace.scope.known), {})
            layer.calls += 1

        handles += [module.register_forward_pre_hook(begin), module.register_forward_hook(end, prepend=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
