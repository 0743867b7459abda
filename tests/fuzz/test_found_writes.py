"""What the fuzzer has found in what is written in place, and through views."""

from tests.fuzz.judging import assert_one_answer
from tests.fuzz.program import Input, Program


def test_a_row_of_a_turned_view_is_seen_in_another_shape() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32"),),
            setup=(),
            body=("v1 = x0.movedim(0, -1)", "v2 = v1[: v1.shape[0] // 2]", "v2.view(-1)[:1].add_(1)"),
            outputs=("v1",),
            sizes=({"n": 5, "m": 3}, {"n": 5, "m": 2}),
            seed=7118,
        )
    )


def test_what_is_detached_stays_so_when_its_memory_is_written() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (2, "n", "m"), "float32", True),),
            setup=(),
            body=("v1 = brasa.log10(x1)", "v2 = v1.detach()", "v1.mul_(3)"),
            outputs=("v2",),
            sizes=({"n": 3, "m": 7},),
            seed=25467,
        )
    )


def test_what_is_written_is_seen_in_all_windows() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x2", ("n", "m"), "float32"),),
            setup=(),
            body=("v5 = x2.unfold(0, 2, 1)", "v5.diagonal().add_(1)", "v10 = x2 * float(x2.mean())"),
            outputs=("v5",),
            sizes=({"n": 8, "m": 3},),
            seed=20782,
        )
    )


def test_what_is_written_is_seen_in_windows_of_windows() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", "m"), "float32"),),
            setup=(),
            body=("v1 = x0.unfold(0, 2, 1).unfold(1, 2, 1)", "v1[1:, 0].mul_(3)", "v1[0].transpose(0, 1)[1].sub_(1)"),
            outputs=("v1",),
            sizes=({"n": 5, "m": 4}, {"n": 4, "m": 6}),
        )
    )


def test_a_program_has_what_eager_mode_has_lost_for_backward() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3), "float32", True),),
            setup=(),
            body=("v3 = x0.logsumexp(1)", "v7 = v3.flatten()", "v7.cumsum_(-1)", "total(v3, x0).backward()"),
            outputs=(),
            sizes=({"n": 8},),
            seed=20375,
        )
    )


def test_what_is_written_is_read_before_in_another_order() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x3", ("m", 4), "float32"),),
            setup=(),
            body=("v4 = x3.permute((1, 0))", "v5 = x3 * round(x3.sum().item(), 2)", "v4[1:] = v4[:-1]"),
            outputs=(),
            sizes=({"m": 7},),
            seed=40373,
        )
    )


def test_what_is_written_after_a_value_was_looked_at_goes_on_the_tape() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", "m"), "float32", True),),
            setup=(),
            body=(
                "v10, v11, = brasa.autograd.grad(total(x1, x1), (x1, x1,), allow_unused=True)",
                "v12 = x1 * float(x1.mean())",
                "v11.mul_(x1)",
            ),
            outputs=("v11",),
            sizes=({"n": 8, "m": 3},),
            seed=30962,
        )
    )


def test_what_a_leaf_was_copied_to_needs_gradients() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 4), "float32"), Input("x1", ("n", 4), "float32", True)),
            setup=(),
            body=("x0.copy_(x1)",),
            outputs=("x1",),
            sizes=({"n": 5},),
            seed=32462,
        )
    )


def test_what_is_written_through_windows_that_share_elements_has_one_gradient() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("n", 3, "m"), "float32", True),),
            setup=(),
            body=(
                "v3 = x0 * 1.5",
                "v4 = v3.unfold(-3, 2, 1)",
                "v4 *= v4",
                "v15, = brasa.autograd.grad(total(v3, x0), (x0,), allow_unused=True)",
            ),
            outputs=("v15",),
            sizes=({"n": 5, "m": 4},),
            seed=72281,
        )
    )


def test_parts_of_complex_numbers_that_are_written_through_a_view_of_them() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (), "float32", True),),
            setup=(),
            body=(
                "v1 = brasa.view_as_real(paired(x0, 3))",
                "v1.flatten()[0] = 1",
                "total(v1, x0).backward()\nv17 = x0.grad",
            ),
            outputs=(),
            sizes=({"n": 2, "m": 3},),
            seed=72852,
        )
    )


def test_a_picked_part_lies_as_the_view_that_eager_mode_has() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (), "float32"), Input("x1", (2, "n", "m"), "float32")),
            setup=(),
            body=(
                "v3 = x0.argmin()",
                "v7 = x1.unfold(-1, 2, 1)",
                "v9 = v7[v3 % v7.shape[0]]",
                "v9.flatten()[0] = 1",
            ),
            outputs=(),
            sizes=({"n": 3, "m": 17},),
            seed=104312,
        )
    )


def test_what_is_written_before_a_check_fails_is_written_where_a_gradient_kept_a_copy() -> None:
    assert_one_answer(
        Program(
            inputs=(
                Input("x0", (1, "m"), "float32"),
                Input("x1", (1, "m"), "float32", special=True),
                Input("x2", (), "float32", True),
            ),
            setup=(),
            body=(
                "x0.index_fill_(0, brasa.tensor([0]), 1)",
                "v3 = brasa.multinomial(fit(x1, 5).sigmoid(), 2)",
                "v5 = x2.cos() * 2\nif v5.isnan().any():\n    v5 = v5.nan_to_num()",
            ),
            outputs=("x2",),
            sizes=({"m": 8}, {"m": 4}, {"m": 8}),
            seed=142430,
        )
    )


def test_rows_of_nothing_lie_otherwise_than_rows_of_something() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", ("m", 4), "float32", True),),
            setup=(),
            body=(
                "v1 = x0[..., ::2]",
                "v3 = x0 * 0.5 + 0.3\nif v3.isnan().any():\n    v3 = v3.nan_to_num()",
                "v7 = brasa.atan(v1)",
            ),
            outputs=("v7",),
            sizes=({"m": 0}, {"m": 8}),
            seed=143410,
        )
    )


def test_what_a_tensor_was_copied_to_is_other_memory() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", (1, "m"), "float32"),),
            setup=(),
            body=(
                "v5 = brasa.lerp(x1, x1, 0.25)",
                "v5.copy_(x1)",
                "v8 = x1 * round(x1.sum().item(), 2)",
                "v5[0] = 17",
                "v9 = brasa.empty_like(v8)",
                "v9[:] = v8",
            ),
            outputs=("v5", "v8", "v9"),
            sizes=({"m": 17},),
            seed=154255,
        )
    )


def test_windows_are_written_one_after_the_other_after_a_look_too() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x1", ("n", 1), "float32"),),
            setup=(),
            body=(
                "v5 = x1.unfold(-2, 2, 1)",
                "v8 = x1[x1 > 0]",
                "v5.index_fill_(-1, brasa.tensor([0]), 1)",
            ),
            outputs=(),
            sizes=({"n": 3},),
            seed=154185,
        )
    )


def test_a_written_leaf_is_freed_by_no_backward() -> None:
    assert_one_answer(
        Program(
            inputs=(Input("x0", (1,), "float32", requires_grad=True),),
            setup=(),
            body=(
                "v1 = x0.transpose(-1, 0)",
                "v2 = x0.detach()",
                "v2[..., 0] = 2",
                "total(x0).backward()",
            ),
            outputs=("v1",),
            sizes=({},),
            seed=173511,
        )
    )


def test_an_error_after_one_that_a_program_does_not_have() -> None:
    program = Program(
        inputs=(Input("x0", ("n",), "float32", requires_grad=True),),
        setup=(),
        body=(
            "v1 = x0.tanh()",
            "v2 = v1.clone()",
            "v2 = v2.nan_to_num() if v2.isnan().any() else v2",
            "v1 *= 2",
            "total(v2).backward()",
            "v3 = x0 @ fit(x0, x0.shape[0] + 1)",
        ),
        outputs=(),
        sizes=({"n": 3},),
        seed=174221,
    )
    assert_one_answer(program)
