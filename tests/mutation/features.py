"""Parts of the corpus for what the programs in corpus.py do not reach: transforms, loops, sorting, halves, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np


def close(have: Any, want: Any, tolerance: float = 2e-4) -> None:
    """Fails where a tensor is not within the tolerance of an array."""
    have = have.detach().numpy()
    assert have.shape == np.shape(want), f"{have.shape} is not {np.shape(want)}"
    np.testing.assert_allclose(have, want, tolerance, tolerance)


def both(program: Callable[..., Any], *inputs: Any) -> list[Any]:
    """The results of a program, eager and compiled, which must have the same bits."""
    import brasa
    from tests.passes.checks import same_bits

    found = []
    for call in (program, brasa.compile(program)):
        brasa.manual_seed(0)
        results = call(*(each.detach().clone() for each in inputs))
        found.append(list(results) if isinstance(results, tuple) else [results])
    for one, other in zip(*found, strict=True):
        assert same_bits(one.detach().numpy(), other.detach().numpy()), f"eager {one}\ncompiled {other}"
    return found[1]


def slope(program: Callable[..., Any], *inputs: Any) -> None:
    """The gradient in a random direction, in float64, against differences; eager and compiled alike."""
    import brasa

    random, step = np.random.default_rng(0), 1e-6
    points = [np.asarray(each, np.float64) for each in inputs]
    ways = [random.standard_normal(each.shape) for each in points]
    weights: list[Any] = []

    def value(arrays: list[Any], call: Callable[..., Any], needs: bool) -> tuple[Any, list[Any]]:
        tensors = [brasa.tensor(each, requires_grad=needs) for each in arrays]
        result = call(*tensors)
        if not weights:
            weights.append(brasa.tensor(random.standard_normal(result.shape)))
        return (result * weights[0]).sum(), tensors

    ends = [value([p + sign * step * w for p, w in zip(points, ways, strict=True)], program, False)[0].item()
            for sign in (1, -1)]  # fmt: skip
    want = (ends[0] - ends[1]) / (2 * step)
    for call in (program, brasa.compile(program)):
        total, tensors = value(points, call, True)
        total.backward()
        have = sum((tensor.grad.numpy() * way).sum() for tensor, way in zip(tensors, ways, strict=True))
        assert abs(have - want) <= 1e-5 * max(1.0, abs(want)), f"{have} is not {want}"


def numbers(*shape: int, dtype: Any = np.float32, seed: int = 1) -> Any:
    """Random numbers as a tensor."""
    import brasa

    return brasa.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def attention() -> None:
    """Against softmax(q @ k.T / sqrt(d)) @ v, with masks, more keys than queries, wide values, and dropout."""
    import brasa
    from brasa.nn import functional as F

    q, k, v = numbers(2, 70, 24, seed=2), numbers(2, 90, 24, seed=3), numbers(2, 90, 40, seed=4)
    mask = numbers(70, 90, seed=5)

    def plain(q: Any, k: Any, v: Any, bias: Any) -> Any:
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(24) + bias
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    arrays = [each.numpy().astype(np.float64) for each in (q, k, v)]
    for bias, options in ((0, {}), (mask.numpy(), {"attn_mask": mask}),
                          (np.where(mask.numpy() > 0, 0, -np.inf), {"attn_mask": mask > 0}),
                          (np.where(np.tri(70, 90) > 0, 0, -np.inf), {"is_causal": True})):  # fmt: skip
        weights = plain(*arrays, bias)
        close(both(lambda q, k, v, o=options: F.scaled_dot_product_attention(q, k, v, **o), q, k, v)[0],
              weights @ arrays[2])  # fmt: skip
        slope(lambda q, k, v, o=options: F.scaled_dot_product_attention(q, k, v, **o),
              *(each[:, :66] for each in arrays)) if not options else None  # fmt: skip
    eye = brasa.eye(90).expand(2, 90, 90)
    dropped = both(lambda q, k, e: F.scaled_dot_product_attention(q, k, e, dropout_p=0.25), q, k, eye)[0].numpy()
    share = dropped / plain(*arrays, 0)
    assert np.all(np.isclose(share, 0, atol=1e-3) | np.isclose(share, 4 / 3, rtol=1e-3))
    assert 0.2 < np.isclose(share, 0, atol=1e-3).mean() < 0.3


def attention_slopes() -> None:
    """Gradients of queries, keys and values."""
    from brasa.nn import functional as F

    random = np.random.default_rng(6)
    q, k, v = (random.standard_normal(shape) for shape in ((1, 70, 24), (1, 90, 24), (1, 90, 20)))
    mask = numbers(70, 90, dtype=np.float64)
    slope(lambda q, k, v: F.scaled_dot_product_attention(q, k, v), q, k, v)
    slope(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, k, v)
    slope(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask), q, k, v)


def long_sorts() -> None:
    """Rows that are sorted digit by digit, with ties, and the first few of them."""
    random = np.random.default_rng(7)
    for dtype in (np.float32, np.int64, np.int16, np.float64):
        x = (random.standard_normal((2, 3000)) * 300).round().astype(dtype)
        import brasa

        found = both(lambda x: (*x.sort(1, stable=True), x.argsort(1, descending=True, stable=True), *x.topk(9, 1)),
                     brasa.tensor(x))  # fmt: skip
        order = np.argsort(x, 1, kind="stable")
        close(found[1], order, 0)
        close(found[0], np.take_along_axis(x, order, 1), 0)
        wide = x.astype(np.float64)
        close(found[2], np.argsort(-wide, 1, kind="stable"), 0)
        close(found[3], -np.sort(-wide, 1)[:, :9].astype(dtype), 0)


def ties() -> None:
    """The first of equal elements is the largest; gradients are shared."""
    import brasa

    x = np.random.default_rng(8).integers(0, 3, (60, 70)).astype(np.float32)
    found = both(lambda x: (x.argmax(0), x.argmin(1), x.argmax(), *x.max(1), x.amax((0, 1))), brasa.tensor(x))
    for have, want in zip(found, (x.argmax(0), x.argmin(1), x.argmax(), x.max(1), x.argmax(1), x.max()), strict=True):
        close(have, want, 0)
    long = np.random.default_rng(9).integers(0, 9, (2, 30000)).astype(np.float32)
    close(both(lambda x: x.argmax(1), brasa.tensor(long))[0], long.argmax(1), 0)


def halves() -> None:
    """To and from half precision, from numbers that lie next to where they are rounded; arithmetic in halves."""
    import brasa

    random = np.random.default_rng(10)
    x = random.standard_normal(500) * 2.0 ** random.integers(-30, 20, 500)
    bits = x.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000) | np.uint32(0x1000)
    near = np.concatenate([x, bits.view(np.float32).astype(np.float64) * (1 + 2.0**-40 * random.integers(-1, 2, 500))])
    near = np.concatenate([near, [np.inf, -np.inf, 0.0, -0.0, 65519.9999999, 65520, 1e-8, 6e-8]])
    whole = np.concatenate([random.integers(-70000, 70000, 300), 2 ** random.integers(0, 62, 300) + random.integers(
        -3, 3, 300)])  # fmt: skip
    with np.errstate(all="ignore"):
        for dtype in (np.float64, np.float32):
            a = near.astype(dtype)
            found = both(lambda x: (x.half().float(), x.bfloat16().float()), brasa.tensor(a))
            close(found[0], a.astype(np.float16).astype(np.float32), 0)
            close(found[1], rounded_once(a), 0)
        close(both(lambda x: x.float(), brasa.tensor(whole))[0], whole.astype(np.float32), 0)
        small = whole[np.abs(whole) < 60000]
        close(both(lambda x: x.half().float(), brasa.tensor(small))[0], small.astype(np.float16).astype(np.float32), 0)
        a, b = (random.standard_normal(300).astype(np.float16) for _ in range(2))
        found = both(lambda a, b: (a + b, a * b, a / b, a < b), brasa.tensor(a), brasa.tensor(b))
        for have, want in zip(found, (a + b, a * b, a / b, a < b), strict=True):
            close(have, want, 0)


def rounded_once(a: Any) -> Any:
    """Rounded to bfloat16 once: through a float whose last bit says that bits were lost."""
    near = a.astype(np.float32)
    if a.dtype == np.float64:
        bits = near.view(np.int32)
        above = np.abs(near.astype(np.float64)) > np.abs(a)
        cut = np.where(above, bits - 1, bits)
        lost = near.astype(np.float64) != a
        near = np.where(lost & np.isfinite(a), cut | 1, bits).astype(np.int32).view(np.float32)
    return near.astype(ml_dtypes.bfloat16).astype(np.float32)


def integers() -> None:
    """Division, remainders and shifts of numbers of both signs, and of unsigned ones; truth of numbers."""
    import brasa

    random = np.random.default_rng(11)
    for dtype in (np.int64, np.int32, np.int8, np.uint8):
        info = np.iinfo(dtype)
        a, b = (random.integers(info.min, info.max, 300, dtype=dtype, endpoint=True) for _ in range(2))
        b[b == 0] = 3
        b[b == -1] = 5 if info.min else b[b == -1]
        n = random.integers(0, info.bits, 300).astype(dtype)
        found = both(lambda a, b, n: (a // b, a % b, brasa.div(a, b, rounding_mode="trunc"), a << n, a >> n, -a),
                     *map(brasa.tensor, (a, b, n)))  # fmt: skip
        trunc = np.sign(a.astype(object)) * np.sign(b.astype(object)) * (abs(a.astype(object)) // abs(b.astype(object)))
        for have, want in zip(found, (a // b, a % b, trunc.astype(dtype), a << n, a >> n, -a), strict=True):
            close(have, want, 0)
        by_seven = both(lambda a: (a // 7, a % 8, a // 8), brasa.tensor(a))
        for have, want in zip(by_seven, (a // dtype(7), a % dtype(8), a // dtype(8)), strict=True):
            close(have, want, 0)
    x = np.array([0.0, -0.0, 1e-45, np.nan, -2.5, np.inf], np.float32)
    close(both(lambda x: x.bool(), brasa.tensor(x))[0], x.astype(bool), 0)


def many_samples() -> None:
    """vmap of padding, loops, branches, sorting, and of random numbers, against one sample after the other."""
    import brasa
    from brasa import func
    from brasa.nn import functional as F

    x, y = numbers(5, 4, 6), numbers(4, 6, seed=2)

    def loop(a: Any) -> Any:
        return brasa.scan(lambda h, v: (h * 0.5 + v, h * v), a[0] * 0, a)[1]

    def fixed_start(a: Any) -> Any:
        last, ys = brasa.scan(lambda c, v: ((c[0] + 1, c[1] + v), c[1]), (y[0], a[0]), a)
        return last[0], last[1], ys

    def until(a: Any) -> Any:
        return brasa.while_loop(lambda i, h: i < 4, lambda i, h: (i + 1, h * a[0]), (brasa.tensor(0), y[0]))[1]

    for function in (lambda a: F.pad(a, (1, 2, 3, 0)), lambda a: a.sort(0)[0] @ y.T, loop, fixed_start, until,
                     lambda a: brasa.cond(y.sum() > 0, lambda v: v * 2, lambda v: v, (a,)),
                     lambda a: (a[1:, ::2], a.flip(0), a.T), lambda a: a.cumsum(1) + y):  # fmt: skip
        found = func.vmap(function)(x)
        alone = [function(each) for each in x]
        for number, have in enumerate(found if isinstance(found, tuple) else [found]):
            close(have, np.stack([(each[number] if isinstance(each, tuple) else each).numpy() for each in alone]), 1e-6)
    drawn = func.vmap(lambda a: F.dropout(a, 0.5), randomness="different")(brasa.ones(40, 50)).numpy()
    assert set(np.unique(drawn)) == {0.0, 2.0}
    assert len({row.tobytes() for row in drawn}) == 40
    draws = func.vmap(lambda a: a + brasa.randn(3), randomness="different")(brasa.zeros(40, 3)).numpy()
    assert len(np.unique(draws)) == 120


def forward_mode() -> None:
    """How results move, against differences, also of loops; second derivatives."""
    import brasa
    from brasa import func

    x, t, w = (numbers(6, 6, dtype=np.float64, seed=seed) for seed in (1, 2, 3))

    def loop(a: Any) -> Any:
        h, ys = brasa.scan(lambda h, v: ((h @ w + v).tanh(), h * v), a[0] * 0, a)
        return h.sum(0) + ys.sum(0)

    for function in (lambda a: (a @ w).tanh().softmax(0), loop, lambda a: (a.exp() * w).cumsum(1)):
        for _ in range(2):
            value, moved = func.jvp(function, (x,), (t,))
        ends = [function(x + sign * 1e-6 * t).numpy() for sign in (1, -1)]
        close(moved, (ends[0] - ends[1]) / 2e-6, 1e-6)
        close(value, function(x).numpy(), 1e-12)
    square = func.hessian(lambda a: (a**3).sum())(x[0])
    close(square, np.diag(6 * x[0].numpy()), 1e-9)


def own_gradients() -> None:
    """autograd.Function, eager and compiled, and regions that are computed again."""
    import brasa
    from brasa.utils.checkpoint import checkpoint

    class Cube(brasa.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x**3 * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, y = ctx.saved_tensors
            return g * 3 * x * x * y, g * x**3

    x, y = (np.random.default_rng(seed).standard_normal(12) for seed in (1, 2))
    slope(lambda x, y: Cube.apply(x.sin(), y).exp() * 1e-2, x, y)
    slope(lambda x, y: checkpoint(lambda a, b: (a * b).sin().exp(), x, y, use_reentrant=False) * y, x, y)


def complex_functions() -> None:
    """Functions of complex numbers against NumPy's, near 1 and elsewhere; parts, and comparisons."""
    import brasa

    random = np.random.default_rng(12)
    z = random.standard_normal(60) + 1j * random.standard_normal(60)
    z = np.concatenate([z, np.exp(1j * random.standard_normal(20)) * (1 + 1e-9), z * 1e3])
    w = random.standard_normal(140) + 1j * random.standard_normal(140)
    a, b = brasa.tensor(z), brasa.tensor(w)
    tame = np.clip(z.real, -5, 5) + 1j * z.imag
    for name in ("log", "sqrt", "tanh", "exp", "sin", "cos"):
        inputs = z if name in ("log", "sqrt") else tame
        found = both(lambda x, n=name: getattr(x, n)(), brasa.tensor(inputs))[0]
        close(found, getattr(np, name)(inputs), 1e-9)
    found = both(lambda a, b: (a * b, a / b, a == b, a != b, abs(a), a.conj(), a.angle(), (a * b).real, a.sum()), a, b)
    for have, want in zip(found, (z * w, z / w, z == w, z != w, abs(z), z.conj(), np.angle(z), (z * w).real, z.sum()),
                          strict=True):  # fmt: skip
        close(have, want, 1e-9)
    close(both(lambda a: (a.to(brasa.complex64) * 2).to(brasa.complex128), a)[0],
          (z.astype(np.complex64) * 2).astype(np.complex128), 1e-6)  # fmt: skip
    close(both(lambda a: a.bool(), a * 0 + brasa.tensor(1j))[0], np.ones(140, bool), 0)
    m, n = (random.standard_normal((9, 11)) + 1j * random.standard_normal((9, 11)) for _ in range(2))
    close(both(lambda a, b: a @ b.mH, brasa.tensor(m), brasa.tensor(n))[0], m @ n.conj().T, 1e-9)
    slope(lambda x, y: brasa.complex(x, y).log().imag + brasa.complex(x, y).tanh().real, tame.real[:30], tame.imag[:30])


def recurrent_loops() -> None:
    """Gradients of scans: of weights turned and not, of biases, where only some of the results are read."""
    import brasa

    random = np.random.default_rng(13)
    w, u, b, h, xs = (random.standard_normal(shape) * 0.5 for shape in ((5, 5), (4, 5), (5,), (3, 5), (7, 3, 4)))

    def step(w: Any, u: Any, b: Any, turn: bool) -> Callable[..., Any]:
        def inner(h: Any, x: Any) -> Any:
            new = (h @ (w.T if turn else w) + x @ u + b).tanh()
            return new, new * h

        return inner

    for turn in (False, True):
        slope(lambda w, u, b, h, xs, t=turn: brasa.scan(step(w, u, b, t), h, xs)[0], w, u, b, h, xs)
        slope(lambda w, u, b, h, xs, t=turn: brasa.scan(step(w, u, b, t), h, xs)[1].sum(0), w, u, b, h, xs)
    slope(lambda w, xs: brasa.scan(lambda c, x: ((c[0] + x @ w, c[1] * 0.5), c[0]), (xs[0] @ w, xs[1]), xs)[0][0],
          u, xs)  # fmt: skip
    slope(lambda w, xs: brasa.scan(lambda c, x: ((c[0] + x, c[1] + 1), (c[0] * x, w * x.sum())),
                                   (xs[0], xs[1]), xs)[1][1], np.float64(2.0), xs)  # fmt: skip
    slope(lambda w, h, xs: brasa.scan(lambda h, x: ((w @ h + x.T).tanh(), h), h, xs)[0], w[:4, :4], xs[0].T, xs)
    layer = brasa.nn.LSTM(4, 5, batch_first=True).double()
    slope(lambda xs: layer(xs)[0], xs)


def sizes() -> None:
    """One executable for many sizes, none among them, also where places and amounts follow from sizes."""
    import brasa
    from brasa.nn import functional as F

    def f(x: Any) -> Any:
        n, m = x.shape
        return (x[n // 2 :].T.reshape(-1), F.pad(x, (0, n)), x.roll(n // 3, 0), x.flip(1), x.unfold(1, 2, 1).sum(2),
                x.reshape(n * m // 2, 2) if m % 2 == 0 else x, brasa.arange(n) * m)  # fmt: skip

    def wanted(x: Any) -> tuple[Any, ...]:
        n, m = x.shape
        return (x[n // 2 :].T.reshape(-1), np.pad(x, ((0, 0), (0, n))), np.roll(x, n // 3, 0), x[:, ::-1],
                x[:, :-1] + x[:, 1:], x.reshape(n * m // 2, 2) if m % 2 == 0 else x, np.arange(n) * m)  # fmt: skip

    compiled = brasa.compile(f)
    for n, m in ((3, 4), (7, 18), (1, 2), (0, 4), (33, 70), (20, 3)):
        x = np.random.default_rng(n).standard_normal((n, m)).astype(np.float32)
        for have, want in zip(compiled(brasa.tensor(x)), wanted(x), strict=True):
            close(have, want, 1e-6)
    empty = brasa.compile(lambda x, w: (x @ w, x.sum(0), x.reshape(-1, 2), (x @ w).sum()))
    for n in (0, 5):
        x, w = numbers(n, 6), numbers(6, 4)
        a, b = x.numpy(), w.numpy()
        for have, want in zip(empty(x, w), (a @ b, a.sum(0), a.reshape(-1, 2), (a @ b).sum()), strict=True):
            close(have, want)
    slope(lambda x: F.pad(x, (x.shape[0] - 2, 1))[:, 1:] * x.roll(x.shape[1] - 3, 1).sum(), np.eye(4, 5))


def failures() -> None:
    """What fails says what, where, and with which operands, eager and compiled."""
    import brasa

    def message(call: Callable[..., Any], *args: Any) -> str:
        try:
            call(*args)
        except (brasa.BrasaError, IndexError) as error:
            return str(error).splitlines()[0]
        return "nothing failed"

    x, places = numbers(6, 4), brasa.tensor([1, 5, 7, -9])
    for program, said in (
        (lambda x, i: x[i] * 2, "index 7 is outside -6..5 (at element 2"),
        (lambda x, i: x.gather(0, i[:, None]).sum(), "index 7 is outside 0..5 (at element 2"),
    ):
        for call in (program, brasa.compile(program)):
            assert said in message(call, x, places), message(call, x, places)

    def inverse(x: Any, _: Any) -> Any:
        return brasa.linalg.inv(x * 1)

    for call in (inverse, brasa.compile(inverse)):
        said = message(call, brasa.zeros(3, 3), places)
        assert "singular" in said, said
        assert "compiled" not in said
    close(brasa.compile(inverse)(brasa.eye(3) * 2, places), np.eye(3) / 2)
