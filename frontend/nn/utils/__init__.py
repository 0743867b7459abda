"""What is done to modules from outside, to their gradients and parameters; and sequences of different lengths."""

from brasa.nn.utils import parametrizations as parametrizations
from brasa.nn.utils import parametrize as parametrize
from brasa.nn.utils import prune as prune
from brasa.nn.utils import rnn as rnn
from brasa.nn.utils import stateless as stateless
from brasa.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from brasa.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from brasa.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from brasa.nn.utils.clip_grad import get_total_norm as get_total_norm
from brasa.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from brasa.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from brasa.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from brasa.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from brasa.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from brasa.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
from brasa.nn.utils.init import skip_init as skip_init
from brasa.nn.utils.spectral_norm import remove_spectral_norm as remove_spectral_norm
from brasa.nn.utils.spectral_norm import spectral_norm as spectral_norm
from brasa.nn.utils.weight_norm import remove_weight_norm as remove_weight_norm
from brasa.nn.utils.weight_norm import weight_norm as weight_norm
