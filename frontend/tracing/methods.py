"""Tensor's methods and operators: the functions, bound to the class."""

from __future__ import annotations

from typing import Any

from brasa._state import DEFAULTS, STATE, bump_epoch
from brasa.autograd.engine import backward
from brasa.execution.hooks import add_accumulation_hook, add_hook
from brasa.functions import pointwise
from brasa.functions.complex import COMPLEX_METHODS
from brasa.functions.diagonals import fill_diagonal_
from brasa.functions.filling import FILLS
from brasa.functions.linalg.solving import det, slogdet
from brasa.functions.overwriting import OVERWRITES
from brasa.functions.special import polygamma
from brasa.functions.turning import TURNS
from brasa.tensors import indexing, views
from brasa.tensors.conversion import CONVERSIONS
from brasa.tensors.exchange import VALUE_METHODS
from brasa.tensors.inplace import assign, in_place
from brasa.tensors.known_views import known_again
from brasa.tensors.memory_facts import MEMORY_METHODS
from brasa.tensors.representation import represent
from brasa.tensors.tensor import Tensor, lie_where
from brasa.tensors.typed_tensors import of_data_or_sizes
from brasa.tracing.arguments import require_tensors
from brasa.tracing.casting import cast, plain
from brasa.tracing.operator_methods import OPERATOR_METHODS
from brasa.tracing.operators import OPERATORS
from brasa.tracing.trace import CaptureError

# In-place methods that are functions, too, as in PyTorch.
FUNCTIONS_IN_PLACE = [
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_",
    "asin_", "asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "conj_physical_",
    "cos_", "cosh_", "deg2rad_", "detach_", "erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_",
    "frac_", "i0_", "index_put_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_", "nan_to_num_", "neg_",
    "negative_", "rad2deg_", "reciprocal_", "relu_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_",
    "sqrt_", "square_", "tan_", "tanh_", "trunc_", "xlogy_", "zero_",
]  # fmt: skip


def install() -> None:
    """Give Tensor its methods."""
    for operator in OPERATORS.values():
        name = operator.name.rpartition(".")[2]
        if operator.method:
            setattr(Tensor, name, operator.call)
        if operator.in_place:
            setattr(Tensor, f"{name}_", in_place(plain(operator.call), f"{name}_"))
    for name, method in _METHODS.items():
        setattr(Tensor, name, method)


def _flip_where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    return pointwise.where(condition, self, other)


def _polygamma(self: Tensor, n: int) -> Tensor:
    """The derivative of lgamma n + 1 times."""
    return polygamma(n, self)


def _copy_(self: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """Write another tensor's elements here, converted and broadcast."""
    require_tensors("copy_", source=source)
    value = source if source.device == self.device else source.to(self.device)  # type: ignore[attr-defined]
    if value.dtype is not self.dtype:
        value = cast(value, self.dtype)
    return assign(self, value, "copy_", overwrites=True)


def _detach_(self: Tensor) -> Tensor:
    """Cut this tensor itself off from the graph."""
    self._requires_grad, self._edge = False, None
    if self._cell is not None:
        self._cell.plain = None
    return self


def _data(self: Tensor) -> Tensor:
    """The same memory, cut off from gradients."""
    return views.detach(self)


def _set_data(self: Tensor, value: Tensor) -> None:
    """Let this tensor lie where another one does. A compiled function, which knows memory by who has it, ends there."""
    if STATE.trace is not None:
        STATE.trace.leave(CaptureError("a tensor is given other memory", op="data",
                                       hint="write to it: tensor.data.copy_(value)"))  # fmt: skip
    self._buffer, self._ptr, self._spec = value._buffer, value._ptr, value._spec
    bump_epoch()


@known_again
def _transposed(self: Tensor) -> Tensor:
    return views.permute(self, tuple(reversed(range(self.ndim))))


def _init(self: Tensor, *data: Any) -> None:
    """Tensor(data): as brasa.tensor, in the default dtype; Tensor(2, 3): that holds anything."""
    lie_where(self, of_data_or_sizes(DEFAULTS.dtype, data))


_METHODS: dict[str, Any] = {
    "__init__": _init, "__repr__": represent, "backward": backward, "register_hook": add_hook,
    "register_post_accumulate_grad_hook": add_accumulation_hook,
    **OPERATOR_METHODS, "__getitem__": indexing.get_item, "__setitem__": indexing.set_item,
    "where": _flip_where, "polygamma": _polygamma, "polygamma_": in_place(_polygamma, "polygamma_"),
    "det": det, "slogdet": slogdet, "copy_": _copy_, **OVERWRITES, **TURNS, **FILLS, "detach_": _detach_,
    "data": property(_data, _set_data),
    "T": property(_transposed), "mT": property(lambda self: views.transpose(self, -2, -1)),
    **COMPLEX_METHODS, **CONVERSIONS, **VALUE_METHODS, **MEMORY_METHODS, "fill_diagonal_": fill_diagonal_,
}  # fmt: skip
