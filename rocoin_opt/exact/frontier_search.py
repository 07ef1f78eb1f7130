"""The search behind a frontier of latency and partition: the ends, limits that spread evenly, then what is between."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rocoin_opt.exact.lexicographic import (
    RulePartSizes,
    all_sets,
    best_within,
    least_bound,
    plan_of_parts,
    plans_of_less_work,
    sizes_at,
)
from rocoin_opt.failure import check, value_of
from rocoin_opt.grouping import ThresholdProblem, latency_range, smallest_threshold
from rocoin_opt.instance import SAFETY
from rocoin_opt.plan import labels_of, members_of, with_filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.exact.lexicographic import Found, PartSearch, PartSizes
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective, Plan, Preference

HALVED = 0.1
"""Gaps wider than this share of an even spacing are halved; narrower ones are searched from their right end."""


@dataclass(frozen=True)
class Point:
    """A plan, and the latency limit within which nothing better was found.

    Attributes
    ----------
    plan : Plan
        With explicit filters.
    seconds, value : float
        Its latency and its partition criterion.
    limit : float
        Largest limit in seconds that it is the answer to.
    bound : float
        Valid lower bound on the criterion over all plans within the limit.
    """

    plan: Plan
    seconds: float
    value: float
    limit: float
    bound: float


class FrontierSearch:
    """Points so far by ascending latency, none of which is as good as another one in both respects.

    Parameters
    ----------
    instance : Instance
        With a filter graph and constant latencies; any failure domains, rules and limits.
    objective : {'guaranteed', 'nominal', 'worst'}
        Latency.
    parts : PartSearch
        Criterion for partitions.
    plan : Plan
        A valid plan of the least latency known, with explicit filters.
    least : float
        Seconds that no plan betters.
    control : Control
        Limit and seed.
    """

    def __init__(
        self, instance: Instance, objective: Objective, parts: PartSearch, plan: Plan, least: float, control: Control
    ) -> None:
        self.instance, self.objective, self.control, self.parts = instance, objective, control, parts
        limits = latency_range(instance.arrays)
        assert limits is not None
        self.below, self.largest = math.nextafter(least, -math.inf), limits[1]
        seconds = value_of(instance, plan, objective)
        problem = self._problem(seconds)
        self.sets = all_sets(instance, control)
        vectors = sizes_at(problem, members_of(instance, plan), plan.sizes, control, self.sets)
        self.points = [Point(plan, seconds, self._value(plan), seconds, least_bound(vectors, parts))]

    def run(self, points: int, tell: Callable[[], None]) -> Literal["complete", "points", "limit"]:
        """Search limits until all are answered, or there are so many points, or a limit is reached."""
        first = self.points[0].seconds
        tell()
        if not self._answer(self.largest) or (self.points[0].limit <= first and not self._answer(first)):
            return "limit"
        limit = self.points[-1].seconds
        # No search gets further than a float holds.
        step = (limit - first) / (min(points, sys.maxsize) - 1)
        while limit > first and len(self.points) < points:
            # The next of the limits that spread evenly between the ends.
            even = first + step * (math.ceil((limit - first) / step - SAFETY) - 1)
            limit = min(even, math.nextafter(limit, -math.inf))
            if limit <= first:
                break
            tell()
            if not self._answer(limit):
                return "limit"
            # The point is the answer to all limits down to its own latency.
            limit = self._answer_to(limit).seconds
        while gaps := self._gaps():
            if len(self.points) >= points:
                return self._settled(tell)
            tell()
            _, first, last = max(gaps)
            if not self._answer(0.5 * (first + last) if last - first > HALVED * step else last):
                return "limit"
        return "complete"

    def _settled(self, tell: Callable[[], None]) -> Literal["complete", "points", "limit"]:
        """Replace points by earlier ones with as good a partition, where it is proven that none is better.

        A point is the earliest plan with its part sizes; as good a partition may have other sizes, and be earlier.
        Where an unproven partition is the best known one, this would be no less open than before.
        """
        rank = self.parts.rank
        for point in [
            following for _, following in self._open_pairs() if rank(following.bound) >= rank(following.value)
        ]:
            answer, seconds = point, math.inf
            while answer.seconds < seconds:
                seconds = answer.seconds
                tell()
                if not self._answer(math.nextafter(seconds, -math.inf), only=point.value):
                    return "limit"
                answer = self._answer_to(point.limit)
        return "points" if self._gaps() else "complete"

    def _open_pairs(self) -> list[tuple[Point, Point]]:
        """Neighbouring points with limits between them that have no answer."""
        pairs = itertools.pairwise(self.points)
        return [(p, following) for p, following in pairs if p.limit < math.nextafter(following.seconds, -math.inf)]

    def _gaps(self) -> list[tuple[float, float, float]]:
        """Ranges of limits without an answer: what is at stake, seconds times criterion, and the two ends."""
        gaps = []
        for point, following in self._open_pairs():
            limit = math.nextafter(following.seconds, -math.inf)
            gaps.append(((limit - point.limit) * (point.value - following.value), point.limit, limit))
        return gaps

    def _answer_to(self, limit: float) -> Point:
        """The point with the best partition within a limit."""
        return [point for point in self.points if point.seconds <= limit][-1]

    def _answer(self, limit: float, *, only: float | None = None) -> bool:
        """Find the best partition within a limit, and the earliest plan with it; whether there was time for it.

        With ``only`` a value, a partition between that and the best known one within the limit is left aside.
        """
        if self.control.exhausted:
            return False
        known = self._answer_to(limit)
        problem = self._problem(limit)
        found = best_within(problem, self.parts, known.plan, self.control, self.sets)
        if self.control.exhausted:
            return False
        rank, value = self.parts.rank, found.cut.value
        if only is not None and rank(only) < rank(value) < rank(known.value):
            return True
        if rank(value) < rank(known.value):
            plan = self._earliest(found, limit)
            if self.control.exhausted:
                return False
            if plan is not None:
                self._insert(Point(plan, value_of(self.instance, plan, self.objective), self._value(plan), 0.0, 0.0))
        best = self._answer_to(limit)
        self.points = [
            replace(point, limit=limit, bound=found.bound)
            if point is best and point.limit < limit
            # What bounds all plans within the limit bounds those within smaller ones.
            else replace(point, bound=max(point.bound, found.bound))
            if point.limit <= limit
            else point
            for point in self.points
        ]
        return True

    def _earliest(self, found: Found, limit: float) -> Plan | None:
        """The plan of least latency with parts of some sizes; None if time is up before there is one."""
        threshold = smallest_threshold(
            self.instance.arrays, lambda t: self._groups_for(found, t) is not None, self.below, limit
        )
        plans = [] if threshold is None else self._plans_for(found, threshold)
        # The last one has the least work, or energy.
        kept = [
            plan
            for plan in plans
            if threshold is not None
            and not check(self.instance, plan)
            and value_of(self.instance, plan, self.objective) <= threshold
        ]
        return kept[-1] if kept else None

    def _plans_for(self, found: Found, threshold: float) -> list[Plan]:
        """Plans with parts of some sizes within a threshold, each of which wants to be checked."""
        problem, vectors = self._vectors(found, threshold)
        if isinstance(vectors, RulePartSizes):
            plan = vectors.plan_for(found.cut.sizes)
            return [] if plan is None else [with_filters(self.instance, plan, found.cut.labels)]
        groups = vectors.groups_for(found.cut.sizes)
        if groups is None:
            return []
        there = found._replace(groups=groups)
        return [plan_of_parts(problem, there), *plans_of_less_work(problem, there, self.control)[0]]

    def _groups_for(self, found: Found, threshold: float) -> list[Members] | None:
        return self._vectors(found, threshold)[1].groups_for(found.cut.sizes)

    def _vectors(self, found: Found, threshold: float) -> tuple[ThresholdProblem, PartSizes]:
        problem = self._problem(threshold)
        return problem, sizes_at(problem, found.groups, found.cut.sizes, self.control, self.sets)

    def _problem(self, threshold: float) -> ThresholdProblem:
        """What groups can do within a threshold, at the least energy where that is limited."""
        prefer: Preference = "energy" if self.instance.limits_energy else "work"
        return ThresholdProblem(self.instance, self.objective, threshold, prefer=prefer)

    def _insert(self, new: Point) -> None:
        """Add a point that is better than all that are as early; those that are as late and no better leave."""
        rank = self.parts.rank
        beaten = [old for old in self.points if old.seconds >= new.seconds and rank(old.value) >= rank(new.value)]
        kept = [old for old in self.points if all(old is not other for other in beaten)]
        # The limits that the others answered are answered by the new one.
        farthest = max(beaten, key=lambda old: old.limit, default=new)
        if farthest.limit > new.limit:
            new = replace(new, limit=farthest.limit, bound=farthest.bound)
        self.points = sorted([*kept, new], key=lambda point: point.seconds)

    def _value(self, plan: Plan) -> float:
        labels = labels_of(self.instance, plan)
        assert labels is not None
        return self.parts.value(labels)
