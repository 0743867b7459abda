"""Samples of ops that rearrange elements."""

from __future__ import annotations

from tests.samples.sample import Sample

_REST = "steps=[1, 1])"

SAMPLES = [
    Sample("x: f32[2,6]", "f32[3,4] = reshape(x, shape=[3, 4])"),
    Sample("x: f32[]", "f32[1,1] = reshape(x, shape=[1, 1])"),
    Sample("x: i64[1]", "i64[] = reshape(x, shape=[])"),
    Sample("x: bool[0,3]", "bool[5,0,2] = reshape(x, shape=[5, 0, 2])"),
    Sample("x: f32[n,2,4]", "f32[n*2,4] = reshape(x, shape=[n*2, 4])", {"n": 3}),
    Sample("x: f32[n,m,4]", "f32[1,n,m*2,2] = reshape(x, shape=[1, n, m*2, 2])", {"n": 3, "m": 2}),
    Sample("x: f32[4,3,2]", "f32[2,6,2] = reshape(x, shape=[2, 6, 2])"),
    Sample("x: f32[2,3]", "f32[3,2] = permute(x, axes=[1, 0])"),
    Sample("x: f32[]", "f32[] = permute(x, axes=[])"),
    Sample("x: f32[n,0,m]", "f32[m,n,0] = permute(x, axes=[2, 0, 1])", {"n": 2, "m": 3}),
    Sample("x: u8[2,3,4,5]", "u8[3,5,2,4] = permute(x, axes=[1, 3, 0, 2])"),
    Sample("x: f32[3,1]", "f32[2,3,4] = expand(x, shape=[2, 3, 4])"),
    Sample("x: f32[]", "f32[2] = expand(x, shape=[2])"),
    Sample("x: f32[1]", "f32[0] = expand(x, shape=[0])"),
    Sample("x: f32[1,n]", "f32[n,n] = expand(x, shape=[n, n])", {"n": 3}),
    Sample("x: c64[2,1]", "c64[2,1] = expand(x, shape=[2, 1])"),
    Sample("x: f32[5]", "f32[2] = slice(x, starts=[1], sizes=[2], steps=[2])"),
    Sample("x: f32[5]", "f32[5] = slice(x, starts=[4], sizes=[5], steps=[-1])"),
    Sample("x: f32[5]", "f32[0] = slice(x, starts=[5], sizes=[0], steps=[1])"),
    Sample("x: f32[0]", "f32[0] = slice(x, starts=[0], sizes=[0], steps=[1])"),
    Sample("x: f32[]", "f32[] = slice(x, starts=[], sizes=[], steps=[])"),
    Sample("x: f32[n,4]", "f32[n-2,2] = slice(x, starts=[2, 3], sizes=[n-2, 2], steps=[1, -2])", {"n": 5}),
    Sample("x: f32[n,4]", f"f32[n,1] = slice(x, starts=[0, 3], sizes=[n, 1], {_REST}", {"n": 2}),
    Sample("x: f32[2,3], value: f32[2,2]", f"f32[2,3] = update(x, value, starts=[0, 1], {_REST}"),
    Sample("x: f32[6], value: f32[3]", "f32[6] = update(x, value, starts=[5], steps=[-2])"),
    Sample("x: f32[n], value: f32[n]", "f32[n] = update(x, value, starts=[0], steps=[1])", {"n": 3}),
    Sample("x: f32[n,3], value: f32[1,m]", f"f32[n,3] = update(x, value, starts=[n-1, 0], {_REST}", {"n": 4, "m": 2}),
    Sample("x: f32[], value: f32[]", "f32[] = update(x, value, starts=[], steps=[])"),
    Sample("x: i64[4], value: i64[0]", "i64[4] = update(x, value, starts=[4], steps=[1])"),
    Sample("x: f32[2,3], value: f32[]", "f32[5,4] = pad(x, value, low=[1, 0], high=[2, 1])"),
    Sample("x: f32[0,3], value: f32[]", "f32[2,3] = pad(x, value, low=[1, 0], high=[1, 0])"),
    Sample("x: f32[], value: f32[]", "f32[] = pad(x, value, low=[], high=[])"),
    Sample("x: i64[n], value: i64[]", "i64[n*2+1] = pad(x, value, low=[n], high=[1])", {"n": 3}),
    Sample("x: f32[2,3], y: f32[2,1]", "f32[2,4] = concat(x, y, axis=1)"),
    Sample("x: f32[2]", "f32[2] = concat(x, axis=0)"),
    Sample("x: f32[n,2], y: f32[0,2], z: f32[m,2]", "f32[m+n,2] = concat(x, y, z, axis=0)", {"n": 1, "m": 3}),
    Sample("x: bool[1], y: bool[1], z: bool[1]", "bool[3] = concat(x, y, z, axis=0)"),
    Sample("x: f32[2,3]", "f32[2,3] = stop_gradient(x)", smooth=False),
    Sample("x: f32[n,0]", "f32[n,0] = stop_gradient(x)", {"n": 2}),
]
