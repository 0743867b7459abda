"""What images are: pillow's and tensors, their sizes, and how values between pixels are found."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from brasa.ir.errors import ArgumentError, ValueError
from brasa.tensors.tensor import Tensor
from brasa.vision.pillow import is_image, pillow


class InterpolationMode(enum.Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"

    @property
    def of_pillow(self) -> Any:
        """The same, as pillow has it."""
        return pillow().Resampling[self.name.removesuffix("_EXACT")]


def require_image(image: Any, op: str) -> None:
    """ArgumentError for what is neither a tensor with height and width nor one of pillow's images."""
    if isinstance(image, Tensor):
        if image.ndim < 2:
            raise ValueError(f"a tensor of an image has height and width, this one has {image.ndim} axes", op=op)
    elif not is_image(image):
        raise ArgumentError(f"an image is a tensor or one of pillow's, not {type(image).__name__}", op=op)


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of an image."""
    require_image(img, "get_dimensions")
    if isinstance(img, Tensor):
        return [1 if img.ndim == 2 else int(img.shape[-3]), *map(int, img.shape[-2:])]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """[width, height] of an image."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels of an image."""
    return get_dimensions(img)[0]


def pair(size: Any, op: str) -> tuple[int, int]:
    """(height, width): of an int both, of a sequence of one that one twice. ValueError for longer ones."""
    if not isinstance(size, Sequence):
        return int(size), int(size)
    if len(size) not in (1, 2):
        raise ValueError(f"size must be one or two ints, not {size!r}", op=op)
    return int(size[0]), int(size[-1])
