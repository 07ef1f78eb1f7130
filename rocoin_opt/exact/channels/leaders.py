"""Groups on channels where one replica of each must be in time, as for ``nominal`` latency.

Nobody else has to end in time, but those that are ready before send before. A later replica can spare another group a
delay, so that students are chosen with the groups, and only those count as ready before that are with every size left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan import IndexedGroup

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from rocoin_opt.exact.channels.jobs import Candidate, Job, Jobs
    from rocoin_opt.plan import Members

APART = 1.0 - 1e-9
"""Factor within which two lines of ready times may cross by rounding."""


class Leaders:
    """The timing of ``nominal``; see :class:`~rocoin_opt.exact.channels.jobs.Timing`.

    Parameters
    ----------
    jobs : Jobs
        Of the devices.
    """

    def __init__(self, jobs: Jobs) -> None:
        instance = jobs.instance
        self.students: Sequence[int] = range(len(instance.students))
        self._jobs = jobs
        self._sent: dict[tuple[Candidate, int, int], list[Job]] = {}
        self._before: dict[tuple[Candidate, int, int], list[list[int]]] = {}
        self._alike = [
            [(d.overhead_seconds, d.flops_per_second, d.compute_time(s.id)) for s in instance.students]
            for d in instance.devices
        ]

    def seen(self, members: Members, student: int, limit: float) -> Members:
        """Those that may be ready in time: the others neither lead nor send before one that does.

        Parameters
        ----------
        members, student, limit
            A group, what it runs, and the seconds.
        """
        jobs = self._jobs.of(members, student, 1)
        return tuple(n for n, job in zip(members, jobs, strict=True) if job.ready < limit)

    def sent(self, candidate: Candidate, low: int, high: int) -> Sequence[Job]:
        """What members send: as early and as short as at the lowest size, as late as at the highest.

        Parameters
        ----------
        candidate, low, high
            A group, and the interval of its size.
        """
        key = candidate, low, high
        if key not in self._sent:
            ends = (self._jobs.of(candidate.seen, candidate.student, size) for size in (low, high))
            self._sent[key] = [first._replace(latest=last.ready) for first, last in zip(*ends, strict=True)]
        return self._sent[key]

    def is_in_time(
        self, candidate: Candidate, sizes: tuple[int, int, int], others: Sequence[Job], limit: float
    ) -> bool:
        """Whether one of the replicas may be in time.

        Parameters
        ----------
        candidate, sizes, others, limit
            A group, its sizes, what other groups send, and the seconds.
        """
        return any(True for _ in self._leaders(candidate, sizes, others, limit))

    def is_carried(
        self,
        sent: Sequence[Sequence[Job]],  # noqa: ARG002
        sizes: Sequence[tuple[int, int]],  # noqa: ARG002
        missing: int,  # noqa: ARG002
        limit: float,  # noqa: ARG002
    ) -> bool:
        """That is not known as long as another replica may lead.

        Parameters
        ----------
        sent, sizes, missing, limit
            What groups send, intervals of their sizes, missing filters, and the seconds.
        """
        return True

    def alike(self, chosen: Sequence[Candidate], sizes: Sequence[tuple[int, int]], limit: float) -> Hashable:
        """Groups by the members that may lead, or may be ready before one that leads: the others do not matter.

        Parameters
        ----------
        chosen, sizes, limit
            Groups, intervals of their sizes, and the seconds.
        """
        sent = [self.sent(group, low, high) for group, (low, high) in zip(chosen, sizes, strict=True)]
        last: dict[int, float] = {}
        leading = []
        for g, (group, (low, high)) in enumerate(zip(chosen, sizes, strict=True)):
            others = [job for h, own in enumerate(sent) if h != g for job in own]
            leading.append(set(self._leaders(group, (low, low, high), others, limit)))
            for k in leading[g]:
                job = sent[g][k]
                last[job.channel] = max(last.get(job.channel, 0.0), job.latest)

        def is_seen(job: Job) -> bool:
            return job.channel >= 0 and job.ready <= last.get(job.channel, -1.0)

        return frozenset(
            (group.student, *interval, tuple(n for k, n in enumerate(group.seen) if k in own or is_seen(jobs[k])))
            for group, interval, own, jobs in zip(chosen, sizes, leading, sent, strict=True)
        )

    def plans(self, chosen: Sequence[Candidate], sizes: Sequence[int]) -> Iterator[list[IndexedGroup]]:
        """The one plan that there is.

        Parameters
        ----------
        chosen, sizes
            Groups and their sizes.
        """
        yield [IndexedGroup(group.members, group.student, size) for group, size in zip(chosen, sizes, strict=True)]

    def _leaders(
        self, candidate: Candidate, sizes: tuple[int, int, int], others: Sequence[Job], limit: float
    ) -> Iterator[int]:
        """Places of the replicas that may be in time.

        Parameters
        ----------
        candidate, sizes, others, limit
            As for :meth:`is_in_time`.
        """
        size, low, high = sizes
        own = self._jobs.of(candidate.seen, candidate.student, size)
        before = self._ready_before(candidate, low, high) if own else []
        for k, job in enumerate(own):
            if job.alone >= limit:
                continue
            if job.channel < 0:
                yield k
                continue
            queue = [(own[i].ready, own[i].air) for i in before[k]]
            queue += [
                (other.ready, other.air)
                for other in others
                if other.channel == job.channel and (other.latest, other.name) < (job.ready, job.name)
            ]
            free = 0.0
            for ready, air in sorted(queue):
                free = max(ready, free) + air
            if free + job.air < limit:
                yield k

    def _ready_before(self, candidate: Candidate, low: int, high: int) -> list[list[int]]:
        """For each member, those on its channel that are ready before it with every size of an interval.

        Ready times are affine in the size: what holds at both ends holds between them, but for rounding.

        Parameters
        ----------
        candidate, low, high
            A group, and the interval of its size.
        """
        key = candidate, low, high
        if key not in self._before:
            members, j = candidate.seen, candidate.student
            first, last = (self._jobs.of(members, j, size) for size in (low, high))

            def precedes(i: int, k: int) -> bool:
                if i == k or first[i].channel != first[k].channel:
                    return False
                if low == high:
                    return first[i] < first[k]
                if self._alike[members[i]][j] == self._alike[members[k]][j]:
                    return first[i].name < first[k].name
                return first[i].ready < APART * first[k].ready and last[i].ready < APART * last[k].ready

            places = range(len(members))
            self._before[key] = [[i for i in places if precedes(i, k)] for k in places]
        return self._before[key]
