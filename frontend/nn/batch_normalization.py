"""Normalisation of channels, over a batch or within each sample, with running statistics."""

from __future__ import annotations

from typing import Any

from brasa.ir.dtype import int64
from brasa.ir.errors import ShapeError
from brasa.nn import functional
from brasa.nn.affine import Affine
from brasa.nn.module import Module
from brasa.tensors.creation import ones, tensor, zeros
from brasa.tensors.tensor import Tensor


class _Tracked(Affine):
    """Channels of input[n, c, ...] with scales, shifts and running statistics. ranks: how many axes inputs may have."""

    _version = 2
    ranks: tuple[int, ...] = ()
    unbatched = False  # whether the batch axis may be missing
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool,
        device: Any, dtype: Any, bias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_affine(num_features, affine, affine and bias, device, dtype)
        options, tracked = {"device": device, "dtype": dtype}, track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **options) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **options) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics of the batches seen."""
        for buffer, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Start with weight 1, bias 0 and no statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            wanted = " or ".join(map(str, self.ranks))
            raise ShapeError(f"input must have {wanted} axes, it has {input.ndim}", op=type(self).__name__)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        """Take states of version 1, in which batches were not counted."""
        if self.num_batches_tracked is not None and (local_metadata.get("version") or 1) < 2:
            state_dict.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm(_Tracked):
    """Batch normalisation of any number of axes; subclasses say of how many."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the plain average of all batches
                momentum = 1.0 / self.num_batches_tracked
        known = not self.training or self.track_running_stats
        mean, variance = (self.running_mean, self.running_var) if known else (None, None)
        by_batch = self.training or mean is None
        return functional.batch_norm(input, mean, variance, self.weight, self.bias, by_batch, momentum, self.eps)


class BatchNorm1d(BatchNorm):
    """Batch normalisation of input[n, c] or input[n, c, length] (Ioffe and Szegedy, 2015)."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of input[n, c, h, w]."""

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Batch normalisation of input[n, c, d, h, w]."""

    ranks = (5,)


class SyncBatchNorm(BatchNorm):
    """Batch normalisation by the statistics of all processes. There is one process, so it is a BatchNorm of any rank.

    process_group: accepted for PyTorch's sake.
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, process_group: Any = None, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ShapeError(f"input must have at least 2 axes, it has {input.ndim}", op="SyncBatchNorm")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with a SyncBatchNorm, over the same tensors, in the place of every BatchNorm."""
        made = module
        if isinstance(module, BatchNorm):
            made = cls(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                       process_group, bias=module.bias is not None)  # fmt: skip
            made.__dict__.update(_parameters=module._parameters, _buffers=module._buffers, training=module.training)
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _InstanceNorm(_Tracked):
    unbatched = True

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        batched = input.ndim == self.ranks[1]
        by_input = self.training or not self.track_running_stats
        result = functional.instance_norm(
            input if batched else input.unsqueeze(0), self.running_mean, self.running_var, self.weight, self.bias,
            by_input, self.momentum, self.eps,
        )  # fmt: skip
        return result if batched else result.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each channel of each signal input[n, c, length] or input[c, length] (Ulyanov et al., 2016)."""

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of each channel of each image input[n, c, h, w] or input[c, h, w]."""

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of each channel of each volume input[n, c, d, h, w] or input[c, d, h, w]."""

    ranks = (4, 5)
