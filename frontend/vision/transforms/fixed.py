"""Transforms without chance; GaussianBlur alone draws its width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.nn.modules.module import Module
from brasa.tensors.tensor import Tensor
from brasa.vision.transforms import functional
from brasa.vision.transforms.drawing import uniform
from brasa.vision.transforms.images import InterpolationMode, get_dimensions, pair

_BILINEAR = InterpolationMode.BILINEAR


class Compose:
    """Several transforms, one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join(["Compose(", *(f"    {transform}" for transform in self.transforms), ")"])


class ToTensor:
    """An image, or an array [height, width, channels], as float32 [channels, height, width]; bytes divided by 255."""

    def __call__(self, pic: Any) -> Tensor:
        return functional.to_tensor(pic)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """An image as a tensor [channels, height, width] with its own values."""

    def __call__(self, pic: Any) -> Tensor:
        return functional.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToPILImage:
    """A tensor [channels, height, width], or an array [height, width, channels], as an image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return functional.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return "ToPILImage()" if self.mode is None else f"ToPILImage(mode={self.mode})"


class Lambda:
    """Any function of an image as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise ArgumentError(f"expects a function, not {type(lambd).__name__}", op="Lambda")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class ConvertImageDtype(Module):
    """A tensor with the values of another dtype: floats between 0 and 1, integers between 0 and their largest."""

    def __init__(self, dtype: DType) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return functional.convert_image_dtype(image, self.dtype)


class Normalize(Module):
    """(image - mean) / std, with one mean and std a channel; inplace: in the image's own memory."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return functional.normalize(tensor, self.mean, self.std, self.inplace)

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"


class Resize(Module):
    """The image in another size: (height, width), or the smaller of the two, the shape being kept."""

    def __init__(
        self, size: Any, interpolation: InterpolationMode = _BILINEAR, max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def forward(self, img: Any) -> Any:
        return functional.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def extra_repr(self) -> str:
        return (f"size={self.size}, interpolation={self.interpolation.value}, max_size={self.max_size}, "
                f"antialias={self.antialias}")  # fmt: skip


class CenterCrop(Module):
    """The middle of the image, in this size."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = pair(size, "CenterCrop")

    def forward(self, img: Any) -> Any:
        return functional.center_crop(img, self.size)

    def extra_repr(self) -> str:
        return f"size={self.size}"


class FiveCrop(Module):
    """The four corners and the middle of the image, in this size: a tuple of five images."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = pair(size, "FiveCrop")

    def forward(self, img: Any) -> tuple[Any, ...]:
        return functional.five_crop(img, self.size)

    def extra_repr(self) -> str:
        return f"size={self.size}"


class TenCrop(FiveCrop):
    """FiveCrop of the image, then of its mirror image: left to right, or upside down if vertical_flip."""

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> tuple[Any, ...]:
        return functional.ten_crop(img, self.size, self.vertical_flip)

    def extra_repr(self) -> str:
        return f"size={self.size}, vertical_flip={self.vertical_flip}"


class LinearTransformation(Module):
    """The flattened tensor, less mean_vector [d], times transformation_matrix [d, d]: whitening, for example.

    ShapeError for sizes that do not fit.
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        size = transformation_matrix.shape[0]
        if tuple(transformation_matrix.shape) != (size, size) or tuple(mean_vector.shape) != (size,):
            raise ShapeError(f"the matrix must be square and the mean as long, not {list(transformation_matrix.shape)} "
                             f"and {list(mean_vector.shape)}", op="LinearTransformation")  # fmt: skip
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        _, rows, columns = get_dimensions(tensor)
        size = self.mean_vector.shape[0]
        if tensor.ndim < 3 or tensor.shape[-3] * rows * columns != size:
            raise ShapeError(f"expects a tensor [..., channels, height, width] of {size} numbers, not "
                             f"{list(tensor.shape)}", op="LinearTransformation")  # fmt: skip
        flat = tensor.reshape(-1, size) - self.mean_vector
        return (flat @ self.transformation_matrix).reshape(tensor.shape)


class Pad(Module):
    """The image with a border."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img: Any) -> Any:
        return functional.pad(img, self.padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode}"


class Grayscale(Module):
    """The image in grey, in one channel or in three."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return functional.rgb_to_grayscale(img, self.num_output_channels)

    def extra_repr(self) -> str:
        return f"num_output_channels={self.num_output_channels}"


class GaussianBlur(Module):
    """The image blurred by a Gaussian; sigma: its width, or the least and the largest, between which it is drawn."""

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.sigma = (float(sigma), float(sigma)) if isinstance(sigma, int | float) else tuple(sigma)
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be positive, the least first, not {sigma}", op="GaussianBlur")

    def forward(self, img: Any) -> Any:
        return functional.gaussian_blur(img, self.kernel_size, uniform(*self.sigma))

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, sigma={self.sigma}"
