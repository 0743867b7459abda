"""What the fuzzer has found in gradients of gradients, and in gradients that programs set."""

from tests.fuzz.judging import assert_one_answer
from tests.fuzz.program import Input, Program


def test_whether_a_gradient_of_a_gradient_is_reached_through_functions_of_unknown_sizes() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (), "float32", True),),
            setup=(),
            body=(
                "v1 = brasa.nn.functional.max_pool1d_with_indices(fit(x0, 1, 2, 4), 2)[0]",
                "v3 = v1.gather(1, brasa.zeros_like(v1, dtype=brasa.int64))",
                "v5, v6, = brasa.autograd.grad(total(v3, x0), (x0, x0,), create_graph=True, allow_unused=True)",
                "total(x0, x0, v6).backward()\nv7 = x0.grad",
            ),
            outputs=("v3",),
            sizes=({"n": 8, "m": 4},),
            seed=32061,
        )
    )


def test_a_gradient_that_was_set_before_a_loop_that_has_none() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m",), "float32", True),),
            setup=(),
            body=(
                "total(x0, x0).backward()\nv10 = x0.grad",
                "v13 = brasa.while_loop(lambda h, k: k < 3, lambda h, k: (h - 1, k + 1), (x0, brasa.tensor(0)))[0]",
            ),
            outputs=(),
            sizes=({"n": 8, "m": 3},),
            seed=30997,
        )
    )


def test_a_gradient_of_a_gradient_by_what_only_another_gradient_depends_on() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32", True),),
            setup=(),
            body=(
                "v1, v2 = x0.cos(), x0.sin()",
                "v3, v4 = brasa.autograd.grad(total(v1, v2), (v1, v2), create_graph=True)",
                "v5, v6 = brasa.autograd.grad(total(v4), (v1, v2), create_graph=True, allow_unused=True)",
            ),
            outputs=("v5", "v6"),
            sizes=({"n": 2, "m": 3},),
            seed=20197,
        )
    )


def test_a_loop_over_a_gradient_that_has_no_graph() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m",), "float32", True),),
            setup=(),
            body=(
                "total(x0, x0).backward()\nv10 = x0.grad",
                "v11 = x0.amax(-1)",
                "v13 = brasa.while_loop(lambda h, k: k < 3, lambda h, k: (h - 1, k + 1), (v10, brasa.tensor(0)))[0]",
            ),
            outputs=("v11", "v13"),
            sizes=({"n": 8, "m": 3},),
            seed=30997,
        )
    )


def test_a_detached_leaf_is_written_before_its_gradient() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x2", ("n",), "float32", True),),
            setup=(),
            body=(
                "v2 = x2 + 0.1 * brasa.randn(x2.shape)",
                "v7 = x2.detach()",
                "v7.index_add_(0, brasa.tensor([0]), v7.narrow(0, 0, 1))",
                "v8, = brasa.autograd.grad(total(x2, v2), (x2,), create_graph=True)",
            ),
            outputs=("v2", "v8"),
            sizes=({"n": 0}, {"n": 2}),
            seed=51066,
        )
    )


def test_an_input_that_no_gradient_of_the_results_gets_to() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n",), "float32", True), Input("x1", ("n",), "float32", True)),
            setup=(),
            body=("v1 = x0.sin() * x1.detach()",),
            outputs=("v1",),
            sizes=({"n": 3},),
            seed=50252,
        )
    )


def test_a_value_kept_for_gradients_after_the_call_is_written_after_a_look() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", "m"), "float32", True),),
            setup=(),
            body=(
                "v1 = brasa.cosh(x1)",
                "v2 = v1[..., 1:]",
                "v4, v5 = (v1 * 0.3).sigmoid(), 0",
                "while v4.abs().max() < 5 and v5 < 4:\n    v4, v5 = (v4 * 0.3).sigmoid() + 1, v5 + 1",
                "v2[v2.shape[0] // 2 :] = 0",
            ),
            outputs=("v4",),
            sizes=({"n": 3, "m": 4},),
            seed=50266,
        )
    )


def test_a_view_of_a_leaf_outlives_a_backward_in_the_program() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "n"), "float32", True), Input("x3", ("m", 4), "float32")),
            setup=(),
            body=("v5 = x0[1:]", "total(x0, x3, x0).backward()\nv6 = x0.grad"),
            outputs=("v5",),
            sizes=({"n": 5, "m": 4},),
            seed=60638,
        )
    )


def test_a_gradient_that_nobody_knows() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (1,), "float32", True), Input("x3", ("m",), "float32")),
            setup=(),
            body=("v1 = brasa.igammac(x0, x3)", "v3 = v1 + int(v1.numel())"),
            outputs=("v3",),
            sizes=({"n": 8, "m": 7},),
            seed=60115,
        )
    )


def test_a_gradient_that_is_written_is_no_other_one() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", "m"), "float32", True),),
            setup=(),
            body=(
                "v2 = x1.transpose(0, -2)",
                "v12, v13, = brasa.autograd.grad(total(v2[0]), (v2, x1,), create_graph=True)",
                "v14 = v12[1:]",
                "v14.mul_(v2[0])",
            ),
            outputs=("v12", "v13"),
            sizes=({"n": 1, "m": 4}, {"n": 5, "m": 3}),
            seed=65013,
        )
    )


def test_a_gradient_by_a_result_of_a_program_that_ended_early() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 4), "float32", True, layout="strided"),),
            setup=(),
            body=(
                "v1 = brasa.cos(x1)",
                "v4 = v1.flip(1)",
                "v5 = brasa.corrcoef(fit(x1, 2))",
                "v9, v10, = brasa.autograd.grad(total(v4, v1), (v1, x1,), create_graph=True)",
                "v13 = v9.norm()",
            ),
            outputs=("v13",),
            sizes=({"n": 5, "m": 3},),
            seed=61006,
        )
    )


def test_a_gradient_by_a_result_reads_what_no_other_gradient_does() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32", True, "strided"),),
            setup=(),
            body=(
                "v1 = brasa.round(x0)",
                "v2 = fit(v1, 2, 3, 3, 3) * 2",
                "v5 = brasa.mv(v1, fit(v2, v1.shape[-1]))",
                "v11 = fit(x0, 2)",
                "v14, = brasa.autograd.grad(v5.sum(), (v2,), allow_unused=True)",
            ),
            outputs=("v14",),
            sizes=({"n": 5, "m": 4},),
            seed=69578,
        )
    )


def test_what_no_gradient_comes_to_adds_nothing() -> None:
    loop = "v1 = brasa.scan(lambda h, x: (h - h.mean() * x, x.sin()), x1[0].clone(), x1, reverse=True)[0]"
    assert_one_answer(
        Program(
            inputs=(
                Input("x0", ("n", "m"), "float32", special=True),
                Input("x1", (2, "n", "m"), "float32", True, "transposed", True),
            ),
            setup=(),
            body=(loop,),
            outputs=("v1",),
            sizes=({"n": 17, "m": 8}, {"n": 2, "m": 17}),
            seed=62691,
        )
    )


def test_zeros_that_a_loop_reads_and_a_scatter_begins_with() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (1, "m"), "float32", True),),
            setup=(),
            body=(
                "v2 = brasa.scan(lambda h, x: (h + x0.sum(), x.cos() * 2), x0.sum(), x0)[1]",
                "v6 = x0.index_select(-1, x0.argsort(0).abs().flatten() % x0.shape[-1])",
                "v8 = brasa.add(x0, v2, alpha=2)",
                "v9 = nn.functional.pad(fit(v8, 2, 3, 6, 6), (1, 0, 2, 1))",
            ),
            outputs=("v6", "v9"),
            sizes=({"n": 4, "m": 17},),
            seed=71031,
        )
    )


def test_gradients_of_a_view_that_was_made_before_a_value_was_looked_at() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (2, "n", "m"), "float32", True),),
            setup=(),
            body=(
                "v1 = x1[..., 0]",
                "v3 = x1.tanh()\nif v3.isnan().any():\n    v3 = v3.nan_to_num()",
                "v6 = nn.functional.dropout(x1 - v3, 0.5)",
                "v15 = v1 / v1.sum(1, keepdim=True)",
            ),
            outputs=("v6", "v15"),
            sizes=({"n": 2, "m": 3},),
            seed=96158,
        )
    )


def test_gradients_of_a_view_that_is_alive_when_a_program_ends() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 4), "float32", True, "strided"),),
            setup=(),
            body=(
                "v1 = x0[None]",
                "v2 = brasa.addcmul(x0, x0, x0, value=0.5)",
                "v3 = brasa.cat([fit(x0, 1), fit(x0, 1)])",
                "total(v1, v2).backward()",
            ),
            outputs=(),
            sizes=({"n": 17},),
            seed=103098,
        )
    )


def test_a_part_that_was_picked_is_not_freed() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n",), "float32", True),),
            setup=(),
            body=("v2 = brasa.argmin(fit(x1, 2))", "v3 = x1[..., v2 % x1.shape[-1]]", "total(v3).backward()"),
            outputs=("v3",),
            sizes=({"n": 8},),
            seed=102571,
        )
    )


def test_what_is_read_for_its_size_may_be_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (2, "n", "m"), "float32", True, "strided"),),
            setup=(),
            body=(
                "v3 = x1.var(-2)",
                "v4 = v3[v3 > 0]",
                "v5 = brasa.bmm(fit(v3, 2, 3, 4), fit(x1, 2, 4, 3))",
                "v3.view(-1)[:1].add_(1)",
            ),
            outputs=("v5",),
            sizes=({"n": 5, "m": 3},),
            seed=103206,
        )
    )


def test_gradients_of_a_value_and_of_what_it_was_made_of_share_no_memory() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (), "float32"), Input("x1", ("n",), "float32", True)),
            setup=(),
            body=(
                "v2 = brasa.normal(x1, 1.0)",
                "v3, v4, = brasa.autograd.grad(total(v2), (v2, x1,))",
                "v15 = v4[..., ::2]",
                "v15.view(-1)[:1].add_(1)",
                "v16 = x0 * round(v3.sum().item(), 2)",
            ),
            outputs=("v16",),
            sizes=({"n": 3},),
            seed=99543,
        )
    )


def test_a_backward_frees_nothing_behind_a_comparison() -> None:
    assert_one_answer(
        Program(
            inputs=(
                Input("x0", (1,), "float32"),
                Input("x1", ("n", 3, "m"), "float32"),
                Input("x2", ("n", 3, "m"), "float32", True),
            ),
            setup=(),
            body=("v1 = x2.var(-3)", "v8 = brasa.where(x0 > v1, x0, x1)", "total(x2, v8, x0).backward()"),
            outputs=("v1",),
            sizes=({"n": 5, "m": 17},),
            seed=145757,
        )
    )


def test_what_was_written_lies_as_the_memory_that_it_was_written_to() -> None:
    assert_one_answer(
        Program(
            inputs=(
                Input("x1", (2, "n", "m"), "float32", layout="strided"),
                Input("x2", (2, "n", "m"), "float32", True),
            ),
            setup=(),
            body=("x1[x1.shape[0] // 2 :] = 0", "v2 = brasa.addcmul(x2, x1, x2, value=0.5)"),
            outputs=("v2",),
            sizes=({"n": 4, "m": 5},),
            seed=160781,
        )
    )


def test_what_lies_under_a_written_view_has_a_gradient_of_zero() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3, "m"), "float32", True),),
            setup=(),
            body=(
                "v1 = brasa.pow(x0, x0)",
                "v2 = v1.transpose(-1, 2)",
                "v2.transpose(1, 2).tanh_()",
                "v8 = brasa.erfc(v2)",
            ),
            outputs=("v8",),
            sizes=({"n": 8, "m": 3}, {"n": 5, "m": 0}, {"n": 8, "m": 3}),
            seed=161288,
        )
    )


def test_a_backward_frees_what_its_gradients_get_to_alone() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 3), "float32", requires_grad=True),),
            setup=(),
            body=(
                "v2 = x1.sinh()",
                "v3 = x1.cummax(1)[0]",
                "v5, v6, = brasa.autograd.grad(total(v2, v3), (v2, v3,), create_graph=True)",
                "total(v6).backward()",
            ),
            outputs=("v2",),
            sizes=({"n": 3},),
            seed=175700,
        )
    )
