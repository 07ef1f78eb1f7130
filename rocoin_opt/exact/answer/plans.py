"""Plans of packed sets: how many filters each holds, and with which student."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer.outages import members
from rocoin_opt.exact.answer.sets import serving_sets
from rocoin_opt.instance import LAST_DIGITS, stretched
from rocoin_opt.plan import IndexedGroup, group_keeps_limit, outage_of, plan_of, structural_violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan


def plan_of_sets(
    instance: Instance, sets: ServingSets, rows: Sequence[int], sizes: Sequence[int] = (), *, by_outage: bool
) -> Plan | None:
    """Make a plan of some sets.

    Parameters
    ----------
    instance : Instance
        What was given.
    sets : ServingSets
        Listed sets.
    rows : sequence of int
        Which of them, disjoint, with room for all filters.
    sizes : sequence of int
        Part sizes, descending, where these are given.
    by_outage : bool
        Whether the safest sets hold as much as they can; otherwise all hold a like share of what they can.

    Returns
    -------
    Plan or None
        With the student of least work for each part; None where a rule is broken after all.
    """
    filters = instance.knowledge.num_filters
    largest, outage = sets.largest[list(rows)], sets.outage[list(rows)]
    if sizes:
        # The largest part where there is most room.
        parts = np.empty(len(rows), dtype=np.int64)
        parts[np.argsort(-largest, kind="stable")] = sizes
    else:
        parts = _by_outage(largest, outage, filters) if by_outage else in_proportion(largest, filters)
    groups = []
    for row, size in zip(rows, parts.tolist(), strict=True):
        group = _served(instance, sets.reach, members(int(sets.masks[row])), size, float(sets.outage[row]))
        if group is None:
            return None
        groups.append(group)
    plan = plan_of(instance, groups)
    return None if structural_violations(instance, plan) else plan


def _served(instance: Instance, reach: Reach, devices: list[int], size: int, outage: float) -> IndexedGroup | None:
    """The group with the student of least work that all devices have room for and enough deliver in time."""
    work = instance.arrays.latency(devices, slice(None), size).sum(axis=0)
    for j in np.argsort(work, kind="stable").tolist():
        if can_serve(instance, reach, devices, j, size, outage):
            return IndexedGroup(tuple(devices), j, size)
    return None


def can_serve(instance: Instance, reach: Reach, devices: list[int], student: int, size: int, outage: float) -> bool:
    """Whether devices can be a group with a student and a part of some size, and fail no more than an outage.

    Parameters
    ----------
    instance : Instance
        What was given.
    reach : Reach
        What devices can do, and in what time.
    devices : list of int
        Device indices.
    student : int
        Which one all of them run.
    size : int
        Filters of the part.
    outage : float
        Probability that none of those that count answers, at most.
    """
    if reach.held[devices, student].min() < size:
        return False
    if outage_of(instance, [n for n in devices if reach.counted[n, student] >= size]) > stretched(outage):
        return False
    if reach.leading is not None and reach.leading[devices, student].max() < size:
        return False
    if reach.covering is None:
        return True
    early = [n for n in devices if reach.covering[n, student] >= size]
    return bool(early) and group_keeps_limit(instance, early)


def _by_outage(largest: IntArray, outage: FloatArray, filters: int) -> IntArray:
    """Part sizes of least missing share: one filter each, the others where they are safest."""
    sizes, left = np.ones(len(largest), dtype=np.int64), filters - len(largest)
    for k in np.argsort(outage, kind="stable").tolist():
        given = min(left, int(largest[k]) - 1)
        sizes[k] += given
        left -= given
    return sizes


def in_proportion(largest: IntArray, filters: int) -> IntArray:
    """Part sizes in proportion to what each set can hold, at least one filter each."""
    share = largest * filters / largest.sum()
    sizes: IntArray = np.maximum(np.floor(share).astype(np.int64), 1)
    # Those that were rounded down the most are rounded up; a part of one filter may have been rounded up already.
    order = np.argsort(sizes - share, kind="stable").tolist()
    while (left := filters - int(sizes.sum())) != 0:
        step = 1 if left > 0 else -1
        k = next(k for k in (order if step > 0 else order[::-1]) if 1 <= sizes[k] + step <= largest[k])
        sizes[k] += step
        order.append(order.pop(order.index(k))) if step > 0 else order.insert(0, order.pop(order.index(k)))
    return sizes


SUMMED = 10.0 * LAST_DIGITS
"""Relative rounding of a sum over some tens of devices."""


@dataclass(frozen=True, eq=False)
class Energy:
    """What listed sets take, one a row.

    Attributes
    ----------
    student : IntArray
        Student of each set; -1 where any will do, because no energy is limited.
    fixed, per_filter : FloatArray
        Joules of all devices of a set together, without filters and for each of them.
    limit : float
        What all sets of a packing may take, with room for rounding; infinite without a limit.
    """

    student: IntArray
    fixed: FloatArray
    per_filter: FloatArray
    limit: float

    @classmethod
    def of(cls, instance: Instance, masks: IntArray, student: IntArray) -> Energy:
        """Energy of sets, each with a student.

        Parameters
        ----------
        instance : Instance
            What was given.
        masks : IntArray
            The devices as bits.
        student : IntArray
            Which one all devices of a set run; -1 where energy does not matter.
        """
        most = instance.requirements.max_energy_joules
        if most is None:
            nothing = np.zeros(len(masks))
            return cls(student, nothing, nothing, math.inf)
        spent = np.zeros((len(masks), 2))
        for n in range(len(instance.devices)):
            spent += np.where((masks >> n & 1 == 1)[:, None], instance.arrays.energy[n, student], 0.0)
        return cls(student, spent[:, 0], spent[:, 1], stretched(most) * (1.0 + SUMMED))

    @property
    def first(self) -> FloatArray:
        """Joules of each set with one filter."""
        return self.fixed + self.per_filter

    def taken(self, rows: IntArray) -> Energy:
        """Some of the sets."""
        return Energy(self.student[rows], self.fixed[rows], self.per_filter[rows], self.limit)


def serving_sets_by_student(
    instance: Instance, reach: Reach, control: Control, worst: float
) -> tuple[ServingSets, IntArray]:
    """List the sets of devices that can be a group, once where students do not matter, else with each of them.

    Parameters
    ----------
    instance, reach, control, worst
        As for :func:`rocoin_opt.exact.answer.sets.serving_sets`.

    Returns
    -------
    ServingSets, IntArray
        The sets, and the student of each; -1 where any will do.
    """
    if not instance.limits_energy:
        sets = serving_sets(instance, reach, control, worst=worst)
        return sets, np.full(len(sets), -1)
    listed = [
        serving_sets(instance, reach.with_student(j), control, worst=worst) for j in range(len(instance.students))
    ]
    student = np.repeat(np.arange(len(listed)), [len(sets) for sets in listed])
    masks, counted, outage, largest = (
        np.concatenate([getattr(sets, name) for sets in listed]) for name in ("masks", "counted", "outage", "largest")
    )
    complete = all(sets.complete for sets in listed)
    weight = max(sets.weight for sets in listed)
    return type(listed[0])(masks, counted, outage, largest, reach, weight, complete), student


def plan_of_students(
    instance: Instance, sets: ServingSets, student: IntArray, rows: Sequence[int], sizes: Sequence[int]
) -> Plan | None:
    """Make a plan of some sets with their students and sizes.

    Parameters
    ----------
    instance : Instance
        What was given, with a limit on energy.
    sets : ServingSets
        Listed sets.
    student : IntArray
        Which one all devices of a set run.
    rows, sizes : sequence of int
        Which of the sets, disjoint, and the filters of each.

    Returns
    -------
    Plan or None
        None where a rule is broken after all.
    """
    groups = []
    for row, size in zip(rows, sizes, strict=True):
        devices, j = members(int(sets.masks[row])), int(student[row])
        if not can_serve(instance, sets.reach, devices, j, size, float(sets.outage[row])):
            return None
        groups.append(IndexedGroup(tuple(devices), j, size))
    plan = plan_of(instance, groups)
    return None if structural_violations(instance, plan) else plan
