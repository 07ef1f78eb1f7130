"""Combinatorial lower bounds: what no plan can beat, in closed form.

The layer-cake bound counts, for each part size s, the groups of that size or more. Each needs devices that can deliver
s filters in time and whose cover shares sum to 1, and every device serves one group. So there are at most K of them, at
most the floor of the sum of such shares, and at most the devices that cover alone and, of the others, one group for
each few that it takes to cover. A plan holds as many filters as the sum of these counts over s, at most.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.thresholds import BELOW_ALL, latency_range, smallest_threshold

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import FloatArray, IntArray
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

ROUNDING = 1e-12
"""Relative step by which a computed bound is lowered: far more than its rounding."""
SAFETY = 1e-9
"""Slack by which sums of shares are rounded up before they are cut to whole groups: it only weakens the bound."""


def possible_groups(instance: Instance, parts: IntArray, objective: Objective) -> IntArray:
    """Largest number of groups of at least s filters that a threshold allows, for s = 1 .. M.

    Parameters
    ----------
    instance : Instance
        What was given.
    parts : IntArray, N x J
        ``arrays.largest_part(T)``.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the threshold.

    Returns
    -------
    IntArray, M
        Non-increasing upper bounds; their sum bounds the number of filters that find a place.
    """
    arrays = instance.arrays
    timely = parts.max(axis=1)
    if objective == "nominal":
        leaders = _sum_at_least(timely, np.ones(len(timely)), instance.knowledge.num_filters)
        counts = np.minimum(leaders, _covers(instance, arrays.largest.max(axis=1)))
    else:
        counts = _covers(instance, timely)
    return np.minimum(counts, instance.max_groups).astype(np.int64)


def admits_plan(instance: Instance, threshold: float, objective: Objective) -> bool:
    """Whether the layer-cake bound leaves room for a plan within a threshold; if not, there is none."""
    counts = possible_groups(instance, instance.arrays.largest_part(threshold), objective)
    return bool(counts.sum() >= instance.knowledge.num_filters and counts[0] >= instance.requirements.min_groups)


def combinatorial_bound(instance: Instance, objective: Objective) -> float | None:
    """Lower bound in seconds on the objective of every plan; None if the bound proves that there is no plan.

    For ``expected`` no answer comes before the nominal bound T, and none at all with a probability of
    :func:`smallest_failure_probability` or more, so ``E[min(X, D)] >= T + (D - T) P`` where T < D.
    """
    arrays = instance.arrays
    if objective == "expected":
        deadline = instance.requirements.deadline_seconds
        nominal = combinatorial_bound(instance, "nominal")
        if nominal is None or deadline is None or nominal >= deadline:
            return None if nominal is None else deadline
        return (nominal + (deadline - nominal) * smallest_failure_probability(instance)) * (1.0 - ROUNDING)
    limits = latency_range(arrays)
    if limits is None:
        return None
    return smallest_threshold(arrays, lambda t: admits_plan(instance, t, objective), BELOW_ALL, limits[1])


def smallest_failure_probability(instance: Instance) -> float:
    """Lower bound on the probability that some group never answers, for any plan.

    With g groups ``prod (1 - q_k)`` under ``prod q_k >= prod p_n`` is largest where all q_k are equal, because
    ln(1 - e^x) is concave; and it falls with g.
    """
    arrays = instance.arrays
    largest = int(arrays.largest.max())
    groups = max(instance.requirements.min_groups, math.ceil(instance.knowledge.num_filters / largest))
    with np.errstate(divide="ignore"):
        each = math.exp(float(np.log(arrays.failure).sum()) / groups)
    # Above 1 - 2^-53 a double is 1.
    return -math.expm1(groups * math.log1p(-min(each, 1.0 - 2.0**-53)))


def _covers(instance: Instance, sizes: IntArray) -> FloatArray:
    """For s = 1 .. M, the most disjoint covers that devices of at least that size can form."""
    share, num_filters = instance.arrays.cover_share, instance.knowledge.num_filters
    by_share = np.floor(_sum_at_least(sizes, share, num_filters) + SAFETY)
    alone = share >= 1.0 - SAFETY
    # The fewest of the devices that do not cover alone that can cover at all.
    together = np.cumsum(np.sort(share[~alone & (sizes > 0)])[::-1]) >= 1.0 - SAFETY
    fewest = int(np.argmax(together)) + 1 if together.any() else len(share) + 1
    others = np.floor(_sum_at_least(sizes, (~alone).astype(np.float64), num_filters) / fewest)
    return np.minimum(by_share, _sum_at_least(sizes, alone.astype(np.float64), num_filters) + others)


def _sum_at_least(sizes: IntArray, values: FloatArray, num_filters: int) -> FloatArray:
    """For s = 1 .. M, the sum of the values whose size is at least s."""
    by_size: FloatArray = np.bincount(sizes, weights=values, minlength=num_filters + 1).astype(np.float64)
    return np.cumsum(by_size[::-1])[::-1][1:]
