"""Views that are copied at once: view_copy, select_copy, ... beside view, select, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.functions.axes import t
from brasa.functions.parting import split, split_with_sizes, unbind
from brasa.functions.strided import as_strided, diagonal, unfold
from brasa.tensors.copies import clone
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import detach, expand, narrow, permute, select, squeeze, transpose, unsqueeze, view
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of

__all__ = [
    "alias_copy", "as_strided_copy", "detach_copy", "diagonal_copy", "expand_copy", "narrow_copy", "permute_copy",
    "select_copy", "slice_copy", "split_copy", "split_with_sizes_copy", "squeeze_copy", "t_copy", "transpose_copy",
    "unbind_copy", "unfold_copy", "unsqueeze_copy", "view_copy",
]  # fmt: skip


def _copied(name: str, see: Callable[..., Any]) -> Any:
    def copy(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        seen = see(input, *args, **kwargs)
        return tuple(clone(part) for part in seen) if isinstance(seen, tuple) else clone(seen)

    copy.__name__ = copy.__qualname__ = name
    copy.__doc__ = f"A copy of what {name.removesuffix('_copy')} shows."
    return operator(out=True, method=name == "narrow_copy")(copy)


alias_copy = _copied("alias_copy", lambda input: input)
as_strided_copy = _copied("as_strided_copy", as_strided)
detach_copy = _copied("detach_copy", detach)
diagonal_copy = _copied("diagonal_copy", diagonal)
expand_copy = _copied("expand_copy", expand)
narrow_copy = _copied("narrow_copy", narrow)
permute_copy = _copied("permute_copy", permute)
select_copy = _copied("select_copy", select)
split_copy = _copied("split_copy", split)
split_with_sizes_copy = _copied("split_with_sizes_copy", split_with_sizes)
squeeze_copy = _copied("squeeze_copy", squeeze)
t_copy = _copied("t_copy", t)
transpose_copy = _copied("transpose_copy", transpose)
unbind_copy = _copied("unbind_copy", unbind)
unfold_copy = _copied("unfold_copy", unfold)
unsqueeze_copy = _copied("unsqueeze_copy", unsqueeze)
view_copy = _copied("view_copy", view)


@operator(out=True)
def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A copy of the places start, start + step, ... below end of an axis."""
    axis = axis_of(dim, input.ndim, "slice_copy")
    return clone(input[(slice(None),) * axis + (slice(start, end, step),)])  # type: ignore[index]
