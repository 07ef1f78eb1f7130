"""Students and part sizes for given groups: exact, by threshold search.

At a threshold T a group can hold a part as large as its best student allows; the groups' capacities add up. So the
bottleneck optimum is the smallest candidate latency at which they reach the number of filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.grouping.thresholds import BELOW_ALL, latency_range, smallest_threshold
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective, Plan


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
        Objective to minimise.

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

    def capacities(threshold: float) -> IntArray:
        problem = ThresholdProblem(instance, objective, threshold)
        padded = problem.padded(members)
        return problem.by_student_if_late(padded) if objective == "guaranteed" else problem.by_student(padded)

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
        # Latency is settled: of the students that hold the part, the one that keeps replicas busy least.
        work = arrays.latency(list(group), slice(None), size).sum(axis=0)
        chosen.append((int(np.argmin(np.where(capacity >= size, work, np.inf))), int(size)))
    return chosen, threshold


def plan_with_best_sizes(instance: Instance, members: Sequence[Sequence[int]], objective: Objective) -> Plan | None:
    """Make the plan of given groups with the students and part sizes that answer earliest.

    Parameters
    ----------
    instance : Instance
        What was given.
    members : sequence of sequences of int
        Device indices of each group; each group keeps the outage limit.
    objective : {'guaranteed', 'nominal', 'worst'}
        Objective to minimise.

    Returns
    -------
    Plan or None
        None if the groups cannot hold all filters.
    """
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
