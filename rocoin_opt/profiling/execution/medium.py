"""Shared channels at work: who of the replicas that are ready sends next, and from when on.

A replica that has computed claims its channel and waits to be told when to send. All moments are absolute and those of
the model, so that what the host is late by does not add up along a queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rocoin_opt.profiling.execution.schedule import Schedule

SETTLING_SECONDS = 0.01
"""For how long a channel that is free hears claims before it decides: what is ready at one moment is heard some
milliseconds apart. A transfer that takes longer than this is not delayed, as its bytes are due from its moment on."""


class Claim(NamedTuple):
    """A replica that waits for its channel: when it was ready by the host's clock, its device, its place."""

    ready: float
    name: str
    place: int


class Grant(NamedTuple):
    """A replica that may send: its place, and the moment from which on."""

    place: int
    begin: float


@dataclass(eq=False)
class _Channel:
    waiting: list[Claim]
    free: float = -math.inf

    @property
    def begin(self) -> float:
        """When the next transfer begins; infinite without a claim."""
        return max(self.free, min(self.waiting).ready) if self.waiting else math.inf


class Medium:
    """The channels of a run that several replicas send on, during one request at a time.

    Parameters
    ----------
    devices : sequence of str, R
        Identifiers, by which those go that are ready at once.
    group_of : sequence of int, R
        Group of each replica.
    channel_of : sequence of str or None, R
        Channel that each waits for; None where its link is one of its own.
    airtime : sequence of sequence of float, N x R
        For how many host seconds each sends, request by request.
    cancel : bool
        Whether a replica whose group has answered does not send any more.
    """

    def __init__(
        self,
        devices: Sequence[str],
        group_of: Sequence[int],
        channel_of: Sequence[str | None],
        airtime: Sequence[Sequence[float]],
        *,
        cancel: bool = False,
    ) -> None:
        self.devices, self.group_of, self.channel_of = tuple(devices), tuple(group_of), tuple(channel_of)
        self.airtime, self.cancel = airtime, cancel
        self.cancelled: set[int] = set()
        """Places of the replicas that were kept from sending in this request."""
        self._air: Sequence[float] = ()
        self._channels: dict[str, _Channel] = {}

    @classmethod
    def of(cls, schedule: Schedule, time_scale: float) -> Medium:
        """Make the channels of a schedule.

        Parameters
        ----------
        schedule : Schedule
            What becomes of each request.
        time_scale : float
            Host seconds for each second of the instance.
        """
        airtime = (schedule.transfer * time_scale).tolist()
        return cls(schedule.devices, schedule.group_of, schedule.channel_of, airtime, cancel=schedule.queues_cancel)

    def begin(self, number: int) -> None:
        """Forget what was claimed: a new request is at work.

        Parameters
        ----------
        number : int
            Number of the request.
        """
        self.cancelled.clear()
        self._air = self.airtime[number]
        self._channels = {name: _Channel([]) for name in self.channel_of if name is not None}

    def claim(self, place: int, ready: float) -> None:
        """Let a replica wait for its channel; one that has a link of its own has nothing to claim.

        Parameters
        ----------
        place : int
            Place of the replica.
        ready : float
            When it has computed, in seconds of the host's clock.
        """
        name = self.channel_of[place]
        if name is not None:
            self._channels[name].waiting.append(Claim(ready, self.devices[place], place))

    @property
    def next_decision(self) -> float:
        """The next moment at which a channel has to decide; infinite where nobody waits."""
        return min((channel.begin for channel in self._channels.values()), default=math.inf) + SETTLING_SECONDS

    def decided(self, now: float, answered: Collection[int]) -> Iterator[Grant]:
        """Yield who may send: the replicas that were ready first, of channels that are free.

        Parameters
        ----------
        now : float
            The moment by the host's clock.
        answered : collection of int
            Groups whose answer is there.
        """
        for channel in self._channels.values():
            while channel.waiting and channel.begin + SETTLING_SECONDS <= now:
                first, begin = min(channel.waiting), channel.begin
                channel.waiting.remove(first)
                if self.cancel and self.group_of[first.place] in answered:
                    self.cancelled.add(first.place)
                    continue
                channel.free = begin + self._air[first.place]
                yield Grant(first.place, begin)
