"""What groups send on shared channels, as a search over intervals of their sizes sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import IndexedGroup, Members


class Job(NamedTuple):
    """A replica in a queue. Jobs are sent in ascending order.

    Attributes
    ----------
    ready : float
        When its part is computed, at the earliest, in seconds.
    name : str
        Its device.
    air : float
        For how long it sends, at least, in seconds.
    alone : float
        When it would answer without others, at the earliest, in seconds.
    channel : int
        Place of its channel, or -1 for a link of its own.
    latest : float
        When its part is computed, at the latest, in seconds.
    """

    ready: float
    name: str
    air: float
    alone: float
    channel: int
    latest: float


class Candidate(NamedTuple):
    """A group that a packing may choose.

    Attributes
    ----------
    bits : int
        Its devices, as bits.
    members : tuple of int
        Its devices.
    seen : tuple of int
        Those of them that a latency depends on.
    student : int
        Index of its student, or -1 where the search for sizes chooses it.
    most : int
        Filters that it holds at most.
    """

    bits: int
    members: Members
    seen: Members
    student: int
    most: int


class Timing(Protocol):
    """Which replicas must be in time."""

    @property
    def students(self) -> Sequence[int]:
        """Students that candidates name; -1 for any."""

    def seen(self, members: Members, student: int, limit: float) -> Members:
        """Devices of a group that a latency below a limit depends on.

        Parameters
        ----------
        members : tuple of int
            The group.
        student : int
            What it runs, or -1.
        limit : float
            Seconds.
        """

    def sent(self, candidate: Candidate, low: int, high: int) -> Sequence[Job]:
        """What a candidate sends if its size is in an interval; empty where no student can run the lowest size.

        Parameters
        ----------
        candidate : Candidate
            A group.
        low, high : int
            The interval.
        """

    def is_in_time(
        self, candidate: Candidate, sizes: tuple[int, int, int], others: Sequence[Job], limit: float
    ) -> bool:
        """Whether a group may be in time; where it cannot, it cannot with a larger size of the interval either.

        Parameters
        ----------
        candidate : Candidate
            A group.
        sizes : tuple of int
            Its size, and the interval from which it is.
        others : sequence of Job
            What other groups send.
        limit : float
            Seconds, which the latency must be below.
        """

    def is_carried(
        self, sent: Sequence[Sequence[Job]], sizes: Sequence[tuple[int, int]], missing: int, limit: float
    ) -> bool:
        """Whether the channels may carry what is missing at the lowest sizes.

        Parameters
        ----------
        sent : sequence of sequence of Job
            What each group sends.
        sizes : sequence of (int, int)
            Interval of each group's size.
        missing : int
            Filters beyond the lowest sizes.
        limit : float
            Seconds, which the latency must be below.
        """

    def alike(self, chosen: Sequence[Candidate], sizes: Sequence[tuple[int, int]], limit: float) -> Hashable:
        """A key: packings of the same key have sizes within a limit both, or neither has.

        Parameters
        ----------
        chosen : sequence of Candidate
            Disjoint groups.
        sizes : sequence of (int, int)
            Interval of each one's size.
        limit : float
            Seconds, which the latency must be below.
        """

    def plans(self, chosen: Sequence[Candidate], sizes: Sequence[int]) -> Iterator[list[IndexedGroup]]:
        """Plans of candidates with given sizes, one for each choice of students.

        Parameters
        ----------
        chosen : sequence of Candidate
            Disjoint groups.
        sizes : sequence of int
            Their sizes.
        """


class Jobs:
    """Jobs of devices with a size each, made once.

    Parameters
    ----------
    instance : Instance
        Constant latencies.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._largest = instance.arrays.largest.tolist()
        place = {name: c for c, name in enumerate(instance.shared_channels)}
        self._channel = [place.get(device.channel or "", -1) for device in instance.devices]
        self._known: dict[tuple[Members, int, int], list[Job]] = {}

    def of(self, members: Members, student: int, size: int) -> list[Job]:
        """What some devices send; empty where one of them cannot run that.

        Parameters
        ----------
        members : tuple of int
            A group.
        student, size : int
            What it runs.
        """
        key = members, student, size
        if key not in self._known:
            is_able = all(self._largest[n][student] >= size for n in members)
            self._known[key] = [self._job(n, student, size) for n in members] if is_able else []
        return self._known[key]

    def _job(self, n: int, j: int, size: int) -> Job:
        terms = self.instance.latency_terms(n, j, size)
        alone = float(self.instance.arrays.latency(n, j, size))
        ready = terms.overhead + terms.compute
        return Job(ready, self.instance.devices[n].id, terms.transfer, alone, self._channel[n], ready)
