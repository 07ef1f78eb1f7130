"""A group by the indices that solvers work with, and the way from a plan to such groups and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Instance, IntArray

Members: TypeAlias = tuple[int, ...]
"""Device indices of a group, ascending."""


class IndexedGroup(NamedTuple):
    """A group by indices: devices, student, part size in filters."""

    members: Members
    student: int
    size: int


def indexed_groups(instance: Instance, plan: Plan) -> list[IndexedGroup]:
    """Groups of a plan in its order, members ascending; devices that the instance does not have are left out.

    Parameters
    ----------
    instance : Instance
        Owner of the indices.
    plan : Plan
        A plan whose students are the instance's.
    """
    students = instance.arrays.student_index
    return [
        IndexedGroup(members, students[group.student], group.num_filters)
        for members, group in zip(members_of(instance, plan), plan.groups, strict=True)
    ]


def members_of(instance: Instance, plan: Plan) -> list[Members]:
    """Device indices of each group in the plan's order, ascending; devices that the instance does not have left out."""
    index = instance.arrays.device_index
    return [tuple(sorted(index[name] for name in group.devices if name in index)) for group in plan.groups]


def group_of(
    instance: Instance, members: Iterable[int], student: int, size: int, filters: IntArray | None = None
) -> Group:
    """Group of a plan from indices.

    Parameters
    ----------
    instance : Instance
        Owner of the indices.
    members : iterable of int
        Device indices.
    student, size : int
        Student index, and part size in filters.
    filters : IntArray, optional
        The filters of the part.
    """
    return Group(
        devices=tuple(instance.devices[n].id for n in members),
        student=instance.students[student].id,
        num_filters=size,
        filters=None if filters is None else tuple(filters.tolist()),
    )


def plan_of(instance: Instance, groups: Iterable[IndexedGroup]) -> Plan:
    """Make the plan of some groups, without filters; see :meth:`Plan.of`."""
    return Plan.of(instance, [group_of(instance, *group) for group in groups])


def work_of(instance: Instance, plan: Plan) -> float:
    """Device-seconds that all replicas of a plan are busy with one request."""
    return math.fsum(
        float(seconds)
        for group in indexed_groups(instance, plan)
        for seconds in instance.arrays.latency(list(group.members), group.student, group.size)
    )
