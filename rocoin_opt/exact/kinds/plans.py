"""Plans of packings by kinds: students and part sizes at a threshold, and devices in the place of their kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from rocoin_opt.grouping import KindsProblem
    from rocoin_opt.instance import IntArray
    from rocoin_opt.plan import Plan


def plan_of_kinds(problem: KindsProblem, vectors: IntArray, times: IntArray) -> Plan:
    """Make a plan of disjoint groups that hold all filters within a threshold; it wants to be checked.

    Parameters
    ----------
    problem : KindsProblem
        Instance, kinds, objective and threshold.
    vectors : IntArray, C x I
        Groups, as counts of each kind.
    times : IntArray, C
        How often each is taken.
    """
    kinds = [tuple(np.repeat(np.arange(len(vector)), vector).tolist()) for vector in vectors]
    largest = np.column_stack([problem.by_student(problem.padded(kinds))])
    slopes = np.array([problem.arrays.slope[list(group)].min(axis=1).sum() for group in kinds])
    groups = np.repeat(np.arange(len(kinds)), times)
    sizes = largest.max(axis=1)[groups]
    excess = int(sizes.sum()) - problem.wanted
    # The groups whose filters cost most give up what is too much.
    for place in np.argsort(-slopes[groups], kind="stable").tolist():
        if excess <= 0:
            break
        cut = min(excess, int(sizes[place]) - 1)
        sizes[place] -= cut
        excess -= cut
    students: dict[tuple[int, int], int] = {}
    for group, size in zip(groups.tolist(), sizes.tolist(), strict=True):
        if (group, size) not in students:
            work = problem.arrays.latency(list(kinds[group]), slice(None), size).sum(axis=0)
            students[group, size] = int(np.argmin(np.where(largest[group] >= size, work, np.inf)))
    members = problem.kinds.expanded([kinds[group] for group in groups.tolist()])
    served = [
        IndexedGroup(devices, students[group, size], size)
        for devices, group, size in zip(members, groups.tolist(), sizes.tolist(), strict=True)
    ]
    return plan_of(problem.instance, served)
