"""Transforms beside NumPy's formulas, and tensors beside pillow's images."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.vision import transforms
from brasa.vision.transforms import InterpolationMode
from brasa.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")

Array = np.ndarray[Any, Any]
PIXELS: Array = np.random.default_rng(0).integers(0, 256, (24, 33, 3), np.uint8)
# A picture without sharp edges, as photographs are.
SMOOTH: Array = np.stack([128 + 100 * np.sin(np.add.outer(np.arange(24) * a, np.arange(33) * b))
                          for a, b in ((0.1, 0.2), (0.25, -0.1), (0.05, 0.15))], -1).astype(np.uint8)  # fmt: skip


def picture(pixels: Array = PIXELS) -> Any:
    return Image.fromarray(pixels)


def planes(pixels: Array = PIXELS) -> brasa.Tensor:
    return brasa.tensor(pixels.transpose(2, 0, 1).copy())


def pixels_of(image: Any) -> Array:
    """[height, width, channels] of an image or a tensor."""
    if isinstance(image, brasa.Tensor):
        return image.numpy().transpose(1, 2, 0)
    array = np.asarray(image)
    return array if array.ndim == 3 else array[:, :, None]


def test_to_tensor() -> None:
    made = transforms.ToTensor()(picture())
    assert made.dtype is brasa.float32 and made.is_contiguous()
    assert np.array_equal(made.numpy(), PIXELS.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert np.array_equal(F.to_tensor(PIXELS), made)
    assert F.to_tensor(PIXELS[:, :, 0]).shape == (1, 24, 33)
    deep = F.to_tensor(Image.fromarray(np.full((2, 3), 70000, np.int32)))
    assert deep.dtype is brasa.int32 and deep[0, 1, 2] == 70000
    bits = F.to_tensor(Image.fromarray(np.array([[True, False]])))
    assert bits.tolist() == [[[1.0, 0.0]]] and bits.dtype is brasa.float32
    assert np.array_equal(F.pil_to_tensor(picture()), planes())
    assert brasa.equal(F.to_tensor(PIXELS.astype(np.float64)), planes().double())


def test_to_image_and_back() -> None:
    for mode in ("RGB", "L", "LA", "RGBA", "I", "F", "CMYK", "HSV"):
        image = picture().convert("L" if mode == "LA" else "RGB").convert(mode)
        back = transforms.ToPILImage(mode if mode in ("CMYK", "HSV") else None)(F.pil_to_tensor(image))
        if mode != "F":
            assert (back.mode, back.tobytes()) == (image.mode, image.tobytes())
    assert np.array_equal(F.to_pil_image(F.to_tensor(picture())), PIXELS)
    assert F.to_pil_image(brasa.rand(1, 2, 3), "F").mode == "F"


def test_conversions_of_dtype() -> None:
    bytes_ = brasa.arange(256).to(brasa.uint8)
    floats = transforms.ConvertImageDtype(brasa.float32)(bytes_)
    assert np.array_equal(floats, np.arange(256, dtype=np.float32) / 255)
    assert brasa.equal(F.convert_image_dtype(floats, brasa.uint8), bytes_)
    assert F.convert_image_dtype(bytes_, brasa.int32)[255] == 255 << 23
    assert brasa.equal(F.convert_image_dtype(F.convert_image_dtype(bytes_, brasa.int16), brasa.uint8), bytes_)
    with pytest.raises(TypeError, match="convert_image_dtype: float32 cannot hold all values of int32"):
        F.convert_image_dtype(floats, brasa.int32)


def test_normalize() -> None:
    x = brasa.rand(2, 3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    column = [np.array(values, np.float32).reshape(3, 1, 1) for values in (mean, std)]
    made = transforms.Normalize(mean, std)(x)
    assert np.array_equal(made, (x.numpy() - column[0]) / column[1])
    with_gradients = F.normalize(x.clone().requires_grad_(), mean, std)
    assert with_gradients.requires_grad and brasa.equal(with_gradients, made)
    assert brasa.equal(brasa.compile(lambda x: F.normalize(x, mean, std))(x), made)
    assert F.normalize(x, mean, std, inplace=True) is x and brasa.equal(x, made)


SIZES = [14, (10, 40), [9], (24, 33), (30, 10)]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_resize(size: Any, mode: str) -> None:
    resize = transforms.Resize(size, InterpolationMode(mode))
    expected = np.asarray(resize(picture())).astype(int)
    assert resize(planes()).dtype is brasa.uint8
    assert np.abs(pixels_of(resize(planes())) - expected).max() <= 2
    assert np.abs(pixels_of(resize(planes().float())) - expected).max() <= (1 if mode == "bilinear" else 80)


def test_sizes_that_resize_keeps_in_shape() -> None:
    assert F.resize(picture(), 12).size == (16, 12) and F.resize(planes(), 12).shape == (3, 12, 16)
    assert F.resize(planes(), 48, max_size=50).shape == (3, 36, 50)
    assert F.resize(planes().transpose(1, 2), 12).shape == (3, 16, 12)


@pytest.mark.parametrize(
    "transform",
    [
        F.hflip,
        F.vflip,
        lambda img: F.crop(img, 3, 5, 7, 9),
        lambda img: F.crop(img, -2, 30, 7, 9),
        transforms.CenterCrop(11),
        transforms.CenterCrop((40, 8)),
        transforms.Pad((1, 2, 3, 4), fill=7),
        transforms.Pad((3, 5), padding_mode="reflect"),
        transforms.Pad(4, padding_mode="symmetric"),
        transforms.Pad(40, padding_mode="edge"),
        lambda img: F.rotate(img, 90, expand=True),
        lambda img: F.rotate(img, 30, fill=9, expand=True),
        lambda img: F.rotate(img, 180),
        lambda img: F.resize(img, (48, 66), InterpolationMode.NEAREST),
    ],
)
def test_tensors_and_images_move_alike(transform: Any) -> None:
    one, other = pixels_of(transform(picture())), pixels_of(transform(planes()))
    assert one.shape == other.shape
    assert (one != other).any(-1).mean() <= 0.01  # where a place is just between two pixels


def test_moves_by_numpy() -> None:
    assert np.array_equal(pixels_of(F.hflip(planes())), PIXELS[:, ::-1])
    assert np.array_equal(pixels_of(F.pad(picture(), (2, 1), padding_mode="reflect")),
                          np.pad(PIXELS, ((1, 1), (2, 2), (0, 0)), "reflect"))  # fmt: skip
    assert np.array_equal(pixels_of(F.center_crop(planes(), (10, 11))), PIXELS[7:17, 11:22])
    assert np.array_equal(pixels_of(F.rotate(planes(), 90, expand=True)), np.rot90(PIXELS))
    five = transforms.FiveCrop((5, 6))(planes())
    assert np.array_equal(pixels_of(five[1]), PIXELS[:5, -6:]) and np.array_equal(pixels_of(five[2]), PIXELS[-5:, :6])


@pytest.mark.parametrize("center", [None, (5, 6)])
def test_rotations_between_pixels(center: Any) -> None:
    one = pixels_of(F.rotate(picture(SMOOTH), 25, InterpolationMode.BILINEAR, center=center))[5:-5, 5:-5]
    other = pixels_of(F.rotate(planes(SMOOTH), 25, InterpolationMode.BILINEAR, center=center))[5:-5, 5:-5]
    inside = (one > 0).all(-1) & (other > 0).all(-1)
    assert np.median(np.abs(one.astype(int) - other)[inside]) <= 1


@pytest.mark.parametrize("adjust", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.7])
def test_colours_as_pillow_has_them(adjust: str, factor: float) -> None:
    function = getattr(F, f"adjust_{adjust}")
    expected = pixels_of(function(picture(), factor)).astype(int)
    assert np.abs(pixels_of(function(planes(), factor)) - expected).max() <= 2
    floats = function(planes().float() / 255, factor)
    assert np.abs(pixels_of(floats) * 255 - expected).max() <= 2


@pytest.mark.parametrize("factor", [-0.4, 0.0, 0.25])
def test_hues(factor: float) -> None:
    floats = PIXELS.reshape(-1, 3) / 255
    hsv = np.array([colorsys.rgb_to_hsv(*colour) for colour in floats])
    expected = np.array([colorsys.hsv_to_rgb((h + factor) % 1, s, v) for h, s, v in hsv])
    made = pixels_of(F.adjust_hue(planes().float() / 255, factor)).reshape(-1, 3)
    assert np.allclose(made, expected, atol=1e-5)
    assert np.abs(pixels_of(F.adjust_hue(planes(), factor)).reshape(-1, 3) - expected * 255).max() <= 1
    assert np.abs(pixels_of(F.adjust_hue(picture(), factor)).reshape(-1, 3) - expected * 255).max() <= 16


def test_grey() -> None:
    expected = (PIXELS @ np.array([0.2989, 0.587, 0.114])).astype(np.uint8)
    made = transforms.Grayscale()(planes())
    assert np.abs(pixels_of(made)[..., 0].astype(int) - expected).max() <= 1  # 0.2989 in float32
    assert transforms.Grayscale(3)(planes()).shape == (3, 24, 33) and transforms.Grayscale(3)(picture()).mode == "RGB"


def test_blur() -> None:
    size, sigma = (5, 3), (1.5, 0.7)
    bells = [np.exp(-0.5 * ((np.arange(n) - n // 2) / s) ** 2) for n, s in zip(size, sigma, strict=True)]
    kernel = np.outer(bells[1], bells[0]) / bells[0].sum() / bells[1].sum()
    wide = np.pad(PIXELS.astype(np.float64), ((1, 1), (2, 2), (0, 0)), "reflect")
    expected = sum(kernel[i, j] * wide[i : i + 24, j : j + 33] for i in range(3) for j in range(5))
    assert np.allclose(pixels_of(F.gaussian_blur(planes().float(), size, sigma)), expected, atol=1e-3)
    assert np.abs(pixels_of(F.gaussian_blur(picture(), size, sigma)) - expected).max() <= 0.51


RANDOM = [
    transforms.RandomCrop(20, padding=3),
    transforms.RandomCrop(40, pad_if_needed=True),
    transforms.RandomResizedCrop(12),
    transforms.RandomHorizontalFlip(),
    transforms.RandomVerticalFlip(),
    transforms.RandomRotation(20),
    transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
    transforms.RandomGrayscale(0.5),
    transforms.RandomApply([transforms.Pad(1)]),
    transforms.RandomChoice([transforms.Pad(1), transforms.Pad(2)], p=[0.4, 0.6]),
    transforms.RandomOrder([transforms.Pad(1), transforms.CenterCrop(12)]),
    transforms.GaussianBlur(3),
    transforms.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), 10),
    transforms.RandomPerspective(p=0.7),
    transforms.ElasticTransform(60.0, 2.0),
    transforms.RandomPosterize(2),
    transforms.AutoAugment(),
    transforms.RandAugment(),
    transforms.TrivialAugmentWide(),
    transforms.AugMix(),
]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda transform: type(transform).__name__)
def test_chance_follows_the_seed(transform: Any) -> None:
    runs = []
    for image in (picture(), picture(), planes()):
        brasa.manual_seed(3)
        runs.append([pixels_of(transform(image)) for _ in range(6)])
    assert all(np.array_equal(one, other) for one, other in zip(*runs[:2], strict=True))
    assert [each.shape for each in runs[0]] == [each.shape for each in runs[2]]
    assert any(each.shape != runs[0][0].shape or not np.array_equal(each, runs[0][0]) for each in runs[0])


def test_chances_are_what_they_should_be() -> None:
    brasa.manual_seed(0)
    flip = transforms.RandomHorizontalFlip(0.3)
    small = brasa.arange(6).reshape(1, 2, 3)
    assert 40 < sum(not brasa.equal(flip(small), small) for _ in range(200)) < 80
    for _ in range(10):
        top, left, height, width = transforms.RandomResizedCrop.get_params(picture(), (0.2, 0.4), (0.5, 2))
        assert 0 <= top <= 24 - height and 0 <= left <= 33 - width
        assert 0.15 < height * width / (24 * 33) < 0.45


def test_erasing() -> None:
    brasa.manual_seed(0)
    image = brasa.ones(3, 24, 33)
    made = transforms.RandomErasing(1.0, value=(5, 6, 7))(image)
    rows, columns = np.nonzero(made[0].numpy() == 5)
    assert (image == 1).all() and rows.size == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert 0.01 < rows.size / (24 * 33) < 0.4 and (made[2] == 7).sum() == rows.size
    assert (transforms.RandomErasing(1.0, value="random", inplace=True)(image) is image) and (image != 1).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.to_tensor("x"), TypeError, "to_tensor: an image is one of pillow's or an array, not str"),
        (lambda: F.hflip([1]), TypeError, "hflip: an image is a tensor or one of pillow's, not list"),
        (lambda: F.normalize(planes(), [0], [1]), TypeError, "expects a float tensor, not uint8"),
        (lambda: F.normalize(planes().float(), [0, 0], [1]), ValueError, "mean has 2 numbers, the image 3 channels"),
        (lambda: F.normalize(planes().float(), [0], [0]), ValueError, "normalize: std is 0"),
        (lambda: F.to_pil_image(brasa.rand(5, 2, 2)), TypeError, "no image has 5 channels of uint8"),
        (lambda: F.to_pil_image(planes(), "L"), ValueError, "3 channels of uint8 cannot have the mode 'L'"),
        (lambda: F.resize(planes(), 12, max_size=12), ValueError, "max_size 12 must be larger than size 12"),
        (lambda: F.resize(planes(), 12, InterpolationMode.LANCZOS), ValueError, "tensors cannot be .* lanczos"),
        (lambda: F.pad(planes(), 24, padding_mode="reflect"), ValueError, r"24 is too wide to mirror .* \(24, 33\)"),
        (lambda: F.pad(planes(), 1, padding_mode="wrap"), ValueError, "padding_mode must be one of constant, edge"),
        (lambda: F.adjust_hue(planes(), 0.6), ValueError, "hue_factor must be between -0.5 and 0.5, not 0.6"),
        (lambda: F.adjust_contrast(planes(), -1), ValueError, "adjust_contrast: the factor must not be negative"),
        (lambda: F.gaussian_blur(planes(), 4), ValueError, "gaussian_blur: kernel_size must be odd"),
        (lambda: transforms.RandomCrop(25)(planes()), ValueError, r"\(25, 25\) is larger than the image, \(24, 33\)"),
        (lambda: transforms.RandomErasing()(picture()), TypeError, "RandomErasing: expects a tensor, not Image"),
        (lambda: transforms.RandomRotation(-1), ValueError, "RandomRotation: degrees must not be negative, it is -1"),
        (lambda: transforms.ColorJitter(hue=0.7), ValueError, "hue must be between -0.5 and 0.5"),
        (lambda: transforms.RandomVerticalFlip(2), ValueError, "RandomVerticalFlip: p must be between 0 and 1, not 2"),
        (lambda: transforms.CenterCrop((1, 2, 3)), ValueError, "size must be one or two ints"),
    ],
)  # fmt: skip
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_representations() -> None:
    both = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,)), transforms.Resize(3)])
    assert repr(both) == ("Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n"
                          "    Resize(size=3, interpolation=bilinear, max_size=None, antialias=True)\n)")  # fmt: skip
