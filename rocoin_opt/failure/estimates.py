"""Estimates from independent trials, each with its standard error and its confidence intervals.

Means have Student's t intervals, probabilities Clopper and Pearson's, quantiles those between order statistics. The
last two hold their level whatever is estimated; the first does so for many trials. SciPy computes what they need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtrit

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance.limits import stretched

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import FloatArray, IntArray

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Level of an interval of one standard error to either side of a normal mean."""
RANK_ROUNDING = 1e-12
"""Relative excess of a product over a whole number that rounding explains."""


class Interval(NamedTuple):
    """A confidence interval; ``high`` is infinite where nothing bounds the value."""

    low: float
    high: float


@dataclass(frozen=True)
class MeanEstimate:
    """Mean of draws within known limits.

    Attributes
    ----------
    value, standard_error : float
        Mean, and its standard error; infinite for a single draw.
    trials : int
        Number of draws.
    lowest, highest : float
        What no draw can leave.
    """

    value: float
    standard_error: float
    trials: int
    lowest: float
    highest: float

    @classmethod
    def of(cls, draws: FloatArray, counts: IntArray, lowest: float, highest: float) -> MeanEstimate:
        """Estimate from draws, at least one, and how often each came."""
        trials = int(counts.sum())
        # Differences from one draw: where all draws are equal, nothing is left to round.
        draws, counts = draws[counts > 0], counts[counts > 0]
        distance = draws - draws[0]
        mean = float((distance * counts).sum()) / trials
        squares = float((np.square(distance - mean) * counts).sum())
        error = math.sqrt(squares / (trials - 1) / trials) if trials > 1 else math.inf
        return cls(float(draws[0]) + mean, error, trials, lowest, highest)

    def interval(self, level: float = 0.95) -> Interval:
        """Student's t interval, cut at the limits.

        Where all draws were equal, the interval leaves room for others that did not show: they may have the share that
        Clopper and Pearson's interval gives to what was never seen, and lie anywhere within the limits.
        """
        require_fraction("level", level)
        if math.isinf(self.standard_error):
            return Interval(self.lowest, self.highest)
        if self.standard_error == 0.0:
            unseen = -math.expm1(math.log((1.0 - level) / 2.0) / self.trials)
            low = self.value - unseen * (self.value - self.lowest)
            return Interval(low, self.value + unseen * (self.highest - self.value))
        # The quantile function of Student's t, without the half second that SciPy's distributions take to import.
        width = float(stdtrit(self.trials - 1, 0.5 + level / 2.0)) * self.standard_error
        return Interval(max(self.value - width, self.lowest), min(self.value + width, self.highest))


@dataclass(frozen=True)
class ProportionEstimate:
    """Probability of an event, from how often it came.

    Attributes
    ----------
    successes, trials : int
        How often it came, in how many trials.
    """

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """Share of the trials."""
        return self.successes / self.trials

    @property
    def standard_error(self) -> float:
        """Square root of p (1 - p) / n."""
        return math.sqrt(self.value * (1.0 - self.value) / self.trials)

    def interval(self, level: float = 0.95) -> Interval:
        """Clopper and Pearson's interval, which holds its level for every probability."""
        require_fraction("level", level)
        from scipy.stats import binomtest

        low, high = binomtest(self.successes, self.trials).proportion_ci(level, method="exact")
        return Interval(float(low), float(high))


@dataclass(frozen=True, eq=False)
class Sample:
    """Answer times that were drawn.

    Attributes
    ----------
    seconds : FloatArray
        Finite times, ascending.
    counts : IntArray
        How often each was drawn.
    never : int
        How often no answer came.
    """

    seconds: FloatArray
    counts: IntArray
    never: int

    @cached_property
    def cumulative(self) -> IntArray:
        """Trials that were answered by each of the times."""
        return np.cumsum(self.counts)

    @property
    def answered(self) -> int:
        """Trials with an answer."""
        return int(self.cumulative[-1]) if len(self.counts) else 0

    @property
    def trials(self) -> int:
        """All trials."""
        return self.answered + self.never

    def answered_by(self, seconds: float) -> int:
        """Trials that were answered by a time in seconds, up to the tolerance on limits."""
        position = int(np.searchsorted(self.seconds, stretched(seconds), side="right"))
        return int(self.cumulative[position - 1]) if position else 0

    def ranked(self, rank: int) -> float:
        """Return the order statistic of a rank from 1 to the number of trials; infinite where no answer came."""
        position = int(np.searchsorted(self.cumulative, rank))
        return float(self.seconds[position]) if position < len(self.seconds) else math.inf


@dataclass(frozen=True, eq=False)
class QuantileEstimate:
    """The smallest time by which at least a share of the trials was answered.

    Attributes
    ----------
    probability : float
        The share, in (0, 1).
    sample : Sample
        What was drawn.
    """

    probability: float
    sample: Sample

    @property
    def value(self) -> float:
        """Seconds; infinite where fewer trials were answered at all."""
        rank = math.ceil(self.probability * self.sample.trials * (1.0 - RANK_ROUNDING))
        return self.sample.ranked(max(rank, 1))

    @property
    def standard_error(self) -> float:
        """Half the width of the interval of one standard error; infinite where the interval is."""
        low, high = self.interval(ONE_SIGMA)
        return (high - low) / 2.0 if math.isfinite(high) else math.inf

    def interval(self, level: float = 0.95) -> Interval:
        """Interval between two order statistics, whose ranks the binomial distribution gives.

        The number of trials below the true quantile is binomial, so the interval holds its level for every
        distribution, with jumps too.
        """
        require_fraction("level", level)
        from scipy.stats import binom

        trials = self.sample.trials
        low, high = (
            float(binom.ppf(tail, trials, self.probability)) for tail in (0.5 - level / 2.0, 0.5 + level / 2.0)
        )
        return Interval(
            self.sample.ranked(int(low)) if low >= 1 else 0.0,
            self.sample.ranked(int(high) + 1) if high < trials else math.inf,
        )


def require_fraction(name: str, value: float) -> None:
    """Refuse what does not lie strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise InputError("options", [Problem(name, repr(value), "a number between 0 and 1, both excluded")])
