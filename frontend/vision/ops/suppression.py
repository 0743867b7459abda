"""Of boxes that overlap, the best."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir.errors import ShapeError
from brasa.tensors.tensor import Tensor, copied, type_text
from brasa.vision.ops.boxes import require_boxes


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The numbers int64[k] of the boxes [n, 4] to keep, the best first.

    A box is left out if a better one that is kept overlaps it with an intersection over union above the threshold.
    """
    return copied(_kept(*_arrays(boxes, scores, "nms"), iou_threshold))


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """As nms, where boxes of different classes idxs[n] do not count as overlapping."""
    rows, values = _arrays(boxes, scores, "batched_nms")
    classes = idxs.numpy()
    kept = [np.flatnonzero(classes == each) for each in np.unique(classes)]
    kept = [where[_kept(rows[where], values[where], iou_threshold)] for where in kept]
    together = np.concatenate([*kept, np.empty(0, np.int64)])
    return copied(together[np.argsort(-values[together], kind="stable")])


def _arrays(boxes: Tensor, scores: Tensor, op: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    require_boxes(boxes, op)
    if tuple(scores.shape) != (boxes.shape[0],):
        raise ShapeError(f"scores are a tensor [{boxes.shape[0]}], one for each box, not {type_text(scores)}", op=op)
    return boxes.detach().numpy(), scores.detach().numpy()


def _kept(boxes: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], threshold: float) -> np.ndarray[Any, Any]:
    left = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        sides = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2])
        common = sides.clip(0).prod(1)
        left = left[~(common > threshold * (areas[best] + areas[left] - common))]  # nan, of empty boxes, is kept
    return np.array(kept, np.int64)
