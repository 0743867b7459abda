"""Several images side by side as one, and in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from brasa.functions.joining import cat, stack
from brasa.ir.dtype import uint8
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.tensors.creation import full
from brasa.tensors.tensor import Tensor, type_text
from brasa.vision.pillow import pillow


def make_grid(
    tensor: Tensor | Sequence[Tensor], nrow: int = 8, padding: int = 2, normalize: bool = False,
    value_range: tuple[float, float] | None = None, scale_each: bool = False, pad_value: float = 0.0,
) -> Tensor:  # fmt: skip
    """Images [n, channels, height, width], or a list of them, in rows of nrow: [channels, rows, columns].

    Grey ones get three channels. padding: pixels of pad_value around each. normalize: values from value_range (of all
    images, or of each with scale_each, the least and the largest if None) come to lie between 0 and 1.
    """
    if not isinstance(tensor, Tensor):
        if not tensor or not all(isinstance(each, Tensor) for each in tensor):
            raise ArgumentError("expects a tensor or a list of tensors", op="make_grid")
        tensor = stack(list(tensor))
    if tensor.ndim not in (2, 3, 4):
        raise ShapeError(f"expects images [n, channels, height, width], not {type_text(tensor)}", op="make_grid")
    images = tensor[None] if tensor.ndim == 2 else tensor
    images = images[None] if images.ndim == 3 else images
    if images.shape[1] == 1:
        images = cat([images] * 3, 1)
    if normalize:
        images = (
            stack([_between(each, value_range) for each in images]) if scale_each else _between(images, value_range)
        )
    count = int(images.shape[0])
    if count == 1:
        return images[0]
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = int(images.shape[2]) + padding, int(images.shape[3]) + padding
    grid = full((int(images.shape[1]), height * rows + padding, width * columns + padding), pad_value,
                dtype=images.dtype)  # fmt: skip
    for number in range(count):
        top, left = number // columns * height + padding, number % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = images[number]
    return grid


def _between(images: Tensor, bounds: tuple[float, float] | None) -> Tensor:
    if bounds is not None and bounds[0] > bounds[1]:
        raise ValueError(f"value_range has the least first, not {bounds}", op="make_grid")
    low, high = bounds or (float(images.min().item()), float(images.max().item()))
    return (images.clamp(low, high) - low) / max(high - low, 1e-5)


def save_image(tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write images with values between 0 and 1 as one image into a file, or an open one; kwargs are make_grid's."""
    grid = make_grid(tensor, **kwargs).detach()
    bytes_ = (grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).to(uint8)
    pillow().fromarray(bytes_.contiguous().numpy()).save(fp, format=format)
