"""What replanning asks under ``min_success``: surer plans within a limit on loads, and proofs for few devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.restricted.changed_sets import ChangedSets, limit_on
from rocoin_opt.failure import allowed_failure, missed_success, value_of
from rocoin_opt.grouping import Reach
from rocoin_opt.instance import ROUNDING, SharedFailures, stretched
from rocoin_opt.plan import continuation, indexed_groups, plan_of, structural_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

FEW_DEVICES = 14
"""Devices up to which all sets are tried."""


class SureReplanning:
    """Answers of few devices' sets, and a descent for more of them.

    Parameters
    ----------
    instance : Instance
        What is left: constant latencies; any failure domains, rules and limits.
    old : Plan
        The plan so far, without filters.
    objective : {'guaranteed', 'nominal', 'worst', 'failure'}
        What is minimised.
    max_loads : int
        Devices that may be sent a student.
    control : Control
        Limit.
    """

    def __init__(self, instance: Instance, old: Plan, objective: Objective, max_loads: int, control: Control) -> None:
        self.instance, self.old, self.objective, self.max_loads = instance, old, objective, max_loads
        self.control = control
        self.allowed = allowed_failure(instance)
        self.is_few = len(instance.devices) <= FEW_DEVICES
        self._sets: ChangedSets | None = None

    @property
    def is_asked(self) -> bool:
        """Whether ``min_success`` is asked for, as more than what every plan keeps."""
        return self.allowed < 1.0

    @property
    def is_better(self) -> bool:
        """Whether the sets of few devices prove what no sum over groups can state."""
        return self.is_few and len(SharedFailures(self.instance).names) > 0

    @property
    def sets(self) -> ChangedSets:
        """All sets of devices, listed when they are first needed."""
        if self._sets is None:
            self._sets = ChangedSets(self.instance, self.old, self.control)
        return self._sets

    def any_plan(self, max_loads: int) -> tuple[Plan | None, bool]:
        """A plan that answers surely enough with so many loads, and whether it is proven that there is none."""
        return self._found(self._by_deadline(), max_loads)

    def within(self, threshold: float) -> tuple[Plan | None, bool]:
        """The same within a latency."""
        return self._found(Reach.within(self.instance, self.objective, threshold), self.max_loads)

    def least_failure(self, value: float) -> tuple[Plan | None, float | None]:
        """A plan that fails less often than a known one, and a lower bound on the failure of all."""
        if not self.is_few or value <= 0.0:
            return None, None
        limit = value * (1.0 - ROUNDING) if value < 1.0 else math.inf
        plan, bound, finished = self.sets.least_failure(self._by_deadline(), self.max_loads, limit)
        return plan, min(bound, value) * (1.0 - 4.0 * ROUNDING) if finished else None

    def surer(self, plan: Plan, seconds: float = math.inf) -> Plan:
        """Take moves that make the answer surer, within the limit on loads and a latency, until it is sure enough."""
        instance = self.instance
        failure = value_of(instance, plan, "failure")
        while failure > self.allowed and not self.control.exhausted:
            before = failure
            for other in neighbours(instance, plan):
                if self.control.exhausted:
                    break
                found = value_of(instance, other, "failure")
                if found < failure and self._is_kept(other, seconds):
                    plan, failure = other, found
                    break
            if failure >= before:
                break
        return plan

    def _is_kept(self, plan: Plan, seconds: float) -> bool:
        """Whether a plan keeps all else that is asked of it."""
        is_within = len(continuation(self.instance, self.old, plan).loads) <= self.max_loads
        is_early = seconds == math.inf or value_of(self.instance, plan, self.objective) <= seconds
        return is_within and is_early and not structural_violations(self.instance, plan)

    def _found(self, reach: Reach, max_loads: int) -> tuple[Plan | None, bool]:
        if not self.is_few:
            return None, False
        limit = limit_on(self.allowed)
        plan, _, finished = self.sets.least_failure(reach, max_loads, limit, is_any=True)
        if plan is not None and missed_success(self.instance, plan) is not None:
            return None, False
        return plan, plan is None and finished

    def _by_deadline(self) -> Reach:
        deadline = self.instance.requirements.deadline_seconds
        return Reach.by(self.instance, math.inf if deadline is None else float(stretched(deadline)))


def neighbours(instance: Instance, plan: Plan) -> Iterator[Plan]:
    """Plans with one device elsewhere, or two in each other's place, that may be of use."""
    arrays, groups = instance.arrays, indexed_groups(instance, plan)
    place = {n: k for k, group in enumerate(groups) for n in group.members}
    devices = range(len(instance.devices))

    def moved(*moves: tuple[int, int | None]) -> Plan | None:
        """The plan after each of some devices went to a group, or to the spares."""
        gone = {n for n, _ in moves}
        members = [[n for n in group.members if n not in gone] for group in groups]
        for n, k in moves:
            if k is not None:
                if arrays.largest[n, groups[k].student] < groups[k].size:
                    return None
                members[k].append(n)
        if not all(members):
            return None
        return plan_of(
            instance,
            [group._replace(members=tuple(own)) for group, own in zip(groups, members, strict=True)],
        )

    moves = [((n, k),) for n in devices for k in range(len(groups)) if place.get(n) != k]
    swaps = [((n, place.get(m)), (m, place.get(n))) for n in devices for m in devices if n < m]
    for move in (*moves, *swaps):
        found = moved(*move) if len(move) == 1 or move[0][1] != move[1][1] else None
        if found is not None:
            yield found
