"""Who runs what and how long: the replicas of each group as bars on one scale of time.

Alike devices, ``id-1`` to ``id-count``, are folded: those that answer at the same time in one group are one bar, and
groups that differ in nothing but which of them they have are shown once. So a thousand boards of a few kinds are some
dozens of bars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from rocoin_opt.instance import alike, keeps_outage_limit
from rocoin_opt.plan import Transfers, outage_after, some_of
from rocoin_opt.report.page.tables import shown_name, ticks_of

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Group, Plan

SCALE = 1000.0
"""Units of a bar's full width."""
MARGIN = 1.02
MOST_NAMES = 5
"""Runs of names that a row tells of its devices."""


@dataclass(frozen=True)
class Segment:
    """A piece of a bar: what the time is spent on, where it begins and how long it is, in units of :data:`SCALE`."""

    role: str
    start: float
    width: float


@dataclass(frozen=True)
class ReplicaRow:
    """One device of a group, or alike ones that answer at the same time.

    Attributes
    ----------
    device : str
        Its name, fit to be shown; of several alike ones the name that their numbers are added to.
    alike : str
        That name, of a single one too; of a device like no other its own name.
    count : int
        How many devices there are.
    names : str
        Of all of them, in runs; empty where that is for the plan to say.
    seconds : float
        When it answers; without any slowdown where its latency is random.
    failure : float
        Its own crash probability.
    outage : float
        Probability that the group is without an answer once these replicas should have answered.
    segments : tuple of Segment
        Overhead, compute, waiting for a channel where nobody crashes, and transfer.
    mark : str
        ``first`` (the group's first answer), ``limit`` (the outage limit is met here), ``both`` or empty.
    is_random : bool
        Whether slowdown laws stretch the bar.
    is_binding : bool
        Whether the guaranteed latency of the plan waits for it.
    """

    device: str
    alike: str
    count: int
    names: str
    seconds: float
    failure: float
    outage: float
    segments: tuple[Segment, ...]
    mark: str
    is_random: bool
    is_binding: bool


@dataclass(frozen=True)
class GroupRows:
    """A group, or several that differ in nothing but which of alike devices they have.

    Attributes
    ----------
    numbers : tuple of int
        Numbers in the plan.
    student : str
        What they run.
    num_filters : int
        Part of each.
    replicas : tuple of ReplicaRow
        First answer first.
    """

    numbers: tuple[int, ...]
    student: str
    num_filters: int
    replicas: tuple[ReplicaRow, ...]

    @property
    def title(self) -> str:
        """Which groups, in words."""
        if len(self.numbers) == 1:
            return f"Group {self.numbers[0]}"
        first, last = self.numbers[0], self.numbers[-1]
        is_run = last - first + 1 == len(self.numbers)
        return (
            f"{len(self.numbers)} groups, {first} to {last}" if is_run else f"{len(self.numbers)} groups from {first}"
        )


@dataclass(frozen=True)
class GroupPicture:
    """All groups of a plan on one scale.

    Attributes
    ----------
    groups : tuple of GroupRows
        In the plan's order.
    end : float
        Seconds at the right end of every bar.
    guaranteed : float or None
        Place of the plan's guarantee in units of :data:`SCALE`.
    is_random : bool
        Whether some latency is random: then bars show what takes place without any slowdown.
    """

    groups: tuple[GroupRows, ...]
    end: float
    guaranteed: float | None
    is_random: bool

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """See :func:`ticks_of`."""
        return ticks_of(self.end)

    @property
    def is_queued(self) -> bool:
        """Whether some replica waits for its channel."""
        roles = (segment.role for group in self.groups for row in group.replicas for segment in row.segments)
        return "waiting" in roles


def group_picture(instance: Instance, plan: Plan, guaranteed_seconds: float | None) -> GroupPicture:
    """Lay out the groups of a plan; the guarantee is drawn where there is one within the scale.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    guaranteed_seconds : float, optional
        The guarantee, where there is one.
    """
    transfers = Transfers.of(instance, plan)
    answers = dict(zip(transfers.device.tolist(), transfers.calm.tolist(), strict=True))
    latest = max(answers.values())
    end = MARGIN * latest if latest > 0.0 else 1.0
    entry_of = entries_of_alike(instance)
    folded: dict[tuple[object, ...], GroupRows] = {}
    for number, group in enumerate(plan.groups):
        rows = _group_rows(instance, entry_of, number, group, answers, (end, guaranteed_seconds))
        times = ((row.alike, row.count, row.outage, row.seconds) for row in rows.replicas)
        key = (rows.student, rows.num_filters, *times)
        folded[key] = rows if key not in folded else _joined(folded[key], rows)
    groups = tuple(folded.values())
    is_drawn = guaranteed_seconds is not None and guaranteed_seconds <= end
    return GroupPicture(
        groups=groups,
        end=end,
        guaranteed=SCALE * guaranteed_seconds / end if is_drawn and guaranteed_seconds is not None else None,
        is_random=any(replica.is_random for group in groups for replica in group.replicas),
    )


def entries_of_alike(instance: Instance) -> dict[str, str]:
    """The name that the numbers of alike devices are added to, by the name of each; single devices are left out."""
    entries = (entry for entry in alike(instance.devices) if entry.count > 1)
    return {device.id: entry.id for entry in entries for device in instance.devices[entry.devices]}


def _joined(known: GroupRows, more: GroupRows) -> GroupRows:
    """Groups of alike devices as one; which of them are in which group is for the plan to say."""
    replicas = tuple(replace(row, device=row.alike, names="") for row in known.replicas)
    return replace(known, numbers=(*known.numbers, *more.numbers), replicas=replicas)


def _group_rows(
    instance: Instance,
    entry_of: dict[str, str],
    number: int,
    group: Group,
    answers: dict[int, float],
    scale: tuple[float, float | None],
) -> GroupRows:
    """The rows of one group.

    Parameters
    ----------
    instance : Instance
        What was given.
    entry_of : dict
        See :func:`entries_of_alike`.
    number : int
        Of the group in the plan.
    group : Group
        Devices, student and part.
    answers : dict of int to float
        When each device answers, in seconds.
    scale : tuple of float
        Seconds at the right end of every bar, and the guarantee of the plan.
    """
    arrays, (end, guaranteed) = instance.arrays, scale
    j = arrays.student_index[group.student]
    members = [arrays.device_index[device] for device in group.devices]
    ordered = sorted((answers[n], n) for n in members)
    outages = list(outage_after(instance, [n for _, n in ordered]))
    is_met = [keeps_outage_limit(outage, instance.requirements.max_group_outage) for outage in outages]
    met = is_met.index(True) if True in is_met else len(members)

    def alone_or_alike(answer: tuple[float, int]) -> tuple[float, str, int]:
        latency, n = answer
        entry = entry_of.get(instance.devices[n].id)
        return (latency, "", n) if entry is None else (latency, entry, -1)

    replicas: list[ReplicaRow] = []
    place = 0
    for (latency, entry, _), at_once in groupby(ordered, key=alone_or_alike):
        some = [n for _, n in at_once]
        device, names = instance.devices[some[0]], [instance.devices[n].id for n in some]
        meets = place <= met < place + len(some)
        replicas.append(
            ReplicaRow(
                device=shown_name(entry if len(some) > 1 else device.id),
                alike=shown_name(entry or device.id),
                count=len(some),
                names=some_of(map(shown_name, names), MOST_NAMES),
                seconds=latency,
                failure=device.failure_probability,
                outage=outages[place + len(some) - 1],
                segments=_segments(instance, some[0], j, group.num_filters, latency, end),
                mark=("both" if meets else "first") if place == 0 else ("limit" if meets else ""),
                is_random=device.is_random,
                is_binding=meets and not device.is_random and latency == guaranteed,
            )
        )
        place += len(some)
    return GroupRows((number,), shown_name(group.student), group.num_filters, tuple(replicas))


def _segments(
    instance: Instance, device: int, student: int, num_filters: int, latency: float, end: float
) -> tuple[Segment, ...]:
    """Pieces of one bar.

    Parameters
    ----------
    instance : Instance
        What was given.
    device, student, num_filters : int
        Who computes what, and how much of it.
    latency : float
        When it answers, in seconds.
    end : float
        Seconds at the right end of every bar.
    """
    segments, start = [], 0.0
    overhead, compute, transfer = instance.latency_terms(device, student, num_filters)
    waiting = latency - float(instance.arrays.latency(device, student, num_filters))
    for role, length in (("overhead", overhead), ("compute", compute), ("waiting", waiting), ("transfer", transfer)):
        width = SCALE * length / end
        if width > 0.0:
            segments.append(Segment(role, round(start, 2), round(width, 2)))
        start += width
    return tuple(segments)
