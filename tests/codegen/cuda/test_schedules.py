"""Regions as CUDA kernels: run on the CPU they give the bits of the CPU's own kernels, in any order of the threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from brasa.codegen.cuda import emit_cuda
from brasa.codegen.schedules.cuda import lower_for_gpu
from brasa.ir.errors import IndexError
from brasa.runtime.cuda import CudaExecutable
from tests.codegen.cuda.host import HostModule, cupy_on_host, needs_compiler, same_bits
from tests.codegen.cuda.nvidia import compile_for_gpu
from tests.codegen.schedules.running import machine, read, region

RANDOM = np.random.default_rng(0)
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "sqrt", "sign", "round")


@dataclass(frozen=True)
class Case:
    """A graph, and the shapes of the arrays that it is run on."""

    text: str
    shapes: Sequence[tuple[tuple[int, ...], ...]]
    draw: Callable[..., np.ndarray] = RANDOM.normal


def functions(dtype: str) -> str:
    body = "".join(f" %{i}: {dtype}[n] = {name}(x)\n" for i, name in enumerate(FUNCTIONS))
    results = ", ".join(f"%{i}" for i in range(len(FUNCTIONS)))
    return region(f"{body} return {results}", inputs=f"x: {dtype}[n]", results=[f"{dtype}[n]"] * len(FUNCTIONS))


def extreme(size: tuple[int, ...]) -> np.ndarray:
    return np.resize([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, *RANDOM.normal(0, np.exp2(np.arange(-9, 9)))], size)


def small(size: tuple[int, ...]) -> np.ndarray:
    """Numbers that are also places on an axis."""
    return RANDOM.integers(0, 9, size) + 0.125


def underflowing(size: tuple[int, ...]) -> np.ndarray:
    """For 3 rows, 2 columns and a bias: all products are rounded to -0, and stay so if nothing adds +0 to them."""
    return np.full(size, {3: -1e-30, 2: 1e-30}[size[1]] if len(size) > 1 else -0.0)


def integers(size: tuple[int, ...]) -> np.ndarray:
    return RANDOM.integers(-(1 << 31), 1 << 31, size)


SOFTMAX = region(
    """ %0: f32[n] = max(x, axes=[1])
 %1: f32[n,1] = reshape(%0, shape=[n,1])
 %2: f32[n,m] = expand(%1, shape=[n,m])
 %3: f32[n,m] = sub(x, %2)
 %4: f32[n,m] = exp(%3)
 %5: f32[n] = sum(%4, axes=[1])
 %6: f32[n] = constant(value=1.0)
 %7: f32[n] = div(%6, %5)
 %8: f32[n,1] = reshape(%7, shape=[n,1])
 %9: f32[n,m] = expand(%8, shape=[n,m])
 %10: f32[n,m] = mul(%4, %9)
 return %10, %5""",
    inputs="x: f32[n,m]", results=["f32[n,m]", "f32[n]"], name="softmax",
)  # fmt: skip


def reduction(op: str, axes: str, result: str, dtype: str = "f32") -> str:
    return region(f" %0: {result} = {op}(x, axes={axes})\n return %0", inputs=f"x: {dtype}[a,b,c,d]", results=[result])


def product(order: str, dtype: str = "f32", depth: str = "k") -> str:
    """x @ y + bias, by sample; for a dot product y is transposed."""
    rhs, view = ("m", depth), f" %0: {dtype}[b,{depth},m] = permute(y, axes=[0,2,1])\n"
    if order == "chain":
        rhs, view = (depth, "m"), f" %0: {dtype}[b,{depth},m] = permute(y, axes=[0,1,2])\n"
    body = f""" %1: {dtype}[b,n,m] = matmul(x, %0, order="{order}")
 %2: {dtype}[b,n,m] = expand(bias, shape=[b,n,m])
 %3: {dtype}[b,n,m] = add(%1, %2)
 return %3"""
    inputs = f"x: {dtype}[b,n,{depth}], y: {dtype}[b,{rhs[0]},{rhs[1]}], bias: {dtype}[m]"
    return region(view + body, inputs=inputs, results=[f"{dtype}[b,n,m]"], name=order)


def convolution(op: str, lhs: str, rhs: str, result: str, options: str, dtype: str = "f32") -> str:
    """conv or one of its gradients, and twice that."""
    body = f""" %0: {dtype}[{result}] = {op}(x, y, {options})
 %1: {dtype}[{result}] = add(%0, %0)
 return %1"""
    return region(body, inputs=f"x: {dtype}[{lhs}], y: {dtype}[{rhs}]", results=[f"{dtype}[{result}]"], name=op)


WINDOW = "window=[3,3], stride=[2,2], padding=[1,0], dilation=[1,1]"


def window(which: str, dtype: str) -> str:
    result = f"{dtype}[n,c,5,5]"
    body = f" %0: f32[n,c,h,w] = neg(x)\n %1: {result} = window_{which}(%0, positions=[5,5], {WINDOW})\n return %1"
    return region(body, inputs="x: f32[n,c,h,w]", results=[result])


OPTIONS = "stride=[2,1], padding=[1,2], dilation=[1,2], groups=2"
OUT = "n,6,(h-1)//2+1,w"

CASES = {
    "functions_f32": Case(functions("f32"), [((500,),)], extreme),
    "functions_f64": Case(functions("f64"), [((500,),)], extreme),
    "functions_bf16": Case(functions("bf16"), [((500,),)], extreme),
    "softmax": Case(SOFTMAX, [((37, 100),), ((3, 9000),), ((1, 1),), ((0, 5),)]),
    "softmax_1000": Case(SOFTMAX.replace("m]", "1000]"), [((20, 1000),)]),
    "columns": Case(reduction("sum", "[0]", "f32[b,c,d]"), [((600, 3, 5, 3),), ((0, 2, 2, 2),), ((3, 1, 2, 1),)]),
    "planes": Case(reduction("sum", "[0,2,3]", "f32[b]"), [((300, 3, 5, 7),), ((2, 3, 70, 90),), ((0, 3, 1, 1),)]),
    "outer": Case(reduction("sum", "[0,2]", "f32[b,d]"), [((300, 3, 5, 7),), ((3, 2, 300, 3),)]),
    "all": Case(reduction("sum", "[0,1,2,3]", "f32[]", "f32"), [((7, 20, 3, 300),), ((1, 1, 1, 1),), ((0, 2, 2, 2),)]),
    "argmax": Case(reduction("argmax", "[1,2]", "i64[a,d]"), [((3, 40, 9, 4),)], extreme),
    "chain": Case(
        product("chain"),
        [((2, 70, 33), (2, 33, 65), (65,)), ((1, 3, 1200), (1, 1200, 5), (5,)), ((1, 2, 0), (1, 0, 3), (3,))],
    ),
    "chain_f64": Case(product("chain", "f64", "64"), [((1, 5, 64), (1, 64, 70), (70,))]),
    "chain_bf16": Case(product("chain", "bf16"), [((2, 3, 40), (2, 40, 5), (5,))]),
    "chain_i32": Case(product("chain", "i32"), [((2, 3, 40), (2, 40, 5), (5,))], integers),
    "dot": Case(
        product("dot"),
        [((2, 17, 33), (2, 18, 33), (18,)), ((1, 3, 9000), (1, 5, 9000), (5,)), ((1, 2, 0), (1, 3, 0), (3,))],
    ),
    "minus_zeros": Case(product("dot"), [((1, 3, 33), (1, 2, 33), (2,))], underflowing),
    "dot_f64": Case(product("dot", "f64", "64"), [((1, 5, 64), (1, 20, 64), (20,))]),
    "conv": Case(
        convolution("conv", "n,8,h,w", "6,4,3,3", OUT, OPTIONS),
        [((2, 8, 9, 7), (6, 4, 3, 3)), ((1, 8, 20, 30), (6, 4, 3, 3))],
    ),
    "conv_many_channels": Case(
        convolution("conv", "n,150,h", "5,150,4", "n,5,h-3", "stride=[1], padding=[0], dilation=[1], groups=1"),
        [((2, 150, 12), (5, 150, 4))],
    ),
    "conv_input_grad": Case(
        convolution("conv_input_grad", "n,6,5,w", "6,4,3,3", "n,8,9,w", "spatial=[9,w], " + OPTIONS),
        [((2, 6, 5, 7), (6, 4, 3, 3))],
    ),
    "conv_weight_grad": Case(
        convolution("conv_weight_grad", "n,8,h,w", OUT, "6,4,3,3", "window=[3,3], " + OPTIONS),
        [((2, 8, 9, 7), (2, 6, 5, 7)), ((19, 8, 9, 7), (19, 6, 5, 7))],
    ),
    "window_max": Case(window("max", "f32"), [((2, 3, 9, 11),)], extreme),
    "window_argmax": Case(window("argmax", "i64"), [((2, 3, 9, 11),)], extreme),
    "window_scatter": Case(
        region(
            f" %0: f32[n,c,9,11] = window_scatter(x, y, spatial=[9,11], {WINDOW})\n return %0",
            inputs="x: f32[n,c,5,5], y: i64[n,c,5,5]",
            results=["f32[n,c,9,11]"],
        ),
        [((2, 3, 5, 5), (2, 3, 5, 5))],
        small,
    ),
    "scatter_add": Case(
        region(
            " %0: f32[n,b,m] = scatter_add(x, y, z, axis=1)\n return %0",
            inputs="x: f32[n,b,m], y: i64[n,k,m], z: f32[n,k,m]",
            results=["f32[n,b,m]"],
        ),
        [((3, 9, 100), (3, 20, 100), (3, 20, 100))],
        small,
    ),
    "scatter": Case(
        region(
            " %0: f32[n,b] = scatter(x, y, z, axis=0)\n return %0",
            inputs="x: f32[n,b], y: i64[k,b], z: f32[k,b]",
            results=["f32[n,b]"],
        ),
        [((9, 100), (20, 100), (20, 100))],
        small,
    ),
    "checked_index": Case(
        region(
            " %0: i64[k] = index(y, bound=n)\n %1: f32[k] = gather(x, %0, axis=0)\n return %1",
            inputs="x: f32[n], y: i64[k]",
            results=["f32[k]"],
        ),
        [((9,), (200,))],
        small,
    ),
    "half_sum": Case(reduction("sum", "[3]", "f16[a,b,c]", "f16"), [((2, 2, 2, 5000),)]),
}


def arrays(case: Case, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    types = [node.tensor.dtype.numpy for node in read(case.text).inputs]
    return [case.draw(size=shape).astype(dtype) for shape, dtype in zip(shapes, types, strict=True)]


@needs_compiler
@pytest.mark.parametrize("name", CASES)
def test_same_bits_as_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host())
    case, program = CASES[name], lower_for_gpu(read(CASES[name].text))
    executable = CudaExecutable(program, emit_cuda(program))
    for number, shapes in enumerate(case.shapes):
        given = arrays(case, shapes)
        monkeypatch.setattr(HostModule, "reverse", number % 2 == 0)
        for actual, expected in zip(executable(given), machine(case.text).run(*given).outputs, strict=True):
            same_bits(actual, expected)


@needs_compiler
def test_minus_zero_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host())
    case, program = CASES["minus_zeros"], lower_for_gpu(read(CASES["minus_zeros"].text))
    (result,) = CudaExecutable(program, emit_cuda(program))(arrays(case, case.shapes[0]))
    assert np.signbit(result).all() and not result.any()


def test_nvidia_compiles_them() -> None:
    programs = [(name, lower_for_gpu(read(case.text))) for name, case in CASES.items()]
    compile_for_gpu(emit_cuda(replace(kernel, name=name) for name, program in programs for kernel in program.kernels))


@pytest.mark.parametrize("name", ["softmax", "planes", "chain", "dot"])
def test_text(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"cuda/{name}.cu", emit_cuda(lower_for_gpu(read(CASES[name].text))))


GATHER = region(
    " %0: f32[n,m] = gather(x, index, axis=0)\n return %0",
    inputs="x: f32[k,m], index: i64[n,m]", results=["f32[n,m]"], name="gather",
)  # fmt: skip


@needs_compiler
def test_gather_checks_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host())
    program = lower_for_gpu(read(GATHER))
    executable = CudaExecutable(program, emit_cuda(program))
    x, index = RANDOM.normal(size=(7, 300)).astype(np.float32), RANDOM.integers(0, 7, (4, 300))
    same_bits(executable((x, index))[0], np.take_along_axis(x, index, 0))
    index[1, 5], index[3, 0] = 7, -1
    with pytest.raises(IndexError, match=r"gather: an index is outside 0\.\.6 \(at element 305\)"):
        executable((x, index))


@needs_compiler
def test_update_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host())
    text = """graph step(w: f32[n], g: f32[n], rate: f32[]) {
  %0: f32[n] = expand(rate, shape=[n])
  %1: f32[n] = mul(g, %0)
  %2: f32[n] = sub(w, %1)
  return %2
}
graph main(w: f32[n], g: f32[n], rate: f32[]) {
  %0: f32[n] = fused(w, g, rate, graph=@step)
  return %0 into w
}"""
    program = lower_for_gpu(read(text))
    w, g = RANDOM.normal(size=(2, 1000)).astype(np.float32)
    expected = w - g * np.float32(0.1)
    (updated,) = CudaExecutable(program, emit_cuda(program))((w, g, np.float32(0.1)))
    assert updated is w
    same_bits(w, expected)
    assert "float* w" in emit_cuda(program) and "float* out" not in emit_cuda(program)
