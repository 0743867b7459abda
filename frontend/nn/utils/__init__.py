"""What is done to all gradients of a module at once."""

from brasa.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from brasa.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
