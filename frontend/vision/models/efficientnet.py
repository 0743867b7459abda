"""EfficientNet-B0: MobileNetV2's blocks with squeeze-and-excitation and stochastic depth (Tan and Le, 2019)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from brasa import nn
from brasa.ir.errors import ValueError
from brasa.nn import init
from brasa.tensors.tensor import Tensor
from brasa.vision.models.blocks import (
    Conv2dNormActivation,
    Layer,
    SqueezeExcitation,
    StochasticDepth,
    draw_convolutions,
    make_divisible,
)
from brasa.vision.models.entries import entry


class MBConvConfig(NamedTuple):
    """The sizes of one stage: its first block has the stride, all have the other numbers."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int


_B0 = (
    MBConvConfig(1, 3, 1, 32, 16, 1), MBConvConfig(6, 3, 2, 16, 24, 2), MBConvConfig(6, 5, 2, 24, 40, 2),
    MBConvConfig(6, 3, 2, 40, 80, 3), MBConvConfig(6, 5, 1, 80, 112, 3), MBConvConfig(6, 5, 2, 112, 192, 4),
    MBConvConfig(6, 3, 1, 192, 320, 1),
)  # fmt: skip


class MBConv(nn.Module):
    """1x1 to more channels, a convolution of each, squeeze-and-excitation, 1x1 to fewer; added to an equal input,
    for a share of the samples only while training."""

    def __init__(self, cnf: MBConvConfig, stochastic_depth_prob: float, norm_layer: Layer) -> None:
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels
        convolve = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        expanded = make_divisible(cnf.input_channels * cnf.expand_ratio)
        layers: list[nn.Module] = []
        if expanded != cnf.input_channels:
            layers.append(convolve(cnf.input_channels, expanded, 1))
        narrow = max(1, cnf.input_channels // 4)
        layers += [
            convolve(expanded, expanded, cnf.kernel, cnf.stride, groups=expanded),
            SqueezeExcitation(expanded, narrow, activation=partial(nn.SiLU, inplace=True)),
            convolve(expanded, cnf.out_channels, 1, activation_layer=None),
        ]
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        return input + self.stochastic_depth(result) if self.use_res_connect else result


class EfficientNet(nn.Module):
    """Images [n, 3, h, w] to scores [n, num_classes].

    stochastic_depth_prob: how likely the last block is left out for a sample; those before it are less, evenly.
    last_channel: the channels before the pooling, by default four times those of the last stage.
    """

    def __init__(
        self, inverted_residual_setting: Sequence[MBConvConfig], dropout: float, stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000, norm_layer: Layer | None = None, last_channel: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("inverted_residual_setting must not be empty", op="EfficientNet")
        norm = norm_layer or nn.BatchNorm2d
        convolve = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        total = sum(stage.num_layers for stage in inverted_residual_setting)
        layers: list[nn.Module] = [convolve(3, inverted_residual_setting[0].input_channels, stride=2)]
        before = 0
        for stage in inverted_residual_setting:
            later = stage._replace(input_channels=stage.out_channels, stride=1)
            layers.append(nn.Sequential(*(
                MBConv(later if number else stage, stochastic_depth_prob * (before + number) / total, norm)
                for number in range(stage.num_layers)
            )))  # fmt: skip
            before += stage.num_layers
        inner = inverted_residual_setting[-1].out_channels
        outer = 4 * inner if last_channel is None else last_channel
        self.features = nn.Sequential(*layers, convolve(inner, outer, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(outer, num_classes))
        draw_convolutions(self)
        bound = 1 / math.sqrt(num_classes)
        init.uniform_(self.classifier[1].weight, -bound, bound)
        init.zeros_(self.classifier[1].bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


@entry
def efficientnet_b0(*, dropout: float = 0.2, **kwargs: Any) -> EfficientNet:
    """EfficientNet-B0: 5,288,548 parameters for 1000 classes."""
    return EfficientNet(_B0, dropout, **kwargs)
