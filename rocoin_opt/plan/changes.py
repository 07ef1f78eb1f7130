"""What a plan keeps of an older one: which groups go on, and which devices must be loaded with a student."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.documents import Items, Model
from rocoin_opt.instance import Identifier, Index
from rocoin_opt.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.model import Group, Plan

MOST_TOLD, MOST_CHANGES = 3, 12
"""Violations of a start, and changes of it, that are told in words."""


@dataclass(frozen=True)
class Load:
    """A device that must be sent a student for its part.

    Attributes
    ----------
    device, student : str
        Identifiers.
    num_filters : int
        Size of the part.
    size_bytes : float
        Bytes to send: the student's memory with a part of this size.

    Examples
    --------
    >>> ro.Load(device="cam", student="small", num_filters=8, size_bytes=2e5).size_bytes
    200000.0
    """

    device: str
    student: str
    num_filters: int
    size_bytes: float


class StartLoad(Model):
    """A device that the plan gives other work than the start did."""

    device: Identifier
    """Its name."""
    student: Identifier
    """What it runs now."""
    num_filters: Index
    """Size of its part now."""


class StartRepair(Model):
    """What became of a start plan that missed limits or broke rules.

    Examples
    --------
    >>> broken = ro.Plan.of(instance, [group.with_fields(devices=group.devices[:1]) for group in plan.groups])
    >>> result = ro.solve(instance, "local-search", start=broken)
    >>> result.repair is not None
    True
    """

    violations: Items[str]
    """What it broke, in words."""
    repaired: bool
    """Whether a valid plan was found near it to start from; otherwise the search went on without it."""
    loads: Items[StartLoad] = ()
    """Devices that the final plan gives other work than the start; what stays where a group goes on is not listed."""
    idle: Items[Identifier] = ()
    """Devices that had work in the start and have none now."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """The same as sentences."""
        more = len(self.violations) - MOST_TOLD
        broken = "; ".join(self.violations[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
        if not self.repaired:
            return (f"start: could not be repaired, and was set aside: {broken}",)
        changes = [
            f"{load.device} runs {load.student} with {counted(load.num_filters, 'filter')}" for load in self.loads
        ]
        changes += [f"{device} is idle" for device in self.idle]
        told = ", ".join(changes[:MOST_CHANGES])
        others = f" and {len(changes) - MOST_CHANGES} more" if len(changes) > MOST_CHANGES else ""
        return (f"start: repaired, as it broke {broken}", f"changed from the start: {told or 'filters only'}{others}")

    @classmethod
    def of(cls, instance: Instance, start: Plan, violations: Iterable[object], final: Plan | None) -> StartRepair:
        """Compare a start plan with the final plan.

        Parameters
        ----------
        instance : Instance
            The instance.
        start : Plan
            The start plan.
        violations : iterable
            What it breaks.
        final : Plan, optional
            The final plan; None if the start was not used.
        """
        said = tuple(map(str, violations))
        if final is None:
            return cls(violations=said, repaired=False)
        loads = continuation(instance, start, final).loads
        working = {device for group in start.groups for device in group.devices}
        return cls(
            violations=said,
            repaired=True,
            loads=tuple(
                StartLoad(device=load.device, student=load.student, num_filters=load.num_filters) for load in loads
            ),
            idle=tuple(device for device in final.spares if device in working),
        )


@dataclass(frozen=True)
class Continuation:
    """A new plan in the light of an old one.

    Attributes
    ----------
    continued : tuple of int or None
        For each group of the new plan, the group of the old plan that it continues.
    loads : tuple of Load
        Devices of the new plan that did not run in the group that theirs continues, in the order of the new plan.
    """

    continued: tuple[int | None, ...]
    loads: tuple[Load, ...]

    @property
    def shipped_bytes(self) -> float:
        """Bytes of all students that are sent."""
        return math.fsum(load.size_bytes for load in self.loads)


def continuation(instance: Instance, old: Plan, new: Plan) -> Continuation:
    """Find how a new plan continues an old one with the fewest loads, which are the fewest bytes too.

    A group can continue an old one that has the same student and part: the same filters where both plans are explicit,
    as many filters otherwise. Each old group is continued once at most. Every device that stays saves one load of the
    same bytes as any other with that student and size, so that an assignment of the largest overlap is best for both.

    Parameters
    ----------
    instance : Instance
        What the new plan is for; it knows its students.
    old, new : Plan
        Both valid for instances that differ in their devices alone.
    """
    # SciPy's optimisers take long to import, and checking a plan needs none of them.
    from scipy.optimize import linear_sum_assignment

    overlap = np.array([[_staying(before, group) for before in old.groups] for group in new.groups])
    continued: list[int | None] = [None] * len(new.groups)
    for row, column in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
        if overlap[row, column]:
            continued[row] = int(column)
    loads = []
    for group, g in zip(new.groups, continued, strict=True):
        running = () if g is None else old.groups[g].devices
        size_bytes = student_bytes(instance, group)
        loads += [
            Load(device, group.student, group.num_filters, size_bytes)
            for device in group.devices
            if device not in running
        ]
    return Continuation(tuple(continued), tuple(loads))


def student_bytes(instance: Instance, group: Group) -> float:
    """Bytes of a group's student with a part of its size."""
    student = instance.students[instance.arrays.student_index[group.student]]
    return student.memory_bytes + student.memory_bytes_per_filter * group.num_filters


def _staying(before: Group, group: Group) -> int:
    """Devices that stay if a group continues an old one; 0 where it cannot."""
    if (before.student, before.num_filters) != (group.student, group.num_filters):
        return 0
    if before.filters is not None and group.filters is not None and set(before.filters) != set(group.filters):
        return 0
    return len(set(before.devices) & set(group.devices))
