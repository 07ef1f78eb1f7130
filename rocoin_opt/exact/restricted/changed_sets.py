"""Plans of few devices that change few loads of an older plan and answer surely enough, over all sets of devices.

A set can be a new group, each of whose devices is a load, or go on as an old group with its student and part, where
only the others are. Each old group goes on once at most: it counts as one more device that no two sets share.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer import (
    Asked,
    Energy,
    JointRows,
    can_serve,
    mask_of,
    members,
    search_rows,
    serving_sets_by_student,
)
from rocoin_opt.exact.restricted.sized_sets import SizedSets
from rocoin_opt.failure import allowed_failure, missed_success, value_of
from rocoin_opt.grouping import Reach
from rocoin_opt.instance import ROUNDING, SharedFailures, stretched
from rocoin_opt.plan import IndexedGroup, continuation, indexed_groups, plan_of, structural_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Objective, Plan

FEW_DEVICES = 14
"""Devices up to which all sets are tried."""
EFFORT = 100_000_000
"""Sets that one search looks at, times states and domains: some ten seconds, compiled."""


class ChangedSets:
    """What groups of an instance's devices can be made of an older plan.

    Parameters
    ----------
    instance : Instance
        What is left: constant latencies, any failure domains, rules and limits, few devices.
    old : Plan
        The plan so far, which may name devices that the instance does not have any more.
    control : Control
        Limit.
    """

    def __init__(self, instance: Instance, old: Plan, control: Control) -> None:
        self.instance, self.control = instance, control
        self.sets = SizedSets(instance, control, is_sure=True)
        known, students = instance.arrays.device_index, instance.arrays.student_index
        self.old: list[IndexedGroup] = []
        for group in old.groups:
            left = tuple(known[name] for name in group.devices if name in known)
            if left and group.student in students:
                self.old.append(IndexedGroup(left, students[group.student], group.num_filters))

    @property
    def is_listed(self) -> bool:
        """Whether all sets are at hand."""
        return self.sets.is_listed

    def least_failure(
        self, reach: Reach, max_loads: int, limit: float, *, is_any: bool = False
    ) -> tuple[Plan | None, float, bool]:
        """The plan of least failure within a limit on loads, or any that fails rarely enough.

        Parameters
        ----------
        reach : Reach
            What the devices can do, and in what time.
        max_loads : int
            Devices that may be sent a student.
        limit : float
            Failure probability that the plan has to be below.
        is_any : bool
            Whether any such plan will do.

        Returns
        -------
        Plan or None, float, bool
            The plan; what none fails less often than, or the limit; and whether all were tried.
        """
        if not self.is_listed or self.control.exhausted:
            return None, limit, False
        instance, shared = self.instance, self.sets.shared
        sets, student = serving_sets_by_student(instance, reach, self.control, min(limit, 1.0))
        listed = [self._new(sets.masks, sets.counted, sets.outage, sets.largest, student)]
        listed += [self._going_on(reach, g) for g in range(len(self.old))]
        masks, counted, outage, least, spare, loads, student, place = (
            np.concatenate([part[column] for part in listed]) for column in range(8)
        )
        kept = np.flatnonzero(loads <= max_loads)
        kept = kept[np.lexsort((outage[kept], (masks & -masks)[kept]))]
        if len(kept) == 0:
            return None, limit, sets.complete
        energy = Energy.of(instance, masks, student)
        spent = Energy(student, energy.first + energy.per_filter * (least - 2), energy.per_filter, energy.limit)
        rows = JointRows(
            *(masks[kept], counted[kept], outage[kept], least[kept], spare[kept]),
            *(np.zeros(len(kept), dtype=np.int64), loads[kept], spent.taken(kept)),
        )
        requirements = instance.requirements
        groups = requirements.min_groups, instance.max_groups
        asked = Asked(
            instance.knowledge.num_filters,
            groups,
            instance.restrictions.used_bits,
            loads=max_loads,
            is_any=is_any,
        )
        found, sizes, bound, ended = search_rows(rows, asked, shared, shared.failure, limit, self.control, EFFORT)
        finished = ended and sets.complete
        served = []
        for row, size in zip(found, sizes, strict=True):
            at = kept[row]
            devices = members(int(masks[at]) & (1 << len(instance.devices)) - 1)
            group = self._served(reach, devices, size, float(outage[at]), int(student[at]), int(place[at]))
            if group is None:
                return None, limit, False
            served.append(group)
        plan = plan_of(instance, served) if served else None
        if plan is None or structural_violations(instance, plan):
            return None, limit, finished and plan is None
        return plan, bound * (1.0 - 4.0 * ROUNDING), finished

    def _new(
        self, masks: IntArray, counted: IntArray, outage: FloatArray, largest: IntArray, student: IntArray
    ) -> tuple[IntArray | FloatArray, ...]:
        """New groups: every device is a load.

        Parameters
        ----------
        masks, counted, outage, largest, student
            Sets, those in time and their outage, the largest part and the student, or -1 for any.
        """
        loads = np.array([mask.bit_count() for mask in masks.tolist()], dtype=np.int64)
        nothing = np.zeros(len(masks), dtype=np.int64)
        return masks, counted, outage, nothing + 1, largest - 1, loads, student, nothing - 1

    def _going_on(self, reach: Reach, g: int) -> tuple[IntArray | FloatArray, ...]:
        """Sets that go on as an old group, whose part they have to take exactly."""
        group = self.old[g]
        masks, counted, outage = self.sets.able(reach, group.size, [group.student])
        own = mask_of(group.members)
        loads = np.array([(mask & ~own).bit_count() for mask in masks.tolist()], dtype=np.int64)
        nothing = np.zeros(len(masks), dtype=np.int64)
        marked = masks | 1 << len(self.instance.devices) + g
        return marked, counted, outage, nothing + group.size, nothing, loads, nothing + group.student, nothing + g

    def _served(
        self, reach: Reach, devices: list[int], size: int, outage: float, student: int, place: int
    ) -> IndexedGroup | None:
        """A group with its student, or any one with which it fails no more often.

        Parameters
        ----------
        reach : Reach
            What the devices can do.
        devices : list of int
            The group.
        size : int
            Its part.
        outage : float
            Probability that nobody in time answers.
        student : int
            Which one they run; -1 for any.
        place : int
            Which old group goes on; -1 for none.
        """
        if place >= 0:
            return IndexedGroup(tuple(devices), student, size)
        work = self.instance.arrays.latency(devices, slice(None), size).sum(axis=0)
        for j in np.argsort(work, kind="stable").tolist() if student < 0 else [student]:
            if can_serve(self.instance, reach, devices, j, size, outage):
                return IndexedGroup(tuple(devices), j, size)
        return None


def limit_on(failure: float) -> float:
    """What a search has to stay below for a failure probability that is allowed, with room for rounding."""
    if failure >= 1.0:
        return math.inf
    return max(failure * (1.0 + 3.0 * ROUNDING), math.nextafter(0.0, 1.0))


class SureReplanning:
    """Answers of few devices' sets, and a descent for more of them.

    Parameters
    ----------
    instance : Instance
        What is left: constant latencies; any failure domains, rules and limits.
    old : Plan
        The plan so far, without filters.
    objective : {'guaranteed', 'nominal', 'worst', 'failure'}
        What is minimised.
    max_loads : int
        Devices that may be sent a student.
    control : Control
        Limit.
    """

    def __init__(self, instance: Instance, old: Plan, objective: Objective, max_loads: int, control: Control) -> None:
        self.instance, self.old, self.objective, self.max_loads = instance, old, objective, max_loads
        self.control = control
        self.allowed = allowed_failure(instance)
        self.is_few = len(instance.devices) <= FEW_DEVICES
        self._sets: ChangedSets | None = None

    @property
    def is_asked(self) -> bool:
        """Whether ``min_success`` is asked for, as more than what every plan keeps."""
        return self.allowed < 1.0

    @property
    def is_better(self) -> bool:
        """Whether the sets of few devices prove what no sum over groups can state."""
        return self.is_few and len(SharedFailures(self.instance).names) > 0

    @property
    def sets(self) -> ChangedSets:
        """All sets of devices, listed when they are first needed."""
        if self._sets is None:
            self._sets = ChangedSets(self.instance, self.old, self.control)
        return self._sets

    def any_plan(self, max_loads: int) -> tuple[Plan | None, bool]:
        """A plan that answers surely enough with so many loads, and whether it is proven that there is none."""
        return self._found(self._by_deadline(), max_loads)

    def within(self, threshold: float) -> tuple[Plan | None, bool]:
        """The same within a latency."""
        return self._found(Reach.within(self.instance, self.objective, threshold), self.max_loads)

    def least_failure(self, value: float) -> tuple[Plan | None, float | None]:
        """A plan that fails less often than a known one, and a lower bound on the failure of all."""
        if not self.is_few or value <= 0.0:
            return None, None
        limit = value * (1.0 - ROUNDING) if value < 1.0 else math.inf
        plan, bound, finished = self.sets.least_failure(self._by_deadline(), self.max_loads, limit)
        return plan, min(bound, value) * (1.0 - 4.0 * ROUNDING) if finished else None

    def surer(self, plan: Plan, seconds: float = math.inf) -> Plan:
        """Take moves that make the answer surer, within the limit on loads and a latency, until it is sure enough."""
        instance = self.instance
        failure = value_of(instance, plan, "failure")
        while failure > self.allowed and not self.control.exhausted:
            before = failure
            for other in neighbours(instance, plan):
                if self.control.exhausted:
                    break
                found = value_of(instance, other, "failure")
                if found < failure and self._is_kept(other, seconds):
                    plan, failure = other, found
                    break
            if failure >= before:
                break
        return plan

    def _is_kept(self, plan: Plan, seconds: float) -> bool:
        """Whether a plan keeps all else that is asked of it."""
        is_within = len(continuation(self.instance, self.old, plan).loads) <= self.max_loads
        is_early = seconds == math.inf or value_of(self.instance, plan, self.objective) <= seconds
        return is_within and is_early and not structural_violations(self.instance, plan)

    def _found(self, reach: Reach, max_loads: int) -> tuple[Plan | None, bool]:
        if not self.is_few:
            return None, False
        limit = limit_on(self.allowed)
        plan, _, finished = self.sets.least_failure(reach, max_loads, limit, is_any=True)
        if plan is not None and missed_success(self.instance, plan) is not None:
            return None, False
        return plan, plan is None and finished

    def _by_deadline(self) -> Reach:
        deadline = self.instance.requirements.deadline_seconds
        return Reach.by(self.instance, math.inf if deadline is None else float(stretched(deadline)))


def neighbours(instance: Instance, plan: Plan) -> Iterator[Plan]:
    """Plans with one device elsewhere, or two in each other's place, that may be of use."""
    arrays, groups = instance.arrays, indexed_groups(instance, plan)
    place = {n: k for k, group in enumerate(groups) for n in group.members}
    devices = range(len(instance.devices))

    def moved(*moves: tuple[int, int | None]) -> Plan | None:
        """The plan after each of some devices went to a group, or to the spares."""
        gone = {n for n, _ in moves}
        members = [[n for n in group.members if n not in gone] for group in groups]
        for n, k in moves:
            if k is not None:
                if arrays.largest[n, groups[k].student] < groups[k].size:
                    return None
                members[k].append(n)
        if not all(members):
            return None
        return plan_of(
            instance,
            [group._replace(members=tuple(own)) for group, own in zip(groups, members, strict=True)],
        )

    moves = [((n, k),) for n in devices for k in range(len(groups)) if place.get(n) != k]
    swaps = [((n, place.get(m)), (m, place.get(n))) for n in devices for m in devices if n < m]
    for move in (*moves, *swaps):
        found = moved(*move) if len(move) == 1 or move[0][1] != move[1][1] else None
        if found is not None:
            yield found
