"""Convolutions of signals, images and volumes, and their transposes."""

from __future__ import annotations

import math
from typing import Any

from brasa.functions.neural.spatial import per_axis
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn import functional, init
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensors.creation import empty
from brasa.tensors.tensor import Tensor

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What all convolutions have. rank: along how many axes; transposed: whether it is the transpose of one."""

    rank = 1
    transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, output_padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self._check(in_channels, out_channels, groups, padding, padding_mode)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = per_axis(kernel_size, self.rank, "kernel_size")
        self.stride = per_axis(stride, self.rank, "stride")
        self.padding = padding if isinstance(padding, str) else per_axis(padding, self.rank, "padding")
        self.dilation = per_axis(dilation, self.rank, "dilation")
        self.output_padding = per_axis(output_padding, self.rank, "output_padding")
        self.padding_mode = padding_mode
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (outer, inner // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _check(self, in_channels: int, out_channels: int, groups: int, padding: Any, padding_mode: str) -> None:
        name = type(self).__name__
        if groups <= 0 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{in_channels} input and {out_channels} output channels do not divide into {groups} "
                             "groups", op=name)  # fmt: skip
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be a size, 'same' or 'valid', not '{padding}'", op=name)
        if padding_mode not in _MODES or (self.transposed and padding_mode != "zeros"):
            raise ValueError(f"padding_mode must be {' or '.join(_MODES[: 1 if self.transposed else 4])}, "
                             f"not '{padding_mode}'", op=name)  # fmt: skip

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, uniform within 1 / sqrt(inputs of one output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def _border(self) -> tuple[int, ...]:
        """(before, after) of the last axis, then of the one before it: what is padded in modes other than zeros."""
        pairs = []
        for axis in reversed(range(self.rank)):
            if self.padding == "same":
                span = self.dilation[axis] * (self.kernel_size[axis] - 1)
                pairs += [span // 2, span - span // 2]
            else:
                pairs += [0, 0] if self.padding == "valid" else [int(self.padding[axis])] * 2
        return tuple(pairs)

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """(the input, the zeros to put around it)."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return functional.pad(input, self._border(), self.padding_mode), 0

    def extra_repr(self) -> str:
        facts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding not in ((0,) * self.rank, "valid"):
            facts.append(f"padding={self.padding}")
        for name, usual in (("dilation", (1,) * self.rank), ("output_padding", (0,) * self.rank), ("groups", 1),
                            ("padding_mode", "zeros")):  # fmt: skip
            if getattr(self, name) != usual:
                facts.append(f"{name}={getattr(self, name)}")
        if self.bias is None:
            facts.append("bias=False")
        return ", ".join(facts)


class Conv1d(_Convolution):
    """The convolution of signals input[n, c, length] with a weight[out_channels, in_channels / groups, kernel]."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        source, zeros = self._padded(input)
        return functional.conv1d(source, self.weight, self.bias, self.stride, zeros, self.dilation, self.groups)


class Conv2d(Conv1d):
    """The convolution of images input[n, c, h, w] with a weight[out_channels, in_channels / groups, kh, kw]."""

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        source, zeros = self._padded(input)
        return functional.conv2d(source, self.weight, self.bias, self.stride, zeros, self.dilation, self.groups)


class Conv3d(Conv1d):
    """The convolution of volumes input[n, c, d, h, w] with a weight[out_channels, in_channels / groups, kd, kh, kw]."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        source, zeros = self._padded(input)
        return functional.conv3d(source, self.weight, self.bias, self.stride, zeros, self.dilation, self.groups)


class ConvTranspose1d(_Convolution):
    """The transpose of Conv1d, which makes signals longer; weight[in_channels, out_channels / groups, kernel]."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _options(self, input: Tensor, output_size: Any) -> tuple[Any, ...]:
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation

    def _extra(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives the result this size."""
        wanted = [int(size) for size in output_size][-self.rank :]
        extra = []
        for axis, want in enumerate(wanted):
            size, step = int(input.shape[input.ndim - self.rank + axis]), self.stride[axis]
            span = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            least = (size - 1) * step - 2 * int(self.padding[axis]) + span
            if not least <= want < least + step:
                raise ShapeError(f"axis {axis} of the result can have {least} to {least + step - 1} elements, "
                                 f"not {want}", op=type(self).__name__)  # fmt: skip
            extra.append(want - least)
        return tuple(extra)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return functional.conv_transpose1d(input, *self._options(input, output_size))


class ConvTranspose2d(ConvTranspose1d):
    """The transpose of Conv2d, which makes images larger; weight[in_channels, out_channels / groups, kh, kw]."""

    rank = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return functional.conv_transpose2d(input, *self._options(input, output_size))


class ConvTranspose3d(ConvTranspose1d):
    """The transpose of Conv3d, which makes volumes larger; weight[in_channels, out_channels / groups, kd, kh, kw]."""

    rank = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return functional.conv_transpose3d(input, *self._options(input, output_size))
