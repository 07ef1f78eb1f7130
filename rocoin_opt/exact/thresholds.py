"""Search over latency thresholds: guaranteed, nominal and worst take their value in the finite set {l(n, j, s)}."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance.arrays import FloatArray, InstanceArrays

MAX_LISTED = 20_000
"""Candidates that are listed and sorted; wider intervals are halved first."""
MAX_HALVINGS = 200
BELOW_ALL = -1.0
"""Below every latency: the threshold to search from where nothing better is known. A latency can be 0."""


def latencies_between(arrays: InstanceArrays, low: float, high: float) -> FloatArray:
    """All values of l(n, j, s) with low < l <= high that some plan could attain, ascending and without repetition."""
    first = arrays.largest_part(low) + 1
    counts = np.maximum(arrays.largest_part(high) - first + 1, 0).ravel()
    # Pair n, j stands counts[n, j] times, with the sizes from first[n, j] on.
    pairs = np.repeat(np.arange(counts.size), counts)
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    devices, students = np.unravel_index(pairs, first.shape)
    return np.unique(arrays.latency(devices, students, first.ravel()[pairs] + position))


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
        if not low < middle < high:
            break
        low, high = (low, middle) if reachable(middle) else (middle, high)
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
