"""brasa: PyTorch's programming model on a compiler small enough to read."""

from importlib import import_module as _import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import Any as _Any

from brasa import amp as amp
from brasa import autograd as autograd
from brasa import compat as compat
from brasa import fft as fft
from brasa import func as func
from brasa import linalg as linalg
from brasa import masked as masked
from brasa import nn as nn
from brasa import optim as optim
from brasa import signal as signal
from brasa import special as special
from brasa import utils as utils
from brasa._state import get_default_dtype as get_default_dtype
from brasa._state import set_default_dtype as set_default_dtype
from brasa.amp import autocast as autocast
from brasa.amp import get_autocast_dtype as get_autocast_dtype
from brasa.amp import is_autocast_enabled as is_autocast_enabled
from brasa.autograd import enable_grad as enable_grad
from brasa.autograd import inference_mode as inference_mode
from brasa.autograd import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from brasa.autograd import is_anomaly_enabled as is_anomaly_enabled
from brasa.autograd import is_grad_enabled as is_grad_enabled
from brasa.autograd import no_grad as no_grad
from brasa.autograd import set_grad_enabled as set_grad_enabled
from brasa.capture import compile as compile
from brasa.capture import explain as explain
from brasa.func import vmap as vmap
from brasa.functions import holomorphic as _holomorphic  # noqa: F401 (gives ops their complex forms)
from brasa.functions.arranging import *  # noqa: F403
from brasa.functions.axes import *  # noqa: F403
from brasa.functions.complex import *  # noqa: F403
from brasa.functions.control_flow import *  # noqa: F403
from brasa.functions.counting import *  # noqa: F403
from brasa.functions.cumulative import *  # noqa: F403
from brasa.functions.diagonals import *  # noqa: F403
from brasa.functions.distributions import *  # noqa: F403
from brasa.functions.einsum import *  # noqa: F403
from brasa.functions.extremes import *  # noqa: F403
from brasa.functions.gathering import *  # noqa: F403
from brasa.functions.histograms import *  # noqa: F403
from brasa.functions.joining import *  # noqa: F403
from brasa.functions.linalg.cholesky import *  # noqa: F403
from brasa.functions.linalg.constructions import *  # noqa: F403
from brasa.functions.linalg.low_rank import *  # noqa: F403
from brasa.functions.linalg.lu import *  # noqa: F403
from brasa.functions.linalg.norms import *  # noqa: F403
from brasa.functions.linalg.orthogonal import *  # noqa: F403
from brasa.functions.linalg.powers import *  # noqa: F403
from brasa.functions.linalg.pseudoinverse import *  # noqa: F403
from brasa.functions.linalg.solving import *  # noqa: F403
from brasa.functions.linalg.spectra import *  # noqa: F403
from brasa.functions.linalg.statistics import *  # noqa: F403
from brasa.functions.masking import *  # noqa: F403
from brasa.functions.matrix import *  # noqa: F403
from brasa.functions.neural.activation import celu as celu
from brasa.functions.neural.activation import hardshrink as hardshrink
from brasa.functions.neural.activation import prelu as prelu
from brasa.functions.neural.activation import rrelu as rrelu
from brasa.functions.neural.activation import selu as selu
from brasa.functions.neural.activation import threshold as threshold
from brasa.functions.neural.adaptive_pooling import *  # noqa: F403
from brasa.functions.neural.convolution import *  # noqa: F403
from brasa.functions.neural.distance import *  # noqa: F403
from brasa.functions.neural.dropout import *  # noqa: F403
from brasa.functions.neural.folding import *  # noqa: F403
from brasa.functions.neural.normalization import *  # noqa: F403
from brasa.functions.neural.padding import *  # noqa: F403
from brasa.functions.neural.pooling import *  # noqa: F403
from brasa.functions.neural.recurrent import *  # noqa: F403
from brasa.functions.neural.recurrent_cells import *  # noqa: F403
from brasa.functions.neural.sampling import *  # noqa: F403
from brasa.functions.nonzero import *  # noqa: F403
from brasa.functions.normalizing import *  # noqa: F403
from brasa.functions.order_statistics import *  # noqa: F403
from brasa.functions.overwriting import *  # noqa: F403
from brasa.functions.parting import *  # noqa: F403
from brasa.functions.pointwise import *  # noqa: F403
from brasa.functions.reduction import *  # noqa: F403
from brasa.functions.replacing import *  # noqa: F403
from brasa.functions.sampling import *  # noqa: F403
from brasa.functions.scaled_products import *  # noqa: F403
from brasa.functions.scattering import *  # noqa: F403
from brasa.functions.searching import *  # noqa: F403
from brasa.functions.segments import *  # noqa: F403
from brasa.functions.sorting import *  # noqa: F403
from brasa.functions.spectrogram import *  # noqa: F403
from brasa.functions.statistics import *  # noqa: F403
from brasa.functions.strided import *  # noqa: F403
from brasa.functions.unique import *  # noqa: F403
from brasa.functions.viewcopies import *  # noqa: F403
from brasa.functions.window_shapes import *  # noqa: F403
from brasa.ir.dtype import DType as _DType
from brasa.ir.dtype import bfloat16 as bfloat16
from brasa.ir.dtype import bool_ as _bool
from brasa.ir.dtype import complex64 as complex64
from brasa.ir.dtype import complex128 as complex128
from brasa.ir.dtype import float16 as float16
from brasa.ir.dtype import float32 as float32
from brasa.ir.dtype import float64 as float64
from brasa.ir.dtype import int8 as int8
from brasa.ir.dtype import int16 as int16
from brasa.ir.dtype import int32 as int32
from brasa.ir.dtype import int64 as int64
from brasa.ir.dtype import uint8 as uint8
from brasa.ir.dtype import uint32 as uint32
from brasa.ir.dtype import uint64 as uint64
from brasa.ir.errors import BrasaError as BrasaError
from brasa.ir.errors import OutOfMemoryError as OutOfMemoryError
from brasa.promises import *  # noqa: F403
from brasa.random import Generator as Generator
from brasa.random import default_generator as default_generator
from brasa.random import get_rng_state as get_rng_state
from brasa.random import initial_seed as initial_seed
from brasa.random import manual_seed as manual_seed
from brasa.random import seed as seed
from brasa.random import set_rng_state as set_rng_state
from brasa.runtime import get_num_threads as get_num_threads
from brasa.runtime import set_num_threads as set_num_threads
from brasa.seeing.inspection import inspect as inspect
from brasa.seeing.layer_summary import summary as summary
from brasa.seeing.notebook import install as _show_in_notebooks
from brasa.seeing.plan import plan as plan
from brasa.seeing.tracebacks import install as _shorten_tracebacks
from brasa.serialization import load as load
from brasa.serialization import save as save
from brasa.tensors.copies import clone as clone
from brasa.tensors.creation import *  # noqa: F403
from brasa.tensors.dtype_facts import *  # noqa: F403
from brasa.tensors.exchange import *  # noqa: F403
from brasa.tensors.formats import *  # noqa: F403
from brasa.tensors.indexing import *  # noqa: F403
from brasa.tensors.ranges import *  # noqa: F403
from brasa.tensors.representation import *  # noqa: F403
from brasa.tensors.spec import Device as _Device
from brasa.tensors.spec import Size as Size
from brasa.tensors.strided_memory import *  # noqa: F403
from brasa.tensors.tensor import Tensor as Tensor
from brasa.tensors.typed_tensors import *  # noqa: F403
from brasa.tensors.views import detach as detach
from brasa.tensors.views import flatten as flatten
from brasa.tensors.views import narrow as narrow
from brasa.tensors.views import permute as permute
from brasa.tensors.views import reshape as reshape
from brasa.tensors.views import select as select
from brasa.tensors.views import squeeze as squeeze
from brasa.tensors.views import transpose as transpose
from brasa.tensors.views import unsqueeze as unsqueeze
from brasa.tracing import methods as _methods

dtype, device, bool = _DType, _Device, _bool
half, float, double = float16, float32, float64
cfloat, cdouble = complex64, complex128
short, int, long = int16, int32, int64

newaxis = None

_methods.install()
_shorten_tracebacks()
_show_in_notebooks()
globals().update({name: getattr(Tensor, name) for name in _methods.FUNCTIONS_IN_PLACE})

# Imported when their names are first read.
_LATE = ("accelerator", "cuda", "distributions", "library", "multiprocessing", "profiler", "text", "vision")


def __getattr__(name: str) -> _Any:
    if name in _LATE:
        return _import_module(f"brasa.{name}")
    if name == "profile":
        return _import_module("brasa.profiler").profile
    if name == "__version__":
        return _import_module("importlib.metadata").version("brasa")
    raise AttributeError(f"module 'brasa' has no attribute '{name}'")
