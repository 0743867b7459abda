"""Pooling: windows of a signal, an image or a volume made one element."""

from __future__ import annotations

from typing import Any

from brasa.functions.neural.spatial import per_axis
from brasa.nn import functional
from brasa.nn.configured import Configured
from brasa.tensors.tensor import Tensor


class _MaxPool(Configured):
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def _options(self) -> tuple[Any, ...]:
        return (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)


class MaxPool1d(_MaxPool):
    """The largest element of each window of the last axis; with return_indices also where it stands."""

    def forward(self, input: Tensor) -> Any:
        return functional.max_pool1d(input, *self._options())


class MaxPool2d(_MaxPool):
    """The largest element of each window of the last two axes; with return_indices also where it stands."""

    def forward(self, input: Tensor) -> Any:
        return functional.max_pool2d(input, *self._options())


class MaxPool3d(_MaxPool):
    """The largest element of each window of the last three axes; with return_indices also where it stands."""

    def forward(self, input: Tensor) -> Any:
        return functional.max_pool3d(input, *self._options())


class _MaxUnpool(Configured):
    rank = 1
    shown = ("kernel_size", "stride", "padding")

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = per_axis(kernel_size, self.rank, "kernel_size")
        self.stride = self.kernel_size if stride is None else per_axis(stride, self.rank, "stride")
        self.padding = per_axis(padding, self.rank, "padding")


class MaxUnpool1d(_MaxUnpool):
    """The way back from MaxPool1d: each element at the place that indices name, 0 elsewhere."""

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return functional.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpool):
    """The way back from MaxPool2d: each element at the place that indices name, 0 elsewhere."""

    rank = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return functional.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    """The way back from MaxPool3d: each element at the place that indices name, 0 elsewhere."""

    rank = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return functional.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class AvgPool1d(Configured):
    """The mean of each window of the last axis."""

    shown = ("kernel_size", "stride", "padding")

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = per_axis(kernel_size, 1, "kernel_size")
        self.stride = self.kernel_size if stride is None else per_axis(stride, 1, "stride")
        self.padding = per_axis(padding, 1, "padding")
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class _AvgPool(Configured):
    shown = ("kernel_size", "stride", "padding")

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def _options(self) -> tuple[Any, ...]:
        return (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                self.divisor_override)  # fmt: skip


class AvgPool2d(_AvgPool):
    """The mean of each window of the last two axes."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool2d(input, *self._options())


class AvgPool3d(_AvgPool):
    """The mean of each window of the last three axes."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool3d(input, *self._options())


class _LPPool(Configured):
    shown = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def _options(self) -> tuple[Any, ...]:
        return float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode


class LPPool1d(_LPPool):
    """The p-norm of each window of the last axis."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.lp_pool1d(input, *self._options())


class LPPool2d(_LPPool):
    """The p-norm of each window of the last two axes."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.lp_pool2d(input, *self._options())


class LPPool3d(_LPPool):
    """The p-norm of each window of the last three axes."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.lp_pool3d(input, *self._options())
