"""When a replica answers, given that it survives: ``t0 + C a + R b`` with the slowdown factors C and R.

The distribution function is exact where one of the factors takes finitely many values: it is a step function, or a
mixture of closed forms. Two factors with densities are convolved, with errors below
:data:`rocoin_opt.failure.distribution.convolution.CONVOLUTION_ERROR`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.convolution import Time, convolved
from rocoin_opt.failure.distribution.laws import DiscreteFactor, factor_of

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution.convolution import ConvolvedTime
    from rocoin_opt.instance import Device, FloatArray, Instance, LatencyTerms

MAX_ATOMS = 1 << 18
"""Most different times at which one replica may answer."""
GUIDE_LEVELS = np.array([1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5])
"""Probabilities whose quantiles, from either end, show an integrator where a distribution function rises."""
FARTHEST = 1e-300
"""Probability beyond which an answer is late enough to be ignored by an integral over all times."""
_CHUNK = 1 << 20


class Response(Protocol):
    """A response time. Times are vectors of seconds."""

    @property
    def is_step(self) -> bool:
        """Whether all times have a probability of their own."""

    @property
    def jumps(self) -> FloatArray:
        """Times that have a probability of their own, ascending."""

    @property
    def kinks(self) -> FloatArray:
        """Where the distribution function is not smooth, beside its jumps."""

    @property
    def guides(self) -> FloatArray:
        """The kinks, and where the distribution function rises."""

    @property
    def earliest(self) -> float:
        """Lower end of the support: no answer comes before, and after it one may."""

    @property
    def farthest(self) -> float:
        """Time that is exceeded with a probability of :data:`FARTHEST` at most; may be infinite."""

    @property
    def tail_index(self) -> float:
        """The alpha of a tail like ``t ** -alpha``; infinite for every lighter tail."""

    def tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(answer <= t) and P(answer > t)."""


@dataclass(frozen=True, eq=False)
class StepResponse:
    """A response at finitely many times.

    Attributes
    ----------
    jumps : FloatArray
        The times, ascending.
    weights : FloatArray
        Their probabilities.
    """

    jumps: FloatArray
    weights: FloatArray
    tail_index: float = math.inf
    is_step: bool = True

    @property
    def kinks(self) -> FloatArray:
        """Nothing is unsmooth beside the jumps."""
        return np.empty(0)

    @property
    def guides(self) -> FloatArray:
        """Nothing rises beside the jumps."""
        return np.empty(0)

    @property
    def terms(self) -> int:
        """How many probabilities a tail sums."""
        return len(self.weights)

    @property
    def earliest(self) -> float:
        """The first time."""
        return float(self.jumps[0])

    @property
    def farthest(self) -> float:
        """The last time."""
        return float(self.jumps[-1])

    def tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(answer <= t) and P(answer > t)."""
        position = np.searchsorted(self.jumps, seconds, side="right")
        # Each tail is summed from its own end: as 1 minus the other it would lose its digits.
        below = np.concatenate([[0.0], np.cumsum(self.weights[:-1]), [1.0]])
        above = np.concatenate([[1.0], np.cumsum(self.weights[:0:-1])[::-1], [0.0]])
        return below[position], above[position]


@dataclass(frozen=True, eq=False)
class MixedResponse:
    """One of several offsets plus a time with a density.

    Attributes
    ----------
    offsets : FloatArray
        In seconds.
    weights : FloatArray
        Their probabilities.
    time : Time
        What is added.
    """

    offsets: FloatArray
    weights: FloatArray
    time: Time
    is_step: bool = False

    @property
    def jumps(self) -> FloatArray:
        """No time has a probability of its own."""
        return np.empty(0)

    @property
    def kinks(self) -> FloatArray:
        """Where a component begins."""
        return self.offsets + self.time.scale * self.time.factor.low

    @property
    def guides(self) -> FloatArray:
        """Kinks where a component begins, and quantiles of the components."""
        rises = np.concatenate([[self.time.scale * self.time.factor.low], _quantiles(self.time)])
        if len(self.offsets) > len(rises):
            # Many components: each is a small part of the whole.
            rises = rises[:: len(rises) // 4]
        return np.asarray(np.add.outer(self.offsets, rises).ravel())

    @property
    def terms(self) -> int:
        """How many probabilities a tail sums."""
        return len(self.weights)

    @property
    def earliest(self) -> float:
        """Where the first component begins."""
        return float(self.offsets[0]) + self.time.scale * self.time.factor.low

    @property
    def farthest(self) -> float:
        """Where the last component has all but ended."""
        return float(self.offsets[-1]) + self.time.exceeded_with(FARTHEST)

    @property
    def tail_index(self) -> float:
        """Tail index of the time with a density."""
        return self.time.factor.tail_index

    def tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(answer <= t) and P(answer > t)."""
        below, above = np.empty(len(seconds)), np.empty(len(seconds))
        chunk = max(1, _CHUNK // len(self.offsets))
        for start in range(0, len(seconds), chunk):
            part = slice(start, start + chunk)
            by, late = self.time.tails(seconds[part, None] - self.offsets)
            below[part], above[part] = by @ self.weights, late @ self.weights
        return below, above


@dataclass(frozen=True, eq=False)
class SumResponse:
    """An offset plus the sum of two times with densities.

    Attributes
    ----------
    offset : float
        In seconds.
    sum : ConvolvedTime
        What is added.
    """

    offset: float
    sum: ConvolvedTime
    is_step: bool = False

    @property
    def jumps(self) -> FloatArray:
        """No time has a probability of its own."""
        return np.empty(0)

    @property
    def kinks(self) -> FloatArray:
        """Where the support begins."""
        return np.array([self.earliest])

    @property
    def guides(self) -> FloatArray:
        """The kink where the support begins, and what the sum would have as quantiles if its terms rose together."""
        return self.offset + np.concatenate([[self.sum.low], _quantiles(self.sum.first) + _quantiles(self.sum.second)])

    @property
    def earliest(self) -> float:
        """Where both terms begin."""
        return self.offset + self.sum.low

    @property
    def farthest(self) -> float:
        """Twice as far as either term may go, one of them exceeds its half."""
        return self.offset + 2.0 * max(time.exceeded_with(FARTHEST) for time in (self.sum.first, self.sum.second))

    @property
    def tail_index(self) -> float:
        """Tail index of the heavier term."""
        return min(self.sum.first.factor.tail_index, self.sum.second.factor.tail_index)

    def tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(answer <= t) and P(answer > t)."""
        return self.sum.tails(seconds - self.offset)

    def computed_tails(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(answer <= t) and P(answer > t) without a table, which only many times are worth."""
        return self.sum.computed_tails(seconds - self.offset)


def response_of(
    instance: Instance, device: int, student: int, num_filters: int
) -> StepResponse | MixedResponse | SumResponse:
    """Response time of a device with a student and a part, by indices; it does not fail.

    Parameters
    ----------
    instance : Instance
        What was given.
    device, student : int
        Indices of the instance's arrays.
    num_filters : int
        Filters of the part.

    Raises
    ------
    UnsupportedError
        If two laws with densities are too uneven to be convolved, or there are more than :data:`MAX_ATOMS` times.
    """
    given = instance.devices[device]
    if not given.is_random:
        # The very double that closed forms take, which a sum of terms need not be.
        seconds = instance.arrays.latency(device, student, num_filters)
        return StepResponse(np.array([float(seconds)]), np.ones(1))
    return _response(given, instance.latency_terms(device, student, num_filters))


def _response(device: Device, terms: LatencyTerms) -> StepResponse | MixedResponse | SumResponse:
    offsets: FloatArray = np.array([terms.overhead])
    weights: FloatArray = np.ones(1)
    times = []
    for law, scale in ((device.compute_slowdown, terms.compute), (device.link_slowdown, terms.transfer)):
        factor = factor_of(law)
        if isinstance(factor, DiscreteFactor):
            if len(offsets) * len(factor.values) > MAX_ATOMS:
                raise UnsupportedError(
                    f"{device.id}: {len(offsets)} times {len(factor.values)} measured factors are more than the "
                    f"{MAX_ATOMS} times that the exact distribution can hold: simulate instead"
                )
            offsets = np.add.outer(offsets, scale * factor.values).ravel()
            weights = np.multiply.outer(weights, factor.weights).ravel()
        # A factor on no time at all has no effect, whatever its law.
        elif scale > 0.0:
            times.append(Time(scale, factor))
    if len(times) == 2:
        return SumResponse(terms.overhead, convolved(*times))
    values, place = np.unique(offsets, return_inverse=True)
    masses = np.asarray(np.bincount(place.ravel(), weights), dtype=np.float64)
    return MixedResponse(values, masses, times[0]) if times else StepResponse(values, masses)


def _quantiles(time: Time) -> FloatArray:
    below = np.concatenate([GUIDE_LEVELS, 1.0 - GUIDE_LEVELS[-2::-1]])
    above = np.concatenate([1.0 - GUIDE_LEVELS, GUIDE_LEVELS[-2::-1]])
    return time.at_level(below, above)
