"""Which values share a region, which lie in memory between regions, and which are computed again."""

from __future__ import annotations

from collections import Counter

import pytest

from brasa.ir.region import form
from tests.passes.checks import ops, regions


def test_operands_of_products_are_computed_before_but_for_casts_of_inputs() -> None:
    found = regions("""
        graph g(x: bf16[n,8], w: f32[8,4]) {
          %0: f32[n,8] = cast(x, dtype=f32)
          %1: f32[8,4] = exp(w)
          %2: f32[n,4] = matmul(%0, %1, order="chain")
          return %2
        }""")
    assert [ops(region) for region in found] == [["exp"], ["cast", "matmul"]]


def test_a_constant_operand_of_a_product_lies_in_memory() -> None:
    found = regions("""
        graph g(x: f32[n,8]) {
          %0: f32[8,4] = constant(value=1.0)
          %1: f32[n,4] = matmul(x, %0, order="chain")
          return %1
        }""")
    assert [region.name for region in found] == ["constant", "matmul"]


@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_is_one_region(axis: int) -> None:
    kept, ones = ("n", "n,1") if axis else ("k", "1,k")
    (region,) = regions(f"""
        graph softmax(x: f32[n,k]) {{
          %0: f32[{kept}] = max(x, axes=[{axis}])
          %1: f32[{ones}] = reshape(%0, shape=[{ones}])
          %2: f32[n,k] = expand(%1, shape=[n,k])
          %3: f32[n,k] = sub(x, %2)
          %4: f32[n,k] = exp(%3)
          %5: f32[{kept}] = sum(%4, axes=[{axis}])
          %6: f32[{ones}] = reshape(%5, shape=[{ones}])
          %7: f32[{ones}] = constant(value=1.0)
          %8: f32[{ones}] = div(%7, %6)
          %9: f32[n,k] = expand(%8, shape=[n,k])
          %10: f32[n,k] = mul(%4, %9)
          return %10
        }}""")
    assert form(region) == "rows"


def test_log_softmax_and_the_choice_of_a_class_are_one_region() -> None:
    (region,) = regions("""
        graph loss(x: f32[n,k], y: i64[n]) {
          %0: f32[n] = max(x, axes=[1])
          %1: f32[n,1] = reshape(%0, shape=[n,1])
          %2: f32[n,k] = expand(%1, shape=[n,k])
          %3: f32[n,k] = sub(x, %2)
          %4: f32[n,k] = exp(%3)
          %5: f32[n] = sum(%4, axes=[1])
          %6: f32[n] = log(%5)
          %7: f32[n,1] = reshape(%6, shape=[n,1])
          %8: f32[n,k] = expand(%7, shape=[n,k])
          %9: f32[n,k] = sub(%3, %8)
          %10: i64[n,1] = reshape(y, shape=[n,1])
          %11: i64[n,1] = constant(value=0)
          %12: i64[n,1] = maximum(%10, %11)
          %13: f32[n,1] = gather(%9, %12, axis=1)
          %14: f32[n,1] = neg(%13)
          return %14
        }""")
    assert form(region) == "rows"
    assert ops(region).count("gather") == 1


def test_layer_norm_with_statistics_is_one_region() -> None:
    (region,) = regions("""
        graph norm(x: f32[n,4,8], w: f32[8]) {
          %0: f32[n,4] = sum(x, axes=[2])
          %1: f32[n,4] = constant(value=0.125)
          %2: f32[n,4] = mul(%0, %1)
          %3: f32[n,4,1] = reshape(%2, shape=[n,4,1])
          %4: f32[n,4,8] = expand(%3, shape=[n,4,8])
          %5: f32[n,4,8] = sub(x, %4)
          %6: f32[n,4,8] = mul(%5, %5)
          %7: f32[n,4] = sum(%6, axes=[2])
          %8: f32[n,4] = sqrt(%7)
          %9: f32[n,4,1] = reshape(%8, shape=[n,4,1])
          %10: f32[n,4,8] = expand(%9, shape=[n,4,8])
          %11: f32[n,4,8] = div(%5, %10)
          %12: f32[n,4,8] = expand(w, shape=[n,4,8])
          %13: f32[n,4,8] = mul(%11, %12)
          return %13, %2
        }""")
    assert form(region) == "rows"
    assert [str(node.type) for node in region.outputs] == ["f32[n,4]", "f32[n,4,8]"]


def test_reductions_of_one_value_over_the_same_axes_share_a_region() -> None:
    (region,) = regions("""
        graph g(x: f32[n,k]) {
          %0: f32[n] = sum(x, axes=[1])
          %1: f32[n,k] = mul(x, x)
          %2: f32[n] = sum(%1, axes=[1])
          %3: f32[n] = max(x, axes=[1])
          return %0, %2, %3
        }""")
    assert ops(region) == ["sum", "mul", "sum", "max"]


def test_regions_that_read_one_value_over_one_domain_are_joined_though_neither_needs_the_other() -> None:
    """As the gradients of a normalisation by its input, weight and bias: all walk the same large gradient."""
    found = regions("""
        graph g(x: f32[n,k], y: f32[k,k], z: f32[n,k]) {
          %0: f32[n,k] = matmul(x, y, order="chain")
          %1: f32[n,k] = mul(%0, z)
          %2: f32[k] = sum(%0, axes=[0])
          %3: f32[k] = sum(%1, axes=[0])
          return %2, %3
        }""")
    assert [ops(region) for region in found] == [["matmul"], ["sum", "mul", "sum"]]


def test_single_numbers_are_computed_in_one_region() -> None:
    found = regions("""
        graph g(a: f32[], b: f32[], c: f32[]) {
          %0: f32[] = exp(a)
          %1: f32[] = exp(b)
          %2: f32[] = exp(c)
          return %0, %1, %2
        }""")
    assert [ops(region) for region in found] == [["exp", "exp", "exp"]]


def test_reductions_over_other_axes_do_not() -> None:
    found = regions("""
        graph g(x: f32[n,k]) {
          %0: f32[n] = sum(x, axes=[1])
          %1: f32[k] = sum(x, axes=[0])
          %2: f32[] = sum(%0, axes=[0])
          return %1, %2
        }""")
    assert Counter(form(region) for region in found) == {"rows": 3}


def test_a_long_row_alone_is_not_walked_again_by_the_thread_that_reduced_it() -> None:
    found = regions("""
        graph g(x: f32[100000]) {
          %0: f32[] = sum(x, axes=[0])
          %1: f32[100000] = expand(%0, shape=[100000])
          %2: f32[100000] = div(x, %1)
          return %2
        }""")
    assert [form(region) for region in found] == ["rows", "map"]


def test_costly_values_are_not_repeated_for_every_element() -> None:
    found = regions("""
        graph g(x: f32[n], y: f32[m,n]) {
          %0: f32[n] = exp(x)
          %1: f32[m,n] = expand(%0, shape=[m,n])
          %2: f32[m,n] = mul(%1, y)
          return %2
        }""")
    assert [ops(region) for region in found] == [["exp"], ["mul"]]


def test_cheap_ones_are() -> None:
    (region,) = regions("""
        graph g(x: f32[n], y: f32[m,n], rate: f32[], decay: f32[]) {
          %0: f32[n] = neg(x)
          %1: f32[m,n] = expand(%0, shape=[m,n])
          %2: f32[m,n] = mul(%1, y)
          %3: f32[] = mul(rate, decay)
          %4: f32[m,n] = expand(%3, shape=[m,n])
          %5: f32[m,n] = mul(%2, %4)
          return %5
        }""")
    assert ops(region) == ["neg", "mul", "mul", "mul"]


def test_scalar_work_shared_by_regions_is_repeated_in_each() -> None:
    found = regions("""
        graph g(x: f32[n], w: f32[2,2], rate: f32[], decay: f32[]) {
          %0: f32[] = mul(rate, decay)
          %1: f32[n] = expand(%0, shape=[n])
          %2: f32[n] = mul(x, %1)
          %3: f32[2,2] = expand(%0, shape=[2,2])
          %4: f32[2,2] = mul(w, %3)
          return %2, %4
        }""")
    assert [ops(region) for region in found] == [["mul", "mul"], ["mul", "mul"]]


def test_no_region_waits_for_itself() -> None:
    """%0 and %3 cannot share a region, for the product between them needs the one and makes the other."""
    found = regions("""
        graph g(x: f32[n,n]) {
          %0: f32[n,n] = exp(x)
          %1: f32[n,n] = matmul(%0, x, order="chain")
          %2: f32[n,n] = exp(%1)
          %3: f32[n,n] = mul(%0, %2)
          return %3
        }""")
    assert [ops(region) for region in found] == [["exp"], ["matmul", "exp", "mul"]]


def test_what_a_few_operations_give_again_is_not_kept() -> None:
    """The centred values are not written: the second reader takes x and the means."""
    found = regions("""
        graph g(x: f32[n,64], w: f32[64,4]) {
          %0: f32[n] = sum(x, axes=[1])
          %1: f32[n,1] = reshape(%0, shape=[n,1])
          %2: f32[n,64] = expand(%1, shape=[n,64])
          %3: f32[n,64] = sub(x, %2)
          %4: f32[n,64] = exp(%3)
          %5: f32[n] = sum(%4, axes=[1])
          %6: f32[64] = sum(%3, axes=[0])
          return %5, %6
        }""")
    assert [ops(region) for region in found] == [["sum", "sub", "exp", "sum"], ["sub", "sum"]]
    assert [str(node.type) for node in found[0].outputs] == ["f32[n]", "f32[n]"]


def test_windows_take_trivial_work_before_and_any_after() -> None:
    text = """
        graph g(x: f32[n,2,8,8]) {
          %0: f32[n,2,8,8] = BEFORE(x)
          %1: f32[n,2,4,4] = window_max(%0, window=[2,2], positions=[4,4], stride=[2,2], padding=[0,0], dilation=[1,1])
          %2: f32[n,2,4,4] = exp(%1)
          return %2
        }"""
    assert [form(region) for region in regions(text.replace("BEFORE", "neg"))] == ["window"]
    assert [form(region) for region in regions(text.replace("BEFORE", "exp"))] == ["map", "window"]


def test_a_scatter_takes_work_that_makes_its_value() -> None:
    (region,) = regions("""
        graph g(index: i64[n,2], v: f32[n,2], x: f32[n,4]) {
          %0: f32[n,4] = constant(value=0.0)
          %1: f32[n,2] = exp(v)
          %2: f32[n,4] = scatter_add(%0, index, %1, axis=1)
          return %2
        }""")
    assert ops(region) == ["exp", "scatter_add"]


def test_moves_choose_among_values_in_memory_or_trivial_ones() -> None:
    found = regions("""
        graph g(x: f32[n,2], y: f32[n,3]) {
          %0: f32[n,2] = neg(x)
          %1: f32[n,3] = exp(y)
          %2: f32[n,5] = concat(%0, %1, axis=1)
          %3: f32[n,5] = tanh(%2)
          return %3
        }""")
    assert [ops(region) for region in found] == [["exp"], ["neg", "concat", "tanh"]]


def test_a_weight_that_is_updated_is_not_read_by_the_product_that_makes_its_gradient() -> None:
    found = regions("""
        graph g(x: f32[8,n], y: f32[n,4], w: f32[8,4]) {
          %0: f32[8,4] = matmul(x, y, order="chain")
          %1: f32[8,4] = sub(w, %0)
          return %1 into w
        }""")
    assert [form(region) for region in found] == ["contract", "map"]
