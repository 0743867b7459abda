"""Gradients of a module kept small, and sequences of different lengths put together."""

from brasa.nn.utils import rnn as rnn
from brasa.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from brasa.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
