"""autograd.Function: gradients that a user writes, by closed formulas, and the same bits in compiled programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.autograd import Function
from brasa.autograd.function import once_differentiable

X = np.random.default_rng(0).normal(size=4).astype(np.float32)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: brasa.Tensor, factor: float) -> brasa.Tensor:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * x * x * factor

    @staticmethod
    def backward(ctx: Any, grad: brasa.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2 * ctx.factor, None


class ExpAndProduct(Function):
    """exp(a), exp(a) * b and a number, with the form of forward that takes no ctx."""

    @staticmethod
    def forward(a: brasa.Tensor, b: brasa.Tensor) -> Any:  # type: ignore[override]
        e = a.exp()
        return e, e * b, 5

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs, output[0])

    @staticmethod
    def backward(ctx: Any, grad_e: brasa.Tensor, grad_p: brasa.Tensor, _: None) -> Any:
        _, b, e = ctx.saved_tensors
        return (grad_e + grad_p * b) * e, grad_p * e


def program(x: brasa.Tensor) -> brasa.Tensor:
    y = Cube.apply(x, 2.0)
    e, p, five = ExpAndProduct.apply(y * 0.1, x)
    return (e * p).sum() + (y.tanh() * x).sum() * five


def first_and_second(call: Callable[..., Any]) -> list[brasa.Tensor]:
    x = brasa.tensor(X, requires_grad=True)
    value = call(x)
    (first,) = brasa.autograd.grad(value, x, create_graph=True)
    (first * first).sum().backward()
    return [value, first, x.grad]


def test_gradients_are_those_that_were_written() -> None:
    x = brasa.tensor(X.astype(np.float64), requires_grad=True)
    z = X.astype(np.float64)
    Cube.apply(x, 2.0).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * z**2)
    (first,) = brasa.autograd.grad(Cube.apply(x, 2.0).sum(), x, create_graph=True)
    (second,) = brasa.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), 12 * z)
    a = brasa.tensor(X.astype(np.float64), requires_grad=True)
    e, p, _ = ExpAndProduct.apply(a, a)
    (first,) = brasa.autograd.grad((e * p).sum(), a, create_graph=True)  # of a * exp(2 a)
    np.testing.assert_allclose(first.detach().numpy(), (1 + 2 * z) * np.exp(2 * z))
    (second,) = brasa.autograd.grad(first.sum(), a)
    np.testing.assert_allclose(second.numpy(), (4 + 4 * z) * np.exp(2 * z))


def test_compiled_has_the_same_bits() -> None:
    eager = first_and_second(program)
    for found, want in zip(first_and_second(brasa.compile(program, fullgraph=True)), eager, strict=True):
        assert brasa.equal(found, want)

    def step(x: brasa.Tensor) -> Any:
        x.grad = None
        value = program(x)
        value.backward()
        return value, x.grad

    compiled, x = brasa.compile(step, fullgraph=True), brasa.tensor(X, requires_grad=True)
    for _ in range(5):
        for found, want in zip(compiled(x), eager[:2], strict=True):
            assert brasa.equal(found, want)
    assert compiled.sealed, compiled.reasons

    def second_of(x: brasa.Tensor) -> list[brasa.Tensor]:
        (first,) = brasa.autograd.grad(program(x), x, create_graph=True)
        return [first, *brasa.autograd.grad((first * first).sum(), x)]

    for found, want in zip(brasa.compile(second_of, fullgraph=True)(x), eager[1:], strict=True):
        assert brasa.equal(found, want)


def test_a_compiled_program_follows_a_backward_that_changes() -> None:
    factor = 1.0

    class Scaled(Function):
        @staticmethod
        def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: brasa.Tensor) -> Any:
            return grad * factor

    compiled = brasa.compile(lambda x: Scaled.apply(x).sum())
    for factor in (1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 1.0):
        x = brasa.ones(2, requires_grad=True)
        compiled(x).backward()
        assert x.grad.tolist() == [factor, factor]


@pytest.mark.parametrize("compiled", [False, True])
def test_in_a_loop(compiled: bool) -> None:
    def loop(x: brasa.Tensor) -> brasa.Tensor:
        last, _ = brasa.scan(lambda carry, _: (Cube.apply(carry, 0.5), carry), x, brasa.ones(3, 2))
        return last.sum()

    x = brasa.tensor([1.0, 1.25], requires_grad=True)
    (brasa.compile(loop, fullgraph=True) if compiled else loop)(x).backward()
    slope, z = np.ones(2), x.detach().numpy().astype(np.float64)
    for _ in range(3):
        slope, z = slope * 1.5 * z**2, 0.5 * z**3
    np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-6)


class Numeric(Function):
    @staticmethod
    def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
        ctx.save_for_backward(x)
        return brasa.tensor(np.sin(x.detach().numpy()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: brasa.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return brasa.tensor(grad.numpy() * np.cos(x.detach().numpy()))


def test_backward_in_numpy_runs_eagerly() -> None:
    x = brasa.tensor(X, requires_grad=True)
    Numeric.apply(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.cos(X))
    x.grad = None
    compiled = brasa.compile(lambda x: (Numeric.apply(x * 2) * 3).sum())
    with pytest.warns(UserWarning, match="runs eagerly from .*: a value is needed in the backward of an autograd"):
        compiled(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * np.cos(2 * X), rtol=1e-6)


class Once(Function):
    @staticmethod
    def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: brasa.Tensor) -> Any:
        return 2 * grad * ctx.saved_tensors[0]


@pytest.mark.parametrize("compiled", [False, True])
def test_once_differentiable(compiled: bool) -> None:
    def second(x: brasa.Tensor) -> Any:
        (first,) = brasa.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
        return brasa.autograd.grad(first.sum(), x)[0]

    x = brasa.tensor(X, requires_grad=True)
    assert brasa.equal(brasa.autograd.grad(Once.apply(x).sum(), x)[0], 2 * x)
    with pytest.raises(RuntimeError, match="marked once_differentiable is being differentiated"):
        (brasa.compile(second) if compiled else second)(x)


class SortedWithPlaces(Function):
    @staticmethod
    def forward(ctx: Any, x: brasa.Tensor, flag: bool) -> Any:
        values, places = x.sort()
        doubled = values * 2
        ctx.mark_non_differentiable(places, doubled)
        ctx.save_for_backward(places)
        ctx.set_materialize_grads(flag)
        return values, places, doubled, x

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        seen.append([None if grad is None else grad.tolist() for grad in grads])
        (places,) = ctx.saved_tensors
        return brasa.zeros(3).scatter(0, places, grads[0]), None


seen: list[Any] = []


def test_results_without_gradients_and_arguments_as_results() -> None:
    x = brasa.tensor([3.0, 1.0, 2.0], requires_grad=True)
    for flag, missing in ((True, [0.0, 0.0, 0.0]), (False, None)):
        values, places, doubled, same = SortedWithPlaces.apply(x, flag)
        assert [each.requires_grad for each in (values, places, doubled, same)] == [True, False, False, True]
        assert same is not x
        (grad,) = brasa.autograd.grad((values * brasa.tensor([1.0, 2.0, 3.0])).sum(), x)
        assert grad.tolist() == [3, 1, 2]
        assert seen.pop()[3] == missing


class DoubledInPlace(Function):
    @staticmethod
    def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx: Any, grad: brasa.Tensor) -> Any:
        return grad * 2


def test_arguments_that_are_written() -> None:
    x = brasa.ones(3, requires_grad=True)
    y = x * 3
    z = DoubledInPlace.apply(y)
    assert z is y
    (y * y).sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([6, 6, 6], [72, 72, 72])
    with pytest.raises(RuntimeError, match="DoubledInPlace: a leaf that requires gradients cannot be changed in place"):
        DoubledInPlace.apply(x)


def test_the_node_on_the_tape() -> None:
    x = brasa.ones(3, requires_grad=True)
    y = Cube.apply(x * 1, 2.0)
    node = y.grad_fn
    assert isinstance(node, brasa.autograd.graph.Node)
    assert node.name() == "CubeBackward"
    assert [None if other is None else other.name() for other, _ in node.next_functions] == ["MulBackward0", None]
    node.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}
    assert brasa.autograd.graph.get_gradient_edge(y).node is node
    y.sum().backward()
    with pytest.raises(RuntimeError, match="CubeBackward: the graph has been freed by an earlier backward"):
        y.sum().backward()


def wrong(result: Any) -> Any:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: brasa.Tensor) -> Any:
            return result

    return Wrong.apply(brasa.ones(3, requires_grad=True)).sum().backward


def test_mistakes() -> None:
    with pytest.raises(RuntimeError, match=r"Wrong: backward\(\) gave 2 gradients for 1 arguments"):
        wrong((brasa.ones(3), brasa.ones(3)))()
    with pytest.raises(ValueError, match=r"Wrong: gradient 0 has shape \[2\], the argument \[3\]"):
        wrong(brasa.ones(2))()
    with pytest.raises(TypeError, match="Wrong: gradient 0 must be a tensor or None, not int"):
        wrong(1)()
    with pytest.raises(TypeError, match="save_for_backward: expected tensors or None, found int"):
        brasa.autograd.function.FunctionCtx().save_for_backward(1)  # type: ignore[arg-type]

    class Empty(Function):
        @staticmethod
        def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
            return x * 2

    with pytest.raises(NotImplementedError, match=r"a Function must define backward\(\) or vjp\(\)"):
        Empty.apply(brasa.ones(3, requires_grad=True)).sum().backward()


def test_gradients_are_summed_to_the_arguments_shape() -> None:
    class Spread(Function):
        @staticmethod
        def forward(ctx: Any, x: brasa.Tensor) -> brasa.Tensor:
            return x.expand(4, 3).clone()

        @staticmethod
        def backward(ctx: Any, grad: brasa.Tensor) -> Any:
            return grad

    x = brasa.ones(3, requires_grad=True)
    Spread.apply(x).sum().backward()
    assert x.grad.tolist() == [4, 4, 4]


def test_under_autocast() -> None:
    class Product(Function):
        @staticmethod
        @brasa.amp.custom_fwd(device_type="cpu")
        def forward(ctx: Any, a: brasa.Tensor, b: brasa.Tensor) -> brasa.Tensor:
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @brasa.amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, grad: brasa.Tensor) -> Any:
            a, b = ctx.saved_tensors
            dtypes.append((grad @ b.T).dtype)
            return grad @ b.T, a.T @ grad

    class Single(Product):
        forward = staticmethod(brasa.amp.custom_fwd(Product.forward, device_type="cpu", cast_inputs=brasa.float32))

    dtypes: list[Any] = []
    a = brasa.ones(2, 2, requires_grad=True)
    with brasa.autocast("cpu"):
        y, z = Product.apply(a, a), Single.apply(a.bfloat16(), a)
    assert (y.dtype, z.dtype) == (brasa.bfloat16, brasa.float32)
    y.sum().backward()
    z.sum().backward()
    assert dtypes == [brasa.bfloat16, brasa.float32]
    assert a.grad.dtype is brasa.float32
