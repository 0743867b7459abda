"""U-Net: an image to an image, by way of smaller ones that are kept for the way back (Ronneberger et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from brasa import nn
from brasa.functions.joining import cat
from brasa.ir.errors import ShapeError, ValueError
from brasa.tensors.tensor import Tensor


def _twice(inner: int, outer: int) -> nn.Sequential:
    """Two 3x3 convolutions that keep the size, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inner, outer):
        layers += [nn.Conv2d(channels, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Images [n, in_channels, h, w] to images [n, out_channels, h, w].

    features: the channels at each size, of which the first is the full one and each later one half of that before;
    the smallest, in the middle, has twice the channels of the last. Sides must divide by 2 ** len(features),
    ShapeError otherwise.
    """

    def __init__(
        self, in_channels: int = 3, out_channels: int = 1, features: Sequence[int] = (64, 128, 256, 512)
    ) -> None:
        super().__init__()
        if not features:
            raise ValueError("features must not be empty", op="UNet")
        inputs = [in_channels, *features]
        self.downs = nn.ModuleList(_twice(*pair) for pair in zip(inputs, features, strict=False))
        self.pool = nn.MaxPool2d(2)
        self.middle = _twice(features[-1], 2 * features[-1])
        wider = [*features[1:], 2 * features[-1]]
        pairs = list(zip(wider, features, strict=True))[::-1]
        self.ups = nn.ModuleList(nn.ConvTranspose2d(inner, outer, 2, stride=2) for inner, outer in pairs)
        self.joins = nn.ModuleList(_twice(2 * outer, outer) for _, outer in pairs)
        self.head = nn.Conv2d(features[0], out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        factor = 2 ** len(self.downs)
        if any(side % factor for side in x.shape[2:]):
            raise ShapeError(f"the sides of images must divide by {factor}, they are "
                             f"{' x '.join(map(str, x.shape[2:]))}", op="UNet")  # fmt: skip
        kept = []
        for down in self.downs:
            kept.append(down(x))
            x = self.pool(kept[-1])
        x = self.middle(x)
        for up, join in zip(self.ups, self.joins, strict=True):
            x = join(cat([kept.pop(), up(x)], 1))
        return self.head(x)


def unet(
    in_channels: int = 3, out_channels: int = 1, features: Sequence[int] = (64, 128, 256, 512)
) -> UNet:  # fmt: skip
    """A U-Net: 31,037,633 parameters as it is by default."""
    return UNet(in_channels, out_channels, features)
