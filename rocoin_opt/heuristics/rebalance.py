"""Sizes and students of given groups whose devices queue for channels, improved step by step.

On a channel the parts of all groups decide together when one of them answers, so that no group has a best size of its
own. Filters move from the groups that set the latency to others, and these groups try other students, as long as the
latency falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure import value_of
from rocoin_opt.plan import IndexedGroup, group_timings, indexed_groups, plan_of, structural_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

MOVES = (32, 16, 8, 4, 2, 1)
"""Filters that are moved at a time."""


def rebalance(instance: Instance, objective: Objective, plan: Plan, control: Control) -> Plan:
    """Improve sizes and students of a plan until no single step lowers its latency.

    Parameters
    ----------
    instance : Instance
        Constant latencies.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    plan : Plan
        A valid plan.
    control : Control
        Limit of the search.
    """
    best, value = plan, value_of(instance, plan, objective)
    is_better = True
    while is_better and not control.exhausted:
        is_better = False
        for groups in _steps(instance, objective, best):
            then = plan_of(instance, groups)
            if value_of(instance, then, objective) < value and not structural_violations(instance, then):
                best, value, is_better = then, value_of(instance, then, objective), True
                break
            if control.exhausted:
                break
    return best


def _steps(instance: Instance, objective: Objective, plan: Plan) -> Iterator[list[IndexedGroup]]:
    """Plans after one step: filters of the latest groups in earlier ones, large moves first; then other students."""
    groups, timings = indexed_groups(instance, plan), group_timings(instance, plan)
    times = [_answer(timing.seconds, timing.guaranteed_seconds, objective) for timing in timings]
    by_time = sorted(range(len(groups)), key=times.__getitem__)
    # Whoever is late may wait for others, which then have to shrink for it.
    for giver in reversed(by_time):
        for moved in (move for move in MOVES if move < groups[giver].size):
            for taker in by_time:
                if taker == giver:
                    continue
                less = _with_size(instance, groups[giver], groups[giver].size - moved)
                more = _with_size(instance, groups[taker], groups[taker].size + moved)
                if less is not None and more is not None:
                    found = list(groups)
                    found[giver], found[taker] = less, more
                    yield found
    latest = by_time[-1]
    able = instance.arrays.largest[list(groups[latest].members)].min(axis=0) >= groups[latest].size
    for j in np.flatnonzero(able).tolist():
        if j != groups[latest].student:
            yield [*groups[:latest], groups[latest]._replace(student=j), *groups[latest + 1 :]]


def _with_size(instance: Instance, group: IndexedGroup, size: int) -> IndexedGroup | None:
    """The group with another size, and the student that is fastest alone; None where none can run that."""
    members = list(group.members)
    able = instance.arrays.largest[members].min(axis=0) >= size
    if not able.any():
        return None
    seconds = instance.arrays.latency(members, slice(None), size).sum(axis=0)
    return group._replace(student=int(np.argmin(np.where(able, seconds, np.inf))), size=size)


def _answer(seconds: tuple[float, ...], guaranteed: float | None, objective: Objective) -> float:
    """The time of a group that an objective counts, in seconds.

    Parameters
    ----------
    seconds : tuple of float
        When its replicas answer, ascending.
    guaranteed : float or None
        When it keeps the outage limit.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    """
    if objective == "nominal":
        return seconds[0]
    return seconds[-1] if objective == "worst" or guaranteed is None else guaranteed
