"""MobileNetV3: MobileNetV2's blocks with squeeze-and-excitation and hard swishes (Howard et al., 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from brasa import nn
from brasa.ir.errors import ValueError
from brasa.tensors.tensor import Tensor
from brasa.vision.models.blocks import (
    Conv2dNormActivation,
    Layer,
    SqueezeExcitation,
    draw_convolutions,
    draw_linear,
    make_divisible,
)
from brasa.vision.models.entries import entry


class InvertedResidualConfig(NamedTuple):
    """The sizes of one block; use_se: with squeeze-and-excitation; use_hs: with hard swishes instead of ReLUs."""

    input_channels: int
    kernel: int
    expanded_channels: int
    out_channels: int
    use_se: bool
    use_hs: bool
    stride: int


# The blocks, without their input channels, which are the output channels of the block before, 16 at first.
_LARGE = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
)  # fmt: skip
_SMALL = (
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
)  # fmt: skip


class InvertedResidual(nn.Module):
    """1x1 to more channels, a convolution of each, squeeze-and-excitation, 1x1 to fewer; added to an equal input."""

    def __init__(self, cnf: InvertedResidualConfig, norm_layer: Layer) -> None:
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels
        expanded = cnf.expanded_channels
        convolve = partial(
            Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU
        )
        layers: list[nn.Module] = []
        if expanded != cnf.input_channels:
            layers.append(convolve(cnf.input_channels, expanded, 1))
        layers.append(convolve(expanded, expanded, cnf.kernel, cnf.stride, groups=expanded))
        if cnf.use_se:
            narrow = make_divisible(expanded // 4)
            layers.append(SqueezeExcitation(expanded, narrow, scale_activation=nn.Hardsigmoid))
        layers.append(convolve(expanded, cnf.out_channels, 1, activation_layer=None))
        self.block = nn.Sequential(*layers)

    def forward(self, input: Tensor) -> Tensor:
        return input + self.block(input) if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """Images [n, 3, h, w] to scores [n, num_classes]. last_channel: the width of the layer before the scores."""

    def __init__(
        self, inverted_residual_setting: Sequence[InvertedResidualConfig], last_channel: int, num_classes: int = 1000,
        block: Layer | None = None, norm_layer: Layer | None = None, dropout: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("inverted_residual_setting must not be empty", op="MobileNetV3")
        block, norm = block or InvertedResidual, norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        convolve = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        first, last = inverted_residual_setting[0].input_channels, inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            convolve(3, first, stride=2),
            *(block(cnf, norm) for cnf in inverted_residual_setting),
            convolve(last, 6 * last, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel), nn.Hardswish(inplace=True), nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )  # fmt: skip
        draw_convolutions(self)
        draw_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _mobilenet_v3(
    rows: tuple[tuple[int, int, int, bool, bool, int], ...], last: int, width_mult: float, kwargs: dict[str, Any]
) -> MobileNetV3:
    """The network of these blocks, with its numbers of channels scaled."""
    blocks, inner = [], make_divisible(16 * width_mult)
    for kernel, expanded, out, *others in rows:
        outer = make_divisible(out * width_mult)
        blocks.append(InvertedResidualConfig(inner, kernel, make_divisible(expanded * width_mult), outer, *others))
        inner = outer
    return MobileNetV3(blocks, make_divisible(last * width_mult), **kwargs)


@entry
def mobilenet_v3_large(*, width_mult: float = 1.0, **kwargs: Any) -> MobileNetV3:
    """The large MobileNetV3: 5,483,032 parameters for 1000 classes. width_mult scales all numbers of channels."""
    return _mobilenet_v3(_LARGE, 1280, width_mult, kwargs)


@entry
def mobilenet_v3_small(*, width_mult: float = 1.0, **kwargs: Any) -> MobileNetV3:
    """The small MobileNetV3: 2,542,856 parameters for 1000 classes. width_mult scales all numbers of channels."""
    return _mobilenet_v3(_SMALL, 1024, width_mult, kwargs)
