"""Convolutions."""

from __future__ import annotations

import math
from typing import Any

from brasa.creation import empty
from brasa.functions.neural.spatial import per_axis
from brasa.ir.errors import ValueError
from brasa.nn import functional, init
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensor import Tensor


class Conv2d(Module):
    """The convolution of images input[n, c, h, w] with a weight[out_channels, in_channels / groups, kh, kw]."""

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1, padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{in_channels} input and {out_channels} output channels do not divide into {groups} "
                             "groups", op="Conv2d")  # fmt: skip
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be a size, 'same' or 'valid', not '{padding}'", op="Conv2d")
        if padding_mode != "zeros":
            raise ValueError(f"padding_mode must be 'zeros', not '{padding_mode}'", op="Conv2d")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = per_axis(kernel_size, 2, "kernel_size")
        self.stride = per_axis(stride, 2, "stride")
        self.padding = padding if isinstance(padding, str) else per_axis(padding, 2, "padding")
        self.dilation = per_axis(dilation, 2, "dilation")
        self.padding_mode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, uniform within 1 / sqrt(inputs of one output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = self.weight[0].numel()
        if self.bias is not None and fan_in:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return functional.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        facts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding not in ((0, 0), "valid"):
            facts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            facts.append(f"dilation={self.dilation}")
        if self.groups != 1:
            facts.append(f"groups={self.groups}")
        if self.bias is None:
            facts.append("bias=False")
        return ", ".join(facts)
