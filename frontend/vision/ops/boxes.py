"""Boxes boxes[n, 4], given by two corners (x1, y1, x2, y2) unless said otherwise: areas, overlaps, other forms."""

from __future__ import annotations

from brasa.functions.joining import stack
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.tensors.tensor import Tensor, type_text


def require_boxes(boxes: Tensor, op: str, width: int = 4) -> None:
    """ShapeError unless the tensor is [n, width]."""
    if not isinstance(boxes, Tensor):
        raise ArgumentError(f"boxes are a tensor, not {type(boxes).__name__}", op=op)
    if boxes.ndim != 2 or boxes.shape[1] != width:
        raise ShapeError(f"boxes are a tensor [n, {width}], not {type_text(boxes)}", op=op)


def box_area(boxes: Tensor) -> Tensor:
    """The areas [n] of boxes."""
    require_boxes(boxes, "box_area")
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _shared(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """The areas [n, m] that each box of one has in common with each of the other, and those that both cover."""
    low = boxes1[:, None, :2].maximum(boxes2[:, :2])
    high = boxes1[:, None, 2:].minimum(boxes2[:, 2:])
    sides = (high - low).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    return common, box_area(boxes1)[:, None] + box_area(boxes2) - common


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """[n, m]: the area that two boxes share, of that which both cover (Jaccard, 1901), for boxes [n, 4] and [m, 4]."""
    for boxes in (boxes1, boxes2):
        require_boxes(boxes, "box_iou")
    common, both = _shared(boxes1, boxes2)
    return common / both


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """[n, m]: box_iou, less the part of the smallest box round both that neither covers (Rezatofighi et al., 2019)."""
    for boxes in (boxes1, boxes2):
        require_boxes(boxes, "generalized_box_iou")
    common, both = _shared(boxes1, boxes2)
    low = boxes1[:, None, :2].minimum(boxes2[:, :2])
    high = boxes1[:, None, 2:].maximum(boxes2[:, 2:])
    sides = (high - low).clamp(min=0)
    around = sides[..., 0] * sides[..., 1]
    return common / both - (around - both) / around


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] with what lies outside of an image (height, width) cut off."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return stack([x, y], -1).reshape(boxes.shape)


_FORMS = ("xyxy", "xywh", "cxcywh")


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes [..., 4] in another form: two corners "xyxy", corner and size "xywh", centre and size "cxcywh"."""
    for form in (in_fmt, out_fmt):
        if form not in _FORMS:
            raise ValueError(f"a form of boxes is one of {', '.join(_FORMS)}, not {form!r}", op="box_convert")
    if in_fmt == out_fmt:
        return boxes.clone()
    x, y, width, height = (boxes[..., column] for column in range(4))
    if in_fmt == "xyxy":
        width, height = width - x, height - y
    elif in_fmt == "cxcywh":
        x, y = x - 0.5 * width, y - 0.5 * height
    if out_fmt == "xyxy":
        return stack([x, y, x + width, y + height], -1)
    if out_fmt == "cxcywh":
        x, y = x + width / 2, y + height / 2
    return stack([x, y, width, height], -1)
