"""What PyTorch's modules hold beside functions and classes: its version, and what it says of devices.

Flags that brasa need not heed may be set: what they ask for (deterministic results, precise products) is always so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from brasa.amp import GradScaler, autocast
from brasa.ir.dtype import DType, float16
from brasa.ir.errors import DeviceError

VERSION = "2.13.0"  # the version of PyTorch whose names brasa has
VISION_VERSION = "0.28.0"  # and of torchvision, which came out with it


def _always(value: Any) -> Callable[..., Any]:
    """A function that gives this, whatever it is asked."""
    return lambda *args, **kwargs: value


def _no_gpu(*args: Any, **kwargs: Any) -> Any:
    raise DeviceError("there is no GPU that tensors can be on", op="torch.cuda")


def _autocast_for_gpu(enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True) -> autocast:
    """PyTorch's older name of autocast("cuda"), with its own order of arguments."""
    return autocast("cuda", dtype, enabled, cache_enabled)


_ABSENT = {"is_available": _always(False), "is_built": _always(False)}
_QUIET = "manual_seed manual_seed_all seed seed_all empty_cache synchronize init reset_peak_memory_stats ipc_collect"
_NUMBERS = "memory_allocated max_memory_allocated memory_reserved max_memory_reserved"
_NEEDING_ONE = "current_device set_device get_device_name get_device_properties get_device_capability mem_get_info"

FACTS: dict[str, dict[str, Any]] = {
    "torch": {
        "__version__": f"{VERSION}+brasa", "is_deterministic_algorithms_warn_only_enabled": _always(False),
        "set_flush_denormal": _always(False), "set_num_interop_threads": _always(None),
        "get_num_interop_threads": _always(1),
    },
    "torchvision": {"__version__": f"{VISION_VERSION}+brasa"},
    "torch.version": {"__version__": f"{VERSION}+brasa", "cuda": None, "hip": None, "xpu": None, "debug": False},
    "torch.cuda": {
        "is_initialized": _always(False), "is_bf16_supported": _always(False),
        **dict.fromkeys(_QUIET.split(), _always(None)), **dict.fromkeys(_NUMBERS.split(), _always(0)),
        **dict.fromkeys(_NEEDING_ONE.split(), _no_gpu),
    },
    "torch.cuda.amp": {"autocast": _autocast_for_gpu, "GradScaler": functools.partial(GradScaler, "cuda")},
    "torch.mps": {"is_available": _always(False), "empty_cache": _always(None), "manual_seed": _always(None)},
    "torch.backends": {},
    "torch.backends.cpu": {"get_cpu_capability": _always("DEFAULT")},
    "torch.backends.cuda": {"is_built": _always(False)},
    "torch.backends.cuda.matmul": {
        "allow_tf32": False, "allow_fp16_reduced_precision_reduction": False,
        "allow_bf16_reduced_precision_reduction": False,
    },
    "torch.backends.cudnn": {
        "benchmark": False, "deterministic": True, "enabled": False, "allow_tf32": False, "version": _always(None),
        "is_available": _always(False),
    },
    "torch.backends.mkl": {"is_available": _always(False)},
    "torch.backends.mkldnn": {"enabled": False, "is_available": _always(False)},
    "torch.backends.mps": _ABSENT,
    "torch.backends.openmp": {"is_available": _always(False)},
}  # fmt: skip
