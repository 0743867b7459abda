"""Samples of ops that make values from nothing or from a counter."""

from __future__ import annotations

from tests.samples.sample import Sample

SAMPLES = [
    Sample("x: f32[n,2] strides(s,1) param \"fc.weight\"", "", {"n": 3}),
    Sample("x: i64[]", ""),
    Sample("", "f32[2,3] = constant(value=1.5)"),
    Sample("", "f32[2,3] = constant(value=[[1.5, -2.0, 0.0], [0.5, 3.0, 1.0]])"),
    Sample("", "f64[] = constant(value=-inf)"),
    Sample("", "i64[0] = constant(value=7)"),
    Sample("x: f32[n]", "bool[n,2] = constant(value=true)", {"n": 3}),
    Sample("x: f32[n]", "i64[] = constant(value=n*2)", {"n": 3}),
    Sample("", "i64[4] = iota(axis=0)"),
    Sample("", "i64[2,3,0] = iota(axis=1)"),
    Sample("x: f32[n]", "i64[2,n] = iota(axis=1)", {"n": 5}),
    Sample("seed: i64[], call: i64[]", "u32[3,5] = random_bits(seed, call, word=0, draw=0)",
           {}, {"seed": 7, "call": 2}),
    Sample("seed: i64[], call: i64[]", "u32[] = random_bits(seed, call, word=3, draw=1)", {}, {"seed": -1, "call": 0}),
    Sample("seed: i64[], call: i64[], x: f32[n]", "u32[n,4] = random_bits(seed, call, word=1, draw=2)",
           {"n": 4}, {"seed": 1 << 40, "call": 1 << 31}),
    Sample("seed: i64[], call: i64[]", "u32[0,2] = random_bits(seed, call, word=2, draw=0)"),
]  # fmt: skip
