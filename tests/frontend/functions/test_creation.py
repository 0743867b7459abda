"""New tensors, their dtypes, conversions, and what is shared with other libraries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa


def kinds(*names):
    return [getattr(brasa, name) for name in names]


# what is filled


def test_filled_tensors():
    assert brasa.zeros(2, 3).tolist() == np.zeros((2, 3)).tolist()
    assert brasa.ones(size=(2,), dtype=brasa.bool).tolist() == [True, True]
    assert brasa.full((2, 1), 3).tolist() == [[3], [3]]
    assert brasa.full((2,), brasa.tensor(1.5)).tolist() == [1.5, 1.5]
    assert brasa.full((1,), 1 + 2j).tolist() == [1 + 2j]
    assert brasa.scalar_tensor(5).dtype is brasa.float32
    assert brasa.eye(2, 3, dtype=brasa.int32).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert brasa.eye(0).shape == (0, 0)
    assert brasa.empty(2, 0).shape == (2, 0)
    assert brasa.zeros(()).shape == ()


@pytest.mark.parametrize("value, dtype", [
    (True, "bool"), (2, "int64"), (2.0, "float32"), (2j, "complex64"), (np.float64(2), "float32"),
    (np.int8(2), "int64"),
])  # fmt: skip
def test_the_dtype_of_a_full_tensor_is_that_of_its_value(value, dtype):
    assert brasa.full((2,), value).dtype is getattr(brasa, dtype)


def test_likenesses():
    x = brasa.ones(2, 3, dtype=brasa.int16).T
    for like in (brasa.zeros_like(x), brasa.ones_like(x), brasa.full_like(x, 2.5), brasa.empty_like(x),
                 x.new_zeros(3, 2), x.new_ones((3, 2)), x.new_full((3, 2), 4.5), x.new_empty(3, 2)):  # fmt: skip
        assert (like.shape, like.dtype, like.is_contiguous()) == ((3, 2), brasa.int16, True)
    assert brasa.full_like(x, 2.5).tolist() == [[2, 2]] * 3
    assert x.new_tensor([1.7]).tolist() == [1]
    assert brasa.zeros_like(x, dtype=brasa.float64, requires_grad=True).requires_grad
    assert x.new_zeros(2, dtype=brasa.bool).dtype is brasa.bool
    assert brasa.ones_like(x, memory_format=brasa.preserve_format, layout=brasa.strided, device="cpu").sum() == 6
    compiled = brasa.compile(lambda x, v: brasa.full_like(x, v) + x.new_full((2,), v), fullgraph=True)
    for value in (1.0, 2.0, 3.0):
        assert compiled(brasa.ones(2), value).tolist() == [2 * value] * 2


def test_strides_of_new_tensors():
    assert brasa.empty_strided((2, 3), (1, 2)).stride() == (1, 2)
    assert brasa.empty_permuted((2, 3, 4), (2, 0, 1)).stride() == (3, 1, 6)
    assert brasa.ones(1).new_empty_strided((2, 2), (0, 1)).stride() == (0, 1)
    x = brasa.empty_strided((2, 3), (1, 2))
    x.copy_(brasa.arange(6).reshape(2, 3))
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


# what counts


@pytest.mark.parametrize(
    "arguments", [(5,), (2, 7), (1, 8, 3), (7, 0, -2), (0.5, 3), (0, 1, 0.25), (1, 0, -0.3), (3, 3)]
)
@pytest.mark.parametrize("dtype", [None, "float64", "int32", "float16", "bfloat16"])
def test_arange(arguments, dtype):
    given = None if dtype is None else getattr(brasa, dtype)
    start, end, step = (
        arguments if len(arguments) == 3 else (*arguments, 1) if len(arguments) == 2 else (0, *arguments, 1)
    )
    count = int(np.ceil((end - start) / step))
    real = any(isinstance(x, float) for x in arguments)
    expected = start + step * np.arange(count)
    if dtype == "int32" and real:
        expected = int(start) + int(step) * np.arange(count)
    made = brasa.arange(*arguments, dtype=given)
    assert made.dtype is (given or (brasa.float32 if real else brasa.int64))
    assert np.array_equal(made.numpy(), expected.astype(made.dtype.numpy))


def test_arange_takes_tensors_and_sizes():
    assert brasa.arange(brasa.tensor(3)).tolist() == [0, 1, 2]
    assert brasa.arange(end=3, start=1).tolist() == [1, 2]
    compiled = brasa.compile(lambda x: brasa.arange(x.shape[0]) * 2, fullgraph=True)
    assert [compiled(brasa.ones(n)).tolist() for n in (3, 1, 4)] == [[0, 2, 4], [0], [0, 2, 4, 6]]


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 40))
def test_linspace_is_symmetric_and_meets_both_ends(start, end, steps):
    made = brasa.linspace(start, end, steps, dtype=brasa.float64).numpy()
    np.testing.assert_allclose(made, np.linspace(start, end, steps), rtol=1e-12, atol=1e-9)
    if steps > 1:
        assert (made[0], made[-1]) == (start, end)
        back = brasa.linspace(end, start, steps, dtype=brasa.float64).numpy()
        half = steps // 2
        assert np.array_equal(made[:half], back[::-1][:half])
        assert np.array_equal(back[:half], made[::-1][:half])


def test_spaced_values():
    assert brasa.linspace(0.5, 3.7, 5, dtype=brasa.int64).tolist() == [0, 0, 1, 2, 3]
    assert brasa.linspace(3, 9, 1).tolist() == [3.0]
    assert brasa.linspace(brasa.tensor(0.0), brasa.tensor(1.0), 3, dtype=brasa.bfloat16).tolist() == [0.0, 0.5, 1.0]
    assert brasa.logspace(0, 1, 3, dtype=brasa.int64).tolist() == [1, 3, 10]
    np.testing.assert_allclose(brasa.logspace(-2, 2, 7, 2.0).numpy(), np.logspace(-2, 2, 7, base=2), rtol=1e-6)
    compiled = brasa.compile(lambda a, b: brasa.linspace(a, b, 5), fullgraph=True)
    for end in (1.0, 3.0):
        assert compiled(brasa.tensor(0.0), brasa.tensor(end)).tolist() == np.linspace(0, end, 5).tolist()


def test_range_includes_its_end():
    assert brasa.range(1, 3).tolist() == [1.0, 2.0, 3.0]
    assert brasa.range(0, 1, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert brasa.range(2, 0, -1, dtype=brasa.int64).tolist() == [2, 1, 0]


def test_triangles_as_places():
    assert brasa.tril_indices(3, 4, -1).tolist() == np.stack(np.tril_indices(3, -1, 4)).tolist()
    assert brasa.triu_indices(3, 4, 1).tolist() == np.stack(np.triu_indices(3, 1, 4)).tolist()


def test_out_gives_its_dtype():
    out = brasa.empty(0, dtype=brasa.float64)
    assert brasa.arange(3, out=out) is out
    assert out.tolist() == [0.0, 1.0, 2.0]
    assert brasa.linspace(0, 1, 3, out=out).dtype is brasa.float64


# windows


@pytest.mark.parametrize("name, points", [
    ("hann", np.hanning), ("hamming", np.hamming), ("blackman", np.blackman), ("bartlett", np.bartlett),
])  # fmt: skip
def test_windows_that_numpy_has(name, points):
    for count in (1, 2, 5, 8):
        made = getattr(brasa.signal.windows, name)(count, dtype=brasa.float64).numpy()
        np.testing.assert_allclose(made, points(count), atol=1e-14)
        periodic = getattr(brasa, f"{name}_window")(count, dtype=brasa.float64).numpy()
        np.testing.assert_allclose(periodic, points(count + 1)[:count] if count > 1 else [1.0], atol=1e-14)


def test_windows_by_their_formulas():
    windows, n = brasa.signal.windows, np.arange(7)
    wide = {"dtype": brasa.float64}
    np.testing.assert_allclose(windows.cosine(7, **wide).numpy(), np.sin(np.pi * (n + 0.5) / 7))
    np.testing.assert_allclose(windows.gaussian(7, std=2.0, **wide).numpy(), np.exp(-(((n - 3) / 2) ** 2) / 2))
    np.testing.assert_allclose(windows.exponential(7, tau=3.0, **wide).numpy(), np.exp(-abs(n - 3) / 3))
    np.testing.assert_allclose(windows.exponential(7, center=1, sym=False, **wide).numpy(), np.exp(-abs(n - 1.0)))
    terms = [0.3635819, -0.4891775, 0.1365995, -0.0106411]
    nuttall = sum(w * np.cos(2 * np.pi * i * n / 6) for i, w in enumerate(terms))
    np.testing.assert_allclose(windows.nuttall(7, **wide).numpy(), nuttall, atol=1e-14)
    np.testing.assert_allclose(windows.general_hamming(7, alpha=0.5, **wide).numpy(), np.hanning(7), atol=1e-14)
    for beta in (0.0, 5.0, 12.0, 80.0):
        np.testing.assert_allclose(windows.kaiser(7, beta=beta, **wide).numpy(), np.kaiser(7, beta), rtol=1e-12)
    np.testing.assert_allclose(brasa.kaiser_window(6, **wide).numpy(), np.kaiser(7, 12.0)[:6], rtol=1e-12)
    assert windows.hann(0).shape == (0,)
    assert windows.hann(5).dtype is brasa.float32


# data


@pytest.mark.parametrize("data, dtype", [
    (1, "int64"), (1.0, "float32"), (True, "bool"), (1j, "complex64"), ([], "float32"), ([[]], "float32"),
    ([1, 2.0], "float32"), ([True, 2], "int64"), ([np.float64(1)], "float64"), (np.float16(1), "float16"),
    (np.arange(3, dtype=np.int16), "int16"), ([np.ones(2), np.zeros(2)], "float64"), ((1, 2), "int64"),
])  # fmt: skip
def test_the_dtype_of_data(data, dtype):
    assert brasa.tensor(data).dtype is getattr(brasa, dtype)
    assert brasa.tensor(data, dtype=brasa.complex128).dtype is brasa.complex128


def test_tensors_in_lists():
    parts = [brasa.tensor(1), brasa.tensor(2.5)]
    assert brasa.tensor(parts).tolist() == [1.0, 2.5]
    assert brasa.tensor([brasa.ones(1), brasa.zeros(1)]).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="only those of one element are numbers"):
        brasa.tensor([brasa.ones(2), brasa.zeros(2)])


def test_what_is_shared_with_numpy():
    array = np.arange(6.0).reshape(2, 3)
    for made in (brasa.from_numpy(array), brasa.as_tensor(array), brasa.asarray(array), brasa.from_dlpack(array)):
        made[0, 0] = 7.0
        assert array[0, 0] == 7.0
        array[0, 0] = 0.0
        assert made[0, 0] == 0.0
    assert brasa.from_numpy(array.T).stride() == (1, 3)
    assert np.shares_memory(brasa.from_numpy(array).numpy(), array)
    assert not np.shares_memory(brasa.asarray(array, copy=True).numpy(), array)
    assert brasa.as_tensor(array, dtype=brasa.float32).dtype is brasa.float32
    tensor = brasa.ones(3)
    assert brasa.as_tensor(tensor) is tensor
    assert np.asarray(tensor, dtype=np.int8).tolist() == [1, 1, 1]
    assert (np.ones(3) * tensor).tolist() == [1.0, 1.0, 1.0]
    assert brasa.frombuffer(bytearray(b"\x01\x02\x03"), dtype=brasa.uint8, offset=1).tolist() == [2, 3]


@pytest.mark.parametrize("dtype", kinds("float32", "float16", "int64", "uint8", "bool", "complex64"))
def test_dlpack_there_and_back(dtype):
    x = brasa.arange(6).reshape(2, 3).to(dtype).T
    assert x.__dlpack_device__() == (1, 0)
    foreign = np.from_dlpack(x)
    assert foreign.__array_interface__["data"][0] == x.data_ptr()
    assert np.array_equal(foreign, x.numpy())
    assert brasa.from_dlpack(x.__dlpack__()).tolist() == x.tolist()


def test_dlpack_of_bfloat16():
    x = brasa.tensor([1.0, -2.5], dtype=brasa.bfloat16)
    again = brasa.from_dlpack(x.__dlpack__())
    assert (again.dtype, again.tolist(), again.data_ptr()) == (brasa.bfloat16, [1.0, -2.5], x.data_ptr())
    with pytest.raises(RuntimeError, match="detach"):
        brasa.ones(1, requires_grad=True).__dlpack__()


# conversions


def test_to_in_all_its_forms():
    x = brasa.tensor([1.5, -2.5])
    assert x.to(brasa.float32) is x
    assert x.to("cpu") is x
    assert x.to(x) is x
    assert x.to(brasa.float32, copy=True) is not x
    assert x.to("cpu", brasa.int32).tolist() == [1, -2]
    assert x.to(brasa.float16, non_blocking=True, memory_format=brasa.preserve_format).dtype is brasa.float16
    assert x.to(int).dtype is brasa.int64
    assert x.to(device="cpu", dtype=brasa.float64).dtype is brasa.float64
    assert x.to(other=brasa.ones(1, dtype=brasa.int8)).dtype is brasa.int8
    with pytest.raises(TypeError, match="to: expected a dtype, a device or a tensor, found dict"):
        x.to({})


@pytest.mark.parametrize("name, dtype", [
    ("float", "float32"), ("double", "float64"), ("half", "float16"), ("bfloat16", "bfloat16"), ("int", "int32"),
    ("long", "int64"), ("short", "int16"), ("char", "int8"), ("byte", "uint8"), ("bool", "bool"),
    ("cfloat", "complex64"),
])  # fmt: skip
def test_casts_by_name(name, dtype):
    x = brasa.tensor([1.75, 0.0, 3.0])
    made = getattr(x, name)()
    assert made.dtype is getattr(brasa, dtype)
    assert np.array_equal(made.numpy(), x.numpy().astype(made.dtype.numpy))
    assert x.type(made.type()).dtype is made.dtype
    assert x.type_as(made).dtype is made.dtype


# facts


def test_facts_of_a_tensor():
    x = brasa.ones(2, 3, 4, 5, dtype=brasa.float16).permute(0, 3, 1, 2)
    assert (x.dim(), x.ndimension(), x.ndim, x.nelement(), x.numel(), brasa.numel(x)) == (4, 4, 4, 120, 120, 120)
    assert (x.element_size(), x.itemsize, x.nbytes, x.size(1), x.size()) == (2, 2, 240, 5, (2, 5, 3, 4))
    assert (x.stride(), x.stride(1), x[1].storage_offset()) == ((60, 1, 20, 5), 1, 60)
    assert not x.is_contiguous()
    assert x.is_contiguous(memory_format=brasa.channels_last)
    assert x.is_floating_point()
    assert x.is_signed()
    assert not x.is_cuda
    assert x.get_device() == -1
    assert x.layout is brasa.strided
    assert brasa.is_tensor(x)
    assert not brasa.is_tensor([1])
    compiled = brasa.compile(lambda x: x.as_strided((2,), (x.stride(0),)) * x.stride(0), fullgraph=True)
    assert [compiled(brasa.ones(3, n)).tolist() for n in (4, 5)] == [[4.0, 4.0], [5.0, 5.0]]


def test_python_protocols():
    x = brasa.tensor([[1, 2], [3, 4]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x
    assert 7 not in x
    assert [10, 20, 30][brasa.tensor(1)] == 20
    assert (int(x[0, 1]), float(x[1, 1]), bool(x[0, 0]), complex(x[1, 0])) == (2, 4.0, True, 3 + 0j)
    for call, kind in [
        (lambda: len(brasa.tensor(1)), TypeError), (lambda: list(brasa.tensor(1)), TypeError),
        (lambda: bool(x), RuntimeError), (lambda: x.item(), RuntimeError), (lambda: [1][brasa.tensor(0.5)], TypeError),
        (lambda: "a" in x, RuntimeError),
    ]:  # fmt: skip
        with pytest.raises(kind):
            call()


def test_facts_of_dtypes():
    single, half = brasa.finfo(brasa.float32), brasa.finfo(brasa.bfloat16)
    assert (single.bits, single.eps, single.max) == (
        32,
        float(np.finfo(np.float32).eps),
        float(np.finfo(np.float32).max),
    )
    assert (half.eps, half.dtype, brasa.finfo().dtype) == (0.0078125, "bfloat16", "float32")
    assert repr(single).startswith("finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07")
    assert repr(brasa.iinfo(brasa.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    with pytest.raises(TypeError, match="use iinfo"):
        brasa.finfo(brasa.int32)
    assert brasa.promote_types(brasa.uint8, brasa.int8) is brasa.int16
    assert brasa.result_type(brasa.ones(2, dtype=brasa.int32), 1.5) is brasa.float32
    assert brasa.result_type(brasa.ones(2, dtype=brasa.float16), brasa.tensor(1.0)) is brasa.float16
    assert brasa.can_cast(brasa.int64, brasa.float16)
    assert not brasa.can_cast(brasa.float32, brasa.int64)


# mistakes


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: brasa.zeros(-1), ValueError, "zeros: a size must not be negative"),
        (lambda: brasa.zeros(2, layout=brasa.sparse_coo), ValueError, "the only layout is brasa.strided"),
        (lambda: brasa.full((2,), brasa.ones(2)), ValueError, "full: expects a number or a zero-dim tensor"),
        (lambda: brasa.arange(3, 0), ValueError, "arange: steps of 1 do not lead from 3 to 0"),
        (lambda: brasa.arange(0, 3, 0), ValueError, "arange: step must not be 0"),
        (lambda: brasa.arange(float("inf")), ValueError, "is not finite"),
        (lambda: brasa.arange(3, dtype=brasa.bool), ValueError, "arange: cannot count in bool"),
        (lambda: brasa.linspace(0, 1, -1), ValueError, "linspace: the number of steps must not be negative"),
        (lambda: brasa.linspace(brasa.ones(1), 1, 3), ValueError, "linspace: ends must be numbers"),
        (lambda: brasa.eye(-1), ValueError, "eye: a size must not be negative"),
        (lambda: brasa.tensor(2**63), ValueError, "tensor: 9223372036854775808 does not fit int64"),
        (lambda: brasa.tensor([300], dtype=brasa.uint8), RuntimeError, "tensor: 300 does not fit uint8"),
        (lambda: brasa.tensor([[1], [2, 3]]), ValueError, "tensor: the data is not a regular array"),
        (lambda: brasa.tensor("a"), TypeError, "tensor: cannot make a tensor of str data"),
        (lambda: brasa.tensor([1, None]), TypeError, "tensor: cannot make a tensor"),
        (lambda: brasa.tensor(None), RuntimeError, "tensor: cannot make a tensor of NoneType"),
        (lambda: brasa.from_numpy([1]), TypeError, "from_numpy: expected a NumPy array"),
        (lambda: brasa.from_numpy(np.arange(3)[::-1]), ValueError, "a stride of the array is negative"),
        (lambda: brasa.from_numpy(np.array(["a"])), TypeError, "no dtype for NumPy's"),
        (lambda: brasa.empty_permuted((2, 3), (0, 0)), ValueError, "is not an order of the 2 axes"),
        (lambda: brasa.signal.windows.hann(-1), ValueError, "the number of points must not be negative"),
        (lambda: brasa.signal.windows.hann(3, dtype=brasa.int32), ValueError, "windows are float32 or float64"),
        (lambda: brasa.signal.windows.general_cosine(3, a=()), ValueError, "at least one weight"),
        (lambda: brasa.signal.windows.exponential(3, center=1), ValueError, "has its center in the middle"),
        (lambda: brasa.asarray([1.0], copy=False), ValueError, "cannot become a tensor without a copy"),
    ],
)  # fmt: skip
def test_mistakes(call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call()
    assert isinstance(caught.value, brasa.BrasaError)
