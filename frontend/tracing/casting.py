"""Tensors in another dtype: as asked for, and as autocast wants the operands of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from brasa._state import STATE, set_autocast
from brasa.execution.nodes import Edge, ViewNode
from brasa.ir.dtype import DType, float32, float64
from brasa.ir.ops.elementwise import cast as cast_op
from brasa.tensors.structure import tensors_in
from brasa.tensors.tensor import Tensor, make
from brasa.tracing.function import Function, function
from brasa.tracing.primitive import apply

_C = TypeVar("_C", bound=Callable[..., Any])

# What autocast does to the operands of functions, by the last part of their names or the whole: PyTorch's lists for a
# CPU, with the functions that PyTorch composes of those.
#
# lower: to the precision of the block. float32: to float32. widest: to float32 if one of them is, else lower.
# none: as they are, also in the functions that it is written with.
# float64 is left alone everywhere.
_LISTS = {
    "lower": """
        addbmm addmm affine_grid affine_grid_generator baddbmm bmm chain_matmul conv1d conv2d conv3d
        conv_transpose1d conv_transpose2d conv_transpose3d einsum linear lstm matmul mm multi_dot
        multi_head_attention_forward prelu rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
        scaled_dot_product_attention tensordot vecdot""",
    "float32": """
        adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices avg_pool3d binary_cross_entropy
        binary_cross_entropy_with_logits cdist cholesky cholesky_ex cholesky_inverse cholesky_solve linalg.cond
        cosine_embedding_loss cross_entropy ctc_loss eig eigh eigvals eigvalsh fft fft2 fftn fractional_max_pool2d
        fractional_max_pool2d_with_indices fractional_max_pool3d fractional_max_pool3d_with_indices geqrf
        grid_sample grid_sampler grid_sampler_2d grid_sampler_3d hfft hinge_embedding_loss householder_product
        huber_loss ifft ifft2 ifftn ihfft inv inv_ex inverse irfft irfft2 irfftn kl_div l1_loss linear_cross_entropy
        lp_pool3d lstsq lu lu_solve margin_ranking_loss matrix_rank max_pool3d max_unpool1d max_unpool2d
        max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss nanquantile nll_loss orgqr ormqr pinverse
        poisson_nll_loss polar prod qr quantile rfft rfft2 rfftn smooth_l1_loss soft_margin_loss solve stft svd
        svdvals tensorinv tensorsolve trace triangular_solve triplet_margin_loss view_as_complex""",
    "widest": "cat concat concatenate index_copy stack",
    "none": "addmv dot matrix_power mv vdot",
}
AUTOCAST: dict[str, str] = {name: rule for rule, names in _LISTS.items() for name in names.split()}


@function(inline=True)
def _cast(source: Tensor, dtype: Any) -> Tensor:
    return apply(cast_op, source, dtype=dtype)


def cast(source: Tensor, dtype: Any) -> Tensor:
    """The values in another dtype; the tensor itself if it has that already."""
    return source if source.dtype is dtype else _cast(source, dtype)


def rule_of(name: str) -> str | None:
    """What autocast does to the operands of the function of this name, with its namespace; None for nothing."""
    return AUTOCAST.get(name, AUTOCAST.get(name.rpartition(".")[2]))


def autocasting(call: _C, namespace: str) -> _C:
    """The function as autocast wants it called, if it is one that autocast speaks of."""
    rule = rule_of(f"{namespace}.{call.__name__.rstrip('_')}")
    if rule is None or plain(call) is not call:
        return call
    made = getattr(call, "function", None)
    if made is None:
        guarded = _guarded(call, rule)
    else:  # it asks itself, off its quick way
        made.guarded, guarded = _guarded(made, rule), call
    guarded.plain = _guarded(call, "none")  # type: ignore[attr-defined]
    return guarded


def _guarded(call: Any, rule: str) -> Any:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        lower = STATE.autocast
        if lower is None:
            return call(*args, **kwargs)
        set_autocast(None)
        try:
            if rule != "none" and (STATE.trace is None or STATE.trace.of_user):
                dtype = float32 if rule == "float32" or (rule == "widest" and _any_single((args, kwargs))) else lower
                args, kwargs = converted(args, dtype), converted(kwargs, dtype)
            return call(*args, **kwargs)
        finally:
            set_autocast(lower)

    return guarded if isinstance(call, Function) else functools.wraps(call)(guarded)


def plain(call: Callable[..., Any]) -> Callable[..., Any]:
    """The function that autocast does not touch."""
    return getattr(call, "plain", call)


def converted(value: Any, dtype: DType) -> Any:
    """The value, with every tensor in it that autocast may cast in this dtype."""
    if isinstance(value, Tensor):
        own = value.dtype
        return value if own is dtype or own is float64 or own.kind != "float" else _lowered(value, dtype)
    if value.__class__ is tuple or value.__class__ is list:
        return value.__class__([converted(item, dtype) for item in value])
    if value.__class__ is dict:
        return {key: converted(item, dtype) for key, item in value.items()}
    return value


def _any_single(value: Any) -> bool:
    return any(tensor.dtype is float32 for tensor in tensors_in(value))


def _lowered(tensor: Tensor, dtype: DType) -> Tensor:
    """The tensor in a dtype; a parameter's values are cast once in a block, its gradients for each use."""
    kept = STATE.autocast_cache
    if kept is None or not tensor._requires_grad or not tensor.is_leaf or STATE.trace is not None:
        return _cast(tensor, dtype)
    assert tensor._buffer is not None
    found = kept.get((id(tensor), dtype))
    if found is None or found[1:3] != (tensor._spec, tensor._buffer.version):
        found = kept[id(tensor), dtype] = (tensor, tensor._spec, tensor._buffer.version, _cast(tensor.detach(), dtype))
    values = found[3]
    made = make(values._buffer, values._spec)
    if STATE.grad_enabled:
        own = tensor.dtype
        made._requires_grad, made._edge = True, Edge(ViewNode("cast", tensor, lambda g: cast(g, own)), 0)
    return made
