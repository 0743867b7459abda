"""What the functions that make a model by its name have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from brasa.ir.errors import ValueError

M = TypeVar("M")


def entry(build: Callable[..., M]) -> Callable[..., M]:
    """A function that makes a model, with torchvision's arguments for weights, which must not ask for any.

    progress is for torchvision's sake, pretrained for that of programs written before it had `weights`.
    """

    @wraps(build)
    def made(*, weights: Any = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> M:
        if weights is not None or pretrained:
            raise ValueError("weights are not downloaded: make the model without, then "
                             "load_state_dict(brasa.load(path))", op=build.__name__)  # fmt: skip
        return build(**kwargs)

    return made
