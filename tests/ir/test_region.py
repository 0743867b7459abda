"""The forms of regions: what fits each, and what the check says of what does not."""

from __future__ import annotations

import pytest

from brasa.ir.errors import GraphError
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.region import anchor, check_region, form

HEAD = "graph r(x: f32[n,4], w: f32[4,4], i: i64[n,1], s: i64[], v: f32[n,1]) {{\n {} }}"
FITTING = {
    "map": """%0: f32[4,n] = permute(x, axes=[1,0])
        %1: f32[4,n] = exp(%0)
        %2: f32[n,4] = reshape(%1, shape=[n,4])
        %3: f32[n,1] = gather(x, i, axis=1)
        %4: f32[n,4] = expand(%3, shape=[n,4])
        %5: f32[n,4] = add(%2, %4)
        return %5""",
    "rows": """%0: f32[n] = sum(x, axes=[1])
        %1: f32[n,1] = reshape(%0, shape=[n,1])
        %2: f32[n,4] = expand(%1, shape=[n,4])
        %3: f32[n,4] = sub(x, %2)
        %4: f32[n,1] = gather(%3, i, axis=1)
        %5: f32[n] = reshape(%4, shape=[n])
        %6: f32[n] = neg(%5)
        %7: f32[n] = max(%3, axes=[1])
        %8: u32[n,4] = random_bits(s, s, word=0, draw=0)
        return %6, %3, %7, %8""",
    "contract": """%0: bf16[4,4] = cast(w, dtype=bf16)
        %1: f32[4,4] = cast(%0, dtype=f32)
        %2: f32[n,4] = matmul(x, %1, order="dot")
        %3: f32[n,4] = expand(v, shape=[n,4])
        %4: f32[n,4] = exp(%3)
        %5: f32[n,4] = add(%2, %4)
        return %5, %2""",
    "window": """%0: f32[n,4] = neg(x)
        %1: f32[n,2] = window_max(%0, window=[2], positions=[2], stride=[2], padding=[0], dilation=[1])
        %2: f32[n,2] = neg(%1)
        return %2""",
    "scatter": """%0: f32[n,4] = constant(value=0.0)
        %1: f32[n,1] = exp(v)
        %2: f32[n,4] = scatter_add(%0, i, %1, axis=1)
        return %2""",
    "cumulate": """%0: f32[n,4] = exp(x)
        %1: f32[n,4] = cumsum(%0, axis=1, reverse=false)
        %2: f32[n,4] = expand(v, shape=[n,4])
        %3: f32[n,4] = mul(%1, %2)
        return %3, %0""",
    "sort": """%0: f32[4,n] = permute(x, axes=[1,0])
        %1: i64[4,n] = argsort(%0, axis=1, descending=true)
        return %1""",
    "search": """%0: i64[n,1] = searchsorted(x, v, right=false)
        return %0""",
}  # fmt: skip
BROKEN = [
    ("%0: f32[n,4] = exp(x)\n %1: f32[4,4] = exp(w)\n return %0, %1",
     "is not a map region: its outputs differ in shape"),
    ("%0: f32[n] = sum(x, axes=[1])\n %1: f32[4] = sum(x, axes=[0])\n return %0, %1",
     "reductions differ in domain or axes"),
    ("%0: f32[n] = sum(x, axes=[1])\n %1: f32[4,4] = exp(w)\n return %0",
     r"exp of f32\[4,4\] has no place between \[n,4\]"),
    ("%0: f32[n] = sum(x, axes=[1])\n %1: f32[n,1] = gather(x, i, axis=1)\n return %0, %1",
     "an output has neither the domain's nor the reduced shape"),
    ("%0: f32[n] = sum(x, axes=[1])\n %1: f32[n,4] = concat(x, axis=1)\n return %0", "concat of .* has no place"),
    ('%0: f32[4,4] = exp(w)\n %1: f32[n,4] = matmul(x, %0, order="dot")\n return %1', "an operand is computed"),
    ('%0: f32[4,4] = constant(value=1.0)\n %1: f32[n,4] = matmul(x, %0, order="dot")\n return %1',
     "an operand is not a region input"),
    ('%0: f32[n,4] = matmul(x, w, order="dot")\n %1: f32[4,n] = permute(%0, axes=[1,0])\n return %0',
     "permute is no elementwise node of the result's shape"),
    ('%0: f32[n,4] = matmul(x, w, order="dot")\n return %0, w', "an output has not the result's shape"),
    ("%0: f32[n,1] = gather(x, i, axis=1)\n %1: f32[n,1] = window_max(%0, window=[1], positions=[1], stride=[1], "
     "padding=[0], dilation=[1])\n return %1", "an operand is not made by elementwise nodes"),
    ("%0: f32[n,4] = scatter_add(x, i, v, axis=1)\n %1: f32[n,4] = exp(%0)\n return %1", "it has another result"),
    ("%0: i64[n,1] = neg(i)\n %1: f32[n,4] = scatter_add(x, %0, v, axis=1)\n return %1", "x or index is computed"),
    ("%0: f32[n,4] = cumsum(x, axis=1, reverse=false)\n %1: f32[4,n] = permute(%0, axes=[1,0])\n return %0",
     "permute is no elementwise node of the result's shape"),
    ("%0: f32[n,4] = exp(x)\n %1: i64[n,4] = argsort(%0, axis=1, descending=false)\n return %1",
     "is not a sort region: an operand is computed"),
    ("%0: i64[n,4] = argsort(x, axis=1, descending=false)\n %1: i64[n,4] = neg(%0)\n return %1",
     "it has another result"),
    ("%0: f32[n,1] = constant(value=1.0)\n %1: i64[n,1] = searchsorted(x, %0, right=false)\n return %1",
     "an operand is not a region input"),
]  # fmt: skip


@pytest.mark.parametrize("wanted", FITTING)
def test_each_form_is_told_and_fits(wanted: str) -> None:
    region = parse(HEAD.format(FITTING[wanted]), OPS)
    assert form(region) == wanted
    assert check_region(region) is region
    assert (anchor(region) is None) == (wanted in ("map", "rows"))


@pytest.mark.parametrize(("lines", "fault"), BROKEN)
def test_what_fits_no_form_is_named(lines: str, fault: str) -> None:
    with pytest.raises(GraphError, match=fault):
        check_region(parse(HEAD.format(lines), OPS))
