"""Attention with several heads, as a layer."""

from __future__ import annotations

from typing import Any

from brasa.ir.errors import BrasaError, ValueError
from brasa.nn import functional, init
from brasa.nn.linear import Linear
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensors.creation import empty
from brasa.tensors.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that the last projection of an attention layer prints in PyTorch."""


class MultiheadAttention(Module):
    """Attention in num_heads heads of queries to keys and values (Vaswani et al., 2017).

    query[t, n, embed_dim], key[s, n, kdim] and value[s, n, vdim], batch first with batch_first, or all without a batch,
    give [t, n, embed_dim], and the weights [n, t, s] if they are wanted: averaged over the heads or [n, heads, t, s].
    key_padding_mask[n, s] and attn_mask[t, s] or [n * heads, t, s] hide keys where True, or are added.
    is_causal is a hint that attn_mask hides what comes after each query. add_bias_kv: a trained key and value at the
    end of all; add_zero_attn: one of zeros.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                             f"num_heads={num_heads} instead", op="MultiheadAttention")  # fmt: skip
        if embed_dim % num_heads:
            raise _IndivisibleError("embed_dim must be divisible by num_heads", op="MultiheadAttention")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim

        def place(name: str, there: bool, *shape: int) -> None:
            made = Parameter(empty(*shape, device=device, dtype=dtype)) if there else None
            self.register_parameter(name, made)

        apart = not self._qkv_same_embed_dim
        place("q_proj_weight", apart, embed_dim, embed_dim)
        place("k_proj_weight", apart, embed_dim, self.kdim)
        place("v_proj_weight", apart, embed_dim, self.vdim)
        place("in_proj_weight", not apart, 3 * embed_dim, embed_dim)
        place("in_proj_bias", bias, 3 * embed_dim)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        place("bias_k", add_bias_kv, 1, 1, embed_dim)
        place("bias_v", add_bias_kv, 1, 1, embed_dim)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw all anew but the weight of the last projection: Xavier's distributions, and biases of 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        turned = self.batch_first and query.ndim == 3
        if turned:
            same = {id(each): each.transpose(0, 1) for each in (query, key, value)}  # type: ignore[attr-defined]
            query, key, value = (same[id(each)] for each in (query, key, value))
        output, weights = functional.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, None, None, average_attn_weights, is_causal,
        )  # fmt: skip
        return (output.transpose(0, 1) if turned else output), weights  # type: ignore[attr-defined]


class _IndivisibleError(BrasaError, AssertionError):
    """Sizes that do not divide: an AssertionError in PyTorch."""
