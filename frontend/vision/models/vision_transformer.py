"""Vision transformers: an image as a sequence of square patches (Dosovitskiy et al., 2020)."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import partial
from typing import Any

from brasa import nn
from brasa.functions.joining import cat
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn import init
from brasa.tensors.creation import empty, zeros
from brasa.tensors.tensor import Tensor
from brasa.vision.models.blocks import Layer
from brasa.vision.models.entries import entry

_normalize = partial(nn.LayerNorm, eps=1e-6)


class MLPBlock(nn.Sequential):
    """Two linear layers with a GELU between them."""

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(in_dim, mlp_dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(mlp_dim, in_dim), nn.Dropout(dropout)
        )
        for layer in (self[0], self[3]):
            init.xavier_uniform_(layer.weight)
            init.normal_(layer.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the names of torchvision's files, too, which are older than its layers: linear_1 and linear_2."""
        for new, old in (("0", "linear_1"), ("3", "linear_2")):
            for kind in ("weight", "bias"):
                if f"{prefix}{old}.{kind}" in state_dict:
                    state_dict[f"{prefix}{new}.{kind}"] = state_dict.pop(f"{prefix}{old}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, *args)


class EncoderBlock(nn.Module):
    """Attention and an MLP, each added to its input and normalised before."""

    def __init__(
        self, num_heads: int, hidden_dim: int, mlp_dim: int, dropout: float, attention_dropout: float,
        norm_layer: Layer,
    ) -> None:  # fmt: skip
        super().__init__()
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        x = self.ln_1(input)
        x = self.dropout(self.self_attention(x, x, x, need_weights=False)[0]) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Patches [n, seq_length, hidden_dim] with trained positions, through num_layers blocks."""

    def __init__(
        self, seq_length: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int, dropout: float,
        attention_dropout: float, norm_layer: Layer,
    ) -> None:  # fmt: skip
        super().__init__()
        self.pos_embedding = nn.Parameter(init.normal_(empty(1, seq_length, hidden_dim), std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(OrderedDict(
            (f"encoder_layer_{number}",
             EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer))
            for number in range(num_layers)
        ))  # fmt: skip
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Images [n, 3, image_size, image_size] to scores [n, num_classes], read from the place of a class token.

    representation_size: the width of a tanh layer before the scores. ShapeError for images of another size.
    """

    def __init__(
        self, image_size: int, patch_size: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int,
        dropout: float = 0.0, attention_dropout: float = 0.0, num_classes: int = 1000,
        representation_size: int | None = None, norm_layer: Layer = _normalize,
    ) -> None:  # fmt: skip
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"patches of {patch_size} pixels do not divide {image_size} pixels",
                             op="VisionTransformer")  # fmt: skip
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.conv_proj = nn.Conv2d(3, hidden_dim, patch_size, stride=patch_size)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.encoder = Encoder(self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout,
                               attention_dropout, norm_layer)  # fmt: skip
        heads: OrderedDict[str, nn.Module] = OrderedDict()
        if representation_size is not None:
            before = heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
            init.trunc_normal_(before.weight, std=math.sqrt(1 / hidden_dim))
            init.zeros_(before.bias)
        head = heads["head"] = nn.Linear(representation_size or hidden_dim, num_classes)
        self.heads = nn.Sequential(heads)
        init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * patch_size**2)))
        for start in (self.conv_proj.bias, head.weight, head.bias):
            init.zeros_(start)

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[2:]) != (self.image_size, self.image_size):
            raise ShapeError(f"images must have {self.image_size} x {self.image_size} pixels, these have "
                             f"{' x '.join(map(str, x.shape[2:]))}", op="VisionTransformer")  # fmt: skip
        patches = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        sequence = cat([self.class_token.expand(x.shape[0], -1, -1), patches], 1)
        return self.heads(self.encoder(sequence)[:, 0])


@entry
def vit_b_16(*, image_size: int = 224, **kwargs: Any) -> VisionTransformer:
    """ViT-B/16: 86,567,656 parameters for 1000 classes of images of 224 pixels a side."""
    return VisionTransformer(image_size, 16, 12, 12, 768, 3072, **kwargs)


@entry
def vit_b_32(*, image_size: int = 224, **kwargs: Any) -> VisionTransformer:
    """ViT-B/32: 88,224,232 parameters for 1000 classes of images of 224 pixels a side."""
    return VisionTransformer(image_size, 32, 12, 12, 768, 3072, **kwargs)
