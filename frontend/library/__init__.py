"""Operators of the user's own, with PyTorch's face: custom_op, register_fake, register_autograd, opcheck."""

from brasa.library.checking import OpCheckError as OpCheckError
from brasa.library.custom import CustomOp as CustomOp
from brasa.library.custom import custom_op as custom_op
from brasa.library.custom import opcheck as opcheck
from brasa.library.custom import register_autograd as register_autograd
from brasa.library.custom import register_fake as register_fake
from brasa.library.custom import register_reference as register_reference
