"""Data sets of images, what is done to images on their way into a network, and models, with torchvision's names."""

from brasa.vision import datasets as datasets
from brasa.vision import models as models
from brasa.vision import ops as ops
from brasa.vision import transforms as transforms
from brasa.vision import utils as utils
