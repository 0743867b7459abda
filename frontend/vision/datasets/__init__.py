"""Data sets of images that are read from their published files, with the names of `torchvision.datasets`."""

from brasa.vision.datasets.cifar import CIFAR10 as CIFAR10
from brasa.vision.datasets.cifar import CIFAR100 as CIFAR100
from brasa.vision.datasets.files import ChecksumWarning as ChecksumWarning
from brasa.vision.datasets.folder import DatasetFolder as DatasetFolder
from brasa.vision.datasets.folder import ImageFolder as ImageFolder
from brasa.vision.datasets.mnist import MNIST as MNIST
from brasa.vision.datasets.mnist import FashionMNIST as FashionMNIST
from brasa.vision.datasets.others import Digits as Digits
from brasa.vision.datasets.others import FakeData as FakeData
from brasa.vision.datasets.samples import VisionDataset as VisionDataset
