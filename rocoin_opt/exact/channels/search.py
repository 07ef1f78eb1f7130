"""The least latency of few devices that share channels, proven: branch and bound over groups, students and sizes.

Groups are added one after another, the one with the lowest free device first. Whatever is added to a plan makes no
replica earlier that it has, so that the latency of the groups so far is a lower bound. Within the best latency so far
every group left holds no more than its devices do alone.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rocoin_opt.exact.channels.packing import ChannelPacking
from rocoin_opt.exact.channels.sets import groups_by_first
from rocoin_opt.failure import check, value_of
from rocoin_opt.plan import IndexedGroup, Outcome, group_keeps_limit, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective, Plan

CLOSER = 1.0 - 1e-12
"""Factor on the best latency below which another one is better: rounding tells no two plans apart."""


class Job(NamedTuple):
    """A replica: when it is ready, its name, for how long it sends, when it would answer alone, its channel or -1."""

    ready: float
    name: str
    air: float
    alone: float
    channel: int
    device: int
    group: int


def exact_on_channels(
    instance: Instance,
    objective: Objective,
    control: Control,
    start: Plan | None,
    lower_bound: float | None = None,
    nodes: float = math.inf,
) -> Outcome:
    """Find the plan of least latency of few devices that share channels, or prove that there is none.

    Parameters
    ----------
    instance : Instance
        A dozen devices at most, constant latencies; failure domains, rules and ``min_success`` included.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    control : Control
        Limit and reports.
    start : Plan, optional
        A valid plan.
    lower_bound : float, optional
        What is known already.
    nodes : float
        Groups that are looked at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        The best plan, with its latency as the bound where the search came to its end.
    """
    given = instance.requirements
    is_plain = not (instance.restrictions.of_groups or instance.limits_energy)
    is_plain = is_plain and given.min_success is None and given.requests_per_second is None
    search = (ChannelPacking if is_plain else _Search)(instance, objective, control, nodes)
    if start is not None:
        search.keep(start, value_of(instance, start, objective))
    search.run()
    if not search.is_stopped:
        return Outcome(search.plan, None if search.plan is None else search.best, infeasible=search.plan is None)
    return Outcome(search.plan, lower_bound)


class _Search:
    def __init__(self, instance: Instance, objective: Objective, control: Control, nodes: float) -> None:
        self.instance, self.objective, self.control, self.nodes = instance, objective, control, nodes
        self.sets = groups_by_first(instance, objective)
        self.plan: Plan | None = None
        self.best, self.is_stopped = math.inf, False
        self.total, self.most = instance.knowledge.num_filters, instance.max_groups
        self.largest = instance.arrays.largest.tolist()
        place = {name: c for c, name in enumerate(instance.shared_channels)}
        self.channel = [place.get(device.channel or "", -1) for device in instance.devices]
        # Earlier and shorter transfers end no later all together, and all of them count.
        self.is_free = not instance.restrictions.of_groups and instance.requirements.min_success is None
        self.is_monotone = self.is_free and objective != "nominal"
        counts = [bits.bit_count() for own in self.sets for bits, _ in own]
        self.fewest = 1 if objective == "nominal" else min(counts, default=1)
        self.keeps = lru_cache(maxsize=None)(lambda members: group_keeps_limit(instance, members))
        self.job = lru_cache(maxsize=None)(self._job)
        self._tighten()

    def keep(self, plan: Plan, value: float) -> None:
        """Remember a better plan."""
        self.plan, self.best = plan, value
        self.control.tell(value, None)
        self._tighten()

    def _tighten(self) -> None:
        """Largest parts within the best latency so far, alone."""
        reach = self.instance.arrays.largest.max(axis=1)
        if self.best < math.inf:
            reach = self.instance.arrays.largest_part(self.best).max(axis=1)
        self.reach = reach.tolist()
        self.order = sorted(range(len(self.reach)), key=lambda n: -self.reach[n])

    def run(self) -> None:
        """Look at all plans but those that cannot be better."""
        self._extend((1 << len(self.instance.devices)) - 1, self.total, [], [])

    def room(self, free: int, groups: int) -> int:
        """Filters that so many more groups of free devices can hold at most."""
        found, seen = 0, 0
        for n in self.order:
            if free >> n & 1:
                seen += 1
                if seen % self.fewest == 0:
                    found += self.reach[n]
                    groups -= 1
                    if groups == 0:
                        break
        return found

    def _extend(self, free: int, left: int, groups: list[IndexedGroup], jobs: list[Job]) -> None:
        if left == 0:
            self._finish(groups)
            return
        if len(groups) == self.most or self.room(free, self.most - len(groups)) < left:
            return
        self.nodes -= 1
        if self.nodes < 0 or self.control.exhausted:
            self.is_stopped = True
            return
        rest, passed = free, 0
        while rest and not self.is_stopped:
            first = (rest & -rest).bit_length() - 1
            if passed and self.room(rest, self.most - len(groups)) < left:
                return
            for bits, members in self.sets[first]:
                if bits & ~rest:
                    continue
                after = rest & ~bits
                smallest = max(1, left - self.room(after, self.most - len(groups) - 1))
                for group, more in self._choices(members, smallest, left, len(groups), jobs):
                    self._extend(after, left - group.size, [*groups, group], [*jobs, *more])
                    if self.is_stopped:
                        return
            # The lowest free device stays spare.
            rest &= rest - 1
            passed += 1

    def _choices(
        self, members: Members, smallest: int, left: int, place: int, jobs: list[Job]
    ) -> Iterator[tuple[IndexedGroup, list[Job]]]:
        """Students and sizes with which a group leaves the latency below the best one so far.

        Parameters
        ----------
        members : tuple of int
            The group.
        smallest, left : int
            Range of its size.
        place : int
            How many groups there are before it.
        jobs : list of Job
            Their replicas.
        """
        for j in range(len(self.instance.students)):
            largest = min(left, *(self.largest[n][j] for n in members))
            within = []
            for size in range(smallest, largest + 1):
                more = [self.job(n, j, size, place) for n in members]
                if self.latency([*jobs, *more]) >= self.best * CLOSER:
                    if self.is_monotone:
                        break
                    continue
                within.append((IndexedGroup(members, j, size), more))
            for group, more in reversed(within):
                # The best may have become better since.
                if self.latency([*jobs, *more]) < self.best * CLOSER:
                    yield group, more

    def _job(self, n: int, j: int, size: int, group: int) -> Job:
        terms = self.instance.latency_terms(n, j, size)
        alone = float(self.instance.arrays.latency(n, j, size))
        name = self.instance.devices[n].id
        return Job(terms.overhead + terms.compute, name, terms.transfer, alone, self.channel[n], n, group)

    def latency(self, jobs: Sequence[Job]) -> float:
        """Latency of some groups if no other device sends, in seconds."""
        free = [0.0] * len(self.instance.shared_channels)
        answers: dict[int, list[tuple[float, int]]] = {}
        latest = 0.0
        for job in sorted(jobs):
            ends = job.alone
            if job.channel >= 0:
                ends = free[job.channel] = max(ends, free[job.channel] + job.air)
            latest = max(latest, ends)
            answers.setdefault(job.group, []).append((ends, job.device))
        if self.is_monotone or self.objective == "worst":
            return latest
        return max(self._answer(sorted(own)) for own in answers.values())

    def _answer(self, answers: list[tuple[float, int]]) -> float:
        if self.objective == "nominal":
            return answers[0][0]
        inside: list[int] = []
        for seconds, n in answers:
            inside.append(n)
            if self.keeps(tuple(sorted(inside))):
                return seconds
        return math.inf

    def _finish(self, groups: list[IndexedGroup]) -> None:
        plan = plan_of(self.instance, groups)
        value = value_of(self.instance, plan, self.objective)
        if value < self.best and not check(self.instance, plan):
            self.keep(plan, value)
