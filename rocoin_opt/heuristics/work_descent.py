"""Less work for the groups of a plan, one change at a time: no proof, but as good for a thousand devices as for ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import ROUNDING
from rocoin_opt.plan import IndexedGroup, rules_allow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import BoolArray

MAX_ROUNDS = 20
"""Passes over all groups; a descent mostly ends within five."""
TRIES = 20
"""Spares that are tried for a replica, cheapest first, where failure domains or rules may stand against them."""
LEAST_GAIN = ROUNDING
"""Relative gain below which a change is taken for rounding."""


def descend_work(
    problem: ThresholdProblem, served: Sequence[IndexedGroup], control: Control, *, free_sizes: bool
) -> list[IndexedGroup]:
    """Leave out superfluous replicas, then let groups descend to less work.

    A step gives a group its cheapest student, exchanges a replica for a spare one, or hands filters from costly groups
    to cheap ones.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    served : sequence of IndexedGroup
        Groups of a valid plan whose value is within the threshold.
    control : Control
        Limit; where it is exhausted the descent stops.
    free_sizes : bool
        Whether part sizes may change.

    Returns
    -------
    list of IndexedGroup
        As many groups, each without a superfluous replica, and no more work.
    """
    current = [group if control.exhausted else _without_superfluous(problem, group) for group in served]
    spent = _work(problem, current)
    for _ in range(MAX_ROUNDS):
        if control.exhausted:
            break
        spares = np.ones(len(problem.weights), dtype=bool)
        spares[[n for group in current for n in group.members]] = False
        changed: list[IndexedGroup] = []
        for group in current:
            if control.exhausted:
                # Whoever has not had a turn stays as it is.
                changed += current[len(changed) :]
                break
            cheapest = cheapest_student(problem, group.members, group.size)
            changed.append(_without_superfluous(problem, _with_cheaper_spare(problem, cheapest, spares)))
            # Whom a group lets go the next ones may take.
            spares[list(group.members)] = True
            spares[list(changed[-1].members)] = False
        if free_sizes:
            changed = _with_cheapest_sizes(problem, changed)
        work = _work(problem, changed)
        if work >= spent * (1.0 - LEAST_GAIN):
            break
        current, spent = changed, work
    return current


def cheapest_student(problem: ThresholdProblem, members: Sequence[int], size: int) -> IndexedGroup:
    """Let a group that can take a part of some size do so with the student that makes it the least work.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    members : sequence of int
        Device indices.
    size : int
        Part size in filters.
    """
    work = problem.costs.latency(list(members), slice(None), size).sum(axis=0)
    able = problem.by_student(np.array([members]))[0] >= size
    return IndexedGroup(tuple(members), int(np.where(able, work, np.inf).argmin()), size)


def _work(problem: ThresholdProblem, served: Sequence[IndexedGroup]) -> float:
    latency = problem.costs.latency
    return float(sum(latency(list(group.members), group.student, group.size).sum() for group in served))


def without_late(problem: ThresholdProblem, group: IndexedGroup) -> IndexedGroup:
    """Leave out what is late: it only adds work, and no threshold objective but ``nominal`` has use for it."""
    if problem.led:
        return group
    return group._replace(members=tuple(n for n in group.members if problem.timely[n, group.student] >= group.size))


def _without_superfluous(problem: ThresholdProblem, group: IndexedGroup) -> IndexedGroup:
    """Leave out what is late, then the costliest replicas without which the group still serves."""
    j, members = group.student, list(without_late(problem, group).members)
    latencies = problem.costs.latency(members, j, group.size)
    for n in [members[position] for position in np.argsort(-latencies, kind="stable")]:
        rest = [other for other in members if other != n]
        if problem.keeps_limit(rest) and problem.by_student(np.array([rest]))[0, j] >= group.size:
            members = rest
    return IndexedGroup(tuple(members), j, group.size)


def _with_cheaper_spare(problem: ThresholdProblem, group: IndexedGroup, spares: BoolArray) -> IndexedGroup:
    """Make the exchange of one replica for a spare that saves the most."""
    j, size = group.student, group.size
    able = np.flatnonzero(spares & (problem.allowed[:, j] >= size))
    costs = problem.costs.latency(able, j, size)
    best, saved = group, 0.0
    for n in group.members:
        others = [m for m in group.members if m != n]
        gathered = problem.weights[others].sum() + problem.weights[able]
        usable = gathered >= problem.need
        # With the only leader gone the spare has to be in time itself.
        if problem.led and (problem.timely[others, j] < size).all():
            usable &= problem.timely[able, j] >= size
        now = float(problem.costs.latency(n, j, size))
        gains = np.where(usable, now - costs, 0.0)
        for at in np.argsort(-gains, kind="stable")[:TRIES].tolist():
            if gains[at] <= max(saved, LEAST_GAIN * now):
                break
            found = tuple(sorted([*others, int(able[at])]))
            # Weights add up only where nothing ties devices together.
            is_cover = problem.coverage is None or problem.keeps_limit(found)
            if is_cover and rules_allow(problem.instance, found):
                saved, best = float(gains[at]), IndexedGroup(found, j, size)
                break
    return best


def _with_cheapest_sizes(problem: ThresholdProblem, served: Sequence[IndexedGroup]) -> list[IndexedGroup]:
    """Hand filters to the groups that spend the least on one, each within what its student can do in time."""
    most = [int(problem.by_student(np.array([group.members]))[0, group.student]) for group in served]
    slopes = [float(problem.costs.slope[list(group.members), group.student].sum()) for group in served]
    sizes = cheapest_sizes([1] * len(served), most, slopes, sum(group.size for group in served))
    return [group._replace(size=size) for group, size in zip(served, sizes, strict=True)]


def cheapest_sizes(least: Sequence[int], most: Sequence[int], slopes: Sequence[float], wanted: int) -> list[int]:
    """Part sizes within limits that sum to ``wanted``, for the least sum of slope times size; ties to the first.

    Parameters
    ----------
    least, most : sequence of int
        Smallest and largest part of each group.
    slopes : sequence of float
        What one filter more costs each group, in device-seconds.
    wanted : int
        Sum of the sizes; it lies between the sums of the limits.
    """
    sizes = list(least)
    left = wanted - sum(sizes)
    for k in sorted(range(len(sizes)), key=lambda k: slopes[k]):
        more = min(left, most[k] - sizes[k])
        sizes[k] += more
        left -= more
    return sizes
