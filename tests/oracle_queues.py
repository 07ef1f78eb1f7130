"""Queues for channels, event by event: what is ready waits, what has waited longest is sent, what is sent arrives.

Nothing here calls the package beyond its data classes. Times are fractions, so that what happens at once is known to.
"""

from __future__ import annotations

import heapq
import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from oracle import ROUNDING, Block, Oracle, compute_time, exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.instance.model import Instance

ARRIVES, READY = 0, 1
"""Kinds of events: what arrives at a moment is known to all that begins then."""


class Job(NamedTuple):
    """A replica that computes and sends: its name, group, ready time, airtime, and channel if it has to share one."""

    name: str
    group: int
    ready: Fraction
    air: Fraction
    channel: str | None


def played(jobs: Sequence[Job], alive: Iterable[int], *, cancel: bool = False) -> dict[int, Fraction]:
    """When each job arrives that is alive and was not cancelled, by its place."""
    events = [(jobs[place].ready, READY, place) for place in alive]
    heapq.heapify(events)
    waiting: dict[str | None, list[tuple[Fraction, str, int]]] = {}
    busy: set[str | None] = set()
    answered: set[int] = set()
    arrived: dict[int, Fraction] = {}
    while events:
        now = events[0][0]
        while events and events[0][0] == now:
            _, kind, place = heapq.heappop(events)
            job = jobs[place]
            if kind == ARRIVES:
                arrived[place] = now
                answered.add(job.group)
                busy.discard(job.channel)
            elif job.channel is None:
                heapq.heappush(events, (now + job.air, ARRIVES, place))
            else:
                heapq.heappush(waiting.setdefault(job.channel, []), (job.ready, job.name, place))
        # At no airtime at all one arrival makes room for the next at the same moment.
        for channel, queue in waiting.items():
            while queue and channel not in busy:
                _, _, place = heapq.heappop(queue)
                if cancel and jobs[place].group in answered:
                    continue
                busy.add(channel)
                heapq.heappush(events, (now + jobs[place].air, ARRIVES, place))
    return arrived


def jobs_of(instance: Instance, blocks: Sequence[Block]) -> tuple[list[Job], list[int]]:
    """The jobs of disjoint groups, and the device of each."""
    jobs, devices = [], []
    for k, (members, j, size) in enumerate(blocks):
        for n in members:
            device = instance.devices[n]
            compute = compute_time(instance, n, j, size)
            assert compute is not None
            air = exact(instance.knowledge.bits_per_filter) * size / exact(device.uplink_bits_per_second)
            jobs.append(Job(device.id, k, exact(device.overhead_seconds) + compute, air, device.channel))
            devices.append(n)
    return jobs, devices


class QueueOracle(Oracle):
    """All that can be said about the plans of one instance whose devices may share channels."""

    def calm(self, blocks: Sequence[Block]) -> dict[int, Fraction]:
        """When each device answers if nobody crashes."""
        jobs, devices = jobs_of(self.instance, blocks)
        arrived = played(jobs, range(len(jobs)))
        return {devices[place]: t for place, t in arrived.items()}

    def keeps_rules(self, blocks: tuple[Block, ...]) -> bool:
        """Whether disjoint groups keep every rule of groups and parts, and leave the air to the next request."""
        return super().keeps_rules(blocks) and self.keeps_rate(blocks)

    def keeps_rate(self, blocks: Sequence[Block]) -> bool:
        """Whether neither a device nor a channel is busy for longer than there is between two requests."""
        rate = self.instance.requirements.requests_per_second
        if rate is None:
            return True
        most = (1 + ROUNDING) / exact(rate)
        jobs, devices = jobs_of(self.instance, blocks)
        ends = self.calm(blocks)
        for job, n in zip(jobs, devices, strict=True):
            if job.ready + job.air - exact(self.instance.devices[n].overhead_seconds) > most:
                return False
        channels = {job.channel for job in jobs} - {None}
        return all(
            max(ends[n] for job, n in zip(jobs, devices, strict=True) if job.channel == channel)
            - min(job.ready for job in jobs if job.channel == channel)
            <= most
            for channel in channels
        )

    def latency(self, blocks: Sequence[Block], objective: str) -> Fraction | None:
        """The guaranteed, nominal or worst latency: of the calm times."""
        ends = self.calm(blocks)
        latest = Fraction(0)
        for members, *_ in blocks:
            times = sorted(ends[n] for n in members)
            if objective == "guaranteed":
                by = (t for t in times if self.outage(frozenset(n for n in members if ends[n] <= t)) <= self.limit)
                met = next(by, None)
                if met is None:
                    return None
            else:
                met = times[0] if objective == "nominal" else times[-1]
            latest = max(latest, met)
        return latest

    def answer_times(
        self, blocks: Sequence[Block], *, cancel: bool = False
    ) -> list[tuple[list[Fraction | None], Fraction]]:
        """By state when each group answers, None where never, and how likely the state is."""
        jobs, devices = jobs_of(self.instance, blocks)
        found = []
        for alive, probability in self.states:
            arrived = played(jobs, [place for place, n in enumerate(devices) if n in alive], cancel=cancel)
            firsts = [
                min((t for place, t in arrived.items() if jobs[place].group == k), default=None)
                for k in range(len(blocks))
            ]
            found.append((firsts, probability))
        return found

    def whole_answer(self, blocks: Sequence[Block], *, cancel: bool = False) -> dict[Fraction, Fraction]:
        """How likely the whole answer comes at each of its times, ascending."""
        found: dict[Fraction, Fraction] = {}
        for firsts, probability in self.answer_times(blocks, cancel=cancel):
            if None not in firsts:
                last = max(t for t in firsts if t is not None)
                found[last] = found.get(last, Fraction(0)) + probability
        return dict(sorted(found.items()))

    def figures(self, blocks: Sequence[Block], *, cancel: bool = False) -> dict[str, float | None]:
        """Expected time, failure, missing share and quantile of disjoint groups."""
        requirements, total = self.instance.requirements, self.instance.knowledge.num_filters
        law, late = self.whole_answer(blocks, cancel=cancel), self.latest
        in_time = sum((p for t, p in law.items() if late is None or t <= late), Fraction(0))
        missing = sum(
            (
                probability
                * sum(
                    block.size
                    for block, t in zip(blocks, firsts, strict=True)
                    if t is None or (late is not None and t > late)
                )
                for firsts, probability in self.answer_times(blocks, cancel=cancel)
            ),
            Fraction(0),
        )
        expected = quantile = None
        if requirements.deadline_seconds is not None:
            end = exact(requirements.deadline_seconds)
            never = 1 - sum(law.values(), Fraction(0))
            expected = float(sum((min(t, end) * p for t, p in law.items()), never * end))
        if self.failure_limit is not None:
            done = itertools.accumulate(law.values())
            reached = (t for t, p in zip(law, done, strict=True) if 1 - p <= self.failure_limit and p > 0)
            quantile = next(map(float, reached), math.inf)
        return {
            "expected": expected,
            "failure": float(1 - in_time),
            "missing": float(missing / total),
            "quantile": quantile,
        }
