"""Golden files of printed kernels, for a processor with 32 registers of 512 bits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from brasa.codegen.schedules import lower
from brasa.ir.target import Target
from tests.codegen.schedules.running import read
from tests.codegen.schedules.test_convolution import CASES
from tests.codegen.schedules.test_cumulate import alone
from tests.codegen.schedules.test_map import ADD_ALL, ADD_ROW, GATHER
from tests.codegen.schedules.test_order import argsort, searchsorted
from tests.codegen.schedules.test_products import EPILOGUE, product
from tests.codegen.schedules.test_rows import SOFTMAX, reduction
from tests.codegen.schedules.test_scatter import ROWS
from tests.codegen.schedules.test_window import OPTIONS, pool

TARGET = Target("x86_64-unknown-linux-gnu", "x86-64-v4", "", 512, 32)

KERNELS = {
    "map": ADD_ROW,
    "large_map": ADD_ALL,
    "gather": GATHER,
    "softmax": SOFTMAX.replace("c]", "100]").replace("exp(", "sqrt("),
    "column_sums": reduction("sum", ("n", 300), (0,)),
    "wide_column_sums": reduction("sum", ("n", "c"), (0,)),
    "matmul": product(64, 64, 64),
    "linear": EPILOGUE,
    "dot": product("m", 100, 10, "dot"),
    "conv": CASES[0].forward(),
    "conv_input_grad": CASES[0].input_gradient(),
    "conv_weight_grad": CASES[0].weight_gradient(),
    "window_max": pool("window_max", *OPTIONS[1]),
    "scatter_add": ROWS,
    "cumsum": alone("cumsum", "n,m", 1),
    "argsort": argsort("f32", "n,m", 1),
    "searchsorted": searchsorted("f32", "n", "m", right=True),
}


@pytest.mark.parametrize("name", KERNELS)
def test_text(name: str, golden: Callable[[str, str], None]) -> None:
    (kernel,) = lower(read(KERNELS[name]), TARGET).kernels
    golden(f"kernels/{name}.txt", f"{kernel}\n")
