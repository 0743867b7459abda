"""Programs that say `import torch`, unchanged: install() makes that name stand for brasa, in this process alone."""

from brasa.compat.aliases import install as install
from brasa.compat.aliases import uninstall as uninstall
