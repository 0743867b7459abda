"""Transforms of functions, under the names of torch.func: gradients, products with Jacobians, maps over samples."""

from brasa.func.forward import jvp as jvp
from brasa.func.forward import linearize as linearize
from brasa.func.gradients import grad as grad
from brasa.func.gradients import grad_and_value as grad_and_value
from brasa.func.gradients import vjp as vjp
from brasa.func.jacobians import hessian as hessian
from brasa.func.jacobians import jacfwd as jacfwd
from brasa.func.jacobians import jacrev as jacrev
from brasa.func.modules import functional_call as functional_call
from brasa.func.modules import replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_
from brasa.func.modules import stack_module_state as stack_module_state
from brasa.func.vectorizing import vmap as vmap
from brasa.passes import LoopWarning as LoopWarning
