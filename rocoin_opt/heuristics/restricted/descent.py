"""Method-independent search under failure domains and rules: units move between groups, valued by the one evaluator.

Devices that have to be together move as one unit. First the violation falls to 0, then the objective falls; steps that
change neither are taken, so that the search drifts over plans of equal value.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rocoin_opt.failure import allowed_failure, is_untied, missed_by, value_of
from rocoin_opt.grouping import plan_with_best_sizes
from rocoin_opt.heuristics.restricted.shares import rooms, shared_out
from rocoin_opt.heuristics.restricted.violation import BROKEN, violation_of
from rocoin_opt.instance import LIMIT_TOLERANCE, complement, keeps_limit, stretched
from rocoin_opt.plan import (
    THRESHOLD_OBJECTIVES,
    IndexedGroup,
    energy_joules,
    indexed_groups,
    plan_of,
    structural_violations,
    work_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan, Preference

FORGIVING = 0.02
"""Share of the steps that may lose a little, so that the search leaves where it rests."""
LOSS = 0.05
"""Relative loss that such a step may have."""
ALONE = ("guaranteed", "nominal", "worst", "missing")
"""Objectives that ask each group alone, however many failure domains tie them together."""
DIGITS = 12
"""Significant digits to which values behind a latency are compared."""
NOTHING = (math.inf,)
"""Value of what is no plan."""


@dataclass(frozen=True)
class _State:
    """Groups, what they miss, their value, and the plan where nothing is missed."""

    groups: tuple[IndexedGroup, ...]
    missed: float
    value: tuple[float, ...]
    plan: Plan | None

    @property
    def key(self) -> tuple[float, ...]:
        return self.missed, *self.value


def descend(
    instance: Instance,
    objective: Objective,
    start: Plan | None,
    steps: int,
    control: Control,
    *,
    within: Within | None = None,
) -> Plan | None:
    """Search for a valid plan from one that may break rules, and improve it.

    Parameters
    ----------
    instance : Instance
        Any failure domains and rules; constant latencies or laws.
    objective : str
        What to minimise.
    start : Plan or None
        Where to begin, valid or not; with every device spare where there is none.
    steps : int
        Changes that are tried.
    control : Control
        Limit and seed; improvements are told.
    within : Within, optional
        What plans have to keep besides, and what tells equal ones apart.

    Returns
    -------
    Plan or None
        The best valid plan that was found, which keeps ``min_success`` too; None where there was none.
    """
    if control.exhausted and within is None and instance.requirements.min_success is None:
        # With many devices even to value the start takes a while.
        return None if start is None or structural_violations(instance, start) else start
    search = _Descent(instance, objective, control, within)
    if objective == "quantile":
        return search.run_both_ways(start, steps)
    return search.run(start, steps)[0]


class Within(NamedTuple):
    """A latency that plans have to keep, and what is preferred among those that do."""

    objective: Objective
    """Which latency."""
    seconds: float
    """At most."""
    prefer: Preference
    """Whether failure comes before work, or work or energy before failure."""


class _Descent:
    def __init__(self, instance: Instance, objective: Objective, control: Control, within: Within | None) -> None:
        self.instance, self.objective, self.control, self.within = instance, objective, control, within
        rules, arrays = instance.restrictions, instance.arrays
        useful = [n for n in range(len(instance.devices)) if arrays.largest[n].any()]
        bound = {n for friends in rules.together for n in friends}
        self.units = [tuple(sorted(friends)) for friends in rules.together if friends <= set(useful)]
        self.units += [(n,) for n in useful if n not in bound]
        self.random = random.Random(control.seed)
        self.allowed, self.most_joules = allowed_failure(instance), instance.requirements.max_energy_joules
        # On a channel the parts of all groups decide together when one of them answers.
        is_own = not (instance.has_random_latencies or instance.shared_channels)
        self.is_latency = objective in THRESHOLD_OBJECTIVES and is_own
        self.alone = THRESHOLD_OBJECTIVES if instance.shared_channels else ALONE
        self.time: float | None = None
        """Of a quantile: when answers are wanted, if plans are valued by how often they are missed then."""
        self.enough = -math.inf
        """Value at which a search ends."""

    def run_both_ways(self, start: Plan | None, steps: int) -> Plan | None:
        """Lower a quantile by the failure at times just below it, then by drifting over plans of the same quantile."""
        by_times = steps // 2
        found = self.run_by_times(start, by_times)
        self.time, self.enough = None, -math.inf
        return self.run(found or start, steps - by_times)[0] or found

    def run_by_times(self, start: Plan | None, steps: int) -> Plan | None:
        """Lower a quantile: most changes leave it where it is, but not the failure at a time just below it."""
        level = self.instance.requirements.success_level
        if level is None:
            raise ValueError("a quantile needs a success level")
        self.enough = stretched(complement(level))
        best: Plan | None = None
        value = math.inf
        while steps > 0 and not self.control.exhausted:
            # Times within the tolerance on limits count as equal, so the next one worth having lies further off.
            self.time = value * (1.0 - 4.0 * LIMIT_TOLERANCE)
            found, tried = self.run(best or start, steps)
            steps -= tried
            earlier = math.inf if found is None else value_of(self.instance, found, "quantile")
            if found is None or (best is not None and not earlier < value):
                break
            best, value = found, earlier
            if value < math.inf:
                self.control.tell(value, None)
        return best

    def run(self, start: Plan | None, steps: int) -> tuple[Plan | None, int]:
        """Try changes one after another until the value is small enough; also how many were tried."""
        now = self.state([] if start is None else self.whole_units(indexed_groups(self.instance, start)))
        best = now
        for step in range(steps):
            if self.control.exhausted or not self.units or best.value[0] <= self.enough:
                return best.plan, step
            found = self.changed(now.groups)
            if found is None:
                continue
            then = self.state(found)
            loss = LOSS * (1.0 - step / steps) if self.random.random() < FORGIVING else 0.0
            is_close = then.missed == now.missed and then.value[0] <= now.value[0] * (1.0 + loss) and loss > 0.0
            if then.key <= now.key or is_close:
                now = then
            if now.key < best.key:
                best = now
                if self.time is None and best.value[0] < math.inf:
                    self.control.tell(best.value[0], None)
        return best.plan, steps

    def whole_units(self, groups: Sequence[IndexedGroup]) -> list[IndexedGroup]:
        """Groups that hold every unit as a whole, where most of it is, and no device that is to be spare."""
        place = {n: k for k, group in enumerate(groups) for n in group.members}
        members: list[list[int]] = [[] for _ in groups]
        for unit in self.units:
            at = [place[n] for n in unit if n in place]
            if at:
                members[max(at, key=lambda k: (at.count(k), -k))] += unit
        kept = zip(groups, members, strict=True)
        return [group._replace(members=tuple(sorted(own))) for group, own in kept if own]

    def state(self, groups: Sequence[IndexedGroup]) -> _State:
        """Value groups: students and sizes anew where a latency counts, as they are otherwise."""
        missed = violation_of(self.instance, [group.members for group in groups])
        served = shared_out(self.instance, groups) if groups else None
        if served is None:
            room = sum(int(rooms(self.instance, group.members).max()) for group in groups)
            lacking = max(self.instance.knowledge.num_filters - room, 1) / self.instance.knowledge.num_filters
            return _State(tuple(groups), missed + BROKEN * (1.0 + lacking), NOTHING, None)
        if missed > 0.0:
            return _State(tuple(served), missed, NOTHING, None)
        plan: Plan | None = plan_of(self.instance, served)
        if self.is_latency:
            plan = self.earliest(served) or plan
        if plan is None or structural_violations(self.instance, plan):
            wasted = 0.0 if plan is None or self.most_joules is None else self.wasted(plan, self.most_joules)
            # Below what a broken rule counts, so that rules come first.
            return _State(tuple(served), 1.0 + wasted if wasted else BROKEN, NOTHING, None)
        is_whole = self.allowed < math.inf or self.objective not in self.alone
        if is_whole and not is_untied(self.instance, plan):
            # No figure to compare it by.
            return _State(tuple(served), 0.5, NOTHING, None)
        if self.allowed < math.inf:
            failure = value_of(self.instance, plan, "failure")
            if failure > self.allowed:
                # Below 1, so that whatever breaks a rule counts more.
                return _State(tuple(served), 0.5 * (failure - self.allowed), NOTHING, None)
        in_order = tuple(indexed_groups(self.instance, plan))
        value = self.value(plan)
        if self.within is None:
            return _State(in_order, 0.0, (value,), plan)
        seconds = value_of(self.instance, plan, self.within.objective)
        if seconds > self.within.seconds:
            return _State(in_order, 1.0 - self.within.seconds / seconds, NOTHING, None)
        # To fewer digits than rounding leaves, so that equal plans are told apart by what comes next.
        cost = (energy_joules if self.within.prefer == "energy" else work_of)(self.instance, plan)
        both = (float(f"{value:.{DIGITS}g}"), float(f"{cost:.{DIGITS}g}"))
        return _State(in_order, 0.0, both if self.within.prefer == "reliability" else both[::-1], plan)

    def value(self, plan: Plan) -> float:
        """What is to be made small: the objective, or how likely the answer is missed by the time that is wanted."""
        if self.time is None:
            return value_of(self.instance, plan, self.objective)
        return missed_by(self.instance, plan, self.time)

    def earliest(self, served: Sequence[IndexedGroup]) -> Plan | None:
        """Groups with the students and sizes that answer first; as they are where these take too much energy."""
        plan = plan_with_best_sizes(self.instance, [group.members for group in served], self.objective)
        if plan is None or self.most_joules is None or not self.wasted(plan, self.most_joules):
            return plan
        return plan_of(self.instance, served)

    def wasted(self, plan: Plan, most: float) -> float:
        """How much more energy a plan takes than is allowed, as a share of what it takes; 0 within the limit."""
        spent = energy_joules(self.instance, plan)
        return 0.0 if keeps_limit(spent, most) else 1.0 - most / spent

    def changed(self, groups: Sequence[IndexedGroup]) -> list[IndexedGroup] | None:
        """Groups after one random change; None where the change that was drawn changes nothing."""
        draw = self.random.random()
        if (not self.is_latency or self.most_joules is not None) and groups and draw < 0.35:
            return self.resized(groups) if draw < 0.25 else self.other_student(groups)
        if len(groups) > 1 and draw > 0.95:
            return self.merged(groups)
        place = {n: k for k, group in enumerate(groups) for n in group.members}
        unit = self.random.choice(self.units)
        if draw > 0.6:
            other = self.random.choice(self.units)
            if place.get(unit[0]) == place.get(other[0]):
                return None
            return self.placed(groups, {unit: place.get(other[0]), other: place.get(unit[0])})
        # Behind the groups there are a new one and, last, the spares.
        target = self.random.randrange(len(groups) + 2)
        at = None if target > len(groups) else target
        return None if at == place.get(unit[0]) else self.placed(groups, {unit: at})

    def placed(self, groups: Sequence[IndexedGroup], places: dict[tuple[int, ...], int | None]) -> list[IndexedGroup]:
        """Groups with some units elsewhere: in a group, in a new one behind the last, or spare."""
        moved = {n for unit in places for n in unit}
        members = [[n for n in group.members if n not in moved] for group in groups]
        members.append([])
        for unit, at in places.items():
            if at is not None:
                members[at] += unit
        frame = [*groups, IndexedGroup((), 0, 0)]
        return [group._replace(members=tuple(sorted(own))) for group, own in zip(frame, members, strict=True) if own]

    def resized(self, groups: Sequence[IndexedGroup]) -> list[IndexedGroup] | None:
        """Groups after some filters have changed places."""
        if len(groups) < 2:
            return None
        one, other = self.random.sample(range(len(groups)), 2)
        most = groups[one].size - 1
        if most < 1:
            return None
        moved = 1 if self.random.random() < 0.5 else self.random.randint(1, most)
        found = list(groups)
        found[one] = groups[one]._replace(size=groups[one].size - moved)
        found[other] = groups[other]._replace(size=groups[other].size + moved)
        return found

    def other_student(self, groups: Sequence[IndexedGroup]) -> list[IndexedGroup] | None:
        """Groups one of which runs another student."""
        k = self.random.randrange(len(groups))
        student = self.random.randrange(len(self.instance.students))
        if student == groups[k].student:
            return None
        found = list(groups)
        found[k] = groups[k]._replace(student=student)
        return found

    def merged(self, groups: Sequence[IndexedGroup]) -> list[IndexedGroup]:
        """Groups two of which have become one."""
        one, other = sorted(self.random.sample(range(len(groups)), 2))
        both = tuple(sorted(groups[one].members + groups[other].members))
        found = [group for k, group in enumerate(groups) if k != other]
        found[one] = IndexedGroup(both, groups[one].student, groups[one].size + groups[other].size)
        return found
