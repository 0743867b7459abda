"""The library that knows images (extra `vision`), imported when the first image is made."""

from __future__ import annotations

import functools
from types import ModuleType


@functools.cache
def pillow() -> ModuleType:
    """PIL.Image; ImportError that says what to install."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('images need pillow: pip install "brasa[vision]"') from error
    return Image


@functools.cache
def pillow_part(name: str) -> ModuleType:
    """Another module of that library, by its name: "ImageOps", for example."""
    import importlib

    pillow()
    return importlib.import_module(f"PIL.{name}")


def is_image(value: object) -> bool:
    """Whether this is one of that library's images."""
    return isinstance(value, pillow().Image)
