"""Groups on channels where every replica must be in time, as for the ``guaranteed`` latency of minimal covers.

Then earlier and shorter transfers are never worse: a group sends least with its lowest size and the student that is
fastest.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rocoin_opt.plan import IndexedGroup

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from rocoin_opt.exact.channels.jobs import Candidate, Job, Jobs
    from rocoin_opt.plan import Members


SLACK = 1e-9
"""Relative slack of what channels can carry."""


class AllReplicas:
    """The timing of ``guaranteed`` and ``worst``; see :class:`~rocoin_opt.exact.channels.jobs.Timing`.

    Parameters
    ----------
    jobs : Jobs
        Of the devices.
    """

    students: Sequence[int] = (-1,)

    def __init__(self, jobs: Jobs) -> None:
        self._jobs, self._every_student = jobs, range(len(jobs.instance.students))
        self._num_channels = len(jobs.instance.shared_channels)
        self._options: dict[tuple[Members, int], list[tuple[int, list[Job]]]] = {}
        self._fastest: dict[tuple[Members, int], list[Job]] = {}

    def seen(self, members: Members, student: int, limit: float) -> Members:  # noqa: ARG002
        """All of them.

        Parameters
        ----------
        members, student, limit
            A group, what it runs, and the seconds.
        """
        return members

    def sent(self, candidate: Candidate, low: int, high: int) -> Sequence[Job]:  # noqa: ARG002
        """What members send at the lowest size if each one ran the student that is fastest on it.

        Parameters
        ----------
        candidate, low, high
            A group, and the interval of its size.
        """
        key = candidate.members, low
        if key not in self._fastest:
            jobs = [own for _, own in self._able(*key)]
            self._fastest[key] = [
                own[0]._replace(ready=min(job.ready for job in own), alone=min(job.alone for job in own))
                for own in zip(*jobs, strict=True)
            ]
        return self._fastest[key]

    def is_in_time(
        self, candidate: Candidate, sizes: tuple[int, int, int], others: Sequence[Job], limit: float
    ) -> bool:
        """Whether the last replica may be in time.

        Parameters
        ----------
        candidate, sizes, others, limit
            A group, its sizes, what other groups send, and the seconds.
        """
        own = self.sent(candidate, sizes[0], sizes[0])
        return bool(own) and self._latest_end([*others, *own]) < limit

    def is_carried(
        self, sent: Sequence[Sequence[Job]], sizes: Sequence[tuple[int, int]], missing: int, limit: float
    ) -> bool:
        """Whether the air behind each time at which a replica is ready may hold what is missing.

        Those that are ready from a time on are ready then with any larger size.

        Parameters
        ----------
        sent, sizes, missing, limit
            What groups send, intervals of their sizes, missing filters, and the seconds.
        """
        more = [high - low for low, high in sizes]
        for c in range(self._num_channels):
            air = [0.0] * len(sent)
            used = 0.0
            jobs = ((job.ready, job.air, g) for g, own in enumerate(sent) for job in own if job.channel == c)
            for ready, seconds, g in sorted(jobs, reverse=True):
                used += seconds
                air[g] += seconds / sizes[g][0]
                left = (limit - ready) * (1.0 + SLACK) - used
                if left < 0.0 or filters_within(left, air, more) < missing:
                    return False
        return True

    def alike(
        self,
        chosen: Sequence[Candidate],
        sizes: Sequence[tuple[int, int]],  # noqa: ARG002
        limit: float,  # noqa: ARG002
    ) -> Hashable:
        """All members matter.

        Parameters
        ----------
        chosen, sizes, limit
            Groups, intervals of their sizes, and the seconds.
        """
        return frozenset(group.bits for group in chosen)

    def plans(self, chosen: Sequence[Candidate], sizes: Sequence[int]) -> Iterator[list[IndexedGroup]]:
        """Plans by the students that no other one replaces.

        Parameters
        ----------
        chosen, sizes
            Groups and their sizes.
        """
        options = [self._able(group.members, size) for group, size in zip(chosen, sizes, strict=True)]
        for students in itertools.product(*([j for j, _ in able] for able in options)):
            yield [IndexedGroup(group.members, j, size) for group, j, size in zip(chosen, students, sizes, strict=True)]

    def _able(self, members: Members, size: int) -> list[tuple[int, list[Job]]]:
        """Students that can run a part on all members, with what they send, but for those that one is as fast as."""
        key = members, size
        if key not in self._options:
            kept: list[tuple[int, list[Job]]] = []
            for j in self._every_student:
                own = self._jobs.of(members, j, size)
                if own and not any(_is_as_fast(other, own) for _, other in kept):
                    kept = [(i, other) for i, other in kept if not _is_as_fast(own, other)]
                    kept.append((j, own))
            self._options[key] = kept
        return self._options[key]

    def _latest_end(self, jobs: Sequence[Job]) -> float:
        """When the last one of some replicas answers if nobody else sends, in seconds."""
        free = [0.0] * self._num_channels
        latest = 0.0
        for _, _, air, ends, channel, _ in sorted(jobs):
            if channel >= 0:
                if free[channel] + air > ends:
                    ends = free[channel] + air
                free[channel] = ends
            if ends > latest:
                latest = ends
        return latest


def filters_within(seconds: float, air: Sequence[float], most: Sequence[int]) -> float:
    """Filters that some seconds of air carry, those that take least first.

    Parameters
    ----------
    seconds : float
        Airtime of a channel.
    air : sequence of float
        Seconds a filter, by group.
    most : sequence of int
        Filters of each group, at most.
    """
    found = 0.0
    for each, number in sorted(zip(air, most, strict=True)):
        if each * number > seconds:
            return found + seconds / each + SLACK
        seconds -= each * number
        found += number
    return found


def _is_as_fast(one: Sequence[Job], other: Sequence[Job]) -> bool:
    """Whether the replicas of a group are ready no later with one student than with another one."""
    return all(a.ready <= b.ready and a.alone <= b.alone for a, b in zip(one, other, strict=True))
