"""DenseNet: every layer of a block reads what all layers before it gave (Huang et al., 2016)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from brasa import nn
from brasa.functions.joining import cat
from brasa.nn import functional, init
from brasa.tensors.tensor import Tensor
from brasa.utils.checkpoint import checkpoint
from brasa.vision.models.blocks import draw_convolutions
from brasa.vision.models.entries import entry


class _DenseLayer(nn.Module):
    """1x1 to bn_size * growth_rate channels, then 3x3 to growth_rate, each after normalisation and ReLU."""

    def __init__(
        self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float, memory_efficient: bool
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate, self.memory_efficient = drop_rate, memory_efficient

    def _narrowed(self, *features: Tensor) -> Tensor:
        return self.conv1(self.relu1(self.norm1(cat(features, 1))))

    def forward(self, features: list[Tensor]) -> Tensor:
        narrowed = checkpoint(self._narrowed, *features) if self.memory_efficient else self._narrowed(*features)
        return functional.dropout(self.conv2(self.relu2(self.norm2(narrowed))), self.drop_rate, self.training)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the names of torchvision's files, too, which are older than its layers: norm.1 for norm1."""
        for kind in ("norm.", "conv."):
            for key in [key for key in state_dict if key.startswith(prefix + kind)]:
                state_dict[prefix + kind[:-1] + key[len(prefix + kind) :]] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


class _DenseBlock(nn.ModuleDict):
    def __init__(self, num_layers: int, num_input_features: int, growth_rate: int, *options: Any) -> None:
        super().__init__()
        for number in range(num_layers):
            layer = _DenseLayer(num_input_features + number * growth_rate, growth_rate, *options)
            self.add_module(f"denselayer{number + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


def _transition(inner: int, outer: int) -> nn.Sequential:
    """Between two blocks: fewer channels, half the size."""
    return nn.Sequential(OrderedDict(
        norm=nn.BatchNorm2d(inner), relu=nn.ReLU(inplace=True), conv=nn.Conv2d(inner, outer, 1, bias=False),
        pool=nn.AvgPool2d(2, stride=2),
    ))  # fmt: skip


class DenseNet(nn.Module):
    """Images [n, 3, h, w] to scores [n, num_classes], by blocks of so many layers with growth_rate channels each.

    bn_size: how many times wider layers are inside. drop_rate: dropout after each layer. memory_efficient: what is
    inside layers is computed again in backward.
    """

    def __init__(
        self, growth_rate: int = 32, block_config: tuple[int, ...] = (6, 12, 24, 16), num_init_features: int = 64,
        bn_size: int = 4, drop_rate: float = 0, num_classes: int = 1000, memory_efficient: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = num_init_features
        self.features = nn.Sequential(OrderedDict(
            conv0=nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False), norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True), pool0=nn.MaxPool2d(3, stride=2, padding=1),
        ))  # fmt: skip
        for number, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, growth_rate, bn_size, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{number}", block)
            channels += layers * growth_rate
            if number < len(block_config):
                self.features.add_module(f"transition{number}", _transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        draw_convolutions(self, "fan_in")
        init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        features = functional.relu(self.features(x), inplace=True)
        return self.classifier(functional.adaptive_avg_pool2d(features, (1, 1)).flatten(1))


@entry
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet-121: 7,978,856 parameters for 1000 classes."""
    return DenseNet(**kwargs)
