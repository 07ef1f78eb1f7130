"""Students and part sizes for given groups: exact, by threshold search.

At a threshold T a group can hold a part as large as its best student allows; the groups' capacities add up. So the
bottleneck optimum is the smallest candidate latency at which they reach the number of filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.thresholds import BELOW_ALL, latency_range, smallest_threshold
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance, InstanceArrays, IntArray
    from rocoin_opt.plan import Objective, Plan

COVER_TOLERANCE = 1e-15
"""Slack on sums of cover shares, of the order of their rounding; every plan is checked again with exact products."""


def group_capacities(arrays: InstanceArrays, members: IntArray, parts: IntArray, objective: Objective) -> IntArray:
    """Largest part that groups deliver within a threshold, for each student.

    Parameters
    ----------
    arrays : InstanceArrays
        Owner of shares and memory limits.
    members : IntArray, K x L
        Device indices of each group; the number of devices, N, stands for none.
    parts : IntArray, N x J
        ``arrays.largest_part(T)``.
    objective : str
        What "within the threshold" means: for ``worst`` every replica, for ``guaranteed`` enough replicas to keep the
        outage limit, for ``nominal`` one replica. All of them must hold the part in memory.

    Returns
    -------
    IntArray, K x J
        0 where the student cannot serve.
    """
    nothing = np.zeros((1, parts.shape[1]), dtype=np.int64)
    anything = nothing + np.iinfo(np.int64).max
    if objective == "worst":
        slowest: IntArray = np.vstack([parts, anything])[members].min(axis=1)
        return slowest
    held: IntArray = np.vstack([arrays.largest, anything])[members].min(axis=1)
    timely = np.vstack([parts, nothing])[members]
    if objective == "nominal":
        return np.asarray(np.minimum(held, timely.max(axis=1)))
    order = np.argsort(-timely, axis=1, kind="stable")
    shares = np.append(arrays.cover_share, 0.0)[members]
    gathered = np.take_along_axis(np.broadcast_to(shares[:, :, None], timely.shape), order, axis=1)
    covered = np.cumsum(gathered, axis=1) >= 1.0 - COVER_TOLERANCE
    last = np.argmax(covered, axis=1)[:, None, :]
    level = np.take_along_axis(np.take_along_axis(timely, order, axis=1), last, axis=1)[:, 0, :]
    return np.where(covered[:, -1, :], np.minimum(held, level), 0)


def assign_sizes(
    instance: Instance, members: Sequence[Sequence[int]], objective: Objective
) -> tuple[list[tuple[int, int]], float] | None:
    """Find the students and part sizes that answer earliest, for given groups.

    Parameters
    ----------
    instance : Instance
        What was given.
    members : sequence of sequences of int
        Device indices of each group; each group keeps the outage limit.
    objective : {'guaranteed', 'nominal', 'worst'}
        Whose smallest value is wanted.

    Returns
    -------
    list of (student index, part size), float
        One pair a group, and the optimal objective value in seconds; None if the groups cannot hold all filters.
        Among the optimal sizes those are taken that leave the costliest replicas the least to do.
    """
    arrays, wanted = instance.arrays, instance.knowledge.num_filters
    limits = latency_range(arrays)
    if limits is None or not 1 <= len(members) <= wanted:
        return None

    width = max(map(len, members))
    # The index behind all devices stands for none.
    padded = np.array([[*group, *([len(arrays.failure)] * (width - len(group)))] for group in members])

    def capacities(threshold: float) -> IntArray:
        return group_capacities(arrays, padded, arrays.largest_part(threshold), objective)

    def reachable(threshold: float) -> bool:
        best = capacities(threshold).max(axis=1)
        return bool(best.min() >= 1 and best.sum() >= wanted)

    threshold = smallest_threshold(arrays, reachable, BELOW_ALL, limits[1])
    if threshold is None:
        return None
    by_student = capacities(threshold)
    sizes = _reduce(by_student.max(axis=1), wanted, [float(arrays.slope[list(g)].min(axis=1).sum()) for g in members])
    chosen = []
    for group, capacity, size in zip(members, by_student, sizes, strict=True):
        work = arrays.latency(list(group), slice(None), size).sum(axis=0)
        chosen.append((int(np.argmin(np.where(capacity >= size, work, np.inf))), int(size)))
    return chosen, threshold


def plan_with_best_sizes(instance: Instance, members: Sequence[Sequence[int]], objective: Objective) -> Plan | None:
    """Make the plan of given groups with optimal students and sizes; see :func:`assign_sizes`."""
    assigned = assign_sizes(instance, members, objective)
    if assigned is None:
        return None
    groups = [IndexedGroup(tuple(group), *served) for group, served in zip(members, assigned[0], strict=True)]
    return plan_of(instance, groups)


def _reduce(capacity: IntArray, wanted: int, cost_per_filter: list[float]) -> IntArray:
    """Cut capacities down to sizes that sum to ``wanted``, costliest groups first, none below one filter."""
    sizes = capacity.copy()
    excess = int(sizes.sum()) - wanted
    for k in sorted(range(len(sizes)), key=lambda k: -cost_per_filter[k]):
        cut = min(excess, int(sizes[k]) - 1)
        sizes[k] -= cut
        excess -= cut
    return sizes
