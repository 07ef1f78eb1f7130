"""Each device's answers as a few steps: one where its latency is constant, several where a law makes it random.

A device that has delivered by t with the probability ``G_n(t)`` adds ``-ln(1 - G_n(t))`` to the weight of its group. A
``G_n`` that rises in steps adds as much as several devices of constant latency do, which are always together. So what
is stated for constants holds for steps. Those of a law with densities are an approximation: they choose, and never
prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Device, FloatArray, Instance, IntArray

LEAST_OUTAGE = 1e-300
"""Probability that stands for 0 in a weight ``-ln p``."""
LATE = (0.9, 0.7, 0.5, 0.3, 0.15, 0.05, 0.01, 0.0)
"""Probabilities that a surviving device is later than each of its steps."""
TYPICAL = (0.95, 0.8, 0.6, 0.4, 0.22, 0.09, 0.025, 0.003)
"""Probabilities with which its slowdown factors exceed those that stand for the step."""

FARTHEST = 1e30
"""Largest factor that stands for a step."""


@dataclass(frozen=True, eq=False)
class AnswerSteps:
    """Steps of all devices, R in all, those of a device next to each other.

    Attributes
    ----------
    device : IntArray, R
        Whose step it is.
    base, slope : FloatArray, R x J
        Seconds of a step as ``base + slope * size``, by student.
    weights : FloatArray, R
        What a step adds to the weight of a group.
    """

    device: IntArray
    base: FloatArray
    slope: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, instance: Instance) -> AnswerSteps:
        """Steps of an instance's devices."""
        arrays = instance.arrays
        weights = -np.log(np.maximum(arrays.failure, LEAST_OUTAGE))
        if not instance.has_random_latencies:
            return cls(np.arange(len(weights)), arrays.base, arrays.slope, weights)
        owners, bases, slopes, added = [], [], [], []
        for n, device in enumerate(instance.devices):
            late, compute, link = _steps(device) if device.is_random else (np.zeros(1), np.ones(1), np.ones(1))
            seconds = compute[:, None, None] * arrays.compute[n]
            bits = link * arrays.transfer[n]
            missed = arrays.failure[n] + (1.0 - arrays.failure[n]) * late
            reached = -np.log(np.maximum(missed, LEAST_OUTAGE))
            owners.append(np.full(len(late), n))
            bases.append(device.overhead_seconds + seconds[:, :, 0])
            slopes.append(seconds[:, :, 1] + bits[:, None])
            added.append(np.diff(reached, prepend=0.0))
        return cls(np.concatenate(owners), np.concatenate(bases), np.concatenate(slopes), np.concatenate(added))

    def of_devices(self, devices: Iterable[int]) -> IntArray:
        """Places of the steps of some devices, one device after the other."""
        wanted = np.array(list(devices), dtype=np.int64)
        # With one step a device places are device indices.
        if self.device[-1] + 1 == len(self.device):
            return wanted
        first, last = (np.searchsorted(self.device, wanted, side=side) for side in ("left", "right"))
        return np.concatenate([np.empty(0, dtype=np.int64), *map(np.arange, first, last)])

    def seconds(self, steps: Any, student: Any, size: Any) -> FloatArray:
        """When steps come, for places, students and sizes that broadcast against each other.

        Parameters
        ----------
        steps : int or array of int
            Places of the steps.
        student : int or array of int
            Student indices.
        size : int or array of int
            Part sizes in filters.
        """
        seconds: FloatArray = self.base[steps, student] + self.slope[steps, student] * size
        return seconds


def _steps(device: Device) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probability to be later than each step, and factors of compute and link there, as if both rose together."""
    # SciPy's special functions take a while to import, and constants do without.
    from rocoin_opt.failure import DiscreteFactor, exceeded_with, factor_of

    factors = factor_of(device.compute_slowdown), factor_of(device.link_slowdown)
    late, typical = np.array(LATE), np.array(TYPICAL)
    if all(isinstance(factor, DiscreteFactor) for factor in factors):
        tails = [1.0 - np.cumsum(factor.weights) for factor in factors if isinstance(factor, DiscreteFactor)]
        ends = np.unique(np.concatenate([*(tail[:-1] for tail in tails), [0.0]]))[::-1]
        if len(ends) <= len(LATE):
            # Halfway between two tails a quantile is the value itself, however the tails are rounded.
            late, typical = ends, 0.5 * (ends + np.concatenate([[1.0], ends[:-1]]))
    compute, link = (np.array([exceeded_with(factor, share) for share in typical.tolist()]) for factor in factors)
    return late, np.minimum(compute, FARTHEST), np.minimum(link, FARTHEST)
