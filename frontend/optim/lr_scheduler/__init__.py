"""Learning rates that change from epoch to epoch, as `torch.optim.lr_scheduler`."""

from brasa.optim.lr_scheduler.base import LRScheduler as LRScheduler
from brasa.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from brasa.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from brasa.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from brasa.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from brasa.optim.lr_scheduler.cycle import CyclicLR as CyclicLR
from brasa.optim.lr_scheduler.cycle import OneCycleLR as OneCycleLR
from brasa.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from brasa.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from brasa.optim.lr_scheduler.decay import LinearLR as LinearLR
from brasa.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from brasa.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from brasa.optim.lr_scheduler.decay import StepLR as StepLR
from brasa.optim.lr_scheduler.functions import LambdaLR as LambdaLR
from brasa.optim.lr_scheduler.functions import MultiplicativeLR as MultiplicativeLR
from brasa.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
