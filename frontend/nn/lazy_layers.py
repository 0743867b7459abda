"""Layers that take the number of their inputs from the first one."""

from __future__ import annotations

from typing import Any

from brasa.nn import batch_normalization as norms
from brasa.nn import convolution as convolutions
from brasa.nn.lazy import LazyModuleMixin
from brasa.nn.linear import Linear
from brasa.tensors.tensor import Tensor


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear whose in_features are the last axis of the first input."""

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, out_features, bias, device, dtype)
        self._forget("weight", "bias", device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, when there are any."""
        if self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take in_features from the input."""
        self.in_features = int(input.shape[-1])
        self._shape(weight=(self.out_features, self.in_features), bias=(self.out_features,))


class _LazyConvolution(LazyModuleMixin):
    """A convolution, or its transpose, whose in_channels are those of the first input."""

    def __init__(
        self, out_channels: int, kernel_size: Any, *args: Any, device: Any = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(0, out_channels, kernel_size, *args, device=device, dtype=dtype, **kwargs)
        self._forget("weight", "bias", device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, when there are any."""
        if self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *_: Any, **__: Any) -> None:
        """Take in_channels from the input, which may have a batch axis."""
        self.in_channels = int(input.shape[-self.rank - 1])
        self._check(self.in_channels, self.out_channels, self.groups, self.padding, self.padding_mode)
        outer, inner = self.out_channels, self.in_channels
        if self.transposed:
            outer, inner = inner, outer
        self._shape(weight=(outer, inner // self.groups, *self.kernel_size), bias=(self.out_channels,))


class LazyConv1d(_LazyConvolution, convolutions.Conv1d):
    """A Conv1d whose in_channels are those of the first input."""

    cls_to_become = convolutions.Conv1d


class LazyConv2d(_LazyConvolution, convolutions.Conv2d):
    """A Conv2d whose in_channels are those of the first input."""

    cls_to_become = convolutions.Conv2d


class LazyConv3d(_LazyConvolution, convolutions.Conv3d):
    """A Conv3d whose in_channels are those of the first input."""

    cls_to_become = convolutions.Conv3d


class LazyConvTranspose1d(_LazyConvolution, convolutions.ConvTranspose1d):
    """A ConvTranspose1d whose in_channels are those of the first input."""

    cls_to_become = convolutions.ConvTranspose1d


class LazyConvTranspose2d(_LazyConvolution, convolutions.ConvTranspose2d):
    """A ConvTranspose2d whose in_channels are those of the first input."""

    cls_to_become = convolutions.ConvTranspose2d


class LazyConvTranspose3d(_LazyConvolution, convolutions.ConvTranspose3d):
    """A ConvTranspose3d whose in_channels are those of the first input."""

    cls_to_become = convolutions.ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """A normalisation of channels whose num_features are the channels of the first input."""

    def __init__(self, *args: Any, device: Any = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(0, *args, device=device, dtype=dtype, **kwargs)
        self._forget("weight", "bias", "running_mean", "running_var", device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Start anew, when there is something to start."""
        if self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take num_features from the input."""
        unbatched = self.unbatched and input.ndim == self.ranks[0]
        self.num_features = int(input.shape[0 if unbatched else 1])
        names = ("weight", "bias", "running_mean", "running_var")
        self._shape(**dict.fromkeys(names, (self.num_features,)))


class LazyBatchNorm1d(_LazyNorm, norms.BatchNorm1d):
    """A BatchNorm1d whose num_features are the channels of the first input."""

    cls_to_become = norms.BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, norms.BatchNorm2d):
    """A BatchNorm2d whose num_features are the channels of the first input."""

    cls_to_become = norms.BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, norms.BatchNorm3d):
    """A BatchNorm3d whose num_features are the channels of the first input."""

    cls_to_become = norms.BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, norms.InstanceNorm1d):
    """An InstanceNorm1d whose num_features are the channels of the first input."""

    cls_to_become = norms.InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, norms.InstanceNorm2d):
    """An InstanceNorm2d whose num_features are the channels of the first input."""

    cls_to_become = norms.InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, norms.InstanceNorm3d):
    """An InstanceNorm3d whose num_features are the channels of the first input."""

    cls_to_become = norms.InstanceNorm3d
