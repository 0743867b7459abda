"""compile(): programs captured whole, followed or sealed."""

from brasa.capture.compiled import compile as compile
