"""Augmentations that choose among many operations: AutoAugment, RandAugment, TrivialAugmentWide, AugMix."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brasa.functions.gamma_sampling import dirichlet
from brasa.ir.errors import ValueError
from brasa.nn.modules.module import Module
from brasa.tensors.creation import full
from brasa.tensors.tensor import Tensor
from brasa.vision.transforms import functional
from brasa.vision.transforms.drawing import below, uniform
from brasa.vision.transforms.images import InterpolationMode, get_dimensions
from brasa.vision.transforms.policies import POLICIES

_NEAREST, _BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR
_SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness")
_FACTORS: dict[str, Callable[[Any, float], Any]] = {
    "Brightness": functional.adjust_brightness, "Color": functional.adjust_saturation,
    "Contrast": functional.adjust_contrast, "Sharpness": functional.adjust_sharpness,
}  # fmt: skip
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "AutoContrast": functional.autocontrast, "Equalize": functional.equalize, "Invert": functional.invert,
    "Identity": lambda img: img,
}  # fmt: skip

Space = dict[str, Sequence[float]]


def _apply(img: Any, name: str, magnitude: float, interpolation: InterpolationMode, fill: Any) -> Any:
    """What one operation makes of an image."""
    if name in _PLAIN:
        return _PLAIN[name](img)
    if name in _FACTORS:
        return _FACTORS[name](img, 1.0 + magnitude)
    if name == "Posterize":
        return functional.posterize(img, int(magnitude))
    if name == "Solarize":
        return functional.solarize(img, magnitude)
    if name == "Rotate":
        return functional.rotate(img, magnitude, interpolation, fill=fill)
    along_x = name.endswith("X")
    if name.startswith("Translate"):
        moved = [int(magnitude), 0] if along_x else [0, int(magnitude)]
        return functional.affine(img, 0.0, moved, 1.0, [0.0, 0.0], interpolation, fill)
    degrees = math.degrees(math.atan(magnitude))
    shear = [degrees, 0.0] if along_x else [0.0, degrees]
    return functional.affine(img, 0.0, [0, 0], 1.0, shear, interpolation, fill, [0, 0])


def _space(
    bins: int, shear: float, moved: Sequence[float], angle: float, factor: float, bits: tuple[int, int]
) -> Space:
    """The magnitudes of all operations, from the weakest to the strongest; none for those that have no strength.

    bits: how many of them posterize leaves at the weakest, and how many more it takes away at the strongest.
    """
    kept = bits[0] - np.round(np.arange(bins) / ((bins - 1) / bits[1]))
    ranges = {
        "ShearX": shear, "ShearY": shear, "TranslateX": moved[0], "TranslateY": moved[1], "Rotate": angle,
        "Brightness": factor, "Color": factor, "Contrast": factor, "Sharpness": factor,
    }  # fmt: skip
    rising = {name: np.linspace(0.0, most, bins).tolist() for name, most in ranges.items()}
    return {**rising, "Posterize": kept.tolist(), "Solarize": np.linspace(255.0, 0.0, bins).tolist(),
            "AutoContrast": (), "Equalize": ()}  # fmt: skip


class _Augmentation(Module):
    """Applies operations of a space; interpolation and fill are for those that move pixels."""

    def __init__(self, interpolation: InterpolationMode, fill: Any) -> None:
        super().__init__()
        self.interpolation, self.fill = interpolation, fill

    def applied(self, img: Any, space: Space, name: str, level: int | None) -> Any:
        """One operation at this level of its magnitudes, in a direction that is drawn where there are two."""
        magnitudes = space[name]
        magnitude = magnitudes[level] if magnitudes and level is not None else 0.0
        if name in _SIGNED and below(2):
            magnitude = -magnitude
        scale = 1.0 if name != "Solarize" or not isinstance(img, Tensor) or not img.is_floating_point() else 1 / 255
        return _apply(img, name, magnitude * scale, self.interpolation, self.fill)


class AutoAugmentPolicy(enum.Enum):
    """The data set whose policy AutoAugment follows."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


class AutoAugment(_Augmentation):
    """One of 25 pairs of operations that were found best for a data set (Cubuk et al., 2018)."""

    def __init__(
        self, policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET, interpolation: InterpolationMode = _NEAREST,
        fill: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill)
        self.policy = AutoAugmentPolicy(policy)
        self.policies = POLICIES[self.policy.value]

    def forward(self, img: Any) -> Any:
        _, height, width = get_dimensions(img)
        space = {**_space(10, 0.3, (150 / 331 * width, 150 / 331 * height), 30.0, 0.9, (8, 4)), "Invert": ()}
        for name, p, level in self.policies[below(len(self.policies))]:
            if uniform(0, 1) <= p:
                img = self.applied(img, space, name, level)
        return img

    def extra_repr(self) -> str:
        return f"policy={self.policy}, fill={self.fill}"


class RandAugment(_Augmentation):
    """num_ops operations, one after the other, all of one magnitude (Cubuk et al., 2019)."""

    def __init__(
        self, num_ops: int = 2, magnitude: int = 9, num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = _NEAREST, fill: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill)
        if not 0 <= magnitude < num_magnitude_bins:
            raise ValueError(f"magnitude must be from 0 to {num_magnitude_bins - 1}, not {magnitude}", op="RandAugment")
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def forward(self, img: Any) -> Any:
        _, height, width = get_dimensions(img)
        moved = (150 / 331 * width, 150 / 331 * height)
        space = {"Identity": (), **_space(self.num_magnitude_bins, 0.3, moved, 30.0, 0.9, (8, 4))}
        for _ in range(self.num_ops):
            img = self.applied(img, space, list(space)[below(len(space))], self.magnitude)
        return img

    def extra_repr(self) -> str:
        return f"num_ops={self.num_ops}, magnitude={self.magnitude}, num_magnitude_bins={self.num_magnitude_bins}"


class TrivialAugmentWide(_Augmentation):
    """One operation of any magnitude (Mueller & Hutter, 2021)."""

    def __init__(
        self, num_magnitude_bins: int = 31, interpolation: InterpolationMode = _NEAREST, fill: Any = None
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        space = {"Identity": (), **_space(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, (8, 6))}
        return self.applied(img, space, list(space)[below(len(space))], below(self.num_magnitude_bins))

    def extra_repr(self) -> str:
        return f"num_magnitude_bins={self.num_magnitude_bins}"


class AugMix(_Augmentation):
    """The image mixed with others that several operations each have made of it (Hendrycks et al., 2019).

    severity: the largest of ten magnitudes. mixture_width: how many others; chain_depth: how many operations each, 1 to
    3 if not positive. alpha: of the distributions of the weights. all_ops: also those that change colours.
    """

    def __init__(
        self, severity: int = 3, mixture_width: int = 3, chain_depth: int = -1, alpha: float = 1.0,
        all_ops: bool = True, interpolation: InterpolationMode = _BILINEAR, fill: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"severity must be from 1 to 10, not {severity}", op="AugMix")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def forward(self, orig_img: Any) -> Any:
        img = orig_img if isinstance(orig_img, Tensor) else functional.pil_to_tensor(orig_img)
        _, height, width = get_dimensions(img)
        space = _space(10, 0.3, (width / 3, height / 3), 30.0, 0.9, (4, 4))
        names = [name for name in space if self.all_ops or name not in _FACTORS]
        own, others = self._shares(2)
        mixed = own * img
        for share in self._shares(self.mixture_width):
            made = img
            for _ in range(self.chain_depth if self.chain_depth > 0 else 1 + below(3)):
                made = self.applied(made, space, names[below(len(names))], below(self.severity))
            mixed = mixed + others * share * made
        mixed = mixed.to(img.dtype)
        return mixed if isinstance(orig_img, Tensor) else functional.to_pil_image(mixed, orig_img.mode)

    def _shares(self, count: int) -> list[float]:
        """Numbers that add up to 1, of a Dirichlet distribution."""
        return list(dirichlet(full((count,), self.alpha)).tolist())

    def extra_repr(self) -> str:
        return (f"severity={self.severity}, mixture_width={self.mixture_width}, chain_depth={self.chain_depth}, "
                f"alpha={self.alpha}, all_ops={self.all_ops}")  # fmt: skip
