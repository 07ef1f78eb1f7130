"""The law of a slowdown factor: distribution function, tails, quantiles, mean.

Closed forms from :mod:`scipy.special`, which the distributions of :mod:`scipy.stats` (named below) evaluate too: the
wrappers there cost far more than the functions, and half a second to import. Both tails are computed directly, so that
neither loses digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import special

from rocoin_opt.instance import Constant, Empirical, Gamma, LogNormal, ShiftedExponential, Weibull

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, Slowdown

_WITHIN_RANGE = np.errstate(over="ignore", divide="ignore")
"""What is no double is infinite, as intended, at the ends of a support."""


class ContinuousFactor(Protocol):
    """A factor with a density on ``[low, inf)``. All functions work elementwise on arrays.

    Attributes
    ----------
    low : float
        Lower end of the support, where the distribution function has its only kink.
    mean : float
        Expected factor; infinite where it has none.
    tail_index : float
        The alpha of a tail like ``x ** -alpha``; infinite for every lighter tail.
    """

    @property
    def low(self) -> float: ...  # noqa: D102

    @property
    def mean(self) -> float: ...  # noqa: D102

    @property
    def tail_index(self) -> float: ...  # noqa: D102

    def cdf(self, factor: FloatArray) -> FloatArray:
        """P(factor <= x)."""

    def sf(self, factor: FloatArray) -> FloatArray:
        """P(factor > x), the survival function."""

    def ppf(self, probability: FloatArray) -> FloatArray:
        """Quantile function, the inverse of ``cdf``."""

    def isf(self, probability: FloatArray) -> FloatArray:
        """Inverse of ``sf``."""


@dataclass(frozen=True)
class ShiftedExponentialFactor:
    """``1 + Exp(rate)``; ``scipy.stats.expon(loc=1, scale=1 / rate)``."""

    rate: float
    low: float = 1.0
    tail_index: float = math.inf

    @property
    def mean(self) -> float:
        """Expected factor."""
        return 1.0 + 1.0 / self.rate

    @_WITHIN_RANGE
    def cdf(self, factor: FloatArray) -> FloatArray:
        """P(factor <= x)."""
        # Probabilities near 0 keep their digits, which 1 less an exponential would lose.
        return -np.expm1(-self.rate * np.maximum(factor - 1.0, 0.0))

    @_WITHIN_RANGE
    def sf(self, factor: FloatArray) -> FloatArray:
        """P(factor > x)."""
        return np.exp(-self.rate * np.maximum(factor - 1.0, 0.0))

    def ppf(self, probability: FloatArray) -> FloatArray:
        """Quantile function."""
        return 1.0 - np.log1p(-probability) / self.rate

    def isf(self, probability: FloatArray) -> FloatArray:
        """Inverse of ``sf``."""
        return 1.0 - np.log(probability) / self.rate


@dataclass(frozen=True)
class LogNormalFactor:
    """``exp(sigma Z)`` with Z standard normal; ``scipy.stats.lognorm(sigma)``."""

    sigma: float
    low: float = 0.0
    tail_index: float = math.inf

    @property
    @_WITHIN_RANGE
    def mean(self) -> float:
        """Expected factor; infinite where it is no double."""
        return float(np.exp(np.float64(self.sigma**2 / 2.0)))

    @_WITHIN_RANGE
    def cdf(self, factor: FloatArray) -> FloatArray:
        """P(factor <= x)."""
        return np.asarray(special.ndtr(np.log(np.maximum(factor, 0.0)) / self.sigma))

    @_WITHIN_RANGE
    def sf(self, factor: FloatArray) -> FloatArray:
        """P(factor > x)."""
        return np.asarray(special.ndtr(-np.log(np.maximum(factor, 0.0)) / self.sigma))

    @_WITHIN_RANGE
    def ppf(self, probability: FloatArray) -> FloatArray:
        """Quantile function."""
        return np.exp(self.sigma * special.ndtri(probability))

    @_WITHIN_RANGE
    def isf(self, probability: FloatArray) -> FloatArray:
        """Inverse of ``sf``."""
        # By symmetry: no small probability is taken from 1.
        return np.exp(-self.sigma * special.ndtri(probability))


@dataclass(frozen=True)
class GammaFactor:
    """Gamma of mean 1; ``scipy.stats.gamma(shape, scale=1 / shape)``."""

    shape: float
    low: float = 0.0
    mean: float = 1.0
    tail_index: float = math.inf

    @_WITHIN_RANGE
    def cdf(self, factor: FloatArray) -> FloatArray:
        """P(factor <= x)."""
        return np.asarray(special.gammainc(self.shape, self.shape * np.maximum(factor, 0.0)))

    @_WITHIN_RANGE
    def sf(self, factor: FloatArray) -> FloatArray:
        """P(factor > x)."""
        return np.asarray(special.gammaincc(self.shape, self.shape * np.maximum(factor, 0.0)))

    def ppf(self, probability: FloatArray) -> FloatArray:
        """Quantile function."""
        return np.asarray(special.gammaincinv(self.shape, probability) / self.shape)

    def isf(self, probability: FloatArray) -> FloatArray:
        """Inverse of ``sf``."""
        return np.asarray(special.gammainccinv(self.shape, probability) / self.shape)


@dataclass(frozen=True)
class WeibullFactor:
    """Weibull of scale 1; ``scipy.stats.weibull_min(shape)``."""

    shape: float
    low: float = 0.0
    tail_index: float = math.inf

    @property
    def mean(self) -> float:
        """Expected factor; infinite where it is no double."""
        return float(special.gamma(1.0 + 1.0 / self.shape))

    @_WITHIN_RANGE
    def cdf(self, factor: FloatArray) -> FloatArray:
        """P(factor <= x)."""
        return np.asarray(-np.expm1(-(np.maximum(factor, 0.0) ** self.shape)))

    @_WITHIN_RANGE
    def sf(self, factor: FloatArray) -> FloatArray:
        """P(factor > x)."""
        return np.asarray(np.exp(-(np.maximum(factor, 0.0) ** self.shape)))

    @_WITHIN_RANGE
    def ppf(self, probability: FloatArray) -> FloatArray:
        """Quantile function."""
        return np.asarray((-np.log1p(-probability)) ** (1.0 / self.shape))

    @_WITHIN_RANGE
    def isf(self, probability: FloatArray) -> FloatArray:
        """Inverse of ``sf``."""
        return np.asarray((-np.log(probability)) ** (1.0 / self.shape))


@dataclass(frozen=True)
class ParetoFactor:
    """Pareto, at least 1; ``scipy.stats.pareto(alpha)``."""

    alpha: float
    low: float = 1.0

    @property
    def mean(self) -> float:
        """Expected factor; infinite up to a tail index of 1."""
        return self.alpha / (self.alpha - 1.0) if self.alpha > 1.0 else math.inf

    @property
    def tail_index(self) -> float:
        """The alpha."""
        return self.alpha

    @_WITHIN_RANGE
    def cdf(self, factor: FloatArray) -> FloatArray:
        """P(factor <= x)."""
        # Just above 1 the power is close to 1, and 1 less it would have no digits.
        return -np.expm1(-self.alpha * np.log(np.maximum(factor, 1.0)))

    def sf(self, factor: FloatArray) -> FloatArray:
        """P(factor > x)."""
        return np.asarray(np.maximum(factor, 1.0) ** -self.alpha)

    @_WITHIN_RANGE
    def ppf(self, probability: FloatArray) -> FloatArray:
        """Quantile function."""
        return np.exp(-np.log1p(-probability) / self.alpha)

    @_WITHIN_RANGE
    def isf(self, probability: FloatArray) -> FloatArray:
        """Inverse of ``sf``."""
        return np.asarray(probability ** (-1.0 / self.alpha))


@dataclass(frozen=True, eq=False)
class DiscreteFactor:
    """A factor with finitely many values.

    Attributes
    ----------
    values : FloatArray
        The values, ascending.
    weights : FloatArray
        Their probabilities.
    """

    values: FloatArray
    weights: FloatArray

    @property
    def mean(self) -> float:
        """Expected factor."""
        return float(self.values @ self.weights)


Factor = ContinuousFactor | DiscreteFactor


def factor_of(law: Slowdown | None) -> Factor:
    """The law of a factor from an instance's data; None is the constant 1."""
    match law:
        case None | Constant():
            return DiscreteFactor(np.ones(1), np.ones(1))
        case Empirical():
            values, counts = np.unique(np.array(law.values), return_counts=True)
            return DiscreteFactor(values, counts / len(law.values))
        case ShiftedExponential():
            return ShiftedExponentialFactor(law.rate)
        case LogNormal():
            return LogNormalFactor(law.sigma)
        case Gamma():
            return GammaFactor(law.shape)
        case Weibull():
            return WeibullFactor(law.shape)
    return ParetoFactor(law.alpha)


def exceeded_with(factor: Factor, probability: float) -> float:
    """Factor that is exceeded with at most a probability; infinite for a probability of 0 where it has no end."""
    if isinstance(factor, DiscreteFactor):
        # Summed from the largest value down, so that small tails keep their digits.
        above = np.append(np.cumsum(factor.weights[:0:-1])[::-1], 0.0)
        return float(factor.values[int(np.argmax(above <= probability))])
    return float(factor.isf(np.array([probability]))[0]) if probability > 0.0 else math.inf
