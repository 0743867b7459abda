"""Samples of ops that hold graphs or tuples, or run graphs."""

from __future__ import annotations

from tests.samples.sample import ErrorSample, Sample

DOUBLE = "graph double(a: f32[k]) {\n  %0: f32[k] = add(a, a)\n  return %0\n}\n\n"
BOTH = "graph both(a: f32[k], b: f32[k]) {\n  %0: f32[k] = add(a, b)\n  %1: f32[k] = mul(a, b)\n  return %0, %1\n}\n\n"

CELL = """graph cell(h: f32[k], x: f32[k], w: f32[k]) {
  %0: f32[k] = mul(h, w)
  %1: f32[k] = add(%0, x)
  %2: f32[k] = neg(%1)
  return %1, %2
}

"""
COUNT = """graph count(go: bool[], x: f32[k], i: i64[], n: i64[]) {
  %0: i64[] = constant(value=1)
  %1: i64[] = add(i, %0)
  %2: bool[] = lt(%1, n)
  %3: f32[k] = add(x, x)
  return %2, %3, %1
}

"""
SAME = "graph same(a: f32[k]) {\n  return a\n}\n\n"
LONGER = "graph longer(a: f32[k]) {\n  %0: f32[k*2] = concat(a, a, axis=0)\n  return %0\n}\n\n"
_STEPS = "graph=@cell, carries=1, sequences=1, length=t, reverse"

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
    Sample("x: f32[n], own: f32[n], seed: f32[n]",
           "f32[n] = custom(x, x, own, seed, seed, outputs=1, values=1, once=False)", {"n": 3}),
    Sample("x: f32[n], w: f32[k]", "f32[n] = again(%0, x, w)", {"n": 3, "k": 2}, before="f32[n] = exp(x)"),
    Sample("x: f32[n], g: f32[k]", "f32[n] = later(x, g)", {"n": 3, "k": 2}),
]  # fmt: skip
SAMPLES += [
    *[Sample("h: f32[n], xs: f32[t,n], w: f32[n]", f"(f32[n], f32[t,n]) = scan(h, xs, w, {_STEPS}={way})",
             {"n": n, "t": t}, held=CELL) for n, t, way in ((3, 5, "false"), (18, 4, "true"), (2, 0, "false"))],
    Sample("xs: f32[4,2]", "f32[4,2] = scan(xs, graph=@double, carries=0, sequences=1, length=4, reverse=false)",
           held=DOUBLE),
    Sample("x: f32[n]", "f32[n] = scan(x, graph=@double, carries=1, sequences=0, length=3, reverse=false)", {"n": 2},
           held=DOUBLE),
    *[Sample("go: bool[], x: f32[n], i: i64[], n: i64[]",
             "(f32[n], i64[]) = while(go, x, i, n, graph=@count, carries=3)", {"n": 3},
             {"go": [go], "i": [0], "n": [4]}, held=COUNT) for go in (True, False)],
    *[Sample("choice: bool[], x: f32[n]", "f32[n] = cond(choice, x, then=@double, otherwise=@same)", {"n": 5},
             {"choice": [choice]}, held=DOUBLE + SAME) for choice in (True, False)],
]  # fmt: skip

ERRORS = [
    ErrorSample("h: f32[3], xs: f32[4,3], w: f32[3]",
                "scan(h, xs, w, graph=@cell, carries=1, sequences=1, length=5, reverse=false)",
                "scan: f32[4,3] does not have 5 steps along its first axis", CELL),
    ErrorSample("h: f32[3], xs: f32[4,2], w: f32[3]",
                "scan(h, xs, w, graph=@cell, carries=1, sequences=1, length=4, reverse=false)",
                "scan: f32[2] was given for f32[k]: 3 is not 2", CELL),
    ErrorSample("x: f32[3]", "scan(x, graph=@longer, carries=1, sequences=0, length=4, reverse=false)",
                "scan: carry 0 is f32[3] before a step and f32[6] after it", LONGER),
    ErrorSample("x: f32[3]", "while(x, x, graph=@both, carries=2)", "while: is decided by a bool[], not by f32[3]",
                BOTH),
    ErrorSample("c: i64[], x: f32[3]", "cond(c, x, then=@double, otherwise=@double)",
                "cond: is decided by a bool[], not by i64[]", DOUBLE),
    ErrorSample("c: bool[], x: f32[3]", "cond(c, x, then=@double, otherwise=@longer)",
                "cond: result 0 is f32[3] in one branch and f32[6] in the other", DOUBLE + LONGER),
]  # fmt: skip
