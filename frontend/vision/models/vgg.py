"""VGG: stacks of 3x3 convolutions (Simonyan and Zisserman, 2014), with and without batch normalisation."""

from __future__ import annotations

from typing import Any

from brasa import nn
from brasa.tensors.tensor import Tensor
from brasa.vision.models.blocks import draw_convolutions, draw_linear
from brasa.vision.models.entries import entry

_CHANNELS = (64, 128, 256, 512, 512)  # of the stages; each ends in a pooling


class VGG(nn.Module):
    """Images [n, 3, h, w] of at least 32 pixels a side to scores [n, num_classes], by features that are given."""

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        if init_weights:
            draw_convolutions(self)
            draw_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _vgg(depths: tuple[int, ...], normalized: bool, kwargs: dict[str, Any]) -> VGG:
    """The network with so many convolutions in its stages."""
    layers: list[nn.Module] = []
    inner = 3
    for channels, depth in zip(_CHANNELS, depths, strict=True):
        for _ in range(depth):
            layers.append(nn.Conv2d(inner, channels, 3, padding=1))
            layers += [nn.BatchNorm2d(channels)] if normalized else []
            layers.append(nn.ReLU(inplace=True))
            inner = channels
        layers.append(nn.MaxPool2d(2, stride=2))
    return VGG(nn.Sequential(*layers), **kwargs)


@entry
def vgg11(**kwargs: Any) -> VGG:
    """VGG-11: 132,863,336 parameters for 1000 classes."""
    return _vgg((1, 1, 2, 2, 2), False, kwargs)


@entry
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG-11 with batch normalisation: 132,868,840 parameters for 1000 classes."""
    return _vgg((1, 1, 2, 2, 2), True, kwargs)


@entry
def vgg13(**kwargs: Any) -> VGG:
    """VGG-13: 133,047,848 parameters for 1000 classes."""
    return _vgg((2, 2, 2, 2, 2), False, kwargs)


@entry
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG-13 with batch normalisation: 133,053,736 parameters for 1000 classes."""
    return _vgg((2, 2, 2, 2, 2), True, kwargs)


@entry
def vgg16(**kwargs: Any) -> VGG:
    """VGG-16: 138,357,544 parameters for 1000 classes."""
    return _vgg((2, 2, 3, 3, 3), False, kwargs)


@entry
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG-16 with batch normalisation: 138,365,992 parameters for 1000 classes."""
    return _vgg((2, 2, 3, 3, 3), True, kwargs)


@entry
def vgg19(**kwargs: Any) -> VGG:
    """VGG-19: 143,667,240 parameters for 1000 classes."""
    return _vgg((2, 2, 4, 4, 4), False, kwargs)


@entry
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG-19 with batch normalisation: 143,678,248 parameters for 1000 classes."""
    return _vgg((2, 2, 4, 4, 4), True, kwargs)
