"""Programs that once had more than one answer, as the fuzzer printed them."""

from __future__ import annotations

from tests.fuzz.judging import assert_one_answer
from tests.fuzz.program import Input, Program


def test_an_axis_of_size_one_beside_others_that_are_joined() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3, 6, 6), "float32", True),),
            setup=(),
            body=("v1 = brasa.kron(x0, fit(x0, 2, 2))", "total(v1).backward()\nv2 = v1.grad"),
            outputs=("x0",),
            sizes=({"n": 3},),
            seed=26,
        )
    )


def test_gradients_before_an_error() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (1,), "float32", True), Input("x2", ("n",), "float32")),
            setup=(),
            body=("v3 = brasa.fft.hfftn(fit(x2, 2, 2))", "total(x1).backward()\nv4 = x1.grad", "v6 = x1.topk(1, 1)[0]"),
            outputs=("v6",),
            sizes=({"n": 2},),
            seed=4,
        )
    )


def test_an_argument_that_is_written_beside_gradients() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (2, "n", "m"), "float32"), Input("x2", (), "float32", True)),
            setup=(),
            body=("x1[::2] += 1", "v5 = brasa.pow(x1, x2)"),
            outputs=("v5",),
            sizes=({"n": 8, "m": 3},) * 5,
            seed=120,
        )
    )


def test_gradients_of_arguments_are_theirs_in_each_call() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (1,), "float32", True),),
            setup=(),
            body=("total(x0, x0).backward()\nv8 = x0.grad",),
            outputs=(),
            sizes=({"n": 3},) * 5,
            seed=277,
        )
    )


def test_a_sum_that_nobody_needs_beside_what_it_would_sum() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (), "float32", True), Input("x1", ("n", "m"), "float32", True)),
            setup=(),
            body=("total(x0, x1, x0).backward()\nv12 = x1.grad",),
            outputs=(),
            sizes=({"n": 3, "m": 3},),
            seed=209,
        )
    )


def test_a_layer_of_a_shape_that_is_read_from_a_tensor() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 3, 6, 6), "float32"), Input("x2", ("n", 3, 6, 6), "float32")),
            setup=(),
            body=("v1 = nn.functional.layer_norm(x1, x1.shape[-1:])",),
            outputs=("x2",),
            sizes=({"n": 1},),
            seed=203,
        )
    )


def test_writing_through_an_expand_that_repeats_nothing() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32"),),
            setup=(),
            body=("v2 = x0.argsort(0)", "v6 = brasa.broadcast_to(v2, v2.shape)", "v6.copy_(v6.sum(-1, keepdim=True))"),
            outputs=("v2",),
            sizes=({"n": 3, "m": 7},),
            seed=125,
        )
    )


def test_writing_through_windows_that_overlap() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x2", ("n", "m"), "float32"),),
            setup=(),
            body=("v1 = x2.unfold(-2, 2, 1)", "v1 -= 1"),
            outputs=("v1",),
            sizes=({"n": 8, "m": 17},),
            seed=1011,
        )
    )


def test_an_argument_on_the_tape_twice() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n",), "float32"), Input("x2", (), "float32", True)),
            setup=(),
            body=("x1 += x2", "x1 *= x2", "v1, = brasa.autograd.grad(total(x1), (x2,), retain_graph=True)"),
            outputs=("v1",),
            sizes=({"n": 3},) * 5,
            seed=1,
        )
    )


def test_gradients_by_what_a_loss_does_not_depend_on() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (1,), "float32", True),),
            setup=(),
            body=(
                "v4 = x0.sin()",
                "v6, v7, = brasa.autograd.grad(total(x0), (v4, x0,), create_graph=True, allow_unused=True)",
                "v8, = brasa.autograd.grad(total(x0, x0.argmax().float()), (v4,))",
            ),
            outputs=("v6",),
            sizes=({"n": 8},),
            seed=1036,
        )
    )


def test_gradients_by_a_view_that_was_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (1,), "float32", True),),
            setup=(),
            body=(
                "v4 = brasa.ceil(x1)",
                "v5 = v4.movedim(-1, 0)",
                "v5.addcmul_(x1, x1, value=0.5)",
                "v10, v11, = brasa.autograd.grad(total(v4, v5), (v5, x1,), create_graph=True, allow_unused=True)",
                "v12, = brasa.autograd.grad(total(v11), (x1,))",
            ),
            outputs=("v10", "v12"),
            sizes=({"n": 1},),
            seed=1039,
        )
    )


def test_a_strided_argument_that_a_loop_reads_after_it_was_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3), "float32", False, "strided"),),
            setup=(),
            body=("x0.exp_()", "v1 = brasa.scan(lambda h, x: (h + x, h * x), x0[0] * 0, x0)[1]"),
            outputs=("v1",),
            sizes=({"n": 4},),
            seed=1,
        )
    )


def test_a_strided_argument_that_is_read_in_another_shape_after_it_was_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 4), "float32", False, "strided"),),
            setup=(),
            body=("v1 = x1.unsqueeze(-1)", "v3 = brasa.tanh(v1)", "x1.exp_()", "v6 = brasa.ne(v3, v1)"),
            outputs=("v6",),
            sizes=({"n": 8},),
            seed=1094,
        )
    )


def test_an_unknown_size_of_nothing() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x3", ("m", 4), "float32"),),
            setup=(),
            body=("v11 = x3.reshape(x3.shape[0], -1)",),
            outputs=(),
            sizes=({"m": 3}, {"m": 0}),
            seed=1082,
        )
    )


def test_a_product_over_one_row_of_strided_memory() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", "m"), "float32"),),
            setup=(),
            body=("v9 = x1[..., ::2]", "v10 = brasa.dot(v9.flatten(), v9.flatten())"),
            outputs=("v10",),
            sizes=({"n": 1, "m": 37}, {"n": 3, "m": 37}, {"n": 1, "m": 37}),
            seed=3006,
        )
    )


def test_a_copy_of_one_that_is_minus_zero() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 4), "float32", True, "", True), Input("x1", (1,), "float32", True)),
            setup=(),
            body=("total(nn.functional.l1_loss(fit(x0, 2, 3), fit(x1, 2, 3)), x1).backward()\nv1 = x0.grad",),
            outputs=("v1",),
            sizes=({"n": 1}, {"n": 3}),
            seed=5028,
        )
    )


def test_gradients_of_a_gradient_by_what_it_does_not_read() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 3), "float32", True),),
            setup=(),
            body=(
                "v1, = brasa.autograd.grad(total(x1), (x1,), create_graph=True)",
                "total(v1).backward()\nv2 = x1.grad",
            ),
            outputs=("v2",),
            sizes=({"n": 0}, {"n": 500}),
            seed=1467,
        )
    )


def test_a_view_of_a_view_is_written_after_values_were_looked_at() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m",), "float32"),),
            setup=(),
            body=(
                "v1 = x0.split(2, 0)[0]", "v2 = x0[x0 > 0]", "v1.flatten()[0] = 1", "v3 = v1 + 1", "v1 *= 2",
                "v4 = x0 * 3",
            ),
            outputs=("v2", "v3", "v4"),
            sizes=({"m": 4},),
            seed=1456,
        )
    )  # fmt: skip


def test_a_row_of_a_view_that_repeats_rows_is_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m", 4), "float32"),),
            setup=(),
            body=("v1 = x0.sum(0)", "v5 = brasa.broadcast_to(v1, x0.shape)", "v5[0] = 1"),
            outputs=("v1", "v5"),
            sizes=({"m": 3},),
            seed=1216,
        )
    )


def test_a_written_argument_that_a_kernel_reads_in_another_shape() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 1), "float32"),),
            setup=(),
            body=(
                "x0[1:] = x0[:-1]",
                "v2 = brasa.poisson(x0.abs())",
                "v4 = brasa.addcmul(x0, v2, v2, value=0.5)",
            ),
            outputs=("v4",),
            sizes=({"n": 5},),
            seed=5056,
        )
    )


def test_a_strided_argument_that_was_written_is_read_after_a_value_was_looked_at() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 4), "float32", False, "strided"),),
            setup=(),
            body=("x0[2:] = 0", "v1 = x0 * round(x0.sum().item(), 2)", "v2 = fit(x0, 5, 6)"),
            outputs=("v1", "v2"),
            sizes=({"n": 5},),
            seed=3103,
        )
    )


def test_what_was_written_through_a_turned_view_is_seen_in_another_shape_later() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3, 2), "float32"),),
            setup=(),
            body=(
                "v1 = x0 + 1",
                "v1.transpose(2, 1).mul_(2)",
                "if v1.sum() > 0:\n    v2 = v1 + 1\nelse:\n    v2 = v1",
                "v3 = v1.reshape(-1)",
            ),
            outputs=("v1", "v2", "v3"),
            sizes=({"n": 2},),
            seed=3085,
        )
    )


def test_gradients_of_a_gradient_beside_a_column_that_was_broadcast() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 1), "float32", True), Input("x1", (2, "n", "m"), "float32")),
            setup=(),
            body=(
                "v1 = brasa.hypot(x1, x0)",
                "v2, = brasa.autograd.grad(total(x0), (x0,), create_graph=True)",
                "v3, = brasa.autograd.grad(total(x0, v2, v1), (x0,))",
            ),
            outputs=("v3",),
            sizes=({"n": 8, "m": 4}, {"n": 1, "m": 4}),
            seed=40003,
        )
    )


def test_what_is_left_of_terms_that_cancel_is_sorted() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x2", ("n", "m"), "float32"),),
            setup=(),
            body=(
                "v3 = brasa.fft.hfft2(fit(x2, 2, 2))",
                "v4 = v3.take_along_dim(v3.argsort(-1), -1)",
                "v5 = v3 != v4",
            ),
            outputs=("v5",),
            sizes=({"n": 0, "m": 5},),
            seed=42328,
        )
    )


def test_the_sign_of_nan_is_anyones() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m", 4), "float32"),),
            setup=(),
            body=("v2 = brasa.erfinv(x0)", "v8 = brasa.signbit(fit(v2, 2, 3))"),
            outputs=("v8",),
            sizes=({"n": 8, "m": 17},),
            seed=20243,
        )
    )


def test_the_logarithm_of_what_a_transform_cancels_hangs_by_a_thread() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (1, "m"), "float32"),),
            setup=(),
            body=(
                "v4 = brasa.fft.fft(fit(x0, 4))",
                "v5 = brasa.log10(v4)",
                "v13 = x0 * 0.5 + 0.3\nif v13.isnan().any():\n    v13 = v13.nan_to_num()",
            ),
            outputs=(),
            sizes=({"n": 3, "m": 0},),
            seed=41303,
        )
    )
