"""Who waits for whom on shared channels, as bars on one scale of time: a Gantt chart where nobody crashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.plan import Transfers
from rocoin_opt.report.page.group_rows import MARGIN, SCALE, Segment
from rocoin_opt.report.page.tables import shown_name, ticks_of

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

MOST_ROWS = 50
"""Transfers of a channel that have a row."""


@dataclass(frozen=True)
class TransferRow:
    """One transfer.

    Attributes
    ----------
    device : str
        Who sends, fit to be shown.
    group : int
        For which group.
    segments : tuple of Segment
        Waiting and transfer.
    ends : float
        Seconds at which it has arrived.
    waits : float
        Seconds that it waits for the channel.
    blocker : str
        Who sends before it, where it waits; else empty.
    """

    device: str
    group: int
    segments: tuple[Segment, ...]
    ends: float
    waits: float
    blocker: str


@dataclass(frozen=True)
class ChannelRows:
    """One channel that several replicas send on.

    Attributes
    ----------
    name : str
        Its identifier, fit to be shown.
    busy, first, last : float
        Seconds in which it sends, at which the first replica is ready, and at which the last one has arrived.
    segments : tuple of Segment
        When it sends.
    rows : tuple of TransferRow
        In the order of sending, the first :data:`MOST_ROWS` of them.
    left_out : int
        Transfers without a row.
    """

    name: str
    busy: float
    first: float
    last: float
    segments: tuple[Segment, ...]
    rows: tuple[TransferRow, ...]
    left_out: int

    @property
    def share(self) -> float:
        """Share of the time from the first ready replica to the last arrival in which the channel sends."""
        return min(self.busy / (self.last - self.first), 1.0) if self.last > self.first else 1.0


@dataclass(frozen=True)
class ChannelPicture:
    """The channels of a plan on the scale of its groups: ``end`` seconds at the right end."""

    channels: tuple[ChannelRows, ...]
    end: float

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """See :func:`ticks_of`."""
        return ticks_of(self.end)


def channel_picture(instance: Instance, plan: Plan) -> ChannelPicture | None:
    """Lay out the transfers of a plan; None where nobody shares a channel.

    Parameters
    ----------
    instance : Instance
        What was given; latencies are taken as constant.
    plan : Plan
        A plan for it.
    """
    transfers = Transfers.of(instance, plan)
    if not transfers.channels:
        return None
    calm = transfers.calm
    latest = float(calm.max())
    end = MARGIN * latest if latest > 0.0 else 1.0
    names = [shown_name(instance.devices[n].id) for n in transfers.device.tolist()]
    found = []
    for (channel, (first, last)), queue in zip(transfers.spans.items(), transfers.queues, strict=True):
        rows, busy = [], []
        before = ""
        for r in queue.tolist():
            ready, air, ends = (float(times[r]) for times in (transfers.ready, transfers.airtime, calm))
            waits = max(ends - float(transfers.alone[r]), 0.0)
            sends = _segment("transfer", ready + waits, air, end)
            busy.append(sends)
            segments = (_segment("waiting", ready, waits, end), sends)
            drawn = tuple(segment for segment in segments if segment.width > 0.0)
            rows.append(
                TransferRow(names[r], int(transfers.group[r]), drawn, ends, waits, before if waits > 0.0 else "")
            )
            before = names[r]
        found.append(
            ChannelRows(
                name=shown_name(channel),
                busy=float(transfers.airtime[queue].sum()),
                first=first,
                last=last,
                segments=tuple(segment for segment in busy if segment.width > 0.0),
                rows=tuple(rows[:MOST_ROWS]),
                left_out=max(len(rows) - MOST_ROWS, 0),
            )
        )
    return ChannelPicture(tuple(found), end)


def _segment(role: str, start: float, length: float, end: float) -> Segment:
    """A piece of a bar.

    Parameters
    ----------
    role : str
        What the time is spent on.
    start, length : float
        In seconds.
    end : float
        Seconds at the right end of the bar.
    """
    return Segment(role, round(SCALE * start / end, 2), round(SCALE * length / end, 2))
