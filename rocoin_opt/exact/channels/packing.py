"""The least ``guaranteed`` or ``worst`` latency of few devices on channels where nothing but latency tells plans apart.

Then earlier and shorter transfers end no later, so that groups are minimal covers, a student that is as fast on all of
them replaces another one, and sizes can be cut off from above. Groups are chosen first, by what they can hold at most,
and sizes behind them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rocoin_opt.exact.channels.sets import groups_by_first
from rocoin_opt.failure import check, value_of
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective, Plan

CLOSER = 1.0 - 1e-12
"""Factor on the best latency below which another one is better: rounding tells no two plans apart."""
SLACK = 1e-9
"""Relative slack of what channels can carry."""

Jobs = list[tuple[float, str, float, float, int]]
"""Replicas: when each is ready, its name, for how long it sends, when it would answer alone, its channel or -1."""


class Cover(NamedTuple):
    """A group: as bits and indices, the filters that it holds at most, and its airtime a filter by channel."""

    bits: int
    members: Members
    most: int
    air: tuple[float, ...]


class ChannelPacking:
    """A search over all packings of minimal covers.

    Parameters
    ----------
    instance : Instance
        A dozen devices at most, without rules on groups, ``min_success``, limits on all energy and rates of requests.
    objective : {'guaranteed', 'worst'}
        Which latency.
    control : Control
        Limit and reports.
    nodes : float
        Groups and sizes that are looked at, at most, for an end without a clock.
    """

    def __init__(self, instance: Instance, objective: Objective, control: Control, nodes: float) -> None:
        self.instance, self.objective, self.control, self.nodes = instance, objective, control, nodes
        self.plan: Plan | None = None
        self.best, self.is_stopped = math.inf, False
        self.total, self.most = instance.knowledge.num_filters, instance.max_groups
        self.fewest_groups = instance.requirements.min_groups
        self.largest = instance.arrays.largest.tolist()
        place = {name: c for c, name in enumerate(instance.shared_channels)}
        self.channel = [place.get(device.channel or "", -1) for device in instance.devices]
        self.num_channels = len(place)
        air = instance.arrays.transfer.tolist()
        self.given = [
            (bits, members, tuple(sum(air[n] for n in members if self.channel[n] == c) for c in range(len(place))))
            for own in groups_by_first(instance, objective)
            for bits, members in own
        ]
        self.known: dict[tuple[Members, int], list[tuple[int, Jobs]]] = {}
        self.first_ready = [self._first_ready(c) for c in range(len(place))]

    def keep(self, plan: Plan, value: float) -> None:
        """Remember a better plan."""
        self.plan, self.best = plan, value
        self.control.tell(value, None)

    def run(self) -> None:
        """Look at all packings but those that cannot be better."""
        covers = []
        for bits, members, air in self.given:
            most = self._most(members, [], 1, self.total)
            if most:
                covers.append(Cover(bits, members, most, air))
        # By their lowest devices, so that each packing comes once; large ones first among those of one device.
        covers.sort(key=lambda cover: (cover.members[0], -cover.most))
        self._extend([], covers)

    def _extend(self, chosen: list[Cover], covers: list[Cover]) -> None:
        if self._is_over():
            return
        if len(chosen) >= self.fewest_groups and chosen and self._carried(chosen) >= self.total:
            self._size(chosen, 0, [], self.total, [])
        groups = self.most - len(chosen)
        if groups == 0:
            return
        for i, cover in enumerate(covers):
            rest = [other for other in covers[i + 1 :] if not other.bits & cover.bits]
            if self._carried([*chosen, cover], rest, groups - 1) >= self.total:
                self._extend([*chosen, cover], rest)
            if self.is_stopped:
                return

    def _is_over(self) -> bool:
        self.nodes -= 1
        if self.nodes < 0 or self.control.exhausted:
            self.is_stopped = True
        return self.is_stopped

    def _carried(self, chosen: Sequence[Cover], rest: Sequence[Cover] = (), groups: int = 0) -> float:
        """Filters that some groups, and as many more, hold at most: of each channel alone, by their airtime a filter.

        Parameters
        ----------
        chosen : sequence of Cover
            Groups.
        rest : sequence of Cover
            Groups that may be added.
        groups : int
            How many of them.
        """
        more = 0
        if groups and rest:
            sizes = sorted((cover.most for cover in rest), reverse=True)
            more = sum(sizes[:groups])
        least = float(sum(cover.most for cover in chosen) + more)
        if self.best == math.inf:
            return least
        for c in range(self.num_channels):
            items = [(cover.air[c], cover.most) for cover in chosen]
            if more:
                items.append((min(cover.air[c] for cover in rest), more))
            least = min(least, self._filled(items, self.best - self.first_ready[c]))
        return least

    @staticmethod
    def _filled(items: list[tuple[float, int]], seconds: float) -> float:
        """Filters within some seconds of air, the cheapest first."""
        left, found = max(seconds, 0.0) * (1.0 + SLACK), 0.0
        for air, most in sorted(items):
            if air * most > left:
                return found + left / air + SLACK
            left -= air * most
            found += most
        return found

    def _size(self, chosen: list[Cover], k: int, jobs: Jobs, left: int, done: list[IndexedGroup]) -> None:
        """Try the sizes of one group after another, each as large as the best latency leaves it."""
        if self._is_over():
            return
        cover, after = chosen[k], chosen[k + 1 :]
        if not after:
            for student, more in self._options(cover.members, left):
                if left <= cover.most and self._latency([*jobs, *more]) < self.best * CLOSER:
                    self._finish([*done, IndexedGroup(cover.members, student, left)])
                    return
            return
        highest = self._most(cover.members, jobs, 1, min(cover.most, left - len(after)))
        for size in range(highest, 0, -1):
            for student, more in self._options(cover.members, size):
                together = [*jobs, *more]
                if self._latency(together) >= self.best * CLOSER:
                    continue
                if self._room(after, together) < left - size:
                    # Smaller ones leave more air, but not more than all.
                    if sum(other.most for other in after) < left - size:
                        return
                    continue
                self._size(chosen, k + 1, together, left - size, [*done, IndexedGroup(cover.members, student, size)])
                if self.is_stopped:
                    return

    def _room(self, after: Sequence[Cover], jobs: Jobs) -> float:
        """Filters that the groups to come hold at most beside what is sent already."""
        least = float(sum(cover.most for cover in after))
        for c in range(self.num_channels):
            used = sum(job[2] for job in jobs if job[4] == c)
            items = [(cover.air[c], cover.most) for cover in after]
            least = min(least, self._filled(items, self.best - self.first_ready[c] - used))
        return least

    def _first_ready(self, c: int) -> float:
        """The earliest that any device of a channel can be ready."""
        arrays = self.instance.arrays
        times = [
            self.instance.latency_terms(n, j, 1)
            for n in range(len(self.channel))
            if self.channel[n] == c
            for j in range(len(self.instance.students))
            if arrays.largest[n, j] > 0
        ]
        return min((terms.overhead + terms.compute for terms in times), default=0.0) * (1.0 - SLACK)

    def _most(self, members: Members, jobs: Jobs, low: int, high: int) -> int:
        """Largest part that a group holds beside other transfers below the best latency; 0 where none."""
        found = 0
        while low <= high:
            middle = (low + high) // 2
            options = self._options(members, middle)
            if any(self._latency([*jobs, *more]) < self.best * CLOSER for _, more in options):
                found, low = middle, middle + 1
            else:
                high = middle - 1
        return found

    def _options(self, members: Members, size: int) -> list[tuple[int, Jobs]]:
        """Students that can run a part on all members, but for those that another one is as fast as."""
        key = members, size
        if key not in self.known:
            able = [j for j in range(len(self.instance.students)) if all(self.largest[n][j] >= size for n in members)]
            jobs = [(j, [self._job(n, j, size) for n in members]) for j in able]
            kept: list[tuple[int, Jobs]] = []
            for j, own in jobs:
                if not any(_is_as_fast(other, own) for _, other in kept):
                    kept = [(i, other) for i, other in kept if not _is_as_fast(own, other)]
                    kept.append((j, own))
            self.known[key] = kept
        return self.known[key]

    def _job(self, n: int, j: int, size: int) -> tuple[float, str, float, float, int]:
        terms = self.instance.latency_terms(n, j, size)
        alone = float(self.instance.arrays.latency(n, j, size))
        return terms.overhead + terms.compute, self.instance.devices[n].id, terms.transfer, alone, self.channel[n]

    def _latency(self, jobs: Jobs) -> float:
        """When the last one of some replicas answers, in seconds."""
        free = [0.0] * self.num_channels
        latest = 0.0
        for _, _, air, ends, channel in sorted(jobs):
            if channel >= 0:
                if free[channel] + air > ends:
                    ends = free[channel] + air
                free[channel] = ends
            if ends > latest:
                latest = ends
        return latest

    def _finish(self, groups: list[IndexedGroup]) -> None:
        plan = plan_of(self.instance, groups)
        value = value_of(self.instance, plan, self.objective)
        if value < self.best and not check(self.instance, plan):
            self.keep(plan, value)


def _is_as_fast(one: Jobs, other: Jobs) -> bool:
    """Whether the replicas of a group are ready no later with one student than with another one."""
    return all(a[0] <= b[0] and a[3] <= b[3] for a, b in zip(one, other, strict=True))
