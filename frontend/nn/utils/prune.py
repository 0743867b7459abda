"""Pruning: some elements of a parameter are held at zero by a mask, which a hook applies before each forward."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from brasa.autograd import no_grad
from brasa.functions.joining import cat
from brasa.functions.linalg.norms import vector_norm
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn.module import Module
from brasa.nn.utils.computed_weights import ComputedWeight, hook_key
from brasa.tensors.creation import ones_like
from brasa.tensors.tensor import Tensor


class _Masked(ComputedWeight):
    """The hook: the weight is weight_orig where weight_mask is 1."""

    def __init__(self, name: str) -> None:
        super().__init__(name, ("_orig", "_mask"))

    def compute_weight(self, module: Module) -> Tensor:
        """The product."""
        original, mask = (getattr(module, self.name + ending) for ending in self.endings)
        return original * mask.to(original.dtype)


class BasePruningMethod(ABC):
    """A way to choose what is pruned; subclasses define `compute_mask` and PRUNING_TYPE.

    "unstructured" methods see the elements that are left, as a vector; "structured" ones the whole slices that are
    left along their axis `dim`; "global" ones everything.
    """

    PRUNING_TYPE = "unstructured"
    dim = 0

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for scores t: default_mask with zeros for what is pruned now."""

    @classmethod
    def apply(cls, module: Any, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any) -> Any:
        """Prune a parameter; the options are those of the class. What was pruned before stays so."""
        method = cls(*args, **kwargs)
        first = hook_key(module, name, _Masked) is None
        weight = module._parameters[name] if first else getattr(module, f"{name}_orig")
        scores = weight if importance_scores is None else importance_scores
        if scores.shape != weight.shape:
            raise ShapeError(f"the scores have the shape {list(scores.shape)}, the parameter {list(weight.shape)}",
                             op="prune")  # fmt: skip
        mask = method.prune_mask(scores, ones_like(weight) if first else getattr(module, f"{name}_mask"))
        if first:
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", weight)
            module.register_buffer(f"{name}_mask", mask)
            _Masked(name).install(module)
        else:
            setattr(module, f"{name}_mask", mask)
            setattr(module, name, _Masked(name).compute_weight(module))
        return method

    @no_grad()
    def prune_mask(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The mask after this method has chosen among what the mask leaves."""
        scores, mask = scores.detach(), mask.detach().clone()
        if self.PRUNING_TYPE == "global":
            return self.compute_mask(scores, mask)
        if self.PRUNING_TYPE == "unstructured":
            left = mask == 1
            mask[left] = self.compute_mask(scores[left], ones_like(scores[left]))
            return mask
        axis = self.dim % mask.ndim
        places = mask.moveaxis(axis, 0).flatten(1).sum(1).nonzero().flatten()
        part = mask.index_select(axis, places)
        return mask.index_copy(axis, places, self.compute_mask(scores.index_select(axis, places), part))


def _count(amount: float, size: int) -> int:
    """How many of so many things an amount is: a number of them, or a share."""
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0 or (
        isinstance(amount, float) and amount > 1
    ):  # fmt: skip
        raise ValueError(f"amount must be a number of elements or a share in 0..1, not {amount!r}", op="prune")
    count = amount if isinstance(amount, int) else round(amount * size)
    if count > size:
        raise ValueError(f"{count} elements cannot be pruned of {size}", op="prune")
    return count


class _Smallest(BasePruningMethod):
    def __init__(self, amount: float) -> None:
        _count(amount, 2**62)
        self.amount = amount

    def scores(self, t: Tensor) -> Tensor:
        """What is compared."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        order = self.scores(t).flatten().argsort()[: _count(self.amount, int(t.numel()))]
        return default_mask.flatten().index_fill(0, order, 0).reshape(default_mask.shape)


class L1Unstructured(_Smallest):
    """The elements with the smallest absolute values."""

    def scores(self, t: Tensor) -> Tensor:
        return t.abs()


class RandomUnstructured(_Smallest):
    """Elements by chance."""

    def scores(self, t: Tensor) -> Tensor:
        return t.new_empty(t.shape).uniform_()


class LnStructured(BasePruningMethod):
    """The slices along an axis with the smallest norms of order n."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        _count(amount, 2**62)
        self.amount, self.n, self.dim = amount, n, dim

    def scores(self, slices: Tensor) -> Tensor:
        """What is compared, one number for each row."""
        return vector_norm(slices, self.n, dim=1)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        slices = t.moveaxis(self.dim, 0).flatten(1)
        order = self.scores(slices).argsort()[: _count(self.amount, int(slices.shape[0]))]
        return default_mask.index_fill(self.dim, order, 0)


class RandomStructured(LnStructured):
    """Slices along an axis, by chance."""

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount, None, dim)

    def scores(self, slices: Tensor) -> Tensor:
        return slices.new_empty(slices.shape[0]).uniform_()


class CustomFromMask(BasePruningMethod):
    """What a mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask * self.mask.to(default_mask.dtype)


class Identity(BasePruningMethod):
    """Nothing."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


def identity(module: Any, name: str) -> Any:
    """Put mask and hook in place without pruning anything; the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: float) -> Any:
    """Prune a number, or a share, of a parameter's elements by chance; the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: float, importance_scores: Tensor | None = None) -> Any:
    """Prune a number, or a share, of a parameter's elements: those with the smallest absolute values; the module."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: float, dim: int) -> Any:
    """Prune a number, or a share, of the slices along an axis by chance; the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Any, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Any:
    """Prune a number, or a share, of the slices along an axis: those with the smallest norms of order n; the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune where a mask is 0; the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Any, str]], pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Any, str], Tensor] | None = None, **kwargs: Any,
) -> None:  # fmt: skip
    """Prune elements of several parameters, (module, name) each, compared with one another."""
    listed = list(parameters)
    if pruning_method.PRUNING_TYPE != "unstructured":
        raise ValueError(f"{pruning_method.__name__} does not prune single elements", op="global_unstructured")
    given = importance_scores or {}
    weights = [getattr(module, name).detach() for module, name in listed]
    scores = [given.get(pair, weight) for pair, weight in zip(listed, weights, strict=True)]
    masks = [getattr(module, f"{name}_mask", ones_like(weight)) for (module, name), weight in
             zip(listed, weights, strict=True)]  # fmt: skip
    vectors = [cat([each.detach().reshape(-1) for each in every]) for every in (scores, masks)]
    mask, start = pruning_method(**kwargs).prune_mask(*vectors), 0
    for (module, name), weight in zip(listed, weights, strict=True):
        end = start + int(weight.numel())
        custom_from_mask(module, name, mask[start:end].reshape(weight.shape))
        start = end


def remove(module: Any, name: str) -> Any:
    """Make a pruned parameter an ordinary one, with zeros where it was pruned; the module."""
    key = hook_key(module, name, _Masked)
    if key is None:
        raise ValueError(f"'{name}' of {type(module).__name__} is not pruned", op="remove")
    with no_grad():
        weight = module._forward_pre_hooks.pop(key).call.compute_weight(module)
    original = module._parameters.pop(f"{name}_orig")
    original.data = weight
    del module._buffers[f"{name}_mask"]
    delattr(module, name)
    module.register_parameter(name, original)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one in it, is pruned."""
    hooks = (hook.call for each in module.modules() for hook in each._forward_pre_hooks.values())
    return any(isinstance(call, _Masked) for call in hooks)
