"""Every op on its samples: types, text, values, errors; and that every op has samples."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.ir import dim
from brasa.ir.dtype import DTYPES, float32
from brasa.ir.errors import BrasaError, ParseError, ShapeError
from brasa.ir.graph import item_types
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.ops.contract import matmul
from brasa.ir.ops.source import make_input
from brasa.ir.parsing import parse
from brasa.ir.types import TensorType
from brasa.ir.verify import verify
from tests.samples import ERRORS, SAMPLES, ErrorSample, Sample, all_samples

# Any type is good for these.
NEVER_WRONG = {"input", "constant", "cast", "again", "later"}
MEANINGLESS = {"gradient": "has a meaning only after autodiff has expanded it"}
ERROR_SAMPLES = [sample for group in ERRORS.values() for sample in group]


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_samples(name: str) -> None:
    assert SAMPLES[name]
    assert name in NEVER_WRONG or ERRORS[name]


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_a_gradient_or_a_reason(name: str) -> None:
    assert (OPS[name].vjp is None) == bool(OPS[name].no_vjp)


@pytest.mark.parametrize("name", SAMPLES)
def test_text_reads_back(name: str) -> None:
    for sample in SAMPLES[name]:
        assert str(sample.graph) == sample.text
        assert str(parse(str(sample.graph), OPS)) == sample.text
        verify(sample.graph)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in MEANINGLESS])
def test_values_have_the_type_inferred(name: str) -> None:
    for sample in SAMPLES[name]:
        node = sample.graph.outputs[0]
        (value,) = interpret(sample.graph, sample.arrays())
        types = item_types(node.type)
        values = (value,) if isinstance(node.type, TensorType) else value
        for each, type in zip(values, types, strict=True):
            assert each.shape == tuple(dim.evaluate(size, sample.sizes) for size in type.shape), sample
            assert each.dtype == type.dtype.numpy, sample


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in (*MEANINGLESS, "input")])
def test_evaluate_alone_gives_that_dtype(name: str) -> None:
    """Without interpret, which would convert it."""
    for sample in SAMPLES[name]:
        node = sample.graph.outputs[0]
        if not isinstance(node.type, TensorType) or sample.before or dict(sample.sizes):
            continue
        with np.errstate(all="ignore"):
            value = node.op.evaluate(*sample.arrays(), **node.attrs)
        assert np.asarray(value).dtype == node.type.dtype.numpy, sample


def test_meaningless() -> None:
    for name, reason in MEANINGLESS.items():
        for sample in SAMPLES[name]:
            with pytest.raises(BrasaError, match=reason):
                interpret(sample.graph, sample.arrays())


@pytest.mark.parametrize("sample", ERROR_SAMPLES, ids=lambda sample: f"{sample.op}-{sample.inputs}")
def test_errors(sample: ErrorSample) -> None:
    with pytest.raises(ParseError) as caught:
        parse(sample.text, OPS)
    error = caught.value.__context__
    assert isinstance(error, BrasaError)
    assert str(error).split("\n")[0] == sample.message
    assert len(error.operands) <= len(parse_inputs(sample))


def parse_inputs(sample: ErrorSample) -> tuple[object, ...]:
    """What an error may show as operands: inputs, each any number of times."""
    return tuple(sample.application.split("(", 1)[1].split(", "))


def test_samples_cover_edges() -> None:
    """There is every dtype, a scalar, an empty tensor, a size 1 and a named size among the samples of all ops."""
    types = [type for sample in all_samples() for node in sample.graph.inputs for type in item_types(node.type)]
    shapes = [type.shape for type in types]
    assert {type.dtype for type in types} == set(DTYPES)
    assert () in shapes
    assert any(0 in shape for shape in shapes)
    assert any(1 in shape for shape in shapes)
    assert any(isinstance(size, dim.Dim) for shape in shapes for size in shape)


def test_same_seed_same_arrays() -> None:
    sample = next(sample for sample in SAMPLES["add"] if sample.graph.inputs)
    assert isinstance(sample, Sample)
    np.testing.assert_array_equal(sample.arrays(1), sample.arrays(1))


def test_a_product_that_would_fit_transposed() -> None:
    lhs, rhs = (make_input(name, TensorType(shape, float32)) for name, shape in (("x", (32, 128)), ("w", (10, 128))))
    with pytest.raises(ShapeError) as caught:
        matmul(lhs, rhs, order="chain")
    assert str(caught.value) == (
        "matmul: inner sizes differ, 128 (last of lhs) and 10 (second to last of rhs)\n"
        "  lhs  f32[32,128]  input 'x'\n  rhs  f32[10,128]  input 'w'\n  hint: rhs.mT would fit (f32[128,10])"
    )
