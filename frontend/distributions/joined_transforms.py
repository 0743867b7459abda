"""Transforms of the parts of a tensor along a dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.distributions import constraints
from brasa.distributions.constraints import Constraint, dependent_property
from brasa.distributions.transform import Transform, sum_rightmost
from brasa.functions.joining import cat, stack
from brasa.ir.errors import ShapeError


class CatTransform(Transform):
    """Transforms of parts of these lengths (1 each if not given), one after the other along a dim."""

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.transforms = [each.with_cache(cache_size) for each in tseq] if cache_size else list(tseq)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        self.dim = dim

    @property
    def length(self) -> int:
        """The size of the dim."""
        return sum(self.lengths)

    @property
    def event_dim(self) -> int:
        return max(each.event_dim for each in self.transforms)

    @dependent_property
    def domain(self) -> Constraint:  # type: ignore[override]
        return constraints.cat([each.domain for each in self.transforms], self.dim, self.lengths)

    @dependent_property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return constraints.cat([each.codomain for each in self.transforms], self.dim, self.lengths)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(each.bijective for each in self.transforms)

    def with_cache(self, cache_size: int = 1) -> Transform:
        same = self._cache_size == cache_size
        return self if same else CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _parts(self, value: Any) -> list[Any]:
        if value.shape[self.dim] != self.length:
            raise ShapeError(f"dim {self.dim} must have size {self.length}, it has {value.shape[self.dim]}",
                             op="CatTransform")  # fmt: skip
        return value.split(self.lengths, self.dim)  # type: ignore[no-any-return]

    def _call(self, x: Any) -> Any:
        return cat([each(part) for each, part in zip(self.transforms, self._parts(x), strict=True)], self.dim)

    def _inverse(self, y: Any) -> Any:
        return cat([each.inv(part) for each, part in zip(self.transforms, self._parts(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Of all parts along the dim, or where the dim belongs to events, their sum."""
        logs = []
        for each, part, value in zip(self.transforms, self._parts(x), self._parts(y), strict=True):
            logs.append(sum_rightmost(each.log_abs_det_jacobian(part, value), self.event_dim - each.event_dim))
        dim = self.dim if self.dim < 0 else self.dim - x.ndim
        return cat(logs, dim + self.event_dim) if dim + self.event_dim < 0 else sum(logs[1:], logs[0])


class StackTransform(Transform):
    """One transform for each place along a dim."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms = [each.with_cache(cache_size) for each in tseq] if cache_size else list(tseq)
        self.dim = dim

    @dependent_property
    def domain(self) -> Constraint:  # type: ignore[override]
        return constraints.stack([each.domain for each in self.transforms], self.dim)

    @dependent_property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return constraints.stack([each.codomain for each in self.transforms], self.dim)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(each.bijective for each in self.transforms)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _places(self, value: Any) -> list[Any]:
        if value.shape[self.dim] != len(self.transforms):
            raise ShapeError(f"dim {self.dim} must have size {len(self.transforms)}, it has {value.shape[self.dim]}",
                             op="StackTransform")  # fmt: skip
        return [value.select(self.dim, i) for i in range(len(self.transforms))]

    def _call(self, x: Any) -> Any:
        return stack([each(part) for each, part in zip(self.transforms, self._places(x), strict=True)], self.dim)

    def _inverse(self, y: Any) -> Any:
        return stack([each.inv(part) for each, part in zip(self.transforms, self._places(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        pairs = zip(self.transforms, self._places(x), self._places(y), strict=True)
        return stack([each.log_abs_det_jacobian(part, value) for each, part, value in pairs], self.dim)
