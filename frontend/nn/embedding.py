"""Embedding: rows of a table by number."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.creation import empty
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn import functional, init
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensor import Tensor


class Embedding(Module):
    """The rows of weight[num_embeddings, embedding_dim] that integers name; the row padding_idx is not trained."""

    weight: Parameter

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *,
        _weight: Tensor | None = None, _freeze: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx {padding_idx} is outside the {num_embeddings} rows", op="Embedding")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        if _weight is None:
            made = empty(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(made, requires_grad=not _freeze)
            self.reset_parameters()
        elif tuple(_weight.shape) == (num_embeddings, embedding_dim):
            self.weight = Parameter(_weight, requires_grad=not _freeze)
        else:
            raise ShapeError(f"the weight has shape {list(_weight.shape)}, not [{num_embeddings}, {embedding_dim}]",
                             op="Embedding")  # fmt: skip

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """An embedding over a given table, by default one that is not trained."""
        count, width = embeddings.shape
        return cls(count, width, padding_idx, _weight=embeddings, _freeze=freeze)

    def reset_parameters(self) -> None:
        """Draw all rows anew from the normal distribution, except the row of the padding, which is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        return functional.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
