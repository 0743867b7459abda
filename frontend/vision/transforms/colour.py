"""Images in other colours, blurred, or with a part erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.functions.joining import stack
from brasa.functions.masking import where
from brasa.ir.errors import ValueError
from brasa.nn import functional as nn_functional
from brasa.tensors.creation import zeros_like
from brasa.tensors.dtype_facts import iinfo
from brasa.tensors.tensor import Tensor, copied
from brasa.vision.pillow import pillow, pillow_part
from brasa.vision.transforms.conversion import pil_to_tensor, to_pil_image
from brasa.vision.transforms.images import get_dimensions, require_image


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The image in grey, 0.2989 red + 0.587 green + 0.114 blue, in one channel or in three that are equal."""
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, not {num_output_channels}", op="rgb_to_grayscale")
    channels = get_dimensions(img)[0]
    if not isinstance(img, Tensor):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else pillow().merge("RGB", [grey] * 3)
    if channels not in (1, 3):
        raise ValueError(f"expects 1 or 3 channels, not {channels}", op="rgb_to_grayscale")
    shade = img
    if channels == 3:
        red, green, blue = (img[..., channel, :, :] for channel in range(3))
        shade = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)
    return shade if num_output_channels == 1 else shade.expand(*shade.shape[:-3], 3, *shade.shape[-2:])


def largest(img: Tensor) -> int:
    """The value of white."""
    return 1 if img.is_floating_point() else iinfo(img.dtype).max


def blend(img: Tensor, other: Tensor, factor: float) -> Tensor:
    """factor * img + (1 - factor) * other, between 0 and the largest value of the dtype."""
    return (factor * img + (1.0 - factor) * other).clamp(0, largest(img)).to(img.dtype)


def enhanced(img: Any, factor: float, name: str) -> Any:
    """What pillow makes of one of its images; ValueError for negative factors."""
    require_image(img, f"adjust_{name.lower()}")
    if factor < 0:
        raise ValueError(f"the factor must not be negative, it is {factor}", op=f"adjust_{name.lower()}")
    return None if isinstance(img, Tensor) else getattr(pillow_part("ImageEnhance"), name)(img).enhance(factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """The image so many times as bright: 0 is black, 1 the image itself."""
    made = enhanced(img, brightness_factor, "Brightness")
    return blend(img, zeros_like(img), brightness_factor) if made is None else made


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """The image with so many times its contrast: 0 is its mean grey, 1 the image itself."""
    made = enhanced(img, contrast_factor, "Contrast")
    if made is not None:
        return made
    grey = rgb_to_grayscale(img)
    grey = grey if grey.is_floating_point() else grey.float()
    return blend(img, grey.mean((-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """The image with so much colour: 0 is grey, 1 the image itself."""
    made = enhanced(img, saturation_factor, "Color")
    if made is not None or get_dimensions(img)[0] == 1:
        return img if made is None else made
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The image with its hues shifted round the circle of colours; hue_factor: between -0.5 and 0.5 of it."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor must be between -0.5 and 0.5, not {hue_factor}", op="adjust_hue")
    if get_dimensions(img)[0] == 1:
        return img
    if not isinstance(img, Tensor):
        hue, saturation, value = img.convert("HSV").split()
        shifted = np.asarray(hue) + np.int32(hue_factor * 255).astype(np.uint8)  # round the circle of 256
        return pillow().merge("HSV", (pillow().fromarray(shifted), saturation, value)).convert(img.mode)
    values = img if img.is_floating_point() else img.float() / largest(img)
    shifted = _shifted(values, hue_factor)
    return shifted if img.is_floating_point() else (shifted * (largest(img) + 1 - 1e-3)).to(img.dtype)


def _shifted(img: Tensor, shift: float) -> Tensor:
    """Colours between 0 and 1 with another hue: each channel is the value less what the hue takes of its chroma."""
    value, low = img.amax(-3), img.amin(-3)
    chroma = value - low
    red, green, blue = (img[..., channel, :, :] for channel in range(3))
    divisor = where(chroma == 0, 1.0, chroma)
    sixth = where(value == red, (green - blue) / divisor,
                  where(value == green, 2.0 + (blue - red) / divisor, 4.0 + (red - green) / divisor))  # fmt: skip
    hue = ((sixth / 6.0 + 1.0).fmod(1.0) + shift) % 1.0

    def channel(number: int) -> Tensor:
        place = (number + hue * 6.0) % 6.0
        return value - chroma * place.minimum(4.0 - place).clamp(0.0, 1.0)

    return stack([channel(5), channel(3), channel(1)], -3).clamp(0.0, 1.0)


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """The image blurred by a Gaussian of odd kernel_size, one int or (width, height), mirrored beyond its edges.

    sigma: one or (x, y), 0.3 * ((kernel_size - 1) * 0.5 - 1) + 0.8 if None.
    """
    require_image(img, "gaussian_blur")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    widths = [float(sigma)] * 2 if not isinstance(sigma, Sequence) else [float(sigma[0]), float(sigma[-1])]
    for size, width in zip(sizes, widths, strict=True):
        if size <= 0 or size % 2 == 0 or width <= 0:
            raise ValueError(f"kernel_size must be odd and positive and sigma positive, not {size} and {width}",
                             op="gaussian_blur")  # fmt: skip
    if not isinstance(img, Tensor):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, widths), img.mode)
    values = img if img.is_floating_point() else img.float()
    planes = values.reshape(-1, 1, *img.shape[-2:])
    across, down = (_bell(size, width) for size, width in zip(sizes, widths, strict=True))
    kernel = copied(np.outer(down, across)[None, None]).to(planes.dtype)
    left, top = sizes[0] // 2, sizes[1] // 2
    made = nn_functional.conv2d(nn_functional.pad(planes, [left, left, top, top], "reflect"), kernel).reshape(img.shape)
    return made if img.is_floating_point() else made.round().to(img.dtype)


def _bell(size: int, sigma: float) -> np.ndarray[Any, Any]:
    places = np.arange(size) - (size - 1) / 2
    heights = np.exp(-0.5 * (places / sigma) ** 2)
    return heights / heights.sum()


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """A tensor of an image with v in h rows from i on and w columns from j on."""
    made = img if inplace else img.clone()
    made[..., i : i + h, j : j + w] = v
    return made
