"""Ties of the expected answer time and of the whole answer: the better partition, then less work, at the same value.

For ``failure`` and ``quantile`` a group's part may grow up to what its devices still deliver in time, so the partition
is looked for within these sizes; for the other objectives the sizes stay. Then devices go without which the value is
the same, students that make less work come in, and for ``failure`` the least work of all tied packings is looked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.lexicographic.least_failure import largest_served, tied_of_least_work
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.failure import check, value_of
from rocoin_opt.grouping import Reach, ThresholdProblem
from rocoin_opt.instance import ROUNDING, stretched
from rocoin_opt.plan import (
    IndexedGroup,
    Outcome,
    Phase,
    indexed_groups,
    labels_of,
    outage_of,
    plan_of,
    with_filters,
    work_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective, Plan

TIED = 0.5 * ROUNDING
"""Relative value up to which plans are tied: rounding."""
MOST_DEVICES = 200
"""Devices up to which each is left out by way of trial: as many values, a tenth of a second."""


def settle_answer(
    instance: Instance,
    objective: Objective,
    plan: Plan,
    control: Control,
    criterion: str = "ncut",
    effort: float = math.inf,
) -> Outcome:
    """Find a plan of the same value with a better partition, and then with less work.

    Parameters
    ----------
    instance : Instance
        What was given; its latencies are constant and its devices independent.
    objective : {'expected', 'failure', 'missing', 'quantile'}
        Whose value stays, up to rounding.
    plan : Plan
        A valid plan.
    control : Control
        Limit and seed.
    criterion : {'ncut', 'cut', 'resilient'}
        What partitions are judged by, where the instance has a graph.
    effort : float
        Sets that a search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        A valid plan. Filters are explicit where the instance has a graph and the time sufficed to choose them.
    """
    if control.exhausted or math.isinf(value_of(instance, plan, objective)):
        return Outcome(plan)
    if instance.knowledge.graph is None:
        control = control.entering("work")
        ties = _Ties(instance, objective, plan, control)
        found, is_least = ties.with_less_work(plan), False
        if objective == "failure":
            problem = ThresholdProblem(instance, "guaranteed", math.inf)
            tied = tied_of_least_work(problem, found, control, effort)
            found = ties.better(found, tied.plan)
            is_least = tied.is_least and work_of(instance, found) <= work_of(instance, tied.plan)
        return Outcome(found, phases=(Phase("work", is_least, was_cut=not is_least and control.exhausted),))
    if not control.has_time_for(PartSearch.seconds_to_begin(instance, criterion)):
        return Outcome(plan)
    control = control.entering("partition")
    ties = _Ties(instance, objective, plan, control)
    parts = PartSearch(instance, criterion, control)
    placed, labels = ties.with_best_parts(plan, parts)
    partition = Phase("partition", is_proven=False, was_cut=control.exhausted)
    # Sizes stay as they are from here on, and the labels with them.
    control = control.entering("work")
    lighter = with_filters(instance, ties.with_less_work(placed), labels)
    return Outcome(lighter, phases=(partition, Phase("work", is_proven=False, was_cut=control.exhausted)))


class _Ties:
    """What plans are compared with."""

    def __init__(self, instance: Instance, objective: Objective, plan: Plan, control: Control) -> None:
        self.instance, self.objective, self.control = instance, objective, control
        self.value = value_of(instance, plan, objective) * (1.0 + TIED)

    def is_tied(self, plan: Plan) -> bool:
        """Whether a plan is valid and has the value."""
        return not check(self.instance, plan) and value_of(self.instance, plan, self.objective) <= self.value

    def better(self, plan: Plan, other: Plan) -> Plan:
        """The one of less work, if both are tied."""
        lighter = work_of(self.instance, other) < work_of(self.instance, plan)
        return other if lighter and self.is_tied(other) else plan

    def with_best_parts(self, plan: Plan, parts: PartSearch) -> tuple[Plan, IntArray]:
        """The plan with sizes of the best partition that its groups can hold, without filters; and the part of each."""
        groups = indexed_groups(self.instance, plan)
        own = parts.sized(plan.sizes)
        if self.objective not in ("failure", "quantile"):
            return plan_of(self.instance, groups), own
        served = sorted(((self._largest(group), group.members, group) for group in groups), reverse=True)
        limits = tuple(largest for largest, *_ in served)
        cut = parts.polished(parts.within(limits), limits)
        new = [
            IndexedGroup(members, self._lightest(members, size, group), size)
            for (_, members, group), size in zip(served, cut.sizes, strict=True)
        ]
        found = plan_of(self.instance, new)
        known = parts.value(own)
        start = labels_of(self.instance, plan)
        if start is not None and parts.rank(parts.value(start)) < parts.rank(known):
            own, known = start, parts.value(start)
        if parts.rank(cut.value) < parts.rank(known) and self.is_tied(found):
            return found, cut.labels
        return plan_of(self.instance, groups), own

    def _reach(self) -> Reach:
        """What counts at the time that decides the value."""
        deadline = self.instance.requirements.deadline_seconds
        if self.objective == "quantile":
            return Reach.by(self.instance, self.value)
        return Reach.by(self.instance, math.inf if deadline is None else stretched(deadline))

    def _outage(self, group: IndexedGroup, reach: Reach) -> float:
        counted = [n for n in group.members if reach.counted[n, group.student] >= group.size]
        return outage_of(self.instance, counted)

    def _largest(self, group: IndexedGroup) -> int:
        """Largest part with which a group fails no more than it does now; its own at least."""
        reach = self._reach()
        outage, most = self._outage(group, reach), self.instance.knowledge.num_filters
        students = range(len(self.instance.students))
        found = [largest_served(self.instance, reach, list(group.members), j, outage, most) for j in students]
        return max([group.size, *found])

    def _lightest(self, members: Sequence[int], size: int, group: IndexedGroup) -> int:
        """The student of least work with which a group can hold a part and fails no more than it does now."""
        reach = self._reach()
        outage = self._outage(group, reach)
        able = [
            j
            for j in range(len(self.instance.students))
            if largest_served(self.instance, reach, list(members), j, outage, size) == size
        ]
        return min(able or [group.student], key=lambda j: self._seconds(members, j, size))

    def _seconds(self, members: Sequence[int], student: int, size: int) -> float:
        return float(self.instance.arrays.latency(list(members), student, size).sum())

    def with_less_work(self, plan: Plan) -> Plan:
        """Leave out devices without which the value is the same, the longest busy first; then try lighter students."""
        groups = indexed_groups(self.instance, plan)
        if len(self.instance.devices) > MOST_DEVICES:
            return plan
        busy = [
            (self._seconds([n], group.student, group.size), k, n)
            for k, group in enumerate(groups)
            for n in group.members
        ]
        for _, k, n in sorted(busy, reverse=True):
            rest = tuple(m for m in groups[k].members if m != n)
            if rest and not self.control.exhausted:
                groups = self._tried(groups, k, groups[k]._replace(members=rest))
        for k, group in enumerate(groups):
            for j in range(len(self.instance.students)):
                now = self._seconds(group.members, groups[k].student, group.size)
                if self._seconds(group.members, j, group.size) < now and not self.control.exhausted:
                    groups = self._tried(groups, k, group._replace(student=j))
        return plan_of(self.instance, groups)

    def _tried(self, groups: list[IndexedGroup], k: int, group: IndexedGroup) -> list[IndexedGroup]:
        """The groups with another one at a place, if that is as good."""
        changed = [*groups[:k], group, *groups[k + 1 :]]
        return changed if self.is_tied(plan_of(self.instance, changed)) else groups
