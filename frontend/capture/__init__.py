"""compile(): programs captured whole, followed or sealed; and explain(), which says how they run."""

from brasa.capture.compiling import compile as compile
from brasa.capture.explanation import explain as explain
