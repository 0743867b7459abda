"""Rows of single convolutions, alone and with both gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.row import Make, Program, Row, noise


@dataclass(frozen=True)
class Shape:
    """A convolution of square images: n images of a channels and some width, to b channels."""

    n: int
    a: int
    b: int
    width: int
    size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    transposed: bool = False

    def __str__(self) -> str:
        kind = "transposed " if self.transposed else "depthwise " if self.groups > 1 else ""
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{kind}{self.n}x{self.a}x{self.width}x{self.width} to {self.b}, {self.size}x{self.size}{stride}"

    def weight(self) -> tuple[int, ...]:
        """The shape of its weight."""
        first, second = (self.a, self.b) if self.transposed else (self.b, self.a // self.groups)
        return first, second, self.size, self.size

    def flops(self) -> int:
        """Multiplications and additions of one pass."""
        out = self.width if self.transposed else (self.width + 2 * self.padding - self.size) // self.stride + 1
        return 2 * self.n * self.a * self.b // self.groups * self.size**2 * out**2


SHAPES = (
    Shape(4, 3, 6, 32, 5), Shape(4, 6, 16, 14, 5), Shape(64, 3, 6, 32, 5), Shape(64, 6, 16, 14, 5),
    Shape(8, 64, 64, 64, 3, padding=1), Shape(8, 128, 128, 32, 3, padding=1), Shape(8, 256, 256, 16, 3, padding=1),
    Shape(8, 512, 512, 8, 3, padding=1), Shape(8, 256, 256, 16, 1), Shape(8, 3, 64, 64, 7, 2, 3),
    Shape(8, 128, 128, 32, 3, padding=1, groups=128), Shape(8, 128, 64, 16, 4, 2, 1, transposed=True),
)  # fmt: skip


def rows() -> Iterator[Row]:
    """Each shape forward, and with the gradients of input and weight."""
    for shape in SHAPES:
        yield Row("convolutions", str(shape), _forward(shape), _jax_forward(shape), flops=shape.flops())
    for shape in SHAPES:
        yield Row(
            "convolutions", f"{shape}, with gradients", _gradients(shape), _jax_gradients(shape),
            flops=3 * shape.flops(), tolerance=1e-3,
        )  # fmt: skip


def _convolve(module: ModuleType, shape: Shape) -> Callable[..., Any]:
    functional = module.nn.functional
    convolve = functional.conv_transpose2d if shape.transposed else functional.conv2d
    return lambda x, w: convolve(x, w, stride=shape.stride, padding=shape.padding, groups=shape.groups)


def _arrays(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    return noise(shape.n, shape.a, shape.width, shape.width), noise(*shape.weight(), seed=1)


def _forward(shape: Shape) -> Make:
    return lambda module: Program(_convolve(module, shape), tuple(map(module.tensor, _arrays(shape))))


def _gradients(shape: Shape) -> Make:
    def over(module: ModuleType) -> Program:
        convolve = _convolve(module, shape)
        x, w = (module.tensor(array, requires_grad=True) for array in _arrays(shape))

        def run(x: Any, w: Any) -> Any:
            y = convolve(x, w)
            return module.autograd.grad(y, (x, w), y.detach())

        return Program(run, (x, w))

    return over


def _jax_forward(shape: Shape) -> Callable[[Any], Callable[..., Any]]:
    def over(jax: Any) -> Callable[..., Any]:
        padding = [(shape.padding, shape.padding)] * 2
        if not shape.transposed:
            return lambda x, w: jax.lax.conv_general_dilated(
                x, w, (shape.stride,) * 2, padding, feature_group_count=shape.groups
            )
        edge = [(shape.size - 1 - shape.padding,) * 2] * 2
        return lambda x, w: jax.lax.conv_general_dilated(
            x, w[..., ::-1, ::-1].swapaxes(0, 1), (1, 1), edge, lhs_dilation=(shape.stride,) * 2
        )

    return over


def _jax_gradients(shape: Shape) -> Callable[[Any], Callable[..., Any]]:
    def over(jax: Any) -> Callable[..., Any]:
        forward = _jax_forward(shape)(jax)

        def run(x: Any, w: Any) -> Any:
            y, backward = jax.vjp(forward, x, w)
            return backward(y)

        return run

    return over
