"""Data sets without files of their own: digits that come with scikit-learn, and noise."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from brasa.ir.errors import IndexError
from brasa.vision.datasets.samples import Transform, VisionDataset, split_text
from brasa.vision.pillow import pillow

_TESTED = 360  # of the 1,797 digits, the last are to test with
_SHADES = 16  # grey values from 0 to this


class Digits(VisionDataset):
    """Handwritten digits of 8x8 (Alpaydin & Kaynak, 1998), which come with scikit-learn: 1,437 and 360 to test with.

    Samples are an image in mode "L", enlarged to size x size, and its class as an int; `data` is an array
    uint8[n, 8, 8] and `targets` a list of ints. ImportError without scikit-learn: pip install "brasa[demo]".
    """

    classes: ClassVar[list[str]] = [str(digit) for digit in range(10)]

    def __init__(
        self, train: bool = True, transform: Transform | None = None, target_transform: Transform | None = None,
        size: int = 8,
    ) -> None:  # fmt: skip
        super().__init__(transform=transform, target_transform=target_transform)
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise ImportError('Digits needs scikit-learn: pip install "brasa[demo]"') from error
        self.train, self.size = train, size
        images, labels = load_digits(return_X_y=True)
        half = slice(None, -_TESTED) if train else slice(-_TESTED, None)
        shades = np.round(images[half] * (255 / _SHADES)).astype(np.uint8)
        self.data: np.ndarray[Any, Any] = shades.reshape(-1, 8, 8)
        self.targets: list[int] = labels[half].tolist()
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image = pillow().fromarray(self.data[index])
        if self.size != image.width:
            image = image.resize((self.size, self.size), pillow().Resampling.BILINEAR)
        return self.transformed(image, self.targets[index])

    def extra_repr(self) -> str:
        return split_text(self.train)


class FakeData(VisionDataset):
    """Noise in place of images, the same each time: samples are an image in mode "RGB" and a class as an int.

    size: how many; image_size: (channels, height, width); random_offset: added to a sample's number for its seed.
    """

    def __init__(
        self, size: int = 1000, image_size: tuple[int, int, int] = (3, 224, 224), num_classes: int = 10,
        transform: Transform | None = None, target_transform: Transform | None = None, random_offset: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.num_classes, self.image_size = size, num_classes, image_size
        self.random_offset = random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"{index} is not the number of one of {self.size} samples", op="FakeData")
        noise = np.random.default_rng(index + self.random_offset)
        channels, height, width = self.image_size
        pixels = noise.integers(0, 256, (height, width, channels), np.uint8)
        target = int(noise.integers(self.num_classes))
        return self.transformed(pillow().fromarray(pixels[..., 0] if channels == 1 else pixels), target)
