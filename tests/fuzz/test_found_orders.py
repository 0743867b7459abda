"""What the fuzzer has found in how elements are found in memory, and in orders of summation that hang on it."""

from tests.fuzz.judging import assert_one_answer
from tests.fuzz.program import Input, Program


def test_the_order_of_a_product_of_what_is_repeated() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 1), "float32"),),
            setup=(),
            body=("x0[::2] += 1", "v4 = brasa.tensordot(x0, x0, 1)"),
            outputs=("v4",),
            sizes=({"n": 8},),
            seed=20368,
        )
    )


def test_the_order_of_a_product_of_what_is_flipped() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (4, 4), "float32"), Input("x3", ("n", 4), "float32")),
            setup=(),
            body=("v1 = nn.functional.linear(x3.flip(-1), x0)",),
            outputs=("v1",),
            sizes=({"n": 7},),
            seed=20868,
        )
    )


def test_what_runs_backwards_is_found_in_joint_axes() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m",), "float32"),),
            setup=(),
            body=(
                "v1 = nn.functional.unfold(fit(x0, 2, 3, 6, 6), 2)",
                "v2 = nn.functional.pad(fit(v1, 1, 100), (5, 5), 'reflect')",
            ),
            outputs=("v2",),
            sizes=({"n": 3, "m": 17},),
            seed=41098,
        )
    )


def test_the_order_of_a_product_of_what_is_turned_and_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("m", 4), "float32", layout="transposed"),),
            setup=(),
            body=("x1[x1.shape[0] // 2 :] = 0", "v1 = nn.functional.linear(x1, x1)"),
            outputs=("v1",),
            sizes=({"m": 7},),
            seed=30096,
        )
    )


def test_the_order_of_a_product_of_what_is_turned_and_detached() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("m", 4), "float32", layout="transposed"),),
            setup=(),
            body=("v0 = x1.detach()", "v1 = nn.functional.linear(v0, v0)"),
            outputs=("v1",),
            sizes=({"m": 7},),
            seed=30096,
        )
    )


def test_the_order_of_gradients_from_a_program_that_was_left() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 3, 6, 6), "float32", layout="strided"), Input("x2", ("n",), "float32", True)),
            setup=(),
            body=(
                "v1 = x2 - x2",
                "v2 = brasa.dot(x1.flatten(), x1.flatten())",
                "total(x2, v1).backward()\nv4 = x2.grad",
            ),
            outputs=("v4",),
            sizes=({"n": 8},),
            seed=30065,
        )
    )


def test_a_value_meets_itself_when_its_sizes_are_known() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 3, "m"), "float32", True),),
            setup=(),
            body=(
                "v1 = brasa.argmax(fit(x1, 2))",
                "v3 = brasa.atan2(x1, x1)",
                "v4, = brasa.autograd.grad(total(v3, x1), (x1,), create_graph=True)",
                "v5, = brasa.autograd.grad(total(x1, v4), (x1,))",
            ),
            outputs=("v5",),
            sizes=({"n": 5, "m": 4},),
            seed=50951,
        )
    )


def test_gradients_add_up_over_an_axis_that_only_the_program_knows_to_be_one() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x2", ("n", 3, "m"), "float32", True),),
            setup=(),
            body=("v3 = x2[..., None]", "v7 = nn.functional.conv2d(v3, fit(x2, 4, 3, 3, 3), fit(x2, 4), padding=1)"),
            outputs=("v7",),
            sizes=({"n": 3, "m": 33},),
            seed=62127,
        )
    )


def test_nothing_is_seen_in_any_shape() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32"),),
            setup=(),
            body=("v2 = x0.transpose(1, 0)", "v4 = v2.view(-1)"),
            outputs=("v2", "v4"),
            sizes=({"n": 0, "m": 8},),
            seed=70656,
        )
    )


def test_a_quotient_by_a_sum_that_is_about_zero() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", "m"), "float32"), Input("x2", ("m",), "float32")),
            setup=(),
            body=(
                "v3 = brasa.map(lambda h: h.tanh(), x2)",
                "v4 = nn.functional.batch_norm(fit(x1, 2, 3, 6, 6), None, None, training=True)",
                "v10 = nn.functional.group_norm(v4, 3)",
                "v11 = v10 / v10.sum(-1, keepdim=True)",
            ),
            outputs=("v3", "v11"),
            sizes=({"n": 2, "m": 4},),
            seed=80551,
        )
    )


def test_a_view_in_sizes_that_have_become_known_lies_as_it_did() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 4), "float32", layout="transposed"),),
            setup=(),
            body=(
                "v3 = fit(x0, 3)",
                "v4 = x0.reshape(x0.shape[0], -1)",
                "v13 = x0 * round(x0.sum().item(), 2)",
                "v17 = v4.flatten()",
            ),
            outputs=("v17",),
            sizes=({"n": 8, "m": 4},),
            seed=86342,
        )
    )


def test_gradients_of_gradients_meet_behind_what_a_function_repeats() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m",), "float32", True),),
            setup=(),
            body=(
                "v3 = x0.sum(0)",
                "v4 = brasa.atan2(v3, x0)",
                "v5, = brasa.autograd.grad(total(x0, v4, x0), (x0,), create_graph=True)",
                "total(v5, v3).backward()",
            ),
            outputs=("x0",),
            sizes=({"n": 3, "m": 7},),
            seed=80371,
        )
    )


def test_gradients_of_gradients_meet_behind_what_a_special_function_repeats() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m",), "float32", True), Input("x2", ("n", "m"), "int64")),
            setup=(),
            body=(
                "v2 = brasa.igammac(x2, x0)",
                "v8, = brasa.autograd.grad(total(v2.squeeze(-1)), (x0,), create_graph=True)",
                "total(v8, x0).backward()",
            ),
            outputs=("x0",),
            sizes=({"n": 33, "m": 33},),
            seed=81372,
        )
    )


def test_gradients_of_views_meet_where_the_views_have_a_way_in_common() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (), "float32", True), Input("x1", ("n", 3, 6, 6), "float32", True, "strided")),
            setup=(),
            body=(
                "v2 = x1[1:]",
                "v3 = v2.swapaxes(-3, 0)",
                "v8 = nn.functional.conv_transpose2d(v2, fit(v2, 3, 2, 2, 2), stride=2)",
                "v9, v10, = brasa.autograd.grad(total(v8, x0, x0), (x0, v8,), create_graph=True)",
                "total(v3, x1, v10).backward()",
            ),
            outputs=("x0",),
            sizes=({"n": 3, "m": 4},),
            seed=72170,
        )
    )


def test_gradients_that_a_program_returns_are_differentiated_as_on_the_tape() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (2, "n", "m"), "float32", True), Input("x2", (), "float64", True)),
            setup=(),
            body=(
                "v3, v4, = brasa.autograd.grad(total(x0, x2), (x0, x0), create_graph=True)",
                "v8 = v4 - v4.mean() if bool((x0 > 0).any()) else v4 + 1",
            ),
            outputs=("v8",),
            sizes=({"n": 3, "m": 17},),
            seed=96052,
        )
    )


def test_the_order_of_a_product_of_a_column_that_only_the_program_knows_to_be_one() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 1), "float32"),),
            setup=(),
            body=(
                "x0[0] = 1",
                "x0.scatter_add_(-2, brasa.zeros_like(x0, dtype=brasa.int64), x0)",
                "v6 = brasa.dot(x0.flatten(), x0.flatten())",
            ),
            outputs=("v6",),
            sizes=({"n": 33}, {"n": 8}),
            seed=95587,
        )
    )


def test_as_many_steps_as_there_turn_out_to_be_rows() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n",), "float32"), Input("x2", ("n", 4), "float32")),
            setup=(),
            body=(
                "v2 = x1[: x1.shape[0] // 2]",
                "v6 = brasa.mul(x2, v2)",
                "v7 = brasa.map(lambda h: brasa.cond(h.sum() > 0, lambda: h + 1, lambda: h - h.mean()), v2)",
            ),
            outputs=("v6", "v7"),
            sizes=({"n": 17}, {"n": 3}),
            seed=160137,
        )
    )


def test_gradients_of_views_of_a_written_value_come_in_the_order_of_eager_mode() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32", requires_grad=True),),
            setup=(),
            body=("v3 = x0 * 2", "v4 = v3.mT", "v6 = v3.select(-2, -1)", "v6.neg_()"),
            outputs=("v3", "v4", "v6"),
            sizes=({"n": 2, "m": 17},),
            seed=170436,
        )
    )


def test_a_written_view_of_a_view_is_a_view_of_the_whole() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3, "m"), "float32", requires_grad=True),),
            setup=(),
            body=("v1 = brasa.pow(x0, x0)", "v2 = v1.transpose(-1, 2)", "v3 = v2.transpose(1, 2)", "v3.tanh_()",
                  "v6 = v3.softmax(2)", "v8 = brasa.erfc(v2)"),
            outputs=("v8", "v6", "v1"),
            sizes=({"n": 8, "m": 3},),
            seed=161288,
        )
    )  # fmt: skip


def test_a_gradient_by_some_operands_is_differentiated_as_one_by_all() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("m", 4), "float32", requires_grad=True),
                    Input("x2", (1,), "float32", requires_grad=True)),
            setup=(),
            body=(
                "v9 = brasa.floor_divide(x2, x1)",
                "v10, = brasa.autograd.grad(total(v9, x1), (x2,), create_graph=True)",
            ),
            outputs=("v10",),
            sizes=({"m": 3},),
            seed=181071,
        )
    )  # fmt: skip


def test_loops_in_branches_have_no_part_in_gradients_of_what_tells_them_sizes() -> None:
    loop = "brasa.while_loop(lambda h, k: k < 4, lambda h, k: (h.tanh(), k + 1), (v2, brasa.tensor(0)), max_steps=4)[0]"
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3, "m"), "float32", requires_grad=True),),
            setup=(),
            body=(
                "v1, = brasa.autograd.grad(total(x0), (x0,), create_graph=True)",
                "v2 = v1[::2]",
                f"v3 = {loop}",
            ),
            outputs=("v3",),
            sizes=({"n": 8, "m": 7},),
            seed=206683,
        )
    )
