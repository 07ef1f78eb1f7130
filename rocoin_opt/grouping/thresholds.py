"""Search over latency thresholds: guaranteed, nominal and worst take their value in the finite set {l(n, j, s)}."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import FloatArray, InstanceArrays

MAX_LISTED = 20_000
"""Candidates that are listed and sorted; wider intervals are halved first."""
MAX_HALVINGS = 2_000
"""More than there are halvings of any interval of doubles."""
MAX_KEPT = 1_000_000
"""Candidates up to which :class:`Candidates` lists them: a tenth of a second, and some dozen megabytes."""
BELOW_ALL = -1.0
"""Below every latency: the threshold to search from where nothing better is known. A latency can be 0."""


def latencies_between(arrays: InstanceArrays, low: float, high: float) -> FloatArray:
    """All values of l(n, j, s) with low < l <= high that some plan could attain, ascending and without repetition.

    Parameters
    ----------
    arrays : InstanceArrays
        Owner of the latencies.
    low, high : float
        In seconds.
    """
    first = arrays.largest_part(low) + 1
    counts = np.maximum(arrays.largest_part(high) - first + 1, 0).ravel()
    # Pair n, j stands counts[n, j] times, with the sizes from first[n, j] on.
    pairs = np.repeat(np.arange(counts.size), counts)
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    devices, students = np.unravel_index(pairs, first.shape)
    return np.unique(arrays.latency(devices, students, first.ravel()[pairs] + position))


def next_latency(arrays: InstanceArrays, low: float) -> float | None:
    """The smallest latency above a threshold that some plan could attain; None where there is none."""
    sizes = arrays.largest_part(low) + 1
    # Latency never falls with the size: the next size of each pair is its next latency.
    later = np.where(sizes <= arrays.largest, arrays.base + arrays.slope * sizes, np.inf)
    least = float(later.min())
    return least if least < np.inf else None


class Candidates:
    """All l(n, j, s) with low < l <= high by their position, ascending; too many to be listed, they are counted.

    Listed, each stands there once. Counted, a latency has as many positions as there are devices, students and sizes
    that attain it, so that a step of a bisection goes over all of them at once: see :meth:`behind`.

    Parameters
    ----------
    arrays : InstanceArrays
        Owner of the latencies.
    low, high : float
        In seconds.
    """

    def __init__(self, arrays: InstanceArrays, low: float, high: float) -> None:
        self._arrays, self._low, self._high = arrays, low, high
        self._first = arrays.largest_part(low) + 1
        self._number = self._up_to(high)
        self._listed = latencies_between(arrays, low, high) if self._number <= MAX_KEPT else None
        if self._listed is not None:
            self._number = len(self._listed)

    def __len__(self) -> int:
        """How many positions there are."""
        return self._number

    def __getitem__(self, position: int) -> float:
        """The latency at a position, in seconds."""
        if self._listed is not None:
            return float(self._listed[position])
        found = smallest_threshold(self._arrays, lambda t: self._up_to(t) > position, self._low, self._high)
        assert found is not None
        return found

    def first_from(self, seconds: float) -> int:
        """The first position of a latency that is not below a time."""
        if self._listed is not None:
            return int(np.searchsorted(self._listed, seconds))
        # As many positions lie before it as there are latencies up to the double before.
        return self._up_to(min(math.nextafter(seconds, -math.inf), self._high))

    def behind(self, position: int) -> int:
        """The first position of a larger latency than that at a position."""
        return position + 1 if self._listed is not None else self._up_to(self[position])

    def _up_to(self, seconds: float) -> int:
        return int(np.maximum(self._arrays.largest_part(seconds) - self._first + 1, 0).sum())


def latency_range(arrays: InstanceArrays) -> tuple[float, float] | None:
    """Smallest and largest attainable latency in seconds; None where no device can hold any student."""
    fits = arrays.largest > 0
    if not fits.any():
        return None
    shortest = (arrays.base + arrays.slope)[fits].min()
    longest = (arrays.base + arrays.slope * arrays.largest)[fits].max()
    return float(shortest), float(longest)


def smallest_threshold(
    arrays: InstanceArrays, reachable: Callable[[float], bool], low: float, high: float
) -> float | None:
    """Find the smallest candidate latency in (low, high] that is reachable.

    Parameters
    ----------
    arrays : InstanceArrays
        Owner of the latencies.
    reachable : callable
        Whether a threshold in seconds can be met; once true, true for all larger thresholds. Where that monotony
        fails, as with heuristics, the answer is still reachable, though not always the smallest.
    low : float
        A threshold that is known, or assumed, not to be reachable.
    high : float
        Where the search ends.

    Returns
    -------
    float or None
        A reachable threshold that equals some l(n, j, s); None if ``high`` is not reachable.
    """
    if not reachable(high):
        return None
    for _ in range(MAX_HALVINGS):
        if int((arrays.largest_part(high) - arrays.largest_part(low)).sum()) <= MAX_LISTED:
            break
        middle = 0.5 * (low + high)
        # No double lies between.
        if not low < middle < high:
            break
        low, high = (low, middle) if reachable(middle) else (middle, high)
    if math.nextafter(low, math.inf) >= high:
        # However many devices, students and sizes there are with this latency.
        return high
    candidates = latencies_between(arrays, low, high)
    if candidates.size == 0:
        return high
    # The largest candidate allows the same parts as high itself, so it is reachable.
    first, last = 0, len(candidates) - 1
    while first < last:
        middle_index = (first + last) // 2
        if reachable(float(candidates[middle_index])):
            last = middle_index
        else:
            first = middle_index + 1
    return float(candidates[last])
