"""Transforms that draw what they do, from brasa's default generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from brasa.functions.sampling import randn
from brasa.ir.errors import ArgumentError, ValueError
from brasa.nn.modules.module import Module
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor
from brasa.vision.transforms import functional
from brasa.vision.transforms.drawing import below, order, uniform
from brasa.vision.transforms.images import InterpolationMode, get_dimensions, pair

_TRIES = 10  # after which the middle of the image is taken, or nothing erased


class WithChance(Module):
    """Does one thing with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must be between 0 and 1, not {p}", op=type(self).__name__)
        self.p = p

    def happens(self) -> bool:
        """Whether it shall be done this time."""
        return uniform(0, 1) < self.p

    def extra_repr(self) -> str:
        return f"p={self.p}"


class RandomHorizontalFlip(WithChance):
    """Left and right are exchanged, with probability p."""

    def forward(self, img: Any) -> Any:
        return functional.hflip(img) if self.happens() else img


class RandomVerticalFlip(WithChance):
    """Top and bottom are exchanged, with probability p."""

    def forward(self, img: Any) -> Any:
        return functional.vflip(img) if self.happens() else img


class RandomGrayscale(WithChance):
    """The image in grey, in as many channels as before, with probability p."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def forward(self, img: Any) -> Any:
        channels = get_dimensions(img)[0]
        return functional.rgb_to_grayscale(img, channels) if self.happens() else img


class RandomApply(WithChance):
    """Several transforms, one after the other, with probability p."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(p)
        self.transforms: Any = transforms

    def forward(self, img: Any) -> Any:
        if self.happens():
            for transform in self.transforms:
                img = transform(img)
        return img


class RandomChoice:
    """One of several transforms; p: how likely each is, up to a common factor."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None) -> None:
        if p is not None and len(p) != len(transforms):
            raise ValueError(f"{len(p)} probabilities for {len(transforms)} transforms", op="RandomChoice")
        self.transforms, self.p = transforms, p or [1.0] * len(transforms)

    def __call__(self, img: Any) -> Any:
        left = uniform(0, sum(self.p))
        for transform, weight in zip(self.transforms, self.p, strict=True):
            left -= weight
            if left < 0:
                return transform(img)
        return self.transforms[-1](img)


class RandomOrder:
    """Several transforms in any order."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for number in order(len(self.transforms)):
            img = self.transforms[number](img)
        return img


class RandomCrop(Module):
    """Any part of the image in this size, after a border of `padding`; pad_if_needed: also where it is too small."""

    def __init__(
        self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.padding, self.pad_if_needed = pair(size, "RandomCrop"), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a part; ValueError if the image is smaller."""
        _, rows, columns = get_dimensions(img)
        height, width = output_size
        if height > rows or width > columns:
            raise ValueError(f"the size {output_size} is larger than the image, {(rows, columns)}", op="RandomCrop")
        return below(rows - height + 1), below(columns - width + 1), height, width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = self._padded(img, self.padding)
        _, rows, columns = get_dimensions(img)
        if self.pad_if_needed and columns < self.size[1]:
            img = self._padded(img, [self.size[1] - columns, 0])
        if self.pad_if_needed and rows < self.size[0]:
            img = self._padded(img, [0, self.size[0] - rows])
        return functional.crop(img, *self.get_params(img, self.size))

    def _padded(self, img: Any, padding: Any) -> Any:
        return functional.pad(img, padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        return f"size={self.size}, padding={self.padding}"


class RandomResizedCrop(Module):
    """A part of the image, of an area and a shape that are drawn, in this size.

    scale: the least and the largest share of the area; ratio: of width to height.
    """

    def __init__(
        self, size: Any, scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR, antialias: bool | None = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            raise ValueError(f"the least comes first, not scale {scale} and ratio {ratio}", op="RandomResizedCrop")
        self.size, self.scale, self.ratio = pair(size, "RandomResizedCrop"), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a part."""
        _, rows, columns = get_dimensions(img)
        for _ in range(_TRIES):
            area = rows * columns * uniform(*scale[:2])
            shape = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            height, width = round(math.sqrt(area / shape)), round(math.sqrt(area * shape))
            if 0 < height <= rows and 0 < width <= columns:
                return below(rows - height + 1), below(columns - width + 1), height, width
        height, width = rows, columns
        if columns / rows < ratio[0]:
            height = round(columns / ratio[0])
        elif columns / rows > ratio[1]:
            width = round(rows * ratio[1])
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        part = self.get_params(img, self.scale, self.ratio)
        return functional.resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def extra_repr(self) -> str:
        return f"size={self.size}, scale={self.scale}, ratio={self.ratio}"


def around(middle: float, value: Any, name: str, op: str) -> tuple[float, float]:
    """The least and the largest: of a number, that far to both sides of the middle."""
    if isinstance(value, Sequence):
        if len(value) != 2 or value[0] > value[1]:
            raise ValueError(f"{name} must be a number, or the least and the largest, not {value}", op=op)
        return float(value[0]), float(value[1])
    if value < 0:
        raise ValueError(f"{name} must not be negative, it is {value}", op=op)
    return middle - value, middle + value


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue, changed in any order by factors that are drawn.

    A number x means factors from max(0, 1 - x) to 1 + x, for hue from -x to x; two numbers the least and the largest.
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__()
        self.brightness, self.contrast, self.saturation = (
            (max(low, 0.0), high) for low, high in (around(1.0, value, name, "ColorJitter") for name, value in
            (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)))
        )  # fmt: skip
        self.hue = around(0.0, hue, "hue", "ColorJitter")
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"hue must be between -0.5 and 0.5, not {hue}", op="ColorJitter")

    def forward(self, img: Any) -> Any:
        steps = (
            (functional.adjust_brightness, self.brightness, 1), (functional.adjust_contrast, self.contrast, 1),
            (functional.adjust_saturation, self.saturation, 1), (functional.adjust_hue, self.hue, 0),
        )  # fmt: skip
        for number in order(len(steps)):
            adjust, bounds, same = steps[number]
            if bounds != (same, same):
                img = adjust(img, uniform(*bounds))
        return img

    def extra_repr(self) -> str:
        return (f"brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, "
                f"hue={self.hue}")  # fmt: skip


class RandomErasing(WithChance):
    """A rectangle of a tensor of an image is overwritten, with probability p (Zhong et al., 2017).

    scale: the least and the largest share of the area; ratio: of height to width; value: what is written, a number,
    one a channel, or "random" for normal noise.
    """

    def __init__(
        self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0, inplace: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(p)
        self.scale, self.ratio, self.value, self.inplace = scale, ratio, value, inplace

    def forward(self, img: Tensor) -> Tensor:
        if not isinstance(img, Tensor):
            raise ArgumentError(f"expects a tensor, not {type(img).__name__}", op="RandomErasing",
                                hint="ToTensor comes first")  # fmt: skip
        if not self.happens():
            return img
        channels, rows, columns = get_dimensions(img)
        for _ in range(_TRIES):
            area = rows * columns * uniform(*self.scale[:2])
            shape = math.exp(uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if height < rows and width < columns:
                value = self._written(channels, height, width).to(img.dtype)
                return functional.erase(img, below(rows - height + 1), below(columns - width + 1), height, width,
                                        value, self.inplace)  # fmt: skip
        return img

    def _written(self, channels: int, height: int, width: int) -> Tensor:
        if self.value == "random":
            return randn(channels, height, width)
        values = list(self.value) if isinstance(self.value, Sequence) else [self.value]
        if len(values) not in (1, channels):
            raise ValueError(f"value has {len(values)} numbers, the image {channels} channels", op="RandomErasing")
        return tensor(values).reshape(-1, 1, 1)
