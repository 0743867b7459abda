"""What all losses share: how they are reduced, and PyTorch's older way to say it."""

from __future__ import annotations

import warnings

from brasa.functions import pointwise, reduction
from brasa.ir.errors import ValueError
from brasa.tensors.tensor import Tensor


def chosen(how: str, size_average: bool | None, reduce: bool | None, op: str) -> str:
    """The reduction that is meant, where the older arguments size_average and reduce may say it."""
    if size_average is not None or reduce is not None:
        how = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(f"size_average and reduce are deprecated, say reduction='{how}'", UserWarning, stacklevel=3)
    if how not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not '{how}'", op=op)
    return how


def reduced(loss: Tensor, how: str, weight: Tensor | None = None) -> Tensor:
    """The losses as they are, their mean (by the sum of the weights, where there are some) or their sum."""
    if how == "none":
        return loss
    if how == "sum":
        return reduction.sum(loss)
    return reduction.mean(loss) if weight is None else pointwise.div(reduction.sum(loss), reduction.sum(weight))
