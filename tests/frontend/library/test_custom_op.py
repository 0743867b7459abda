"""Operators of the user's own: eager, compiled, with gradients; their tests of themselves, and their errors."""

import numpy as np
import pytest

import brasa
from brasa import library
from tests.compiling import assert_compiles


def tensor(*shape, seed=0, requires_grad=False):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return brasa.tensor(values, requires_grad=requires_grad)


def same_bits(x, y):
    return x.detach().numpy().tobytes() == y.detach().numpy().tobytes()


def made(name, **options):
    """x * scale and its sum along the last axis, computed by NumPy behind a function of tensors."""

    def reference(x, scale):
        return x * np.asarray(scale, x.dtype), x.sum(-1, dtype=np.float64)

    @library.custom_op(f"test::{name}", mutates_args=(), reference=reference)
    def scaled(x, scale):
        array = x.numpy()
        total = array.sum(-1, dtype=np.float64).astype(array.dtype)
        return brasa.from_numpy(array * array.dtype.type(scale)), brasa.from_numpy(total)

    @scaled.register_fake
    def _(x, scale):
        return brasa.empty_like(x), x.new_empty(x.shape[:-1])

    def setup_context(ctx, inputs, output):
        ctx.scale, ctx.size = inputs[1], inputs[0].shape[-1]

    def backward(ctx, grad, total_grad):
        return grad * ctx.scale + total_grad.unsqueeze(-1).expand(*total_grad.shape, ctx.size), None

    scaled.register_autograd(backward, setup_context=setup_context)
    return scaled


def test_runs_between_kernels_of_one_program():
    scaled = made("between")

    def call(x, scale):
        y, total = scaled(x.exp(), scale)
        return (y + 1).relu() * total.unsqueeze(-1)

    compiled = brasa.compile(call, fullgraph=True)
    with assert_compiles(1):
        for rows in (2, 5, 3):
            for scale in (0.5, 2.0):
                x = tensor(rows, 4, seed=rows)
                assert same_bits(compiled(x, scale), call(x, scale))
    assert compiled.sealed


def test_gradients_in_eager_and_compiled_programs():
    scaled = made("gradient")

    def loss_of(x):
        y, total = scaled(x.sin(), 3.0)
        return (y * y).sum() + total.exp().sum()

    @brasa.compile
    def step(x):
        loss = loss_of(x)
        loss.backward()
        return loss

    grads = []
    for run in (lambda x: loss_of(x).backward(), lambda x: brasa.compile(loss_of)(x).backward(), step, step, step):
        x = tensor(3, 4, requires_grad=True)
        run(x)
        grads.append(x.grad)
    assert all(same_bits(grad, grads[0]) for grad in grads)
    scaled.test(tensor(3, 4, requires_grad=True), 3.0)


def test_what_it_writes_to_is_written():
    @library.custom_op("test::count", mutates_args=("counts",))
    def count(x, counts):
        counts.numpy()[...] += x.numpy().sum()

    @library.register_reference("test::count")
    def _(x, counts):
        counts += x.sum()

    library.register_fake("test::count", lambda x, counts: None)

    def call(x, counts):
        count(x * 2, counts)
        return counts * 10

    compiled = brasa.compile(call, fullgraph=True)
    for _ in range(6):
        results = []
        for run in (call, compiled):
            counts = brasa.ones(2)
            y = run(brasa.ones(3), counts)
            results.append((counts.tolist(), y.tolist()))
        assert results[0] == results[1] == ([7, 7], [70, 70])
    version = counts._buffer.version
    count(brasa.ones(1), counts)
    assert counts._buffer.version > version
    assert library.opcheck("test::count", (brasa.ones(3), brasa.ones(2))) == {
        "test_reference": "SUCCESS", "test_mutation": "SUCCESS", "test_compiled": "SUCCESS",
    }  # fmt: skip


def test_without_a_fake_the_program_runs_eagerly_from_there():
    @library.custom_op("test::unfaked", mutates_args=(), reference=np.negative)
    def unfaked(x):
        return -x

    compiled = brasa.compile(lambda x: unfaked(x + 1) * 2)
    with pytest.warns(UserWarning, match="runs eagerly from .*: it has no register_fake"):
        assert compiled(brasa.ones(2)).tolist() == [-4, -4]


def test_arguments_of_all_kinds():
    def reference(parts, axis, mode, scale=1.0, dtype=None):
        return np.concatenate(parts, axis) * scale

    @library.custom_op("test::kinds", mutates_args=(), reference=reference)
    def joined(parts, axis, mode, scale=1.0, dtype=None):
        assert (mode, dtype) == ("plain", brasa.float32)
        assert type(scale) is float
        return brasa.cat(list(parts), axis) * scale

    joined.register_fake(lambda parts, axis, mode, scale=1.0, dtype=None: brasa.cat(list(parts), axis))
    x, y = tensor(2, 3), tensor(2, 3, seed=1)
    for axis in (0, 1):
        joined.test([x, y], axis, "plain", scale=2.5, dtype=brasa.float32)
    compiled = brasa.compile(lambda x, y, axis: joined((x, y), axis, "plain", dtype=brasa.float32))
    for axis in (0, 1, 0):
        assert same_bits(compiled(x, y, axis), brasa.cat([x, y], axis))


def broken(name, reference=np.exp, function=lambda x: x.exp(), fake=brasa.empty_like):
    op = library.custom_op(f"test::{name}", function, mutates_args=(), reference=reference)
    if fake is not None:
        op.register_fake(fake)
    return op


def writing(x):
    x.add_(1)
    return x.exp()


def writing_by_numpy(x):
    x.numpy()[0] = 7
    return x.exp()


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: broken("other", reference=np.sin).test(brasa.ones(2)), library.OpCheckError,
     r"result 0 is 2.718\d* at \[0\], that of the reference 0.84"),
    (lambda: broken("shape", reference=np.sum).test(brasa.ones(2)), library.OpCheckError,
     r"result 0 has shape \[2\], that of the reference \[\]"),
    (lambda: broken("fake", fake=lambda x: x.new_empty(3)).test(brasa.ones(2)), brasa.BrasaError,
     r"test::fake: result 0 is float32\[2\], its register_fake says float32\[3\]"),
    (lambda: brasa.compile(broken("dtype", fake=lambda x: x.double()))(brasa.ones(2)), brasa.BrasaError,
     r"test::dtype: result 0 is float32\[2\], its register_fake says float64\[2\]"),
    (lambda: broken("writing", function=writing)(brasa.ones(2)), brasa.BrasaError, "test::writing: it wrote to"),
    (lambda: brasa.compile(broken("late", function=writing))(brasa.ones(2)), brasa.BrasaError, "it wrote to"),
    (lambda: broken("numpy", function=writing_by_numpy, reference=lambda x: np.exp(np.array([7, *x[1:]], "f"))).test(
        brasa.ones(2)), library.OpCheckError, "it writes to x, which mutates_args does not name"),
    (lambda: broken("same", function=lambda x: x)(brasa.ones(2)), brasa.BrasaError, "it returned one of its arguments"),
    (lambda: broken("none", function=lambda x: 3)(brasa.ones(2)), TypeError, "test::none: returned a int, not tensors"),
    (lambda: broken("bare", reference=None)(brasa.ones(2)), TypeError, "test::bare: has no reference"),
    (lambda: library.custom_op("name", writing, mutates_args=()), ValueError, "'namespace::name', not 'name'"),
    (lambda: library.custom_op("test::m", writing, mutates_args=("y",)), TypeError, "mutates_args names 'y', which"),
    (lambda: library.register_fake("test::nowhere"), TypeError, "register_fake: there is no operator 'test::nowhere'"),
    (lambda: broken("call")(brasa.ones(2), 3), TypeError, "test::call: too many positional arguments"),
    (lambda: broken("set")({3}), TypeError, "test::set: does not take a set"),
    (lambda: broken("slope")(tensor(2, requires_grad=True)).sum().backward(), brasa.BrasaError,
     "test::slope: has no gradient: register_autograd was not called"),
])  # fmt: skip
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_wrong_gradient_is_found():
    op = broken("wrong")
    op.register_autograd(lambda ctx, grad: grad * 2)
    with pytest.raises(library.OpCheckError, match="its gradient is not that of central differences"):
        op.test(tensor(3, requires_grad=True))
