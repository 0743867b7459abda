"""What keeps two kernels apart, for each edge between them."""

from __future__ import annotations

import pytest

from brasa.passes.borders import borders
from tests.passes.checks import graph


def _reasons(text: str) -> dict[tuple[str, str], str]:
    return {(each.producer, each.consumer): each.reason for each in borders(graph(text))}


def test_what_is_one_kernel_has_no_borders() -> None:
    assert not _reasons("""
        graph g(x: f32[n,4], w: f32[4,8]) {
          %0: f32[n,8] = matmul(x, w, order="chain")
          %1: f32[n,8] = tanh(%0)
          return %1
        }""")


@pytest.mark.parametrize(
    ("statements", "edge", "reason"),
    [
        (["f32[n,n] = matmul(x, x, order=\"chain\")", "f32[n,n] = matmul(%0, x, order=\"chain\")"],
         ("matmul", "matmul"), "a product and a product have loops of their own"),
        (["f32[n,n] = matmul(x, x, order=\"chain\")", "f32[n] = sum(%0, axes=[1])"],
         ("matmul", "sum"), "a product and a reduction have loops of their own"),
        (["f32[n] = sum(x, axes=[1])", "f32[] = sum(%0, axes=[0])"], ("sum", "sum"), "they reduce different axes"),
        (["f32[n,n] = exp(x)", "f32[n,n] = permute(%0, axes=[1,0])", "f32[n,n] = add(%0, %1)"],
         ("exp", "add"), "its elements are read elsewhere than where they are computed, or several times"),
        (["i64[n,n] = argsort(x, axis=1, descending=false)", "i64[n,n] = neg(%0)"],
         ("argsort", "neg"), "the kernel of sort takes nothing more in"),
    ],
)  # fmt: skip
def test_why_two_kernels_are_two(statements: list[str], edge: tuple[str, str], reason: str) -> None:
    body = "\n".join(f"  %{number}: {statement}" for number, statement in enumerate(statements))
    assert _reasons(f"graph g(x: f32[n,n]) {{\n{body}\n  return %{len(statements) - 1}\n}}") == {edge: reason}


def test_a_third_kernel_between_two() -> None:
    found = _reasons("""
        graph g(x: f32[n,n], w: f32[n,n]) {
          %0: f32[n,n] = exp(x)
          %1: f32[n,n] = matmul(%0, w, order="chain")
          %2: f32[n] = sum(%1, axes=[1])
          %3: f32[n,1] = reshape(%2, shape=[n,1])
          %4: f32[n,n] = expand(%3, shape=[n,n])
          %5: f32[n,n] = mul(%0, %4)
          return %5
        }""")
    assert found["exp", "sum_mul"] == "a third kernel, which needs the first, must run before the second"


def test_an_update_of_what_a_product_reads() -> None:
    found = _reasons("""
        graph g(x: f32[n,n], w: f32[n,n]) {
          %0: f32[n,n] = matmul(x, w, order="chain")
          %1: f32[n,n] = sub(w, %0)
          return %1 into w
        }""")
    assert found == {("matmul", "sub"): "the result would have to be copied into the input that it overwrites"}


def test_the_largest_values_come_first() -> None:
    found = borders(
        graph("""
        graph g(x: f32[512,512]) {
          %0: f32[512] = sum(x, axes=[1])
          %1: f32[] = sum(%0, axes=[0])
          %2: f32[512,512] = matmul(x, x, order="chain")
          %3: f32[512] = max(%2, axes=[1])
          return %1, %3
        }""")
    )
    assert [str(each.type) for each in found] == ["f32[512,512]", "f32[512]"]
    assert str(found[0]) == "f32[512,512] from matmul to max: a product and a reduction have loops of their own"
