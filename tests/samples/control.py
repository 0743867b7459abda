"""Samples of ops that hold graphs or tuples."""

from __future__ import annotations

from tests.samples.sample import Sample

DOUBLE = "graph double(a: f32[k]) {\n  %0: f32[k] = add(a, a)\n  return %0\n}\n\n"
BOTH = "graph both(a: f32[k], b: f32[k]) {\n  %0: f32[k] = add(a, b)\n  %1: f32[k] = mul(a, b)\n  return %0, %1\n}\n\n"

SAMPLES = [
    Sample("x: f32[n]", "f32[n] = call(x, graph=@double)", {"n": 3}, held=DOUBLE),
    Sample("x: f32[4], y: f32[4]", "(f32[4], f32[4]) = call(x, y, graph=@both)", held=BOTH),
    Sample("x: f32[0]", "f32[0] = fused(x, graph=@double)", held=DOUBLE),
]
SAMPLES += [
    Sample("x: f32[4], y: f32[4]", "f32[4] = item(%0, index=1)", held=BOTH,
           before="(f32[4], f32[4]) = call(x, y, graph=@both)"),
    Sample("x: f32[n], y: f32[n]", "f32[n] = item(%0, index=0)", {"n": 1}, held=BOTH,
           before="(f32[n], f32[n]) = call(x, y, graph=@both)"),
    Sample("x: f32[n], seed: f32[n]", "(f32[n]) = gradient(%0, seed, x, outputs=1)", {"n": 3},
           before="f32[n] = mul(x, x)"),
]  # fmt: skip
