r"""The distribution of ``z = X + Y`` for two independent random times with densities.

Cut at any point m of the first time's range, all of it positive, so that both tails keep their digits:

.. math::
    P(X + Y > z) = P(X > m) P(Y > z - m) + \int_0^{P(X \le m)} P(Y > z - x(u)) du
                   + \int_0^{P(Y \le z - m)} P(X > z - y(v)) dv

with the quantile functions x and y, and likewise for ``P(X + Y <= z)``. The integrands are smooth inside, singular at
their ends at most, so the double exponential rule of Takahasi and Mori [1]_ fits. The cut is the comonotone one,
``P(X <= m) = P(Y <= z - m)``: then no steep rise lies inside a range, however different the spreads.

References
----------
.. [1] H. Takahasi, M. Mori, "Double exponential formulas for numerical integration", Publ. RIMS 9 (1974).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.tabulation import LogTable

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution.laws import ContinuousFactor
    from rocoin_opt.instance import FloatArray

CONVOLUTION_ERROR = 1e-11
"""Largest absolute error of a convolved distribution function."""
_AGREEMENT = 1e-9
"""How close a rule must come to the next finer one, which is then used: halving the step squares the error."""
_STEPS = (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128)
_REACH = 3.3
"""Where the rule is cut off: what is left out weighs less than 1e-17."""
_LEVELS = np.concatenate(
    [
        10.0 ** -np.array([300, 200, 100, 50, 30, 20, 15, 12, 10, 8, 6, 5, 4, 3.5, 3, 2.5, 2, 1.6]),
        np.linspace(0.05, 0.5, 16),
    ]
)
"""Probabilities, down to which either tail is asked for the cut."""
FEW_TIMES = 8
"""Times up to which one question is not worth a table, which takes the quadratures of a thousand."""
_CHUNK = 1 << 18
_TABLE_LEVEL = 1e-300
"""Distribution function at which the table begins: integrals ask for many times before, and a quadrature for each of
them takes far longer than a few more panels."""


@dataclass(frozen=True)
class Rule:
    """A quadrature rule on the unit interval.

    Attributes
    ----------
    near, far : FloatArray
        Distance of each node from 0 and from 1.
    weights : FloatArray
        Weights.
    """

    near: FloatArray
    far: FloatArray
    weights: FloatArray

    @classmethod
    def double_exponential(cls, step: float) -> Rule:
        """Rule with nodes at equal steps of tau, at ``1 / (1 + exp(-pi sinh(tau)))``."""
        count = round(_REACH / step)
        tau = np.arange(-count, count + 1) * step
        # Each distance by itself: at the ends 1 less the other would have no digits.
        near, far = (1.0 / (1.0 + np.exp(sign * np.pi * np.sinh(tau))) for sign in (-1.0, 1.0))
        return cls(near, far, step * np.pi * np.cosh(tau) * near * far)


@dataclass(frozen=True)
class Time:
    """A random time ``scale * factor``.

    Attributes
    ----------
    scale : float
        Seconds, positive.
    factor : ContinuousFactor
        Law of the factor.
    """

    scale: float
    factor: ContinuousFactor

    def at_level(self, below: FloatArray, above: FloatArray) -> FloatArray:
        """Quantiles in seconds of probabilities, given from below and from above so that neither loses digits."""
        is_low = below <= 0.5
        found = np.empty_like(below)
        with np.errstate(over="ignore"):
            found[is_low] = self.scale * self.factor.ppf(below[is_low])
            found[~is_low] = self.scale * self.factor.isf(above[~is_low])
        return found

    def exceeded_with(self, probability: float) -> float:
        """Seconds that are exceeded with a probability; may be infinite where that is no double."""
        return float(self.at_level(np.array([1.0 - probability]), np.array([probability]))[0])

    def tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(time <= t) and P(time > t)."""
        with np.errstate(over="ignore"):
            factor = np.maximum(seconds, 0.0) / self.scale
            return self.factor.cdf(factor), self.factor.sf(factor)


@lru_cache(maxsize=1024)
def convolved(first: Time, second: Time) -> ConvolvedTime:
    """The sum of two independent times; equal devices share what has been computed."""
    return ConvolvedTime(first, second)


@dataclass(frozen=True, eq=False)
class ConvolvedTime:
    """The sum of two independent random times.

    Attributes
    ----------
    first, second : Time
        The times.
    """

    first: Time
    second: Time

    @property
    def low(self) -> float:
        """Lower end of the support, in seconds."""
        return self.first.scale * self.first.factor.low + self.second.scale * self.second.factor.low

    @cached_property
    def _levels(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Comonotone levels, ascending: the probability, the first time and the sum."""
        below = np.concatenate([_LEVELS, 1.0 - _LEVELS[-2::-1]])
        above = np.concatenate([1.0 - _LEVELS, _LEVELS[-2::-1]])
        first = self.first.at_level(below, above)
        both = first + self.second.at_level(below, above)
        is_inside = np.isfinite(both) & (both > self.low)
        return below[is_inside], first[is_inside], both[is_inside]

    @cached_property
    def _rule(self) -> Rule:
        """The coarsest rule that agrees with the one before at every level."""
        levels = self._levels[2]
        if not len(levels):
            raise self._refusal()
        found = self._tails(levels, Rule.double_exponential(_STEPS[0]))
        for step in _STEPS[1:]:
            rule = Rule.double_exponential(step)
            before, found = found, self._tails(levels, rule)
            gap = max(np.abs(a - b).max() for a, b in zip(before, found, strict=True))
            # Written so that what is not a number does not pass.
            if gap <= _AGREEMENT and np.abs(found[0] + found[1] - 1.0).max() <= CONVOLUTION_ERROR:
                return rule
        raise self._refusal()

    def _refusal(self) -> UnsupportedError:
        return UnsupportedError(f"the sum of {self.first} and {self.second} is too uneven to be computed exactly")

    @cached_property
    def _end(self) -> float:
        """Time from which on the sum comes later with a probability of 2e-300 at most, which is taken to be 0."""
        ends = [time.exceeded_with(_LEVELS[0]) for time in (self.first, self.second)]
        return min(sum(ends), float(np.finfo(np.float64).max))

    @cached_property
    def _table(self) -> LogTable:
        """Both tails over the logarithm of the distance from the lower end, where power laws are straight."""
        below, _, levels = self._levels
        edges = np.unique(np.log(levels[below >= _TABLE_LEVEL] - self.low))
        return LogTable.of(lambda logs: self._computed(self.low + np.exp(logs)), edges)

    def tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(sum <= t) and P(sum > t), with errors below ``CONVOLUTION_ERROR``.

        Raises
        ------
        UnsupportedError
            If the quadrature cannot reach that error for these laws.
        """
        below = np.where(seconds > self._end, 1.0, 0.0)
        above = 1.0 - below
        inside = np.flatnonzero((seconds > self.low) & (seconds <= self._end))
        if len(inside) <= FEW_TIMES:
            below[inside], above[inside] = self._computed(seconds[inside])
            return below, above
        logs = np.log(seconds[inside] - self.low)
        # Panels that missed their error are computed one by one.
        is_tabled = self._table.covers(logs)
        tabled, inside = inside[is_tabled], inside[~is_tabled]
        below[tabled], above[tabled] = self._table.values(logs[is_tabled])
        below[inside], above[inside] = self._computed(seconds[inside])
        return below, above

    def computed_tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(sum <= t) and P(sum > t) without a table, which only many times are worth; errors as in :meth:`tails`."""
        below = np.where(seconds > self._end, 1.0, 0.0)
        above = 1.0 - below
        inside = np.flatnonzero((seconds > self.low) & (seconds <= self._end))
        below[inside], above[inside] = self._computed(seconds[inside])
        return below, above

    def _computed(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both tails by quadrature, at times above the lower end."""
        below, above = np.empty(len(seconds)), np.empty(len(seconds))
        chunk = max(1, _CHUNK // len(self._rule.near))
        for start in range(0, len(seconds), chunk):
            part = slice(start, start + chunk)
            below[part], above[part] = self._tails(seconds[part], self._rule)
        return below, above

    def _tails(self, seconds: FloatArray, rule: Rule) -> tuple[FloatArray, FloatArray]:
        _, first_levels, levels = self._levels
        # The three terms add up to the same for every cut, so that an interpolated one costs no accuracy.
        cut = np.interp(seconds, levels, first_levels)
        rest = seconds - cut
        one, two = self.first.tails(cut), self.second.tails(rest)
        below, above = one[0] * two[0], one[1] * two[1]
        for (reached, left), ends, given, other in (
            (one, two, self.first, self.second),
            (two, one, self.second, self.first),
        ):
            level = reached[:, None] * rule.near
            times = given.at_level(level, left[:, None] + reached[:, None] * rule.far)
            by, late = other.tails(seconds[:, None] - times)
            # Differences of two tails: below 0 they are rounding.
            below += reached * (np.maximum(by - ends[0][:, None], 0.0) @ rule.weights)
            above += reached * (late @ rule.weights)
        return below, above
