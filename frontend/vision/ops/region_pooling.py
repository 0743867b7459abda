"""Regions of feature maps in one size (He et al., 2017, "Mask R-CNN")."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.functions.matrix import matmul
from brasa.ir.errors import ShapeError
from brasa.tensors.tensor import Tensor, copied, type_text
from brasa.vision.ops.boxes import require_boxes

Array = np.ndarray[Any, Any]


def roi_align(
    input: Tensor, boxes: Tensor | Sequence[Tensor], output_size: Any, spatial_scale: float = 1.0,
    sampling_ratio: int = -1, aligned: bool = False,
) -> Tensor:  # fmt: skip
    """[k, channels, *output_size] from input[n, channels, height, width]: each box as a grid of means.

    boxes: [k, 5], each with the number of its image first, or a list of [k_i, 4], one for each image; they are
    multiplied by spatial_scale. A cell of the grid is the mean of sampling_ratio**2 points between the elements, or of
    as many as it covers if that is not positive. aligned: half an element is taken off the places, as is right. There
    are gradients for input alone.
    """
    if input.ndim != 4:
        raise ShapeError(f"input is a tensor [n, channels, height, width], not {type_text(input)}", op="roi_align")
    rows = _rows(boxes)
    images, corners = rows[:, 0].astype(np.int64), rows[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)
    if images.size and not 0 <= images.min() <= images.max() < input.shape[0]:
        raise ShapeError(f"a box is of image {images.max()}, there are {input.shape[0]}", op="roi_align")
    height, width = (output_size,) * 2 if isinstance(output_size, int) else output_size
    down, across = (
        np.stack([_weights(*span, bins, size, sampling_ratio, aligned) for span in corners[:, axis::2]])
        if len(rows) else np.zeros((0, bins, size))
        for axis, bins, size in ((1, height, int(input.shape[2])), (0, width, int(input.shape[3])))
    )  # fmt: skip
    y, x = (copied(each[:, None]).to(input.dtype) for each in (down, across.transpose(0, 2, 1)))
    return matmul(matmul(y, input.index_select(0, copied(images))), x)


def _rows(boxes: Tensor | Sequence[Tensor]) -> Array:
    """[k, 5]: boxes with the numbers of their images."""
    if isinstance(boxes, Tensor):
        require_boxes(boxes, "roi_align", 5)
        return boxes.detach().numpy().astype(np.float64)
    for each in boxes:
        require_boxes(each, "roi_align")
    parts = [np.insert(each.detach().numpy().astype(np.float64), 0, number, 1) for number, each in enumerate(boxes)]
    return np.concatenate([np.empty((0, 5)), *parts])


def _weights(low: float, high: float, bins: int, size: int, ratio: int, aligned: bool) -> Array:
    """[bins, size]: what each element along an axis counts for each cell, linear between elements.

    Points more than one element outside count nothing; those at the edge take its value.
    """
    length = high - low if aligned else max(high - low, 1.0)
    points = ratio if ratio > 0 else math.ceil(length / bins)
    if points <= 0:
        return np.zeros((bins, size))
    places = low + (np.arange(bins * points) + 0.5) * (length / bins / points)
    inside = (places >= -1.0) & (places <= size)
    places = places.clip(0, size - 1)
    first = np.minimum(np.floor(places).astype(np.int64), size - 1)
    part = places - first
    weights = np.zeros((bins * points, size))
    number = np.arange(bins * points)
    weights[number, first] = 1 - part
    weights[number, np.minimum(first + 1, size - 1)] += part
    return (weights * inside[:, None]).reshape(bins, points, size).mean(1)
