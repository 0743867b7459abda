"""Random graphs mean the same, bit for bit, after every prefix of the pipeline."""

from __future__ import annotations

import pytest

from brasa.ir.errors import GradientError
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.passes import PIPELINE, run
from tests.passes.checks import assert_fused, assert_same_meaning, plain
from tests.passes.fuzz.growing import random_graph


@pytest.mark.parametrize("seed", range(200))
def test_pipeline_keeps_meaning(seed: int) -> None:
    before = random_graph(seed, differentiate=seed % 3 == 0)
    try:
        before = run(before, PIPELINE[:1], check=True)
    except GradientError:
        pytest.skip("no gradient")
    after = before
    for step in PIPELINE[1:]:
        after = run(after, (step,), check=True)
        assert_same_meaning(before, after, seed, special=seed % 2 == 0)
        assert plain(parse(str(after), OPS)) == plain(after)
    assert_fused(after)
