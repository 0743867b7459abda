"""Grids of images, files of images, and boxes drawn into them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.vision.utils import draw_bounding_boxes, make_grid, save_image

Image = pytest.importorskip("PIL.Image")


def test_grid() -> None:
    images = brasa.rand(5, 3, 4, 6)
    grid = make_grid(images, nrow=3, padding=1, pad_value=0.5)
    expected = np.full((3, 11, 22), 0.5, np.float32)
    for number, image in enumerate(images.numpy()):
        top, left = number // 3 * 5 + 1, number % 3 * 7 + 1
        expected[:, top : top + 4, left : left + 6] = image
    assert np.array_equal(grid, expected)
    assert brasa.equal(make_grid(list(images), 3, 1, pad_value=0.5), grid)
    assert make_grid(brasa.rand(4, 6)).shape == (3, 4, 6) and make_grid(brasa.rand(9, 1, 2, 2)).shape == (3, 10, 34)


def test_grids_are_normalized() -> None:
    images = brasa.tensor([[-1.0, 3.0], [4.0, 8.0]]).reshape(2, 1, 1, 2)
    together = make_grid(images, padding=0, normalize=True)[0].tolist()
    assert np.allclose(together, [[0, 4 / 9, 5 / 9, 1]])
    assert make_grid(images, padding=0, normalize=True, scale_each=True)[0].tolist() == [[0, 1, 0, 1]]
    assert make_grid(images, padding=0, normalize=True, value_range=(0, 4))[0].tolist() == [[0, 0.75, 1, 1]]


def test_saving(tmp_path: Path) -> None:
    images = brasa.rand(2, 3, 4, 4)
    save_image(images, tmp_path / "a.png", padding=0)
    expected = np.floor(np.concatenate(list(images.numpy()), 2).transpose(1, 2, 0) * 255 + 0.5)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), expected)
    file = io.BytesIO()
    save_image(images[0], file, format="png")
    assert Image.open(file).size == (4, 4)


def test_boxes() -> None:
    image = brasa.zeros(3, 20, 30, dtype=brasa.uint8)
    made = draw_bounding_boxes(image, brasa.tensor([[2, 3, 9, 12], [15, 5, 25, 15]]), colors=["red", (0, 0, 255)])
    expected = np.zeros((20, 30, 3), np.uint8)
    for (x1, y1, x2, y2), colour in (((2, 3, 9, 12), (255, 0, 0)), ((15, 5, 25, 15), (0, 0, 255))):
        expected[[y1, y2], x1 : x2 + 1] = colour
        expected[y1 : y2 + 1, [x1, x2]] = colour
    assert np.array_equal(made.numpy().transpose(1, 2, 0), expected) and image.sum() == 0
    filled = draw_bounding_boxes(brasa.zeros(1, 20, 30), brasa.tensor([[2.0, 3.0, 25.0, 18.0]]), ["a"], fill=True)
    assert filled.dtype is brasa.float32 and filled.shape == (3, 20, 30) and 0.3 < filled[0, 15, 20] < 0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make_grid([1]), TypeError, "make_grid: expects a tensor or a list of tensors"),
        (lambda: make_grid(brasa.zeros(3)), ValueError, r"images \[n, channels, height, width\], not f32\[3\]"),
        (
            lambda: draw_bounding_boxes(brasa.zeros(2, 3, 3), brasa.zeros(1, 4)),
            ValueError,
            r"a tensor \[1 or 3, height",
        ),
        (lambda: draw_bounding_boxes(brasa.zeros(1, 3, 3), brasa.zeros(1, 4), []), ValueError, "1 boxes and 0 labels"),
        (lambda: draw_bounding_boxes(brasa.zeros(1, 3, 3), brasa.tensor([[2.0, 0, 1, 1]])), ValueError, "upper left"),
    ],
)
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
