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
from rocoin_opt.instance import ROUNDING
from rocoin_opt.plan import IndexedGroup, plan_of, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

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
