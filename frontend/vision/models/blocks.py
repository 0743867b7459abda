"""What several families of networks are made of: three layers, a rule of sizes, and first weights."""

from __future__ import annotations

from collections.abc import Callable

from brasa import nn
from brasa.ir.errors import ValueError
from brasa.nn import functional, init
from brasa.tensors.creation import ones
from brasa.tensors.tensor import Tensor

Layer = Callable[..., nn.Module]


class Conv2dNormActivation(nn.Sequential):
    """A convolution that keeps the size of images (over the stride), a normalisation and an activation.

    norm_layer and activation_layer may be None; the convolution has a bias if nothing normalises after it.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, padding: int | None = None,
        groups: int = 1, norm_layer: Layer | None = nn.BatchNorm2d, activation_layer: Layer | None = nn.ReLU,
        dilation: int = 1, inplace: bool | None = True, bias: bool | None = None,
    ) -> None:  # fmt: skip
        border = (kernel_size - 1) // 2 * dilation if padding is None else padding
        biased = norm_layer is None if bias is None else bias
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, border, dilation, groups, biased)
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class SqueezeExcitation(nn.Module):
    """Channels scaled by factors that a small network finds from the means of all of them (Hu et al., 2018)."""

    def __init__(
        self, input_channels: int, squeeze_channels: int, activation: Layer = nn.ReLU,
        scale_activation: Layer = nn.Sigmoid,
    ) -> None:  # fmt: skip
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation, self.scale_activation = activation(), scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(squeezed)) * input


class StochasticDepth(nn.Module):
    """While training, whole samples (mode "row") or the batch ("batch") set to 0 with probability p, the others
    scaled by 1 / (1 - p), as dropout does with elements (Huang et al., 2016)."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must be in 0..1, not {p}", op="StochasticDepth")
        if mode not in ("batch", "row"):
            raise ValueError(f"mode must be 'batch' or 'row', not '{mode}'", op="StochasticDepth")
        self.p, self.mode = p, mode

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        shape = (input.shape[0] if self.mode == "row" else 1, *[1] * (input.ndim - 1))
        return input * functional.dropout(ones(*shape, dtype=input.dtype, device=input.device), self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of the divisor nearest to a number of channels, and at least 90 % of it."""
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def draw_convolutions(model: nn.Module, mode: str = "fan_out") -> None:
    """Draw the kernels of a network of ReLUs anew, normal (He et al., 2015), with biases of 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)


def draw_linear(model: nn.Module) -> None:
    """Draw the weights of the linear layers anew, normal with deviation 0.01, with biases of 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, 0, 0.01)
            init.zeros_(module.bias)
