"""Every function of tensors against NumPy in float64, and its gradient against finite differences."""

import math

import numpy as np
import pytest

import brasa
from brasa.tracing.function import Function, function
from tests.compiling import assert_compiles

RNG = np.random.default_rng(0)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, shape)


def real(*shape):
    return RNG.standard_normal(shape)


def erf(x):
    return np.vectorize(math.erf)(x)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


CASES = {
    "neg": (lambda x: -x, lambda x: -x, [real(3, 4)]),
    "exp": (lambda x: x.exp(), np.exp, [real(3, 4)]),
    "expm1": (lambda x: x.expm1(), np.expm1, [real(3, 4)]),
    "log": (lambda x: x.log(), np.log, [positive(3, 4)]),
    "log1p": (lambda x: x.log1p(), np.log1p, [positive(3, 4)]),
    "sqrt": (lambda x: x.sqrt(), np.sqrt, [positive(5)]),
    "rsqrt": (lambda x: x.rsqrt(), lambda x: 1 / np.sqrt(x), [positive(5)]),
    "reciprocal": (lambda x: x.reciprocal(), lambda x: 1 / x, [positive(5)]),
    "tanh": (lambda x: x.tanh(), np.tanh, [real(17)]),
    "sin": (lambda x: x.sin(), np.sin, [real(17)]),
    "cos": (lambda x: x.cos(), np.cos, [real(17)]),
    "erf": (lambda x: x.erf(), erf, [real(17)]),
    "abs": (lambda x: x.abs(), np.abs, [real(17)]),
    "square": (lambda x: x.square(), np.square, [real(17)]),
    "sigmoid": (lambda x: x.sigmoid(), lambda x: 1 / (1 + np.exp(-x)), [real(17)]),
    "relu": (lambda x: x.relu(), lambda x: np.maximum(x, 0), [real(17)]),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5), [real(17)]),
    "clamp above": (lambda x: x.clamp(max=0.1), lambda x: np.minimum(x, 0.1), [real(17)]),
    "add": (lambda x, y: x + y, np.add, [real(3, 1), real(4)]),
    "add scaled": (lambda x, y: x.add(y, alpha=3), lambda x, y: x + 3 * y, [real(3, 1), real(4)]),
    "sub": (lambda x, y: x - y, np.subtract, [real(3, 4), real(3, 4)]),
    "rsub": (lambda x: 2 - x, lambda x: 2 - x, [real(3, 4)]),
    "mul": (lambda x, y: x * y, np.multiply, [real(2, 3, 4), real(3, 1)]),
    "div": (lambda x, y: x / y, np.divide, [real(3, 4), positive(4)]),
    "rdiv": (lambda x: 1 / x, lambda x: 1 / x, [positive(4)]),
    "pow": (lambda x, y: x**y, np.power, [positive(3), real(3)]),
    "cube": (lambda x: x**3, lambda x: x**3, [real(3)]),
    "rpow": (lambda x: 2.0**x, lambda x: 2.0**x, [real(3)]),
    "remainder": (lambda x: x % 0.7, lambda x: x % 0.7, [real(9)]),
    "maximum": (lambda x, y: x.maximum(y), np.maximum, [real(9), real(9)]),
    "where": (lambda x, y: brasa.where(x > y, x, y * 2), lambda x, y: np.where(x > y, x, y * 2), [real(9), real(9)]),
    "sum": (lambda x: x.sum(), np.sum, [real(3, 4)]),
    "sum of axes": (lambda x: x.sum((0, 2)), lambda x: x.sum((0, 2)), [real(3, 4, 5)]),
    "sum kept": (lambda x: x.sum(-1, keepdim=True), lambda x: x.sum(-1, keepdims=True), [real(3, 4)]),
    "prod": (lambda x: x.prod(1), lambda x: x.prod(1), [real(3, 4)]),
    "mean": (lambda x: x.mean(0), lambda x: x.mean(0), [real(3, 4)]),
    "var": (lambda x: x.var(1), lambda x: x.var(1, ddof=1), [real(3, 4)]),
    "std": (lambda x: x.std(), lambda x: x.std(ddof=1), [real(3, 4)]),
    "amax": (lambda x: x.amax(1), lambda x: x.max(1), [real(3, 4)]),
    "amin": (lambda x: x.amin((0, 1)), lambda x: x.min((0, 1)), [real(3, 4)]),
    "max along": (lambda x: x.max(1).values, lambda x: x.max(1), [real(3, 4)]),
    "softmax": (lambda x: x.softmax(1), lambda x: softmax(x, 1), [real(3, 4)]),
    "softmax of first axis": (lambda x: x.softmax(0), lambda x: softmax(x, 0), [real(3, 4)]),
    "log_softmax": (lambda x: x.log_softmax(-1), lambda x: np.log(softmax(x, -1)), [real(3, 4)]),
    "logsumexp": (lambda x: x.logsumexp(1), lambda x: np.log(np.exp(x).sum(1)), [real(3, 4)]),
    "matmul": (lambda x, y: x @ y, np.matmul, [real(3, 4), real(4, 5)]),
    "matmul transposed": (lambda x, y: x @ y.T, lambda x, y: x @ y.T, [real(3, 4), real(5, 4)]),
    "matrix times vector": (lambda x, y: x @ y, np.matmul, [real(3, 4), real(4)]),
    "vector times matrix": (lambda x, y: x @ y, np.matmul, [real(4), real(4, 5)]),
    "dot": (lambda x, y: x @ y, np.matmul, [real(4), real(4)]),
    "batched matmul": (lambda x, y: x @ y, np.matmul, [real(2, 3, 4), real(2, 4, 5)]),
    "broadcast matmul": (lambda x, y: x @ y, np.matmul, [real(2, 1, 3, 4), real(6, 4, 5)]),
    "batch times matrix": (lambda x, y: x @ y, np.matmul, [real(2, 3, 4), real(4, 5)]),
    "outer": (lambda x, y: x.outer(y), np.outer, [real(3), real(4)]),
    "reshape": (lambda x: x.reshape(4, 3) * 2, lambda x: x.reshape(4, 3) * 2, [real(3, 4)]),
    "permute": (lambda x: x.permute(2, 0, 1) * 1, lambda x: x.transpose(2, 0, 1), [real(2, 3, 4)]),
    "expand": (lambda x: x.expand(3, 4) * 1, lambda x: np.broadcast_to(x, (3, 4)), [real(1, 4)]),
    "flatten": (lambda x: x.flatten(1) * 1, lambda x: x.reshape(2, -1), [real(2, 3, 4)]),
    "index": (lambda x: x[1, ..., 1:3] * 1, lambda x: x[1, ..., 1:3], [real(2, 3, 4)]),
    "steps": (lambda x: x[::2, None] * 1, lambda x: x[::2, None], [real(5, 3)]),
    "cat": (lambda x, y: brasa.cat([x, y], 1), lambda x, y: np.concatenate([x, y], 1), [real(2, 3), real(2, 4)]),
    "stack": (lambda x, y: brasa.stack([x, y], 1), lambda x, y: np.stack([x, y], 1), [real(2, 3), real(2, 3)]),
    "flip": (lambda x: x.flip((0,)), lambda x: x[::-1], [real(4, 2)]),
    "masked_fill": (
        lambda x: x.masked_fill(x > 0.3, 7.0), lambda x: np.where(x > 0.3, 7.0, x), [real(3, 4)],
    ),
}  # fmt: skip


def numeric_gradient(function, arrays, index, weights, step=1e-6):
    gradient = np.zeros_like(arrays[index])
    for place in np.ndindex(*gradient.shape):
        moved = [array.copy() for array in arrays]
        moved[index][place] += step
        above = (function(*moved) * weights).sum()
        moved[index][place] -= 2 * step
        gradient[place] = (above - (function(*moved) * weights).sum()) / (2 * step)
    return gradient


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [brasa.float64, brasa.float32], ids=["f64", "f32"])
def test_values(name, dtype):
    ours, theirs, arrays = CASES[name]
    result = ours(*(brasa.tensor(array, dtype=dtype) for array in arrays))
    assert result.dtype is dtype
    tolerance = 1e-12 if dtype is brasa.float64 else 3e-6
    rounded = [array.astype(dtype.numpy).astype(np.float64) for array in arrays]
    np.testing.assert_allclose(result.numpy(), theirs(*rounded), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    ours, theirs, arrays = CASES[name]
    tensors = [brasa.tensor(array, requires_grad=True) for array in arrays]
    result = ours(*tensors)
    weights = np.random.default_rng(1).standard_normal(tuple(result.shape))
    result.backward(brasa.tensor(weights))
    for index, tensor in enumerate(tensors):
        want = numeric_gradient(theirs, arrays, index, weights)
        np.testing.assert_allclose(tensor.grad.numpy(), want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["exp", "tanh", "mul", "div", "pow", "softmax", "matmul", "var", "sigmoid"])
def test_second_gradients(name):
    """The gradient of a weighted gradient, against finite differences of the first."""
    ours, _, arrays = CASES[name]
    weights = np.random.default_rng(1).standard_normal(tuple(ours(*map(brasa.tensor, arrays)).shape))
    direction = np.random.default_rng(2).standard_normal(arrays[0].shape)

    def slope(*values):
        tensors = [brasa.tensor(value, requires_grad=True) for value in values]
        total = (ours(*tensors) * brasa.tensor(weights)).sum()
        (first,) = brasa.autograd.grad(total, tensors[:1], create_graph=True)
        return (first * brasa.tensor(direction)).sum(), tensors

    value, tensors = slope(*arrays)
    value.backward()
    for index, tensor in enumerate(tensors):
        want = numeric_gradient(lambda *values: slope(*values)[0].detach().numpy(), arrays, index, np.ones(()))
        got = np.zeros_like(want) if tensor.grad is None else tensor.grad.numpy()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_compiled_equals_eager_bit_for_bit(name):
    ours, _, arrays = CASES[name]
    compiled = brasa.compile(ours)
    for _ in range(3):
        tensors = [brasa.tensor(array, dtype=brasa.float32) for array in arrays]
        np.testing.assert_array_equal(
            compiled(*tensors).numpy().view(np.uint32), ours(*tensors).contiguous().numpy().view(np.uint32)
        )


def test_arithmetic_on_numbers_is_pythons():
    """1 - 0.999 rounds once, when it meets the tensor, however many functions it has passed through."""

    @function
    def scaled(x: brasa.Tensor, beta: float) -> brasa.Tensor:
        return x * (brasa.sub(1, beta) / 3)

    x = brasa.tensor([1.0, 7.0])
    want = x.numpy() * np.float32((1 - 0.999) / 3)
    assert scaled(x, 0.999).numpy().tolist() == want.tolist()
    assert brasa.compile(scaled)(x, 0.999).numpy().tolist() == want.tolist()


def test_what_is_not_run_is_not_compiled():
    @function
    def only_here(x: brasa.Tensor) -> brasa.Tensor:
        return brasa.exp(x) * x

    x = brasa.tensor([1.0, 2.0], requires_grad=True)
    with assert_compiles(1, "only_here"):  # the form that keeps what backward needs
        y = only_here(x)
    with assert_compiles(0, "only_here"), assert_compiles(1, "only_here_backward"):
        y.backward(brasa.ones(2))
    with assert_compiles(1, "only_here"), brasa.no_grad():
        assert np.allclose(only_here(x).numpy(), [np.e, 2 * np.exp(2)])
    with assert_compiles(0, "only_here"):
        only_here(x)
        only_here(x.detach())
    assert np.allclose(x.grad.numpy(), [2 * np.e, 3 * np.exp(2)])


def test_sizes_among_static_arguments():
    x = brasa.arange(12.0).reshape(3, 4)
    normalize = brasa.compile(lambda x: brasa.nn.functional.layer_norm(x, x.shape[1:]), fullgraph=True)
    for each in (x, x[:, :3].contiguous(), x[:2]):
        assert brasa.equal(normalize(each), brasa.nn.functional.layer_norm(each, each.shape[1:]))


def test_calls_of_what_is_known_take_a_short_way(monkeypatch):
    x, w, i = brasa.arange(6.0).reshape(2, 3), brasa.ones(3, requires_grad=True), brasa.tensor([1, 0])
    calls = [
        lambda: x.sum(), lambda: x.sum(dim=1, keepdim=True), lambda: x.amax(), lambda: x.mean((0, 1)),
        lambda: brasa.cat([x, x], dim=1), lambda: x.topk(2).values, lambda: x.max(dim=0).indices,
        lambda: brasa.nn.functional.layer_norm(x, (3,)), lambda: w.sum(), lambda: brasa.stack((w, w)), lambda: x[i],
    ]  # fmt: skip
    expected = [call().tolist() for call in calls]
    assert expected[:4] == [15.0, [[3.0], [12.0]], 5.0, 2.5]
    taken = []
    general = Function.__call__
    monkeypatch.setattr(Function, "__call__", lambda made, *a, **k: taken.append(made.name) or general(made, *a, **k))
    assert [call().tolist() for call in calls] == expected
    assert not taken
