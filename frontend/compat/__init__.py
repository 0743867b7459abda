"""Programs that say `import torch` or `import torchvision`, unchanged: install() makes the names stand for brasa."""

from brasa.compat.aliases import install as install
from brasa.compat.aliases import uninstall as uninstall
