"""Transforms that map the values of images, with a probability."""

from __future__ import annotations

from typing import Any

from brasa.vision.transforms import functional
from brasa.vision.transforms.chance import WithChance


class RandomInvert(WithChance):
    """Dark and light are exchanged, with probability p."""

    def forward(self, img: Any) -> Any:
        return functional.invert(img) if self.happens() else img


class RandomPosterize(WithChance):
    """The first `bits` bits alone of each byte are kept, with probability p."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def forward(self, img: Any) -> Any:
        return functional.posterize(img, self.bits) if self.happens() else img

    def extra_repr(self) -> str:
        return f"bits={self.bits},p={self.p}"


class RandomSolarize(WithChance):
    """Values from the threshold on are inverted, with probability p."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def forward(self, img: Any) -> Any:
        return functional.solarize(img, self.threshold) if self.happens() else img

    def extra_repr(self) -> str:
        return f"threshold={self.threshold},p={self.p}"


class RandomAdjustSharpness(WithChance):
    """The image in another sharpness, with probability p: 0 is smoothed, 1 the image itself, 2 twice as sharp."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def forward(self, img: Any) -> Any:
        return functional.adjust_sharpness(img, self.sharpness_factor) if self.happens() else img

    def extra_repr(self) -> str:
        return f"sharpness_factor={self.sharpness_factor},p={self.p}"


class RandomAutocontrast(WithChance):
    """Each channel's values are spread over all that there is room for, with probability p."""

    def forward(self, img: Any) -> Any:
        return functional.autocontrast(img) if self.happens() else img


class RandomEqualize(WithChance):
    """Each channel's bytes become about equally frequent, with probability p."""

    def forward(self, img: Any) -> Any:
        return functional.equalize(img) if self.happens() else img
