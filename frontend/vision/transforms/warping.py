"""Images turned, sheared, seen from elsewhere, or bent: each pixel is taken from a place between others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.functions.joining import cat
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn import functional as nn_functional
from brasa.tensors.creation import ones_like, tensor
from brasa.tensors.tensor import Tensor, copied
from brasa.vision.pillow import pillow
from brasa.vision.transforms.conversion import pil_to_tensor, to_pil_image
from brasa.vision.transforms.geometry import fill_of, narrow, wide
from brasa.vision.transforms.images import InterpolationMode, get_dimensions, require_image

_Array = np.ndarray[Any, Any]


def _centres(height: int, width: int) -> tuple[_Array, _Array]:
    """(x, y) of the middles of all pixels, from the top left corner."""
    y, x = np.mgrid[:height, :width].astype(np.float64) + 0.5
    return x, y


def sampled(img: Tensor, x: Any, y: Any, interpolation: InterpolationMode, fill: Any, op: str) -> Tensor:
    """The values of a tensor of an image at these places [height, width], which are counted from its top left corner.

    fill: the value outside of the image, one for all channels or one for each, 0 if None.
    """
    channels, rows, columns = get_dimensions(img)
    if interpolation.value not in ("nearest", "bilinear"):
        raise ValueError(f"tensors cannot be resampled with {interpolation.value}", op=op)
    values = wide(img)
    planes = values.reshape(1, -1, rows, columns)
    if fill is not None:
        planes = cat([planes, ones_like(planes[:, :1])], 1)
    grid = copied(np.stack((2 * x / columns - 1, 2 * y / rows - 1), -1)[None]).to(planes.dtype)
    made = nn_functional.grid_sample(planes, grid, interpolation.value, "zeros", align_corners=False)
    if fill is not None:
        made, inside = made[:, :-1], made[:, -1:]
        inside = (inside >= 0.5).to(made.dtype) if interpolation is InterpolationMode.NEAREST else inside
        shade = tensor(fill, dtype=made.dtype).reshape(-1, 1, 1)
        if shade.shape[0] not in (1, channels):
            raise ValueError(f"fill has {shade.shape[0]} values, the image {channels} channels", op=op)
        made = made.reshape(-1, channels, *x.shape)
        made = made * inside + (1 - inside) * shade
    return narrow(made.reshape(*img.shape[:-2], *x.shape), img)


def rotate(
    img: Any, angle: float, interpolation: InterpolationMode = InterpolationMode.NEAREST, expand: bool = False,
    center: Sequence[float] | None = None, fill: Any = None,
) -> Any:  # fmt: skip
    """The image turned by so many degrees against the clock.

    expand: the result is large enough to hold all of it. center: (x, y) from the top left corner, in place of the
    middle. fill: the value outside of the image, 0 if None.
    """
    require_image(img, "rotate")
    if not isinstance(img, Tensor):
        outside = fill_of(img, fill, "rotate")
        return img.rotate(angle, interpolation.of_pillow, expand, center and tuple(center), fillcolor=outside)
    _, rows, columns = get_dimensions(img)
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    shift = (0.0, 0.0) if center is None else (center[0] - columns / 2, center[1] - rows / 2)
    height, width = (rows, columns) if not expand else _bounds(rows, columns, cos, sin)
    x, y = _centres(height, width)
    x, y = x - width / 2 - shift[0], y - height / 2 - shift[1]
    across, down = cos * x - sin * y + shift[0], sin * x + cos * y + shift[1]
    return sampled(img, across + columns / 2, down + rows / 2, interpolation, fill, "rotate")


def _bounds(rows: int, columns: int, cos: float, sin: float) -> tuple[int, int]:
    """(height, width) that hold an image which is turned; from whole pixel to whole pixel, as pillow counts."""
    if abs(sin) < 1e-9 or abs(cos) < 1e-9:  # by right angles
        return (rows, columns) if abs(sin) < 1e-9 else (columns, rows)
    across = (abs(cos) * columns + abs(sin) * rows) / 2
    down = (abs(sin) * columns + abs(cos) * rows) / 2
    return _span(rows / 2, down), _span(columns / 2, across)


def _span(middle: float, reach: float) -> int:
    return math.ceil(middle + reach) - math.floor(middle - reach)


def affine(
    img: Any, angle: float, translate: Sequence[float], scale: float, shear: Any,
    interpolation: InterpolationMode = InterpolationMode.NEAREST, fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:  # fmt: skip
    """The image sheared, turned by so many degrees with the clock, enlarged, and moved by (across, down) pixels.

    shear: degrees along x, or along x and y. center: (x, y) of what is not moved, the middle if None. fill: the value
    outside of the image, 0 if None. ValueError for a scale that is not positive.
    """
    require_image(img, "affine")
    if scale <= 0:
        raise ValueError(f"scale must be positive, it is {scale}", op="affine")
    if len(translate) != 2:
        raise ValueError(f"translate must be two numbers, not {translate!r}", op="affine")
    shears = [shear, 0.0] if not isinstance(shear, Sequence) else [*shear, 0.0][:2]
    _, rows, columns = get_dimensions(img)
    middle = (columns / 2, rows / 2) if center is None else (center[0], center[1])
    back = _inverse(angle, translate, scale, shears, middle)
    if not isinstance(img, Tensor):
        outside = fill_of(img, fill, "affine")
        kind, size = pillow().Transform.AFFINE, (columns, rows)
        return img.transform(size, kind, back, interpolation.of_pillow, fillcolor=outside)
    a, b, c, d, e, f = back
    x, y = _centres(rows, columns)
    return sampled(img, a * x + b * y + c, d * x + e * y + f, interpolation, fill, "affine")


def _inverse(
    angle: float, translate: Sequence[float], scale: float, shears: Sequence[float], middle: tuple[float, float]
) -> tuple[float, ...]:
    """The two rows of the matrix from places in the result to places in the image."""
    turn, across, down = math.radians(angle), math.radians(shears[0]), math.radians(shears[1])
    cos, sin = math.cos(turn - down) / math.cos(down), math.sin(turn - down) / math.cos(down)
    a, b = (math.cos(turn) - sin * math.tan(across)) / scale, (cos * math.tan(across) + math.sin(turn)) / scale
    d, e = -sin / scale, cos / scale
    x, y = middle[0] + translate[0], middle[1] + translate[1]
    return a, b, middle[0] - a * x - b * y, d, e, middle[1] - d * x - e * y


def perspective(
    img: Any, startpoints: Sequence[Sequence[float]], endpoints: Sequence[Sequence[float]],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR, fill: Any = None,
) -> Any:  # fmt: skip
    """The image seen from elsewhere: its corners startpoints [(x, y)] come to endpoints.

    In the order top left, top right, bottom right, bottom left. fill: the value outside of the image, 0 if None.
    """
    require_image(img, "perspective")
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(f"expects four corners, not {len(startpoints)} and {len(endpoints)}", op="perspective")
    rows_of, goal = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows_of += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        goal += [u, v]
    found = np.linalg.lstsq(np.array(rows_of, float), np.array(goal, float), rcond=None)[0]
    back = found.astype(np.float32).tolist()  # as torchvision has them
    _, rows, columns = get_dimensions(img)
    if not isinstance(img, Tensor):
        outside = fill_of(img, fill, "perspective")
        kind, size = pillow().Transform.PERSPECTIVE, (columns, rows)
        return img.transform(size, kind, back, interpolation.of_pillow, fillcolor=outside)
    a, b, c, d, e, f, g, h = back
    x, y = _centres(rows, columns)
    depth = g * x + h * y + 1
    return sampled(img, (a * x + b * y + c) / depth, (d * x + e * y + f) / depth, interpolation, fill, "perspective")


def elastic_transform(
    img: Any, displacement: Tensor, interpolation: InterpolationMode = InterpolationMode.BILINEAR, fill: Any = None
) -> Any:
    """The image bent: each pixel is taken from as far away as displacement [1, height, width, 2] says.

    In x and y, where the image reaches from -1 to 1. fill: the value outside of the image, 0 if None.
    """
    require_image(img, "elastic_transform")
    if not isinstance(img, Tensor):
        bent = elastic_transform(pil_to_tensor(img), displacement, interpolation, fill)
        return to_pil_image(bent, img.mode)
    _, rows, columns = get_dimensions(img)
    if tuple(displacement.shape) != (1, rows, columns, 2):
        raise ShapeError(f"displacement must be [1, {rows}, {columns}, 2], not {list(displacement.shape)}",
                         op="elastic_transform")  # fmt: skip
    shift = displacement.detach().double().numpy()[0]
    x, y = _centres(rows, columns)
    x, y = x + shift[..., 0] * columns / 2, y + shift[..., 1] * rows / 2
    return sampled(img, x, y, interpolation, fill, "elastic_transform")
