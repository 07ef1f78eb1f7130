"""The least latency of few devices on channels where nothing but latency tells plans apart: a search over packings.

Groups are chosen one after another, those that hold most alone first. Each has an interval of sizes. With the others as
low as they may be, the largest size with which a group is in time is its upper end; what the others hold at most leaves
the lower one. Where neither moves any more and all groups are chosen, the widest interval is halved.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.channels.all_replicas import AllReplicas
from rocoin_opt.exact.channels.jobs import Candidate, Jobs
from rocoin_opt.exact.channels.leaders import Leaders
from rocoin_opt.exact.channels.sets import groups_by_first
from rocoin_opt.failure import check, value_of
from rocoin_opt.plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.channels.jobs import Job, Timing
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective, Plan

CLOSER = 1.0 - 1e-12
"""Factor on the best latency below which another one is better: rounding tells no two plans apart."""


class ChannelPacking:
    """A search over all packings of covers of the outage limit.

    Parameters
    ----------
    instance : Instance
        A dozen devices or little more, without rules on groups, ``min_success``, limits on all energy and rates of
        requests.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    control : Control
        Limit and reports.
    nodes : float
        Packings and halves that are looked at, at most, for an end without a clock.
    """

    def __init__(self, instance: Instance, objective: Objective, control: Control, nodes: float) -> None:
        self.instance, self.objective, self.control, self.nodes = instance, objective, control, nodes
        self.plan: Plan | None = None
        self.best, self.is_stopped = math.inf, False
        self.total, self.most = instance.knowledge.num_filters, instance.max_groups
        self.fewest = instance.requirements.min_groups
        jobs = Jobs(instance)
        self.timing: Timing = Leaders(jobs) if objective == "nominal" else AllReplicas(jobs)
        self.seen: set[Hashable] = set()
        self.given = [group for own in groups_by_first(instance, objective) for group in own]

    def keep(self, plan: Plan, value: float) -> None:
        """Remember a better plan."""
        self.plan, self.best = plan, value
        self.control.tell(value, None)

    def run(self) -> None:
        """Look at all packings but those that cannot be better."""
        found = (self._candidate(bits, members, j) for bits, members in self.given for j in self.timing.students)
        candidates = sorted((group for group in found if group.most), key=lambda group: -group.most)
        self._extend([], [], [], candidates)

    @property
    def _limit(self) -> float:
        return self.best * CLOSER

    def _candidate(self, bits: int, members: Members, student: int) -> Candidate:
        able = self.instance.arrays.largest[list(members)].min(axis=0)
        most = min(self.total, int(able.max() if student < 0 else able[student]))
        if most == 0:
            return Candidate(bits, members, (), student, most)
        group = Candidate(bits, members, self.timing.seen(members, student, self._limit), student, most)
        return group._replace(most=self._largest(group, (1, most), ()))

    def _extend(
        self, chosen: list[Candidate], low: list[int], high: list[int], candidates: Sequence[Candidate]
    ) -> None:
        """Look at all packings of some groups and more.

        Parameters
        ----------
        chosen : list of Candidate
            Groups.
        low, high : list of int
            Least and largest size of each one.
        candidates : sequence of Candidate
            Groups that may be added; those that hold most come first.
        """
        if self._is_over():
            return
        held = sum(high)
        if len(chosen) >= max(self.fewest, 1) and held >= self.total:
            alike = self.timing.alike(chosen, list(zip(low, high, strict=True)), self._limit)
            if alike not in self.seen:
                self._halve(chosen, list(low), list(high))
                self.seen.add(alike)
        more = self.most - len(chosen)
        if more == 0:
            return
        refuted: dict[Hashable, int] = {}
        for i, group in enumerate(candidates):
            if self.is_stopped or held + more * group.most < self.total:
                return
            rest = [other for other in candidates[i + 1 :] if not other.bits & group.bits]
            beyond = sum(other.most for other in rest[: more - 1])
            # What others do not see of a group does not matter here.
            alike = group.seen, group.student, group.most
            if beyond <= refuted.get(alike, -1):
                continue
            longer, ranges = [*chosen, group], ([*low, 1], [*high, group.most])
            if self._narrow(longer, *ranges, beyond):
                self._extend(longer, *ranges, rest)
            else:
                refuted[alike] = beyond

    def _halve(self, chosen: list[Candidate], low: list[int], high: list[int]) -> None:
        """Look at all sizes of some groups within intervals, larger ones of the least certain group first.

        Parameters
        ----------
        chosen : list of Candidate
            Groups.
        low, high : list of int
            Least and largest size of each one.
        """
        if self._is_over() or not self._narrow(chosen, low, high, 0):
            return
        widths = [top - bottom for bottom, top in zip(low, high, strict=True)]
        widest = max(widths)
        if widest == 0:
            self._finish(chosen, low)
            return
        g = widths.index(widest)
        middle = (low[g] + high[g]) // 2
        self._halve(chosen, [*low[:g], middle + 1, *low[g + 1 :]], list(high))
        self._halve(chosen, low, [*high[:g], middle, *high[g + 1 :]])

    def _narrow(self, chosen: Sequence[Candidate], low: list[int], high: list[int], beyond: int) -> bool:
        """Narrow intervals of sizes in place; whether a better plan may be left in them.

        Parameters
        ----------
        chosen : sequence of Candidate
            Groups.
        low, high : list of int
            Least and largest size of each one.
        beyond : int
            Filters that groups to come hold at most.
        """
        while True:
            spare = sum(high) + beyond - self.total
            if spare < 0:
                return False
            for g, top in enumerate(high):
                low[g] = max(low[g], top - spare)
            missing = self.total - sum(low)
            if missing < 0:
                return False
            sent = [self.timing.sent(*group) for group in zip(chosen, low, high, strict=True)]
            if not all(sent):
                return False
            is_narrower = False
            for g, group in enumerate(chosen):
                others = [job for h, own in enumerate(sent) if h != g for job in own]
                top = self._largest(group, (low[g], min(high[g], low[g] + missing)), others)
                if top < low[g]:
                    return False
                is_narrower = is_narrower or top < high[g]
                high[g] = top
            if not is_narrower:
                ranges = list(zip(low, high, strict=True))
                return self.timing.is_carried(sent, ranges, missing - beyond, self._limit)

    def _largest(self, group: Candidate, interval: tuple[int, int], others: Sequence[Job]) -> int:
        """Largest size in an interval with which a group may be in time; one less than the interval's where none is.

        Parameters
        ----------
        group : Candidate
            The group.
        interval : tuple of int
            Least and largest size.
        others : sequence of Job
            What other groups send.
        """
        low, high = interval
        found, middle = low - 1, high
        while low <= high:
            if self.timing.is_in_time(group, (middle, *interval), others, self._limit):
                found, low = middle, middle + 1
            else:
                high = middle - 1
            middle = (low + high) // 2
        return found

    def _is_over(self) -> bool:
        self.nodes -= 1
        if self.nodes < 0 or self.control.exhausted:
            self.is_stopped = True
        return self.is_stopped

    def _finish(self, chosen: Sequence[Candidate], sizes: Sequence[int]) -> None:
        for groups in self.timing.plans(chosen, sizes):
            plan = plan_of(self.instance, groups)
            value = value_of(self.instance, plan, self.objective)
            if value < self.best and not check(self.instance, plan):
                self.keep(plan, value)
