"""Operators of boxes beside loops in NumPy, and the gradients of roi_align beside differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.vision import ops

Array = np.ndarray[Any, Any]


def some_boxes(count: int, seed: int, extent: float = 20.0) -> Array:
    corners = np.random.default_rng(seed).uniform(0, extent, (count, 2, 2))
    return np.sort(corners, 1).reshape(count, 4)


def overlap(one: Array, other: Array) -> tuple[float, float, float]:
    """The areas that two boxes share, that both cover, and of the box round both."""
    sides = [max(0.0, min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])) for axis in (0, 1)]
    whole = [max(one[axis + 2], other[axis + 2]) - min(one[axis], other[axis]) for axis in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    common = sides[0] * sides[1]
    return common, sum(areas) - common, whole[0] * whole[1]


def test_overlaps() -> None:
    one, other = some_boxes(5, 0), some_boxes(7, 1)
    found = np.array([[overlap(a, b) for b in other] for a in one])
    common, both, around = found[..., 0], found[..., 1], found[..., 2]
    x, y = brasa.tensor(one), brasa.tensor(other)
    assert np.allclose(ops.box_iou(x, y), common / both)
    assert np.allclose(ops.generalized_box_iou(x, y), common / both - (around - both) / around)
    assert np.allclose(ops.box_area(x), [overlap(box, box)[0] for box in one])


def test_forms_of_boxes() -> None:
    boxes = brasa.tensor([[1.0, 2.0, 5.0, 10.0]])
    forms = {
        "xyxy": boxes,
        "xywh": brasa.tensor([[1.0, 2.0, 4.0, 8.0]]),
        "cxcywh": brasa.tensor([[3.0, 6.0, 4.0, 8.0]]),
    }
    for before, given in forms.items():
        for after, expected in forms.items():
            assert brasa.equal(ops.box_convert(given, before, after), expected)
    assert ops.clip_boxes_to_image(brasa.tensor([[-3.0, 1.0, 30.0, 40.0]]), (20, 25)).tolist() == [[0, 1, 25, 20]]


def best_of(boxes: Array, scores: Array, threshold: float) -> list[int]:
    kept: list[int] = []
    for number in np.argsort(-scores):
        shares = [overlap(boxes[number], boxes[other])[:2] for other in kept]
        if all(common / both <= threshold for common, both in shares):
            kept.append(int(number))
    return kept


def test_suppression() -> None:
    boxes, scores = some_boxes(60, 2, 8.0), np.random.default_rng(3).random(60)
    classes = np.random.default_rng(4).integers(0, 3, 60)
    given = brasa.tensor(boxes), brasa.tensor(scores)
    kept = ops.nms(*given, 0.3)
    assert kept.dtype is brasa.int64 and kept.tolist() == best_of(boxes, scores, 0.3) and 3 < len(kept) < 50
    parts = [[int(n) for n in np.flatnonzero(classes == each)] for each in range(3)]
    each = [part[n] for part in parts for n in best_of(boxes[part], scores[part], 0.3)]
    assert ops.batched_nms(*given, brasa.tensor(classes), 0.3).tolist() == sorted(each, key=lambda n: -scores[n])
    empty = brasa.zeros(0, 4), brasa.zeros(0)
    assert ops.nms(*empty, 0.5).shape == ops.batched_nms(*empty, brasa.zeros(0), 0.5).shape == (0,)


def value_at(plane: Array, y: float, x: float) -> float:
    """Between elements, linear along both axes; 0 more than one element outside."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = plane[top, left] * (left + 1 - x) + plane[top, right] * (x - left)
    lower = plane[bottom, left] * (left + 1 - x) + plane[bottom, right] * (x - left)
    return float(upper * (top + 1 - y) + lower * (y - top))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
def test_roi_align(ratio: int, aligned: bool) -> None:
    images = np.random.default_rng(0).standard_normal((2, 2, 7, 9))
    boxes = np.array([[0, 1, 2, 12, 9], [1, -4, -3, 4, 30], [1, 5, 5, 5.5, 5.2]])
    scale, (rows, columns) = 0.5, (2, 3)
    expected = np.zeros((3, 2, rows, columns))
    for number, (image, *corners) in enumerate(boxes):
        x1, y1, x2, y2 = np.array(corners) * scale - (0.5 if aligned else 0)
        across, down = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
        m, n = (ratio, ratio) if ratio > 0 else (math.ceil(down / rows), math.ceil(across / columns))
        for c, i, j in np.ndindex(2, rows, columns):
            points = [(y1 + (i + (a + 0.5) / m) * down / rows, x1 + (j + (b + 0.5) / n) * across / columns)
                      for a in range(m) for b in range(n)]  # fmt: skip
            expected[number, c, i, j] = np.mean([value_at(images[int(image), c], *point) for point in points])
    x = brasa.tensor(images, requires_grad=True)
    made = ops.roi_align(x, brasa.tensor(boxes), (rows, columns), scale, ratio, aligned)
    assert np.allclose(made.detach(), expected)
    split = [brasa.tensor(boxes[boxes[:, 0] == n, 1:]) for n in (0, 1)]
    assert brasa.equal(ops.roi_align(x, split, (rows, columns), scale, ratio, aligned), made)
    direction = np.random.default_rng(1).standard_normal(images.shape)
    weight = brasa.tensor(np.random.default_rng(2).standard_normal(expected.shape))
    (made * weight).sum().backward()
    moved = ops.roi_align(brasa.tensor(images + direction), brasa.tensor(boxes), (rows, columns), scale, ratio, aligned)
    assert np.isclose(
        (x.grad.numpy() * direction).sum(), ((moved - made.detach()) * weight).sum().item()
    )  # it is linear


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.box_area(brasa.zeros(3)), ValueError, r"box_area: boxes are a tensor \[n, 4\], not f32\[3\]"),
        (lambda: ops.box_iou([[1]], brasa.zeros(1, 4)), TypeError, "box_iou: boxes are a tensor, not list"),
        (
            lambda: ops.nms(brasa.zeros(2, 4), brasa.zeros(3), 0.5),
            ValueError,
            r"nms: scores are a tensor \[2\], one for",
        ),
        (lambda: ops.box_convert(brasa.zeros(2, 4), "xyxy", "yx"), ValueError, "one of xyxy, xywh, cxcywh, not 'yx'"),
        (lambda: ops.roi_align(brasa.zeros(1, 2, 3), [], 2), ValueError, "roi_align: input is a tensor"),
        (lambda: ops.roi_align(brasa.zeros(1, 1, 3, 3), brasa.ones(1, 5), 2), ValueError, "of image 1, there are 1"),
    ],
)
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
