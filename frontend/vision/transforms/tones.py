"""Images whose values are mapped one by one, or spread over what there is room for; and sharpened."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.functions.masking import where
from brasa.ir.errors import ArgumentError, ValueError
from brasa.nn import functional as nn_functional
from brasa.tensors.tensor import Tensor, array_of, copied
from brasa.vision.pillow import pillow_part
from brasa.vision.transforms.colour import blend, enhanced, largest
from brasa.vision.transforms.conversion import convert_image_dtype
from brasa.vision.transforms.images import require_image

_ALMOST = 256 - 1e-3  # floats up to 1, times this, are bytes


def invert(img: Any) -> Any:
    """The image with dark and light exchanged."""
    require_image(img, "invert")
    return largest(img) - img if isinstance(img, Tensor) else pillow_part("ImageOps").invert(img)


def posterize(img: Any, bits: int) -> Any:
    """The image with the first `bits` bits alone of each of its bytes; ArgumentError for other dtypes."""
    require_image(img, "posterize")
    if not 0 <= bits <= 8:
        raise ValueError(f"bits must be between 0 and 8, not {bits}", op="posterize")
    if not isinstance(img, Tensor):
        return pillow_part("ImageOps").posterize(img, bits)
    return _bytes(img, "posterize") & (256 - 2 ** (8 - bits))


def solarize(img: Any, threshold: float) -> Any:
    """The image with its values from the threshold on inverted."""
    require_image(img, "solarize")
    if not isinstance(img, Tensor):
        return pillow_part("ImageOps").solarize(img, threshold)
    if threshold > largest(img):
        raise ValueError(f"the threshold {threshold} is above {largest(img)}, the largest value", op="solarize")
    return where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Any:
    """The image with each channel's values spread over all that there is room for."""
    require_image(img, "autocontrast")
    if not isinstance(img, Tensor):
        return pillow_part("ImageOps").autocontrast(img)
    values = img if img.is_floating_point() else img.float()
    low, high = values.amin((-2, -1), keepdim=True), values.amax((-2, -1), keepdim=True)
    flat = low == high
    scale = where(flat, 1.0, largest(img) / where(flat, 1.0, high - low))
    return ((values - where(flat, 0.0, low)) * scale).clamp(0, largest(img)).to(img.dtype)


def equalize(img: Any) -> Any:
    """The image with each channel's bytes mapped so that all are about as frequent; ArgumentError for other dtypes."""
    require_image(img, "equalize")
    if not isinstance(img, Tensor):
        return pillow_part("ImageOps").equalize(img)
    planes = array_of(_bytes(img, "equalize")).reshape(-1, *img.shape[-2:])
    return copied(np.stack([_equalized(plane) for plane in planes])).reshape(img.shape)


def _equalized(plane: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    counts = np.bincount(plane.reshape(-1), minlength=256)
    step = (plane.size - counts[plane.max()]) // 255
    if step == 0:
        return plane
    below = np.cumsum(counts) - counts
    return (((below + step // 2) // step).clip(0, 255).astype(np.uint8))[plane]


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """The image so sharp: 0 is smoothed, 1 the image itself, 2 twice as sharp; its outermost pixels stay."""
    made = enhanced(img, sharpness_factor, "Sharpness")
    if made is not None:
        return made
    if min(img.shape[-2:]) <= 2:
        return img
    values = img if img.is_floating_point() else img.float()
    kernel = np.ones((1, 1, 3, 3))
    kernel[0, 0, 1, 1] = 5
    planes = values.reshape(-1, 1, *img.shape[-2:])
    inner = nn_functional.conv2d(planes, copied(kernel / kernel.sum()).to(planes.dtype))
    smooth = planes.clone()
    smooth[..., 1:-1, 1:-1] = inner if img.is_floating_point() else inner.round()
    return blend(img, smooth.reshape(img.shape).to(img.dtype), sharpness_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain * value ** gamma of values between 0 and 1; of integers as if their largest was 1."""
    require_image(img, "adjust_gamma")
    if gamma < 0:
        raise ValueError(f"gamma must not be negative, it is {gamma}", op="adjust_gamma")
    if isinstance(img, Tensor):
        values = img if img.is_floating_point() else convert_image_dtype(img)
        return convert_image_dtype((gain * values**gamma).clamp(0, 1), img.dtype)
    table = [int(_ALMOST * gain * (value / 255) ** gamma) for value in range(256)]
    return img.convert("RGB").point(table * 3).convert(img.mode)


def _bytes(img: Tensor, op: str) -> Tensor:
    if img.dtype.name != "u8":
        raise ArgumentError(f"expects a tensor of uint8, not {img.dtype.long_name}", op=op)
    return img
