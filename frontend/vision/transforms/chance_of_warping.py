"""Transforms that turn, shear, tilt and bend images by what they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions.joining import stack
from brasa.functions.sampling import rand
from brasa.ir.errors import ValueError
from brasa.nn.modules.module import Module
from brasa.tensors.tensor import Tensor
from brasa.vision.transforms import functional
from brasa.vision.transforms.chance import WithChance, around
from brasa.vision.transforms.drawing import below, uniform
from brasa.vision.transforms.images import InterpolationMode, get_dimensions

_NEAREST, _BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


class RandomRotation(Module):
    """The image turned by an angle that is drawn; degrees: the least and the largest, or the largest either way."""

    def __init__(
        self, degrees: Any, interpolation: InterpolationMode = _NEAREST, expand: bool = False,
        center: Sequence[float] | None = None, fill: Any = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.degrees = around(0.0, degrees, "degrees", "RandomRotation")
        self.interpolation, self.expand, self.center, self.fill = interpolation, expand, center, fill

    def forward(self, img: Any) -> Any:
        angle = uniform(*self.degrees)
        return functional.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    def extra_repr(self) -> str:
        return f"degrees={self.degrees}"


class RandomAffine(Module):
    """The image turned, moved, enlarged and sheared by what is drawn.

    degrees: as in RandomRotation. translate: the largest share of the width and of the height; scale: the least and the
    largest; shear: degrees along x, the largest either way or the least and the largest, or these of x and of y.
    """

    def __init__(
        self, degrees: Any, translate: Sequence[float] | None = None, scale: Sequence[float] | None = None,
        shear: Any = None, interpolation: InterpolationMode = _NEAREST, fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        op = "RandomAffine"
        self.degrees = around(0.0, degrees, "degrees", op)
        if translate is not None and (len(translate) != 2 or not all(0 <= share <= 1 for share in translate)):
            raise ValueError(f"translate must be two numbers between 0 and 1, not {translate!r}", op=op)
        if scale is not None and (len(scale) != 2 or min(scale) <= 0):
            raise ValueError(f"scale must be two positive numbers, not {scale!r}", op=op)
        if isinstance(shear, Sequence) and len(shear) == 4:
            shear = [*around(0.0, shear[:2], "shear", op), *around(0.0, shear[2:], "shear", op)]
        elif shear is not None:
            shear = list(around(0.0, shear, "shear", op))
        self.translate, self.scale, self.shear = translate, scale, shear
        self.interpolation, self.fill, self.center = interpolation, fill, center

    @staticmethod
    def get_params(
        degrees: Sequence[float], translate: Sequence[float] | None, scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None, img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:  # fmt: skip
        """(angle, (across, down), scale, (along x, along y)) for an image of this (width, height)."""
        angle = uniform(*degrees)
        moved, scale, shear = (0, 0), 1.0, (0.0, 0.0)
        if translate is not None:
            across, down = (share * size for share, size in zip(translate, img_size, strict=True))
            moved = round(uniform(-across, across)), round(uniform(-down, down))
        if scale_ranges is not None:
            scale = uniform(*scale_ranges)
        if shears is not None:
            shear = uniform(*shears[:2]), uniform(*shears[2:]) if len(shears) == 4 else 0.0
        return angle, moved, scale, shear

    def forward(self, img: Any) -> Any:
        size = functional.get_image_size(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return functional.affine(img, *drawn, self.interpolation, self.fill, self.center)

    def extra_repr(self) -> str:
        return f"degrees={self.degrees}, translate={self.translate}, scale={self.scale}, shear={self.shear}"


class RandomPerspective(WithChance):
    """The image as seen from elsewhere, with probability p; distortion_scale: how far, from 0 to 1, corners move."""

    def __init__(
        self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: InterpolationMode = _BILINEAR,
        fill: Any = 0,
    ) -> None:  # fmt: skip
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError(f"distortion_scale must be between 0 and 1, not {distortion_scale}",
                             op="RandomPerspective")  # fmt: skip
        self.distortion_scale, self.interpolation, self.fill = distortion_scale, interpolation, fill

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of an image, and where they come to."""
        reach = int(distortion_scale * (width // 2)) + 1, int(distortion_scale * (height // 2)) + 1
        right, bottom = width - 1, height - 1
        corners = [[0, 0], [right, 0], [right, bottom], [0, bottom]]
        moved = [[abs(x - below(reach[0])), abs(y - below(reach[1]))] for x, y in corners]
        return corners, moved

    def forward(self, img: Any) -> Any:
        if not self.happens():
            return img
        _, height, width = get_dimensions(img)
        corners = self.get_params(width, height, self.distortion_scale)
        return functional.perspective(img, *corners, self.interpolation, self.fill)


class ElasticTransform(Module):
    """The image bent, as if it were seen through water (Simard et al., 2003).

    alpha: how far, sigma: how smoothly pixels move; one number, or one along x and one along y.
    """

    def __init__(
        self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: InterpolationMode = _BILINEAR, fill: Any = 0
    ) -> None:  # fmt: skip
        super().__init__()
        self.alpha, self.sigma = (
            [float(each) for each in (value if isinstance(value, Sequence) else [value, value])]
            for value in (alpha, sigma)
        )
        if len(self.alpha) != 2 or len(self.sigma) != 2 or min(self.sigma) < 0:
            raise ValueError(f"alpha and sigma are one or two numbers, sigma not negative; not {alpha} and {sigma}",
                             op="ElasticTransform")  # fmt: skip
        self.interpolation, self.fill = interpolation, fill

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """The displacement [1, height, width, 2] of an image of this (height, width), as elastic_transform takes it."""
        drawn = []
        for far, width, extent in zip(alpha, sigma, size, strict=True):
            shift = rand(1, *size) * 2 - 1
            if width > 0:
                kernel = int(8 * width + 1) | 1
                shift = functional.gaussian_blur(shift, [kernel, kernel], width)
            drawn.append(shift * far / extent)
        return stack(drawn, -1)

    def forward(self, tensor: Any) -> Any:
        displacement = self.get_params(self.alpha, self.sigma, get_dimensions(tensor)[1:])
        return functional.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, sigma={self.sigma}, interpolation={self.interpolation.value}, fill={self.fill}"
