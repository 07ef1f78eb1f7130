"""Combinatorial lower bounds: what no plan can beat, in closed form.

The counting bound by part size (a layer-cake sum) counts, for each size s, the groups of that size or more. Each needs
devices that can deliver s filters in time and whose cover shares sum to 1, and every device serves one group. So there
are at most K of them, at most the floor of the sum of such shares, and at most the devices that cover alone and, of the
others, one group for each few that it takes to cover. A plan holds as many filters as the sum of these counts over s,
at most.

The counts change only where s passes the largest part of some device, so that they cost no more for a million filters
than for a thousand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from rocoin_opt.grouping.covering import coverage_of
from rocoin_opt.grouping.thresholds import BELOW_ALL, latency_range, smallest_threshold
from rocoin_opt.instance import ROUNDING, SAFETY, stretched, weight_with_domain
from rocoin_opt.plan import ANSWER_OBJECTIVES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import FloatArray, Instance, InstanceArrays, IntArray
    from rocoin_opt.plan import Objective


_KNOWN: WeakKeyDictionary[InstanceArrays, dict[Objective, float | None]] = WeakKeyDictionary()
"""Bounds by the arrays of their instance, which no other instance has: a search asks for them several times."""


@dataclass(frozen=True, eq=False)
class Levels:
    """How many disjoint groups can hold parts of at least some sizes: at most ``limits[r]`` of ``sizes[r]`` or more.

    Attributes
    ----------
    sizes : IntArray, R
        Ascending from 1; only those from which on fewer groups are possible than before.
    limits : IntArray, R
        Descending.
    """

    sizes: IntArray
    limits: IntArray

    def rows_of(self, size: int) -> int:
        """How many of the limits count a group of this size."""
        return int(np.searchsorted(self.sizes, size, side="right"))

    def groups_of(self, size: int) -> int:
        """Most groups of this size or more."""
        return int(self.limits[self.rows_of(size) - 1])

    def largest_of(self, groups: int, num_filters: int) -> int:
        """Largest size, up to that of all filters, of which so many groups are possible; 0 where there is none."""
        rows = int(np.count_nonzero(self.limits >= groups))
        return num_filters if rows == len(self.sizes) else int(self.sizes[rows]) - 1

    def room(self, num_filters: int) -> int:
        """Filters that find a place at most: the sum over all sizes up to ``num_filters`` of what is possible."""
        return int(np.diff(self.sizes, append=num_filters + 1) @ self.limits)


def possible_groups(instance: Instance, parts: IntArray, objective: Objective) -> Levels:
    """Largest number of groups of at least s filters that a threshold allows, for every s from 1 to M.

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
    Levels
        Upper bounds.
    """
    arrays = instance.arrays
    timely = parts.max(axis=1)
    # For ``nominal`` one device of a group has to be in time; the others only hold the part.
    held = arrays.largest.max(axis=1) if objective == "nominal" else timely
    # From one size of a device to the next nothing changes.
    steps = np.unique(np.concatenate([[0], timely, held]))
    firsts = steps[steps < instance.knowledge.num_filters] + 1
    counts = _covers(instance, held, firsts)
    coverage = coverage_of(instance)
    if coverage is not None:
        # Shares promise more than devices of one domain hold: all of a size together may not do for one group.
        order = np.argsort(-held, kind="stable")
        length = coverage.shortest_prefix(order.tolist())
        largest = 0 if length is None else int(held[order[length - 1]])
        counts = np.where(firsts <= largest, counts, 0.0)
    if objective == "nominal":
        counts = np.minimum(sums_at_least(timely, np.ones((1, len(timely))), firsts)[0], counts)
    limits = np.minimum(counts, instance.max_groups).astype(np.int64)
    falls = np.flatnonzero(np.diff(limits, prepend=limits[0] + 1))
    return Levels(firsts[falls], limits[falls])


def admits_plan(instance: Instance, threshold: float, objective: Objective) -> bool:
    """Whether the counting bound leaves room for a plan within a threshold; if not, there is none.

    Parameters
    ----------
    instance : Instance
        What was given.
    threshold : float
        T in seconds.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the threshold.
    """
    levels = possible_groups(instance, instance.arrays.largest_part(threshold), objective)
    wanted, fewest = instance.knowledge.num_filters, instance.requirements.min_groups
    return levels.room(wanted) >= wanted and bool(levels.limits[0] >= fewest)


def combinatorial_bound(
    instance: Instance, objective: Objective, stopped: Callable[[], bool] = lambda: False
) -> float | None:
    """Lower bound on the objective of every plan, in its unit; None if the bound proves that there is no plan.

    No answer comes before the nominal bound, whatever the level of ``quantile``; ``failure`` is 0 at least, ``missing``
    what :func:`least_missing_share` says.
    For ``expected`` no answer comes before the nominal bound T, and none at all with a probability of
    :func:`smallest_failure_probability` or more, so ``E[min(X, D)] >= T + (D - T) P`` where T < D.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : str
        Any.
    stopped : callable
        Whether to end early, with a bound that may be smaller; asked before each threshold but the first.
    """
    known = _KNOWN.setdefault(instance.arrays, {})
    if objective in known:
        return known[objective]
    bound = _combinatorial_bound(instance, objective, stopped)
    if not stopped():
        known[objective] = bound
    return bound


def _combinatorial_bound(instance: Instance, objective: Objective, stopped: Callable[[], bool]) -> float | None:
    arrays = instance.arrays
    if objective == "expected":
        deadline = instance.requirements.deadline_seconds
        nominal = combinatorial_bound(instance, "nominal", stopped)
        if nominal is None or deadline is None or nominal >= deadline:
            # No answer comes in time: all time up to the deadline is lost.
            return None if nominal is None else deadline
        return (nominal + (deadline - nominal) * smallest_failure_probability(instance)) * (1.0 - ROUNDING)
    if objective == "quantile":
        return combinatorial_bound(instance, "nominal", stopped)
    limits = latency_range(arrays)
    if limits is None:
        return None
    if objective in ANSWER_OBJECTIVES:
        if not admits_plan(instance, limits[1], "nominal"):
            return None
        return least_missing_share(instance) if objective == "missing" else 0.0
    asked: list[float] = []
    refuted = 0.0

    def reachable(threshold: float) -> bool:
        nonlocal refuted
        if asked and stopped():
            raise _Stopped
        asked.append(threshold)
        admitted = admits_plan(instance, threshold, objective)
        refuted = refuted if admitted else max(refuted, threshold)
        return admitted

    try:
        return smallest_threshold(arrays, reachable, BELOW_ALL, limits[1])
    except _Stopped:
        # No plan answers within what was refuted.
        return refuted


class _Stopped(Exception):  # noqa: N818 - no error: it ends a bisection
    """There is no time for another threshold."""


def smallest_failure_probability(instance: Instance) -> float:
    """Lower bound on the probability that some group never answers, for any plan.

    With g groups ``prod (1 - q_k)`` under ``prod q_k >= prod p_n`` is largest where all q_k are equal, because
    ln(1 - e^x) is concave; and it falls with g.
    """
    arrays = instance.arrays
    largest = int(arrays.largest.max())
    # More groups fail more often: the fewest that a plan can have are on the safe side.
    groups = max(instance.requirements.min_groups, math.ceil(instance.knowledge.num_filters / largest))
    with np.errstate(divide="ignore"):
        each = math.exp(float(np.log(arrays.failure).sum()) / groups)
    # Above 1 - 2^-53 a double is 1.
    return -math.expm1(groups * math.log1p(-min(each, 1.0 - 2.0**-53)))


def least_missing_share(instance: Instance) -> float:
    """Lower bound on the expected share of filters that are missing at the deadline, for any plan.

    The share is a mean over the filters of ``e^-W``, W the weight ``-ln q`` of the filter's group. A device of weight w
    that delivers S filters in time adds no more than w S to the sum of these weights, and ``e^-x`` is convex: equal
    weights are best. Of some heaviest devices it is granted that what they hold never fails; the best bound counts.
    Under laws, where a device may be faster than its constants say, it is 0.
    """
    if instance.has_random_latencies:
        return 0.0
    arrays, filters = instance.arrays, instance.knowledge.num_filters
    deadline = instance.requirements.deadline_seconds
    timely = arrays.largest if deadline is None else arrays.largest_part(stretched(deadline))
    most = np.minimum(timely.max(axis=1), filters).astype(np.float64)
    falls = {domain.id: domain.failure_probability for domain in instance.failure_domains}
    of_domains = np.array([falls.get(device.failure_domain or "", 0.0) for device in instance.devices])
    with np.errstate(divide="ignore"):
        weights = np.asarray(weight_with_domain(np.asarray(-np.log(arrays.failure)), of_domains))
    order = np.argsort(-weights, kind="stable")
    order = order[most[order] > 0.0]
    weights, most = weights[order], most[order]
    added = np.where(np.isfinite(weights), weights, 0.0) * most
    # What the heaviest ones leave, and what the others add: none is left out where all are finite.
    held = np.concatenate([[0.0], np.cumsum(most)])
    rest = np.concatenate([np.cumsum(added[::-1])[::-1], [0.0]]) * (1.0 + ROUNDING)
    first = int(np.count_nonzero(np.isinf(weights)))
    left = filters - held[first:]
    kept = left > 0.0
    if not kept.any():
        return 0.0
    bounds = left[kept] / filters * np.exp(-rest[first:][kept] / left[kept])
    return float(bounds.max()) * (1.0 - ROUNDING)


def sums_at_least(sizes: IntArray, values: FloatArray, firsts: IntArray) -> FloatArray:
    """For each of some sizes, sums of what stands at that size or a larger one.

    Parameters
    ----------
    sizes : IntArray, N
        Where the values stand.
    values : FloatArray, V x N
        V values at each place.
    firsts : IntArray, F
        Sizes from which on they are summed.

    Returns
    -------
    FloatArray, V x F
    """
    steps, place = np.unique(sizes, return_inverse=True)
    by_size = np.array([np.bincount(place, weights=row, minlength=len(steps)) for row in values])
    reached = np.zeros((len(values), len(steps) + 1))
    reached[:, :-1] = np.cumsum(by_size[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(reached[:, np.searchsorted(steps, firsts)])


def _covers(instance: Instance, sizes: IntArray, firsts: IntArray) -> FloatArray:
    """For each of some sizes, the most disjoint covers that devices of at least that size can form."""
    share = instance.arrays.cover_share
    alone = share >= 1.0 - SAFETY
    shares, able, others = sums_at_least(sizes, np.array([share, alone, ~alone]), firsts)
    # The fewest of the devices that do not cover alone that can cover at all.
    together = np.cumsum(np.sort(share[~alone & (sizes > 0)])[::-1]) >= 1.0 - SAFETY
    fewest = int(np.argmax(together)) + 1 if together.any() else len(share) + 1
    # Rounded up before they are cut to whole groups: no group is lost.
    return np.asarray(np.minimum(np.floor(shares + SAFETY), able + np.floor(others / fewest)))
