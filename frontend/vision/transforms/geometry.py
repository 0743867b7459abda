"""Images cut, padded, mirrored and in other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.functions.arranging import flip
from brasa.ir.errors import ValueError
from brasa.nn import functional as nn_functional
from brasa.tensors.tensor import Tensor, copied
from brasa.vision.pillow import pillow, pillow_part
from brasa.vision.transforms.images import InterpolationMode, get_dimensions, pair, require_image


def hflip(img: Any) -> Any:
    """The image with left and right exchanged."""
    require_image(img, "hflip")
    return flip(img, (-1,)) if isinstance(img, Tensor) else img.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    """The image with top and bottom exchanged."""
    require_image(img, "vflip")
    return flip(img, (-2,)) if isinstance(img, Tensor) else img.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of the image from this corner on; zeros where it reaches beyond the image."""
    _, rows, columns = get_dimensions(img)
    bottom, right = top + height, left + width
    if not isinstance(img, Tensor):
        return img.crop((left, top, right, bottom))
    part = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    beyond = [max(-left, 0), max(right - max(columns, left), 0), max(-top, 0), max(bottom - max(rows, top), 0)]
    return nn_functional.pad(part, beyond) if any(beyond) else part


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of the image, in this size: an int or (height, width); zeros around an image that is smaller."""
    height, width = pair(output_size, "center_crop")
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        across, down = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2])
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2.0), round((columns - width) / 2.0), height, width)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """The four corners (top left, top right, bottom left, bottom right) and the middle of the image, in this size."""
    height, width = pair(size, "five_crop")
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ValueError(f"the size {(height, width)} is larger than the image, {(rows, columns)}", op="five_crop")
    corners = [(top, left) for top in (0, rows - height) for left in (0, columns - width)]
    return (*(crop(img, *corner, height, width) for corner in corners), center_crop(img, (height, width)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """five_crop of the image, then of its mirror image, left to right or upside down."""
    flipped = vflip(img) if vertical_flip else hflip(img)
    return (*five_crop(img, size), *five_crop(flipped, size))


_PADDINGS = ("constant", "edge", "reflect", "symmetric")


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a border: an int, [left and right, top and bottom] or [left, top, right, bottom] pixels wide.

    padding_mode: "constant" (fill), "edge" (repeated), "reflect" and "symmetric" (mirrored, without and with the edge).
    """
    require_image(img, "pad")
    if padding_mode not in _PADDINGS:
        raise ValueError(f"padding_mode must be one of {', '.join(_PADDINGS)}, not {padding_mode!r}", op="pad")
    widths = [padding] if isinstance(padding, int) else list(padding)
    if len(widths) not in (1, 2, 4):
        raise ValueError(f"padding must be 1, 2 or 4 ints, not {padding!r}", op="pad")
    left, top, right, bottom = widths * (4 // len(widths))
    if padding_mode == "constant":
        if isinstance(img, Tensor):
            return nn_functional.pad(img, [left, right, top, bottom], value=fill)
        return pillow_part("ImageOps").expand(img, (left, top, right, bottom), fill_of(img, fill, "pad"))
    _, rows, columns = get_dimensions(img)
    if min(left, top, right, bottom) < 0:
        raise ValueError(f"padding must not be negative with {padding_mode!r}, it is {padding!r}", op="pad")
    if padding_mode == "reflect" and (max(left, right) >= columns or max(top, bottom) >= rows):
        raise ValueError(f"padding {padding!r} is too wide to mirror an image of {(rows, columns)}", op="pad")
    down = np.pad(np.arange(rows), (top, bottom), padding_mode)  # type: ignore[call-overload]
    across = np.pad(np.arange(columns), (left, right), padding_mode)  # type: ignore[call-overload]
    if isinstance(img, Tensor):
        return img.index_select(-2, copied(down)).index_select(-1, copied(across))
    made = pillow().fromarray(np.asarray(img)[down][:, across])
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def fill_of(img: Any, fill: Any, op: str) -> Any:
    """A filling value for each of an image's channels, 0 for None."""
    channels = len(img.getbands())
    values = tuple(fill) if isinstance(fill, Sequence) else (fill or 0,)
    if len(values) == 1:
        return values[0] if channels == 1 else values * channels
    if len(values) != channels:
        raise ValueError(f"fill has {len(values)} values, the image {channels} channels", op=op)
    return values


def resize(
    img: Any, size: Any, interpolation: InterpolationMode = InterpolationMode.BILINEAR, max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:  # fmt: skip
    """The image in another size: (height, width), or the smaller of the two, the shape being kept.

    max_size: the larger of the two may not be more. antialias: what a pixel of a smaller result covers all counts, as
    it always does for pillow's images. ValueError for a max_size that does not fit.
    """
    _, rows, columns = get_dimensions(img)
    height, width = _new_size(rows, columns, size, max_size)
    if (height, width) == (rows, columns):
        return img
    if not isinstance(img, Tensor):
        return img.resize((width, height), interpolation.of_pillow)
    mode = interpolation.value
    if mode not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"tensors cannot be resized with {mode}", op="resize")
    smooth = bool(antialias) and mode in ("bilinear", "bicubic")
    values = wide(img)
    planes = values.reshape(-1, 1, rows, columns)
    made = nn_functional.interpolate(planes, (height, width), mode=mode, antialias=smooth)
    return narrow(made.reshape(*img.shape[:-2], height, width), img)


def _new_size(rows: int, columns: int, size: Any, max_size: int | None) -> tuple[int, int]:
    if isinstance(size, Sequence) and len(size) != 1:
        if max_size is not None:
            raise ValueError("max_size goes with a size that is one int", op="resize")
        return pair(size, "resize")
    wanted = pair(size, "resize")[0]
    small, large = min(rows, columns), max(rows, columns)
    short, long = wanted, int(wanted * large / small)
    if max_size is not None:
        if max_size <= wanted:
            raise ValueError(f"max_size {max_size} must be larger than size {wanted}", op="resize")
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (long, short) if columns <= rows else (short, long)


def wide(img: Tensor) -> Tensor:
    """Floats to compute with."""
    return img if img.is_floating_point() else img.float()


def narrow(values: Tensor, img: Tensor) -> Tensor:
    """Computed values in the dtype of the image."""
    if img.is_floating_point():
        return values
    return (values.clamp(0, 255) if img.dtype.name == "u8" else values).round().to(img.dtype)


def resized_crop(
    img: Any, top: int, left: int, height: int, width: int, size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR, antialias: bool | None = True,
) -> Any:  # fmt: skip
    """A part of the image, in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)
