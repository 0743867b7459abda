"""Parts of the corpus for kernels: products, convolutions and reductions of many shapes, and the check itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np

from tests.mutation.features import both, close, numbers, rounded_once, slope


def products() -> None:
    """Products turned and not, in batches, of few and many rows, of every dtype."""
    import brasa

    for rows, depth, columns in ((1, 700, 40), (5, 33, 17), (70, 600, 130), (130, 20, 600)):
        a, b = numbers(rows, depth), numbers(depth, columns, seed=2)
        want = a.numpy().astype(np.float64) @ b.numpy()
        turned = (brasa.tensor(np.ascontiguousarray(each.numpy().T)) for each in (a, b))
        ways = list(product((a, next(turned)), (b, next(turned))))
        for number, (x, y) in enumerate(ways):
            left, right = number >= 2, number % 2 == 1
            found = both(lambda x, y, l=left, r=right: (x.T if l else x) @ (y.T if r else y), x, y)
            close(found[0], want)
    close(both(lambda a, b: a @ b, numbers(3, 1, 6, 70), numbers(4, 70, 9))[0],
          numbers(3, 1, 6, 70).numpy() @ numbers(4, 70, 9).numpy())  # fmt: skip
    for dtype, tolerance in ((np.float64, 1e-12), (np.int64, 0), (np.float16, 2e-2), (ml_dtypes.bfloat16, 1e-1)):
        a, b = ((np.random.default_rng(seed).standard_normal(shape) * 4).astype(dtype)
                for seed, shape in ((1, (20, 50)), (2, (50, 30))))  # fmt: skip
        found = both(lambda a, b: (a @ b).double(), brasa.tensor(a), brasa.tensor(b))[0]
        np.testing.assert_allclose(
            found.numpy(), a.astype(np.float64) @ b.astype(np.float64), tolerance, 40 * tolerance
        )
    slope(lambda a, b: (a @ b.mT).tanh() @ b, np.eye(3, 5) + 0.1, np.ones((4, 5)) * np.arange(5))


def _plain_convolution(x: Any, w: Any, stride: int, padding: int, dilation: int, groups: int) -> Any:
    """A convolution over any number of axes, by windows and one sum."""
    axes, extents = x.ndim - 2, w.shape[2:]
    x = np.pad(x, ((0, 0), (0, 0), *[(padding, padding)] * axes))
    wide = tuple(dilation * (extent - 1) + 1 for extent in extents)
    windows = np.lib.stride_tricks.sliding_window_view(x, wide, tuple(range(2, 2 + axes)))
    windows = windows[
        (slice(None), slice(None), *[slice(None, None, stride)] * axes, *[slice(None, None, dilation)] * axes)
    ]
    letters = "xyz"[:axes]
    parts = [np.einsum(f"nc{letters}{letters.upper()},oc{letters.upper()}->no{letters}", a, b)
             for a, b in zip(np.split(windows, groups, 1), np.split(w, groups, 0), strict=True)]  # fmt: skip
    return np.concatenate(parts, 1)


def convolutions() -> None:
    """Over one, two and three axes, with strides, padding, dilation and groups."""
    from brasa.nn import functional as F

    for number, (shape, kernel, options) in enumerate((
        ((2, 4, 40), (6, 4, 5), (2, 3, 1, 1)), ((3, 6, 11, 20), (9, 2, 3, 3), (1, 1, 1, 3)),
        ((2, 5, 13, 9), (5, 1, 3, 3), (1, 1, 1, 5)), ((2, 20, 18, 18), (40, 20, 3, 3), (1, 1, 1, 1)),
        ((2, 3, 14, 15), (8, 3, 3, 2), (2, 2, 2, 1)), ((9, 16, 8, 8), (12, 16, 1, 1), (1, 0, 1, 1)),
        ((1, 3, 6, 7, 8), (4, 3, 2, 3, 2), (1, 1, 1, 1)),
    )):  # fmt: skip
        x, w = numbers(*shape, seed=number), numbers(*kernel, seed=number + 9)
        call = (F.conv1d, F.conv2d, F.conv3d)[len(shape) - 3]
        found = both(lambda x, w, c=call, o=options: c(x, w, None, o[0], o[1], o[2], o[3]), x, w)
        want = _plain_convolution(*(each.numpy().astype(np.float64) for each in (x, w)), *options)
        close(found[0], want)


def convolution_slopes() -> None:
    """Gradients of inputs and weights, of few and of many samples and positions; the transposed convolution."""
    from brasa.nn import functional as F

    random = np.random.default_rng(3)
    for shape, kernel, options in (
        ((2, 4, 9), (6, 4, 3), (2, 1, 1, 1)), ((18, 3, 12, 13), (5, 3, 3, 3), (1, 1, 1, 1)),
        ((3, 4, 7, 6), (4, 1, 3, 3), (1, 1, 1, 4)), ((2, 3, 9, 8), (4, 3, 2, 3), (2, 1, 2, 1)),
        ((1, 2, 34, 33), (3, 2, 3, 3), (1, 1, 1, 1)), ((2, 3, 14, 13), (4, 3, 4, 4), (3, 1, 1, 1)),
    ):  # fmt: skip
        x, w = random.standard_normal(shape), random.standard_normal(kernel)
        call = F.conv1d if len(shape) == 3 else F.conv2d
        slope(lambda x, w, c=call, o=options: c(x, w, None, *o), x, w)
    x, w = random.standard_normal((2, 4, 5, 6)), random.standard_normal((4, 3, 3, 3))
    slope(lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1), x, w)


def reductions() -> None:
    """Over every choice of axes, short and long, of several results together, in float32 and float64."""
    import brasa

    either = ((0,), (1,))
    for shape, axes in (((40, 30, 20), ((0,), (1,), (2,), (0, 2), (0, 1), (1, 2), (0, 1, 2))), ((3, 5000), either),
                        ((5000, 3), either), ((70, 130), either), ((20000, 40), ((0,),))):  # fmt: skip
        for dtype, own in product((np.float32, np.float64), axes):
            x = numbers(*shape, dtype=dtype)
            a = x.numpy().astype(np.float64)
            found = both(lambda x, o=own: (x.sum(o), x.mean(o), x.amax(o), (x * x).sum(o, keepdim=True), x - x.mean(
                o, keepdim=True)), x)  # fmt: skip
            squares = (a * a).sum(own, keepdims=True)
            for have, want in zip(found, (a.sum(own), a.mean(own), a.max(own), squares, a - a.mean(own, keepdims=True)),
                                  strict=True):  # fmt: skip
                np.testing.assert_allclose(have.numpy(), want, 1e-4, 1e-3)
    x = numbers(60, 70)
    a = x.numpy().astype(np.float64)
    found = both(
        lambda x: (x.logsumexp(0), x.softmax(0), x.var(1), x.prod(1), (x > 0).sum(0), x.any(1), x.cumprod(1)), x
    )
    wanted = (np.log(np.exp(a).sum(0)), np.exp(a) / np.exp(a).sum(0), a.var(1, ddof=1), a.prod(1), (a > 0).sum(0),
              a.any(1), np.cumprod(a, 1))  # fmt: skip
    for have, want in zip(found, wanted, strict=True):
        close(have, want)
    slope(
        lambda x: x.softmax(0) * x.logsumexp(1, keepdim=True) + x.cumsum(0),
        np.random.default_rng(4).standard_normal((5, 6)),
    )
    brasa.set_num_threads(1)
    alone = [x.softmax(1), numbers(2, 90000).sum(1), numbers(3000, 40).cumsum(0)]
    brasa.set_num_threads(2)
    assert all(map(brasa.equal, alone, [x.softmax(1), numbers(2, 90000).sum(1), numbers(3000, 40).cumsum(0)]))


def norms_and_losses() -> None:
    """Gradients of what networks end with."""
    import brasa
    from brasa.nn import functional as F

    x = np.random.default_rng(5).standard_normal((6, 8, 5))
    y = brasa.tensor(np.random.default_rng(6).integers(0, 8, (6, 5)))
    for function in (lambda x: F.layer_norm(x, (8, 5)), lambda x: F.group_norm(x, 4), lambda x: F.gelu(x).erf(),
                     lambda x: F.batch_norm(x, None, None, training=True), lambda x: F.cross_entropy(x, y),
                     lambda x: F.max_pool1d(x, 3, 2, 1), lambda x: F.interpolate(x, 9, mode="linear"),
                     lambda x: F.log_softmax(x, 1).gather(1, y[:, None]),
                     lambda x: x.sort(1)[0] * x.cummax(1)[0]):  # fmt: skip
        slope(function, x)
    logits = np.random.default_rng(7).standard_normal((12, 3, 6))
    targets, lengths = (
        brasa.tensor([[1, 2, 2], [3, 1, 0], [5, 5, 4]]),
        (brasa.tensor([12, 9, 12]), brasa.tensor([3, 2, 3])),
    )
    slope(lambda x: F.ctc_loss(x.log_softmax(2), targets, *lengths), logits)
    found = F.ctc_loss(brasa.tensor(logits).log_softmax(2), targets, *lengths, reduction="none")
    shares = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    for n, (labels, steps) in enumerate((((1, 2, 2), 12), ((3, 1), 9), ((5, 5, 4), 12))):
        assert abs(found[n].item() + np.log(_paths(shares[:steps, n], labels))) < 1e-6


def _paths(shares: Any, labels: tuple[int, ...]) -> float:
    """The chance of the labels with blanks (0) between them, added up path by path from the left."""
    wide = [0]
    for label in labels:
        wide += [label, 0]
    chance = np.zeros(len(wide))
    chance[0] = 1.0
    for time, row in enumerate(shares):
        new = np.zeros(len(wide))
        for s, label in enumerate(wide):
            before = chance[s] + (chance[s - 1] if s else 0)
            if s > 1 and label and label != wide[s - 2]:
                before += chance[s - 2]
            new[s] = (before if time else float(s < 2)) * row[label]
        chance = new
    return float(chance[-1] + chance[-2])


def user_steps() -> None:
    """Operators of the user's, between kernels and one sample after the other."""
    import brasa
    from brasa import func

    @brasa.library.custom_op("mutation::twist", mutates_args=())
    def twist(x: brasa.Tensor, y: brasa.Tensor) -> brasa.Tensor:
        return brasa.tensor(np.sin(x.numpy()) + y.numpy()[::-1])

    @twist.register_fake
    def _(x: Any, y: Any) -> Any:
        return brasa.empty_like(x)

    twist.register_reference(lambda x, y: np.sin(x) + y[::-1])
    x, y = numbers(4, 6, dtype=np.float64), numbers(4, 6, dtype=np.float64, seed=2)
    want = np.sin(2 * x.numpy()) + y.numpy()[::-1]
    close(both(lambda x, y: twist(x * 2, y) + 1, x, y)[0], want + 1, 1e-9)
    each = func.vmap(lambda a: twist(y[0], a))(x)
    close(each, np.stack([np.sin(y[0].numpy()) + row[::-1] for row in x.numpy()]), 1e-9)


def wrong_passes() -> None:
    """The check says what is wrong with rules and passes, shows it small, and keeps the program right."""
    from brasa.execution.checking import CheckWarning, checked_pipeline
    from brasa.ir.errors import GraphError
    from brasa.ir.graph import Graph, rewrite
    from brasa.ir.ops import OPS
    from brasa.ir.parsing import parse
    from brasa.passes import PIPELINE, check_meaning, fuse, rules, run
    from brasa.passes.check_meaning import checked_passes, difference

    def parsed(lines: str, inputs: str = "x: f32[n,3], y: f32[n,3]", last: str = "%2") -> Graph:
        return parse(f"graph f({inputs}) {{\n{lines}\nreturn {last}\n}}", OPS)

    sound = parsed("%0: f32[n,3] = sin(x)\n%1: f32[n,3] = mul(%0, y)\n%2: f32[n,3] = exp(%1)")

    def swap(old: str, new: str) -> Callable[[Graph], Graph]:
        return lambda graph: rewrite(graph, lambda node: OPS[new](*node.operands) if node.op.name == old else node)

    said: list[Any] = []
    for old, new in (("sin", "tanh"), ("mul", "add"), ("exp", "neg")):
        said.clear()
        after = run(sound, checked_passes(said.append, [("simplify-not", swap(old, new))]))
        assert after is sound
        assert len(said) == 1
        assert said[0].fact.startswith("output 0 at {'n': ")
        assert len(said[0].before.nodes) == 1, said[0].before
        assert len(str(said[0].before).splitlines()) == 4
    assert difference(sound, swap("sin", "cos")(sound)) != ""
    assert difference(sound, run(sound, PIPELINE)) == ""
    assert difference(sound, sound) == ""
    wrong = rules.Rule("exp is nothing.", "exp(x)", "x")
    right, rules.RULES = rules.RULES, (wrong, *rules.RULES)
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            found = run(sound, checked_pipeline("f"))
        assert [each.category for each in seen] == [CheckWarning]
        assert "simplify (rule: exp is nothing.) changes what f means" in str(seen[0].message)
        assert right == rules.RULES
    finally:
        rules.RULES = right
    assert difference(sound, found) == ""
    broken = swap("sin", "cos")
    assert difference(sound, run(sound, checked_passes(said.append, [("fuse", broken)]))) == ""
    plainer, check_meaning.PLAINER["fuse"] = check_meaning.PLAINER["fuse"], broken
    try:
        run(sound, checked_passes(said.append, [("fuse", broken)]))
        raise AssertionError("a wrong pass is replaced by a wrong one")
    except GraphError as error:
        assert "fuse changes what the graph means, and nothing is known instead" in str(error)
    finally:
        check_meaning.PLAINER["fuse"] = plainer
    assert difference(run(sound, [("fuse", fuse)]), sound) == ""


def what_is_compared() -> None:
    """Bits, and the smallest graph that shows something."""
    from brasa.execution.checking import _reproducer
    from brasa.ir.ops import OPS
    from brasa.ir.parsing import parse
    from brasa.passes.check_meaning import same_bits, smallest

    lines = "%0: f32[n,3] = sin(x)\n%1: f32[n,3] = mul(%0, y)\n%2: f32[n,3] = exp(%1)\nreturn %2"
    sound = parse(f"graph f(x: f32[n,3], y: f32[n,3]) {{\n{lines}\n}}", OPS)
    for one, other, same in ((1.0, 1.0, True), (np.nan, -np.nan, True), (0.0, -0.0, False), (1.0, 1.5, False)):
        for dtype in (np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64):
            assert same_bits(np.array([one], dtype), np.array([other], dtype)) is same, (one, other, dtype)
    assert not same_bits(np.zeros(2, np.float32), np.zeros(2, np.int32))
    assert not same_bits(np.zeros(2), np.zeros((1, 2)))
    big = smallest(sound, lambda graph: any(node.op.name == "mul" for node in graph.nodes))
    assert [node.op.name for node in big.nodes] == ["mul"]
    assert [node.op.name for node in smallest(sound, lambda graph: any(
        node.op.name == "mul" for node in graph.nodes), keep_inputs=True).nodes] == ["sin", "mul"]  # fmt: skip
    assert "sin" in _reproducer("part", "a fact", sound, "f(").read_text()


def counted_and_empty() -> None:
    """Numbers made of sizes, also in gradients; tensors without elements; loops that move; parts of complex numbers."""
    import brasa
    from brasa import func

    close(
        both(lambda x: (-brasa.arange(x.shape[0]) * 3, x - brasa.arange(x.shape[0])), numbers(9))[0], -3 * np.arange(9)
    )
    scaled = brasa.compile(lambda x, y: x.sin() * y.shape[0] + y.sum())
    for rows in (5, 8):
        x = numbers(4).requires_grad_()
        scaled(x, numbers(rows)).sum().backward()
        close(x.grad, np.cos(x.detach().numpy()) * rows)
    for shape in ((0, 4), (3, 0), (0, 0)):
        found = both(lambda x: (x.T.reshape(-1), x.flip(0), x.sum(1), x.cumsum(1), x.reshape(4, -1), x.repeat(2, 1),
                                x[None].expand(3, *x.shape).reshape(-1, 2)), brasa.zeros(shape))  # fmt: skip
        assert [each.numel() for each in found] == [0, 0, shape[0], 0, 0, 0, 0]
    for copies in (1, 2, 3):
        close(both(lambda x, c=copies: x.expand(c, 9).reshape(-1) + 1, numbers(9))[0], np.tile(numbers(9), copies) + 1)
    z = np.array([1 + 2j, -3 + 0.5j])
    close(both(lambda z: z.to(brasa.float64), brasa.tensor(z))[0], z.real)
    x, t = numbers(4, dtype=np.float64), numbers(4, dtype=np.float64, seed=2)

    def until(a: Any) -> Any:
        return brasa.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, h * a.sin()), (brasa.tensor(0), a))[1]

    ends = [until(x + sign * 1e-6 * t).numpy() for sign in (1, -1)]
    close(func.jvp(until, (x,), (t,))[1], (ends[0] - ends[1]) / 2e-6, 1e-6)
    three = both(lambda a: brasa.while_loop(lambda i, h, k: i < 3, lambda i, h, k: (i + 1, h * 2, k + h),
                                            (brasa.tensor(0), a, a))[1], x)[0]  # fmt: skip
    close(three, 8 * x.numpy())
    whole = np.random.default_rng(3).integers(-(2**52), 2**52, 200)
    close(both(lambda x: x.bfloat16().float(), brasa.tensor(whole))[0], rounded_once(whole.astype(np.float64)), 0)


def recurrent_layers() -> None:
    """Gradients of weights, which are one product over all steps."""
    import brasa

    layer, x = brasa.nn.GRU(4, 5).double(), numbers(6, 3, 4, dtype=np.float64)
    layer(x)[0].square().sum().backward()
    for weight in layer.parameters():
        way = np.random.default_rng(4).standard_normal(weight.shape)
        ends = []
        for sign in (1, -1):
            with brasa.no_grad():
                weight.add_(brasa.tensor(way), alpha=sign * 1e-6)
                ends.append(layer(x)[0].square().sum().item())
                weight.sub_(brasa.tensor(way), alpha=sign * 1e-6)
        want = (ends[0] - ends[1]) / 2e-6
        assert abs((weight.grad.numpy() * way).sum() - want) <= 1e-5 * max(1.0, abs(want))
