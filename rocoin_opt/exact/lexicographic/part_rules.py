"""Which part sizes the groups of a plan can have at a threshold where minimal groups do not suffice.

Rules may want devices in a group that the outage limit does not need, and ``min_success`` is asked of all groups
together. Then a vector of sizes is possible exactly if allowed sets can take its parts and keep all of it; few devices
have few enough sets to find that out. Of more devices the groups of known plans count, with the parts that they can
take.
"""

from __future__ import annotations

from operator import gt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.exact.answer import can_serve
from rocoin_opt.exact.lexicographic.part_energy import kind_of_sizes
from rocoin_opt.exact.lexicographic.part_sizes import PartSizes
from rocoin_opt.exact.restricted.sized_sets import SizedSets
from rocoin_opt.grouping import Reach
from rocoin_opt.heuristics.restricted import groups_of_sizes
from rocoin_opt.plan import IndexedGroup, group_keeps_limit, members_of, outage_of, plan_of, rules_allow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.lexicographic.part_sizes import Conflict, Limits, Members
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan


SEARCHES, STEPS = 12, 400
"""Vectors of sizes that groups are searched for at a threshold, and changes that each search tries: some 0.1 s."""
AllSets: TypeAlias = SizedSets


def all_sets(instance: Instance, control: Control) -> AllSets | None:
    """All sets of devices, where a group may need some that the outage limit can do without; None elsewhere."""
    rules = instance.restrictions
    wants = rules.together or rules.use or rules.spread > 1 or instance.requirements.min_success
    return SizedSets(instance, control) if wants else None


class RulePartSizes(PartSizes):
    """The sizes that parts can have under rules and ``min_success``.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    known : sequence of tuples of int
        Device indices of the groups of a plan.
    sizes : sequence of int
        Their parts, which they may not be able to take at this threshold.
    control : Control
        Limit and seed.
    sets : SizedSets
        All sets of devices, where these are few.
    """

    def __init__(
        self,
        problem: ThresholdProblem,
        known: Sequence[Members],
        sizes: Sequence[int],
        control: Control,
        sets: SizedSets,
    ) -> None:
        self.problem, self.control, self.sets = problem, control, sets
        self.wanted = problem.instance.knowledge.num_filters
        self.groups = self.choices = None
        self._possible, self._widest = problem.levels, []
        # Every size asks for other sets.
        self._levels = list(range(1, self.wanted + 1))
        self._packings, self._conflicts, self._verdicts = {}, {}, {}
        self.reach = Reach.within(problem.instance, problem.objective, problem.threshold)
        self._first = tuple(sizes)
        self._plans: dict[Limits, Plan] = {}
        self._refutations: dict[Limits, bool] = {}
        self._searches = SEARCHES
        if self._plan_of(known, sizes) is not None:
            self.learn(known, sizes)

    def learn(self, groups: Sequence[Members], sizes: Sequence[int] = ()) -> Limits:
        """Remember groups that take parts of descending sizes; return the parts that they can take, in this order."""
        roomiest = [self._room(own, size) for own, size in zip(groups, sizes or self._first, strict=True)]
        order = np.argsort([-room for room in roomiest], kind="stable")
        limits = tuple(roomiest[k] for k in order)
        self._packings.setdefault(limits, [tuple(groups[k]) for k in order])
        return limits

    def groups_for(self, sizes: Sequence[int]) -> list[Members] | None:
        """Disjoint groups that take parts of descending sizes, in this order; None where none were found."""
        wanted = tuple(sizes)
        if wanted in self._plans:
            return self._members(self._plans[wanted])
        for limits, groups in self._packings.items():
            if len(limits) != len(wanted) or any(map(gt, wanted, limits)):
                continue
            if sum(wanted) > self.wanted:
                return groups
            plan = self._plan_of(groups, wanted)
            if plan is not None:
                self._plans[wanted] = plan
                return self._members(plan)
        if self._known_conflict(wanted) is not None or self._is_refuted(wanted):
            return None
        if wanted not in self._plans and not self.sets.is_listed:
            self._merge_for(wanted)
            if wanted not in self._plans:
                self._search_for(wanted)
        return self._members(self._plans[wanted]) if wanted in self._plans else None

    def _merge_for(self, sizes: Limits) -> None:
        """Keep a plan of known groups, some of them merged, that takes parts of some sizes; if there is one."""
        instance = self.problem.instance
        for known in list(self._packings.values()):
            groups = list(known)
            # Those that can take the smallest parts become one, where rules let them.
            while len(groups) > len(sizes):
                pairs = [(a, b) for b in range(len(groups) - 1, 0, -1) for a in range(b - 1, -1, -1)]
                pair = next(
                    (pair for pair in pairs if rules_allow(instance, [n for k in pair for n in groups[k]])), None
                )
                if pair is None:
                    break
                merged = tuple(sorted(n for k in pair for n in groups[k]))
                groups = [group for k, group in enumerate(groups) if k not in pair] + [merged]
                rooms = [self._room(own, 1) for own in groups]
                groups = [groups[k] for k in np.argsort([-room for room in rooms], kind="stable")]
            plan = self._plan_of(groups, sizes) if len(groups) == len(sizes) else None
            if plan is not None:
                self._plans[sizes] = plan
                return

    def _search_for(self, sizes: Limits) -> None:
        """Look for groups that take parts of some sizes from those of a known plan, and keep a plan of them."""
        if self._searches == 0 or sum(sizes) != self.wanted:
            return
        self._searches -= 1
        known = next(reversed(self._packings.values()), [])
        # The roomiest groups take the largest parts; those that are too many are merged into the last one.
        start = [*known[: len(sizes)], *[()] * (len(sizes) - len(known))]
        start[-1] = tuple(n for group in known[len(sizes) - 1 :] for n in group)
        groups = groups_of_sizes(
            self.problem.instance,
            sizes,
            start,
            self._largest,
            lambda found: self._shortfall(found, sizes),
            STEPS,
            self.control,
        )
        plan = None if groups is None else self._plan_of(groups, sizes)
        if plan is not None:
            self._plans[sizes] = plan

    def _shortfall(self, groups: Sequence[Members], sizes: Sequence[int]) -> float:
        """How much too often groups fail with their parts, below 1; 0 where they are a plan."""
        if self._plan_of(groups, sizes) is not None:
            return 0.0
        success = 1.0
        for own, size in zip(groups, sizes, strict=True):
            fails = [self._outage(list(own), j, size) for j in self._students(list(own), size, 1.0)]
            success *= 1.0 - min(fails, default=1.0)
        # Whatever is missed is more than nothing, whether or not it is the success.
        return 0.5 + 0.4 * (1.0 - success)

    def _largest(self, members: Members) -> int:
        """The largest part that a group can take, with whichever student; 0 where it can take none."""
        own, best = list(members), 0
        reach, limit = self.reach, self.problem.instance
        for j in range(reach.held.shape[1]):
            most = int(reach.held[own, j].min())
            if reach.leading is not None:
                most = min(most, int(reach.leading[own, j].max()))
            if reach.covering is not None and most > best:
                sizes = reach.covering[own, j]
                # The fewest of those that are earliest and keep the limit say how large the part can be.
                order = np.argsort(-sizes, kind="stable")
                first = next(
                    (k for k in range(1, len(own) + 1) if group_keeps_limit(limit, [own[n] for n in order[:k]])), 0
                )
                most = min(most, int(sizes[order[first - 1]])) if first else 0
            best = max(best, min(most, self.wanted))
        return best

    def plan_for(self, sizes: Sequence[int]) -> Plan | None:
        """A plan with parts of these sizes; None where none was found."""
        return None if self.groups_for(sizes) is None else self._plans.get(tuple(sizes))

    def conflict(self, sizes: Sequence[int]) -> Conflict | None:
        """Say why no groups take parts of descending sizes; None where that is not proven.

        Where energy is limited all sizes together are why: larger parts in some groups are smaller ones in others.
        """
        if not self.problem.instance.limits_energy:
            return super().conflict(sizes)
        return tuple(enumerate(sizes, start=1)) if self._is_refuted(tuple(sizes)) else None

    def _refuted(self, parts: int, needed: Conflict) -> bool:
        sizes = [max((size for count, size in needed if count >= k), default=1) for k in range(1, parts + 1)]
        return self._is_refuted(tuple(sizes))

    def _is_refuted(self, sizes: Limits) -> bool:
        """Whether no groups can take parts of these sizes; a plan that is found instead is kept."""
        if sizes not in self._refutations:
            plan, refuted = self.sets.plan(self.reach, sizes)
            if plan is not None:
                self._plans[sizes] = plan
            self._refutations[sizes] = refuted
        return self._refutations[sizes]

    def _members(self, plan: Plan) -> list[Members]:
        return list(members_of(self.problem.instance, plan))

    def _room(self, members: Members, size: int) -> int:
        """The largest part that a group can take and fails as rarely with as with a part of some size."""
        instance, reach = self.problem.instance, self.reach
        if instance.limits_energy:
            return size
        own, best = list(members), size
        now = min((self._outage(own, j, size) for j in self._students(own, size, 1.0)), default=1.0)
        if not instance.requirements.min_success:
            now = 1.0
        tables = [table for table in (reach.counted, reach.held, reach.covering, reach.leading) if table is not None]
        steps = {min(int(step), self.wanted) for table in tables for step in table[own].ravel()}
        for step in sorted(steps, reverse=True):
            if step <= best:
                break
            if any(True for _ in self._students(own, step, now)):
                return step
        return best

    def _students(self, members: list[int], size: int, outage: float) -> Iterable[int]:
        """Students with which a group can take a part and fails no more often than that, of least work first."""
        instance = self.problem.instance
        work = self.problem.costs.latency(members, slice(None), size).sum(axis=0)
        for j in np.argsort(work, kind="stable").tolist():
            if can_serve(instance, self.reach, members, j, size, outage):
                yield j

    def _outage(self, members: list[int], student: int, size: int) -> float:
        """Probability that none of a group's devices in time answers."""
        return float(outage_of(self.problem.instance, [n for n in members if self.reach.counted[n, student] >= size]))

    def _plan_of(self, groups: Sequence[Members], sizes: Sequence[int]) -> Plan | None:
        """A valid plan of groups with parts, each with a student that fails least and then works least; or None."""
        served, is_sure = [], bool(self.problem.instance.requirements.min_success)
        for own, size in zip(groups, sizes, strict=True):
            able = list(self._students(list(own), size, 1.0))
            if not able:
                return None
            fails = [self._outage(list(own), j, size) for j in able] if is_sure else [0.0]
            student = able[fails.index(min(fails))]
            served.append(IndexedGroup(tuple(own), student, size))
        plan = plan_of(self.problem.instance, served)
        return plan if self.sets.are_kept(plan) else None


def sizes_at(
    problem: ThresholdProblem,
    groups: Sequence[Members],
    sizes: Sequence[int],
    control: Control,
    sets: SizedSets | None = None,
) -> PartSizes:
    """What tells the sizes that parts can have at a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold; where all energy is limited, with joules for its costs.
    groups : sequence of tuples of int
        Device indices of the groups of a plan, by descending parts.
    sizes : sequence of int
        Its parts.
    control : Control
        Limit and seed.
    sets : SizedSets, optional
        Of :func:`all_sets`.
    """
    if sets is not None:
        return RulePartSizes(problem, groups, sizes, control, sets)
    return kind_of_sizes(problem)(problem, groups, control)
