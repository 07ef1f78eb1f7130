"""Energy of listed sets: where a limit ties the groups together, a set is one row with each student that it can run.

Without a limit the student of a set never matters to a packing, and larger parts are as good as smaller ones. With one,
the energy ``A + B s`` of a set's devices with a student counts, so that packings are made of sets with students, and
their parts are shared out in a way that keeps it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer.outages import members
from rocoin_opt.exact.answer.plans import can_serve
from rocoin_opt.exact.answer.sets import serving_sets
from rocoin_opt.instance import LAST_DIGITS, stretched
from rocoin_opt.plan import IndexedGroup, plan_of, structural_violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

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
