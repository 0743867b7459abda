"""PyTorch's names for files of layers, for code that imports from them."""

from brasa.nn.modules import lazy as lazy
from brasa.nn.modules import module as module
