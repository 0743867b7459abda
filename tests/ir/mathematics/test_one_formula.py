"""Scalar functions give the same bits everywhere: in every lane, at both levels of optimisation, in the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ir.mathematics.judge import BINARY, DTYPES, UNARY, apply, kernel_of, points
from tests.kernel_interpreter import run_kernel

NAMES = (*UNARY, *BINARY)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_machine_code_does_what_the_expression_says(name: str, dtype: str) -> None:
    kind = DTYPES[dtype]
    x, y = points(kind, 16, (-3, 3), (0, 100)), points(kind, 16, (-2, 2))
    arrays = {"x": x, "y": y, "result": np.empty_like(x)}
    run_kernel(kernel_of(name, kind), arrays, {"n": x.size})
    operands = (x, y) if name in BINARY else (x,)
    np.testing.assert_array_equal(apply(name, kind, *operands), arrays["result"])
    np.testing.assert_array_equal(apply(name, kind, *operands, speed=0), arrays["result"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_every_lane(name: str, dtype: str) -> None:
    kind = DTYPES[dtype]
    x, y = points(kind, 200, (-3, 3), (0, 100)), points(kind, 200, (-2, 2))
    operands = (x, y) if name in BINARY else (x,)
    whole = apply(name, kind, *operands)
    for begin, end in ((1, 150), (7, 8), (3, 20)):
        np.testing.assert_array_equal(apply(name, kind, *(each[begin:end] for each in operands)), whole[begin:end])
