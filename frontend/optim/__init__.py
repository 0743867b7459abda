"""Optimisers, and the schedules of their learning rates."""

from brasa.optim import lr_scheduler as lr_scheduler
from brasa.optim.adam import Adam as Adam
from brasa.optim.adam import AdamW as AdamW
from brasa.optim.optimizer import Optimizer as Optimizer
from brasa.optim.sgd import SGD as SGD
