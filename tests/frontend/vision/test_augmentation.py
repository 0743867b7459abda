"""Transforms of values and places beside NumPy's formulas and pillow; and the augmentations that choose among them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.vision import transforms
from brasa.vision.transforms import InterpolationMode, augmentation
from brasa.vision.transforms import functional as F
from tests.frontend.vision.test_transforms import PIXELS, picture, pixels_of, planes

BILINEAR = InterpolationMode.BILINEAR


def test_values_by_formulas() -> None:
    assert np.array_equal(pixels_of(F.invert(planes())), 255 - PIXELS)
    assert np.array_equal(pixels_of(F.invert(picture())), 255 - PIXELS)
    assert np.allclose(pixels_of(F.invert(planes().float() / 255)), 1 - PIXELS / np.float32(255))
    for image in (planes(), picture()):
        assert np.array_equal(pixels_of(F.posterize(image, 3)), PIXELS // 32 * 32)
        assert np.array_equal(pixels_of(F.solarize(image, 100)), np.where(PIXELS >= 100, 255 - PIXELS, PIXELS))
        gamma = ((PIXELS / 255) ** 2.2 * 1.1).clip(0, 1) * (256 - 1e-3)
        assert np.abs(pixels_of(F.adjust_gamma(image, 2.2, 1.1)).astype(int) - np.floor(gamma)).max() <= 1


@pytest.mark.parametrize(
    "change",
    [
        F.equalize,
        lambda img: F.posterize(img, 1),
        lambda img: F.adjust_sharpness(img, 0.0),
        lambda img: F.adjust_sharpness(img, 1.8),
        lambda img: F.affine(img, 20, [3, -2], 1.2, [10, -5], fill=7),
        lambda img: F.affine(img, 0, [0, 0], 0.7, 30, center=[5.5, 9.5]),
        lambda img: F.perspective(img, [[0, 0], [32, 0], [32, 23], [0, 23]], [[3, 2], [30, 4], [28, 21], [1, 20]],
                                  InterpolationMode.NEAREST, fill=[1, 2, 3]),
    ],
)  # fmt: skip
def test_tensors_and_images_change_alike(change: Any) -> None:
    one, other = pixels_of(change(picture(PIXELS // 2))), pixels_of(change(planes(PIXELS // 2)))
    assert (np.abs(one.astype(int) - other).max(-1) > 1).mean() <= 0.01


def test_values_spread() -> None:
    assert np.array_equal(pixels_of(F.equalize(planes(PIXELS // 2))), pixels_of(F.equalize(picture(PIXELS // 2))))
    narrow = PIXELS // 3 + 40
    low, high = narrow.min((0, 1)), narrow.max((0, 1))
    expected = (narrow - low) * (255 / (high - low))
    assert np.abs(pixels_of(F.autocontrast(planes(narrow))) - expected).max() <= 1
    assert np.abs(pixels_of(F.autocontrast(picture(narrow))) - expected).max() <= 1
    flat = brasa.full((3, 4, 5), 9, dtype=brasa.uint8)
    assert brasa.equal(F.autocontrast(flat), flat) and brasa.equal(F.equalize(flat), flat)


def test_places_by_formulas() -> None:
    assert np.array_equal(pixels_of(F.affine(planes(), 0, [0, 0], 1, 0)), PIXELS)
    moved = np.zeros_like(PIXELS)
    moved[2:, :-3] = PIXELS[:-2, 3:]
    assert np.array_equal(pixels_of(F.affine(planes(), 0, [-3, 2], 1, 0)), moved)
    square = PIXELS[:, :24]
    assert np.array_equal(pixels_of(F.affine(planes(square), 90, [0, 0], 1, 0)), np.rot90(square, -1))  # with the clock
    y, x = np.mgrid[:24, :33]
    source = np.floor(x + 0.5 + math.tan(math.radians(30)) * (y + 0.5 - 12)).astype(int)  # shears move rows
    sheared = np.where(((source >= 0) & (source < 33))[..., None], PIXELS[y, source.clip(0, 32)], 0)
    assert np.array_equal(pixels_of(F.affine(planes(), 0, [0, 0], 1, 30)), sheared)
    doubled = pixels_of(F.affine(planes(), 0, [0, 0], 2, 0, center=[0, 0]))
    assert np.array_equal(doubled, PIXELS.repeat(2, 0).repeat(2, 1)[:24, :33])


def test_perspective_moves_corners() -> None:
    corners = [[0, 0], [32, 0], [32, 23], [0, 23]]
    shifted = [[x + 4, y - 1] for x, y in corners]
    made = pixels_of(F.perspective(planes(), corners, shifted, fill=0))
    assert np.abs(made[:-1, 4:].astype(int) - PIXELS[1:, :-4]).max() <= 1 and made[:, :4].max() == 0
    targets = [[2, 3], [29, 1], [31, 20], [4, 22]]
    ramp = brasa.tensor(np.mgrid[:24, :33][1][None].astype(np.float32) + 0.5)
    seen = F.perspective(ramp, corners, targets, BILINEAR)
    back = F.perspective(seen, targets, corners, BILINEAR)
    inner = (slice(None), slice(4, 20), slice(4, 29))  # there and back again
    assert np.abs(back[inner].numpy() - ramp[inner].numpy()).max() < 0.3


def test_elastic_displacements() -> None:
    displacement = brasa.zeros(1, 24, 33, 2)
    displacement[..., 0] = 2 * 2 / 33
    displacement[..., 1] = -2 * 3 / 24
    made = pixels_of(F.elastic_transform(planes().float(), displacement, BILINEAR))
    assert np.allclose(made[3:, :-2], PIXELS[:-3, 2:], atol=1e-2)
    brasa.manual_seed(0)
    drawn = transforms.ElasticTransform.get_params([10.0, 20.0], [2.0, 0.0], [24, 33])
    assert drawn.shape == (1, 24, 33, 2)
    assert drawn[..., 1].abs().max() <= 20 / 33 and 0.5 < drawn[..., 1].std() * 33 / 20 * math.sqrt(3) < 1.5
    assert drawn[..., 0].std() < 0.3 * 10 / 24  # smoothed


def test_ten_crops_and_whitening() -> None:
    ten = transforms.TenCrop((5, 6), vertical_flip=True)(planes())
    assert np.array_equal(pixels_of(ten[5]), PIXELS[::-1][:5, :6]) and len(ten) == 10
    assert np.array_equal(pixels_of(transforms.TenCrop((5, 6))(picture())[6]), PIXELS[:, ::-1][:5, -6:])
    noise = np.random.default_rng(0)
    matrix, mean, x = noise.standard_normal((12, 12)), noise.standard_normal(12), noise.standard_normal((5, 3, 2, 2))
    made = transforms.LinearTransformation(brasa.tensor(matrix), brasa.tensor(mean))(brasa.tensor(x))
    assert np.allclose(made, ((x.reshape(5, 12) - mean) @ matrix).reshape(x.shape))


def test_what_is_drawn() -> None:
    brasa.manual_seed(0)
    affine = transforms.RandomAffine(10, (0.1, 0.2), (0.5, 0.8), (1, 2, -4, -3))
    drawn = [
        affine.get_params(affine.degrees, affine.translate, affine.scale, affine.shear, (33, 24)) for _ in range(40)
    ]
    angles, moved, scales, shears = (np.array(column) for column in zip(*drawn, strict=True))
    assert 5 < abs(angles).max() <= 10 and abs(moved[:, 0]).max() == 3 and abs(moved[:, 1]).max() == 5
    assert scales.min() >= 0.5 and scales.max() <= 0.8
    assert ((shears > [1, -4]) & (shears < [2, -3])).all()
    for _ in range(20):
        corners, to = transforms.RandomPerspective.get_params(33, 24, 0.5)
        inward = (np.array(to) - corners) * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        assert inward.min() >= 0 and (inward.max(0) <= (8, 6)).all()


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (transforms.AutoAugment(transforms.AutoAugmentPolicy.SVHN), set()),
        (transforms.RandAugment(3, magnitude=30), {0.0, 0.3, 0.9, 4.0, 30.0, 150 / 331 * 33, 150 / 331 * 24}),
        (transforms.TrivialAugmentWide(3), {0.0, 0.495, 0.99, 16.0, 32.0, 67.5, 135.0, 8.0, 5.0, 2.0, 255.0, 127.5}),
        (transforms.AugMix(severity=1), {0.0, 4.0, 255.0}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_operations(monkeypatch: pytest.MonkeyPatch, transform: Any, expected: set[float]) -> None:
    """Which operations an augmentation asks for, and how strong."""
    asked: list[tuple[str, float]] = []
    monkeypatch.setattr(augmentation, "_apply", lambda img, name, magnitude, *_: asked.append((name, magnitude)) or img)
    brasa.manual_seed(0)
    for _ in range(120):
        transform(planes())
    names, strengths = {name for name, _ in asked}, {abs(magnitude) for _, magnitude in asked}
    if isinstance(transform, transforms.AutoAugment):
        used = {name for pair in transform.policies for name, _, _ in pair}
        assert len(transform.policies) == 25 and names == used
    else:
        assert len(names) == 13 + isinstance(transform, transforms.RandAugment | transforms.TrivialAugmentWide)
        assert all(min(abs(s - e) for e in expected) < 1e-9 for s in strengths)
        assert all(min(abs(s - e) for s in strengths) < 1e-9 for e in expected)
    assert min(magnitude for _, magnitude in asked) < 0 or strengths == {0.0, 4.0, 255.0}


@pytest.mark.parametrize(
    ("name", "magnitude", "meaning"),
    [
        ("Brightness", 0.5, lambda img: F.adjust_brightness(img, 1.5)),
        ("Color", -0.5, lambda img: F.adjust_saturation(img, 0.5)),
        ("Contrast", 0.5, lambda img: F.adjust_contrast(img, 1.5)),
        ("Sharpness", 0.5, lambda img: F.adjust_sharpness(img, 1.5)),
        ("Posterize", 3.9, lambda img: F.posterize(img, 3)),
        ("Solarize", 99.0, lambda img: F.solarize(img, 99)),
        ("Rotate", 30.0, lambda img: F.rotate(img, 30, fill=7)),
        ("ShearX", 1.0, lambda img: F.affine(img, 0, [0, 0], 1, [45, 0], fill=7, center=[0, 0])),
        ("ShearY", -1.0, lambda img: F.affine(img, 0, [0, 0], 1, [0, -45], fill=7, center=[0, 0])),
        ("TranslateX", 3.6, lambda img: F.affine(img, 0, [3, 0], 1, 0, fill=7)),
        ("TranslateY", -3.6, lambda img: F.affine(img, 0, [0, -3], 1, 0, fill=7)),
        ("AutoContrast", 0.0, F.autocontrast),
        ("Equalize", 0.0, F.equalize),
        ("Invert", 0.0, F.invert),
        ("Identity", 0.0, lambda img: img),
    ],
)
def test_what_magnitudes_mean(name: str, magnitude: float, meaning: Any) -> None:
    for image in (planes(), picture()):
        made = augmentation._apply(image, name, magnitude, InterpolationMode.NEAREST, 7)
        assert np.array_equal(pixels_of(made), pixels_of(meaning(image)))


def test_mixtures() -> None:
    """What AugMix mixes adds up to one image."""
    brasa.manual_seed(0)
    grey = brasa.full((3, 9, 9), 96, dtype=brasa.uint8)  # which nothing changes at the least strength
    mix = transforms.AugMix(severity=1, all_ops=False)
    assert all(((made := mix(grey)) >= 95).all() and (made <= 96).all() for _ in range(5))
    shares = [mix._shares(3) for _ in range(200)]
    assert np.allclose(np.sum(shares, 1), 1) and 0.28 < np.mean(shares, 0).min() < 1 / 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.posterize(planes(), 9), ValueError, "posterize: bits must be between 0 and 8, not 9"),
        (lambda: F.posterize(planes().float(), 3), TypeError, "posterize: expects a tensor of uint8, not float32"),
        (lambda: F.solarize(planes(), 300), ValueError, "the threshold 300 is above 255"),
        (lambda: F.adjust_gamma(planes(), -1), ValueError, "gamma must not be negative, it is -1"),
        (lambda: F.affine(planes(), 0, [0, 0], 0, 0), ValueError, "affine: scale must be positive, it is 0"),
        (lambda: F.affine(planes(), 0, [1], 1, 0), ValueError, r"translate must be two numbers, not \[1\]"),
        (lambda: F.affine(planes(), 0, [0, 0], 1, 0, InterpolationMode.BOX), ValueError, "affine: tensors .* box"),
        (lambda: F.rotate(planes(), 9, fill=[1, 2]), ValueError, "rotate: fill has 2 values, the image 3 channels"),
        (lambda: F.perspective(planes(), [[0, 0]], []), ValueError, "expects four corners, not 1 and 0"),
        (lambda: F.elastic_transform(planes(), brasa.zeros(1, 2, 3, 2)), ValueError, r"must be \[1, 24, 33, 2\]"),
        (lambda: transforms.RandomAffine(0, (2, 0)), ValueError, r"translate must be two .* not \(2, 0\)"),
        (lambda: transforms.RandomAffine(0, scale=(0, 1)), ValueError, r"scale must be two positive .* not \(0, 1\)"),
        (lambda: transforms.RandomPerspective(2), ValueError, "distortion_scale must be between 0 and 1, not 2"),
        (lambda: transforms.ElasticTransform(1, (1, 2, 3)), ValueError, "alpha and sigma are one or two numbers"),
        (lambda: transforms.RandAugment(magnitude=31), ValueError, "magnitude must be from 0 to 30, not 31"),
        (lambda: transforms.AugMix(11), ValueError, "AugMix: severity must be from 1 to 10, not 11"),
        (lambda: transforms.LinearTransformation(brasa.eye(3), brasa.ones(2)), ValueError, "matrix must be square"),
        (lambda: transforms.LinearTransformation(brasa.eye(3), brasa.ones(3))(planes()), ValueError, "of 3 numbers"),
    ],
)
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", [*augmentation._SIGNED, *augmentation._PLAIN, "Posterize", "Solarize"])
def test_against_torchvision(name: str) -> None:
    """Each operation of the augmentations, on images and on tensors, as torchvision has it."""
    torch, theirs = pytest.importorskip("torch"), pytest.importorskip("torchvision.transforms.autoaugment")
    for magnitude in (1.0, 2.0, 5.0):
        mode = theirs.InterpolationMode.BILINEAR
        expected = np.asarray(theirs._apply_op(picture(), name, magnitude, mode, [1, 2, 3]))
        assert np.array_equal(pixels_of(augmentation._apply(picture(), name, magnitude, BILINEAR, [1, 2, 3])), expected)
        tensor = torch.tensor(PIXELS.transpose(2, 0, 1).copy())
        expected = theirs._apply_op(tensor, name, magnitude, mode, [1, 2, 3]).numpy().astype(int)
        made = augmentation._apply(planes(), name, magnitude, BILINEAR, [1, 2, 3]).numpy()
        assert np.abs(made - expected).max() <= 1 and (made != expected).mean() < 0.05
