"""Averages of a model's weights over its training, by PyTorch's name for them."""

from brasa.optim.swa_utils.averages import SWALR as SWALR
from brasa.optim.swa_utils.averages import AveragedModel as AveragedModel
from brasa.optim.swa_utils.averages import get_ema_avg_fn as get_ema_avg_fn
from brasa.optim.swa_utils.averages import get_ema_multi_avg_fn as get_ema_multi_avg_fn
from brasa.optim.swa_utils.averages import get_swa_avg_fn as get_swa_avg_fn
from brasa.optim.swa_utils.averages import get_swa_multi_avg_fn as get_swa_multi_avg_fn
from brasa.optim.swa_utils.averages import update_bn as update_bn
