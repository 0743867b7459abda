"""Boxes drawn into images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.ir.dtype import uint8
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.tensors.tensor import Tensor, type_text
from brasa.vision.ops.boxes import require_boxes
from brasa.vision.pillow import pillow_part
from brasa.vision.transforms.conversion import convert_image_dtype, pil_to_tensor, to_pil_image


def draw_bounding_boxes(
    image: Tensor, boxes: Tensor, labels: Sequence[str | None] | None = None, colors: Any = None,
    fill: bool = False, width: int = 1, font: str | None = None, font_size: int | None = None,
) -> Tensor:  # fmt: skip
    """The image, uint8 or float [1 or 3, height, width], with boxes [n, 4] of two corners drawn into it, in colour.

    labels: a text for each box. colors: one for all or one for each, as (red, green, blue) or a name. fill: the boxes
    are filled, half transparent. font: the file of one; font_size: of the texts, in points.
    """
    op = "draw_bounding_boxes"
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise DTypeError(f"the image must be uint8 or float, not {image.dtype.long_name}", op=op)
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ShapeError(f"an image is a tensor [1 or 3, height, width], not {type_text(image)}", op=op)
    require_boxes(boxes, op)
    corners = boxes.tolist()
    texts = [None] * len(corners) if labels is None else list(labels)
    shades = list(colors) if isinstance(colors, list) else [colors or "white"] * len(corners)
    for name, values in (("labels", texts), ("colors", shades)):
        if len(values) < len(corners):
            raise ValueError(f"there are {len(corners)} boxes and {len(values)} {name}", op=op)
    picture = to_pil_image(convert_image_dtype(image, uint8)).convert("RGB")
    draw = pillow_part("ImageDraw").Draw(picture, "RGBA" if fill else None)
    letters = pillow_part("ImageFont").truetype(font, font_size or 10) if font else None
    for box, text, shade in zip(corners, texts, shades, strict=False):
        if box[2] < box[0] or box[3] < box[1]:
            raise ValueError(f"a box has its upper left corner first, not {box}", op=op)
        colour = pillow_part("ImageColor").getrgb(shade) if isinstance(shade, str) else tuple(shade)
        draw.rectangle(box, width=width, outline=colour, fill=(*colour, 100) if fill else None)
        if text is not None:
            size = {} if font or font_size is None else {"font_size": font_size}
            draw.text((box[0] + width + 1, box[1] + width + 1), text, fill=colour, font=letters, **size)
    return convert_image_dtype(pil_to_tensor(picture), image.dtype)
