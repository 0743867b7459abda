"""Mixed precision: products in half precision, and gradients scaled so that they do not vanish in it."""

from brasa.amp.autocast_mode import autocast as autocast
from brasa.amp.autocast_mode import custom_bwd as custom_bwd
from brasa.amp.autocast_mode import custom_fwd as custom_fwd
from brasa.amp.autocast_mode import get_autocast_dtype as get_autocast_dtype
from brasa.amp.autocast_mode import is_autocast_available as is_autocast_available
from brasa.amp.autocast_mode import is_autocast_enabled as is_autocast_enabled
from brasa.amp.grad_scaler import GradScaler as GradScaler
