"""Elementwise functions, from a file per family under one name."""

from brasa.functions.arithmetic import *  # noqa: F403
from brasa.functions.bits import *  # noqa: F403
from brasa.functions.comparison import *  # noqa: F403
from brasa.functions.exponential import *  # noqa: F403
from brasa.functions.extrema import *  # noqa: F403
from brasa.functions.rounding import *  # noqa: F403
from brasa.functions.special import *  # noqa: F403
from brasa.functions.trigonometry import *  # noqa: F403
