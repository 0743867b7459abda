"""Functions that look only at the elements at which a mask holds."""

from brasa.functions.masked_reduction import *  # noqa: F403
