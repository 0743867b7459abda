"""Optimisers, and the schedules of their learning rates."""

from brasa.optim import lr_scheduler as lr_scheduler
from brasa.optim import swa_utils as swa_utils
from brasa.optim.adafactor import Adafactor as Adafactor
from brasa.optim.adam import Adam as Adam
from brasa.optim.adam import AdamW as AdamW
from brasa.optim.adam_variants import Adamax as Adamax
from brasa.optim.adam_variants import NAdam as NAdam
from brasa.optim.adam_variants import RAdam as RAdam
from brasa.optim.adaptive import Adadelta as Adadelta
from brasa.optim.adaptive import Adagrad as Adagrad
from brasa.optim.adaptive import RMSprop as RMSprop
from brasa.optim.asgd import ASGD as ASGD
from brasa.optim.hooks import register_optimizer_step_post_hook as register_optimizer_step_post_hook
from brasa.optim.hooks import register_optimizer_step_pre_hook as register_optimizer_step_pre_hook
from brasa.optim.lbfgs import LBFGS as LBFGS
from brasa.optim.muon import Muon as Muon
from brasa.optim.optimizer import Optimizer as Optimizer
from brasa.optim.rprop import Rprop as Rprop
from brasa.optim.sgd import SGD as SGD
