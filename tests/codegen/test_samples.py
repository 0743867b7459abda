"""Every op on its samples as machine code, against what it evaluates to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.ir.graph import Op
from brasa.ir.interpret import interpret
from brasa.ir.ops import special
from brasa.passes import PIPELINE, run
from tests.codegen.schedules.running import Machine
from tests.samples import SAMPLES, Sample

# What no machine code is made of: inputs, tuples and regions by themselves, and gradients before autodiff.
NO_CODE = {"input", "call", "fused", "item", "gradient"}
# NumPy rounds these otherwise than brasa: the units in the last place between them, and where numbers cancel.
FUNCTIONS = {"exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "pow"}
SUMS = {
    "trellis", "cumsum", "cumprod", "logcumsumexp", "sum", "sum_copies", "prod", "matmul", "conv", "conv_input_grad",
    "conv_weight_grad",
}  # fmt: skip
ATTENTION = {"attention", "attention_query_gradient", "attention_key_gradient"}
# By other algorithms than the judge.
SPECIAL = {op.name for op in vars(special).values() if isinstance(op, Op)}
FACTORS = {*ATTENTION, "cholesky", "lu", "qr", "reflectors", "eigh", "svd", "pinv", "matrix_exp", "solve_triangular"}
EPSILON = {2: 2.0**-7, 4: 2.0**-23, 8: 2.0**-52}


def has_complex(sample: Sample) -> bool:
    return any(node.tensor.dtype.is_complex for node in (*sample.graph.inputs, *sample.taken_apart.outputs))


def stored(array: Any) -> Any:
    """An array as programs take it and give it: the parts of complex numbers along a last axis."""
    array = np.asarray(array)
    return np.stack([array.real, array.imag], -1) if np.iscomplexobj(array) else array


def assert_close(got: Any, wanted: Any, op: str, what: object) -> None:
    if op in FUNCTIONS | SUMS | FACTORS | SPECIAL and wanted.dtype.kind not in "iub":
        epsilon = (1024 if op in SPECIAL else 256 if op in FACTORS else 4) * EPSILON[wanted.itemsize]
        least = 8 * epsilon if op not in FUNCTIONS else float(np.finfo(np.float32).tiny) * epsilon
        with np.errstate(all="ignore"):
            got, wanted = got.astype(np.float64), wanted.astype(np.float64)
        np.testing.assert_allclose(got, wanted, epsilon, least, err_msg=str(what))
    else:
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        assert same.all(), f"{what}: {got[~same]} is not {wanted[~same]}"


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in NO_CODE])
def test_machine_code(name: str) -> None:
    for sample in SAMPLES[name]:
        arrays = sample.arrays()
        wanted = interpret(sample.taken_apart, arrays, sample.sizes)
        made = Machine(run(sample.taken_apart, PIPELINE), host_target()).run(*map(stored, arrays))
        for got, each in zip(made.outputs, wanted, strict=True):
            assert_close(got, stored(each), name if not has_complex(sample) else "sum", sample)
