"""MobileNetV2: residual blocks that are wide inside and convolve each channel by itself (Sandler et al., 2018)."""

from __future__ import annotations

from typing import Any

from brasa import nn
from brasa.ir.errors import ValueError
from brasa.tensors.tensor import Tensor
from brasa.vision.models.blocks import (
    Conv2dNormActivation,
    Layer,
    draw_convolutions,
    draw_linear,
    make_divisible,
)
from brasa.vision.models.entries import entry

# Of each stage: how much wider its blocks are inside, its channels, its blocks, the stride of the first of them.
_STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


class InvertedResidual(nn.Module):
    """1x1 to expand_ratio as many channels, 3x3 on each of them, 1x1 back; added to the input where shapes agree."""

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: float, norm_layer: Layer = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2, not {stride}", op="InvertedResidual")
        self.stride, self.out_channels = stride, oup
        self.use_res_connect = stride == 1 and inp == oup
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, norm_layer=norm_layer, activation_layer=nn.ReLU6))
        self.conv = nn.Sequential(
            *layers,
            Conv2dNormActivation(
                hidden, hidden, stride=stride, groups=hidden, norm_layer=norm_layer, activation_layer=nn.ReLU6
            ),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_layer(oup),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Images [n, 3, h, w] to scores [n, num_classes].

    width_mult scales all numbers of channels, which round_nearest then divides. inverted_residual_setting: for each
    stage the expansion, the channels, the blocks and the stride.
    """

    def __init__(
        self, num_classes: int = 1000, width_mult: float = 1.0, inverted_residual_setting: Any = None,
        round_nearest: int = 8, block: Layer | None = None, norm_layer: Layer | None = None, dropout: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        block, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if not stages or any(len(stage) != 4 for stage in stages):
            raise ValueError("inverted_residual_setting must be a list of 4 numbers for each stage, not "
                             f"{stages!r}", op="MobileNetV2")  # fmt: skip
        inner = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers = [Conv2dNormActivation(3, inner, stride=2, norm_layer=norm, activation_layer=nn.ReLU6)]
        for ratio, channels, count, first in stages:
            outer = make_divisible(channels * width_mult, round_nearest)
            for number in range(count):
                layers.append(block(inner, outer, 1 if number else first, expand_ratio=ratio, norm_layer=norm))
                inner = outer
        layers.append(Conv2dNormActivation(inner, self.last_channel, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        draw_convolutions(self)
        draw_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1)).flatten(1))


@entry
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2: 3,504,872 parameters for 1000 classes."""
    return MobileNetV2(**kwargs)
