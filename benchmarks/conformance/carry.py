"""Values on their way from PyTorch's samples to the module under test, and back: they travel as NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import torch

_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


class Missing(Exception):
    """The module under test has not got a name."""


class Array(NamedTuple):
    """A tensor on its way."""

    values: np.ndarray
    requires_grad: bool


class Name(NamedTuple):
    """What every module has under the same name: a dtype, a layout, a memory format."""

    text: str


class Attempt:
    """A block whose exception is kept, not raised: here, what a module refuses is a result like another."""

    error: Exception | None = None

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


def lookup(root: Any, dotted: str) -> Any:
    """What a dotted name stands for; raises Missing."""
    for part in dotted.split("."):
        if not hasattr(root, part):
            raise Missing(dotted)
        root = getattr(root, part)
    return root


def to_numpy(value: Any) -> np.ndarray:
    """The values of a tensor of any module."""
    if isinstance(value, torch.Tensor):
        value = value.detach().resolve_conj().resolve_neg()
        if value.dtype is torch.bfloat16:
            return value.view(torch.int16).numpy().view(_BFLOAT16)
        return value.numpy()
    if hasattr(value, "detach"):
        value = value.detach().resolve_conj().resolve_neg()
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def make_tensor(module: ModuleType, values: np.ndarray, requires_grad: bool = False) -> Any:
    """A tensor of a module with these values; torch takes bfloat16 by its bits."""
    if module is torch and values.dtype == _BFLOAT16:
        bits = np.ascontiguousarray(values).view(np.int16).reshape(values.shape)
        return torch.from_numpy(bits).view(torch.bfloat16).clone().requires_grad_(requires_grad)
    return module.tensor(values, requires_grad=requires_grad)


def pack(value: Any) -> Any:
    """A part of a sample, without PyTorch in it; a TypeError for what no other module can be given."""
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided:
            raise TypeError("a sparse tensor")
        return Array(np.array(to_numpy(value), order="C", copy=True), value.requires_grad)
    if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
        return Name(str(value).rsplit(".", maxsplit=1)[-1])
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.Generator):
        raise TypeError("a generator")
    if isinstance(value, torch.Size):
        return tuple(value)
    return map_parts(pack, value)


def unpack(value: Any, module: ModuleType, leaves: list[Any] | None = None) -> Any:
    """A packed value as the module's own; tensors that require gradients do so if `leaves` is given, and join it."""
    if isinstance(value, Array):
        gradient = value.requires_grad and leaves is not None
        tensor = make_tensor(module, value.values.copy(), requires_grad=gradient)
        if gradient:
            leaves.append(tensor)
        return tensor
    if isinstance(value, Name):
        return lookup(module, value.text)
    return map_parts(lambda part: unpack(part, module, leaves), value)


def map_parts(function: Callable[[Any], Any], value: Any) -> Any:
    """A container with a function applied to its parts; anything else as it is."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(function, value))
    if isinstance(value, list | tuple):
        return type(value)(map(function, value))
    if isinstance(value, dict):
        return {key: function(part) for key, part in value.items()}
    return value


def pack_sample(sample: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """(input, positional arguments, keywords) of a SampleInput, packed."""
    return pack(sample.input), pack(tuple(sample.args)), pack(sample.kwargs)


def flat(value: Any) -> list[Any]:
    """The parts of a nested result, one after the other."""
    if isinstance(value, list | tuple):
        return [each for part in value for each in flat(part)]
    if isinstance(value, dict):
        return [each for key in sorted(value) for each in flat(value[key])]
    return [value]
