"""Images to tensors, tensors to images, and from one dtype to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa._state import STATE
from brasa.ir.dtype import DType, float32, float64, int32, int64
from brasa.ir.errors import ArgumentError, DTypeError, ValueError
from brasa.tensors.creation import tensor as tensor_of
from brasa.tensors.dtype_facts import iinfo
from brasa.tensors.tensor import Tensor, over_array
from brasa.vision.pillow import is_image, pillow

_WHOLE = np.float32(255)
_WIDE_MODES = {"I": np.int32, "F": np.float32, "I;16": np.uint16, "1": np.uint8}  # modes whose pixels are not bytes


def _pixels(pic: Any, op: str) -> np.ndarray[Any, Any]:
    """[height, width, channels] of an image, or of an array [height, width] or [height, width, channels]."""
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"an array of an image has 2 or 3 axes, not {pic.ndim}", op=op)
        array = pic
    elif is_image(pic):
        array = np.asarray(pic, _WIDE_MODES.get(pic.mode))
    else:
        raise ArgumentError(f"an image is one of pillow's or an array, not {type(pic).__name__}", op=op)
    return array if array.ndim == 3 else array[:, :, None]


def to_tensor(pic: Any) -> Tensor:
    """A tensor [channels, height, width], float32 in most modes, of an image or an array [height, width, channels].

    Bytes are divided by 255, so that they lie between 0 and 1; other values, and their dtype, stay what they are.
    """
    planes = _pixels(pic, "to_tensor").transpose(2, 0, 1)
    if planes.dtype != np.uint8:
        return over_array(np.array(planes, order="C"))
    if getattr(pic, "mode", "") == "1":  # whose bytes are 0 and 1
        return over_array(planes.astype(np.float32, order="C"))
    made = np.empty(planes.shape, np.float32)
    np.divide(planes, _WHOLE, out=made)
    return over_array(made)


def pil_to_tensor(pic: Any) -> Tensor:
    """A tensor [channels, height, width] with an image's own values, uint8 in most modes."""
    if not is_image(pic):
        raise ArgumentError(f"an image of pillow's is expected, not {type(pic).__name__}", op="pil_to_tensor")
    return over_array(np.array(_pixels(pic, "pil_to_tensor").transpose(2, 0, 1), order="C"))


_MODES = {(1, "uint8"): "L", (1, "int16"): "I;16", (1, "int32"): "I", (1, "float32"): "F", (2, "uint8"): "LA",
          (3, "uint8"): "RGB", (4, "uint8"): "RGBA"}  # fmt: skip
_OTHER_MODES = {3: ("YCbCr", "HSV"), 4: ("CMYK", "RGBX")}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """An image of a tensor [channels, height, width], or of an array [height, width, channels].

    Of a float tensor, values times 255 become bytes, unless mode is "F". mode: one that so many channels have.
    """
    if isinstance(pic, Tensor):
        array = pic.detach().numpy()
        if array.ndim not in (2, 3):
            raise ValueError(f"a tensor of an image has 2 or 3 axes, not {array.ndim}", op="to_pil_image")
        if array.dtype.kind == "f" and mode != "F":
            array = (array * array.dtype.type(255)).astype(np.uint8)
        array = array if array.ndim == 2 else array.transpose(1, 2, 0)
    else:
        array = _pixels(pic, "to_pil_image")
    array = array[:, :, None] if array.ndim == 2 else array
    channels = array.shape[2]
    usual = _MODES.get((channels, array.dtype.name))
    if usual is None:
        raise ArgumentError(f"no image has {channels} channels of {array.dtype}", op="to_pil_image")
    if mode not in (None, usual, *_OTHER_MODES.get(channels, ())):
        raise ValueError(f"an image of {channels} channels of {array.dtype} cannot have the mode {mode!r}",
                         op="to_pil_image")  # fmt: skip
    flat = np.ascontiguousarray(array[:, :, 0] if channels == 1 else array)
    if mode in (None, usual):
        return pillow().fromarray(flat.view(np.uint16) if usual == "I;16" else flat)
    return pillow().frombytes(mode, flat.shape[1::-1], flat.tobytes())


def convert_image_dtype(image: Tensor, dtype: DType = float32) -> Tensor:
    """A tensor with the values of another dtype: floats lie between 0 and 1, integers between 0 and their largest.

    DTypeError where float32 holds too few digits for the integers, or float64.
    """
    source = image.dtype
    if source == dtype:
        return image
    if source.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        if (source == float32 and dtype in (int32, int64)) or (source == float64 and dtype == int64):
            raise DTypeError(
                f"{source.long_name} cannot hold all values of {dtype.long_name}", op="convert_image_dtype"
            )
        return image.mul(iinfo(dtype).max + 1 - 1e-3).to(dtype)
    largest = iinfo(source).max
    if dtype.is_floating_point:
        return image.to(dtype) / largest
    other = iinfo(dtype).max
    if largest > other:
        return image.div((largest + 1) // (other + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((other + 1) // (largest + 1))


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(tensor - mean) / std of a float tensor [..., channels, height, width], with one mean and std a channel.

    ArgumentError for integers, ValueError for a std of 0 or for other numbers of channels.
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype.long_name if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ArgumentError(f"expects a float tensor, not {kind}", op="normalize",
                            hint="ToTensor or ConvertImageDtype come first")  # fmt: skip
    if tensor.ndim < 3:
        raise ValueError(f"expects a tensor [..., channels, height, width], not {list(tensor.shape)}", op="normalize")
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, tensor.shape[-3]):
            raise ValueError(f"{name} has {len(values)} numbers, the image {tensor.shape[-3]} channels", op="normalize")
    if 0 in std:
        raise ValueError("std is 0, which nothing can be divided by", op="normalize")
    if STATE.trace is None and not (inplace or tensor.requires_grad or tensor.dtype.name == "bf16"):
        array = tensor.numpy()  # which takes less time than calls of ops for images as small as one sample
        middle, spread = (np.array(values, array.dtype).reshape(-1, 1, 1) for values in (mean, std))
        made = np.subtract(array, middle)
        return over_array(np.divide(made, spread, out=made))
    middle, spread = (tensor_of(values, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
                      for values in (mean, std))  # fmt: skip
    if inplace:
        return tensor.sub_(middle).div_(spread)
    return (tensor - middle) / spread
