"""Tensors as PyTorch users know them: making, seeing, viewing and writing them."""

import copy
import pickle

import numpy as np
import pytest

import brasa
from brasa.tracing.promotion import promote_types


def test_making_from_python():
    assert brasa.tensor([1, 2]).dtype is brasa.int64
    assert brasa.tensor([1.0, 2]).dtype is brasa.float32
    assert brasa.tensor([True]).dtype is brasa.bool
    assert brasa.tensor(np.float64(3)).dtype is brasa.float64
    assert brasa.tensor([]).dtype is brasa.float32
    assert brasa.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert brasa.tensor([brasa.tensor(1.0), brasa.tensor(2.0)]).tolist() == [1.0, 2.0]


def test_making_of_tensors_in_lists():
    one, two = brasa.ones(1), brasa.tensor(2, dtype=brasa.int64)
    cases = (
        ([one, one], (2,), brasa.float32), ([one.reshape(1, 1), 3], (2,), brasa.float32),
        ([[one], [two]], (2, 1), brasa.float32), ([two, 2.5], (2,), brasa.float32), ([two, 3], (2,), brasa.int64),
        ([one.double(), two], (2,), brasa.float64), ([one.bfloat16()], (1,), brasa.bfloat16),
        ([np.ones(1), np.ones(1)], (2, 1), brasa.float64),
    )  # fmt: skip
    for data, shape, dtype in cases:
        made = brasa.tensor(data)
        assert made.shape == shape and made.dtype is dtype
    assert brasa.tensor([one, 3, two]).tolist() == [1.0, 3.0, 2.0]
    assert brasa.tensor([one, 2.5], dtype=brasa.int32).tolist() == [1, 2]
    with pytest.raises(
        ValueError, match=r"^tensor: a list holds a tensor of shape \[2\]; only those of one element are"
    ):
        brasa.tensor([brasa.ones(2), brasa.ones(2)])


def test_names_of_dtypes_make_and_know_tensors():
    assert brasa.LongTensor([1, 2]).dtype is brasa.int64 and brasa.FloatTensor(2, 3).shape == (2, 3)
    x = brasa.nn.Parameter(brasa.ones(2))
    assert isinstance(x, brasa.FloatTensor) and isinstance(x > 0, brasa.BoolTensor)
    assert not isinstance(x, brasa.LongTensor) and not isinstance(2.0, brasa.FloatTensor)
    assert brasa.FloatTensor.__name__ == "FloatTensor"


def test_making_filled():
    assert brasa.zeros(2, 3).shape == (2, 3)
    assert brasa.ones((2,), dtype=brasa.int32).tolist() == [1, 1]
    assert brasa.full((2,), 7).dtype is brasa.int64
    assert brasa.arange(2, 8, 3).tolist() == [2, 5]
    assert brasa.arange(0.0, 1.0, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert brasa.linspace(0.0, 1.0, 5).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert brasa.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert brasa.zeros_like(brasa.ones(2, dtype=brasa.float64)).dtype is brasa.float64
    assert brasa.zeros(0, 3).sum().item() == 0.0


def test_default_dtype():
    compiled = brasa.compile(lambda x: x / 2)
    try:
        for dtype in (brasa.float32, brasa.float64, brasa.float32):
            brasa.set_default_dtype(dtype)
            assert brasa.get_default_dtype() is brasa.tensor([1.5]).dtype is dtype
            for _ in range(5):
                assert compiled(brasa.tensor([3])).dtype is dtype
    finally:
        brasa.set_default_dtype(brasa.float32)
    with pytest.raises(brasa.BrasaError, match="must be a float dtype"):
        brasa.set_default_dtype(brasa.int64)


def test_numpy_shares_memory_both_ways():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = brasa.from_numpy(array)
    array[0, 0] = 9
    assert tensor[0, 0].item() == 9
    tensor.numpy()[1, 2] = 7
    assert array[1, 2] == 7
    assert brasa.from_numpy(array.T).stride() == (1, 3)
    copied = brasa.tensor(array)
    array[0, 0] = 0
    assert copied[0, 0].item() == 9


def test_arrays_of_all_kinds():
    """Read-only, empty, of other byte orders, between elements, and of a dtype that NumPy does not know."""
    array = np.arange(6, dtype=np.float32)
    fixed = array.copy()
    fixed.flags.writeable = False
    unaligned = np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(np.float32)
    for given in (
        array,
        fixed,
        array[::2],
        array[2:2],
        array.astype(">f4"),
        unaligned,
        brasa.arange(6.0).bfloat16().numpy(),
    ):
        made = brasa.from_numpy(given)
        assert made.tolist() == given.tolist() and made.shape == given.shape
        if given.dtype.isnative and given is not unaligned and given.size:
            assert made.data_ptr() == given.__array_interface__["data"][0]


def test_views_share_memory():
    base = brasa.arange(12).reshape(3, 4)
    for view in (base.t()[0], base[:, 0], base.view(12)[::4], base.permute(1, 0)[0], base.reshape(2, 6)[0, ::4]):
        assert view.data_ptr() == base.data_ptr()
    base[1:, 1] = 100
    assert base.tolist() == [[0, 1, 2, 3], [4, 100, 6, 7], [8, 100, 10, 11]]
    base.t()[3].zero_()
    assert base[:, 3].tolist() == [0, 0, 0]
    assert base.t().reshape(12).data_ptr() != base.data_ptr()
    with pytest.raises(brasa.BrasaError, match="without a copy"):
        base.t().view(12)


def test_indexing_as_numpy():
    array = np.arange(24).reshape(2, 3, 4)
    tensor = brasa.from_numpy(array)
    for key in (0, -1, (1, 2), (slice(None), 1), (..., 2), (0, slice(1, None, 2)), (None, 1), (1, ..., None),
                slice(5, 1), (slice(0, 2), slice(-2, None), slice(None, -1))):  # fmt: skip
        np.testing.assert_array_equal(tensor[key].numpy(), array[key])
    index = brasa.tensor([1, 0, -1])
    np.testing.assert_array_equal(tensor[index].numpy(), array[[1, 0, -1]])
    np.testing.assert_array_equal(tensor[:, index].numpy(), array[:, [1, 0, -1]])
    np.testing.assert_array_equal(tensor[tensor[:, 0, 0] > 3].numpy(), array[array[:, 0, 0] > 3])


def test_promotion_is_pytorchs():
    half, single, double = brasa.float16, brasa.float32, brasa.float64
    assert promote_types(brasa.int64, half) is half
    assert promote_types(half, brasa.bfloat16) is single
    assert promote_types(brasa.uint8, brasa.int8) is brasa.int16
    assert promote_types(brasa.bool, brasa.uint8) is brasa.uint8
    ints, floats = brasa.ones(2, dtype=brasa.int32), brasa.ones(2)
    assert (ints + 1).dtype is brasa.int32
    assert (ints + 1.5).dtype is single
    assert (ints / 2).dtype is single
    assert (floats + brasa.tensor(1.0, dtype=double)).dtype is single
    assert (floats + brasa.ones(2, dtype=double)).dtype is double
    assert (ints * brasa.tensor(2.0, dtype=double)).dtype is double
    assert (ints + True).dtype is brasa.int32
    assert (floats > 0).dtype is brasa.bool
    assert ints.sum().dtype is brasa.int64
    assert (brasa.ones(2, dtype=half) * 2.5).dtype is half


def test_representation_is_pytorchs():
    assert repr(brasa.tensor([1.0, 2.5])) == "tensor([1.0000, 2.5000])"
    assert repr(brasa.tensor([1, -20])) == "tensor([  1, -20])"
    assert repr(brasa.tensor(3.0)) == "tensor(3.)"
    assert repr(brasa.tensor([True, False])) == "tensor([ True, False])"
    assert repr(brasa.tensor([[1.0], [2.0]])) == "tensor([[1.],\n        [2.]])"
    assert repr(brasa.tensor([1.0], dtype=brasa.float64)) == "tensor([1.], dtype=brasa.float64)"
    assert repr(brasa.tensor([1e-8, 1.0])) == "tensor([1.0000e-08, 1.0000e+00])"
    assert repr(brasa.tensor([float("nan"), 1.0])) == "tensor([nan, 1.])"
    assert repr(brasa.ones(2, requires_grad=True) * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
    assert repr(brasa.arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"
    assert repr(brasa.zeros(0)) == "tensor([])"


def test_in_place_forms_write_where_the_tensor_lies():
    x = brasa.ones(2, 3)
    address = x.data_ptr()
    x.add_(1).mul_(3.0)
    x -= 1
    x[0] = brasa.tensor([1.0, 2.0, 3.0])
    x[:, 1].fill_(9)
    assert x.data_ptr() == address
    assert x.tolist() == [[1.0, 9.0, 3.0], [5.0, 9.0, 5.0]]
    x[x > 4] = 0.0
    assert x.tolist() == [[1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]
    y = brasa.arange(5)
    y[1:] = y[:-1]
    assert y.tolist() == [0, 0, 1, 2, 3]
    with pytest.raises(brasa.BrasaError, match="cannot be written"):
        brasa.arange(3).add_(0.5)
    with pytest.raises(brasa.BrasaError, match="cannot be written"):
        brasa.ones(3).add_(brasa.ones(2, 3))


def test_gradients_through_in_place_writes():
    x = brasa.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    y[1:].mul_(brasa.tensor([5.0, 7.0]))
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 10.0, 14.0]
    z = x.exp()
    z.add_(1)
    with pytest.raises(brasa.BrasaError, match="changed in place"):
        z.sum().backward()


def test_backward_rules():
    x = brasa.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(brasa.BrasaError, match="freed"):
        y.backward()
    with pytest.raises(brasa.BrasaError, match="scalar only"):
        (x * 2).backward()
    with pytest.raises(brasa.BrasaError, match="does not depend"):
        brasa.ones(1).sum().backward()
    assert (x * 2).detach().requires_grad is False
    with brasa.no_grad():
        assert (x * 2).requires_grad is False
        with brasa.enable_grad():
            assert (x * 2).requires_grad is True

    @brasa.no_grad()
    def quiet():
        return x * 2

    assert quiet().requires_grad is False
    (unused,) = brasa.autograd.grad((x * 2).sum(), [brasa.ones(1, requires_grad=True)], allow_unused=True)
    assert unused is None


def test_hooks_and_retained_gradients():
    x = brasa.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    seen = []
    handle = x.register_hook(lambda grad: seen.append(grad.tolist()))
    (y * y).sum().backward()
    assert y.grad.tolist() == [6.0, 12.0]
    assert seen == [[18.0, 36.0]]
    handle.remove()
    x.register_hook(lambda grad: grad * 0)
    x.grad = None
    (x * 1).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_copies():
    x = brasa.tensor([[1.0, 2.0]], requires_grad=True)
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.tolist() == x.tolist()
        assert other.requires_grad
        assert other.data_ptr() != x.data_ptr()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: x @ brasa.ones(2, 3), ValueError, r"matmul: inner sizes differ, 3 \(last of lhs\) and 2"),
        (lambda x: x + brasa.ones(4), ValueError, r"add: shapes \[2,3\] and \[4\] cannot be broadcast"),
        (lambda x: x.sum(2), IndexError, r"sum: dim 2 is outside -2..1"),
        (lambda x: x[2], IndexError, r"select: index 2 is outside -2..1, axis 0 of f32\[2,3\]"),
        (lambda x: x[0.5], IndexError, "not float"),
        (lambda x: x.view(4), ValueError, r"view: f32\[2,3\] has 6 elements, the shape \[4\] 4"),
        (lambda x: x.reshape(-1, 4), ValueError, "reshape: 6 elements do not divide"),
        (lambda x: x.permute(0, 0), ValueError, "permute"),
        (lambda x: brasa.cat([x, brasa.ones(2)]), ValueError, "cat: tensor 1 is"),
        (lambda x: brasa.cat([]), ValueError, "cat: expects at least one tensor"),
        (lambda x: x.exp(1), TypeError, "exp"),
        (lambda x: brasa.add(x, "1"), TypeError, "add: expected a tensor or a number, found str"),
        (lambda x: x + None, TypeError, "unsupported operand"),
        (lambda x: x.to("moon"), RuntimeError, "no device 'moon'"),
        (lambda x: x.long().mean(), TypeError, "mean: is not defined for i64"),
        (lambda x: bool(x), ValueError, "bool: the truth of a tensor with 6 elements is ambiguous"),
        (lambda x: x.item(), ValueError, "item: a tensor with 6 elements"),
        (lambda x: brasa.zeros(-1), ValueError, "zeros: a size must not be negative"),
        (lambda x: brasa.tensor([[1], [2, 3]]), ValueError, "tensor: the data is not a regular array"),
        (lambda x: brasa.tensor("text"), TypeError, "tensor"),
        (lambda x: x.gather(1, brasa.tensor([[0], [3]])), IndexError, "index 3 is outside 0..2"),
    ],
)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call(brasa.ones(2, 3))
    assert isinstance(caught.value, brasa.BrasaError) or kind is TypeError
