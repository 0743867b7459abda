"""Views that a program has recorded as steps, made anew of eager tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brasa._state import STATE
from brasa.ir.dim import Size
from brasa.ir.graph import Kind, Op
from brasa.ir.ops import affine, move, reduce, view
from brasa.ir.sizes import substitute_attrs
from brasa.tensors import views
from brasa.tensors.tensor import Tensor

Path = Sequence[tuple[Op, Mapping[str, Any]]]


class ViewPaths:
    """Follows paths of views from eager tensors. What two paths have in common is one tensor, as it was one in the
    program: so gradients meet there.

    sizes: what the named sizes in the steps are.
    """

    def __init__(self, sizes: Mapping[str, Size]) -> None:
        self._sizes = sizes
        self._made: dict[tuple[int, int, bool], tuple[Any, Tensor]] = {}  # and what has these ids

    def follow(self, source: Tensor, path: Path) -> Tensor:
        """What the path shows of the source."""
        for step in path:
            key = id(source), id(step), STATE.grad_enabled
            if key not in self._made:
                attrs = substitute_attrs(step[1], self._sizes) if self._sizes else step[1]
                self._made[key] = ((source, step), _shown(source, step[0], attrs))
            source = self._made[key][1]
        return source


def _shown(source: Tensor, op: Op, attrs: Mapping[str, Any]) -> Tensor:
    if op is move.slice_:
        full = zip(attrs["starts"], attrs["sizes"], attrs["steps"], strict=True)
        return views.sliced(source, dict(enumerate(full)))
    if op is view.permute:
        return views.permute(source, attrs["axes"])
    if op is view.reshape:
        return views.view(source, attrs["shape"])
    if op is reduce.expand:
        return views.expand(source, attrs["shape"])
    if op is affine.affine:
        return views.walked(source, **attrs)
    if op.kind is Kind.COMPLEX:
        return views.parts_or_whole(source, op)
    return views.view(source, attrs["dtype"]) if op is view.bitcast else views.detach(source)
