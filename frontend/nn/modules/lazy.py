"""The class that goes before modules whose parameters get their shapes from the first input."""

from brasa.nn.lazy import LazyModuleMixin

__all__ = ["LazyModuleMixin"]
