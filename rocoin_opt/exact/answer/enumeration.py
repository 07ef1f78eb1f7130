"""The least quantile of a handful of devices where ``min_success`` is asked for, by looking at all plans.

Two times count then: that of the quantile, and the deadline. A set of devices that is best for the one need not be best
for the other, so sets with one cost each do not suffice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.expected.enumeration import (
    Choice,
    compositions,
    groupings,
    is_small,
    is_too_much,
    joules_of,
    most_joules,
    students_of,
)
from rocoin_opt.failure import allowed_failure, check, value_of
from rocoin_opt.grouping import ExpectedModel
from rocoin_opt.instance import SAFETY, complement, stretched
from rocoin_opt.plan import IndexedGroup, Outcome, plan_of, rules_allow

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan


def least_sure_quantile(instance: Instance, control: Control, start: Plan) -> Outcome | None:
    """Find a plan with the least quantile among those that keep ``min_success``, and prove it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, independent devices, any rules and limit on energy, a success level.
    control : Control
        Limit.
    start : Plan
        A plan that keeps ``min_success``.

    Returns
    -------
    Outcome or None
        The plan and its value as the bound; None if the limit came first, or there are too many plans; see
        :func:`rocoin_opt.exact.expected.enumeration.is_small`.
    """
    level, deadline = instance.requirements.success_level, instance.requirements.deadline_seconds
    if level is None:
        raise ValueError("a quantile needs a success level")
    if not is_small(ExpectedModel(instance, math.inf)):
        return None
    table = _Table(instance, math.inf if deadline is None else stretched(deadline))
    if is_too_much(table.model, table.students):
        return None
    # Sums of logarithms are rounded: what misses a limit by that is looked at, and decided by the evaluator.
    most = -math.log1p(-min(stretched(complement(level)), 1.0 - SAFETY)) * (1.0 + SAFETY)
    allowed = min(allowed_failure(instance), 1.0)
    least = math.inf if allowed >= 1.0 else -math.log1p(-allowed) * (1.0 + SAFETY)
    used = instance.restrictions.use
    found: list[tuple[float, tuple[Choice, ...], tuple[int, ...]]] = []
    for groups in groupings(len(instance.devices), table.model.most, table.students):
        if control.exhausted:
            return None
        if len(groups) >= table.model.fewest and used <= {n for group in groups for n in group.members}:
            found += [(seconds, groups, sizes) for seconds, sizes in table.candidates(groups, most, least)]
    best, value = start, value_of(instance, start, "quantile")
    for seconds, groups, sizes in sorted(found):
        if seconds >= value or control.exhausted:
            break
        plan = plan_of(instance, table.blocks(groups, sizes))
        quantile = value_of(instance, plan, "quantile")
        if quantile < value and not check(instance, plan):
            best, value = plan, quantile
    return None if control.exhausted else Outcome(best, value)


class _Table:
    """For each possible group and part size the students that may be best, and the outage at each time of an answer."""

    def __init__(self, instance: Instance, end: float) -> None:
        self.model = model = ExpectedModel(instance, math.inf)
        arrays, sizes = instance.arrays, np.arange(1, model.wanted + 1)
        self.students: dict[Choice, IntArray] = {}
        seconds: dict[Choice, FloatArray] = {}
        for mask in range(1, 1 << len(instance.devices)):
            members = tuple(n for n in range(len(instance.devices)) if mask >> n & 1)
            # The outage limit asks for members alone: student and size may be any.
            if model.is_valid(IndexedGroup(members, 0, 1)) and rules_allow(instance, members):
                self.students.update(students_of(model, members))
        for choice, students in self.students.items():
            seconds[choice] = arrays.latency(np.array(choice.members)[:, None], students, sizes)
        # The last time is the deadline: by it the whole answer has to be there as surely as min_success asks for.
        self.times = np.unique(np.concatenate([np.empty(0), *(table.ravel() for table in seconds.values())]))
        ends = np.append(self.times, end)
        self.outages = {
            choice: np.prod(
                np.where(table[:, :, None] <= ends, arrays.failure[list(choice.members)][:, None, None], 1.0), axis=0
            )
            for choice, table in seconds.items()
        }
        self.joules = {choice: joules_of(model, choice, students) for choice, students in self.students.items()}
        self.most_joules = most_joules(instance)

    def candidates(self, groups: tuple[Choice, ...], most: float, least: float) -> list[tuple[float, tuple[int, ...]]]:
        """Ways to share the filters among groups, each with the time by which it reaches the level.

        Parameters
        ----------
        groups : tuple of Choice
            Device indices, and ranks of their students.
        most, least : float
            Largest ``-ln P`` by the time of the quantile, and by the deadline.
        """
        sizes = compositions(self.model.wanted, len(groups))
        served, joules = np.ones(len(sizes), dtype=bool), np.zeros(len(sizes))
        costs = np.zeros((len(sizes), len(self.times) + 1))
        with np.errstate(divide="ignore"):
            for k, group in enumerate(groups):
                costs -= np.log1p(-self.outages[group][sizes[:, k] - 1])
                served &= self.students[group][sizes[:, k] - 1] >= 0
                joules += self.joules[group][sizes[:, k] - 1]
        served &= joules <= self.most_joules
        reached = costs[:, :-1] <= most
        kept = np.flatnonzero(served & reached.any(axis=1) & (costs[:, -1] <= least))
        times = self.times[reached[kept].argmax(axis=1)]
        return [(seconds, tuple(row)) for seconds, row in zip(times.tolist(), sizes[kept].tolist(), strict=True)]

    def blocks(self, groups: tuple[Choice, ...], sizes: tuple[int, ...]) -> list[IndexedGroup]:
        """The groups of a plan."""
        return [
            IndexedGroup(group.members, int(self.students[group][size - 1]), size)
            for group, size in zip(groups, sizes, strict=True)
        ]
