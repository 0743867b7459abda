"""What kernels compute, an op's body, is what the op evaluates to: elements, index maps, cases and combiners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import BY_NAME, DType, bool_, float32, int64
from brasa.ir.graph import Graph, Kind, Node, Op
from brasa.ir.interpret import interpret
from brasa.ir.kernel import Buffer, Expr, as_expr, cast, const, select
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.ops import OPS, special
from brasa.ir.philox import philox_expr
from brasa.ir.sizes import substitute_graph
from tests.kernel_interpreter import run_kernel
from tests.samples import SAMPLES, Sample

# Written in brasa.ir.mathematics, and judged with it.
FUNCTIONS = {
    "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "pow", "remainder", "floor_divide",
    *(op.name for op in vars(special).values() if isinstance(op, Op)),
}  # fmt: skip
Element = Callable[[KernelBuilder, Graph, list[Buffer], tuple[int, ...]], Expr]


def named(*kinds: Kind) -> list[str]:
    return [name for name, op in OPS.items() if op.kind in kinds]


def plain_samples(name: str) -> Iterator[tuple[Sample, Graph]]:
    """Samples without complex numbers, with their sizes made constant."""
    for sample in SAMPLES[name]:
        graph = substitute_graph(sample.graph, sample.sizes)
        if not any(node.tensor.dtype.is_complex for node in (*graph.inputs, *graph.outputs)):
            yield sample, graph


def shape_of(node: Node) -> tuple[int, ...]:
    return tuple(dim.evaluate(size, {}) for size in node.tensor.shape)


def flat(index: tuple[Any, ...], shape: tuple[int, ...]) -> Expr:
    """The place of an element in row-major order."""
    total = const(0, int64)
    for i, size in zip(index, shape, strict=True):
        total = total * size + i
    return total


def compute_dtype(dtype: DType) -> DType:
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


def run(sample: Sample, graph: Graph, element: Element) -> None:
    """Every element of the result by a store of its own, interpreted; and the same by evaluate."""
    (output,) = graph.outputs
    builder = KernelBuilder(output.op.name)
    buffers = [builder.buffer(node.attrs["name"], node.tensor.dtype, "in") for node in graph.inputs]
    result = builder.buffer("result", output.tensor.dtype, "out")
    for place in product(*map(range, shape_of(output))):
        value = element(builder, graph, buffers, place)
        builder.store(result, flat(place, shape_of(output)), cast(value, output.tensor.dtype))
    arrays = sample.arrays()
    memory = {node.attrs["name"]: array.reshape(-1) for node, array in zip(graph.inputs, arrays, strict=True)}
    got = memory["result"] = np.zeros(int(np.prod(shape_of(output))), output.tensor.dtype.numpy)
    run_kernel(builder.finish(), memory, {})
    (wanted,) = interpret(graph, arrays)
    assert_same(got.reshape(wanted.shape), wanted, sample)


def assert_same(got: Any, wanted: Any, what: object) -> None:
    if wanted.dtype.kind == "V" or wanted.dtype.itemsize == 2:
        got, wanted = got.astype(np.float32), wanted.astype(np.float32)
    np.testing.assert_array_equal(got, wanted, err_msg=str(what))


def size_of(size: Size) -> Expr:
    return as_expr(dim.evaluate(size, {}), int64)


def elementwise(_: KernelBuilder, graph: Graph, buffers: list[Buffer], place: tuple[int, ...]) -> Expr:
    node = graph.outputs[0]
    operands = [buffer.load(flat(place, shape_of(node))) for buffer in buffers]
    made = [cast(operand, compute_dtype(operand.dtype)) for operand in operands]
    assert node.op.body is not None
    if node.op.name in ("cast", "bitcast"):
        return node.op.body(operands[0], **node.attrs)
    return node.op.body(*made, **node.attrs)


@pytest.mark.parametrize("name", [name for name in named(Kind.ELEMENTWISE) if name not in FUNCTIONS])
def test_elementwise(name: str) -> None:
    for sample, graph in plain_samples(name):
        run(sample, graph, elementwise)


@pytest.mark.parametrize("name", ["pow", "remainder", "floor_divide"])
def test_integer_functions(name: str) -> None:
    for sample, graph in plain_samples(name):
        if graph.outputs[0].tensor.dtype.kind != "float":
            run(sample, graph, elementwise)


def view(_: KernelBuilder, graph: Graph, buffers: list[Buffer], place: tuple[int, ...]) -> Expr:
    node, (source,) = graph.outputs[0], graph.inputs
    assert node.op.body is not None
    index = node.op.body(tuple(const(i, int64) for i in place), source.tensor, node.tensor, size_of, **node.attrs)
    return buffers[0].load(flat(index, shape_of(source)))


@pytest.mark.parametrize("name", named(Kind.VIEW))
def test_views(name: str) -> None:
    for sample, graph in plain_samples(name):
        run(sample, graph, view)


def move(_: KernelBuilder, graph: Graph, buffers: list[Buffer], place: tuple[int, ...]) -> Expr:
    """The first case that holds; only its operand's memory is read."""
    node = graph.outputs[0]
    types = [operand.tensor for operand in node.operands]
    assert node.op.body is not None
    at = tuple(const(i, int64) for i in place)
    value, open_ = const(0, node.tensor.dtype), const(True, bool_)
    for condition, number, index in node.op.body(at, types, node.tensor, size_of, **node.attrs):
        mask = open_ if condition is None else open_ & condition
        element = buffers[number].load(flat(index, shape_of(node.operands[number])), mask)
        value = select(mask, element, value)
        open_ = open_ & ~mask
    return value


@pytest.mark.parametrize("name", named(Kind.MOVE))
def test_moves(name: str) -> None:
    for sample, graph in plain_samples(name):
        run(sample, graph, move)


def reduction(builder: KernelBuilder, graph: Graph, buffers: list[Buffer], place: tuple[int, ...]) -> Expr:
    """One element after the other."""
    node, (source,) = graph.outputs[0], graph.inputs
    shape, axes = shape_of(source), node.attrs["axes"]
    assert node.op.body is not None
    combiner = node.op.body(source.tensor.dtype)
    state = tuple(const(init, dtype) for init, dtype in zip(combiner.init, combiner.dtypes, strict=True))
    for position, inner in enumerate(product(*(range(shape[axis]) for axis in axes))):
        kept, reduced = iter(place), iter(inner)
        index = tuple(next(reduced) if axis in axes else next(kept) for axis in range(len(shape)))
        lifted = combiner.lift(buffers[0].load(flat(index, shape)), const(position, int64))
        state = tuple(builder.let("state", part) for part in combiner.combine(state, lifted))
    return combiner.result(state)


def whole_numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Numbers whose sums and products are exact in any order."""
    return rng.integers(-2, 3, shape).astype(dtype)


@pytest.mark.parametrize("name", named(Kind.REDUCE))
def test_reductions(name: str) -> None:
    for sample, graph in plain_samples(name):
        if name in ("sum", "sum_copies", "prod") and graph.outputs[0].tensor.dtype.kind == "float":
            run(replace(sample, values={"x": whole_numbers}), graph, reduction)
            continue
        run(sample, graph, reduction)


def test_combiners_agree_in_any_grouping() -> None:
    """Two partial results, the earlier one first, combine to the whole, empty ones too."""
    rng = np.random.default_rng(0)
    for name in ("argmax", "argmin", "max", "min"):
        for values in (rng.integers(0, 3, 9).astype(np.float32), np.array([1, np.nan, 2, np.nan], np.float32)):
            for cut in range(len(values) + 1):
                assert (
                    grouped(name, values, cut) == float(OPS[name].evaluate(values, axes=(0,))) or np.isnan(values).any()
                )


def grouped(name: str, values: Any, cut: int) -> float:
    """The reduction of two parts, combined."""
    builder = KernelBuilder(name)
    x, result = builder.buffer("x", float32, "in"), builder.buffer("result", BY_NAME["f64"], "out")
    body = OPS[name].body
    assert body is not None
    combiner = body(float32)
    parts = []
    for begin, end in ((0, cut), (cut, len(values))):
        state = tuple(const(init, dtype) for init, dtype in zip(combiner.init, combiner.dtypes, strict=True))
        for i in range(begin, end):
            state = combiner.combine(state, combiner.lift(x.load(i), const(i, int64)))
        parts.append(state)
    builder.store(result, 0, cast(combiner.result(combiner.combine(*parts)), BY_NAME["f64"]))
    made = np.zeros(1)
    run_kernel(builder.finish(), {"x": values, "result": made}, {})
    return float(made[0])


def test_random_bits() -> None:
    for sample, graph in plain_samples("random_bits"):
        node = graph.outputs[0]

        def bits(_: KernelBuilder, __: Graph, buffers: list[Buffer], place: tuple[int, ...], node: Node = node) -> Expr:
            seed, call = (buffer.load(0) for buffer in buffers[:2])
            attrs = {key: node.attrs[key] for key in ("word", "draw")}
            return philox_expr(seed, call, flat(place, shape_of(node)), **attrs)

        run(sample, graph, bits)
