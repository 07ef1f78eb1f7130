"""Who runs what and how long: the replicas of each group as bars on one scale of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.instance import keeps_outage_limit
from rocoin_opt.plan import Transfers, outage_after
from rocoin_opt.report.page.tables import shown_name

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Group, Plan

SCALE = 1000.0
"""Units of a bar's full width."""
MARGIN = 1.02


@dataclass(frozen=True)
class Segment:
    """A piece of a bar: what the time is spent on, where it begins and how long it is, in units of :data:`SCALE`."""

    role: str
    start: float
    width: float


@dataclass(frozen=True)
class ReplicaRow:
    """One device of a group.

    Attributes
    ----------
    device : str
        Its name, fit to be shown.
    seconds : float
        When it answers; without any slowdown where its latency is random.
    failure : float
        Its own crash probability.
    outage : float
        Probability that the group is without an answer once this replica should have answered.
    segments : tuple of Segment
        Overhead, compute, waiting for a channel where nobody crashes, and transfer.
    mark : str
        ``first`` (the group's first answer), ``limit`` (the outage limit is met here), ``both`` or empty.
    is_random : bool
        Whether slowdown laws stretch the bar.
    """

    device: str
    seconds: float
    failure: float
    outage: float
    segments: tuple[Segment, ...]
    mark: str
    is_random: bool


@dataclass(frozen=True)
class GroupRows:
    """One group: its number in the plan, its student and part, and its replicas, first answer first."""

    number: int
    student: str
    num_filters: int
    replicas: tuple[ReplicaRow, ...]


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
    groups = tuple(_group_rows(instance, number, group, answers, end) for number, group in enumerate(plan.groups))
    is_drawn = guaranteed_seconds is not None and guaranteed_seconds <= end
    return GroupPicture(
        groups=groups,
        end=end,
        guaranteed=SCALE * guaranteed_seconds / end if is_drawn and guaranteed_seconds is not None else None,
        is_random=any(replica.is_random for group in groups for replica in group.replicas),
    )


def _group_rows(instance: Instance, number: int, group: Group, answers: dict[int, float], end: float) -> GroupRows:
    """Bars of one group.

    Parameters
    ----------
    instance : Instance
        What was given.
    number : int
        The group's place in the plan.
    group : Group
        The group.
    answers : dict of int to float
        When each device answers, in seconds.
    end : float
        Seconds at the right end of every bar.
    """
    arrays = instance.arrays
    j = arrays.student_index[group.student]
    members = [arrays.device_index[device] for device in group.devices]
    ordered = sorted((answers[n], n) for n in members)
    limit = instance.requirements.max_group_outage
    is_met = False
    replicas = []
    for place, ((latency, n), outage) in enumerate(
        zip(ordered, outage_after(instance, [n for _, n in ordered]), strict=True)
    ):
        device = instance.devices[n]
        meets = not is_met and keeps_outage_limit(outage, limit)
        is_met = is_met or meets
        replicas.append(
            ReplicaRow(
                device=shown_name(device.id),
                seconds=latency,
                failure=device.failure_probability,
                outage=outage,
                segments=_segments(instance, n, j, group.num_filters, latency, end),
                mark=("both" if meets else "first") if place == 0 else ("limit" if meets else ""),
                is_random=device.is_random,
            )
        )
    return GroupRows(number, shown_name(group.student), group.num_filters, tuple(replicas))


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
