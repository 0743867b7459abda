"""Random kernels: machine code at both speeds does what the interpreter does."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.codegen.llvm.kernels import assert_agrees
from tests.codegen.llvm.random_kernels import Grower


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_random_kernels(random: Random) -> None:
    grower = Grower(random)
    kernel = grower.grow()
    assert_agrees(kernel, grower.arrays, **grower.sizes)
