"""Borders around signals, images and volumes."""

from __future__ import annotations

from typing import Any

from brasa.functions.neural.spatial import per_axis
from brasa.nn import functional
from brasa.nn.module import Module
from brasa.tensors.tensor import Tensor


class _Pad(Module):
    """A border. rank: along how many axes; mode: what it holds; value: the constant, if it is one."""

    rank, mode = 1, "constant"
    value: float | None = None

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = per_axis(padding, 2 * self.rank, "padding")

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return str(self.padding)


class ConstantPad1d(_Pad):
    """A border of one value along the last axis: (before, after)."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """A border of one value around images: (left, right, top, bottom)."""

    rank = 2


class ConstantPad3d(ConstantPad1d):
    """A border of one value around volumes: (left, right, top, bottom, front, back)."""

    rank = 3


class ZeroPad1d(_Pad):
    """A border of zeros along the last axis."""

    value = 0.0


class ZeroPad2d(ZeroPad1d):
    """A border of zeros around images."""

    rank = 2


class ZeroPad3d(ZeroPad1d):
    """A border of zeros around volumes."""

    rank = 3


class ReflectionPad1d(_Pad):
    """A border that mirrors what is inside the first and last element."""

    mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """A border around images that mirrors what is inside their edges."""

    rank = 2


class ReflectionPad3d(ReflectionPad1d):
    """A border around volumes that mirrors what is inside their faces."""

    rank = 3


class ReplicationPad1d(_Pad):
    """A border that repeats the first and last element."""

    mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """A border around images that repeats their edges."""

    rank = 2


class ReplicationPad3d(ReplicationPad1d):
    """A border around volumes that repeats their faces."""

    rank = 3


class CircularPad1d(_Pad):
    """A border that goes on at the other end."""

    mode = "circular"


class CircularPad2d(CircularPad1d):
    """A border around images that goes on at the opposite edge."""

    rank = 2


class CircularPad3d(CircularPad1d):
    """A border around volumes that goes on at the opposite face."""

    rank = 3
