"""Tensors on other devices: copies there and back."""

from __future__ import annotations

from typing import Any

from brasa import runtime
from brasa.execution.nodes import Edge, ViewNode
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, make


def device_name(device: Any) -> str:
    """The name of a device that exists; DeviceError names the ones there are."""
    name = "cpu" if device is None else str(device)
    return name if name == "cpu" else runtime.get_device(name).name


def moved_to(tensor: Tensor, device: Any) -> Tensor:
    """A row-major copy of the tensor on another device; gradients come back the same way."""
    source = tensor._materialized()
    name, home = device_name(device), str(source.device)
    dense = source if source._spec.row_major else source.contiguous()  # type: ignore[attr-defined]
    spec = spec_of(dense._spec.dtype, tuple(dense._spec.shape), None, name)
    moved = make(runtime.get_device(name).allocate(spec.nbytes), spec)
    if home == "cpu":
        runtime.get_device(name).copy_in(moved._ptr, dense._ptr, spec.nbytes)
    elif name == "cpu":
        runtime.get_device(home).copy_out(moved._ptr, dense._ptr, spec.nbytes)
    else:
        return moved_to(moved_to(source, "cpu"), name)
    if tensor._requires_grad:
        moved._requires_grad = True
        moved._edge = Edge(ViewNode("to_device", tensor, lambda g: moved_to(g, home)), 0)
    return moved
