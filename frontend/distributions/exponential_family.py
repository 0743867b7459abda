"""Exponential families: distributions whose entropy follows from the logarithm of their normalizer."""

from __future__ import annotations

from typing import Any

from brasa.autograd import enable_grad, grad
from brasa.distributions.distribution import Distribution


class ExponentialFamily(Distribution):
    """Densities exp(t(x) * natural - log_normalizer(natural) + k(x)).

    A subclass gives its `_natural_params`, `_log_normalizer` as a function of them, and `_mean_carrier_measure`, the
    mean of k(x).
    """

    @property
    def _mean_carrier_measure(self) -> Any:
        raise self._undefined("_mean_carrier_measure")

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        raise self._undefined("_natural_params")

    def _log_normalizer(self, *natural_params: Any) -> Any:
        raise self._undefined("_log_normalizer")

    def entropy(self) -> Any:
        """By the identity for Bregman divergences: log normalizer - natural * its gradient - mean of k(x)
        (Nielsen and Nock, "Entropies and cross-entropies of exponential families", 2010)."""
        with enable_grad():
            natural = [v if v.requires_grad else v.detach().requires_grad_() for v in self._natural_params]
            normalizer = self._log_normalizer(*natural)
            slopes = grad(normalizer.sum(), natural, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        for value, slope in zip(natural, slopes, strict=True):
            taken = value * slope
            result = result - taken.reshape(*self._batch_shape, -1).sum(-1)
        return result
