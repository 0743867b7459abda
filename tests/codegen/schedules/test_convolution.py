"""Tests of convolutions and their gradients: values, the order of summation, unknown sizes, batches, epilogues."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.codegen.schedules import lower
from brasa.codegen.schedules.patches import Direction
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from tests.codegen.schedules.orders import chained, laned, same_bits
from tests.codegen.schedules.running import Array, machine, read, reference, region

_random = np.random.default_rng(17)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A convolution of square windows."""

    samples: int
    channels: int
    height: int
    width: int
    filters: int
    window: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def positions(self) -> tuple[int, int]:
        def count(size: int) -> int:
            return (size + 2 * self.padding - self.dilation * (self.window - 1) - 1) // self.stride + 1

        return count(self.height), count(self.width)

    def options(self) -> str:
        pairs = ("stride", self.stride), ("padding", self.padding), ("dilation", self.dilation)
        return ", ".join(f"{name}=[{value}, {value}]" for name, value in pairs) + f", groups={self.groups}"

    def types(self, samples: object, unknown: bool = False) -> tuple[str, str, str]:
        """Of x, of w and of the result."""
        height, width = ("h", "w") if unknown else (self.height, self.width)
        over = self.positions
        if unknown:
            gap = self.dilation * (self.window - 1) + 1 - 2 * self.padding
            over = tuple(f"(({s}-{gap})//{self.stride})+1" if self.stride > 1 else f"{s}-{gap - 1}" for s in "hw")  # type: ignore[assignment]
        inner = self.channels // self.groups
        return (
            f"f32[{samples},{self.channels},{height},{width}]",
            f"f32[{self.filters},{inner},{self.window},{self.window}]",
            f"f32[{samples},{self.filters},{over[0]},{over[1]}]",
        )

    def forward(self, samples: object = "n", unknown: bool = False) -> str:
        x, w, y = self.types(samples, unknown)
        return region(f" %0: {y} = conv(x, k, {self.options()})\n return %0", inputs=f"x: {x}, k: {w}", results=[y],
                      name="conv")  # fmt: skip

    def input_gradient(self, samples: object = "n", unknown: bool = False) -> str:
        x, w, y = self.types(samples, unknown)
        spatial = "[h, w]" if unknown else f"[{self.height}, {self.width}]"
        return region(
            f" %0: {x} = conv_input_grad(g, k, spatial={spatial}, {self.options()})\n return %0",
            inputs=f"g: {y}, k: {w}", results=[x], name="input_gradient",
        )  # fmt: skip

    def weight_gradient(self, samples: object = "n", unknown: bool = False) -> str:
        x, w, y = self.types(samples, unknown)
        return region(
            f" %0: {w} = conv_weight_grad(x, g, window=[{self.window}, {self.window}], {self.options()})\n return %0",
            inputs=f"x: {x}, g: {y}", results=[w], name="weight_gradient",
        )  # fmt: skip

    def arrays(self) -> tuple[Array, Array, Array]:
        """x, w and a gradient of the result."""
        x = floats(self.samples, self.channels, self.height, self.width)
        w = floats(self.filters, self.channels // self.groups, self.window, self.window)
        return x, w, floats(self.samples, self.filters, *self.positions)


CASES = [
    Case(3, 16, 8, 8, 32, 3, 1, 1), Case(2, 3, 32, 33, 6, 5), Case(2, 4, 9, 11, 5, 3, 2, 1),
    Case(2, 6, 9, 7, 9, 1), Case(2, 4, 9, 11, 6, 3, 1, 2, 2, 2), Case(9, 2, 5, 5, 3, 3, 1, 1),
    Case(2, 8, 7, 7, 8, 3, 1, 1, 1, 8), Case(2, 130, 6, 6, 4, 3, 1, 1), Case(1, 3, 40, 40, 20, 7, 2, 3),
    Case(2, 5, 8, 8, 7, 2, 3), Case(1, 2, 1, 1, 3, 1), Case(2, 3, 10, 13, 4, 2, 3),
    Case(1, 3, 11, 12, 4, 3, 2, 2, 2), Case(1, 2, 9, 300, 3, 3, 1, 1), Case(1, 4, 9, 9, 6, 3, 2, 1, 1, 2),
    Case(0, 3, 8, 8, 4, 3, 1, 1), Case(2, 0, 8, 8, 4, 3, 1, 1), Case(1, 2, 2, 40, 3, 3, 1, 1),
]  # fmt: skip


def close(text: str, *arrays: Array) -> None:
    result = machine(text).run(*arrays)
    found, wanted = result.outputs[0], reference(text, *arrays)[0]
    bound = reference(text, *map(np.abs, arrays))[0]
    assert found.shape == wanted.shape
    assert np.all(np.abs(found - wanted) <= 4 * np.finfo(np.float32).eps * np.maximum(bound, 1e-30))
    for piece in (1, 1000):
        same_bits(machine(text).run(*arrays, piece=piece).outputs[0], found)


@pytest.mark.parametrize("case", CASES)
def test_values(case: Case) -> None:
    x, w, g = case.arrays()
    close(case.forward(), x, w)
    close(case.input_gradient(), g, w)
    close(case.weight_gradient(), x, g)


# Slices that share a block; lines in strips; more positions than weight gradients take at a time, whole lines of them
# and parts of lines.
SIZES = [CASES[0], CASES[1], CASES[2], CASES[4], Case(7, 3, 4, 5, 9, 3, 1, 1), Case(1, 2, 3, 530, 3, 3, 1, 1),
         Case(1, 2, 3, 530, 24, 3, 1, 1), Case(2, 2, 41, 61, 3, 2), Case(1, 1, 40, 9, 2, 9, 1, 4),
         Case(2, 3, 40, 32, 5, 3, 1, 1), Case(1, 2, 72, 64, 3, 4, 2, 1)]  # fmt: skip


@pytest.mark.parametrize("case", SIZES)
def test_unknown_image_sizes_give_the_same_bits(case: Case) -> None:
    x, w, g = case.arrays()
    programs = [(case.forward, (x, w)), (case.weight_gradient, (x, g))]
    if case.positions == (case.height, case.width):  # else the sizes do not follow from those of a gradient
        programs.append((case.input_gradient, (g, w)))
    for write, arrays in programs:
        close(write(), *arrays)
        same_bits(machine(write("n", True)).run(*arrays).outputs[0], machine(write()).run(*arrays).outputs[0])


# Lines that vectors fill, in a tile for each pair of slices, of four, of eight; in one of three vectors.
FILLED = [Case(8, 60, 8, 8, 16, 3, 1, 1), Case(3, 24, 16, 16, 5, 5, 1, 2), Case(9, 60, 4, 4, 5, 3, 1, 2, 2),
          Case(2, 2, 20, 32, 5, 3, 2, 1), Case(1, 2, 6, 48, 3, 3, 1, 1), Case(9, 2, 2, 2, 4, 3, 1, 1)]  # fmt: skip


@pytest.mark.parametrize("case", FILLED)
def test_lines_that_vectors_fill(case: Case) -> None:
    x, w, g = case.arrays()
    programs = [(case.forward, (x, w))]
    if case.positions == (case.height, case.width):
        programs.append((case.input_gradient, (g, w)))
    for write, arrays in programs:
        close(write(), *arrays)
        same_bits(machine(write("n", True)).run(*arrays).outputs[0], machine(write()).run(*arrays).outputs[0])


@pytest.mark.parametrize("case", [*FILLED, CASES[0], CASES[1]])
def test_weights_that_are_not_finite_meet_zeros_beyond_the_edge(case: Case) -> None:
    x, w, _ = case.arrays()
    w[0, 0, 0, 0], w[1, 0, -1, -1] = np.inf, np.nan
    for unknown in (False, True):
        found = machine(case.forward("n", unknown)).run(x, w).outputs[0]
        np.testing.assert_array_equal(np.isnan(found), np.isnan(reference(case.forward(), x, w)[0]))
        assert np.isfinite(found[:, 2:]).all()


def test_lines_of_padding_are_left_out_once_a_whole_line_had_finite_sums() -> None:
    (kernel,) = machine(FILLED[0].forward()).program.kernels
    text = str(kernel)
    assert "let first_tap = banded * finite * " in text
    assert "not_finite = not_finite | bitcast<i32>(sum[i_3, 0] - sum[i_3, 0])" in text


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("size", "taps", "stride", "padding", "dilation"), [
    (8, 3, 1, 1, 1), (9, 7, 2, 3, 1), (5, 3, 1, 4, 2), (6, 2, 3, 0, 1), (4, 5, 1, 2, 3), (3, 3, 1, 9, 1),
])  # fmt: skip
def test_taps_that_see_a_source(size: int, taps: int, stride: int, padding: int, dilation: int, forward: bool) -> None:
    direction = Direction(size, taps, stride if forward else 1, padding, dilation, forward)
    for position in range(12):
        found = range(*direction.taps_inside(position, taps))
        places = [direction.place(position, tap) for tap in range(taps)]
        assert list(found) == [tap for tap in range(taps) if 0 <= places[tap] < size]


def test_small_images_of_unknown_size_take_no_more_tiles_than_they_fill() -> None:
    (kernel,) = machine(Case(1, 3, 8, 8, 16, 3).forward("n", True)).program.kernels
    whole, rest = re.findall(r"for tile_column\w* in 0\.\.(.*) {", str(kernel))
    assert (whole, rest) == ("((band + 15) // 16 // 2)", "((band + 15) // 16 % 2)")


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[5]])
def test_sample_alone_gives_the_same_bits_as_in_a_batch(case: Case) -> None:
    x, w, g = case.arrays()
    for text, given in ((case.forward(), x), (case.input_gradient(), g)):
        whole = machine(text).run(given, w).outputs[0]
        for sample in range(case.samples):
            alone = machine(text).run(given[sample : sample + 1].copy(), w).outputs[0]
            same_bits(whole[sample : sample + 1], alone)


def _padded(x: Array, case: Case, i: int, j: int) -> float:
    inside = 0 <= i < case.height and 0 <= j < case.width
    return float(x[i, j]) if inside else 0.0


def test_forward_order() -> None:
    """Chunks of whole windows of 512 // 9 channels; taps beyond the edge count as +0."""
    case = Case(1, 60, 3, 3, 2, 3, 1, 1)
    x, w, _ = case.arrays()
    found = machine(case.forward()).run(x, w).outputs[0]
    for o, i, j in [(0, 0, 0), (1, 2, 1)]:
        chunks = [
            [
                (float(w[o, c, a, b]), _padded(x[0, c], case, i + a - 1, j + b - 1))
                for c in range(start, min(start + 56, 60)) for a in range(3) for b in range(3)
            ]
            for start in (0, 56)
        ]  # fmt: skip
        same_bits(found[0, o, i, j], chained(chunks))


def test_input_gradient_order() -> None:
    case = Case(1, 2, 4, 4, 60, 3, 1, 1)
    _, w, g = case.arrays()
    found = machine(case.input_gradient()).run(g, w).outputs[0]
    for c, i, j in [(0, 0, 0), (1, 2, 3)]:
        chunks = [
            [
                (float(w[o, c, a, b]), _padded(g[0, o], case, i + 1 - a, j + 1 - b))
                for o in range(start, min(start + 56, 60)) for a in range(3) for b in range(3)
            ]
            for start in (0, 56)
        ]  # fmt: skip
        same_bits(found[0, c, i, j], chained(chunks))


def test_taps_that_an_element_does_not_see_are_no_part_of_its_gradient() -> None:
    case = Case(1, 2, 7, 8, 3, 3, 2, 1)
    _, w, g = case.arrays()
    w[:, :, 1, 1] = np.inf
    found = machine(case.input_gradient()).run(g, w).outputs[0]
    sees = np.zeros((7, 8), bool)
    sees[::2, ::2] = True
    assert not np.isfinite(found[:, :, sees]).any()
    assert np.isfinite(found[:, :, ~sees]).all()


@pytest.mark.parametrize("size", [5, 40])
def test_weight_gradient_order(size: int) -> None:
    """One partial for 8 samples; lanes take the positions of each sample in turn, however they are packed."""
    case = Case(9, 1, size, size, 1, 2)
    x, _, g = case.arrays()
    found = machine(case.weight_gradient()).run(x, g).outputs[0]
    side = size - 1
    for a, b in [(0, 0), (1, 0)]:
        chunks = [
            [
                ((i * side + j) % 16, float(g[n, 0, i, j]), float(x[n, 0, i + a, j + b]))
                for n in samples for i in range(side) for j in range(side)
            ]
            for samples in (range(8), range(8, 9))
        ]  # fmt: skip
        same_bits(found[0, 0, a, b], laned(chunks))


def test_bias_and_residual_in_the_epilogue() -> None:
    text = region(
        """ %0: f32[n,6,8,8] = conv(x, k, stride=[1, 1], padding=[1, 1], dilation=[1, 1], groups=1)
 %1: f32[6,1,1] = reshape(b, shape=[6,1,1])
 %2: f32[n,6,8,8] = expand(%1, shape=[n,6,8,8])
 %3: f32[n,6,8,8] = add(%0, %2)
 %4: f32[n,6,8,8] = add(%3, r)
 return %4, %0""",
        inputs="x: f32[n,4,8,8], k: f32[6,4,3,3], b: f32[6], r: f32[n,6,8,8]",
        results=["f32[n,6,8,8]", "f32[n,6,8,8]"],
    )  # fmt: skip
    x, k, b, r = floats(3, 4, 8, 8), floats(6, 4, 3, 3), floats(6), floats(3, 6, 8, 8)
    result, plain = machine(text).run(x, k, b, r).outputs
    same_bits(result, plain + b.reshape(6, 1, 1) + r)


def test_one_and_three_dimensions_and_half_precision() -> None:
    line = region(
        " %0: f32[n,4,20] = conv(x, k, stride=[1], padding=[1], dilation=[1], groups=1)\n return %0",
        inputs="x: f32[n,3,20], k: f32[4,3,3]", results=["f32[n,4,20]"],
    )  # fmt: skip
    close(line, floats(2, 3, 20), floats(4, 3, 3))
    cube = region(
        " %0: f32[n,4,3,4,5] = conv(x, k, stride=[1,1,1], padding=[1,1,1], dilation=[1,1,1], groups=1)\n return %0",
        inputs="x: f32[n,3,3,4,5], k: f32[4,3,3,3,3]", results=["f32[n,4,3,4,5]"],
    )  # fmt: skip
    close(cube, floats(2, 3, 3, 4, 5), floats(4, 3, 3, 3, 3))
    half = CASES[0].forward().replace("f32", "f16")
    x, k, _ = (array.astype(np.float16) for array in CASES[0].arrays())
    wanted = interpret(parse(half, OPS), (x, k))[0].astype(np.float64)
    np.testing.assert_allclose(machine(half).run(x, k).outputs[0].astype(np.float64), wanted, rtol=2e-2, atol=2e-1)


def test_weights_and_images_seen_through_views() -> None:
    """A layout of channels last and flipped weights do not change the bits."""
    case = CASES[0]
    x, w, _ = case.arrays()
    plain = machine(case.forward()).run(x, w).outputs[0]
    strided = case.forward().replace("graph main(x: f32[n,16,8,8]", "graph main(x: f32[n,16,8,8] strides(s,1,s,s)")
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    same_bits(machine(strided).run(last, w).outputs[0], plain)


def test_stack_is_small() -> None:
    """Few channels are few steps of a sum, so that many positions fit into a panel: their sums still fit the stack."""
    x, g = "f32[n,64,h,w]", "f32[n,1,h-1,w-1]"
    body = f" %0: {x} = conv_input_grad(g, k, spatial=[h, w], stride=[1, 1], padding=[0, 0], dilation=[1, 1], groups=1)"
    text = region(f"{body}\n %1: {x} = tanh(%0)\n %2: {x} = exp(%1)\n return %2", inputs=f"g: {g}, k: f32[1,64,2,2]",
                  results=[x])  # fmt: skip
    (kernel,) = lower(read(text), host_target()).kernels
    elements = [int(extent) for extent in re.findall(r"stack \w+: f32\[(\d+)\]", str(kernel))]
    assert len(elements) == 2 and sum(elements) * 4 < 3 << 20
