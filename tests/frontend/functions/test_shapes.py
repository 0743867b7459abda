"""Views, parts, joins and other arrangements of elements."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from tests.frontend.functions.harness import Case, check

M = np.random.default_rng(1).standard_normal((4, 6)).astype(np.float32)
C = np.random.default_rng(2).standard_normal((3, 4, 2)).astype(np.float32)
V = np.arange(5, dtype=np.float32)
I = np.arange(24, dtype=np.int64).reshape(4, 6)
B = np.array([[True, False, True], [False, False, True]])


def windows(x, axis, size, step):
    picked = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    return picked[(slice(None),) * axis + (slice(None, None, step),)]


def strided(x, shape, strides, offset=0):
    flat = np.ascontiguousarray(x).reshape(-1)[offset:]
    return np.lib.stride_tricks.as_strided(flat, shape, [s * flat.itemsize for s in strides])


def with_diagonal(x, offset):
    side = x.shape[-1] + abs(offset)
    made = np.zeros((*x.shape[:-1], side, side), x.dtype)
    places = np.arange(x.shape[-1])
    made[..., places + max(0, -offset), places + max(0, offset)] = x
    return made


CASES = {
    "view": (lambda x: x.view(3, -1), lambda x: x.reshape(3, -1), [M]),
    "view_as": (lambda x, y: x.view_as(y), lambda x, y: x.reshape(y.shape), [M, I.reshape(2, 12)]),
    "reshape of a view": (lambda x: x.T.reshape(8, 3), lambda x: x.T.reshape(8, 3), [M]),
    "flatten": (lambda x: x.flatten(1), lambda x: x.reshape(3, 8), [C]),
    "unflatten": (lambda x: x.unflatten(1, (2, -1)), lambda x: x.reshape(4, 2, 3), [M]),
    "ravel": (lambda x: brasa.ravel(x.T), lambda x: x.T.reshape(-1), [M]),
    "permute": (lambda x: brasa.permute(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), [C]),
    "movedim": (lambda x: x.movedim((0, 1), (2, 0)), lambda x: np.moveaxis(x, (0, 1), (2, 0)), [C]),
    "moveaxis": (lambda x: x.moveaxis(0, -1), lambda x: np.moveaxis(x, 0, -1), [C]),
    "swapaxes": (lambda x: x.swapaxes(0, 2), lambda x: x.swapaxes(0, 2), [C]),
    "t": (lambda x: x.t(), lambda x: x.T, [M]),
    "mT": (lambda x: x.mT, lambda x: x.swapaxes(-1, -2), [C]),
    "expand": (lambda x: x.expand(3, -1), lambda x: np.broadcast_to(x, (3, 5)), [V]),
    "broadcast_tensors": (
        lambda x, y: brasa.broadcast_tensors(x, y), lambda x, y: np.broadcast_arrays(x, y), [V, V.reshape(5, 1)],
    ),
    "sum_to_size": (lambda x: x.sum_to_size(4, 1), lambda x: x.sum(2).sum(0)[:, None], [C]),
    "squeeze": (lambda x: x.unsqueeze(1).unsqueeze(0).squeeze((0, 1)), lambda x: x[:, None][0], [C[:1]]),
    "narrow": (lambda x: x.narrow(1, -4, 2), lambda x: x[:, 2:4], [M]),
    "select": (lambda x: x.select(-1, -2), lambda x: x[..., -2], [C]),
    "diagonal": (lambda x: x.diagonal(1), lambda x: np.diagonal(x, 1), [M]),
    "diagonal of matrices": (lambda x: x.diagonal(-1, 1, 0), lambda x: np.diagonal(x, -1, 1, 0), [C]),
    "diagonal outside": (lambda x: x.diagonal(9), lambda x: np.diagonal(x, 9), [M]),
    "unfold": (lambda x: x.unfold(1, 3, 2), lambda x: windows(x, 1, 3, 2), [M]),
    "unfold without overlap": (lambda x: x.T.unfold(0, 2, 2), lambda x: windows(x.T, 0, 2, 2), [M]),
    "as_strided": (lambda x: x.as_strided((3, 4), (5, 2), 1), lambda x: strided(x, (3, 4), (5, 2), 1), [M]),
    "as_strided with repeats": (lambda x: x.as_strided((3, 4), (0, 1)), lambda x: strided(x, (3, 4), (0, 1)), [M]),
    "as_strided turned": (lambda x: x.as_strided((6, 4), (1, 6)), lambda x: x.T, [M]),
    "as_strided of a slice": (lambda x: x[1:].as_strided((5,), (2,)), lambda x: strided(x, (5,), (2,), 6), [M]),
    "diag of a vector": (lambda x: brasa.diag(x, -2), lambda x: np.diag(x, -2), [V]),
    "diag of a matrix": (lambda x: brasa.diag(x, 1), lambda x: np.diag(x, 1).copy(), [M]),
    "diagflat": (lambda x: brasa.diagflat(x, 1), lambda x: np.diagflat(x, 1), [M[:2, :2]]),
    "diag_embed": (lambda x: brasa.diag_embed(x, -1), lambda x: with_diagonal(x, -1), [M]),
    "diag_embed of ints": (lambda x: brasa.diag_embed(x), lambda x: with_diagonal(x, 0), [I], False),
    "diag_embed of bools": (
        lambda x: brasa.diag_embed(x, 1, 0, 2), lambda x: np.moveaxis(with_diagonal(x, 1), 1, 0), [B], False,
    ),
    "tril": (lambda x: x.tril(1), lambda x: np.tril(x, 1), [M]),
    "triu": (lambda x: x.triu(-1), lambda x: np.triu(x, -1), [C]),
    "triu of bools": (lambda x: x.triu(), lambda x: np.triu(x), [B], False),
    "flip": (lambda x: x.flip(0, 2), lambda x: np.flip(x, (0, 2)), [C]),
    "fliplr": (lambda x: x.fliplr(), np.fliplr, [M]),
    "flipud": (lambda x: x.flipud(), np.flipud, [M]),
    **{
        f"rot90 {k}": (lambda x, k=k: x.rot90(k, (0, 2)), lambda x, k=k: np.rot90(x, k, (0, 2)), [C])
        for k in range(-1, 3)
    },
    "roll": (lambda x: x.roll(2, 1), lambda x: np.roll(x, 2, 1), [M]),
    "roll of two axes": (lambda x: x.roll((1, -2, 4), (0, 1, 0)), lambda x: np.roll(x, (5, -2), (0, 1)), [M]),
    "roll in memory": (lambda x: x.roll(-3), lambda x: np.roll(x, -3), [M]),
    "repeat": (lambda x: x.repeat(2, 1, 3), lambda x: np.tile(x, (2, 1, 3)), [M]),
    "repeat of ones": (lambda x: x.repeat(3), lambda x: np.tile(x, 3), [V[:1]]),
    "tile": (lambda x: x.tile(2), lambda x: np.tile(x, 2), [C]),
    "meshgrid": (
        lambda x, y: brasa.meshgrid(x, y, indexing="ij"), lambda x, y: np.meshgrid(x, y, indexing="ij"), [V, V[:3]],
    ),
    "meshgrid xy": (lambda x, y: brasa.meshgrid([x, y], indexing="xy"), np.meshgrid, [V, V[:3]]),
    "cat": (lambda x, y: brasa.cat([x, y, x], 1), lambda x, y: np.concatenate([x, y, x], 1), [M, M[:, :1]]),
    "cat of dtypes": (
        lambda x, y: brasa.concat([x, y]), lambda x, y: np.concatenate([x, y]).astype(np.float64), [M, I],
    ),
    "cat leaves out empty vectors": (
        lambda x, y: brasa.cat([x, y], -1), lambda x, y: y, [np.zeros(0, np.float32), M], False,
    ),
    "stack": (lambda x, y: brasa.stack([x, y], -1), lambda x, y: np.stack([x, y], -1), [M, M + 1]),
    "hstack": (lambda x, y: brasa.hstack([x, y]), lambda x, y: np.hstack([x, y]), [V, V[:2]]),
    "vstack": (lambda x, y: brasa.vstack([x, y]), lambda x, y: np.vstack([x, y]), [V, V + 1]),
    "dstack": (lambda x, y: brasa.dstack([x, y]), lambda x, y: np.dstack([x, y]), [M, M + 1]),
    "column_stack": (lambda x, y: brasa.column_stack([x, y]), lambda x, y: np.column_stack([x, y]), [V, M[0, :5]]),
    "split": (lambda x: x.split(4, 1), lambda x: np.split(x, [4], 1), [M]),
    "split in sections": (lambda x: x.split([1, 0, 3]), lambda x: np.split(x, [1, 1]), [M]),
    "chunk": (lambda x: x.chunk(4, 1), lambda x: np.split(x, [2, 4], 1), [M]),
    "tensor_split": (lambda x: x.tensor_split(4, 1), lambda x: np.array_split(x, 4, 1), [M]),
    "tensor_split at places": (
        lambda x: x.tensor_split((1, -2, 9), 1), lambda x: [x[:, :1], x[:, 1:-2], x[:, 4:], x[:, 6:]], [M],
    ),
    "hsplit": (lambda x: x.hsplit(3), lambda x: np.hsplit(x, 3), [M]),
    "vsplit": (lambda x: x.vsplit([1, 2]), lambda x: np.vsplit(x, [1, 2]), [M]),
    "dsplit": (lambda x: x.dsplit(2), lambda x: np.dsplit(x, 2), [C]),
    "unbind": (lambda x: x.unbind(1), lambda x: [x[:, i] for i in range(4)], [C]),
    "atleast_3d": (
        lambda x, y: brasa.atleast_3d(x, y), lambda x, y: np.atleast_3d(x, y), [V, M],
    ),
    "copies": (
        lambda x: (brasa.unfold_copy(x, 0, 2, 1), *brasa.split_with_sizes_copy(x, [2, 4], 1), brasa.t_copy(x)),
        lambda x: (windows(x, 0, 2, 1), x[:, :2], x[:, 2:], x.T), [M],
    ),
    "slice_copy": (lambda x: brasa.slice_copy(x, 1, 1, -1, 2), lambda x: x[:, 1:-1:2], [M]),
    "fill": (lambda x, y: brasa.fill(x, y), lambda x, y: np.full_like(x, y), [M, np.float32(2.5)]),
    "clone": (lambda x: x.T.clone(), lambda x: x.T, [M]),
    "_chunk_cat": (
        lambda x, y: brasa._chunk_cat([x, y], 0, 3),
        lambda x, y: np.concatenate([np.pad(z, ((0, -len(z) % 3), (0, 0))).reshape(3, -1) for z in (x, y)], 1),
        [M, M[:3, :2]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_function(name):
    check(Case(*CASES[name]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "bool", "complex64", "float64", "uint8"])
def test_every_dtype_is_moved_alike(dtype):
    kind = getattr(brasa, dtype)
    x = brasa.tensor(I - 3).to(kind)
    values = x.numpy()
    assert np.array_equal(x.roll((1, 1), (0, 1)).numpy(), np.roll(values, (1, 1), (0, 1)))
    assert np.array_equal(brasa.cat([x.flip(0), x.T.T], 1).numpy(), np.concatenate([np.flip(values, 0), values], 1))
    assert np.array_equal(x.repeat(2, 1).tril().numpy(), np.tril(np.tile(values, (2, 1))))
    assert np.array_equal(x.unfold(1, 3, 3).diagonal().numpy(), np.diagonal(windows(values, 1, 3, 3)))


# memory


def test_views_share_memory_and_copies_do_not():
    x = brasa.arange(24.0).reshape(4, 6)
    for view in (x.diagonal(1), x.unfold(1, 2, 2), x.as_strided((2, 2), (7, 1)), *x.split(3, 1), *x.unbind(), x.mT):
        view.fill_(-1.0)
        assert (view == -1.0).all()
        assert (x == -1.0).any()
        x.copy_(brasa.arange(24.0).reshape(4, 6))
    for copy in (x.flip(0), brasa.diag(x), x.roll(1), x.repeat(1, 1), brasa.view_copy(x, (24,)), x.rot90(0)):
        copy.fill_(-1.0)
        assert not (x == -1.0).any()


@pytest.mark.parametrize("see", [
    lambda x: x.diagonal(1), lambda x: x.as_strided((3, 2), (6, 2), 1), lambda x: x.unfold(1, 3, 3),
    lambda x: x.T[1:].diagonal(), lambda x: x.view(brasa.int32)[0],
])  # fmt: skip
def test_a_write_through_a_view_is_the_same_when_compiled(see):
    def write(x):
        y = x * 1.0
        seen = see(y)
        seen.copy_(seen + 7)
        return y

    for rows in (4, 5):
        x = brasa.arange(6.0 * rows).reshape(rows, 6)
        assert brasa.compile(write, fullgraph=True)(x).tolist() == write(x).tolist()


def test_what_repeats_memory_cannot_be_written():
    x = brasa.ones(3).expand(2, 3)
    with pytest.raises(RuntimeError, match="one piece of memory"):
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="one piece of memory"):
        brasa.compile(lambda x: x.clone().expand(2, 3).add_(1.0))(brasa.ones(3))


def test_a_gradient_passes_through_a_written_diagonal():
    x, d = brasa.ones(3, 3, requires_grad=True), brasa.ones(3, requires_grad=True)
    y = x * 2.0
    y.diagonal().copy_(d * 3.0)
    y.sum().backward()
    assert x.grad.tolist() == (2.0 - 2.0 * np.eye(3)).tolist()
    assert d.grad.tolist() == [3.0, 3.0, 3.0]


def test_filled_diagonals():
    for shape, wrap in (((3, 5), False), ((7, 3), True), ((3, 3, 3), False)):
        want = np.zeros(shape)
        np.fill_diagonal(want, 2.0, wrap)
        assert brasa.zeros(shape).fill_diagonal_(2.0, wrap).tolist() == want.tolist()
        call = brasa.compile(lambda x, wrap=wrap: (x * 1.0).fill_diagonal_(2.0, wrap), fullgraph=True)
        assert call(brasa.zeros(shape)).tolist() == want.tolist()
    with pytest.raises(ValueError, match="must be of one size"):
        brasa.zeros(2, 2, 3).fill_diagonal_(1.0)


def test_the_memory_under_a_tensor():
    x = brasa.arange(6.0)
    assert x[2:].untyped_storage() == x.untyped_storage()
    assert x[2:].untyped_storage().data_ptr() == x.data_ptr()
    assert len(x.untyped_storage()) == 24
    assert x.is_set_to(x.detach())
    assert not x.is_set_to(x[1:])
    assert brasa.ones(3).set_(x[4:]).tolist() == [4.0, 5.0]
    assert not x.is_pinned()
    assert x.to_dense() is x


def test_views_in_place():
    x = brasa.arange(6.0).reshape(2, 3)
    y = x.clone()
    assert y.t_() is y
    assert y.tolist() == x.T.tolist()
    assert y.unsqueeze_(0).shape == (1, 3, 2)
    assert y.squeeze_(0).transpose_(0, 1).tolist() == x.tolist()
    assert y.as_strided_((2,), (3,)).tolist() == [0.0, 3.0]
    compiled = brasa.compile(lambda x: (x * 2.0).t_().unsqueeze_(1), fullgraph=True)
    assert compiled(x).tolist() == (x * 2.0).T.unsqueeze(1).tolist()


def test_views_of_another_dtype():
    x = brasa.tensor([1.0, -2.0, 0.5, 3.0])
    bits = x.numpy()
    assert x.view(brasa.int32).tolist() == bits.view(np.int32).tolist()
    assert x.view(brasa.float64).tolist() == bits.view(np.float64).tolist()
    assert x.view(dtype=brasa.uint8).tolist() == bits.view(np.uint8).tolist()
    assert x.view(brasa.int32).data_ptr() == x.data_ptr()
    compiled = brasa.compile(lambda x: x.view(brasa.int32) + 1, fullgraph=True)
    assert compiled(x).tolist() == (bits.view(np.int32) + 1).tolist()
    assert x.half().view(brasa.int16).tolist() == bits.astype(np.float16).view(np.int16).tolist()
    assert not brasa.ones(2, requires_grad=True).view(brasa.int32).requires_grad
    with pytest.raises(RuntimeError, match=r"4 elements make one|2 elements make one"):
        brasa.ones(3).view(brasa.float64)
    with pytest.raises(RuntimeError, match="must be contiguous"):
        brasa.ones(2, 2).T.view(brasa.float64)


def test_resizing():
    x = brasa.arange(6.0)
    assert x.resize_(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert x.resize_(6).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert x.resize_(3, 4).shape == (3, 4)
    assert x.flatten()[:6].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert brasa.resize_as_(x, brasa.ones(1, 2)).tolist() == [[0.0, 1.0]]
    assert brasa.compile(lambda x: (x + 1.0).resize_(2), fullgraph=True)(brasa.arange(3.0)).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="cannot be resized"):
        brasa.ones(2, requires_grad=True).resize_(3)


# sizes


def test_more_than_two_to_the_31_elements():
    many = brasa.arange(2.0).reshape(2, 1).expand(2, 2**32 + 3)
    assert many.numel() == 2**33 + 6
    assert many[1, 2**32 : 2**32 + 2].tolist() == [1.0, 1.0]
    assert many.narrow(1, 2**32, 2).roll(1, 0).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    long = brasa.arange(3.0).as_strided((2**31 + 5, 2), (0, 1))
    assert long[2**31 + 1 :].sum().item() == 4.0
    assert long.reshape(-1, 2).select(0, 2**31 + 4).tolist() == [0.0, 1.0]
    far = brasa.zeros(1, dtype=brasa.int8).expand(2**31 + 9)
    assert brasa.cat([far[2**31 :], far[:1] + 1]).tolist() == [0] * 9 + [1]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_any_shape(shape, data):
    values = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    x = brasa.tensor(values)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    shift = data.draw(st.integers(-6, 6))
    assert np.array_equal(x.roll(shift, axis).numpy(), np.roll(values, shift, axis))
    times = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    assert np.array_equal(x.tile(times).numpy(), np.tile(values, times))
    parts = data.draw(st.integers(1, 5))
    for one, other in zip(x.tensor_split(parts, axis), np.array_split(values, parts, axis), strict=True):
        assert np.array_equal(one.numpy(), other)
    if len(shape) >= 2:
        assert np.array_equal(x.diagonal(shift).numpy(), np.diagonal(values, shift))
        assert np.array_equal(x.tril(shift).numpy(), np.tril(values, shift))


# mistakes

X = brasa.ones(2, 3)


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: X.view(4, 2), ValueError, r"view: f32\[2,3\] has 6 elements, the shape \[4,2\] 8"),
        (lambda: X.view(-1, 4), ValueError, "view: 6 elements do not divide into"),
        (lambda: X.T.view(6), ValueError, "use .reshape"),
        (lambda: X.permute(0, 0), ValueError, "permute: .* is not an order of the 2 axes"),
        (lambda: X.movedim((0, 1), (0,)), ValueError, "movedim: 2 axes cannot be moved to 1"),
        (lambda: brasa.ones(1, 1, 1).t(), ValueError, "t: expects at most two axes"),
        (lambda: X.expand(3), ValueError, "expand: "),
        (lambda: X.unflatten(1, (2, 2)), ValueError, "unflatten: sizes .* do not multiply to 3"),
        (lambda: X.narrow(0, 1, 2), ValueError, "narrow: elements 1 to 2 are not all within axis 0"),
        (lambda: X.narrow(0, 3, 1), IndexError, "narrow: start 3 is outside -2..2"),
        (lambda: X.select(0, 2), IndexError, "select: index 2 is outside -2..1"),
        (lambda: brasa.tensor(1.0).unbind(), IndexError, "unbind: a zero-dim tensor"),
        (lambda: X.diagonal(0, 1, 1), ValueError, "diagonal: the two axes are one"),
        (lambda: X.unfold(1, 4, 1), ValueError, "unfold: windows of 4 elements do not fit axis 1"),
        (lambda: X.unfold(1, 2, 0), ValueError, "unfold: step must be positive"),
        (lambda: X.as_strided((7,), (1,)), ValueError, "as_strided: element 6 is outside the memory"),
        (lambda: X.as_strided((2,), (-1,)), ValueError, "must be negative"),
        (lambda: X.split([1, 2]), ValueError, r"split_with_sizes: sections \[1, 2\] do not add up to 2"),
        (lambda: X.chunk(0), ValueError, "chunk: the number of chunks must be positive"),
        (lambda: X.hsplit(2), ValueError, "hsplit: axis 1 of .* does not split into 2"),
        (lambda: X.roll((1, 2), 0), ValueError, "roll: 2 shifts and 1 dims"),
        (lambda: X.rot90(1, (0, 0)), ValueError, "rot90: the two axes are one"),
        (lambda: X.flip(0, 0), ValueError, "flip: an axis appears twice"),
        (lambda: X.repeat(2), ValueError, "repeat: 1 counts are fewer than the 2 axes"),
        (lambda: brasa.cat([X, brasa.ones(3)]), ValueError, "cat: tensor 1 is f32"),
        (lambda: brasa.cat([X, X.T]), ValueError, "cat: operand 1 is f32"),
        (lambda: brasa.cat(X), TypeError, "cat: expects a list of tensors"),
        (lambda: brasa.stack([X, X.T]), ValueError, "stack: tensor 1 has shape"),
        (lambda: brasa.stack([X, X], 4), IndexError, "stack: dim 4 is outside -3..2"),
        (lambda: brasa.meshgrid(X), ValueError, "meshgrid: expects vectors and scalars"),
        (lambda: brasa.meshgrid(X[0], indexing="yx"), ValueError, "meshgrid: indexing must be"),
        (lambda: brasa.broadcast_shapes((2, 3), (2,)), ValueError, "broadcast_shapes: .* 2 is not 3"),
        (lambda: brasa.tril(X[0]), ValueError, "tril: expects at least two axes"),
        (lambda: X.clone().fill_(X), ValueError, "fill: expects a number"),
    ],
)  # fmt: skip
def test_mistakes(call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call()
    assert isinstance(caught.value, brasa.BrasaError)


def test_broadcast_shapes():
    assert brasa.broadcast_shapes((2, 1), 3, (1, 1, 1)) == (1, 2, 3)
    assert brasa.broadcast_shapes() == ()


def test_sum_to_size_keeps_truth_values_that_it_does_not_sum():
    truths = brasa.tensor([[True, False], [True, True]])
    assert truths.sum_to_size(2, 2).dtype is brasa.bool
    assert truths.sum_to_size(2, 1).tolist() == [[1], [2]]
    assert truths[0, 0].sum_to_size(()).dtype is brasa.int64


@pytest.mark.parametrize("join", ["cat", "stack"])
def test_many_are_joined_in_groups(join):
    """Of 40 tensors, three groups: a function of 16 is compiled, none of 40."""
    values = np.random.default_rng(4).standard_normal((40, 2, 3)).astype(np.float32)
    tensors = [brasa.tensor(value, requires_grad=True) for value in values]
    joined = getattr(brasa, join)(tensors, 1)
    assert np.array_equal(joined.detach().numpy(), {"cat": np.concatenate, "stack": np.stack}[join](values, axis=1))
    (joined * joined).sum().backward()
    assert all(np.array_equal(each.grad.numpy(), 2 * value) for each, value in zip(tensors, values, strict=True))
    mixed = brasa.cat([*(each.detach() for each in tensors), brasa.ones(2, 3, dtype=brasa.float64)])
    assert mixed.dtype is brasa.float64 and mixed.shape == (82, 3)


def test_slices_that_begin_elsewhere_share_their_backward():
    """In a new process: what other tests have compiled may fit some of the starts."""
    program = """if True:
        import brasa
        from brasa.execution.runner import LOADED

        x = brasa.ones(30, 4, requires_grad=True)
        for start in range(4, 10):
            x.grad = None
            x[start : 2 * start + 3].sum().backward()
            assert x.grad.sum(1).tolist() == [0] * start + [4] * (start + 3) + [0] * (27 - 2 * start)
        print(LOADED.count("embed_from"))"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "1\n"
