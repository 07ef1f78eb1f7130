"""Estimates from independent trials, each with its standard error and its confidence intervals.

Probabilities have Clopper and Pearson's intervals, means of bounded figures Gaffke's [1]_, which are the same for draws
of two values, quantiles those between order statistics. None takes for granted that the draws show all that there is.
Means without limits have Student's t intervals, which hold their level for many trials.

References
----------
.. [1] N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
   variable", Mathematical Methods of Statistics 14 (2005).
.. [2] R. Lugannani, S. Rice, "Saddle point approximation for the distribution of the sum of independent random
   variables", Advances in Applied Probability 12 (1980).
.. [3] O. E. Barndorff-Nielsen, "Inference on full or partial parameters based on the standardized signed log likelihood
   ratio", Biometrika 73 (1986).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import stretched

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import FloatArray, IntArray

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Level of an interval of one standard error to either side of a normal mean."""
RANK_ROUNDING = 1e-12
"""Relative excess of a product over a whole number that rounding explains."""
MOST_DRAWS = 1 << 16
"""Different draws of a mean that are kept."""
_AGREEMENT = 1e-7
_WIDEST = 64.0


class Interval(NamedTuple):
    """A confidence interval; ``high`` is infinite if the value is unbounded."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn of a figure within known limits.

    Attributes
    ----------
    values : FloatArray
        The different draws.
    counts : FloatArray
        How often each came.
    lowest, highest : float
        What no draw can leave; perhaps infinite.
    rounding : float
        Relative error that the draws share, beside chance.
    """

    values: FloatArray
    counts: FloatArray
    lowest: float
    highest: float
    rounding: float = 0.0

    @classmethod
    def of(cls, values: FloatArray, counts: IntArray, lowest: float, highest: float) -> Draws:
        """Gather draws; of many different ones, those that lie close to each other stand at their mean.

        Parameters
        ----------
        values : float array, shape (V,)
            Values that came.
        counts : int array, shape (V,)
            How often each came.
        lowest, highest : float
            Limits that no value leaves.
        """
        weights = np.asarray(counts, dtype=np.float64)
        if len(values) > MOST_DRAWS:
            first, width = values.min(), np.ptp(values) or 1.0
            share = (values - first) / width
            place = np.minimum(share * MOST_DRAWS, MOST_DRAWS - 1).astype(np.int64)
            total = np.asarray(np.bincount(place, weights), dtype=np.float64)
            is_met = total > 0.0
            means = np.bincount(place, weights * share)[is_met] / total[is_met]
            # Rounding must not carry a mean out of the range of the draws.
            values, weights = np.clip(first + width * means, first, values.max()), total[is_met]
        return cls(values, weights, lowest, highest)

    def low(self, tail: float) -> float:
        """Lower limit of the mean, wrong with a probability of ``tail``; for a finite ``lowest``."""
        limit = self.lowest + _nearest_mean(self.values - self.lowest, self.counts, tail)
        return limit - self.rounding * abs(limit)

    def high(self, tail: float) -> float:
        """Upper limit of the mean, wrong with a probability of ``tail``; for a finite ``highest``."""
        limit = self.highest - _nearest_mean(self.highest - self.values, self.counts, tail)
        return limit + self.rounding * abs(limit)


@dataclass(frozen=True)
class MeanEstimate:
    """Mean of draws within known limits.

    Attributes
    ----------
    value, standard_error : float
        Mean, and its standard error; infinite for a single draw.
    trials : int
        Number of draws; 0 if the value was computed exactly.
    lowest, highest : float
        Limits of the mean.
    draws : Draws or None
        What was drawn; without it nothing is known of the mean but its limits.
    """

    value: float
    standard_error: float
    trials: int
    lowest: float
    highest: float
    draws: Draws | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, draws: FloatArray, counts: IntArray, lowest: float, highest: float) -> MeanEstimate:
        """Estimate from draws, at least one, and how often each came; none of them, nor the mean, leaves the limits.

        Parameters
        ----------
        draws : float array, shape (V,)
            Values that came, at least one.
        counts : int array, shape (V,)
            How often each came.
        lowest, highest : float
            Limits that no value leaves.
        """
        trials = int(counts.sum())
        draws, counts = draws[counts > 0], counts[counts > 0]
        # Differences from one draw: where all draws are equal, nothing is left to round. Scaled: no square overflows.
        distance = draws - draws[0]
        scale = float(np.abs(distance).max()) or 1.0
        distance = distance / scale
        mean = float((distance * counts).sum()) / trials
        squares = float((np.square(distance - mean) * counts).sum())
        error = scale * math.sqrt(squares / (trials - 1) / trials) if trials > 1 else math.inf
        value = float(draws[0]) + scale * mean
        return cls(value, error, trials, lowest, highest, Draws.of(draws, counts, lowest, highest))

    def interval(self, level: float = 0.95) -> Interval:
        """Interval between the limits that Gaffke gives for the mean of bounded draws, cut at those of the mean.

        It leaves room for draws that did not show. For draws of two values it is Clopper and Pearson's, for many draws
        Student's. To a side without a limit it is Student's, and infinite where all draws were equal.
        """
        require_fraction("level", level)
        if self.draws is None or math.isinf(self.standard_error):
            return Interval(self.lowest, self.highest)
        tail = 0.5 - level / 2.0
        # The quantile function of Student's t, without the half second that SciPy's distributions take to import.
        width = -float(stdtrit(self.trials - 1, tail)) * self.standard_error or math.inf
        low = self.value - width if math.isinf(self.draws.lowest) else self.draws.low(tail)
        high = self.value + width if math.isinf(self.draws.highest) else self.draws.high(tail)
        # The value is between them but for rounding, or at a level near 0.
        return Interval(max(min(low, self.value), self.lowest), min(max(high, self.value), self.highest))


@dataclass(frozen=True)
class ProportionEstimate:
    """Probability of an event, estimated from how often it occurred.

    Attributes
    ----------
    successes, trials : int
        How often it occurred, and the number of trials.
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
        """Clopper and Pearson's interval, whose coverage is at least its level for every probability."""
        require_fraction("level", level)
        # SciPy's distributions take half a second to import: only here.
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
    """The smallest time by which at least a given share of the trials has an answer.

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
        """Seconds; infinite if fewer trials have an answer at all."""
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
        # SciPy's distributions take half a second to import: only here.
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


def _nearest_mean(distances: FloatArray, counts: FloatArray, tail: float) -> float:
    r"""How near to an end of their range the mean of draws may lie, but for a probability.

    Gaffke's limit: add a draw at the end, and weight all draws, :math:`x_0 = 0` among them, by the gaps between sorted
    uniform numbers. The weighted mean is below :math:`\delta` if :math:`\sum_i E_i (\delta - x_i) \ge 0`, with standard
    exponential E. The saddle point of that sum belongs to one :math:`\sigma > 0` with

    .. math::
        \delta = \sum_i \frac{x_i}{\sigma + x_i} \Big/ \sum_i \frac{1}{\sigma + x_i} ,

    and with :math:`r = \sqrt{2 \sum_i \ln ((\sigma + x_i) / (\sigma + \delta))}` and :math:`u = \sqrt{\sum_i
    ((x_i - \delta) / (\sigma + x_i))^2}` the probability is that of a standard normal number above
    :math:`r + \ln(u / r) / r` [2]_ [3]_. For draws of two values that is right but for some per cent of the
    probability, to the safe side.

    Parameters
    ----------
    distances : FloatArray
        Of the draws from the end.
    counts : FloatArray
        How often each came.
    tail : float
        The probability, below 1/2.

    Returns
    -------
    float
        The ``tail`` quantile of the weighted mean: a distance from the end.
    """
    x, n = np.append(distances, 0.0), np.append(counts, 1.0)
    scale = float(x.max())
    # All draws are equal: what the added one may weigh has a closed form.
    if distances.min() == scale:
        return scale * math.exp(math.log(tail) / float(counts.sum()))
    x, wanted, trials = x / scale, -float(ndtri(tail)), float(n.sum())

    def at(log_sigma: float) -> tuple[float, float]:
        sigma = math.exp(log_sigma)
        weights = n / (sigma + x)
        delta = float((weights * x).sum() / weights.sum())
        r = math.sqrt(max(2.0 * float((n * np.log1p((x - delta) / (sigma + delta))).sum()), 0.0))
        u = math.sqrt(float((n * np.square((x - delta) / (sigma + x))).sum()))
        return (r + math.log(u / r) / r if min(u, r) > 0.0 else 0.0) - wanted, delta

    mean = float((n * x).sum()) / trials
    # What it is for normal draws.
    start = 0.5 * math.log(float((n * np.square(x - mean)).sum())) - math.log(max(wanted, _AGREEMENT))
    return scale * _root(at, start)


def _root(at: Callable[[float], tuple[float, float]], start: float) -> float:
    """The second value of a function where the first, which falls, is 0: false position with Illinois's rule."""
    low = high = start
    above, found = at(low)
    below, step = above, 0.25
    # The start is a guess: steps to either side grow until the root lies between.
    while above < 0.0:
        low, high, below = low - step, low, above
        above, found = at(low)
        step *= 2.0
    while below > 0.0 and step < _WIDEST:
        low, high, above = high, high + step, below
        below, found = at(high)
        step *= 2.0
    side, size = 0, math.inf
    while size > _AGREEMENT and high - low > _AGREEMENT and below < 0.0:
        middle = (low * below - high * above) / (below - above)
        value, found = at(middle)
        size = abs(value)
        if value > 0.0:
            low, above, below = middle, value, below / 2.0 if side > 0 else below
            side = 1
        else:
            high, below, above = middle, value, above / 2.0 if side < 0 else above
            side = -1
    return found
