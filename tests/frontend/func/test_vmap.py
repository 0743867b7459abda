"""vmap: what a loop over the samples gives, in one program; and what it refuses, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import Tensor, nn
from brasa.func import LoopWarning, grad, vmap
from brasa.ir.errors import ArgumentError, BrasaError, IndexError, ValueError
from tests.compiling import assert_compiles
from tests.frontend.functions.harness import flat, same_bits


def tensors(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Normal numbers, the same ones each time."""
    brasa.manual_seed(7)
    return [brasa.randn(*shape) for shape in shapes]


def looped(function: Callable[..., Any], which: tuple[int | None, ...], *args: Tensor) -> list[Tensor]:
    """The results of a loop over the samples, stacked."""
    count = next(a.shape[d] for a, d in zip(args, which, strict=True) if d is not None)
    runs = [
        flat(function(*(a if d is None else a.select(d, i) for a, d in zip(args, which, strict=True))))
        for i in range(count)
    ]
    return [brasa.stack(each) for each in zip(*runs, strict=True)]


def assert_vmap(function: Callable[..., Any], which: tuple[int | None, ...], *args: Tensor) -> None:
    """The bits of the loop, eagerly and compiled."""
    mapped = vmap(function, in_dims=which)
    wanted = looped(function, which, *args)
    for call in (mapped, brasa.compile(mapped, fullgraph=True)):
        for got, want in zip(flat(call(*args)), wanted, strict=True):
            same_bits(got, want)


@pytest.mark.parametrize("which", [(None, 1), (-1, 0)])
def test_any_axis_may_be_that_of_the_samples(which: tuple[int | None, ...]) -> None:
    shapes = [(3, 4), (4, 2)]
    for shape, axis, number in zip(list(shapes), which, (0, 1), strict=True):
        if axis is not None:
            place = axis % (len(shape) + 1)
            shapes[number] = (*shape[:place], 5, *shape[place:])
    assert_vmap(lambda x, w: brasa.relu(x @ w).sum(0), which, *tensors(*shapes))


def attention(q: Tensor, k: Tensor) -> Tensor:
    return nn.functional.scaled_dot_product_attention(q, k, k, is_causal=True)


def pooled(x: Tensor, w: Tensor) -> Tensor:
    return nn.functional.max_pool2d(nn.functional.conv2d(x[None], w, padding=1), 2)[0]


def normalized(x: Tensor, w: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, (x.shape[-1],), weight=w).softmax(-1)


@pytest.mark.parametrize(("function", "which", "shapes"), [
    (attention, (0, None), ((2, 6, 4), (2, 6, 4))), (pooled, (None, 0), ((3, 6, 6), (4, 3, 3, 3))),
    (normalized, (0, 0), ((5, 8), (8,))), (lambda x, w: brasa.einsum("ij,kj->ik", x, w), (0, 0), ((2, 3), (4, 3))),
    (lambda x, w: (x @ w, w @ x), (0, None), ((3,), (3, 3))),
    (lambda x, w: brasa.cat([x.cumsum(0), w.flip(0)]).sort(), (None, 0), ((5,), (3,))),
    (lambda x, w: brasa.linalg.solve(w @ w.mT + brasa.eye(3), x), (0, 0), ((3,), (3, 3))),
])  # fmt: skip
def test_vmap_has_the_bits_of_the_loop(function: Any, which: Any, shapes: Any) -> None:
    sizes = [(3, *shape) if axis == 0 else shape for shape, axis in zip(shapes, which, strict=True)]
    assert_vmap(function, which, *tensors(*sizes))


def test_trees_keyword_arguments_and_places_of_results() -> None:
    x, y, z = tensors((3, 2), (2, 3), (3, 4))

    def function(pair: Any, scale: float, *, z: Tensor) -> Any:
        return {"sum": pair["x"] + pair["y"] * scale, "z": (z, z.sum())}

    mapped = vmap(function, in_dims=({"x": 0, "y": 1}, None), out_dims={"sum": 1, "z": 0})
    got = mapped({"x": x, "y": y}, 2.0, z=z)
    assert brasa.equal(got["sum"], (x + y.T * 2.0).T)
    assert brasa.equal(got["z"][0], z) and brasa.equal(got["z"][1], z.sum(1))


def test_a_result_that_is_the_same_for_all_is_repeated_or_not() -> None:
    x, w = tensors((3, 2), (2,))
    assert brasa.equal(vmap(lambda x: w * 2)(x), (w * 2).expand(3, 2))
    assert brasa.equal(vmap(lambda x: w * 2, out_dims=1)(x), (w * 2).expand(3, 2).T)
    assert brasa.equal(vmap(lambda x: (x, w * 2), out_dims=(0, None))(x)[1], w * 2)


def test_of_no_elements() -> None:
    assert vmap(lambda row: row.repeat((0,)))(brasa.ones(3, 2)).shape == (3, 0)
    assert vmap(lambda row: row * 2)(brasa.ones(0, 2)).shape == (0, 2)


def test_vmap_in_vmap() -> None:
    x, y = tensors((3, 2), (4, 2))
    table = vmap(lambda one: vmap(lambda other: (one * other).sum())(y))(x)
    np.testing.assert_allclose(table.numpy(), x.numpy() @ y.numpy().T, rtol=1e-6)
    deep = vmap(vmap(vmap(lambda v: v * v)))
    assert brasa.equal(deep(brasa.ones(2, 3, 4) * 3), brasa.ones(2, 3, 4) * 9)


def test_writes_to_what_the_function_has_made() -> None:
    x, _ = tensors((3, 4), ())

    def function(row: Tensor) -> Tensor:
        made = brasa.zeros(5) + row.sum()
        made[1:3] += row[:2]
        made.mul_(2)
        made[-1] = row[0]
        return made

    assert_vmap(function, (0,), x)


def test_writes_to_arguments() -> None:
    def function(x: Tensor, total: Tensor, count: Tensor) -> Tensor:
        total.add_(x)
        count += 1
        return total * 2

    for call in (vmap(function, in_dims=(0, 1, None)), brasa.compile(vmap(function, in_dims=(0, 1, None)))):
        x, total, count = brasa.ones(3, 2), brasa.zeros(2, 3), brasa.zeros((), dtype=brasa.int64)
        for step in range(1, 5):
            assert call(x, total, count).tolist() == [[2.0 * step] * 2] * 3
            assert total.tolist() == [[1.0 * step] * 3] * 2 and count.item() == step
        assert not total.requires_grad


def test_loops_and_branches_inside() -> None:
    x, w = tensors((4, 3), (3,))

    def walk(row: Tensor) -> Any:
        return brasa.scan(lambda h, x: (h * 0.5 + x, h * x), brasa.zeros(()), row * w)

    def choose(row: Tensor) -> Tensor:
        return brasa.cond(row.sum() > 0, lambda r: r * w, lambda r: -r, (row,))

    def grow(row: Tensor) -> Any:
        return brasa.while_loop(lambda v: v.sum() < 4, lambda v: v * 2, (row.abs() + 0.1,))

    for function in (walk, choose, grow, lambda row: brasa.map(lambda v: v.sin(), row)):
        assert_vmap(function, (0,), x)


@pytest.mark.parametrize("chunk_size", [2, 9])
def test_chunks(chunk_size: int) -> None:
    x, w = tensors((5, 3), (3,))
    mapped = vmap(lambda x, w: (x * w, x.sum()), in_dims=(0, None), out_dims=(1, 0), chunk_size=chunk_size)
    wanted = vmap(lambda x, w: (x * w, x.sum()), in_dims=(0, None), out_dims=(1, 0))
    for call in (mapped, brasa.compile(mapped, fullgraph=True)):
        for got, want in zip(call(x, w), wanted(x, w), strict=True):
            same_bits(got, want)


def test_gradients_flow_through() -> None:
    x, w = (each.requires_grad_() for each in tensors((3, 4), (4,)))
    result = vmap(lambda row: (row * w).tanh())(x)
    assert result.requires_grad
    got = brasa.autograd.grad(result.sum(), [x, w])
    want = brasa.autograd.grad((x * w).tanh().sum(), [x, w])
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)
    with brasa.no_grad():
        assert not vmap(lambda row: row * w)(x).requires_grad


def test_random_numbers() -> None:
    x, _ = tensors((3, 4), ())
    brasa.manual_seed(1)
    whole = brasa.randn(3, 4)
    for randomness in ("different", "same"):
        mapped = vmap(lambda row: row + brasa.randn(4), randomness=randomness)
        for call in (mapped, brasa.compile(mapped, fullgraph=True)):
            brasa.manual_seed(1)
            first, second = call(x), call(x)
            brasa.manual_seed(1)
            want = x + (whole if randomness == "different" else brasa.randn(4))
            same_bits(first, want)
            assert not brasa.equal(first, second)
    with pytest.raises(BrasaError, match=r"vmap: random numbers are drawn at test_vmap.py.*\n.*randomness='same'"):
        vmap(lambda row: nn.functional.dropout(row))(x)


def test_random_numbers_in_a_loop_inside() -> None:
    x, _ = tensors((3, 4), ())

    def noisy(row: Tensor) -> Tensor:
        return brasa.map(lambda v: v + brasa.rand(()), row)

    made = {}
    for randomness in ("different", "same"):
        brasa.manual_seed(1)
        made[randomness] = vmap(noisy, randomness=randomness)(x) - x
        assert brasa.rand(()) not in made[randomness]  # the calls of the loop are counted
    assert len({*np.round(made["same"].numpy(), 4).ravel()}) == 4
    assert len({*np.round(made["different"].numpy(), 4).ravel()}) == 12


def test_random_numbers_in_loops_in_one_another() -> None:
    x, _ = tensors((2, 3, 4), ())

    def noisy(row: Tensor) -> Tensor:
        return brasa.map(lambda v: v + brasa.rand(()), row)

    made = vmap(vmap(noisy, randomness="same"), randomness="different")(x) - x
    assert len({*np.round(made.numpy(), 4).ravel()}) == 8
    with pytest.raises(BrasaError, match=r"vmap: random numbers are drawn at .* in a loop inside of another loop"):
        brasa.map(vmap(noisy, randomness="same"), x)


def test_dropped_attention_weights() -> None:
    q, _ = tensors((3, 2, 5, 4), ())

    def attend(q: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, q, q, dropout_p=0.5)

    brasa.manual_seed(1)
    same_bits(vmap(attend, randomness="different")(q), (brasa.manual_seed(1), attend(q))[1])
    brasa.manual_seed(1)
    with pytest.warns(LoopWarning, match="vmap computes attention for one sample after the other"):
        made = vmap(attend, randomness="same")(q)
    for one, row in zip(made, q, strict=True):
        brasa.manual_seed(1)
        same_bits(one, attend(row))


def test_one_program_for_any_number_of_samples() -> None:
    mapped = brasa.compile(vmap(lambda x: (x * 2).sum()), fullgraph=True)
    with assert_compiles(1):
        for count in (2, 3, 7):
            assert mapped(brasa.ones(count, 4)).tolist() == [8.0] * count
    with assert_compiles(1, "vmap"):
        for count in (2, 3, 7):
            assert vmap(lambda x: (x * 2).sum())(brasa.ones(count, 4)).tolist() == [8.0] * count


def test_what_users_differentiate_themselves() -> None:
    class Square(brasa.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(x, w)
            return x * x * w

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            x, w = ctx.saved_tensors
            return 3 * x * w * g, x * x * g  # 3, so that it is seen whose gradient it is

    x, w = tensors((4, 3), (3,))
    mapped = vmap(grad(lambda row: Square.apply(row, w).sum()))
    np.testing.assert_allclose(mapped(x).numpy(), (3 * x * w).numpy(), rtol=1e-6)
    weight = w.clone().requires_grad_()
    vmap(lambda row: Square.apply(row, weight))(x).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), (x * x).sum(0).numpy(), rtol=1e-6)


def test_operators_of_ones_own_run_on_one_sample_after_the_other() -> None:
    @brasa.library.custom_op("tests::halved_sum", mutates_args=(), reference=lambda x: np.asarray(x.sum() / 2, x.dtype))
    def halved_sum(x: Tensor) -> Tensor:
        return brasa.tensor(x.numpy().sum() / 2)

    halved_sum.register_fake(lambda x: x.new_empty(()))
    x, _ = tensors((3, 4), ())
    with pytest.warns(LoopWarning, match="vmap computes tests::halved_sum for one sample after the other"):
        made = vmap(halved_sum)(x)
    np.testing.assert_allclose(made.numpy(), x.numpy().sum(1) / 2, rtol=1e-6)


ERRORS: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "vmap: the function asks for a value at": (
        BrasaError, lambda: vmap(lambda x: x * x.sum().item())(brasa.ones(2, 2))),
    "is traced once, without values": (BrasaError, lambda: vmap(lambda x: x if x > 0 else -x)(brasa.ones(2))),
    "vmap: a tensor that all samples share is written what differs": (
        BrasaError, lambda: vmap(lambda x, w: w.add_(x), in_dims=(0, None))(brasa.ones(2, 2), brasa.ones(2))),
    "vmap: no argument has an axis of samples": (ValueError, lambda: vmap(lambda x: x, in_dims=None)(brasa.ones(2))),
    r"vmap: the axes of samples have different sizes, \[2, 3\]": (
        ValueError, lambda: vmap(brasa.add)(brasa.ones(2), brasa.ones(3))),
    r"vmap: in_dims \(0,\) has another form than the arguments": (
        ValueError, lambda: vmap(brasa.add, in_dims=(0,))(brasa.ones(2), brasa.ones(2))),
    "vmap: an argument with 1 axes has no axis 1": (ValueError, lambda: vmap(lambda x: x, in_dims=1)(brasa.ones(2))),
    "vmap: arguments of in_dims=0 must be tensors, not float": (
        ArgumentError, lambda: vmap(brasa.add)(brasa.ones(2), 1.0)),
    "vmap: results must be tensors, not int": (ArgumentError, lambda: vmap(lambda x: 1)(brasa.ones(2))),
    "vmap: out_dims is None for a result that differs": (
        ValueError, lambda: vmap(lambda x: x, out_dims=None)(brasa.ones(2))),
    "vmap: out_dims is 3 for a result of 1 axes": (IndexError, lambda: vmap(lambda x: x, out_dims=3)(brasa.ones(2))),
    "vmap: randomness is 'some'": (ValueError, lambda: vmap(lambda x: x, randomness="some")),
    "vmap: chunk_size is 0": (ValueError, lambda: vmap(lambda x: x, chunk_size=0)),
    "vmap: .*[Vv]alue": (BrasaError, lambda: vmap(brasa.nonzero)(brasa.ones(2, 2))),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_what_vmap_refuses(message: str) -> None:
    kind, call = ERRORS[message]
    with pytest.raises(kind, match=message):
        call()
